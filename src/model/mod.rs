//! Plain data that everybody shares: ids, validated names, records, events, counters. No I/O, no async.

mod codes;
mod count;
mod events;
mod export;
mod ids;
mod imported;
mod names;
mod new;
mod password;
mod records;
mod secret;
mod size;
mod time;
mod visible;

pub use codes::{ClientId, InviteToken, MessageType, SYSTEM_MESSAGE};
pub use count::{Counter, Gauge, Histogram};
pub use events::{Event, Person, RoomJoined};
pub use export::{
    BanEntry, EXPORT_FORMAT, Entry, ExportEnd, ExportHead, InviteEntry, MemberEntry, MessageEntry,
    RoomEntry, UserEntry,
};
pub use ids::{ConnectionId, MessageId, RoomId, SessionId, UserId};
pub use imported::Imported;
pub use names::{Content, Description, DisplayName, EmailAddress, Invalid, RoomName, Username};
pub use new::{NewRoom, NewUser};
pub use password::Password;
pub use records::{
    Ban, Invite, KnownRoom, KnownSession, Member, Message, Profile, Role, Room, RoomSummary,
    ServerRole, Session, User,
};
pub use secret::Secret;
pub use size::size;
pub use time::Time;
pub use visible::is_unseen;

use std::net::{IpAddr, Ipv6Addr};

/// The address of a client: the peer's own or, behind a trusted proxy, the forwarded one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientAddress(pub IpAddr);

/// The part of an IPv6 address that names a network and not an interface in it: 64 bits (RFC 4291,
/// section 2.5.4).
const NETWORK_BITS: u128 = !0 << 64;

impl ClientAddress {
    /// The address to count by: of IPv4 the address, also when it is mapped into IPv6; of IPv6 the
    /// first one of its network, since a single customer is given all of that.
    #[must_use]
    pub fn network(self) -> IpAddr {
        match self.0.to_canonical() {
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & NETWORK_BITS).into(),
            address @ IpAddr::V4(_) => address,
        }
    }
}
