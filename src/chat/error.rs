//! One error for the whole domain, and one table from code to HTTP status.

use crate::model::Invalid;
use crate::store::{self, Unique};
use serde::Serialize;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::time::Duration;

/// What went wrong, for programs. The names never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// The request does not say what it should.
    InvalidInput,
    /// No token, a bad one, or one whose session ended.
    Unauthorized,
    /// Wrong name, e-mail address or password.
    InvalidCredentials,
    /// A member, but not allowed.
    Forbidden,
    /// The room is there and public, but the asker is not in it.
    NotAMember,
    /// Nothing of the kind, or nothing that the asker may know of.
    NotFound,
    /// Taken.
    AlreadyExists,
    /// A `clientId` that was used for another message.
    ClientIdConflict,
    /// Kept out of the room.
    Banned,
    /// Too often.
    RateLimited,
    /// The invite was used up, is out of date or was replaced.
    InviteExpired,
    /// The disk is full.
    StorageFull,
    /// Too much at once; nothing was done.
    Overloaded,
    /// A fault of the server.
    Internal,
}

impl Code {
    /// All of them, in the order of their declaration.
    pub const ALL: [Self; 14] = [
        Self::InvalidInput,
        Self::Unauthorized,
        Self::InvalidCredentials,
        Self::Forbidden,
        Self::NotAMember,
        Self::NotFound,
        Self::AlreadyExists,
        Self::ClientIdConflict,
        Self::Banned,
        Self::RateLimited,
        Self::InviteExpired,
        Self::StorageFull,
        Self::Overloaded,
        Self::Internal,
    ];

    /// Its name, as answers have it.
    pub fn name(self) -> String {
        match serde_json::to_value(self) {
            Ok(Value::String(name)) => name,
            _ => "internal".to_owned(),
        }
    }

    /// The HTTP status that goes with the code.
    pub fn status(self) -> u16 {
        match self {
            Self::InvalidInput => 400,
            Self::Unauthorized | Self::InvalidCredentials => 401,
            Self::Forbidden | Self::NotAMember | Self::Banned => 403,
            Self::NotFound => 404,
            Self::AlreadyExists | Self::ClientIdConflict => 409,
            Self::InviteExpired => 410,
            Self::RateLimited => 429,
            Self::Internal => 500,
            Self::Overloaded => 503,
            Self::StorageFull => 507,
        }
    }
}

/// Clients are asked to wait so long before they try an overloaded server again.
pub const OVERLOAD_WAIT: Duration = Duration::from_secs(1);

