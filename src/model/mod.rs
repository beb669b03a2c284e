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

use std::net::{IpAddr, Ipv6Addr};

/// Bits of an IPv6 address that name its host within a network; the others name the network, and one
/// customer has all of it (RFC 6177).
const IPV6_HOST_BITS: u32 = 64;

/// The address of a client: the peer's own or, behind a trusted proxy, the forwarded one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientAddress(pub IpAddr);

impl ClientAddress {
    /// What a client is counted by: an IPv4 address, also one that is mapped into IPv6, is a client;
    /// of IPv6 addresses all of a /64 are one client, which stands for them by its first address.
    pub fn network(self) -> IpAddr {
        match self.0.to_canonical() {
            IpAddr::V6(address) => {
                let network = address.to_bits() >> IPV6_HOST_BITS << IPV6_HOST_BITS;
                IpAddr::V6(Ipv6Addr::from_bits(network))
            }
            v4 @ IpAddr::V4(_) => v4,
        }
    }
}
