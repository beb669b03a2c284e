//! What paths name.

use super::error::Refusal;
use crate::chat::Error;
use crate::model::{MessageId, RoomId, SessionId, UserId};
use ::http::request::Parts;
use axum::extract::{FromRequestParts, RawPathParams};
use std::convert::Infallible;
use std::str::FromStr;

/// What a segment of the path names. One that cannot name anything is `not_found`, as one is that
/// names nothing.
pub(super) struct Named<T>(pub T);

/// Something that routes name.
pub(super) trait Name: FromStr {
    /// The segment's name in the route table.
    const SEGMENT: &'static str;
    /// What there is none of.
    const WHAT: &'static str;
}

impl Name for RoomId {
    const SEGMENT: &'static str = "roomId";
    const WHAT: &'static str = "such room";
}

impl Name for UserId {
    const SEGMENT: &'static str = "userId";
    const WHAT: &'static str = "such person";
}

impl Name for MessageId {
    const SEGMENT: &'static str = "messageId";
    const WHAT: &'static str = "such message";
}

impl Name for SessionId {
    const SEGMENT: &'static str = "sessionId";
    const WHAT: &'static str = "session of yours with this id";
}

/// An invite's token, whatever it may be.
pub(super) struct InviteToken(pub String);

impl FromStr for InviteToken {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

impl Name for InviteToken {
    const SEGMENT: &'static str = "token";
    const WHAT: &'static str = "such invite";
}

impl<S: Send + Sync, T: Name> FromRequestParts<S> for Named<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        // It fails for what is not UTF-8, which names nothing.
        let segments = RawPathParams::from_request_parts(parts, state).await.ok();
        let segment = segments.as_ref().and_then(|segments| {
            segments
                .iter()
                .find_map(|(name, value)| (name == T::SEGMENT).then_some(value))
        });
        segment
            .and_then(|text| text.parse().ok())
            .map(Self)
            .ok_or_else(|| Error::not_found(T::WHAT).into())
    }
}
