//! The listener, the guard and the counts, over real TCP on loopback.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use chatd::config::Config;
use chatd::realtime::transport::Transport;
use chatd::server::limits::GuardLimits;
use chatd::server::listener::{ConnectionLimits, Connections, PeerAddress, serve};
use futures_util::{StreamExt, stream};
use http::{Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

/// How long anything may take that is expected to happen.
const DEADLINE: Duration = Duration::from_secs(10);

/// A timeout that a test waits out.
const SHORT: Duration = Duration::from_millis(300);

/// What the system of a client takes for it that does not read, in bytes.
const SMALL_BUFFER_BYTES: u32 = 4096;

/// What an endless response repeats, in bytes.
static CHUNK: [u8; 64 * 1024] = [b'x'; 64 * 1024];

async fn in_time<F: Future>(future: F) -> F::Output {
    timeout(DEADLINE, future)
        .await
        .expect("it should happen in time")
}

/// What the test's service tells of itself.
enum Told {
    /// A request came, over this connection, from this peer.
    Request(Arc<Transport>, SocketAddr),
    /// What a request had begun is over, and its connection dropped.
    Over,
}

/// Tells that something is over by being dropped.
struct TellsOver(mpsc::UnboundedSender<Told>);

impl Drop for TellsOver {
    fn drop(&mut self) {
        let _ = self.0.send(Told::Over);
    }
}

struct Server {
    address: SocketAddr,
    connections: Connections,
    stop: watch::Sender<bool>,
    told: mpsc::UnboundedReceiver<Told>,
}

impl Server {
    async fn start(limits: ConnectionLimits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = watch::channel(false);
        let (tell, told) = mpsc::unbounded_channel();
        let service = tower::service_fn(move |request| handle(request, tell.clone()));
        let (connections, accepting) = serve(listener, limits, service, stopped);
        tokio::spawn(accepting);
        Self {
            address,
            connections,
            stop,
            told,
        }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Connects, and gets the answer to `GET path`.
    async fn get(&self, path: &str) -> (TcpStream, String) {
        let mut client = self.connect().await;
        let answer = ask(&mut client, path).await;
        (client, answer)
    }

    async fn next_request(&mut self) -> (Arc<Transport>, SocketAddr) {
        match in_time(self.told.recv()).await {
            Some(Told::Request(transport, peer)) => (transport, peer),
            _ => panic!("a request was expected"),
        }
    }

    async fn next_over(&mut self) {
        assert!(matches!(in_time(self.told.recv()).await, Some(Told::Over)));
    }
}

type Answer = Response<BoxBody<Bytes, Infallible>>;

async fn handle(
    mut request: Request<Incoming>,
    tell: mpsc::UnboundedSender<Told>,
) -> Result<Answer, Infallible> {
    let transport = request.extensions().get::<Arc<Transport>>().unwrap();
    let peer = request.extensions().get::<PeerAddress>().unwrap().0;
    let _ = tell.send(Told::Request(Arc::clone(transport), peer));
    let over = || TellsOver(tell);
    let body = match request.uri().path() {
        "/endless" => {
            let over = over();
            let chunks = stream::repeat(Bytes::from_static(&CHUNK));
            let frames = chunks.map(move |chunk| {
                let _keep = &over;
                Ok(Frame::data(chunk))
            });
            BodyExt::boxed(StreamBody::new(frames))
        }
        "/wait" => {
            let _keep = over();
            std::future::pending().await
        }
        "/body" => {
            let _ = request.body_mut().collect().await;
            Full::from("read").boxed()
        }
        "/last" => {
            let over = over();
            tokio::spawn(async move {
                let mut upgraded = TokioIo::new(hyper::upgrade::on(&mut request).await.unwrap());
                upgraded.write_all(&CHUNK).await.unwrap();
                upgraded.flush().await.unwrap();
                drop(upgraded);
                drop(over);
            });
            let mut answer = Response::new(Full::default().boxed());
            *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
            return Ok(answer);
        }
        "/echo" => {
            let over = over();
            tokio::spawn(async move {
                let upgraded = hyper::upgrade::on(&mut request).await.unwrap();
                let (mut read, mut write) = tokio::io::split(TokioIo::new(upgraded));
                let _ = tokio::io::copy(&mut read, &mut write).await;
                drop((read, write));
                drop(over);
            });
            let mut answer = Response::new(Full::default().boxed());
            *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
            return Ok(answer);
        }
        _ => Full::from("hello").boxed(),
    };
    Ok(Response::new(body))
}

async fn ask(client: &mut TcpStream, path: &str) -> String {
    let upgrade = if path == "/echo" {
        "Connection: upgrade\r\nUpgrade: echo\r\n"
    } else {
        ""
    };
    let request = format!("GET {path} HTTP/1.1\r\nHost: chat\r\n{upgrade}\r\n");
    client.write_all(request.as_bytes()).await.unwrap();
    read_answer(client).await
}

/// Reads a head and as much of a body as it announces.
async fn read_answer(client: &mut TcpStream) -> String {
    let mut answer = String::new();
    let mut length = None;
    while length.is_none_or(|length| answer.len() < length) {
        let mut bytes = [0; 1024];
        let read = in_time(client.read(&mut bytes)).await.unwrap();
        assert!(read > 0, "the connection ended after {answer:?}");
        answer.push_str(std::str::from_utf8(&bytes[..read]).unwrap());
        length = answer.find("\r\n\r\n").map(|head| {
            let lower = answer.to_lowercase();
            let body = lower.split("content-length: ").nth(1);
            let body = body.and_then(|rest| rest.split("\r\n").next()?.parse().ok());
            head + 4 + body.unwrap_or(0)
        });
    }
    answer
}

/// The error in an answer's body.
fn error_of(answer: &str) -> Value {
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let mut body: Value = serde_json::from_str(body).unwrap();
    body["error"].take()
}

/// Reads until the connection is closed or reset.
async fn read_to_end(client: &mut (impl AsyncRead + Unpin)) {
    let mut bytes = vec![0; 64 * 1024];
    in_time(async { while client.read(&mut bytes).await.is_ok_and(|read| read > 0) {} }).await;
}

/// What a server allows when nothing else is said.
fn limits() -> ConnectionLimits {
    (&Config::default().server).into()
}

fn short_limits() -> ConnectionLimits {
    let guard = GuardLimits {
        stall_timeout: SHORT,
        ..GuardLimits::default()
    };
    ConnectionLimits {
        header_timeout: SHORT,
        body_timeout: SHORT,
        guard,
        ..limits()
    }
}

#[tokio::test]
async fn a_silent_client_is_closed() {
    let server = Server::start(short_limits()).await;
    let mut client = server.connect().await;
    read_to_end(&mut client).await;
}

/// Sends the start of a request, then a byte now and then, until the server closes.
async fn drip(client: TcpStream, start: &str) {
    let (mut read, mut write) = client.into_split();
    write.write_all(start.as_bytes()).await.unwrap();
    let dripping = tokio::spawn(async move {
        let mut pace = tokio::time::interval(Duration::from_millis(20));
        loop {
            pace.tick().await;
            if write.write_all(b"x").await.is_err() {
                return;
            }
        }
    });
    read_to_end(&mut read).await;
    dripping.abort();
}

#[tokio::test]
async fn a_dripping_head_is_closed() {
    let server = Server::start(short_limits()).await;
    drip(server.connect().await, "GET / HTTP/1.1\r\nX-Drip: ").await;
}

#[tokio::test]
async fn a_dripping_second_head_is_closed_long_before_the_idle_timeout() {
    let server = Server::start(short_limits()).await;
    let (client, _) = server.get("/").await;
    drip(client, "GET / HTTP/1.1\r\nX-Drip: ").await;
}

#[tokio::test]
async fn a_dripping_body_is_cut() {
    let server = Server::start(short_limits()).await;
    let head = "POST /body HTTP/1.1\r\nHost: chat\r\nContent-Length: 1000000\r\n\r\n";
    drip(server.connect().await, head).await;
}

#[tokio::test]
async fn an_idle_connection_is_kept_for_longer_than_a_head_may_take() {
    let idle_timeout = 4 * SHORT;
    let limits = ConnectionLimits {
        idle_timeout,
        ..short_limits()
    };
    let server = Server::start(limits).await;
    let began = Instant::now();
    let (mut client, _) = server.get("/").await;
    read_to_end(&mut client).await;
    assert!(began.elapsed() >= idle_timeout);
}

#[tokio::test]
async fn too_large_a_head_is_refused() {
    let server = Server::start(limits()).await;
    let mut client = server.connect().await;
    // More than the server reads before it answers.
    let mut head = b"GET / HTTP/1.1\r\nX-Large: ".to_vec();
    head.resize(256 * 1024, b'x');
    client.write_all(&head).await.unwrap();
    assert!(read_answer(&mut client).await.starts_with("HTTP/1.1 431 "));
}

/// A client whose system takes little, and that has sent something which the server never reads; and
/// the connection, at whose end the server has told more than the client's system takes.
async fn told_at_the_end(server: &mut Server) -> (TcpStream, Arc<Transport>) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(SMALL_BUFFER_BYTES).unwrap();
    let mut client = socket.connect(server.address).await.unwrap();
    let request =
        b"GET /last HTTP/1.1\r\nHost: chat\r\nConnection: upgrade\r\nUpgrade: last\r\n\r\nunread";
    client.write_all(request).await.unwrap();
    let (transport, _) = server.next_request().await;
    server.next_over().await;
    (client, transport)
}

#[tokio::test]
async fn what_the_server_says_last_arrives_though_the_client_was_still_sending() {
    let mut server = Server::start(limits()).await;
    let (mut client, _) = told_at_the_end(&mut server).await;
    let _ = client.write_all(b"unread, too").await;
    let mut told = Vec::new();
    in_time(client.read_to_end(&mut told)).await.unwrap();
    assert!(told.ends_with(&CHUNK));
    assert_eq!(server.connections.open(), 1);
    drop(client);
    server.stop.send(true).unwrap();
    in_time(server.connections.wait_idle()).await;
}

#[tokio::test]
async fn a_client_that_is_let_go_and_stays_is_closed_all_the_same() {
    let mut server = Server::start(limits()).await;
    let (_stays, transport) = told_at_the_end(&mut server).await;
    let (_stays_too, _) = told_at_the_end(&mut server).await;
    assert_eq!(server.connections.open(), 2);
    transport.cut();
    server.stop.send(true).unwrap();
    in_time(server.connections.wait_idle()).await;
}

#[tokio::test]
async fn a_peer_that_never_reads_is_cut_while_a_response_streams() {
    let mut server = Server::start(short_limits()).await;
    let mut client = server.connect().await;
    let request = b"GET /endless HTTP/1.1\r\nHost: chat\r\n\r\n";
    client.write_all(request).await.unwrap();
    let (transport, _) = server.next_request().await;
    server.next_over().await;
    assert!(transport.is_cut());
    read_to_end(&mut client).await;
}

#[tokio::test]
async fn a_cut_ends_an_upgraded_connection_at_once() {
    let mut server = Server::start(limits()).await;
    let (mut client, answer) = server.get("/echo").await;
    assert!(answer.starts_with("HTTP/1.1 101 "));
    let (transport, peer) = server.next_request().await;
    assert_eq!(peer, client.local_addr().unwrap());
    client.write_all(b"x").await.unwrap();
    in_time(client.read_exact(&mut [0; 1])).await.unwrap();
    assert_eq!(server.connections.open(), 1);

    transport.cut();
    server.next_over().await;
    assert_eq!(server.connections.open(), 0);
    read_to_end(&mut client).await;
}

#[tokio::test]
async fn a_cut_ends_a_request_that_waits_for_its_answer() {
    let mut server = Server::start(limits()).await;
    let mut client = server.connect().await;
    // With a second request behind it hyper does not even watch the socket.
    let requests = "GET /wait HTTP/1.1\r\nHost: chat\r\n\r\n".repeat(2);
    client.write_all(requests.as_bytes()).await.unwrap();
    let (transport, _) = server.next_request().await;
    transport.cut();
    server.next_over().await;
    read_to_end(&mut client).await;
}

#[tokio::test]
async fn a_full_server_answers_503_and_the_others_work_on() {
    let limits = ConnectionLimits {
        max_connections: 2,
        ..limits()
    };
    let mut server = Server::start(limits).await;
    let (mut plain, _) = server.get("/").await;
    let (upgraded, _) = server.get("/echo").await;
    let (mut refused, answer) = server.get("/").await;
    assert!(answer.starts_with("HTTP/1.1 503 Service Unavailable\r\n"));
    assert!(answer.contains("\r\nRetry-After: 5\r\n"));
    assert!(answer.contains("\r\nx-request-id: "));
    assert_eq!(error_of(&answer)["code"], "overloaded");
    read_to_end(&mut refused).await;
    assert!(ask(&mut plain, "/").await.ends_with("hello"));

    drop(upgraded);
    for _ in 0..3 {
        server.next_request().await;
    }
    server.next_over().await;
    let (_, answer) = server.get("/").await;
    assert!(answer.ends_with("hello"));
}

#[tokio::test]
async fn too_many_connections_from_one_address_are_answered_429() {
    let limits = ConnectionLimits {
        max_connections_per_address: 1,
        exempt_addresses: Vec::new(),
        ..limits()
    };
    let server = Server::start(limits).await;
    let (mut first, _) = server.get("/").await;
    let (_, answer) = server.get("/").await;
    assert!(answer.starts_with("HTTP/1.1 429 Too Many Requests\r\n"));
    assert!(answer.contains("\r\nRetry-After: 5\r\n"));
    assert!(answer.contains("\r\nx-request-id: "));
    let error = error_of(&answer);
    assert_eq!(error["code"], "rate_limited");
    assert_eq!(error["details"], json!({ "retryAfterMs": 5000 }));
    assert!(ask(&mut first, "/").await.ends_with("hello"));
}

#[tokio::test]
async fn exempt_addresses_and_trusted_proxies_are_not_counted_by_address() {
    let loopback = || vec!["127.0.0.0/8".parse().unwrap()];
    for (exempt_addresses, trusted_proxies) in [(loopback(), vec![]), (vec![], loopback())] {
        let limits = ConnectionLimits {
            max_connections_per_address: 1,
            exempt_addresses,
            trusted_proxies,
            ..limits()
        };
        let server = Server::start(limits).await;
        let (_first, _) = server.get("/").await;
        let (_second, answer) = server.get("/").await;
        assert!(answer.ends_with("hello"));
    }
}

#[tokio::test]
async fn stopping_ends_plain_connections_and_leaves_upgraded_ones_to_be_cut() {
    let server = Server::start(limits()).await;
    let mut silent = server.connect().await;
    let (mut idle, _) = server.get("/").await;
    let (mut upgraded, _) = server.get("/echo").await;
    server.stop.send(true).unwrap();
    read_to_end(&mut silent).await;
    read_to_end(&mut idle).await;
    upgraded.write_all(b"x").await.unwrap();
    in_time(upgraded.read_exact(&mut [0; 1])).await.unwrap();

    server.connections.cut_all();
    in_time(server.connections.wait_idle()).await;
    assert_eq!(server.connections.open(), 0);
    read_to_end(&mut upgraded).await;
    assert!(TcpStream::connect(server.address).await.is_err());
}

#[tokio::test]
async fn stopping_waits_for_the_request_in_progress() {
    let mut server = Server::start(limits()).await;
    let mut client = server.connect().await;
    let head = b"POST /body HTTP/1.1\r\nHost: chat\r\nContent-Length: 1\r\n\r\n";
    client.write_all(head).await.unwrap();
    server.next_request().await;
    server.stop.send(true).unwrap();
    client.write_all(b"x").await.unwrap();
    let answer = read_answer(&mut client).await;
    assert!(answer.contains("connection: close\r\n") && answer.ends_with("read"));
    in_time(server.connections.wait_idle()).await;
}
