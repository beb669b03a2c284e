//! SQLite behind the seam: connections, their settings, and what its errors mean.

use super::{Columns, Connection, EachRow, Row, Value};
use crate::store::{Error, Unique};
use rusqlite::ErrorCode;
use rusqlite::ffi::{SQLITE_IOERR_SHMSIZE, SQLITE_IOERR_WRITE};
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Older versions can lose acknowledged writes of a write-ahead log (SQLite's own notes on 3.51.3).
pub(crate) const OLDEST_VERSION: i32 = 3_051_003;
/// How many compiled statements a connection keeps.
const STATEMENTS: usize = 128;
/// After so many steps of its machine SQLite asks whether to go on.
const STEPS_BETWEEN_CHECKS: i32 = 10_000;

/// A statement waits so long for a lock that somebody else has.
pub(crate) const BUSY_TIME: Duration = Duration::from_secs(5);

const WRITER: &str = "PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA foreign_keys = ON;
    PRAGMA wal_autocheckpoint = 0;
    PRAGMA journal_size_limit = 67108864;
    PRAGMA trusted_schema = OFF;
    PRAGMA temp_store = MEMORY;
    PRAGMA secure_delete = ON;
    PRAGMA cache_size = -16384;";
const READER: &str = "PRAGMA query_only = ON;
    PRAGMA trusted_schema = OFF;
    PRAGMA temp_store = MEMORY;
    PRAGMA cache_size = -8192;";

/// Opens the connection that writes.
pub(crate) fn open_writer(path: &Path) -> Result<rusqlite::Connection, Error> {
    let connection = rusqlite::Connection::open(path)?;
    connection.busy_timeout(BUSY_TIME)?;
    connection.execute_batch(WRITER)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}

/// Makes connections that read.
pub(crate) fn readers(path: &Path) -> r2d2_sqlite::SqliteConnectionManager {
    r2d2_sqlite::SqliteConnectionManager::file(path).with_init(|connection| {
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        connection.busy_timeout(BUSY_TIME)?;
        connection.execute_batch(READER)
    })
}

/// Ends a query of this connection once `limit` has passed, or while there is a `hurry` that shorter
/// time.
pub(crate) fn interrupt_after(
    connection: &rusqlite::Connection,
    limit: Duration,
    (hurry, hurried_limit): (Arc<AtomicBool>, Duration),
) -> Result<(), Error> {
    let began = Instant::now();
    let is_over = move || {
        let ran = began.elapsed();
        ran > limit || (ran > hurried_limit && hurry.load(Ordering::Relaxed))
    };
    connection.progress_handler(STEPS_BETWEEN_CHECKS, Some(is_over))?;
    Ok(())
}

impl Connection for &rusqlite::Connection {
    fn execute(&mut self, sql: &'static str, values: &[Value<'_>]) -> Result<usize, Error> {
        let mut statement = self.prepare_cached(sql)?;
        Ok(statement.execute(rusqlite::params_from_iter(values))?)
    }

    fn query(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
        each: EachRow<'_>,
    ) -> Result<(), Error> {
        let mut statement = self.prepare_cached(sql)?;
        let mut rows = statement.query(rusqlite::params_from_iter(values))?;
        while let Some(row) = rows.next()? {
            each(&Row(row))?;
        }
        Ok(())
    }
}

impl Columns for rusqlite::Row<'_> {
    fn value(&self, index: usize) -> Result<Value<'_>, Error> {
        Ok(match self.get_ref(index)? {
            ValueRef::Null => Value::Null,
            ValueRef::Integer(number) => Value::Int(number),
            ValueRef::Text(text) => Value::Text(
                std::str::from_utf8(text)
                    .map_err(|_| Error::Database("text that is not UTF-8".to_owned()))?,
            ),
            ValueRef::Blob(bytes) => Value::Blob(bytes),
            ValueRef::Real(number) => {
                return Err(Error::Database(format!("an unexpected fraction, {number}")));
            }
        })
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match *self {
            Value::Null => ValueRef::Null,
            Value::Int(number) => ValueRef::Integer(number),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        let rusqlite::Error::SqliteFailure(cause, message) = &error else {
            return Self::Database(error.to_string());
        };
        match cause.code {
            ErrorCode::DiskFull => Self::Full,
            ErrorCode::SystemIoFailure
                if [SQLITE_IOERR_WRITE, SQLITE_IOERR_SHMSIZE].contains(&cause.extended_code) =>
            {
                Self::Unwritten(error.to_string())
            }
            ErrorCode::SystemIoFailure => Self::Disk(error.to_string()),
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => {
                Self::Damaged(error.to_string())
            }
            ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen => {
                Self::Denied(error.to_string())
            }
            ErrorCode::OperationInterrupted => Self::TooSlow,
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Self::Overloaded,
            ErrorCode::ConstraintViolation => message
                .as_deref()
                .and_then(broken_constraint)
                .map_or_else(|| Self::Database(error.to_string()), Self::Unique),
            _ => Self::Database(error.to_string()),
        }
    }
}

/// Which promise a message such as `UNIQUE constraint failed: users.email_key` says was broken.
fn broken_constraint(message: &str) -> Option<Unique> {
    let columns = message.strip_prefix("UNIQUE constraint failed: ")?;
    match columns {
        "users.username_key" | "users.username_look" => Some(Unique::Username),
        "users.email_key" => Some(Unique::Email),
        "messages.user_id, messages.client_id" => Some(Unique::ClientId),
        "room_members.room_id, room_members.user_id" => Some(Unique::Member),
        "room_bans.room_id, room_bans.user_id" => Some(Unique::Ban),
        "messages.id" => Some(Unique::Message),
        _ => None,
    }
}
