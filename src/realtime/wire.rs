//! The shapes of what the server sends. Names in the contract never change.

use crate::chat::Error;
use crate::model::{MessageId, Person, Role, RoomId, Time, UserId};
use serde::Serialize;
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

/// Whether somebody came or went for good, or only opened or closed the room.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Stay {
    Permanent,
    Temporary,
}

/// `user_joined` and `user_left`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Passage<'a> {
    #[serde(flatten)]
    pub person: &'a Person,
    pub room_id: RoomId,
    pub r#type: Stay,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<UserId>,
    pub timestamp: Time,
}

/// `user_typing`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UserTyping<'a> {
    #[serde(flatten)]
    pub person: &'a Person,
    pub room_id: RoomId,
    pub is_typing: bool,
    pub timestamp: Time,
}

/// `user_status`.
#[derive(Serialize)]
pub(super) struct UserStatus<'a> {
    #[serde(flatten)]
    pub person: &'a Person,
    pub status: &'static str,
    pub timestamp: Time,
}

/// `messages_read`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MessagesRead<'a> {
    pub room_id: RoomId,
    pub user_id: UserId,
    pub username: &'a str,
    pub seq: i64,
    pub message_id: Option<MessageId>,
    pub read_at: Time,
    pub timestamp: Time,
}

/// `member_updated`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MemberUpdated {
    pub room_id: RoomId,
    pub user_id: UserId,
    pub role: Role,
}

/// `room_deleted`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RoomDeleted {
    pub room_id: RoomId,
}

/// `error`, for a client that gave no ack.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ErrorEvent<'a> {
    #[serde(flatten)]
    pub error: &'a Error,
    pub event: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room_id: Option<RoomId>,
    pub timestamp: Time,
}

/// The ack of a refused event.
#[derive(Serialize)]
pub(super) struct Refused<'a> {
    pub ok: bool,
    pub error: &'a Error,
}

/// The ack of an event that was done: `ok`, and what it has to say.
#[derive(Serialize)]
pub(super) struct Done<T> {
    pub ok: bool,
    #[serde(flatten)]
    pub answer: T,
}

/// What an ack holds that has nothing to say.
#[derive(Serialize)]
pub(super) struct Nothing {}

/// Serialises a payload once, for however many recipients.
pub(super) fn raw(payload: &impl Serialize) -> Box<RawValue> {
    to_raw_value(payload).unwrap_or_else(|error| {
        // Our own payloads have text keys and plain values, which always serialise.
        tracing::error!(%error, "a payload could not be serialised");
        to_raw_value(&Value::Null).unwrap_or_default()
    })
}
