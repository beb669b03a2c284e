//! What a connection is told that is not let in.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use uuid::Uuid;

use super::headers;
use super::limits::GuardLimits;
use super::tls::{Accepted, Stream, Tls};
use crate::chat::{Code, Error};

/// How many refused connections are answered at a time; others are only closed.
const MAX_REFUSALS_AT_ONCE: usize = 256;

/// How long telling a client that it is refused may take.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(2);

/// When a refused client should come back.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Why a connection was not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// There are as many connections as there may be: 503.
    Full,
    /// There are as many connections from this address as there may be: 429.
    TooManyFromAddress,
    /// It speaks plain HTTP where TLS is spoken: 400.
    NotTls,
}

/// Tells refused clients why, some at a time and without anybody waiting for it.
#[derive(Debug)]
pub(crate) struct Refusals {
    permits: Arc<Semaphore>,
    tls: Option<Tls>,
    guard: GuardLimits,
}

impl Refusals {
    pub(crate) fn new(tls: Option<Tls>, guard: GuardLimits) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(MAX_REFUSALS_AT_ONCE)),
            tls,
            guard,
        }
    }

    /// Answers in a task of its own, and closes. Under a flood of refusals it only closes.
    pub(crate) fn answer(&self, stream: TcpStream, peer: SocketAddr, refusal: Refusal) {
        let id = Uuid::new_v4();
        tracing::debug!(request = %id, %peer, ?refusal, "refused a connection");
        let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() else {
            return;
        };
        let tls = self.tls.clone().filter(|_| refusal != Refusal::NotTls);
        let guard = self.guard;
        let told = async move {
            let stream = match tls {
                None => Stream::Plain(stream),
                Some(tls) => match tls.accept(stream, guard).await? {
                    Accepted::Client(stream) => stream,
                    Accepted::Plain(_) | Accepted::Authority => return Ok(()),
                },
            };
            tell(stream, id, refusal).await
        };
        tokio::spawn(async move {
            let _ = timeout(REFUSAL_TIMEOUT, told).await;
            drop(permit);
        });
    }
}

/// Answers the request that the client is sending, whatever it is, and reads on until the client
/// closes: closing with unread bytes would reset the connection, and the answer might be lost.
async fn tell(mut stream: Stream, id: Uuid, refusal: Refusal) -> io::Result<()> {
    let mut unread = [0; 512];
    if stream.read(&mut unread).await? == 0 {
        return Ok(());
    }
    stream.write_all(response(id, refusal).as_bytes()).await?;
    stream.shutdown().await?;
    while stream.read(&mut unread).await? > 0 {}
    Ok(())
}

/// The answer, in the form that every error has, though no request was read.
fn response(id: Uuid, refusal: Refusal) -> String {
    let (status, error) = match refusal {
        Refusal::Full => (
            "503 Service Unavailable",
            Error::overloaded_for(RETRY_AFTER, "The server is full. Try again soon."),
        ),
        Refusal::TooManyFromAddress => (
            "429 Too Many Requests",
            Error {
                message: "There are too many connections from your address.".into(),
                ..Error::rate_limited(RETRY_AFTER)
            },
        ),
        Refusal::NotTls => (
            "400 Bad Request",
            Error::new(
                Code::InvalidInput,
                "This server speaks HTTPS here; begin the address with https://.",
            ),
        ),
    };
    let again = error.retry_after();
    let again = again.map_or_else(String::new, |seconds| format!("Retry-After: {seconds}\r\n"));
    let body = json!({ "error": error }).to_string();
    let length = body.len();
    let always = headers::lines();
    format!(
        "HTTP/1.1 {status}\r\n{again}x-request-id: {id}\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\
         Connection: close\r\n{always}\r\n{body}"
    )
}
