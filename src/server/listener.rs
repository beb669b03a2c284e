//! The listener: accepts connections, counts and guards them, and serves HTTP/1.1 on them.
//!
//! `axum::serve` has no timeout for a request's head, so this is hyper's HTTP/1 server with an
//! accept loop of our own. Where TLS is on, its handshake comes first, in the connection's own task and
//! with a place among the counted ones; the guard is above it. Every request carries two extensions: its
//! connection's `Arc<Transport>`, and the [`PeerAddress`].

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
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout_at};
use tower::{Service, ServiceExt};

pub use super::connections::Connections;
use super::connections::Slot;
use super::guard::Guard;
use super::head_timer::HeadTimer;
pub use super::limits::ConnectionLimits;
use super::limits::MAX_HEAD_BYTES;
use super::refusal::{Refusal, Refusals};
use super::tcp::{acknowledge_at_once, forget_unsent, part, tune};
use super::tls::{Accepted, Stream, Tls};
use crate::realtime::transport::Transport;

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
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Error: Into<Box<dyn Error + Send + Sync>> + Send,
    S::Future: Send,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let connections = Connections::of(&limits);
    let accepting = serve_in(&connections, listener, None, limits, service, stop);
    (connections, accepting)
}

/// The same with TLS, if that is given, and with the connections of other listeners: what is allowed in
/// all is allowed to all of them together.
pub fn serve_in<S, B>(
    connections: &Connections,
    listener: TcpListener,
    tls: Option<Tls>,
    limits: ConnectionLimits,
    service: S,
    stop: watch::Receiver<bool>,
) -> impl Future<Output = ()> + Send + use<S, B>
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Error: Into<Box<dyn Error + Send + Sync>> + Send,
    S::Future: Send,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    connections.begin_listening();
    let mut http = http1::Builder::new();
    http.max_buf_size(MAX_HEAD_BYTES)
        .max_header_size(MAX_HEAD_BYTES);
    let server = Server {
        connections: connections.clone(),
        refusals: Refusals::new(tls.clone(), limits.guard),
        tls,
        limits,
        service,
        stop,
        http,
    };
    Arc::new(server).accept_all(listener)
}

struct Server<S> {
    connections: Connections,
    refusals: Refusals,
    tls: Option<Tls>,
    limits: ConnectionLimits,
    service: S,
    stop: watch::Receiver<bool>,
    http: http1::Builder,
}

impl<S, B> Server<S>
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Error: Into<Box<dyn Error + Send + Sync>> + Send,
    S::Future: Send,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    async fn accept_all(self: Arc<Self>, listener: TcpListener) {
        let mut stop = self.stop.clone();
        let mut warned: Option<Instant> = None;
        loop {
            let accepted = tokio::select! {
                biased;
                () = stopped(&mut stop) => break,
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
                        () = stopped(&mut stop) => break,
                        () = sleep(ACCEPT_PAUSE) => {}
                    }
                }
            }
        }
        drop(listener);
        self.connections.stop_listening();
    }

    /// Gives the connection a task of its own: to be served, or to be told that it is not.
    fn admit(self: &Arc<Self>, stream: TcpStream, peer: SocketAddr) {
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

    fn spawn(
        self: &Arc<Self>,
        stream: TcpStream,
        peer: SocketAddr,
        transport: Arc<Transport>,
        slot: Slot,
    ) {
        let Some(tls) = self.tls.clone() else {
            tokio::spawn(self.connection(Stream::Plain(stream), peer, transport, slot));
            return;
        };
        let server = Arc::clone(self);
        tokio::spawn(async move {
            match server.shake_hands(&tls, stream, peer, &transport).await {
                // In a task of its own, so that what the handshake needed is given back.
                Some(Accepted::Client(stream)) => {
                    tokio::spawn(server.connection(stream, peer, transport, slot));
                }
                Some(Accepted::Plain(stream)) => {
                    server.refusals.answer(stream, peer, Refusal::NotTls);
                }
                Some(Accepted::Authority) => {
                    tracing::info!(%peer, "a certificate authority has looked whether a name is ours");
                }
                None => {}
            }
        });
    }

    /// Does the handshake of TLS, in the time that a first head has, which the head has to share.
    async fn shake_hands(
        &self,
        tls: &Tls,
        stream: TcpStream,
        peer: SocketAddr,
        transport: &Transport,
    ) -> Option<Accepted> {
        let deadline = transport.opened() + self.limits.header_timeout;
        let mut stop = self.stop.clone();
        let accepted = tokio::select! {
            biased;
            () = poll_fn(|cx| transport.poll_cut(cx)) => return None,
            () = stopped(&mut stop) => return None,
            accepted = timeout_at(deadline, tls.accept(stream, self.limits.guard)) => accepted,
        };
        match accepted {
            Ok(Ok(accepted)) => Some(accepted),
            Ok(Err(error)) => {
                tracing::debug!(%peer, %error, "no TLS came about");
                None
            }
            Err(_) => {
                tracing::debug!(%peer, "a client did not finish its TLS handshake in time");
                None
            }
        }
    }

    /// Serves HTTP on a connection.
    fn connection(
        &self,
        stream: Stream,
        peer: SocketAddr,
        transport: Arc<Transport>,
        slot: Slot,
    ) -> impl Future<Output = ()> + Send + use<S, B> {
        let guard = Guard::new(stream, Arc::clone(&transport), self.limits.guard)
            .with_slot(slot)
            .on_stall(|stream| forget_unsent(stream.tcp()))
            .on_read(|stream| acknowledge_at_once(stream.tcp()))
            .on_part(|stream, transport, slot| part(stream.tcp(), transport, slot));
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
        async move {
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
        }
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
