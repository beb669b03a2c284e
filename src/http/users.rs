//! `/api/users`: oneself and others.

use super::body::Body;
use super::error::Answer;
use super::identity::Identity;
use super::list::Plural;
use super::path::Named;
use super::query::Parameters;
use crate::chat::{AccountChange, Chat};
use crate::model::{Profile, User, UserId};
use axum::Json;
use axum::extract::State;
use std::sync::Arc;

pub(super) async fn me(
    State(chat): State<Arc<Chat>>,
    Identity(who): Identity,
) -> Answer<Json<User>> {
    Ok(Json(chat.me(who).await?))
}

pub(super) async fn change_me(
    State(chat): State<Arc<Chat>>,
    Identity(who): Identity,
    Body(input): Body,
) -> Answer<Json<User>> {
    let change = AccountChange::read(input)?;
    Ok(Json(chat.change_me(who, change).await?))
}

pub(super) async fn people(
    State(chat): State<Arc<Chat>>,
    Identity(_): Identity,
    parameters: Parameters,
) -> Answer<Json<Plural<Profile>>> {
    let people = chat
        .people(parameters.search()?, parameters.page()?)
        .await?;
    Ok(Json(Plural("users", people)))
}

pub(super) async fn person(
    State(chat): State<Arc<Chat>>,
    Identity(_): Identity,
    Named(user): Named<UserId>,
) -> Answer<Json<Profile>> {
    Ok(Json(chat.person(user).await?))
}
