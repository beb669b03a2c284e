//! Rooms, sessions, sums and addresses, as the server's operator sees them.

use super::super::witness::Seen;
use crate::chat::Totals;
use crate::config::Config;
use crate::model::{KnownRoom, KnownSession};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};

/// A room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Room {
    /// The room's id, a UUID.
    pub id: String,
    /// Its name, not unique.
    pub name: String,
    /// What it is for; not told in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whether only members know of it.
    pub is_private: bool,
    /// The username of whoever owns it.
    pub created_by: String,
    /// When it was made: RFC 3339, UTC, with milliseconds.
    pub created_at: String,
    /// How many members it has.
    pub members: i64,
    /// How many messages were written in it.
    pub messages: i64,
}

impl From<KnownRoom> for Room {
    fn from(room: KnownRoom) -> Self {
        Self {
            id: room.id.to_string(),
            name: room.name,
            description: room.description,
            is_private: room.is_private,
            created_by: room.created_by,
            created_at: room.created_at.to_string(),
            members: room.member_count,
            messages: room.last_seq,
        }
    }
}

impl Room {
    /// The same for a list, which the longest descriptions would make too long for an answer.
    #[must_use]
    pub fn without_description(mut self) -> Self {
        self.description = None;
        self
    }
}

/// A sign-in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// The session's id, a UUID.
    pub id: String,
    /// Whose it is.
    pub username: String,
    /// When they signed in: RFC 3339, UTC, with milliseconds.
    pub created_at: String,
    /// When it was last used, to within a minute.
    pub last_seen_at: String,
    /// The address it was begun from.
    pub address: String,
    /// What the client called itself then.
    pub user_agent: Option<String>,
}

impl From<KnownSession> for Session {
    fn from(known: KnownSession) -> Self {
        let session = known.session;
        Self {
            id: session.id.to_string(),
            username: known.username,
            created_at: session.created_at.to_string(),
            last_seen_at: session.last_seen_at.to_string(),
            address: session.address,
            user_agent: session.user_agent,
        }
    }
}

/// How much there is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stats {
    /// Accounts, disabled ones among them.
    pub accounts: i64,
    /// Sign-ins that are good.
    pub sessions: i64,
    /// Rooms.
    pub rooms: i64,
    /// Those of them that only members know of.
    pub private_rooms: i64,
    /// Messages that were written in them; deleted ones keep their place.
    pub messages: i64,
    /// Bytes of the database.
    pub database_bytes: u64,
    /// Bytes of its write-ahead log.
    pub log_bytes: u64,
    /// What only a running server knows.
    pub live: Option<Live>,
}

/// Who is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Live {
    /// People who are connected, or were seconds ago.
    pub people_online: u64,
    /// Socket.IO connections that are signed in.
    pub sockets: u64,
    /// The version of chatd that serves them.
    pub version: String,
}

impl From<Totals> for Stats {
    fn from(totals: Totals) -> Self {
        Self {
            accounts: totals.accounts,
            sessions: totals.sessions,
            rooms: totals.rooms,
            private_rooms: totals.private_rooms,
            messages: totals.messages,
            database_bytes: totals.database_bytes,
            log_bytes: totals.log_bytes,
            live: Some(Live {
                people_online: totals.people_online,
                sockets: totals.sockets,
                version: env!("CARGO_PKG_VERSION").to_owned(),
            }),
        }
    }
}

/// Where a running server is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Whereabouts {
    /// The address that is really listened on.
    pub address: SocketAddr,
    /// Whether it speaks TLS there.
    pub is_https: bool,
    /// What links begin with.
    pub public_url: String,
    /// The address that leads to `https://`, as the configuration has it, if there is one.
    pub redirect_from: Option<SocketAddr>,
    /// The one that shows metrics and nothing else, likewise.
    pub metrics: Option<SocketAddr>,
}

impl Whereabouts {
    /// Of a server of this configuration that listens there.
    pub fn of(config: &Config, address: SocketAddr) -> Self {
        Self {
            address,
            is_https: config.tls.is_on(),
            public_url: config.server.public_url.clone(),
            redirect_from: config.tls.redirect_from,
            metrics: config.metrics.listen,
        }
    }
}

/// Where a request came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Origin {
    /// The other end of its connection.
    pub peer: IpAddr,
    /// Whom the server takes for the client.
    pub client: IpAddr,
    /// Whether the other end names somebody for whom it speaks.
    #[serde(default)]
    pub is_forwarded: bool,
}

impl From<Seen> for Origin {
    fn from(seen: Seen) -> Self {
        Self {
            peer: seen.peer,
            client: seen.client,
            is_forwarded: seen.is_forwarded,
        }
    }
}
