//! What is in a database that nobody writes to, and whether it is sound.

use super::super::Error;
use super::super::log_of;
use rusqlite::{Connection, OpenFlags, OptionalExtension};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// After so many faults of a kind the rest is not looked for.
const MOST_FAULTS: usize = 5;
/// After so many steps of a query it is asked whether to go on: less than a millisecond.
const STEPS_BETWEEN_LOOKS: i32 = 10_000;

/// What a database holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    /// Its schema; 0 for one without any of chatd's.
    pub schema: i64,
    /// How many rows each of its tables has.
    pub rows: BTreeMap<String, u64>,
}

/// Looks at what is in the database at `path`. It fails as soon as `is_stopped`.
pub fn contents(
    path: &Path,
    is_stopped: impl Fn() -> bool + Send + 'static,
) -> Result<Contents, Error> {
    let database = open_until(path, is_stopped)?;
    let mut tables = database.prepare(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!'",
    )?;
    let tables = tables.query_map([], |row| row.get(0))?;
    let mut rows = BTreeMap::new();
    for table in tables {
        let table: String = table?;
        let count = format!("SELECT count(*) FROM \"{}\"", table.replace('"', "\"\""));
        let count: i64 = database.query_row(&count, [], |row| row.get(0))?;
        rows.insert(table, u64::try_from(count).unwrap_or(0));
    }
    Ok(Contents {
        schema: schema(&database)?,
        rows,
    })
}

/// The schema of a database.
pub(super) fn schema(database: &Connection) -> Result<i64, Error> {
    let has_history = database
        .query_row(
            "SELECT 1 FROM sqlite_schema WHERE name = 'refinery_schema_history'",
            [],
            |_| Ok(()),
        )
        .optional()?;
    if has_history.is_none() {
        return Ok(0);
    }
    Ok(database.query_row(
        "SELECT coalesce(max(version), 0) FROM refinery_schema_history",
        [],
        |row| row.get(0),
    )?)
}

/// Looks for everything that may not be: pages that are damaged, rows that name others which are not
/// there, rooms whose messages are not numbered 1, 2, 3 … without a gap. Each fault is a sentence's part.
/// It fails as soon as `is_stopped`.
pub fn faults(
    path: &Path,
    is_stopped: impl Fn() -> bool + Send + 'static,
) -> Result<Vec<String>, Error> {
    let database = open_until(path, is_stopped)?;
    let mut faults = damage(&database)?;
    if faults.is_empty() {
        faults.extend(orphans(&database)?);
        faults.extend(gaps(&database)?);
    }
    Ok(faults)
}

/// The first fault of the pages of a database, which may have a log that was not put into it yet; nothing if
/// there is none. It fails as soon as `is_stopped`.
pub fn first_damage(
    path: &Path,
    is_stopped: impl Fn() -> bool + Send + 'static,
) -> Result<Option<String>, Error> {
    let has_log = std::fs::metadata(log_of(path)).is_ok_and(|log| log.len() > 0);
    let database = if has_log {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Connection::open_with_flags(path, flags)?
    } else {
        open(path)?
    };
    database.progress_handler(STEPS_BETWEEN_LOOKS, Some(is_stopped))?;
    let found: String = database.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    Ok((found != "ok").then_some(found))
}

fn damage(database: &Connection) -> Result<Vec<String>, Error> {
    let mut check = database.prepare(&format!("PRAGMA integrity_check({MOST_FAULTS})"))?;
    let found: Result<Vec<String>, _> = check.query_map([], |row| row.get(0))?.collect();
    let mut found = found?;
    found.retain(|line| line != "ok");
    Ok(found)
}

fn orphans(database: &Connection) -> Result<Vec<String>, Error> {
    let mut check = database.prepare("PRAGMA foreign_key_check")?;
    let found = check.query_map([], |row| {
        let (table, parent): (String, String) = (row.get(0)?, row.get(2)?);
        Ok(format!(
            "a row of {table} names one of {parent} that is not there"
        ))
    })?;
    Ok(found.take(MOST_FAULTS).collect::<Result<_, _>>()?)
}

/// A room that was deleted loses its messages by and by, and may have any.
fn gaps(database: &Connection) -> Result<Vec<String>, Error> {
    let mut rooms = database.prepare(
        "SELECT lower(hex(r.id)), r.last_seq, count(m.seq), coalesce(max(m.seq), 0)
         FROM rooms r LEFT JOIN messages m ON m.room_id = r.id AND m.seq > 0
         WHERE r.deleted_at IS NULL
         GROUP BY r.id HAVING count(m.seq) <> r.last_seq OR coalesce(max(m.seq), 0) <> r.last_seq",
    )?;
    let found = rooms.query_map([], |row| {
        let (room, last): (String, i64) = (row.get(0)?, row.get(1)?);
        let (count, highest): (i64, i64) = (row.get(2)?, row.get(3)?);
        Ok(format!(
            "the room {room} should have the messages 1 to {last}, and has {count} up to {highest}"
        ))
    })?;
    Ok(found.take(MOST_FAULTS).collect::<Result<_, _>>()?)
}

/// Opens a database for queries that may take long, and end when somebody wants it.
fn open_until(
    path: &Path,
    is_stopped: impl Fn() -> bool + Send + 'static,
) -> Result<Connection, Error> {
    let database = open(path)?;
    database.progress_handler(STEPS_BETWEEN_LOOKS, Some(is_stopped))?;
    Ok(database)
}

/// Opens a database that nobody writes to. No file appears beside it, and none that is there is read.
pub(super) fn open(path: &Path) -> Result<Connection, Error> {
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {
                uri.push(char::from(*byte));
            }
            // Writing to a text cannot fail.
            other => _ = write!(uri, "%{other:02x}"),
        }
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let database = Connection::open_with_flags(format!("{uri}?immutable=1"), flags)?;
    database.execute_batch("PRAGMA trusted_schema = OFF;")?;
    Ok(database)
}
