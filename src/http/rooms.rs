//! `/api/rooms`: rooms, and coming and going.

use super::body::Body;
use super::error::Answer;
use super::identity::Identity;
use super::list::Plural;
use super::path::Named;
use super::query::Parameters;
use crate::chat::{Chat, Error, Joined, NewRoomRequest, RoomChange};
use crate::model::{Room, RoomId};
use ::http::StatusCode;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

pub(super) async fn create(
    State(chat): State<Arc<Chat>>,
    Identity(who): Identity,
    Body(input): Body,
) -> Answer<(StatusCode, Json<Room>)> {
    let request = NewRoomRequest::read(input)?;
    let room = chat.create_room(who, request).await?;
    Ok((StatusCode::CREATED, Json(room)))
}

pub(super) async fn list(
    State(chat): State<Arc<Chat>>,
    Identity(who): Identity,
    parameters: Parameters,
) -> Answer<Response> {
    let (search, page) = (parameters.search()?, parameters.page()?);
    match parameters.text("scope") {
        None | Some("mine") => {
            let rooms = chat.my_rooms(who, search, page).await?;
            Ok(Json(Plural("rooms", rooms)).into_response())
        }
        Some("public") => {
            let rooms = chat.public_rooms(who, search, page).await?;
            Ok(Json(Plural("rooms", rooms)).into_response())
        }
        Some(_) => Err(Error::field("scope", "must be 'mine' or 'public'").into()),
    }
}

pub(super) async fn show(
    State(chat): State<Arc<Chat>>,
    Identity(who): Identity,
    Named(room): Named<RoomId>,
) -> Answer<Json<Room>> {
    Ok(Json(chat.room(who, room).await?))
}

pub(super) async fn change(
    State(chat): State<Arc<Chat>>,
    Identity(who): Identity,
    Named(room): Named<RoomId>,
    Body(input): Body,
) -> Answer<Json<Room>> {
    let change = RoomChange::read(input)?;
    Ok(Json(chat.change_room(who, room, change).await?))
}

pub(super) async fn delete(
    State(chat): State<Arc<Chat>>,
    Identity(who): Identity,
    Named(room): Named<RoomId>,
) -> Answer<StatusCode> {
    chat.delete_room(who, room).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn join(
    State(chat): State<Arc<Chat>>,
    Identity(who): Identity,
    Named(room): Named<RoomId>,
) -> Answer<Json<Joined>> {
    Ok(Json(chat.join_room(who, room).await?))
}

pub(super) async fn leave(
    State(chat): State<Arc<Chat>>,
    Identity(who): Identity,
    Named(room): Named<RoomId>,
) -> Answer<StatusCode> {
    chat.leave_room(who, room).await?;
    Ok(StatusCode::NO_CONTENT)
}
