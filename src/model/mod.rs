//! Plain data that everybody shares: ids, validated names, records, events. No I/O, no async.

mod events;
mod ids;
mod names;
mod records;
mod time;

pub use events::{Event, Person, RoomJoined};
pub use ids::{ConnectionId, MessageId, RoomId, SessionId, UserId};
pub use names::{
    ClientId, Content, Description, DisplayName, EmailAddress, Invalid, MessageType, Password,
    RoomName, SYSTEM_MESSAGE, Username,
};
pub use records::{
    Ban, Invite, Member, Message, Profile, Role, Room, RoomSummary, ServerRole, Session, User,
};
pub use time::Time;

/// The address of a client: the peer's own or, behind a trusted proxy, the forwarded one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientAddress(pub std::net::IpAddr);
