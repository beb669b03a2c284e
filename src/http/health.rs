//! What watchers of the process ask.

use super::error::Answer;
use crate::chat::Chat;
use axum::extract::State;
use std::sync::Arc;

/// The process is alive.
pub(super) async fn alive() -> &'static str {
    "ok\n"
}

/// The database answers.
pub(super) async fn ready(State(chat): State<Arc<Chat>>) -> Answer<&'static str> {
    chat.ready().await?;
    Ok("ok\n")
}
