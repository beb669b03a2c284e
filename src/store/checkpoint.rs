//! Copying the write-ahead log back into the database, without waiting for those who read it.

use super::Error;
use super::sql::sqlite::BUSY_TIME;
use rusqlite::Connection;
use std::time::Duration;

/// When the log has grown to so many pages, because somebody was reading each time it might have
/// begun anew, commands wait until it does; 64 MiB at SQLite's 4 KiB a page.
const LOG_PAGES: i64 = 16_384;
/// They wait so long at most, which most queries do not take. Those that begin meanwhile do not need
/// the log.
const RESTART_WAIT: Duration = Duration::from_millis(250);

/// What is wanted of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Checkpoint {
    /// As much of it as no reader needs is copied back, and what comes next overwrites it.
    CopyBack,
    /// Its file is emptied too, unless a reader needs it.
    Empty,
}

/// Copies the log back. Says whether all of it was, which a reader may prevent.
pub(super) fn checkpoint(connection: &Connection, wanted: Checkpoint) -> Result<bool, Error> {
    if wanted == Checkpoint::Empty {
        let (is_whole, _) = run(
            connection,
            Duration::ZERO,
            "PRAGMA wal_checkpoint(TRUNCATE)",
        )?;
        return Ok(is_whole);
    }
    let (is_whole, pages) = run(connection, Duration::ZERO, "PRAGMA wal_checkpoint(PASSIVE)")?;
    if pages <= LOG_PAGES {
        return Ok(is_whole);
    }
    let (is_whole, _) = run(connection, RESTART_WAIT, "PRAGMA wal_checkpoint(RESTART)")?;
    Ok(is_whole)
}

/// Runs a checkpoint that waits for others so long at most. Says whether it did all that it could do,
/// and how many pages the log has.
fn run(
    connection: &Connection,
    patience: Duration,
    pragma: &'static str,
) -> Result<(bool, i64), Error> {
    connection.busy_timeout(patience)?;
    let done = connection.query_row(pragma, [], |row| {
        let (is_busy, pages): (bool, i64) = (row.get(0)?, row.get(1)?);
        let copied: i64 = row.get(2)?;
        Ok((!is_busy && copied == pages, pages))
    });
    connection.busy_timeout(BUSY_TIME)?;
    Ok(done?)
}
