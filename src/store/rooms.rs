//! Rooms. A deleted room keeps its row until its messages are purged, and is seen by nobody.

use super::Error;
use super::messages;
use super::sql::{FromValue, Row, ToValue, Tx, values};
use crate::model::{
    Description, KnownRoom, NewRoom, Role, Room, RoomId, RoomSummary, Time, UserId,
};

pub(crate) fn name_key(name: &str) -> String {
    name.to_lowercase()
}

/// Makes a room without anybody in it. With `hidden_until` nobody sees it, and it is purged from then on
/// unless it is shown before.
pub(crate) fn insert(
    tx: &mut Tx<'_>,
    room: &NewRoom,
    hidden_until: Option<Time>,
) -> Result<(), Error> {
    let description = room.description.as_ref().map(Description::as_str);
    tx.execute(
        "INSERT INTO rooms (id, name, name_key, description, is_private, created_by, created_at, deleted_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        values![
            room.id,
            room.name.as_str(),
            name_key(room.name.as_str()),
            description,
            room.is_private,
            room.created_by,
            room.created_at,
            hidden_until,
        ],
    )?;
    Ok(())
}

/// Reads a room whose columns come first: eight of its own, then the asker's `is_admin`.
fn read(row: &Row<'_>) -> Result<Room, Error> {
    let is_admin: Option<bool> = row.get(7)?;
    Ok(Room {
        id: row.get(0)?,
        name: row.get(1)?,
        description: row.get(2)?,
        is_private: row.get(3)?,
        created_by: row.get(4)?,
        created_at: row.get(5)?,
        member_count: row.get(6)?,
        role: is_admin.map(role),
    })
}

pub(crate) fn role(is_admin: bool) -> Role {
    if is_admin { Role::Admin } else { Role::Member }
}

/// A room with what `asker` is in it; also private ones, so the caller decides who is told.
pub(crate) fn get(tx: &mut Tx<'_>, id: RoomId, asker: UserId) -> Result<Option<Room>, Error> {
    tx.one(
        "SELECT r.id, r.name, r.description, r.is_private, r.created_by, r.created_at, r.member_count, m.is_admin
         FROM rooms r LEFT JOIN room_members m ON m.room_id = r.id AND m.user_id = ?
         WHERE r.id = ? AND r.deleted_at IS NULL",
        values![asker, id],
        read,
    )
}

/// Somebody's rooms in the order in which they joined, from after the given place on; each with
/// the time of joining, for the next page's place.
pub(crate) fn mine(
    tx: &mut Tx<'_>,
    user: UserId,
    name_like: &str,
    after: (Time, RoomId),
    limit: i64,
) -> Result<Vec<(Time, RoomSummary)>, Error> {
    let (at, id) = after;
    let mut rooms = tx.all(
        "SELECT r.id, r.name, r.description, r.is_private, r.created_by, r.created_at, r.member_count, m.is_admin,
                r.last_seq, m.read_seq, m.joined_at
         FROM room_members m JOIN rooms r ON r.id = m.room_id
         WHERE m.user_id = ? AND r.deleted_at IS NULL AND r.name_key LIKE ? ESCAPE '!'
           AND m.joined_at >= ? AND (m.joined_at > ? OR m.room_id > ?)
         ORDER BY m.joined_at, m.room_id LIMIT ?",
        values![user, name_like, at, at, id, limit],
        |row| {
            let (last_seq, read_seq): (i64, i64) = (row.get(8)?, row.get(9)?);
            let summary = RoomSummary {
                room: read(row)?,
                last_seq,
                read_seq,
                unread: (last_seq - read_seq).max(0),
                last_message: None,
            };
            Ok((row.get(10)?, summary))
        },
    )?;
    for (_, summary) in &mut rooms {
        if summary.last_seq > 0 {
            summary.last_message = messages::at(tx, summary.room.id, summary.last_seq)?;
        }
    }
    Ok(rooms)
}

/// Public rooms, the oldest first, from after the given place on.
pub(crate) fn public(
    tx: &mut Tx<'_>,
    asker: UserId,
    name_like: &str,
    after: (Time, RoomId),
    limit: i64,
) -> Result<Vec<Room>, Error> {
    let (at, id) = after;
    tx.all(
        "SELECT r.id, r.name, r.description, r.is_private, r.created_by, r.created_at, r.member_count, m.is_admin
         FROM rooms r LEFT JOIN room_members m ON m.room_id = r.id AND m.user_id = ?
         WHERE r.is_private = 0 AND r.deleted_at IS NULL AND r.name_key LIKE ? ESCAPE '!'
           AND r.created_at >= ? AND (r.created_at > ? OR r.id > ?)
         ORDER BY r.created_at, r.id LIMIT ?",
        values![asker, name_like, at, at, id, limit],
        read,
    )
}

fn read_known(row: &Row<'_>) -> Result<KnownRoom, Error> {
    Ok(KnownRoom {
        id: row.get(0)?,
        name: row.get(1)?,
        description: row.get(2)?,
        is_private: row.get(3)?,
        created_by: row.get(4)?,
        created_at: row.get(5)?,
        member_count: row.get(6)?,
        last_seq: row.get(7)?,
    })
}

/// All rooms by id, from after `after` on.
pub(crate) fn all(tx: &mut Tx<'_>, after: RoomId, limit: i64) -> Result<Vec<KnownRoom>, Error> {
    tx.all(
        "SELECT r.id, r.name, r.description, r.is_private, u.username, r.created_at, r.member_count, r.last_seq
         FROM rooms r JOIN users u ON u.id = r.created_by
         WHERE r.id > ? AND r.deleted_at IS NULL ORDER BY r.id LIMIT ?",
        values![after, limit],
        read_known,
    )
}

