//! The listener: accepts connections, counts and guards them, and serves HTTP/1.1 on them.
//!
//! `axum::serve` has no timeout for a request's head, so this is hyper's HTTP/1 server with an
//! accept loop of our own. Every request carries two extensions: its connection's `Arc<Transport>`,
//! and the [`PeerAddress`].

use std::error::Error;
use std::future::{pending, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt, sink};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tower::{Service, ServiceExt};

pub use super::connections::Connections;
use super::connections::Slot;
use super::guard::Guard;
use super::head_timer::HeadTimer;
pub use super::limits::ConnectionLimits;
use super::limits::MAX_HEAD_BYTES;
use super::refusal::Refusals;
use crate::realtime::transport::Transport;

/// What the kernel may queue for one peer, in bytes. (Linux doubles it for its own accounting.)
const SEND_BUFFER_BYTES: usize = 256 * 1024;

/// How long sent bytes may go without the peer's acknowledgement, or without room at the peer's,
/// before the kernel ends the connection.
#[cfg(target_os = "linux")]
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a client that may still be sending is read from when the server ends its connection. What it
/// has not taken by then is thrown away.
const PARTING_TIME: Duration = Duration::from_secs(5);

/// How much of that is read, in bytes.
const PARTING_BYTES: u64 = 1024 * 1024;

/// The pause after an accept failed for want of something, file descriptors above all.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How often such failures are logged.
const ACCEPT_WARNING_INTERVAL: Duration = Duration::from_secs(10);

/// The address of the peer of a request's TCP connection: the client's or a proxy's. IPv4 addresses
/// are never mapped into IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerAddress(pub SocketAddr);

/// Serves HTTP on `listener` until `stop` is true or its sender is gone: then nothing more is
/// accepted, and each plain HTTP connection ends after the request it is in. Upgraded connections
/// go on until their owner ends them.
///
/// It returns at once, with the connections and with what accepts them while it is polled. After a
/// stop, wait for the connections, with a deadline, and cut what is left.
pub fn serve<S, B>(
    listener: TcpListener,
    limits: ConnectionLimits,
    service: S,
    stop: watch::Receiver<bool>,
) -> (Connections, impl Future<Output = ()> + Send)
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Error: Into<Box<dyn Error + Send + Sync>> + Send,
    S::Future: Send,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let uncounted = [
        limits.exempt_addresses.as_slice(),
        limits.trusted_proxies.as_slice(),
    ]
    .concat();
    let connections = Connections::new(
        limits.max_connections,
        limits.max_connections_per_address,
        uncounted,
    );
    let mut http = http1::Builder::new();
    http.max_buf_size(MAX_HEAD_BYTES)
        .max_header_size(MAX_HEAD_BYTES);
    let server = Server {
        connections: connections.clone(),
        refusals: Refusals::new(),
        limits,
        service,
        stop,
        http,
    };
    (connections, server.accept_all(listener))
}

struct Server<S> {
    connections: Connections,
    refusals: Refusals,
    limits: ConnectionLimits,
    service: S,
    stop: watch::Receiver<bool>,
    http: http1::Builder,
}

impl<S, B> Server<S>
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Error: Into<Box<dyn Error + Send + Sync>> + Send,
    S::Future: Send,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    async fn accept_all(mut self, listener: TcpListener) {
        let mut warned: Option<Instant> = None;
        loop {
            let accepted = tokio::select! {
                biased;
                () = stopped(&mut self.stop) => break,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => self.admit(stream, peer),
                Err(error) if is_of_one_connection(&error) => {
                    tracing::debug!(%error, "a connection was gone at once");
                }
                Err(error) => {
                    if warned.is_none_or(|at| at.elapsed() >= ACCEPT_WARNING_INTERVAL) {
                        tracing::warn!(%error, "cannot accept connections");
                        warned = Some(Instant::now());
                    }
                    tokio::select! {
                        () = stopped(&mut self.stop) => break,
                        () = sleep(ACCEPT_PAUSE) => {}
                    }
                }
            }
        }
        drop(listener);
        self.connections.stop_listening();
    }

    /// Gives the connection a task of its own: to be served, or to be told that it is not.
    fn admit(&self, stream: TcpStream, peer: SocketAddr) {
        let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
        let transport = Arc::new(Transport::new());
        match self.connections.admit(peer.ip(), &transport) {
            Ok(slot) => {
                if let Err(error) = tune(&stream) {
                    tracing::debug!(%peer, %error, "cannot set the options of a connection");
                }
                self.spawn(stream, peer, transport, slot);
            }
            Err(refusal) => self.refusals.answer(stream, peer, refusal),
        }
    }

    fn spawn(&self, stream: TcpStream, peer: SocketAddr, transport: Arc<Transport>, slot: Slot) {
        let guard = Guard::new(stream, Arc::clone(&transport), self.limits.guard)
            .with_slot(slot)
            .on_stall(forget_unsent)
            .on_read(acknowledge_at_once)
            .on_part(part);
        let mut http = self.http.clone();
        http.timer(HeadTimer::new(
            Arc::clone(&transport),
            self.limits.header_timeout,
        ))
        .header_read_timeout(self.limits.idle_timeout.max(self.limits.header_timeout));

        let (service, carrier) = (self.service.clone(), Arc::clone(&transport));
        let body_timeout = self.limits.body_timeout;
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(Arc::clone(&carrier));
            request.extensions_mut().insert(PeerAddress(peer));
            answer(service.clone(), request, Arc::clone(&carrier), body_timeout)
        });

        let mut stop = self.stop.clone();
        let connection = http
            .serve_connection(TokioIo::new(guard), service)
            .with_upgrades();
        tokio::spawn(async move {
            let mut connection = pin!(connection);
            // The guard notices a cut when hyper reads or writes; while hyper does neither, this
            // does.
            let mut cut = pin!(poll_fn(|cx| transport.poll_cut(cx)));
            let mut stopping = false;
            let ended = loop {
                tokio::select! {
                    biased;
                    () = &mut cut => return,
                    ended = &mut connection => break ended,
                    () = stopped(&mut stop), if !stopping => {
                        stopping = true;
                        connection.as_mut().graceful_shutdown();
                    }
                }
            };
            if let Err(error) = ended {
                tracing::debug!(%peer, %error, "a connection ended badly");
            }
        });
    }
}

