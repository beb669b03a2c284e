//! Request bodies: JSON objects of bounded size.

use super::error::Refusal;
use crate::chat::{Error, Input};
use crate::model::Invalid;
use ::http::{HeaderMap, header};
use axum::extract::{FromRequest, Request};
use bytes::{Bytes, BytesMut};
use http_body::Body as _;
use http_body_util::BodyExt;

/// A body has so many bytes at most.
const BODY_BYTES: usize = 64 * 1024;
/// A larger one is read to its end up to so many bytes, and thrown away: closing the connection
/// before would keep the client from reading why it is refused.
const DISCARDED_BYTES: usize = 1024 * 1024;

/// A body's fields. An empty body is the same as `{}`.
pub(super) struct Body(pub Input);

impl<S: Sync> FromRequest<S> for Body {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refusal> {
        let (parts, body) = request.into_parts();
        let body = read(body).await?;
        if body.is_empty() {
            return Ok(Self(Input::default()));
        }
        if !is_json(&parts.headers) {
            return Err(Refusal::not_json());
        }
        Ok(Self(Input::parse(&body)?))
    }
}

impl Body {
    /// The text of the one field that the request is about.
    pub fn only<T>(
        self,
        name: &'static str,
        check: impl FnOnce(&str) -> Result<T, Invalid>,
    ) -> Result<T, Error> {
        let Self(mut input) = self;
        input.text(name, check).ok_or_else(|| input.refusal())
    }
}

async fn read(mut body: axum::body::Body) -> Result<Bytes, Refusal> {
    let too_large = || Refusal::too_large(BODY_BYTES);
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > DISCARDED_BYTES {
        return Err(too_large());
    }
    let (mut kept, mut seen) = (BytesMut::new(), 0);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Error::field("body", "ended too early"))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        seen += data.len();
        if seen <= BODY_BYTES {
            kept.extend_from_slice(&data);
        } else if seen > DISCARDED_BYTES {
            break;
        }
    }
    if seen > BODY_BYTES {
        return Err(too_large());
    }
    Ok(kept.freeze())
}

/// Whether the body is `application/json`, or of a type that is written in JSON (RFC 6839,
/// section 3.1).
fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE);
    let Some(text) = value.and_then(|value| value.to_str().ok()) else {
        return false;
    };
    let essence = text.split(';').next().unwrap_or_default().trim();
    let essence = essence.to_ascii_lowercase();
    essence
        .strip_prefix("application/")
        .is_some_and(|subtype| subtype == "json" || subtype.ends_with("+json"))
}
