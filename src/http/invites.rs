//! Invites: a room's own, and what one may do with a token.

use super::body::Body;
use super::error::Answer;
use super::identity::{Anybody, Identity};
use super::path::{InviteToken, Named};
use crate::chat::{Chat, InviteRequest, InvitedTo, Joined};
use crate::model::{Invite, RoomId};
use ::http::StatusCode;
use axum::Json;
use axum::extract::State;
use std::sync::Arc;

pub(super) async fn make(
    State(chat): State<Arc<Chat>>,
    Identity(who): Identity,
    Named(room): Named<RoomId>,
    Body(input): Body,
) -> Answer<(StatusCode, Json<Invite>)> {
    let request = InviteRequest::read(input)?;
    let invite = chat.make_invite(who, room, request).await?;
    Ok((StatusCode::CREATED, Json(invite)))
}

/// `null` where there is none: whoever may ask is refused nothing.
pub(super) async fn show(
    State(chat): State<Arc<Chat>>,
    Identity(who): Identity,
    Named(room): Named<RoomId>,
) -> Answer<Json<Option<Invite>>> {
    Ok(Json(chat.invite(who, room).await?))
}

pub(super) async fn revoke(
    State(chat): State<Arc<Chat>>,
    Identity(who): Identity,
    Named(room): Named<RoomId>,
) -> Answer<StatusCode> {
    chat.revoke_invite(who, room).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes no sign-in: whoever has the token may see what it is for before they register.
pub(super) async fn preview(
    State(chat): State<Arc<Chat>>,
    Anybody: Anybody,
    Named(InviteToken(token)): Named<InviteToken>,
) -> Answer<Json<InvitedTo>> {
    Ok(Json(chat.invited_to(token).await?))
}

pub(super) async fn accept(
    State(chat): State<Arc<Chat>>,
    Identity(who): Identity,
    Named(InviteToken(token)): Named<InviteToken>,
) -> Answer<Json<Joined>> {
    Ok(Json(chat.accept_invite(who, token).await?))
}
