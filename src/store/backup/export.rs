//! Telling what is in a database that nobody writes to, entry by entry, whatever its size.

use super::super::Error;
use super::super::sql::{Connection as _, Row, Value, values};
use super::contents;
use crate::model::{
    BanEntry, Entry, ExportEnd, InviteEntry, MemberEntry, MessageEntry, MessageId, RoomEntry,
    RoomId, UserEntry,
};
use rusqlite::Connection;
use std::io;
use std::path::Path;

/// How much of a database is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Everything.
    All,
    /// One room, with the accounts that its rows name.
    Room(RoomId),
}

/// Why not all was told.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The database does not give it.
    #[error("{0}")]
    Database(#[from] Error),
    /// Whoever was told does not take it.
    #[error("{0}")]
    Told(io::Error),
}

/// What is called with each entry.
pub type Told<'a> = &'a mut dyn FnMut(Entry) -> io::Result<()>;

/// A database that is told.
pub struct Export(Connection);

impl Export {
    /// Opens a copy of a database. Its file may be removed afterwards.
    pub fn open(path: &Path) -> Result<Self, Error> {
        contents::open(path).map(Self)
    }

    /// Its schema.
    pub fn schema(&self) -> Result<i64, Error> {
        contents::schema(&self.0)
    }

    /// How many messages were written in what is to be told; nothing if there is no such room.
    pub fn messages(&self, scope: Scope) -> Result<Option<u64>, Error> {
        let sum = "SELECT coalesce(sum(last_seq), 0) FROM rooms WHERE deleted_at IS NULL";
        let last = "SELECT last_seq FROM rooms WHERE id = ? AND deleted_at IS NULL";
        let mut count = None;
        let mut note = |row: &Row<'_>| {
            count = Some(row.get::<i64>(0)?);
            Ok(())
        };
        let mut database = &self.0;
        match scope {
            Scope::All => database.query(sum, values![], &mut note)?,
            Scope::Room(id) => database.query(last, values![id], &mut note)?,
        }
        Ok(count.map(|count| u64::try_from(count).unwrap_or(0)))
    }

    /// One message.
    pub fn message(&self, id: MessageId) -> Result<Option<MessageEntry>, Error> {
        let mut found = None;
        let mut database = &self.0;
        database.query(
            "SELECT id, room_id, seq, user_id, content, message_type, client_id, reply_to, created_at,
                    edited_at, deleted_at
             FROM messages WHERE id = ?",
            values![id],
            &mut |row| {
                found = Some(message(row)?);
                Ok(())
            },
        )?;
        Ok(found)
    }

    /// Tells all that there is but the head and the end, and says how much that was.
    ///
    /// # Errors
    /// Whatever comes first of what the database and `told` have to say.
    pub fn tell(&self, scope: Scope, told: Told<'_>) -> Result<ExportEnd, ExportError> {
        let mut telling = Telling {
            database: &self.0,
            told,
            end: ExportEnd::default(),
        };
        match scope {
            Scope::All => {
                telling.each(USERS, values![], user)?;
                for room in self.rooms()? {
                    telling.room(room)?;
                }
            }
            Scope::Room(id) => {
                telling.each(USERS_OF_ROOM, values![id, id, id, id, id, id], user)?;
                telling.room(id)?;
            }
        }
        Ok(telling.end)
    }

    fn rooms(&self) -> Result<Vec<RoomId>, Error> {
        let mut rooms = Vec::new();
        let mut database = &self.0;
        database.query(
            "SELECT id FROM rooms WHERE deleted_at IS NULL ORDER BY id",
            values![],
            &mut |row| {
                rooms.push(row.get(0)?);
                Ok(())
            },
        )?;
        Ok(rooms)
    }
}

const USERS: &str = "SELECT id, username, display_name, email, password, is_admin, is_disabled, created_at, last_seen_at
     FROM users ORDER BY id";
// Whoever is given a room is not given admins.
const USERS_OF_ROOM: &str =
    "SELECT id, username, display_name, email, password, 0, is_disabled, created_at, last_seen_at
     FROM users
     WHERE id IN (SELECT created_by FROM rooms WHERE id = ?
                  UNION SELECT user_id FROM room_members WHERE room_id = ?
                  UNION SELECT user_id FROM room_bans WHERE room_id = ?
                  UNION SELECT banned_by FROM room_bans WHERE room_id = ?
                  UNION SELECT created_by FROM room_invites WHERE room_id = ?
                  UNION SELECT user_id FROM messages WHERE room_id = ?)
     ORDER BY id";

