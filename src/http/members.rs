//! `/api/rooms/{roomId}/users` and `/bans`: who is in a room, and who is kept out.

use super::body::Body;
use super::error::Answer;
use super::identity::Identity;
use super::list::Plural;
use super::path::Named;
use super::query::Parameters;
use crate::chat::Chat;
use crate::model::{Ban, Invalid, Member, Role, RoomId, UserId};
use ::http::StatusCode;
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use std::sync::Arc;

/// A member's new role.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MemberRole {
    room_id: RoomId,
    user_id: UserId,
    role: Role,
}

fn read_role(text: &str) -> Result<Role, Invalid> {
    match text {
        "member" => Ok(Role::Member),
        "admin" => Ok(Role::Admin),
        _ => Err(Invalid {
            field: "role",
            why: "must be 'member' or 'admin'".to_owned(),
        }),
    }
}

pub(super) async fn list(
    State(chat): State<Arc<Chat>>,
    Identity(who): Identity,
    Named(room): Named<RoomId>,
    parameters: Parameters,
) -> Answer<Json<Plural<Member>>> {
    let members = chat.members(who, room, parameters.page()?).await?;
    Ok(Json(Plural("users", members)))
}

pub(super) async fn set_role(
    State(chat): State<Arc<Chat>>,
    Identity(who): Identity,
    Named(room_id): Named<RoomId>,
    Named(user_id): Named<UserId>,
    body: Body,
) -> Answer<Json<MemberRole>> {
    let role = body.only("role", read_role)?;
    let role = chat.set_member_role(who, room_id, user_id, role).await?;
    Ok(Json(MemberRole {
        room_id,
        user_id,
        role,
    }))
}

pub(super) async fn remove(
    State(chat): State<Arc<Chat>>,
    Identity(who): Identity,
    Named(room): Named<RoomId>,
    Named(user): Named<UserId>,
) -> Answer<StatusCode> {
    chat.remove_member(who, room, user).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn bans(
    State(chat): State<Arc<Chat>>,
    Identity(who): Identity,
    Named(room): Named<RoomId>,
    parameters: Parameters,
) -> Answer<Json<Plural<Ban>>> {
    let bans = chat.bans(who, room, parameters.page()?).await?;
    Ok(Json(Plural("bans", bans)))
}

pub(super) async fn ban(
    State(chat): State<Arc<Chat>>,
    Identity(who): Identity,
    Named(room): Named<RoomId>,
    Named(user): Named<UserId>,
) -> Answer<StatusCode> {
    chat.ban(who, room, user).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn unban(
    State(chat): State<Arc<Chat>>,
    Identity(who): Identity,
    Named(room): Named<RoomId>,
    Named(user): Named<UserId>,
) -> Answer<StatusCode> {
    chat.unban(who, room, user).await?;
    Ok(StatusCode::NO_CONTENT)
}
