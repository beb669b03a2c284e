//! What a connection is told that is not let in.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// How many refused connections are answered at a time; others are only closed.
const MAX_REFUSALS_AT_ONCE: usize = 256;

/// How long telling a client that it is refused may take.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(2);

/// When a refused client should come back, in seconds.
const RETRY_AFTER_SECONDS: u32 = 5;

/// Why a connection was not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// There are as many connections as there may be: 503.
    Full,
    /// There are as many connections from this address as there may be: 429.
    TooManyFromAddress,
}

/// Tells refused clients why, some at a time and without anybody waiting for it.
#[derive(Debug)]
pub(crate) struct Refusals {
    permits: Arc<Semaphore>,
}

impl Refusals {
    pub(crate) fn new() -> Self {
        Self {
            permits: Arc::new(Semaphore::new(MAX_REFUSALS_AT_ONCE)),
        }
    }

    /// Answers in a task of its own, and closes. Under a flood of refusals it only closes.
    pub(crate) fn answer(&self, stream: TcpStream, refusal: Refusal) {
        let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() else {
            return;
        };
        tokio::spawn(async move {
            let _ = timeout(REFUSAL_TIMEOUT, tell(stream, refusal)).await;
            drop(permit);
        });
    }
}

/// Answers the request that the client is sending, whatever it is, and reads on until the client
/// closes: closing with unread bytes would reset the connection, and the answer might be lost.
async fn tell(mut stream: TcpStream, refusal: Refusal) -> io::Result<()> {
    let mut unread = [0; 512];
    if stream.read(&mut unread).await? == 0 {
        return Ok(());
    }
    stream.write_all(response(refusal).as_bytes()).await?;
    stream.shutdown().await?;
    while stream.read(&mut unread).await? > 0 {}
    Ok(())
}

fn response(refusal: Refusal) -> String {
    let (status, code, message) = match refusal {
        Refusal::Full => (
            "503 Service Unavailable",
            "overloaded",
            "The server is full. Try again soon.",
        ),
        Refusal::TooManyFromAddress => (
            "429 Too Many Requests",
            "rate_limited",
            "There are too many connections from your address.",
        ),
    };
    let body = format!(r#"{{"error":{{"code":"{code}","message":"{message}"}}}}"#);
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nRetry-After: {RETRY_AFTER_SECONDS}\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{body}"
    )
}
