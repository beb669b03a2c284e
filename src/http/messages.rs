//! `/api/rooms/{roomId}/messages`: posting, changing, reading.

use super::body::Body;
use super::error::Answer;
use super::identity::Identity;
use super::path::Named;
use super::query::Parameters;
use crate::chat::{
    Around, Chat, DEFAULT_ROWS, Error, History, MAX_ROWS, NewMessage, ReadUpTo, Receipt,
};
use crate::model::{Content, Message, MessageId, RoomId};
use ::http::StatusCode;
use axum::Json;
use axum::extract::State;
use std::sync::Arc;

fn read_around(parameters: &Parameters) -> Result<Around, Error> {
    let seq = |name| parameters.number(name, 0, i64::MAX);
    match (seq("before")?, seq("after")?, seq("around")?) {
        (None, None, None) => Ok(Around::Newest),
        (Some(seq), None, None) => Ok(Around::Before(seq)),
        (None, Some(seq), None) => Ok(Around::After(seq)),
        (None, None, Some(seq)) => Ok(Around::Seq(seq)),
        (Some(_), _, _) => Err(Error::field("before", "excludes 'after' and 'around'")),
        (None, Some(_), Some(_)) => Err(Error::field("after", "excludes 'around'")),
    }
}

pub(super) async fn history(
    State(chat): State<Arc<Chat>>,
    Identity(who): Identity,
    Named(room): Named<RoomId>,
    parameters: Parameters,
) -> Answer<Json<History>> {
    let around = read_around(&parameters)?;
    let limit = parameters.number("limit", 1, MAX_ROWS)?;
    let limit = limit.unwrap_or(DEFAULT_ROWS);
    Ok(Json(chat.history(who, room, around, limit).await?))
}

pub(super) async fn post(
    State(chat): State<Arc<Chat>>,
    Identity(who): Identity,
    Named(room): Named<RoomId>,
    Body(mut input): Body,
) -> Answer<(StatusCode, Json<Message>)> {
    let new = NewMessage::read(&mut input)?;
    let posted = chat.post_message(who, room, new).await?;
    let status = if posted.repeated {
        StatusCode::OK
    } else {
        StatusCode::CREATED
    };
    Ok((status, Json(posted.message)))
}

pub(super) async fn edit(
    State(chat): State<Arc<Chat>>,
    Identity(who): Identity,
    Named(room): Named<RoomId>,
    Named(message): Named<MessageId>,
    body: Body,
) -> Answer<Json<Message>> {
    let content = body.only("content", Content::new)?;
    Ok(Json(chat.edit_message(who, room, message, content).await?))
}

pub(super) async fn delete(
    State(chat): State<Arc<Chat>>,
    Identity(who): Identity,
    Named(room): Named<RoomId>,
    Named(message): Named<MessageId>,
) -> Answer<Json<Message>> {
    Ok(Json(chat.delete_message(who, room, message).await?))
}

pub(super) async fn mark_read(
    State(chat): State<Arc<Chat>>,
    Identity(who): Identity,
    Named(room): Named<RoomId>,
    Body(mut input): Body,
) -> Answer<Json<Receipt>> {
    let up_to = ReadUpTo::read(&mut input)?;
    Ok(Json(chat.mark_read(who, room, up_to, None).await?))
}
