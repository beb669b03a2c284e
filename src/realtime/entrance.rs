//! What a request to the engine passes before the engine hears of it.

use super::PAYLOAD_BYTES;
use super::Realtime;
use super::chatter::TooMuch;
use super::gate::{Gate, Refused};
use super::transport::Transport;
use super::visit::{Visit, Visits};
use crate::chat::{Code, Error};
use crate::model::ClientAddress;
use bytes::Bytes;
use engineioxide::service::NotFoundService;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, RETRY_AFTER, SEC_WEBSOCKET_KEY};
use http::{Method, Request, Response, StatusCode, Uri};
use http_body::Body;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Collected, Empty, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use serde_json::{Map, Value};
use socketioxide::service::SocketIoService;
use socketioxide::socket::Sid;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tower::ServiceExt;

/// The path that stock clients use.
pub const PATH: &str = "/socket.io";
/// After so long a refused client may try again.
const RETRY: Duration = Duration::from_secs(5);
/// Between two looks at whether there is something left to fetch.
const FETCH_LOOK: Duration = Duration::from_millis(10);
/// What the engine keeps of a request for as long as the session lives. The rest of the request
/// would keep hyper's whole read buffer.
const KEPT_HEADERS: [http::HeaderName; 2] = [SEC_WEBSOCKET_KEY, CONTENT_TYPE];

type BoxError = Box<dyn std::error::Error + Send + Sync>;
/// An answer of the engine, or of the entrance.
pub type Answer = Response<UnsyncBoxBody<Bytes, BoxError>>;

/// The Socket.IO engine as a service. It takes another service for whatever is not its own; nothing
/// else ever comes here.
#[derive(Clone)]
pub struct Engine(SocketIoService<NotFoundService>);

impl Engine {
    pub(super) fn new(service: SocketIoService<NotFoundService>) -> Self {
        Self(service)
    }

    async fn call<B>(&self, request: Request<B>) -> Answer
    where
        B: Body + Send + Unpin + std::fmt::Debug + 'static,
        B::Error: std::fmt::Debug,
        B::Data: Send,
    {
        let answer: Result<_, Infallible> = self.0.clone().oneshot(request).await;
        match answer {
            Ok(answer) => answer.map(|body| body.map_err(Into::into).boxed_unsync()),
            Err(never) => match never {},
        }
    }

    /// Ends a polling session in the way of its protocol: a POST of the packet `1`, which means close.
    pub(super) async fn close(&self, sid: Sid) {
        let request = Request::post(format!("{PATH}/?EIO=4&transport=polling&sid={sid}"))
            .header(CONTENT_TYPE, "text/plain")
            .body(Full::new(Bytes::from_static(b"1")));
        if let Ok(request) = request {
            // A session that is gone already needs no closing.
            let _ = self.call(request).await;
        }
    }
}

/// The way to the engine.
#[derive(Clone)]
pub struct Entrance {
    shell: Arc<Realtime>,
    gate: Gate,
    visits: Arc<Visits>,
}

impl Entrance {
    /// The way to a shell's engine, past a gate.
    pub fn new(shell: Arc<Realtime>, gate: Gate) -> Self {
        Self {
            shell,
            gate,
            visits: Arc::default(),
        }
    }

    /// Waits, for a stop, until everybody who polls has fetched what they were sent.
    pub async fn all_fetched(&self) {
        while self.visits.have_to_fetch() {
            tokio::time::sleep(FETCH_LOOK).await;
        }
    }

