//! Messages, kept in each room's order.

use super::Error;
use super::sql::{Row, Tx, values};
use crate::model::{Message, MessageEntry, MessageId, RoomId, Time, UserId};

/// What a new message needs to know of its room and its sender.
#[derive(Debug, Clone)]
pub(crate) struct Author {
    pub username: String,
    pub display_name: String,
    pub last_seq: i64,
}

/// The sender, if they are a member.
pub(crate) fn author(tx: &mut Tx<'_>, room: RoomId, user: UserId) -> Result<Option<Author>, Error> {
    tx.one(
        "SELECT u.username, u.display_name, r.last_seq
         FROM room_members m JOIN rooms r ON r.id = m.room_id JOIN users u ON u.id = m.user_id
         WHERE m.room_id = ? AND m.user_id = ? AND r.deleted_at IS NULL",
        values![room, user],
        |row| {
            Ok(Author {
                username: row.get(0)?,
                display_name: row.get(1)?,
                last_seq: row.get(2)?,
            })
        },
    )
}

/// A row, with the texts of whoever has the message: it is written without a copy of them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MessageRow<'a> {
    pub room_id: RoomId,
    pub seq: i64,
    pub id: MessageId,
    pub user_id: UserId,
    pub content: &'a str,
    pub message_type: &'a str,
    pub client_id: Option<&'a str>,
    pub reply_to: Option<MessageId>,
    pub created_at: Time,
    pub edited_at: Option<Time>,
    pub deleted_at: Option<Time>,
}

/// Two structs name these fields alike.
macro_rules! row_of {
    ($message:ident) => {
        MessageRow {
            room_id: $message.room_id,
            seq: $message.seq,
            id: $message.id,
            user_id: $message.user_id,
            content: &$message.content,
            message_type: &$message.message_type,
            client_id: $message.client_id.as_deref(),
            reply_to: $message.reply_to,
            created_at: $message.created_at,
            edited_at: $message.edited_at,
            deleted_at: $message.deleted_at,
        }
    };
}

impl<'a> From<&'a Message> for MessageRow<'a> {
    fn from(message: &'a Message) -> Self {
        row_of!(message)
    }
}

impl<'a> From<&'a MessageEntry> for MessageRow<'a> {
    fn from(message: &'a MessageEntry) -> Self {
        row_of!(message)
    }
}

/// Writes a message down. Whoever does so sees to the last number of its room.
pub(crate) fn insert(tx: &mut Tx<'_>, row: MessageRow<'_>) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO messages (room_id, seq, id, user_id, content, message_type, client_id, reply_to,
                               created_at, edited_at, deleted_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        values![
            row.room_id,
            row.seq,
            row.id,
            row.user_id,
            row.content,
            row.message_type,
            row.client_id,
            row.reply_to,
            row.created_at,
            row.edited_at,
            row.deleted_at,
        ],
    )?;
    Ok(())
}

/// Keeps a message as the newest of its room.
pub(crate) fn append(tx: &mut Tx<'_>, message: &Message) -> Result<(), Error> {
    insert(tx, message.into())?;
    tx.execute(
        "UPDATE rooms SET last_seq = ? WHERE id = ?",
        values![message.seq, message.room_id],
    )?;
    Ok(())
}

fn read(row: &Row<'_>) -> Result<Message, Error> {
    let created_at = row.get(8)?;
    Ok(Message {
        id: row.get(0)?,
        room_id: row.get(1)?,
        user_id: row.get(2)?,
        username: row.get(3)?,
        display_name: row.get(4)?,
        content: row.get(5)?,
        message_type: row.get(6)?,
        seq: row.get(7)?,
        created_at,
        timestamp: created_at,
        client_id: row.get(9)?,
        reply_to: row.get(10)?,
        edited_at: row.get(11)?,
        deleted_at: row.get(12)?,
    })
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT m.id, m.room_id, m.user_id, u.username, u.display_name, m.content, m.message_type, m.seq,
                    m.created_at, m.client_id, m.reply_to, m.edited_at, m.deleted_at
             FROM messages m JOIN users u ON u.id = m.user_id ",
            $rest
        )
    };
}

pub(crate) fn at(tx: &mut Tx<'_>, room: RoomId, seq: i64) -> Result<Option<Message>, Error> {
    tx.one(
        select!("WHERE m.room_id = ? AND m.seq = ?"),
        values![room, seq],
        read,
    )
}

pub(crate) fn get(tx: &mut Tx<'_>, room: RoomId, id: MessageId) -> Result<Option<Message>, Error> {
    tx.one(
        select!("WHERE m.id = ? AND m.room_id = ?"),
        values![id, room],
        read,
    )
}

pub(crate) fn by_client_id(
    tx: &mut Tx<'_>,
    user: UserId,
    client_id: &str,
) -> Result<Option<Message>, Error> {
    tx.one(
        select!("WHERE m.user_id = ? AND m.client_id = ?"),
        values![user, client_id],
        read,
    )
}

/// Up to `limit` messages after `seq`, oldest first.
pub(crate) fn after(
    tx: &mut Tx<'_>,
    room: RoomId,
    seq: i64,
    limit: i64,
) -> Result<Vec<Message>, Error> {
    tx.all(
        select!("WHERE m.room_id = ? AND m.seq > ? ORDER BY m.seq LIMIT ?"),
        values![room, seq, limit],
        read,
    )
}

/// Up to `limit` messages before `seq`, oldest first.
pub(crate) fn before(
    tx: &mut Tx<'_>,
    room: RoomId,
    seq: i64,
    limit: i64,
) -> Result<Vec<Message>, Error> {
    let mut messages = tx.all(
        select!("WHERE m.room_id = ? AND m.seq < ? ORDER BY m.seq DESC LIMIT ?"),
        values![room, seq, limit],
        read,
    )?;
    messages.reverse();
    Ok(messages)
}

pub(crate) fn set_content(
    tx: &mut Tx<'_>,
    id: MessageId,
    content: &str,
    at: Time,
) -> Result<(), Error> {
    tx.execute(
        "UPDATE messages SET content = ?, edited_at = ? WHERE id = ?",
        values![content, at, id],
    )?;
    Ok(())
}

/// Removes what a message said; its place in the room stays.
pub(crate) fn erase(tx: &mut Tx<'_>, id: MessageId, at: Time) -> Result<(), Error> {
    tx.execute(
        "UPDATE messages SET content = '', deleted_at = ? WHERE id = ?",
        values![at, id],
    )?;
    Ok(())
}
