//! Accounts.

use super::Error;
use super::sql::{Row, Tx, values};
use crate::model::{
    DisplayName, EmailAddress, NewUser, Person, Profile, ServerRole, Time, User, UserId,
};

/// What a sign-in is checked against.
#[derive(Debug, Clone)]
pub(crate) struct Credentials {
    pub id: UserId,
    pub password: String,
    pub is_disabled: bool,
}

pub(crate) fn insert(tx: &mut Tx<'_>, user: &NewUser) -> Result<(), Error> {
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

pub(crate) fn role(is_admin: bool) -> ServerRole {
    if is_admin {
        ServerRole::Admin
    } else {
        ServerRole::User
    }
}

/// Reads a row, if there is one: a sign that the database is there and answers.
pub(crate) fn probe(tx: &mut Tx<'_>) -> Result<(), Error> {
    tx.one(
        "SELECT username_key FROM users WHERE username_key > ? ORDER BY username_key LIMIT 1",
        values![""],
        |_| Ok(()),
    )?;
    Ok(())
}

fn read(row: &Row<'_>) -> Result<User, Error> {
    Ok(User {
        id: row.get(0)?,
        username: row.get(1)?,
        display_name: row.get(2)?,
        email: row.get(3)?,
        role: role(row.get(4)?),
        disabled: row.get(5)?,
        created_at: row.get(6)?,
    })
}

pub(crate) fn get(tx: &mut Tx<'_>, id: UserId) -> Result<Option<User>, Error> {
    tx.one(
        "SELECT id, username, display_name, email, is_admin, is_disabled, created_at
         FROM users WHERE id = ?",
        values![id],
        read,
    )
}

/// Whether there is an admin of the server who can sign in.
pub(crate) fn has_admin(tx: &mut Tx<'_>) -> Result<bool, Error> {
    let found = tx.one(
        "SELECT 1 FROM users WHERE is_admin AND NOT is_disabled LIMIT 1",
        values![],
        |_| Ok(()),
    )?;
    Ok(found.is_some())
}

/// The account of a name or an e-mail address, given by their keys.
pub(crate) fn find(
    tx: &mut Tx<'_>,
    username_key: &str,
    email_key: &str,
) -> Result<Option<User>, Error> {
    tx.one(
        "SELECT id, username, display_name, email, is_admin, is_disabled, created_at
         FROM users WHERE username_key = ? OR email_key = ?",
        values![username_key, email_key],
        read,
    )
}

/// All accounts by name, from after `after` on.
pub(crate) fn list(tx: &mut Tx<'_>, after: &str, limit: i64) -> Result<Vec<User>, Error> {
    tx.all(
        "SELECT id, username, display_name, email, is_admin, is_disabled, created_at
         FROM users WHERE username_key > ? ORDER BY username_key LIMIT ?",
        values![after, limit],
        read,
    )
}

/// How many accounts there are. It reads an index of all of them.
pub(crate) fn count(tx: &mut Tx<'_>) -> Result<i64, Error> {
    let count = tx.one(
        "SELECT count(*) FROM users WHERE username_key > ?",
        values![""],
        |row| row.get(0),
    )?;
    Ok(count.unwrap_or_default())
}

pub(crate) fn credentials_by_username(
    tx: &mut Tx<'_>,
    key: &str,
) -> Result<Option<Credentials>, Error> {
    tx.one(
        "SELECT id, password, is_disabled FROM users WHERE username_key = ?",
        values![key],
        read_credentials,
    )
}

pub(crate) fn credentials_by_email(
    tx: &mut Tx<'_>,
    key: &str,
) -> Result<Option<Credentials>, Error> {
    tx.one(
        "SELECT id, password, is_disabled FROM users WHERE email_key = ?",
        values![key],
        read_credentials,
    )
}

pub(crate) fn credentials(tx: &mut Tx<'_>, id: UserId) -> Result<Option<Credentials>, Error> {
    tx.one(
        "SELECT id, password, is_disabled FROM users WHERE id = ?",
        values![id],
        read_credentials,
    )
}

fn read_credentials(row: &Row<'_>) -> Result<Credentials, Error> {
    Ok(Credentials {
        id: row.get(0)?,
        password: row.get(1)?,
        is_disabled: row.get(2)?,
    })
}

pub(crate) fn person(tx: &mut Tx<'_>, id: UserId) -> Result<Option<Person>, Error> {
    tx.one(
        "SELECT username, display_name FROM users WHERE id = ?",
        values![id],
        |row| {
            Ok(Person {
                user_id: id,
                username: row.get::<String>(0)?.into(),
                display_name: row.get::<String>(1)?.into(),
            })
        },
    )
}

fn read_profile(row: &Row<'_>) -> Result<Profile, Error> {
    Ok(Profile {
        id: row.get(0)?,
        username: row.get(1)?,
        display_name: row.get(2)?,
        is_online: false,
        last_seen_at: row.get(3)?,
    })
}

pub(crate) fn profile(tx: &mut Tx<'_>, id: UserId) -> Result<Option<Profile>, Error> {
    tx.one(
        "SELECT id, username, display_name, last_seen_at FROM users WHERE id = ? AND is_disabled = 0",
        values![id],
        read_profile,
    )
}

/// People whose name begins with, or whose shown name contains, what the patterns say; by name, with
/// the key that the next page begins after. `!` escapes in the patterns.
pub(crate) fn search(
    tx: &mut Tx<'_>,
    username_like: &str,
    display_name_like: &str,
    after: &str,
    limit: i64,
) -> Result<Vec<(String, Profile)>, Error> {
    tx.all(
        "SELECT id, username, display_name, last_seen_at, username_key FROM users
         WHERE is_disabled = 0 AND username_key > ?
           AND (username_key LIKE ? ESCAPE '!' OR display_name_key LIKE ? ESCAPE '!')
         ORDER BY username_key LIMIT ?",
        values![after, username_like, display_name_like, limit],
        |row| Ok((row.get(4)?, read_profile(row)?)),
    )
}

pub(crate) fn set_display_name(
    tx: &mut Tx<'_>,
    id: UserId,
    name: &DisplayName,
) -> Result<(), Error> {
    tx.execute(
        "UPDATE users SET display_name = ?, display_name_key = ? WHERE id = ?",
        values![name.as_str(), name.key(), id],
    )?;
    Ok(())
}

pub(crate) fn set_email(tx: &mut Tx<'_>, id: UserId, email: &EmailAddress) -> Result<(), Error> {
    tx.execute(
        "UPDATE users SET email = ?, email_key = ? WHERE id = ?",
        values![email.as_str(), email.key(), id],
    )?;
    Ok(())
}

pub(crate) fn set_password(tx: &mut Tx<'_>, id: UserId, hash: &str) -> Result<(), Error> {
    tx.execute(
        "UPDATE users SET password = ? WHERE id = ?",
        values![hash, id],
    )?;
    Ok(())
}

pub(crate) fn set_role(tx: &mut Tx<'_>, id: UserId, role: ServerRole) -> Result<(), Error> {
    tx.execute(
        "UPDATE users SET is_admin = ? WHERE id = ?",
        values![role == ServerRole::Admin, id],
    )?;
    Ok(())
}

pub(crate) fn set_disabled(tx: &mut Tx<'_>, id: UserId, disabled: bool) -> Result<(), Error> {
    tx.execute(
        "UPDATE users SET is_disabled = ? WHERE id = ?",
        values![disabled, id],
    )?;
    Ok(())
}

pub(crate) fn set_last_seen(tx: &mut Tx<'_>, id: UserId, at: Time) -> Result<(), Error> {
    tx.execute(
        "UPDATE users SET last_seen_at = ? WHERE id = ?",
        values![at, id],
    )?;
    Ok(())
}
