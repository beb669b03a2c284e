//! The REST shell and the web UI's files.
//!
//! A handler checks who is asking, makes one call and maps its result; the rules are in `chat`.
//! What the handlers take from a request are extractors, and each of them refuses in the same form.

mod assets;
mod auth;
mod body;
mod error;
mod health;
mod identity;
mod invites;
mod list;
mod members;
mod messages;
mod path;
mod query;
mod rooms;
mod users;

pub use error::Fault;

use crate::chat::Chat;
use axum::Router;
use axum::routing::{any, delete, get, patch, post, put};
use std::sync::Arc;

/// Everything that is served over plain HTTP. A request must carry
/// [`ClientAddress`](crate::model::ClientAddress) in its extensions.
pub fn router(chat: Arc<Chat>) -> Router {
    let programs = Router::new()
        .nest("/api", api())
        .nest("/api/v1", api())
        // The one path under `/api` that nesting leaves out.
        .route("/api/", any(error::no_such_route))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .method_not_allowed_fallback(error::wrong_method);
    programs.fallback(assets::index).with_state(chat)
}

fn api() -> Router<Arc<Chat>> {
    Router::new()
        .route("/setup", post(auth::set_up))
        .route("/setup/check", post(auth::check_setup))
        .route("/auth/register", post(auth::register))
        .route("/auth/login", post(auth::login))
        .route("/auth/refresh", post(auth::refresh))
        .route("/auth/logout", post(auth::logout))
        .route("/auth/password", put(auth::change_password))
        .route("/auth/sessions", get(auth::sessions))
        .route("/auth/sessions/{sessionId}", delete(auth::end_session))
        .route("/users", get(users::people))
        .route("/users/me", get(users::me).patch(users::change_me))
        .route("/users/{userId}", get(users::person))
        .route("/rooms", get(rooms::list).post(rooms::create))
        .route("/rooms/invites/{token}", get(invites::preview))
        .route("/rooms/invites/{token}/join", post(invites::accept))
        .route(
            "/rooms/{roomId}",
            get(rooms::show).patch(rooms::change).delete(rooms::delete),
        )
        .route("/rooms/{roomId}/join", post(rooms::join))
        .route("/rooms/{roomId}/leave", post(rooms::leave))
        .route("/rooms/{roomId}/users", get(members::list))
        .route(
            "/rooms/{roomId}/users/{userId}",
            patch(members::set_role).delete(members::remove),
        )
        .route("/rooms/{roomId}/bans", get(members::bans))
        .route(
            "/rooms/{roomId}/bans/{userId}",
            put(members::ban).delete(members::unban),
        )
        .route(
            "/rooms/{roomId}/invites",
            get(invites::show)
                .post(invites::make)
                .delete(invites::revoke),
        )
        .route(
            "/rooms/{roomId}/messages",
            get(messages::history).post(messages::post),
        )
        .route("/rooms/{roomId}/messages/read", post(messages::mark_read))
        .route(
            "/rooms/{roomId}/messages/{messageId}",
            patch(messages::edit).delete(messages::delete),
        )
        .fallback(error::no_such_route)
}
