//! Who is in a room, who may not be, and how far each has read.

use super::Error;
use super::rooms::role;
use super::sql::{Row, Tx, values};
use crate::model::{Ban, Member, MemberEntry, Person, Role, RoomId, Time, UserId};

/// A room from one person's side: what every rule looks at.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    pub is_private: bool,
    pub created_by: UserId,
    pub last_seq: i64,
    pub member_count: i64,
    /// Nothing for somebody who is not a member.
    pub member: Option<Membership>,
}

/// What a member is in a room.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Membership {
    pub role: Role,
    pub read_seq: i64,
}

/// The room from `user`'s side; nothing if there is no such room.
pub(crate) fn access(tx: &mut Tx<'_>, room: RoomId, user: UserId) -> Result<Option<Access>, Error> {
    tx.one(
        "SELECT r.is_private, r.created_by, r.last_seq, r.member_count, m.is_admin, m.read_seq
         FROM rooms r LEFT JOIN room_members m ON m.room_id = r.id AND m.user_id = ?
         WHERE r.id = ? AND r.deleted_at IS NULL",
        values![user, room],
        |row| {
            let is_admin: Option<bool> = row.get(4)?;
            let read_seq: Option<i64> = row.get(5)?;
            Ok(Access {
                is_private: row.get(0)?,
                created_by: row.get(1)?,
                last_seq: row.get(2)?,
                member_count: row.get(3)?,
                member: is_admin.map(|is_admin| Membership {
                    role: role(is_admin),
                    read_seq: read_seq.unwrap_or(0),
                }),
            })
        },
    )
}

/// How many rooms somebody is in.
pub(crate) fn count_rooms(tx: &mut Tx<'_>, user: UserId) -> Result<i64, Error> {
    let count = tx.one(
        "SELECT count(*) FROM room_members m JOIN rooms r ON r.id = m.room_id
         WHERE m.user_id = ? AND r.deleted_at IS NULL",
        values![user],
        |row| row.get(0),
    )?;
    Ok(count.unwrap_or(0))
}

/// Writes a member down. Whoever does so sees to the room's count of them.
pub(crate) fn insert(tx: &mut Tx<'_>, member: &MemberEntry) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO room_members (room_id, user_id, is_admin, joined_at, read_seq)
         VALUES (?, ?, ?, ?, ?)",
        values![
            member.room_id,
            member.user_id,
            member.is_admin,
            member.joined_at,
            member.read_seq,
        ],
    )?;
    Ok(())
}

/// Makes somebody a member, and counts them.
pub(crate) fn add(tx: &mut Tx<'_>, member: &MemberEntry) -> Result<(), Error> {
    insert(tx, member)?;
    tx.execute(
        "UPDATE rooms SET member_count = member_count + 1 WHERE id = ?",
        values![member.room_id],
    )?;
    Ok(())
}

pub(crate) fn delete(tx: &mut Tx<'_>, room: RoomId, user: UserId) -> Result<bool, Error> {
    let gone = tx.execute(
        "DELETE FROM room_members WHERE room_id = ? AND user_id = ?",
        values![room, user],
    )?;
    if gone > 0 {
        tx.execute(
            "UPDATE rooms SET member_count = member_count - 1 WHERE id = ?",
            values![room],
        )?;
    }
    Ok(gone > 0)
}

pub(crate) fn set_role(
    tx: &mut Tx<'_>,
    room: RoomId,
    user: UserId,
    role: Role,
) -> Result<(), Error> {
    tx.execute(
        "UPDATE room_members SET is_admin = ? WHERE room_id = ? AND user_id = ?",
        values![role == Role::Admin, room, user],
    )?;
    Ok(())
}

pub(crate) fn set_read(tx: &mut Tx<'_>, room: RoomId, user: UserId, seq: i64) -> Result<(), Error> {
    tx.execute(
        "UPDATE room_members SET read_seq = ? WHERE room_id = ? AND user_id = ? AND read_seq < ?",
        values![seq, room, user, seq],
    )?;
    Ok(())
}

/// All rooms that somebody is a member of.
pub(crate) fn rooms_of(tx: &mut Tx<'_>, user: UserId) -> Result<Vec<RoomId>, Error> {
    tx.all(
        "SELECT m.room_id FROM room_members m JOIN rooms r ON r.id = m.room_id
         WHERE m.user_id = ? AND r.deleted_at IS NULL",
        values![user],
        |row| row.get(0),
    )
}

fn read(row: &Row<'_>) -> Result<Member, Error> {
    Ok(Member {
        user_id: row.get(0)?,
        username: row.get(1)?,
        display_name: row.get(2)?,
        is_online: false,
        role: role(row.get(3)?),
        joined_at: row.get(4)?,
        read_seq: row.get(5)?,
    })
}

