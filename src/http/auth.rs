//! `/api/auth`: accounts, tokens and sessions; `/api/setup`: the first admin.

use super::body::Body;
use super::error::Answer;
use super::identity::{Client, Identity};
use super::list::Plural;
use super::path::Named;
use super::query::Parameters;
use crate::chat::{Chat, Login, SignedIn, Token};
use crate::model::{Session, SessionId};
use ::http::StatusCode;
use axum::Json;
use axum::extract::State;
use std::sync::Arc;

pub(super) async fn register(
    State(chat): State<Arc<Chat>>,
    Client(device): Client,
    Body(input): Body,
) -> Answer<(StatusCode, Json<SignedIn>)> {
    let registration = chat.read_registration(input)?;
    let signed_in = chat.register(registration, device).await?;
    Ok((StatusCode::CREATED, Json(signed_in)))
}

pub(super) async fn set_up(
    State(chat): State<Arc<Chat>>,
    Client(device): Client,
    Body(input): Body,
) -> Answer<(StatusCode, Json<SignedIn>)> {
    let signed_in = chat.set_up(chat.read_setup(input)?, device).await?;
    Ok((StatusCode::CREATED, Json(signed_in)))
}

pub(super) async fn check_setup(
    State(chat): State<Arc<Chat>>,
    Client(device): Client,
    Body(input): Body,
) -> Answer<StatusCode> {
    chat.check_setup(input, device).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn login(
    State(chat): State<Arc<Chat>>,
    Client(device): Client,
    Body(input): Body,
) -> Answer<Json<SignedIn>> {
    Ok(Json(chat.sign_in(Login::read(input)?, device).await?))
}

pub(super) async fn refresh(
    State(chat): State<Arc<Chat>>,
    Identity(who): Identity,
) -> Answer<Json<Token>> {
    Ok(Json(chat.refresh(who).await?))
}

pub(super) async fn logout(
    State(chat): State<Arc<Chat>>,
    Identity(who): Identity,
) -> Answer<StatusCode> {
    chat.end_session(who, who.session).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn change_password(
    State(chat): State<Arc<Chat>>,
    Identity(who): Identity,
    Body(input): Body,
) -> Answer<StatusCode> {
    let change = chat.read_password_change(input)?;
    chat.change_password(who, change).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn sessions(
    State(chat): State<Arc<Chat>>,
    Identity(who): Identity,
    parameters: Parameters,
) -> Answer<Json<Plural<Session>>> {
    let sessions = chat.sessions(who, parameters.page()?).await?;
    Ok(Json(Plural("sessions", sessions)))
}

pub(super) async fn end_session(
    State(chat): State<Arc<Chat>>,
    Identity(who): Identity,
    Named(session): Named<SessionId>,
) -> Answer<StatusCode> {
    chat.end_session(who, session).await?;
    Ok(StatusCode::NO_CONTENT)
}
