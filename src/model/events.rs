//! What commands tell the world, as data: the domain knows no Socket.IO.

use super::{
    ConnectionId, Message, MessageId, Role, Room, RoomId, ServerRole, SessionId, Time, UserId,
};
use serde::Serialize;
use std::sync::Arc;

/// Whom an event is about.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Person {
    /// The account's id.
    pub user_id: UserId,
    /// The name to sign in with.
    pub username: Arc<str>,
    /// The name to show.
    pub display_name: Arc<str>,
}

/// The answer to `join_room`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RoomJoined {
    /// The room.
    pub room_id: RoomId,
    /// What the asker is in it.
    pub role: Role,
    /// The newest message's number; whatever comes after it is told live.
    pub last_seq: i64,
    /// Up to which message the asker has read.
    pub read_seq: i64,
    /// How many messages were told before this answer.
    pub replayed: usize,
    /// Whether those are all since the asker's `since`; else they are to be fetched by REST.
    pub complete: bool,
}

/// Something that was committed, told in commit order by the fan-out.
#[derive(Debug, Clone)]
pub enum Event {
    /// A connection of `person` is there; these are the rooms they are a member of.
    Attached {
        /// Which connection.
        connection: ConnectionId,
        /// Whose.
        person: Person,
        /// All rooms they are a member of.
        rooms: Vec<RoomId>,
        /// When.
        at: Time,
    },
    /// A connection opens a room: it gets `replay`, then the answer, then whatever comes.
    Subscribed {
        /// Which connection.
        connection: ConnectionId,
        /// What it missed, in order.
        replay: Vec<Message>,
        /// The answer.
        joined: RoomJoined,
        /// Not to be announced to the others.
        quiet: bool,
        /// When.
        at: Time,
    },
    /// A connection closes a room.
    Unsubscribed {
        /// Which connection.
        connection: ConnectionId,
        /// Which room.
        room: RoomId,
        /// When.
        at: Time,
    },
    /// Somebody types, or stops typing.
    Typing {
        /// On which connection.
        connection: ConnectionId,
        /// In which room.
        room: RoomId,
        /// Whether they type.
        is_typing: bool,
        /// When.
        at: Time,
    },
    /// A message was accepted.
    MessagePosted(Message),
    /// A message was edited or deleted.
    MessageUpdated(Message),
    /// Somebody has read up to a message.
    MessagesRead {
        /// Where.
        room: RoomId,
        /// Who.
        person: Person,
        /// Up to which number.
        seq: i64,
        /// The message of that number; nothing in an empty room.
        message_id: Option<MessageId>,
        /// Which connection said so, if one did.
        from: Option<ConnectionId>,
        /// When.
        at: Time,
    },
    /// Somebody became a member, or made the room.
    MemberJoined {
        /// The room as the new member sees it.
        room: Room,
        /// Who.
        person: Person,
        /// When.
        at: Time,
    },
    /// Somebody is a member no more.
    MemberLeft {
        /// Where.
        room: RoomId,
        /// Who.
        person: Person,
        /// Who removed them, if it was not themselves.
        by: Option<UserId>,
        /// When.
        at: Time,
    },
    /// A member's role changed.
    MemberUpdated {
        /// Where.
        room: RoomId,
        /// Whose.
        user: UserId,
        /// Into what.
        role: Role,
    },
    /// A room's name, description, privacy or owner changed.
    RoomUpdated(Room),
    /// A room is gone.
    RoomDeleted(RoomId),
    /// Somebody shows another name from now on.
    PersonChanged(Person),
    /// Sessions ended: what lives by them is cut.
    SessionsEnded(Vec<SessionId>),
    /// Somebody may do more, or less, on the whole server.
    ServerRoleChanged {
        /// Who.
        user: UserId,
        /// What they are now.
        role: ServerRole,
    },
}
