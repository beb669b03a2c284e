//! What every request passes before a shell sees it: its id, its client's address, its origin.

use super::address::{client_address, is_forwarded, is_unnamed_proxy};
use super::control::Desk;
use super::headers::harden;
use super::listener::PeerAddress;
use super::origin::Origins;
use super::witness::{Seen, Witness};
use crate::chat::{Chat, Code, Error};
use crate::config::Config;
use crate::http::Fault;
use crate::model::ClientAddress;
use crate::realtime::{Entrance, entrance};
use axum::Json;
use axum::Router;
use axum::body::Body;
use axum::response::IntoResponse;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use hyper::body::Incoming;
use ipnet::IpNet;
use serde_json::json;
use std::convert::Infallible;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Once};
use std::task::{Context, Poll};
use tower::{Layer, Service, ServiceExt};
use tower_http::cors::Cors;

/// The path of requests that somebody may look out for.
const WITNESSED: &str = "/healthz";
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The official client's files, which stand among the engine's paths and are not the engine's.
const CLIENT: [&str; 3] = [
    "/socket.io/socket.io.js",
    "/socket.io/socket.io.min.js",
    "/socket.io/socket.io.esm.min.js",
];

/// The whole server as a service.
pub(super) fn service(config: &Config, entrance: Entrance, router: Router, desk: &Desk) -> Front {
    let origins = Origins::new(config);
    let cors = origins.cors();
    let shells = Shells(Arc::new(Inner {
        origins,
        entrance,
        router,
    }));
    Front {
        trusted_proxies: config.server.trusted_proxies.clone().into(),
        chat: desk.chat.clone(),
        witness: desk.witness.clone(),
        is_https: config.server.public_url.starts_with("https://"),
        shells: cors.layer(shells),
    }
}

type Answering = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

/// Names each request, finds out whose it is, and puts the name on its answer, whoever gives that.
#[derive(Clone)]
pub(super) struct Front {
    trusted_proxies: Arc<[IpNet]>,
    /// Counts what is refused.
    chat: Arc<Chat>,
    witness: Witness,
    /// Whether people reach the server by HTTPS, which it speaks itself or a proxy for it.
    is_https: bool,
    shells: Cors<Shells>,
}

/// Hands a request to the shell that it is for.
#[derive(Clone)]
struct Shells(Arc<Inner>);

struct Inner {
    origins: Origins,
    entrance: Entrance,
    router: Router,
}

impl Service<Request<Incoming>> for Front {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        let front = self.clone();
        Box::pin(async move { Ok(front.answer(request).await) })
    }
}

impl Service<Request<Incoming>> for Shells {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        let inner = self.0.clone();
        Box::pin(async move { Ok(inner.answer(request).await) })
    }
}

impl Front {
    async fn answer(self, mut request: Request<Incoming>) -> Response<Body> {
        let id = uuid::Uuid::new_v4().to_string();
        let peer = request.extensions().get::<PeerAddress>().copied();
        if let Some(PeerAddress(peer)) = peer {
            let address = client_address(peer.ip(), request.headers(), &self.trusted_proxies);
            if is_unnamed_proxy(peer.ip(), request.headers(), &self.trusted_proxies) {
                warn_of_proxy(peer.ip());
            }
            if let (WITNESSED, Some(query)) = (request.uri().path(), request.uri().query()) {
                let seen = Seen {
                    peer: peer.ip().to_canonical(),
                    client: address,
                    is_forwarded: is_forwarded(request.headers()),
                };
                self.witness.see(query, seen);
            }
            request.extensions_mut().insert(ClientAddress(address));
        }
        let Ok(mut answer) = self.shells.oneshot(request).await;
        if let Some(Fault(cause)) = answer.extensions().get() {
            tracing::error!(request = %id, %cause, "a request failed by the server's fault");
        }
        if let Some(code) = answer.extensions().get::<Code>() {
            self.chat.counts().requests_refused.one(*code);
        }
        harden(answer.headers_mut(), self.is_https);
        if let Ok(id) = HeaderValue::from_str(&id) {
            answer.headers_mut().insert(REQUEST_ID, id);
        }
        answer
    }
}

/// Once a process, since a proxy would bring it up at every request.
fn warn_of_proxy(peer: IpAddr) {
    static WARNED: Once = Once::new();
    WARNED.call_once(|| {
        let peer = peer.to_canonical();
        tracing::warn!(
            "{peer} forwards requests but is not in server.trusted_proxies, so all its clients count \
             as one at {peer}; if it is your reverse proxy, name it there"
        );
    });
}

impl Inner {
    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        if !is_for_engine(request.uri().path()) {
            let Ok(answer) = self.router.clone().oneshot(request.map(Body::new)).await;
            return answer;
        }
        if !self.origins.allow(request.headers()) {
            return wrong_origin();
        }
        self.entrance.call(request).await.map(Body::new)
    }
}

/// Browsers keep no page from a WebSocket's upgrade, so the engine's requests are refused here.
fn wrong_origin() -> Response<Body> {
    let error = Error::forbidden(
        "Pages of this origin may not connect here; the server's operator can allow it by \
         server.allowed_origins.",
    );
    let code = axum::Extension(error.code);
    let body = Json(json!({ "error": error }));
    (StatusCode::FORBIDDEN, code, body).into_response()
}

fn is_for_engine(path: &str) -> bool {
    path.strip_prefix(entrance::PATH)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        && !CLIENT.contains(&path)
}
