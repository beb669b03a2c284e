//! What the command line may ask of a chat server, and how it is done. A running server takes these
//! requests on a Unix socket in its data folder; when none runs, the command line performs them
//! itself, by the same function.
//!
//! On the socket a connection carries one request and one answer, each a line of JSON of at most
//! 64 KiB. Whoever may open the socket may do everything: it is for the owner of the folder only.

mod client;
mod copies;
mod imports;
mod listener;
mod place;
mod shown;

pub use client::{AskError, ask, is_served, whereabouts};
pub use copies::Copies;
pub use imports::{ENTRIES_BYTES, ImportStep};
pub use listener::Control;
pub use shown::{Live, Origin, Room, Session, Stats, Whereabouts};

use super::witness::Witness;
use crate::chat::{Chat, Code, Error, ImportCheck, NewAccount, Page};
use crate::model::{EmailAddress, RoomId, Secret, ServerRole, SessionId, User, Username};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The longest line, in bytes, with its end. A page of accounts fits with the longest names.
const LINE_BYTES: usize = 64 * 1024;
/// A request must have come, and been performed, after so long.
const DEADLINE: Duration = Duration::from_secs(10);

/// Something that the command line wants.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case")]
pub enum Request {
    /// Make an account, whatever the registration policy.
    AddUser {
        /// The name to sign in with.
        username: String,
        /// The e-mail address.
        email: String,
        /// The password.
        password: Secret,
        /// What they may do on the server.
        role: Role,
    },
    /// A page of all accounts, by name.
    ListUsers {
        /// Where the page begins; nothing for the first.
        cursor: Option<String>,
    },
    /// Set the password of an account, which ends its sessions.
    SetPassword {
        /// The account's name or e-mail address.
        name: String,
        /// The new password.
        password: Secret,
    },
    /// Set what somebody may do on the server.
    SetRole {
        /// The account's name or e-mail address.
        name: String,
        /// What they may do from now on.
        role: Role,
    },
    /// Disable an account, which ends its sessions, or enable it again.
    SetDisabled {
        /// The account's name or e-mail address.
        name: String,
        /// Whether it is disabled from now on.
        disabled: bool,
    },
    /// A page of all rooms.
    ListRooms {
        /// Where the page begins; nothing for the first.
        cursor: Option<String>,
    },
    /// One room.
    ShowRoom {
        /// Which.
        id: RoomId,
    },
    /// Delete a room for everybody.
    DeleteRoom {
        /// Which.
        id: RoomId,
    },
    /// A page of all sessions that are good.
    ListSessions {
        /// The name or e-mail address of whose; nothing for everybody's.
        user: Option<String>,
        /// Where the page begins; nothing for the first.
        cursor: Option<String>,
    },
    /// End a session.
    EndSession {
        /// Which.
        id: SessionId,
    },
    /// Say how much there is.
    Stats,
    /// Do a step of an import.
    Import {
        /// Which.
        step: ImportStep,
    },
    /// Say where a request came from whose query is this word; the first question has the server look out for
    /// it.
    Witness {
        /// The word, which nobody else knows.
        word: String,
    },
    /// Say where the server is.
    Whereabouts,
    /// Begin a copy of the database, in the data folder.
    BeginCopy,
    /// Say how far a copy is. One that is not asked about for 10 s is removed.
    AskCopy {
        /// The number that it was given.
        number: u64,
    },
    /// Remove a copy.
    EndCopy {
        /// The number that it was given.
        number: u64,
    },
}

/// What somebody may do on the server, as the command line calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// May remove any message, member or room.
    Admin,
    /// Nothing special.
    User,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Admin => "admin",
            Self::User => "user",
        })
    }
}

impl From<Role> for ServerRole {
    fn from(role: Role) -> Self {
        match role {
            Role::Admin => Self::Admin,
            Role::User => Self::User,
        }
    }
}

impl From<ServerRole> for Role {
    fn from(role: ServerRole) -> Self {
        match role {
            ServerRole::Admin => Self::Admin,
            ServerRole::User => Self::User,
        }
    }
}

/// An account, as the server's operator sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Account {
    /// The account's id, a UUID.
    pub id: String,
    /// The name to sign in with.
    pub username: String,
    /// The name that others see.
    pub display_name: String,
    /// The e-mail address.
    pub email: String,
    /// What they may do on the server.
    pub role: Role,
    /// Whether nobody can sign in with it.
    pub disabled: bool,
    /// When it was made: RFC 3339, UTC, with milliseconds.
    pub created_at: String,
}

