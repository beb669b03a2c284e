//! What the database holds, as both shells tell it.

use super::{MessageId, RoomId, SessionId, Time, UserId};
use serde::Serialize;

/// What a user may do on the whole server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ServerRole {
    /// Nothing special.
    User,
    /// May remove any message, member or room.
    Admin,
}

/// What a member may do in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Reads and writes.
    Member,
    /// Also changes the room, removes and bans.
    Admin,
}

/// An account, as its owner sees it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// The account's id.
    pub id: UserId,
    /// The name to sign in with.
    pub username: String,
    /// The name that others see.
    pub display_name: String,
    /// Only ever told to the owner and to the server's admins.
    pub email: String,
    /// What they may do on the server.
    pub role: ServerRole,
    /// When they registered.
    pub created_at: Time,
    /// Told by the command line only.
    #[serde(skip)]
    pub disabled: bool,
}

/// A person, as others see them.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    /// The account's id.
    pub id: UserId,
    /// The name to sign in with.
    pub username: String,
    /// The name to show.
    pub display_name: String,
    /// Whether they are connected now.
    pub is_online: bool,
    /// When they were last connected; nothing for somebody who never was.
    pub last_seen_at: Option<Time>,
}

/// A room.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Room {
    /// The room's id.
    pub id: RoomId,
    /// Its name, not unique.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Whether only members know of it.
    pub is_private: bool,
    /// Who owns it: the one who may invite, name admins and delete it.
    pub created_by: UserId,
    /// When it was made.
    pub created_at: Time,
    /// How many members it has.
    pub member_count: i64,
    /// What the asker is in it; nothing for somebody who is not a member.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
}

/// A room in somebody's own list.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RoomSummary {
    /// The room.
    #[serde(flatten)]
    pub room: Room,
    /// The newest message's number; 0 when there is none.
    pub last_seq: i64,
    /// Up to which number the asker has read.
    pub read_seq: i64,
    /// How many came after that.
    pub unread: i64,
    /// The newest message.
    pub last_message: Option<Message>,
}

/// A member of a room.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Member {
    /// Who.
    pub user_id: UserId,
    /// Their name.
    pub username: String,
    /// The name to show.
    pub display_name: String,
    /// Whether they are connected now.
    pub is_online: bool,
    /// What they may do in the room.
    pub role: Role,
    /// Since when they are a member.
    pub joined_at: Time,
    /// Up to which message they have read.
    pub read_seq: i64,
}

/// A message, the same from REST, acks, replay and `receive_message`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// The message's id.
    pub id: MessageId,
    /// Where it was said.
    pub room_id: RoomId,
    /// Who said it.
    pub user_id: UserId,
    /// Their name.
    pub username: String,
    /// The name to show.
    pub display_name: String,
    /// What was said; empty once deleted.
    pub content: String,
    /// `text` unless the client said otherwise.
    pub message_type: String,
    /// When it was accepted.
    pub created_at: Time,
    /// The same as `created_at`, for clients that look for it here.
    pub timestamp: Time,
    /// Its place in the room: 1, 2, 3 … without a gap.
    pub seq: i64,
    /// What the sender's client called it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// Which message it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<MessageId>,
    /// When it was last changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edited_at: Option<Time>,
    /// When it was deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<Time>,
}

/// An invite, as those who may invite see it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Invite {
    /// What lets one in.
    pub token: String,
    /// The same as a link to the web UI.
    pub link: String,
    /// Into which room.
    pub room_id: RoomId,
    /// Until when; nothing for always.
    pub expires_at: Option<Time>,
    /// How often; nothing for without limit.
    pub max_uses: Option<i64>,
    /// How often it was used.
    pub uses: i64,
}

/// A sign-in on one device, as its owner sees it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// The session's id.
    pub id: SessionId,
    /// When they signed in.
    pub created_at: Time,
    /// When it was last used, to within a minute.
    pub last_seen_at: Time,
    /// What the client called itself when it signed in.
    pub user_agent: Option<String>,
    /// The address it signed in from.
    pub address: String,
    /// Whether the asker's own token belongs to it.
    pub current: bool,
}

/// A sign-in, as the server's operator sees it.
#[derive(Debug, Clone)]
pub struct KnownSession {
    /// The session; `current` says nothing.
    pub session: Session,
    /// Whose it is.
    pub user: UserId,
    /// Their name.
    pub username: String,
}

/// A room, as the server's operator sees it.
#[derive(Debug, Clone)]
pub struct KnownRoom {
    /// The room's id.
    pub id: RoomId,
    /// Its name, not unique.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Whether only members know of it.
    pub is_private: bool,
    /// The name of whoever owns it.
    pub created_by: String,
    /// When it was made.
    pub created_at: Time,
    /// How many members it has.
    pub member_count: i64,
    /// The newest message's number, and so how many there were.
    pub last_seq: i64,
}

/// Somebody who may not come back into a room.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ban {
    /// Who.
    pub user_id: UserId,
    /// Their name.
    pub username: String,
    /// The name to show.
    pub display_name: String,
    /// Who banned them.
    pub banned_by: UserId,
    /// When.
    pub created_at: Time,
}
