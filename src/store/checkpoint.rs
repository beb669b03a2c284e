//! Copying the write-ahead log back into the database, without waiting for those who read it.

use super::Error;
use super::sql::sqlite::BUSY_TIME;
use rusqlite::Connection;
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// When the log has grown to so many pages, because somebody was reading each time it might have
/// begun anew, commands wait until it does. It is 24 MiB at SQLite's 4 KiB a page: with what is written
/// until the next look the log stays below 64 MiB.
const LOG_PAGES: i64 = 6144;
/// They wait so long, which most queries do not take. Those that begin meanwhile do not need the log.
/// Then queries that have run for so long are interrupted, for which commands wait as long again at
/// most.
pub(super) const RESTART_WAIT: Duration = Duration::from_millis(250);

thread_local! {
    /// How many pages the log had after this thread's last commit. One thread writes.
    static PAGES: Cell<i32> = const { Cell::new(0) };
}

/// Counts the log's pages from now on, by what this thread commits.
pub(super) fn watch(connection: &Connection) {
    connection.wal_hook(Some(|_, pages| {
        PAGES.set(pages);
        Ok(())
    }));
}

/// How many pages the log has, those among them that are copied back but not overwritten yet.
pub(super) fn pages() -> i32 {
    PAGES.get()
}

/// What is wanted of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Checkpoint {
    /// As much of it as no reader needs is copied back, and what comes next overwrites it.
    CopyBack,
    /// Its file is emptied too, unless a reader needs it.
    Empty,
}

/// Copies the log back. Says whether all of it was, which a reader may prevent. `hurry` is set while
/// readers are to end.
pub(super) fn checkpoint(
    connection: &Connection,
    wanted: Checkpoint,
    hurry: &AtomicBool,
) -> Result<bool, Error> {
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
    let restart = || run(connection, RESTART_WAIT, "PRAGMA wal_checkpoint(RESTART)");
    if let (true, _) = restart()? {
        return Ok(true);
    }
    hurry.store(true, Ordering::Relaxed);
    let restarted = restart();
    hurry.store(false, Ordering::Relaxed);
    Ok(restarted?.0)
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
