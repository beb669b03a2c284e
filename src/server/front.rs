//! What every request passes before a shell sees it: its id, its client's address, its origin.

use super::address::client_address;
use super::listener::PeerAddress;
use super::origin::Origins;
use crate::config::Config;
use crate::http::Fault;
use crate::model::ClientAddress;
use crate::realtime::{Entrance, entrance};
use axum::Router;
use axum::body::Body;
use axum::response::IntoResponse;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use hyper::body::Incoming;
use ipnet::IpNet;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tower::{Layer, Service, ServiceExt};
use tower_http::cors::Cors;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The whole server as a service.
pub(super) fn service(config: &Config, entrance: Entrance, router: Router) -> Cors<Front> {
    let origins = Origins::new(config);
    let cors = origins.cors();
    cors.layer(Front(Arc::new(Inner {
        origins,
        trusted_proxies: config.server.trusted_proxies.clone(),
        entrance,
        router,
    })))
}

/// Prepares requests and hands them to the shells.
#[derive(Clone)]
pub(super) struct Front(Arc<Inner>);

struct Inner {
    origins: Origins,
    trusted_proxies: Vec<IpNet>,
    entrance: Entrance,
    router: Router,
}

impl Service<Request<Incoming>> for Front {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        let inner = self.0.clone();
        Box::pin(async move { Ok(inner.answer(request).await) })
    }
}

impl Inner {
    async fn answer(&self, mut request: Request<Incoming>) -> Response<Body> {
        let id = uuid::Uuid::new_v4().to_string();
        let peer = request.extensions().get::<PeerAddress>().copied();
        if let Some(PeerAddress(peer)) = peer {
            let address = client_address(peer.ip(), request.headers(), &self.trusted_proxies);
            request.extensions_mut().insert(ClientAddress(address));
        }
        let mut answer = if is_for_engine(request.uri().path()) {
            if self.origins.allow(request.headers()) {
                self.entrance.call(request).await.map(Body::new)
            } else {
                (StatusCode::FORBIDDEN, "This origin is not allowed here.\n").into_response()
            }
        } else {
            let Ok(answer) = self.router.clone().oneshot(request.map(Body::new)).await;
            answer
        };
        if let Some(Fault(cause)) = answer.extensions().get() {
            tracing::error!(request = %id, %cause, "a request failed by the server's fault");
        }
        if let Ok(id) = HeaderValue::from_str(&id) {
            answer.headers_mut().insert(REQUEST_ID, id);
        }
        answer
    }
}

fn is_for_engine(path: &str) -> bool {
    path.strip_prefix(entrance::PATH)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
