//! What an import writes: rows as they were elsewhere, in rooms that nobody sees before they are whole.

use super::Error;
use super::rooms::{name_key, role};
use super::sql::{Tx, values};
use crate::model::{
    Description, ImportedRoom, ImportedUser, InviteEntry, MemberEntry, MessageEntry, Person, Role,
    RoomId, Time, UserId,
};

/// Somebody here who has the id, the name or the address of an account that is to come.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub id: UserId,
    pub username: String,
    pub username_key: String,
    pub username_look: String,
}

/// How far a room is that is brought in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Progress {
    pub last_seq: i64,
    pub member_count: i64,
}

/// All who have the id, the name, or one that looks like it, or the address of an account.
pub(crate) fn known(tx: &mut Tx<'_>, user: &ImportedUser) -> Result<Vec<Known>, Error> {
    tx.all(
        "SELECT id, username, username_key, username_look FROM users
         WHERE id = ? OR username_key = ? OR username_look = ? OR email_key = ?",
        values![
            user.id,
            user.username.key(),
            user.username.look(),
            user.email.key()
        ],
        |row| {
            Ok(Known {
                id: row.get(0)?,
                username: row.get(1)?,
                username_key: row.get(2)?,
                username_look: row.get(3)?,
            })
        },
    )
}

pub(crate) fn insert_user(tx: &mut Tx<'_>, user: &ImportedUser) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO users (id, username, username_key, username_look, display_name, display_name_key,
                            email, email_key, password, is_admin, is_disabled, created_at, last_seen_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        values![
            user.id,
            user.username.as_str(),
            user.username.key(),
            user.username.look(),
            user.display_name.as_str(),
            user.display_name.key(),
            user.email.as_str(),
            user.email.key(),
            user.password_hash.0,
            user.is_admin,
            user.is_disabled,
            user.created_at,
            user.last_seen_at,
        ],
    )?;
    Ok(())
}

/// Makes a room that is hidden, and purged from `until` on unless it is shown by then.
pub(crate) fn insert_room(tx: &mut Tx<'_>, room: &ImportedRoom, until: Time) -> Result<(), Error> {
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
            until,
        ],
    )?;
    Ok(())
}

/// Whether a room is hidden; nothing if there is none.
pub(crate) fn is_hidden(tx: &mut Tx<'_>, room: RoomId) -> Result<Option<bool>, Error> {
    tx.one(
        "SELECT deleted_at IS NOT NULL FROM rooms WHERE id = ?",
        values![room],
        |row| row.get(0),
    )
}

/// How far a room is that is brought in now; nothing for any other.
pub(crate) fn progress(
    tx: &mut Tx<'_>,
    room: RoomId,
    now: Time,
) -> Result<Option<Progress>, Error> {
    tx.one(
        "SELECT last_seq, member_count FROM rooms WHERE id = ? AND deleted_at > ?",
        values![room, now],
        |row| {
            Ok(Progress {
                last_seq: row.get(0)?,
                member_count: row.get(1)?,
            })
        },
    )
}

pub(crate) fn set_progress(tx: &mut Tx<'_>, room: RoomId, progress: Progress) -> Result<(), Error> {
    tx.execute(
        "UPDATE rooms SET last_seq = ?, member_count = ? WHERE id = ?",
        values![progress.last_seq, progress.member_count, room],
    )?;
    Ok(())
}

pub(crate) fn insert_member(tx: &mut Tx<'_>, member: &MemberEntry) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO room_members (room_id, user_id, is_admin, joined_at, read_seq)
         VALUES (?, ?, ?, ?, ?)",
        values![
            member.room_id,
            member.user_id,
            member.is_admin,
            member.joined_at,
            member.read_seq
        ],
    )?;
    Ok(())
}

pub(crate) fn insert_invite(tx: &mut Tx<'_>, invite: &InviteEntry) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO room_invites
           (token, room_id, created_by, created_at, expires_at, max_uses, uses, revoked_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        values![
            invite.token,
            invite.room_id,
            invite.created_by,
            invite.created_at,
            invite.expires_at,
            invite.max_uses,
            invite.uses,
            invite.revoked_at
        ],
    )?;
    Ok(())
}

/// Which room a token is an invite to, also a hidden one.
pub(crate) fn invited_to(tx: &mut Tx<'_>, token: &str) -> Result<Option<RoomId>, Error> {
    tx.one(
        "SELECT room_id FROM room_invites WHERE token = ?",
        values![token],
        |row| row.get(0),
    )
}

pub(crate) fn insert_message(
    tx: &mut Tx<'_>,
    message: &MessageEntry,
    client_id: Option<&str>,
) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO messages (room_id, seq, id, user_id, content, message_type, client_id, reply_to,
                               created_at, edited_at, deleted_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        values![
            message.room_id,
            message.seq,
            message.id,
            message.user_id,
            message.content,
            message.message_type,
            client_id,
            message.reply_to,
            message.created_at,
            message.edited_at,
            message.deleted_at,
        ],
    )?;
    Ok(())
}

/// Whether this very message is here, in its place.
pub(crate) fn has_message(tx: &mut Tx<'_>, message: &MessageEntry) -> Result<bool, Error> {
    let found = tx.one(
        "SELECT 1 FROM messages WHERE room_id = ? AND seq = ? AND id = ?",
        values![message.room_id, message.seq, message.id],
        |_| Ok(()),
    )?;
    Ok(found.is_some())
}

/// Shows a room that is whole.
pub(crate) fn show(tx: &mut Tx<'_>, room: RoomId) -> Result<(), Error> {
    tx.execute(
        "UPDATE rooms SET deleted_at = NULL WHERE id = ?",
        values![room],
    )?;
    Ok(())
}

/// Has a room purged that is brought in now; says whether it was one.
pub(crate) fn give_up(tx: &mut Tx<'_>, room: RoomId, now: Time) -> Result<bool, Error> {
    let given_up = tx.execute(
        "UPDATE rooms SET deleted_at = ? WHERE id = ? AND deleted_at > ?",
        values![now, room, now],
    )?;
    Ok(given_up > 0)
}

/// Everybody who is in a room, and what they are there.
pub(crate) fn people(tx: &mut Tx<'_>, room: RoomId) -> Result<Vec<(Person, Role)>, Error> {
    tx.all(
        "SELECT m.user_id, u.username, u.display_name, m.is_admin
         FROM room_members m JOIN users u ON u.id = m.user_id
         WHERE m.room_id = ?",
        values![room],
        |row| {
            let person = Person {
                user_id: row.get(0)?,
                username: row.get::<String>(1)?.into(),
                display_name: row.get::<String>(2)?.into(),
            };
            Ok((person, role(row.get(3)?)))
        },
    )
}
