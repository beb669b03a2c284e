//! Who is asking, and from where.

use super::error::Refusal;
use crate::chat::{Chat, Device, Error, Who};
use crate::model::ClientAddress;
use ::http::request::Parts;
use ::http::{HeaderMap, header};
use axum::extract::FromRequestParts;
use std::sync::Arc;

/// The word before a token in `Authorization` (RFC 6750, section 2.1), in any case.
const SCHEME: &str = "Bearer";

/// Somebody who is signed in, and whose request was counted.
pub(super) struct Identity(pub Who);

/// The device that somebody signs in on.
pub(super) struct Client(pub Device);

/// Somebody who need not be signed in, and whose request was counted by where it comes from.
pub(super) struct Anybody;

impl FromRequestParts<Arc<Chat>> for Anybody {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, chat: &Arc<Chat>) -> Result<Self, Refusal> {
        chat.charge_unsigned_request(address(parts)?)?;
        Ok(Self)
    }
}

impl FromRequestParts<Arc<Chat>> for Identity {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, chat: &Arc<Chat>) -> Result<Self, Refusal> {
        let token = bearer_token(&parts.headers).ok_or_else(Error::unauthorized)?;
        let who = chat.authenticate(token).await?;
        chat.charge_request(who.user)?;
        Ok(Self(who))
    }
}

fn address(parts: &Parts) -> Result<ClientAddress, Error> {
    let address = parts.extensions.get().copied();
    address.ok_or_else(|| Error::internal(&"a request without ClientAddress"))
}

fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case(SCHEME).then(|| token.trim())
}

impl<S: Sync> FromRequestParts<S> for Client {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let user_agent = parts.headers.get(header::USER_AGENT);
        Ok(Self(Device {
            address: address(parts)?,
            user_agent: user_agent
                .and_then(|name| name.to_str().ok())
                .map(str::to_owned),
        }))
    }
}
