//! What a request to the engine passes before the engine hears of it.

use super::connection::Cutter;
use super::gate::{Gate, Refused, Ticket};
use super::transport::Transport;
use super::{PAYLOAD_BYTES, Realtime};
use crate::chat::{Code, Error};
use crate::model::ClientAddress;
use bytes::Bytes;
use engineioxide::service::NotFoundService;
use http::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, RETRY_AFTER, SEC_WEBSOCKET_EXTENSIONS,
    SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, TRANSFER_ENCODING, UPGRADE,
    USER_AGENT,
};
use http::{Request, Response, StatusCode, Uri};
use http_body::Body;
use http_body_util::{BodyExt, Full, Limited, combinators::UnsyncBoxBody};
use hyper::body::Incoming;
use socketioxide::service::SocketIoService;
use socketioxide::socket::Sid;
use std::convert::Infallible;
use std::sync::Arc;
use tower::ServiceExt;

/// The path that stock clients use.
pub const PATH: &str = "/socket.io";
/// Seconds after which a refused client may try again.
const RETRY_SECONDS: &str = "5";
/// What the engine keeps of a request for as long as the session lives. The rest of the request
/// would keep hyper's whole read buffer.
const KEPT_HEADERS: [http::HeaderName; 10] = [
    CONNECTION,
    UPGRADE,
    SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_VERSION,
    SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_EXTENSIONS,
    CONTENT_TYPE,
    CONTENT_LENGTH,
    TRANSFER_ENCODING,
    USER_AGENT,
];

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
    engine: Engine,
    gate: Gate,
    cutter: Arc<Cutter>,
}

impl Entrance {
    /// The way to a shell's engine, past a gate.
    pub fn new(engine: Engine, gate: Gate, shell: &Realtime) -> Self {
        Self {
            engine,
            gate,
            cutter: shell.cutter().clone(),
        }
    }

    /// Counts who opens a session, notes who upgrades one, and hands the request to the engine.
    pub async fn call(&self, request: Request<Incoming>) -> Answer {
        let query = request.uri().query().unwrap_or_default();
        let mut ticket = None;
        match value(query, "sid") {
            None => match self.enter(&request) {
                Ok(entered) => ticket = Some(entered),
                Err(refusal) => return *refusal,
            },
            Some(sid) if value(query, "transport") == Some("websocket") => {
                if let Some(transport) = request.extensions().get::<Arc<Transport>>() {
                    self.cutter.note_upgrade(sid, transport);
                }
            }
            Some(_) => {}
        }
        let (parts, body) = request.into_parts();
        if let Some(length) = declared_length(&parts.headers)
            && length > PAYLOAD_BYTES as u64
        {
            return refusal(
                &Error::field("body", "is too large"),
                StatusCode::PAYLOAD_TOO_LARGE,
            );
        }
        let body = Limited::new(body, PAYLOAD_BYTES);
        self.engine.call(slim(parts, body, ticket)).await
    }

    fn enter<B>(&self, request: &Request<B>) -> Result<Arc<Ticket>, Box<Answer>> {
        let Some(ClientAddress(address)) = request.extensions().get().copied() else {
            return Err(Box::new(refusal(
                &Error::internal(&"a request without an address"),
                StatusCode::INTERNAL_SERVER_ERROR,
            )));
        };
        self.gate.enter(address).map(Arc::new).map_err(|why| {
            let message = match why {
                Refused::TooMany => "Too many connections from your address.",
                Refused::TooManyUnauthenticated => {
                    "Too many connections from your address that are not signed in."
                }
            };
            Box::new(refusal(
                &Error::new(Code::RateLimited, message),
                StatusCode::TOO_MANY_REQUESTS,
            ))
        })
    }
}

/// The value of a key in a query; sids and transports need no decoding.
fn value<'a>(query: &'a str, key: &str) -> Option<&'a str> {
    query.split('&').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        (name == key).then_some(value)
    })
}

fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The request with copies of what the engine needs, and nothing that pins a buffer.
fn slim<B>(parts: http::request::Parts, body: B, ticket: Option<Arc<Ticket>>) -> Request<B> {
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
    if let Some(transport) = extensions.remove::<Arc<Transport>>() {
        kept.insert(transport);
    }
    if let Some(address) = extensions.remove::<ClientAddress>() {
        kept.insert(address);
    }
    if let Some(upgrade) = extensions.remove::<hyper::upgrade::OnUpgrade>() {
        kept.insert(upgrade);
    }
    if let Some(ticket) = ticket {
        kept.insert(ticket);
    }
    slim
}

fn refusal(error: &Error, status: StatusCode) -> Answer {
    let body = serde_json::json!({ "error": error }).to_string();
    let body = Full::new(Bytes::from(body)).map_err(|never| match never {});
    let mut answer = Response::new(body.boxed_unsync());
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        http::HeaderValue::from_static("application/json"),
    );
    if status == StatusCode::TOO_MANY_REQUESTS {
        headers.insert(RETRY_AFTER, http::HeaderValue::from_static(RETRY_SECONDS));
    }
    answer
}
