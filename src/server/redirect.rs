//! The way from plain HTTP to `https://`.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use axum::body::Body;
use http::header::{CONNECTION, LOCATION};
use http::uri::PathAndQuery;
use http::{HeaderValue, Request, Response, StatusCode};
use tower::Service;

use super::headers::harden;

/// Answers every request with the same place at the server's own address. The request's `Host` has no say in
/// it, or links to this server could lead anywhere.
#[derive(Debug, Clone)]
pub(super) struct Redirect {
    origin: String,
}

impl Redirect {
    /// To this origin, such as `https://chat.example.org`.
    pub fn to(origin: String) -> Self {
        Self { origin }
    }

    fn answer<B>(&self, request: &Request<B>) -> Response<Body> {
        let path = request.uri().path_and_query().map(PathAndQuery::as_str);
        // OPTIONS may ask about "*", the server as a whole.
        let path = path.filter(|path| path.starts_with('/')).unwrap_or("/");
        let mut answer = Response::new(Body::empty());
        let place = HeaderValue::from_str(&format!("{}{path}", self.origin));
        if let Ok(place) = place {
            // The method and the body stay what they are (RFC 9110, section 15.4.9).
            *answer.status_mut() = StatusCode::PERMANENT_REDIRECT;
            answer.headers_mut().insert(LOCATION, place);
        } else {
            *answer.status_mut() = StatusCode::BAD_REQUEST;
        }
        let close = HeaderValue::from_static("close");
        answer.headers_mut().insert(CONNECTION, close);
        harden(answer.headers_mut(), false);
        answer
    }
}

impl<B> Service<Request<B>> for Redirect {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        ready(Ok(self.answer(&request)))
    }
}