/// Rows on their way to whoever is told.
struct Telling<'a> {
    database: &'a Connection,
    told: Told<'a>,
    end: ExportEnd,
}

impl Telling<'_> {
    fn room(&mut self, id: RoomId) -> Result<(), ExportError> {
        self.each(
            "SELECT id, name, description, is_private, created_by, created_at
             FROM rooms WHERE id = ? AND deleted_at IS NULL",
            values![id],
            room,
        )?;
        self.each(
            "SELECT room_id, user_id, is_admin, joined_at, read_seq
             FROM room_members WHERE room_id = ? ORDER BY joined_at, user_id",
            values![id],
            member,
        )?;
        self.each(
            "SELECT room_id, user_id, banned_by, created_at
             FROM room_bans WHERE room_id = ? ORDER BY created_at, user_id",
            values![id],
            ban,
        )?;
        self.each(
            "SELECT token, room_id, created_by, created_at, expires_at, max_uses, uses, revoked_at
             FROM room_invites WHERE room_id = ? ORDER BY revoked_at IS NULL, created_at, token",
            values![id],
            invite,
        )?;
        self.each(
            "SELECT id, room_id, seq, user_id, content, message_type, client_id, reply_to, created_at,
                    edited_at, deleted_at
             FROM messages WHERE room_id = ? ORDER BY seq",
            values![id],
            |row| message(row).map(Entry::Message),
        )
    }

    fn each(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
        read: fn(&Row<'_>) -> Result<Entry, Error>,
    ) -> Result<(), ExportError> {
        let mut refused = None;
        let mut database = self.database;
        let done = database.query(sql, values, &mut |row| {
            let entry = read(row)?;
            match &entry {
                Entry::User(_) => self.end.users += 1,
                Entry::Room(_) => self.end.rooms += 1,
                Entry::Message(_) => self.end.messages += 1,
                _ => {}
            }
            (self.told)(entry).map_err(|error| {
                refused = Some(error);
                Error::Closed
            })
        });
        match refused {
            Some(error) => Err(ExportError::Told(error)),
            None => Ok(done?),
        }
    }
}

fn user(row: &Row<'_>) -> Result<Entry, Error> {
    Ok(Entry::User(UserEntry {
        id: row.get(0)?,
        username: row.get(1)?,
        display_name: row.get(2)?,
        email: row.get(3)?,
        password_hash: row.get(4)?,
        is_admin: row.get(5)?,
        is_disabled: row.get(6)?,
        created_at: row.get(7)?,
        last_seen_at: row.get(8)?,
    }))
}

fn room(row: &Row<'_>) -> Result<Entry, Error> {
    Ok(Entry::Room(RoomEntry {
        id: row.get(0)?,
        name: row.get(1)?,
        description: row.get(2)?,
        is_private: row.get(3)?,
        created_by: row.get(4)?,
        created_at: row.get(5)?,
    }))
}

fn member(row: &Row<'_>) -> Result<Entry, Error> {
    Ok(Entry::Member(MemberEntry {
        room_id: row.get(0)?,
        user_id: row.get(1)?,
        is_admin: row.get(2)?,
        joined_at: row.get(3)?,
        read_seq: row.get(4)?,
    }))
}

fn ban(row: &Row<'_>) -> Result<Entry, Error> {
    Ok(Entry::Ban(BanEntry {
        room_id: row.get(0)?,
        user_id: row.get(1)?,
        banned_by: row.get(2)?,
        created_at: row.get(3)?,
    }))
}

fn invite(row: &Row<'_>) -> Result<Entry, Error> {
    Ok(Entry::Invite(InviteEntry {
        token: row.get(0)?,
        room_id: row.get(1)?,
        created_by: row.get(2)?,
        created_at: row.get(3)?,
        expires_at: row.get(4)?,
        max_uses: row.get(5)?,
        uses: row.get(6)?,
        revoked_at: row.get(7)?,
    }))
}

fn message(row: &Row<'_>) -> Result<MessageEntry, Error> {
    Ok(MessageEntry {
        id: row.get(0)?,
        room_id: row.get(1)?,
        seq: row.get(2)?,
        user_id: row.get(3)?,
        content: row.get(4)?,
        message_type: row.get(5)?,
        client_id: row.get(6)?,
        reply_to: row.get(7)?,
        created_at: row.get(8)?,
        edited_at: row.get(9)?,
        deleted_at: row.get(10)?,
    })
}