/// Calls the service. A request that still has to send its body can dawdle over it, so it has a
/// deadline, beyond which its connection is cut; a long poll has no body.
fn answer<S: Service<Request<Incoming>>>(
    service: S,
    request: Request<Incoming>,
    transport: Arc<Transport>,
    body_timeout: Duration,
) -> impl Future<Output = Result<S::Response, S::Error>> {
    let deadline = (!request.body().is_end_stream()).then(|| Box::pin(sleep(body_timeout)));
    let answer = service.oneshot(request);
    async move {
        let Some(deadline) = deadline else {
            return answer.await;
        };
        tokio::select! {
            biased;
            answer = answer => answer,
            () = deadline => {
                transport.cut();
                pending().await
            }
        }
    }
}

/// Ready when the server stops. A sender that is gone cannot say so any more, which counts as the
/// same.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Whether a failed accept says something about one connection only, so that the next may follow at
/// once.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted
    )
}

fn tune(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    socket.set_send_buffer_size(SEND_BUFFER_BYTES)?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(TCP_USER_TIMEOUT))?;
    Ok(())
}

/// Ends a connection whose client may still be sending: says that nothing more comes, and reads on until
/// the client closes, too. Closing at once would reset the connection, and what the client has not read
/// yet might be lost: the last that it is told, its acknowledgements among it.
fn part(stream: &TcpStream, transport: Arc<Transport>, slot: Option<Slot>) {
    if transport.written() == 0 {
        // It was told nothing that could be lost.
        return;
    }
    // Closing the original leaves the connection to its copy.
    let copy = SockRef::from(stream).try_clone();
    let (Ok(copy), Ok(runtime)) = (copy, Handle::try_current()) else {
        return;
    };
    runtime.spawn(async move {
        let mut stream = TcpStream::from_std(copy.into())?;
        stream.shutdown().await?;
        let (mut rest, mut nowhere) = ((&mut stream).take(PARTING_BYTES), sink());
        tokio::select! {
            _ = tokio::io::copy(&mut rest, &mut nowhere) => {}
            () = poll_fn(|cx| transport.poll_cut(cx)) => {}
            () = sleep(PARTING_TIME) => forget_unsent(&stream),
        }
        // Its place is free when it is closed.
        drop(stream);
        drop(slot);
        io::Result::Ok(())
    });
}

/// Makes closing throw away what the kernel still holds for the peer, which would not take it.
fn forget_unsent(stream: &TcpStream) {
    if let Err(error) = stream.set_zero_linger() {
        tracing::debug!(%error, "cannot set the options of a connection");
    }
}

/// Has the kernel acknowledge what was read without a delay. A client that leaves Nagle's algorithm on
/// (RFC 896) holds back each second small message until the first one is acknowledged, so that a delay
/// of ours would be one of its messages, and would split what it sent in one go. Linux forgets the
/// option, so it is set again after each read.
#[cfg_attr(not(target_os = "linux"), expect(unused_variables))]
fn acknowledge_at_once(stream: &TcpStream) {
    #[cfg(target_os = "linux")]
    if let Err(error) = stream.set_quickack(true) {
        tracing::debug!(%error, "cannot set the options of a connection");
    }
}
