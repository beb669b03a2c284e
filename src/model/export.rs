//! What an export is made of: JSON Lines, each an [`Entry`]. The first says what it is, the last how much
//! there was, so that one whose end is missing is found out. In between whatever names something comes
//! after it: accounts, then each room with its members, bans, invites and messages.

use super::{MessageId, RoomId, Secret, Time, UserId};
use serde::{Deserialize, Serialize};

/// The form of the lines; another number is for whoever comes to change it.
pub const EXPORT_FORMAT: u32 = 1;

/// One line. `type` says which.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Entry {
    /// The first line.
    Export(ExportHead),
    /// An account.
    User(UserEntry),
    /// A room.
    Room(RoomEntry),
    /// Somebody who is in a room.
    Member(MemberEntry),
    /// Somebody who may not come into a room.
    Ban(BanEntry),
    /// An invite, good or not. The newest of a room that was not revoked is the one that is shown.
    Invite(InviteEntry),
    /// A message. Those of a room come in the order of `seq`: 1, 2, 3 …
    Message(MessageEntry),
    /// The last line.
    End(ExportEnd),
}

/// What an export says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExportHead {
    /// The form of the lines.
    pub format: u32,
    /// What made it, such as `chatd 0.1.0`.
    pub made_by: String,
    /// The moment of which it tells.
    pub created_at: Time,
}

/// An account. Sessions are not carried: everybody signs in again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UserEntry {
    /// Its id.
    pub id: UserId,
    /// The name to sign in with.
    pub username: String,
    /// The name that others see.
    pub display_name: String,
    /// The e-mail address.
    pub email: String,
    /// The hash of the password, as a PHC string or in bcrypt's form; what is neither fits no password.
    pub password_hash: Secret,
    /// Whether they may do everything on the server.
    pub is_admin: bool,
    /// Whether nobody can sign in with it.
    pub is_disabled: bool,
    /// When it was made.
    pub created_at: Time,
    /// When they were last connected.
    pub last_seen_at: Option<Time>,
}

/// A room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RoomEntry {
    /// Its id.
    pub id: RoomId,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Whether only members know of it.
    pub is_private: bool,
    /// Who owns it.
    pub created_by: UserId,
    /// When it was made.
    pub created_at: Time,
}

/// Somebody who is in a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MemberEntry {
    /// The room.
    pub room_id: RoomId,
    /// Who.
    pub user_id: UserId,
    /// Whether they may change the room, remove and ban.
    pub is_admin: bool,
    /// Since when.
    pub joined_at: Time,
    /// Up to which message they have read; 0 for none.
    pub read_seq: i64,
}

/// Somebody who may not come into a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BanEntry {
    /// The room.
    pub room_id: RoomId,
    /// Who.
    pub user_id: UserId,
    /// Who said so.
    pub banned_by: UserId,
    /// When.
    pub created_at: Time,
}

/// An invite.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InviteEntry {
    /// Its token.
    pub token: String,
    /// The room that it lets into.
    pub room_id: RoomId,
    /// Who made it.
    pub created_by: UserId,
    /// When.
    pub created_at: Time,
    /// Until when it is good; nothing for ever.
    pub expires_at: Option<Time>,
    /// For how many it is good; nothing for any number.
    pub max_uses: Option<i64>,
    /// How many it has let in.
    pub uses: i64,
    /// When it was replaced or taken back.
    pub revoked_at: Option<Time>,
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MessageEntry {
    /// Its id.
    pub id: MessageId,
    /// Its room.
    pub room_id: RoomId,
    /// Its number in the room.
    pub seq: i64,
    /// Who wrote it.
    pub user_id: UserId,
    /// What it says; nothing is left of a deleted one.
    pub content: String,
    /// What kind it is: `text`, `system` …
    pub message_type: String,
    /// What its sender's client called it.
    pub client_id: Option<String>,
    /// The message that it answers.
    pub reply_to: Option<MessageId>,
    /// When it was written.
    pub created_at: Time,
    /// When it was last changed.
    pub edited_at: Option<Time>,
    /// When it was deleted.
    pub deleted_at: Option<Time>,
}

/// How much there was.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExportEnd {
    /// Accounts.
    pub users: u64,
    /// Rooms.
    pub rooms: u64,
    /// Messages.
    pub messages: u64,
}