    /// Counts who opens a session, and hands the request to the engine.
    pub async fn call(&self, request: Request<Incoming>) -> Answer {
        let (mut parts, body) = request.into_parts();
        if let Some(length) = declared_length(&parts.headers)
            && length > PAYLOAD_BYTES as u64
        {
            return too_large();
        }
        let (visit, opens) = match sid(&parts.uri) {
            Some(sid) => (
                sid.parse().ok().and_then(|sid| self.visits.find(sid)),
                false,
            ),
            None => match self.enter(&parts) {
                Ok(visit) => (Some(visit), true),
                Err(refusal) => return *refusal,
            },
        };
        if let Some(wrong) = upgrade_fault(&parts, visit.as_deref()) {
            return refusal(&Error::field("transport", wrong), StatusCode::BAD_REQUEST);
        }
        let Some(transport) = parts.extensions.remove::<Arc<Transport>>() else {
            return nowhere("a request without a connection");
        };
        match (visit, sid(&parts.uri).and_then(|sid| sid.parse().ok())) {
            (Some(visit), Some(sid)) if !is_upgrade(&parts) => {
                self.polled(&visit, sid, &transport, parts, body).await
            }
            (visit, _) => {
                let opening = visit.clone().filter(|_| opens);
                let body = Limited::new(body, PAYLOAD_BYTES);
                let answer = self.shell.engine.call(slim(parts, body, opening)).await;
                match (visit, answer.status()) {
                    (Some(visit), StatusCode::SWITCHING_PROTOCOLS) => {
                        // Before the answer is sent, so before the engine reads from it.
                        visit.upgraded(&transport);
                        answer
                    }
                    (Some(visit), StatusCode::OK) if opens => self.list(&visit, answer).await,
                    _ => answer,
                }
            }
        }
    }

    /// A request of a session that polls: it takes what waits for it, or sends something.
    async fn polled(
        &self,
        visit: &Arc<Visit>,
        sid: Sid,
        over: &Arc<Transport>,
        parts: http::request::Parts,
        body: Incoming,
    ) -> Answer {
        if parts.method == Method::GET {
            let Some(poll) = visit.poll(over).await else {
                visit.end_polling(sid, &self.shell.engine).await;
                let error = Error::field("sid", "asks again before it has taken the last answer");
                return refusal(&error, StatusCode::BAD_REQUEST);
            };
            let answer = self
                .shell
                .engine
                .call(slim(parts, Empty::<Bytes>::new(), None))
                .await;
            if answer.status() == StatusCode::OK {
                poll.answered(answer.size_hint().lower());
            }
            return answer;
        }
        let body = match Limited::new(body, PAYLOAD_BYTES).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => return too_large(),
            Err(_) => {
                let error = Error::field("body", "ended too early");
                return refusal(&error, StatusCode::BAD_REQUEST);
            }
        };
        if let Err(TooMuch) = visit.hear(body.len()).await {
            visit.end_polling(sid, &self.shell.engine).await;
            let wait = serde_json::json!({ "retryAfterMs": RETRY.as_millis() });
            let error = Error::new(Code::RateLimited, "Too much was sent beside events.");
            return refusal(&error.with(wait), StatusCode::TOO_MANY_REQUESTS);
        }
        self.shell
            .engine
            .call(slim(parts, Full::new(body), None))
            .await
    }

    /// Lists a visit that begins by polling, by the id that the engine tells its client, and tells the
    /// client how much it may send.
    async fn list(&self, visit: &Arc<Visit>, answer: Answer) -> Answer {
        let (mut parts, body) = answer.into_parts();
        // The engine has all of it: a packet of the type `0`, which means open.
        let body = body.collect().await.map(Collected::to_bytes);
        let mut body = body.unwrap_or_default();
        let open = body.strip_prefix(b"0");
        if let Some(Ok(mut open)) = open.map(serde_json::from_slice::<Map<String, Value>>) {
            if let Some(Ok(sid)) = open.get("sid").and_then(Value::as_str).map(str::parse) {
                self.visits.list(sid, visit);
            }
            // What the engine says is what it may send at once; the client is to know what it may.
            open.insert("maxPayload".to_owned(), PAYLOAD_BYTES.into());
            body = format!("0{}", Value::from(open)).into();
            parts.headers.insert(CONTENT_LENGTH, body.len().into());
        }
        Response::from_parts(parts, whole(body))
    }

    fn enter(&self, request: &http::request::Parts) -> Result<Arc<Visit>, Box<Answer>> {
        let Some(ClientAddress(address)) = request.extensions.get().copied() else {
            return Err(Box::new(nowhere("a request without an address")));
        };
        if self.shell.is_stopping() {
            let error = Error::overloaded_for(RETRY, "The server is stopping. Try again soon.");
            return Err(Box::new(refusal(&error, StatusCode::SERVICE_UNAVAILABLE)));
        }
        let counts = self.shell.chat.counts();
        let ticket = self.gate.enter(address).map_err(|why| {
            let (message, counter) = match why {
                Refused::TooMany => (
                    "Too many connections from your address.",
                    &counts.sessions_refused,
                ),
                Refused::TooManyUnauthenticated => (
                    "Too many connections from your address that are not signed in.",
                    &counts.unauthenticated_refused,
                ),
            };
            counter.one();
            let wait = serde_json::json!({ "retryAfterMs": RETRY.as_millis() });
            Box::new(refusal(
                &Error::new(Code::RateLimited, message).with(wait),
                StatusCode::TOO_MANY_REQUESTS,
            ))
        })?;
        Ok(Visit::new(ticket, &self.shell.chat))
    }
}

