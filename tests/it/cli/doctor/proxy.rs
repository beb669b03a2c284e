//! A proxy with TLS before a server, with good habits or bad ones.

use super::Place;
use rcgen::{CertificateParams, KeyPair};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use time::{Duration, OffsetDateTime};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// Something that speaks TLS for a server, on a port of its own.
pub struct Proxy {
    /// Drops its tasks with it.
    _runtime: Runtime,
    pub address: SocketAddr,
    /// The certificate, which a machine may be told to trust.
    pub certificate: PathBuf,
    held: Arc<Mutex<Held>>,
}

impl Proxy {
    /// What the server answered while something was held back from it.
    pub fn answer(&self) -> Option<String> {
        self.held.lock().unwrap().answer.clone()
    }
}

/// What a proxy holds back.
#[derive(Default)]
struct Held {
    /// The request by which a client of Socket.IO asks to be let in.
    post: Option<String>,
    /// What the server answered to the request after it.
    answer: Option<String>,
}

/// What a proxy does to the heads of requests.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Habit {
    Nothing,
    /// It says for whom it speaks.
    Forwards,
    /// It says so of somebody on its own machine.
    ForwardsItself,
    /// It knows no `Upgrade`.
    ForgetsUpgrades,
    /// It takes the first request of a poll that says something, and passes it on after the next one.
    IsLate,
}

/// Whom it speaks for.
const CLIENT: &str = "203.0.113.7";

/// A proxy for `localhost` with a certificate that ends so many days from now.
pub fn proxy(place: &Place, server: SocketAddr, days: i64, habit: Habit) -> Proxy {
    showing(place, server, params(days), habit)
}

/// What certificates for `localhost` say that end so many days from now.
pub fn params(days: i64) -> CertificateParams {
    let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    params.not_before = OffsetDateTime::now_utc() - Duration::days(30);
    // An hour more, since some of the last day is over when it is looked at.
    params.not_after = OffsetDateTime::now_utc() + Duration::days(days) + Duration::hours(1);
    params
}

/// A proxy with a certificate that says this, signed by itself.
pub fn showing(
    place: &Place,
    server: SocketAddr,
    params: CertificateParams,
    habit: Habit,
) -> Proxy {
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let path = place
        .root
        .path()
        .join(format!("{}.pem", uuid::Uuid::new_v4()));
    std::fs::write(&path, certificate.pem()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::Pkcs8(key.serialize_der().into()),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let runtime = Runtime::new().unwrap();
    let listener = runtime
        .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
        .unwrap();
    let address = listener.local_addr().unwrap();
    let held = Arc::new(Mutex::new(Held::default()));
    let kept = held.clone();
    runtime.spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (acceptor, kept) = (acceptor.clone(), kept.clone());
            tokio::spawn(async move {
                let Ok(mut client) = acceptor.accept(stream).await else {
                    return;
                };
                let request = request(&mut client).await;
                if habit == Habit::IsLate && is_late(&mut client, server, &request, &kept).await {
                    return;
                }
                let mut to = TcpStream::connect(server).await.unwrap();
                pass_on(&request, &mut to, habit).await;
                let _ = copy_bidirectional(&mut client, &mut to).await;
            });
        }
    });
    Proxy {
        _runtime: runtime,
        address,
        certificate: path,
        held,
    }
}

/// The first request of a connection; a client that only looks at the certificate asks for nothing.
async fn request(from: &mut (impl AsyncRead + Unpin)) -> String {
    let (mut text, mut buffer) = (String::new(), [0; 4096]);
    loop {
        let read = from.read(&mut buffer).await.unwrap_or(0);
        text.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
        let whole = text.split_once("\r\n\r\n").is_some_and(|(head, body)| {
            let head = head.to_ascii_lowercase();
            let length = head.split("content-length: ").nth(1);
            let length = length.and_then(|rest| rest.lines().next()?.parse().ok());
            body.len() >= length.unwrap_or(0)
        });
        if whole || read == 0 {
            return text;
        }
    }
}

/// Holds a request back, or answers the one after it and passes the other on then. Says whether it did.
async fn is_late(
    client: &mut (impl AsyncWrite + Unpin),
    server: SocketAddr,
    request: &str,
    held: &Mutex<Held>,
) -> bool {
    let late = held.lock().unwrap().post.take();
    let answer = if let Some(late) = late {
        let answer = ask(server, request).await;
        ask(server, &late).await;
        held.lock().unwrap().answer = Some(answer.clone());
        answer
    } else if request.starts_with("POST ") && request.ends_with("\r\n\r\n40") {
        held.lock().unwrap().post = Some(request.to_owned());
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_owned()
    } else {
        return false;
    };
    client.write_all(answer.as_bytes()).await.unwrap();
    let _ = client.shutdown().await;
    true
}

/// What a server answers to a request on a connection of its own.
async fn ask(server: SocketAddr, request: &str) -> String {
    let mut to = TcpStream::connect(server).await.unwrap();
    let last = request.replacen("\r\n", "\r\nConnection: close\r\n", 1);
    to.write_all(last.as_bytes()).await.unwrap();
    let mut answer = String::new();
    to.read_to_string(&mut answer).await.unwrap();
    answer
}

/// Passes the first request of a connection on.
async fn pass_on(head: &str, to: &mut TcpStream, habit: Habit) {
    let mut lines: Vec<_> = head.split("\r\n").collect();
    let client = match habit {
        Habit::Forwards => Some(CLIENT),
        Habit::ForwardsItself => Some("127.0.0.1"),
        _ => None,
    };
    let forwarded = client.map(|client| format!("X-Forwarded-For: {client}"));
    if let Some(line) = forwarded.as_deref().filter(|_| lines.len() > 1) {
        lines.insert(1, line);
    }
    match habit {
        Habit::Forwards | Habit::ForwardsItself | Habit::Nothing | Habit::IsLate => {}
        Habit::ForgetsUpgrades => lines.retain(|line| {
            let line = line.to_ascii_lowercase();
            !line.starts_with("upgrade:") && !line.starts_with("connection:")
        }),
    }
    to.write_all(lines.join("\r\n").as_bytes()).await.unwrap();
}
