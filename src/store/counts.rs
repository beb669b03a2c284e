//! What the store counts while it works, and what waits in it.

use super::{Store, log_of};
use crate::model::{Gauge, Histogram};
use std::io;
use std::time::Duration;

/// Commands of a commit, up to as many as one may have.
const COMMANDS: &[u64] = &[1, 2, 4, 8, 16, 32, 64, 128, 256];
/// Microseconds of a commit: from a quick disk's to one that hangs.
const MICROSECONDS: &[u64] = &[
    250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    5_000_000,
];

/// What the store counts.
#[derive(Debug)]
pub struct Counts {
    /// Commands that wait for the writer.
    pub waiting: Gauge,
    /// Commands of each commit.
    pub commands: Histogram,
    /// Microseconds of each commit, from its first command until it was on disk.
    pub microseconds: Histogram,
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            waiting: Gauge::default(),
            commands: Histogram::new(COMMANDS),
            microseconds: Histogram::new(MICROSECONDS),
        }
    }
}

impl Counts {
    pub(super) fn committed(&self, commands: usize, took: Duration) {
        self.commands.note(commands as u64);
        let microseconds = u64::try_from(took.as_micros());
        self.microseconds.note(microseconds.unwrap_or(u64::MAX));
    }
}

/// How much room the database takes, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// The database itself.
    pub database: u64,
    /// Its write-ahead log, which is there while the database is open.
    pub log: u64,
}

impl Store {
    /// What was counted since the store was opened.
    pub fn counts(&self) -> &Counts {
        &self.0.counts
    }

    /// Commits that wait for the fan-out.
    pub fn untold(&self) -> usize {
        let outbox = self.0.outbox.upgrade();
        outbox.map_or(0, |outbox| outbox.max_capacity() - outbox.capacity())
    }

    /// How much room the database takes. It looks at two files' entries, which waits for no disk that
    /// the database has in use.
    ///
    /// # Errors
    /// What the system says when the database file cannot be looked at.
    pub fn size(&self) -> io::Result<Size> {
        let database = self.0.place.path();
        Ok(Size {
            database: database.metadata()?.len(),
            log: log_of(database).metadata().map_or(0, |log| log.len()),
        })
    }
}