/// Any room, for whoever runs the server.
pub(crate) fn known(tx: &mut Tx<'_>, id: RoomId) -> Result<Option<KnownRoom>, Error> {
    tx.one(
        "SELECT r.id, r.name, r.description, r.is_private, u.username, r.created_at, r.member_count, r.last_seq
         FROM rooms r JOIN users u ON u.id = r.created_by
         WHERE r.id = ? AND r.deleted_at IS NULL",
        values![id],
        read_known,
    )
}

/// How many rooms there are, how many of them are private, and how many messages were written in them.
/// It reads all rooms' rows.
pub(crate) fn totals(tx: &mut Tx<'_>) -> Result<(i64, i64, i64), Error> {
    let nothing = RoomId(uuid::Uuid::nil());
    let totals = tx.one(
        "SELECT count(*), coalesce(sum(is_private), 0), coalesce(sum(last_seq), 0)
         FROM rooms WHERE id > ? AND deleted_at IS NULL",
        values![nothing],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
    )?;
    Ok(totals.unwrap_or_default())
}

pub(crate) fn update(tx: &mut Tx<'_>, room: &Room) -> Result<(), Error> {
    tx.execute(
        "UPDATE rooms SET name = ?, name_key = ?, description = ?, is_private = ?, created_by = ? WHERE id = ?",
        values![
            room.name,
            name_key(&room.name),
            room.description,
            room.is_private,
            room.created_by,
            room.id
        ],
    )?;
    Ok(())
}

/// Hides a room from everybody; what it holds is purged later.
pub(crate) fn hide(tx: &mut Tx<'_>, id: RoomId, at: Time) -> Result<(), Error> {
    tx.execute(
        "UPDATE rooms SET deleted_at = ? WHERE id = ?",
        values![at, id],
    )?;
    Ok(())
}

/// The rooms that were deleted. Those that are being imported are hidden as well, but until later.
pub(crate) fn deleted(tx: &mut Tx<'_>, now: Time) -> Result<Vec<RoomId>, Error> {
    tx.all(
        "SELECT id FROM rooms WHERE deleted_at <= ?",
        values![now],
        |row| row.get(0),
    )
}

/// Whether a room was deleted by `now` and has not been purged.
pub(crate) fn is_deleted(tx: &mut Tx<'_>, id: RoomId, now: Time) -> Result<bool, Error> {
    let found = tx.one(
        "SELECT 1 FROM rooms WHERE id = ? AND deleted_at <= ?",
        values![id, now],
        |_| Ok(()),
    )?;
    Ok(found.is_some())
}

/// How rows of one table that belong to a room are removed in parts, by a key that tells them apart.
struct HeldIn {
    /// The key of the row that so many others come before.
    key_after: &'static str,
    /// Removes the rows before a key.
    remove_before: &'static str,
    /// Removes all rows.
    remove_all: &'static str,
}

const MESSAGES: HeldIn = HeldIn {
    key_after: "SELECT seq FROM messages WHERE room_id = ? ORDER BY seq LIMIT 1 OFFSET ?",
    remove_before: "DELETE FROM messages WHERE room_id = ? AND seq < ?",
    remove_all: "DELETE FROM messages WHERE room_id = ?",
};
const MEMBERS: HeldIn = HeldIn {
    key_after: "SELECT user_id FROM room_members WHERE room_id = ? ORDER BY user_id LIMIT 1 OFFSET ?",
    remove_before: "DELETE FROM room_members WHERE room_id = ? AND user_id < ?",
    remove_all: "DELETE FROM room_members WHERE room_id = ?",
};
const BANS: HeldIn = HeldIn {
    key_after: "SELECT user_id FROM room_bans WHERE room_id = ? ORDER BY user_id LIMIT 1 OFFSET ?",
    remove_before: "DELETE FROM room_bans WHERE room_id = ? AND user_id < ?",
    remove_all: "DELETE FROM room_bans WHERE room_id = ?",
};
const INVITES: HeldIn = HeldIn {
    key_after: "SELECT token FROM room_invites WHERE room_id = ? ORDER BY token LIMIT 1 OFFSET ?",
    remove_before: "DELETE FROM room_invites WHERE room_id = ? AND token < ?",
    remove_all: "DELETE FROM room_invites WHERE room_id = ?",
};

/// Removes up to `limit` rows of what a hidden room holds, and when there are none left the room
/// itself. Says whether the room is gone.
pub(crate) fn purge(tx: &mut Tx<'_>, id: RoomId, limit: i64) -> Result<bool, Error> {
    let removed = remove::<i64>(tx, id, limit, &MESSAGES)?
        || remove::<UserId>(tx, id, limit, &MEMBERS)?
        || remove::<UserId>(tx, id, limit, &BANS)?
        || remove::<String>(tx, id, limit, &INVITES)?;
    if removed {
        return Ok(false);
    }
    tx.execute("DELETE FROM rooms WHERE id = ?", values![id])?;
    Ok(true)
}

/// Removes up to `limit` rows and says whether there were any. `DELETE … LIMIT` would be shorter, but
/// not every database knows it.
fn remove<K: FromValue + ToValue>(
    tx: &mut Tx<'_>,
    id: RoomId,
    limit: i64,
    held: &HeldIn,
) -> Result<bool, Error> {
    let next: Option<K> = tx.one(held.key_after, values![id, limit], |row| row.get(0))?;
    let removed = match next {
        Some(next) => tx.execute(held.remove_before, values![id, next])?,
        None => tx.execute(held.remove_all, values![id])?,
    };
    Ok(removed > 0)
}