/// A refusal, or a fault. Serialised it is what answers, acks and `error` events hold.
#[derive(Debug, Clone, Serialize)]
pub struct Error {
    /// For programs.
    pub code: Code,
    /// For people.
    pub message: Cow<'static, str>,
    /// What the code has to say beside it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<Box<Value>>,
    /// Why the server is at fault: for its log, where the shell that answers writes it beside the
    /// request's id, and never told.
    #[serde(skip)]
    pub cause: Option<Box<str>>,
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl Error {
    /// An error without details.
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            message: message.into(),
            details: None,
            cause: None,
        }
    }

    /// One field of a request is wrong.
    pub fn field(name: &str, why: impl Into<String>) -> Self {
        Self::fields([(name.to_owned(), why.into())])
    }

    /// Some fields of a request are wrong; the message names the first.
    pub fn fields(fields: impl IntoIterator<Item = (String, String)>) -> Self {
        let fields: std::collections::BTreeMap<_, _> = fields.into_iter().collect();
        let first = fields.first_key_value().map_or_else(
            || "The request is not valid.".to_owned(),
            |(name, why)| format!("'{name}' {why}."),
        );
        Self::new(Code::InvalidInput, first).with(json!({ "fields": fields }))
    }

    /// The same with details.
    #[must_use]
    pub fn with(mut self, details: Value) -> Self {
        self.details = Some(Box::new(details));
        self
    }

    /// Nobody is signed in.
    pub fn unauthorized() -> Self {
        Self::new(
            Code::Unauthorized,
            "Sign in first: the token is missing, not valid, or its session has ended.",
        )
    }

    /// The one answer to every failed sign-in.
    pub fn invalid_credentials() -> Self {
        Self::new(
            Code::InvalidCredentials,
            "The name, e-mail address or password is wrong.",
        )
    }

    /// Somebody who is signed in does not know their own password.
    pub fn wrong_password() -> Self {
        Self::new(Code::InvalidCredentials, "Your current password is wrong.")
    }

    /// Allowed to others.
    pub fn forbidden(message: &'static str) -> Self {
        Self::new(Code::Forbidden, message)
    }

    /// No such thing; `what` is what follows "There is no", such as "such room".
    pub fn not_found(what: &'static str) -> Self {
        Self::new(Code::NotFound, format!("There is no {what} here."))
    }

    /// In the room one must be.
    pub fn not_a_member() -> Self {
        Self::new(Code::NotAMember, "You are not a member of this room.")
    }

    /// Typing is told only where one has the room open.
    pub fn room_not_open() -> Self {
        Self::forbidden("Send join_room before typing in a room.")
    }

    /// Kept out.
    pub fn banned() -> Self {
        Self::new(Code::Banned, "You were banned from this room.")
    }

    /// The invite lets nobody in any more.
    pub fn invite_expired() -> Self {
        Self::new(
            Code::InviteExpired,
            "This invite was used up, replaced or is out of date; ask for a new one.",
        )
    }

    /// Somebody else has it.
    pub fn taken(field: &'static str) -> Self {
        Self::new(Code::AlreadyExists, format!("This {field} is taken."))
            .with(json!({ "field": field }))
    }

    /// Too often; good again after `wait`.
    pub fn rate_limited(wait: Duration) -> Self {
        Self::new(Code::RateLimited, "Too many requests; wait a little.").again_after(wait)
    }

    fn again_after(self, wait: Duration) -> Self {
        let ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1);
        self.with(json!({ "retryAfterMs": ms }))
    }

    /// Too much at once.
    pub fn overloaded() -> Self {
        Self::overloaded_for(
            OVERLOAD_WAIT,
            "The server is too busy; nothing was done. Try again soon.",
        )
    }

    /// The same with words of its own; good again after `wait`, perhaps.
    pub fn overloaded_for(wait: Duration, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::Overloaded, message).again_after(wait)
    }

    /// Whole seconds after which to try again, for `Retry-After`.
    pub fn retry_after(&self) -> Option<u64> {
        let ms = self.details.as_ref()?["retryAfterMs"].as_u64()?;
        Some(ms.div_ceil(1000))
    }

    /// A fault of the server. Whoever answers logs its cause, once, under the request's id.
    pub fn internal(cause: &dyn std::fmt::Display) -> Self {
        Self {
            cause: Some(cause.to_string().into()),
            ..Self::new(
                Code::Internal,
                "Something went wrong on the server; its log says what, under this request's id.",
            )
        }
    }
}

impl From<Invalid> for Error {
    fn from(invalid: Invalid) -> Self {
        Self::field(invalid.field, invalid.why)
    }
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Unique(Unique::Username) => Self::taken("username"),
            store::Error::Unique(Unique::Email) => Self::taken("email"),
            store::Error::Unique(Unique::ClientId) => Self::client_id_conflict(),
            store::Error::Full => Self::new(
                Code::StorageFull,
                "The server's disk is full; nothing was written. Reading still works.",
            ),
            store::Error::Overloaded | store::Error::Closed | store::Error::TooSlow => {
                Self::overloaded()
            }
            other => Self::internal(&other),
        }
    }
}

impl Error {
    /// A `clientId` names one message for good.
    pub fn client_id_conflict() -> Self {
        Self::new(
            Code::ClientIdConflict,
            "This clientId was used for another message.",
        )
        .with(json!({ "field": "clientId" }))
    }
}