/// The members of a room in the order in which they came, from after the given place on.
pub(crate) fn list(
    tx: &mut Tx<'_>,
    room: RoomId,
    after: (Time, UserId),
    limit: i64,
) -> Result<Vec<Member>, Error> {
    let (at, id) = after;
    tx.all(
        "SELECT m.user_id, u.username, u.display_name, m.is_admin, m.joined_at, m.read_seq
         FROM room_members m JOIN users u ON u.id = m.user_id
         WHERE m.room_id = ? AND m.joined_at >= ? AND (m.joined_at > ? OR m.user_id > ?)
         ORDER BY m.joined_at, m.user_id LIMIT ?",
        values![room, at, at, id, limit],
        read,
    )
}

/// One member of a room.
pub(crate) fn get(tx: &mut Tx<'_>, room: RoomId, user: UserId) -> Result<Option<Member>, Error> {
    tx.one(
        "SELECT m.user_id, u.username, u.display_name, m.is_admin, m.joined_at, m.read_seq
         FROM room_members m JOIN users u ON u.id = m.user_id
         WHERE m.room_id = ? AND m.user_id = ?",
        values![room, user],
        read,
    )
}

/// When somebody became a member; nothing if they are none.
pub(crate) fn joined_at(
    tx: &mut Tx<'_>,
    room: RoomId,
    user: UserId,
) -> Result<Option<Time>, Error> {
    tx.one(
        "SELECT joined_at FROM room_members WHERE room_id = ? AND user_id = ?",
        values![room, user],
        |row| row.get(0),
    )
}

/// Who a member is, and what they are in the room.
pub(crate) fn person(
    tx: &mut Tx<'_>,
    room: RoomId,
    user: UserId,
) -> Result<Option<(Person, Role)>, Error> {
    tx.one(
        "SELECT u.username, u.display_name, m.is_admin
         FROM room_members m JOIN users u ON u.id = m.user_id
         WHERE m.room_id = ? AND m.user_id = ?",
        values![room, user],
        |row| {
            let person = Person {
                user_id: user,
                username: row.get::<String>(0)?.into(),
                display_name: row.get::<String>(1)?.into(),
            };
            Ok((person, role(row.get(2)?)))
        },
    )
}

pub(crate) fn ban(
    tx: &mut Tx<'_>,
    room: RoomId,
    user: UserId,
    by: UserId,
    at: Time,
) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO room_bans (room_id, user_id, banned_by, created_at) VALUES (?, ?, ?, ?)",
        values![room, user, by, at],
    )?;
    Ok(())
}

pub(crate) fn unban(tx: &mut Tx<'_>, room: RoomId, user: UserId) -> Result<bool, Error> {
    let gone = tx.execute(
        "DELETE FROM room_bans WHERE room_id = ? AND user_id = ?",
        values![room, user],
    )?;
    Ok(gone > 0)
}

pub(crate) fn is_banned(tx: &mut Tx<'_>, room: RoomId, user: UserId) -> Result<bool, Error> {
    let found = tx.one(
        "SELECT 1 FROM room_bans WHERE room_id = ? AND user_id = ?",
        values![room, user],
        |_| Ok(()),
    )?;
    Ok(found.is_some())
}

/// The bans of a room, the oldest first, from after the given place on.
pub(crate) fn bans(
    tx: &mut Tx<'_>,
    room: RoomId,
    after: (Time, UserId),
    limit: i64,
) -> Result<Vec<Ban>, Error> {
    let (at, id) = after;
    tx.all(
        "SELECT b.user_id, u.username, u.display_name, b.banned_by, b.created_at
         FROM room_bans b JOIN users u ON u.id = b.user_id
         WHERE b.room_id = ? AND b.created_at >= ? AND (b.created_at > ? OR b.user_id > ?)
         ORDER BY b.created_at, b.user_id LIMIT ?",
        values![room, at, at, id, limit],
        |row| {
            Ok(Ban {
                user_id: row.get(0)?,
                username: row.get(1)?,
                display_name: row.get(2)?,
                banned_by: row.get(3)?,
                created_at: row.get(4)?,
            })
        },
    )
}

/// Who posts a message after having read everything before has read that one as well.
pub(crate) fn follow(tx: &mut Tx<'_>, room: RoomId, user: UserId, seq: i64) -> Result<(), Error> {
    tx.execute(
        "UPDATE room_members SET read_seq = ? WHERE room_id = ? AND user_id = ? AND read_seq = ?",
        values![seq, room, user, seq - 1],
    )?;
    Ok(())
}