/// Whether a request asks for a WebSocket.
fn is_upgrade(request: &http::request::Parts) -> bool {
    let pairs = request.uri.query().unwrap_or_default().split('&');
    let mut transports = pairs.filter_map(|pair| pair.strip_prefix("transport="));
    transports
        .next()
        .is_some_and(|name| name.starts_with("websocket"))
}

/// What is wrong with a request for a WebSocket, if it is one. The engine would promise a WebSocket to
/// each, be it that the request cannot become one, as behind a proxy that takes its `Upgrade` away, or
/// that its session has one.
fn upgrade_fault(request: &http::request::Parts, visit: Option<&Visit>) -> Option<&'static str> {
    if !is_upgrade(request) {
        return None;
    }
    if request
        .extensions
        .get::<hyper::upgrade::OnUpgrade>()
        .is_none()
    {
        return Some("cannot become a WebSocket: the request has no Upgrade header");
    }
    let had = visit.and_then(Visit::transport);
    had.map(|_| "is a WebSocket already")
}

/// The session that a request names, as the engine reads it.
fn sid(uri: &Uri) -> Option<&str> {
    let pairs = uri.query().unwrap_or_default().split('&');
    pairs.into_iter().find_map(|pair| pair.strip_prefix("sid="))
}

fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The request with copies of what the engine needs, and nothing that pins a buffer.
fn slim<B>(parts: http::request::Parts, body: B, visit: Option<Arc<Visit>>) -> Request<B> {
    let mut slim = Request::new(body);
    *slim.method_mut() = parts.method;
    *slim.version_mut() = parts.version;
    // What was a URI a moment ago is one again.
    *slim.uri_mut() = parts
        .uri
        .to_string()
        .parse()
        .unwrap_or(Uri::from_static("/"));
    for name in KEPT_HEADERS {
        if let Some(value) = parts.headers.get(&name)
            && let Ok(copy) = http::HeaderValue::from_bytes(value.as_bytes())
        {
            slim.headers_mut().insert(name, copy);
        }
    }
    let mut extensions = parts.extensions;
    let kept = slim.extensions_mut();
    if let Some(upgrade) = extensions.remove::<hyper::upgrade::OnUpgrade>() {
        kept.insert(upgrade);
    }
    if let Some(visit) = visit {
        kept.insert(visit);
    }
    slim
}

fn too_large() -> Answer {
    let error = Error::field("body", "is too large");
    refusal(&error, StatusCode::PAYLOAD_TOO_LARGE)
}

/// A request that did not come as requests come here.
fn nowhere(why: &'static str) -> Answer {
    refusal(&Error::internal(&why), StatusCode::INTERNAL_SERVER_ERROR)
}

fn refusal(error: &Error, status: StatusCode) -> Answer {
    let body = serde_json::json!({ "error": error }).to_string();
    let mut answer = Response::new(whole(Bytes::from(body)));
    *answer.status_mut() = status;
    answer.extensions_mut().insert(error.code);
    let headers = answer.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        http::HeaderValue::from_static("application/json"),
    );
    if error.retry_after().is_some() {
        headers.insert(RETRY_AFTER, http::HeaderValue::from(RETRY.as_secs()));
    }
    answer
}

fn whole(body: Bytes) -> UnsyncBoxBody<Bytes, BoxError> {
    let body = Full::new(body).map_err(|never| match never {});
    body.boxed_unsync()
}
