//! What an import asks and says of its rooms, which nobody sees before they are whole. The rows in them
//! are written as any others are.

use super::Error;
use super::rooms::role;
use super::sql::{Tx, values};
use crate::model::{MessageEntry, MessageId, NewUser, Person, Role, RoomId, Time, UserId};

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
pub(crate) fn known(tx: &mut Tx<'_>, user: &NewUser) -> Result<Vec<Known>, Error> {
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

/// Which room a token is an invite to, also a hidden one.
pub(crate) fn invited_to(tx: &mut Tx<'_>, token: &str) -> Result<Option<RoomId>, Error> {
    tx.one(
        "SELECT room_id FROM room_invites WHERE token = ?",
        values![token],
        |row| row.get(0),
    )
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

/// Whether there are any messages, seen by somebody or not.
pub(crate) fn has_messages(tx: &mut Tx<'_>) -> Result<bool, Error> {
    // By the index, in which this id would be the first.
    let first = MessageId(uuid::Uuid::nil());
    let found = tx.one(
        "SELECT 1 FROM messages WHERE id >= ? LIMIT 1",
        values![first],
        |_| Ok(()),
    )?;
    Ok(found.is_some())
}

/// Which room a message is in, also a hidden one.
pub(crate) fn room_of_message(tx: &mut Tx<'_>, id: MessageId) -> Result<Option<RoomId>, Error> {
    tx.one(
        "SELECT room_id FROM messages WHERE id = ?",
        values![id],
        |row| row.get(0),
    )
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
