//! Refusals as HTTP tells them.

use crate::chat::Error;
use ::http::{HeaderValue, StatusCode, header};
use axum::Json;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// What a handler answers.
pub(super) type Answer<T> = Result<T, Refusal>;

/// An error of the domain and the status that goes with it.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    error: Error,
}

#[derive(Serialize)]
struct Told {
    error: Error,
}

/// Why the server is at fault, in the extensions of the answer, for whoever logs it.
#[derive(Debug, Clone)]
pub struct Fault(pub Box<str>);

impl Refusal {
    /// The body has more than `most` bytes.
    pub fn too_large(most: usize) -> Self {
        let error = Error::field("body", format!("must have at most {most} bytes"));
        Self::with_status(StatusCode::PAYLOAD_TOO_LARGE, error)
    }

    /// The body is something else than JSON.
    pub fn not_json() -> Self {
        let error = Error::field("body", "must be sent as 'Content-Type: application/json'");
        Self::with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE, error)
    }

    /// For the few cases that HTTP tells apart and the domain's codes do not.
    fn with_status(status: StatusCode, error: Error) -> Self {
        Self { status, error }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let status = StatusCode::from_u16(error.code.status());
        Self::with_status(status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), error)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self { status, error } = self;
        let retry_after = error.retry_after();
        let (fault, code) = (error.cause.clone().map(Fault), error.code);
        let mut response = (status, Json(Told { error })).into_response();
        // For whoever counts refusals.
        response.extensions_mut().insert(code);
        if let Some(fault) = fault {
            response.extensions_mut().insert(fault);
        }
        let headers = response.headers_mut();
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            // RFC 9110, section 11.6.1: every 401 names a way to sign in.
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// A path under `/api` that leads nowhere.
pub(super) async fn no_such_route() -> Refusal {
    Error::not_found("such route").into()
}

/// A path that knows other methods; axum adds `Allow`, which names them.
pub(super) async fn wrong_method() -> Refusal {
    let error = Error::field("method", "is none that this route knows");
    Refusal::with_status(StatusCode::METHOD_NOT_ALLOWED, error)
}