impl From<User> for Account {
    fn from(user: User) -> Self {
        Self {
            id: user.id.to_string(),
            username: user.username,
            display_name: user.display_name,
            email: user.email,
            role: user.role.into(),
            disabled: user.disabled,
            created_at: user.created_at.to_string(),
        }
    }
}

/// What requests are about.
#[derive(Clone)]
pub struct Desk {
    /// The domain.
    pub chat: Arc<Chat>,
    /// The copies that are made for backups.
    pub copies: Copies,
    /// Who came by a request of the command line's own.
    pub witness: Witness,
    /// Where the server is, if one runs.
    pub whereabouts: Option<Whereabouts>,
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Answer {
    /// The account, as it is now.
    User(Account),
    /// The account, as it is now.
    Changed {
        /// The account.
        user: Account,
        /// Whether the server has an admin who can sign in.
        has_admin: bool,
    },
    /// A page of accounts.
    Users {
        /// The accounts, by name.
        users: Vec<Account>,
        /// Where the next page begins, if there is one.
        next_cursor: Option<String>,
    },
    /// The room, as it is now or was until now.
    Room(Room),
    /// A page of rooms.
    Rooms {
        /// The rooms, without their descriptions.
        rooms: Vec<Room>,
        /// Where the next page begins, if there is one.
        next_cursor: Option<String>,
    },
    /// The session that ended.
    Session(Session),
    /// A page of sessions.
    Sessions {
        /// The sessions.
        sessions: Vec<Session>,
        /// Where the next page begins, if there is one.
        next_cursor: Option<String>,
    },
    /// How much there is.
    Stats(Stats),
    /// Where a request came from, once it has.
    Witness(Option<Origin>),
    /// Where the server is; nothing when none runs.
    Whereabouts(Option<Whereabouts>),
    /// A copy of the database.
    Copy(CopyState),
    /// What of an import is here already.
    ImportCheck(ImportCheck),
    /// What was left of a room.
    Cleared {
        /// Whether nothing is left of it now.
        is_gone: bool,
    },
    /// It is done, and there is nothing to say.
    Done,
}

/// How far a copy of the database is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CopyState {
    /// What it is known by.
    pub number: u64,
    /// Pages that are copied.
    pub done: u64,
    /// Pages in all; they become more while others write.
    pub pages: u64,
    /// Whether the file is there as a whole.
    pub is_ready: bool,
}

/// Why nothing came of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// For programs: one of the codes of the API's errors.
    pub code: String,
    /// For people: what is wrong and what to do.
    pub message: String,
}

impl Refusal {
    /// Too much is going on.
    pub fn busy(message: impl Into<String>) -> Self {
        Self::new(Code::Overloaded, message)
    }

    /// Whether too much was going on, so that another try may do it.
    pub fn is_busy(&self) -> bool {
        self.code == Code::Overloaded.name()
    }

    fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code: code.name(),
            message: message.into(),
        }
    }
}

/// What a request ends in. On the wire it is `{"Ok": …}` or `{"Err": …}`.
pub type Outcome = Result<Answer, Refusal>;

/// Performs a request.
///
/// # Errors
/// A [`Refusal`] that names what was asked for and the way out. The cause of a fault is in the log only.
pub async fn perform(desk: &Desk, request: &Request) -> Outcome {
    let performed = act(desk, request).await;
    performed.unwrap_or_else(|error| {
        if let Some(cause) = &error.cause {
            tracing::error!(%cause, "a request of the command line failed by the server's fault");
        }
        Err(explain(request, &error))
    })
}

