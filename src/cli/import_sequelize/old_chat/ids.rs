//! Ids: those that are UUIDs are kept, the others become UUIDs that are the same each time, so that a
//! second run finds what the first has brought.

use crate::model::{MessageId, RoomId, Time, UserId};
use std::fmt;
use uuid::{Builder, Uuid};

/// Where the names of old ids are (RFC 9562, section 6.6). It never changes.
const NAMESPACE: Uuid = Uuid::from_u128(0x5d0c_7ab2_9e41_4f6b_8a37_c1e4_02d9_6f58);
/// Bytes of a UUID.
const UUID_BYTES: usize = 16;

/// An id of the old database, in the form in which it is compared: of UUIDs the usual one, of all else
/// what stands there, in small letters, since MySQL does not tell them from capitals either.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct OldId(String);

impl OldId {
    /// Reads a cell; nothing if there is no id in it. `is_binary` says that its column has bytes, not text.
    pub fn read(cell: &[u8], is_binary: bool) -> Option<Self> {
        if is_binary
            && cell.len() == UUID_BYTES
            && let Ok(id) = Uuid::from_slice(cell)
        {
            return Some(Self(id.to_string()));
        }
        let text = String::from_utf8_lossy(cell);
        let text = text.trim();
        if text.is_empty() {
            return None;
        }
        let id = Uuid::try_parse(text).map(|id| id.to_string());
        Some(Self(id.unwrap_or_else(|_| text.to_lowercase())))
    }

    /// The UUID that it is, or the one that is made of it.
    fn uuid(&self, table: &str) -> Uuid {
        Uuid::try_parse(&self.0).unwrap_or_else(|_| made(table, &self.0))
    }

    /// The account of this id.
    pub fn user(&self) -> UserId {
        UserId(self.uuid("users"))
    }

    /// The room of this id.
    pub fn room(&self) -> RoomId {
        RoomId(self.uuid("rooms"))
    }

    /// The message of this id, written at `at`, or that part of it. What is no UUID becomes one of
    /// version 7, so that those of the same time are stored beside each other.
    pub fn message(&self, part: usize, at: Time) -> MessageId {
        if part == 0
            && let Ok(id) = Uuid::try_parse(&self.0)
        {
            return MessageId(id);
        }
        let name = made("messages", &format!("{}/{part}", self.0));
        let mut random = [0; 10];
        random.copy_from_slice(&name.as_bytes()[..10]);
        let ms = u64::try_from(at.0).unwrap_or(0);
        MessageId(Builder::from_unix_timestamp_millis(ms, &random).into_uuid())
    }
}

impl fmt::Display for OldId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The account under which messages are kept whose author is gone.
pub(super) fn nobody() -> UserId {
    UserId(made("users", ""))
}

fn made(table: &str, id: &str) -> Uuid {
    Uuid::new_v5(&NAMESPACE, format!("{table}:{id}").as_bytes())
}

/// The message of a room with this number, where the old one has no id.
pub(super) fn without_id(room: RoomId, seq: i64, at: Time) -> MessageId {
    OldId(format!("{room}/{seq}")).message(1, at)
}
