//! Sign-ins.

use super::Error;
use super::sql::{Row, Tx, values};
use super::users::role;
use crate::model::{KnownSession, ServerRole, Session, SessionId, Time, UserId};

/// A sign-in to be kept.
#[derive(Debug, Clone)]
pub(crate) struct NewSession {
    pub id: SessionId,
    pub user: UserId,
    pub at: Time,
    pub expires_at: Time,
    pub user_agent: Option<String>,
    pub address: String,
}

/// What a token is checked against.
#[derive(Debug, Clone)]
pub(crate) struct Owner {
    pub user: UserId,
    pub role: ServerRole,
    pub expires_at: Time,
    pub last_seen_at: Time,
}

pub(crate) fn insert(tx: &mut Tx<'_>, session: &NewSession) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO sessions (id, user_id, created_at, last_seen_at, expires_at, user_agent, address)
         VALUES (?, ?, ?, ?, ?, ?, ?)",
        values![
            session.id,
            session.user,
            session.at,
            session.at,
            session.expires_at,
            session.user_agent,
            session.address,
        ],
    )?;
    Ok(())
}

/// Whose session it is; nothing if it ended or its owner is disabled.
pub(crate) fn owner(tx: &mut Tx<'_>, id: SessionId) -> Result<Option<Owner>, Error> {
    tx.one(
        "SELECT s.user_id, u.is_admin, s.expires_at, s.last_seen_at
         FROM sessions s JOIN users u ON u.id = s.user_id
         WHERE s.id = ? AND u.is_disabled = 0",
        values![id],
        |row| {
            Ok(Owner {
                user: row.get(0)?,
                role: role(row.get(1)?),
                expires_at: row.get(2)?,
                last_seen_at: row.get(3)?,
            })
        },
    )
}

/// Somebody's live sessions, the newest first, from before the given place on.
pub(crate) fn list(
    tx: &mut Tx<'_>,
    (user, current): (UserId, SessionId),
    now: Time,
    before: (Time, SessionId),
    limit: i64,
) -> Result<Vec<Session>, Error> {
    let (at, id) = before;
    tx.all(
        "SELECT id, created_at, last_seen_at, user_agent, address FROM sessions
         WHERE user_id = ? AND expires_at > ? AND created_at <= ? AND (created_at < ? OR id < ?)
         ORDER BY created_at DESC, id DESC LIMIT ?",
        values![user, now, at, at, id, limit],
        |row| {
            let id = row.get(0)?;
            Ok(Session {
                id,
                created_at: row.get(1)?,
                last_seen_at: row.get(2)?,
                user_agent: row.get(3)?,
                address: row.get(4)?,
                current: id == current,
            })
        },
    )
}

fn read_known(row: &Row<'_>) -> Result<KnownSession, Error> {
    Ok(KnownSession {
        session: Session {
            id: row.get(0)?,
            created_at: row.get(1)?,
            last_seen_at: row.get(2)?,
            user_agent: row.get(3)?,
            address: row.get(4)?,
            current: false,
        },
        user: row.get(5)?,
        username: row.get(6)?,
    })
}

/// Everybody's live sessions by id, from after `after` on. The plus keeps the database from looking by
/// the time and sorting what it finds.
pub(crate) fn all(
    tx: &mut Tx<'_>,
    now: Time,
    after: SessionId,
    limit: i64,
) -> Result<Vec<KnownSession>, Error> {
    tx.all(
        "SELECT s.id, s.created_at, s.last_seen_at, s.user_agent, s.address, u.id, u.username
         FROM sessions s JOIN users u ON u.id = s.user_id
         WHERE s.id > ? AND +s.expires_at > ? ORDER BY s.id LIMIT ?",
        values![after, now, limit],
        read_known,
    )
}

/// Anybody's session, for whoever runs the server.
pub(crate) fn known(tx: &mut Tx<'_>, id: SessionId) -> Result<Option<KnownSession>, Error> {
    tx.one(
        "SELECT s.id, s.created_at, s.last_seen_at, s.user_agent, s.address, u.id, u.username
         FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.id = ?",
        values![id],
        read_known,
    )
}

/// How many sessions are live.
pub(crate) fn count(tx: &mut Tx<'_>, now: Time) -> Result<i64, Error> {
    let count = tx.one(
        "SELECT count(*) FROM sessions WHERE expires_at > ?",
        values![now],
        |row| row.get(0),
    )?;
    Ok(count.unwrap_or_default())
}

/// Where somebody's live sessions began, the newest first.
pub(crate) fn addresses(
    tx: &mut Tx<'_>,
    user: UserId,
    now: Time,
    limit: i64,
) -> Result<Vec<String>, Error> {
    tx.all(
        "SELECT address FROM sessions
         WHERE user_id = ? AND expires_at > ? ORDER BY created_at DESC, id DESC LIMIT ?",
        values![user, now, limit],
        |row| row.get(0),
    )
}

pub(crate) fn ids(tx: &mut Tx<'_>, user: UserId) -> Result<Vec<SessionId>, Error> {
    tx.all(
        "SELECT id FROM sessions WHERE user_id = ?",
        values![user],
        |row| row.get(0),
    )
}

/// Lets a session live on, and says whether there is one. It never ends earlier for that, since a clock
/// that was set back would have it end before its tokens. It is looked for by itself, since a row that
/// stays as it is does not count as changed.
pub(crate) fn extend(tx: &mut Tx<'_>, id: SessionId, expires_at: Time) -> Result<bool, Error> {
    tx.execute(
        "UPDATE sessions SET expires_at = ? WHERE id = ? AND expires_at < ?",
        values![expires_at, id, expires_at],
    )?;
    let found = tx.one(
        "SELECT expires_at FROM sessions WHERE id = ?",
        values![id],
        |row| row.get::<Time>(0),
    )?;
    Ok(found.is_some())
}

pub(crate) fn touch(tx: &mut Tx<'_>, id: SessionId, at: Time) -> Result<(), Error> {
    tx.execute(
        "UPDATE sessions SET last_seen_at = ? WHERE id = ?",
        values![at, id],
    )?;
    Ok(())
}

pub(crate) fn delete(tx: &mut Tx<'_>, user: UserId, id: SessionId) -> Result<bool, Error> {
    let gone = tx.execute(
        "DELETE FROM sessions WHERE id = ? AND user_id = ?",
        values![id, user],
    )?;
    Ok(gone > 0)
}

pub(crate) fn delete_expired(tx: &mut Tx<'_>, now: Time) -> Result<(), Error> {
    tx.execute("DELETE FROM sessions WHERE expires_at <= ?", values![now])?;
    Ok(())
}