async fn act(desk: &Desk, request: &Request) -> Result<Outcome, Error> {
    let Desk {
        chat,
        copies,
        witness,
        whereabouts,
    } = desk;
    let user = match request.clone() {
        Request::AddUser {
            username,
            email,
            password,
            role,
        } => {
            let account = NewAccount {
                username: Username::new(&username)?,
                email: EmailAddress::new(&email)?,
                password: chat.new_password("password", &password.0)?,
                role: role.into(),
            };
            let user = chat.add_user(account).await?;
            tracing::info!(id = %user.id, %role, "account added from the command line");
            user
        }
        Request::ListUsers { cursor } => {
            let page = chat.users(Page::new(None, cursor.as_deref())?).await?;
            return Ok(Ok(Answer::Users {
                users: page.items.into_iter().map(Account::from).collect(),
                next_cursor: page.next_cursor,
            }));
        }
        Request::SetPassword { name, password } => {
            let password = chat.new_password("password", &password.0)?;
            let user = chat.set_password(name, password).await?;
            tracing::info!(id = %user.id, "password set from the command line");
            user
        }
        Request::SetRole { name, role } => {
            let (user, has_admin) = chat.set_server_role(name, role.into()).await?;
            tracing::info!(id = %user.id, %role, "role set from the command line");
            let user = user.into();
            return Ok(Ok(Answer::Changed { user, has_admin }));
        }
        Request::SetDisabled { name, disabled } => {
            let (user, has_admin) = chat.set_disabled(name, disabled).await?;
            tracing::info!(id = %user.id, disabled, "account set from the command line");
            let user = user.into();
            return Ok(Ok(Answer::Changed { user, has_admin }));
        }
        Request::ListRooms { cursor } => return rooms(chat, cursor).await.map(Ok),
        Request::ShowRoom { id } => return Ok(Ok(Answer::Room(chat.any_room(id).await?.into()))),
        Request::DeleteRoom { id } => {
            let room = chat.delete_any_room(id).await?;
            tracing::info!(%id, "room deleted from the command line");
            return Ok(Ok(Answer::Room(room.into())));
        }
        Request::ListSessions { user, cursor } => {
            return sessions(chat, user, cursor).await.map(Ok);
        }
        Request::EndSession { id } => {
            let session = chat.end_any_session(id).await?;
            tracing::info!(%id, "session ended from the command line");
            return Ok(Ok(Answer::Session(session.into())));
        }
        Request::Stats => return Ok(Ok(Answer::Stats(chat.totals().await?.into()))),
        Request::Import { step } => return imports::perform(chat, step).await.map(Ok),
        Request::Witness { word } => {
            return Ok(Ok(Answer::Witness(witness.ask(&word).map(Into::into))));
        }
        Request::Whereabouts => return Ok(Ok(Answer::Whereabouts(whereabouts.clone()))),
        Request::BeginCopy => return Ok(copies.begin().await),
        Request::AskCopy { number } => return Ok(copies.ask(number)),
        Request::EndCopy { number } => return Ok(copies.end(number).await),
    };
    Ok(Ok(Answer::User(user.into())))
}

async fn rooms(chat: &Chat, cursor: Option<String>) -> Result<Answer, Error> {
    let page = chat.all_rooms(Page::new(None, cursor.as_deref())?).await?;
    let rooms = page.items.into_iter().map(Room::from);
    Ok(Answer::Rooms {
        rooms: rooms.map(Room::without_description).collect(),
        next_cursor: page.next_cursor,
    })
}

async fn sessions(
    chat: &Chat,
    user: Option<String>,
    cursor: Option<String>,
) -> Result<Answer, Error> {
    let page = Page::new(None, cursor.as_deref())?;
    let page = match user {
        Some(name) => chat.sessions_of(name, page).await?,
        None => chat.all_sessions(page).await?,
    };
    Ok(Answer::Sessions {
        sessions: page.items.into_iter().map(Session::from).collect(),
        next_cursor: page.next_cursor,
    })
}

/// Says what is wrong in the words of who asked: the domain knows no names any more by then.
fn explain(request: &Request, error: &Error) -> Refusal {
    let message = match (error.code, request) {
        (
            Code::NotFound,
            Request::SetPassword { name, .. }
            | Request::SetRole { name, .. }
            | Request::SetDisabled { name, .. }
            | Request::ListSessions {
                user: Some(name), ..
            },
        ) => format!("there is no account {name:?}; \"chatd user list\" shows all that there are"),
        (
            Code::AlreadyExists,
            Request::AddUser {
                username, email, ..
            },
        ) => {
            let taken = error.details.as_ref().map(|details| &details["field"]);
            if taken.is_some_and(|field| field == "email") {
                format!("the e-mail address {email:?} belongs to an account already; name another")
            } else {
                format!(
                    "the username {username:?}, or one that looks like it, is taken; choose another"
                )
            }
        }
        // The names were checked before they came here.
        (Code::InvalidInput, Request::AddUser { .. } | Request::SetPassword { .. }) => {
            let why = error.details.as_ref().and_then(|told| told["fields"]["password"].as_str());
            why.map_or_else(|| error.message.to_string(), |why| format!("the password {why}; choose another"))
        }
        (Code::NotFound, Request::ShowRoom { id } | Request::DeleteRoom { id }) => {
            format!("there is no room {id}; \"chatd room list\" shows all that there are")
        }
        (Code::NotFound, Request::EndSession { id }) => {
            format!("there is no session {id}; \"chatd session list\" shows all that there are")
        }
        (Code::StorageFull, _) => {
            "the disk of the data folder is full; make room there, then try again".to_owned()
        }
        (Code::Internal, _) => {
            "this could not be done; the server's log says why, or the line above where no server runs"
                .to_owned()
        }
        _ => error.message.to_string(),
    };
    Refusal::new(error.code, message)
}
