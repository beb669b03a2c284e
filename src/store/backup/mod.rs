//! Copies of the database: made while it is written to, kept before an upgrade, looked through, told.

mod contents;
mod export;
mod owner;
mod upgrade;

pub use contents::{Contents, contents, faults, first_damage};
pub use export::{Export, ExportError, Scope};
pub use owner::give_to_owner;
pub(super) use upgrade::bring_up_to_date;
pub use upgrade::newest_schema;

use super::Error;
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// Pages of a step, for which commands wait some milliseconds: 2 MiB at SQLite's 4 KiB a page. It is
/// more than most batches write, so that a copy comes to its end.
const STEP_PAGES: i32 = 512;

/// What becomes of an unfinished copy is nobody's concern, and a finished one is synced by whoever asked
/// for it, so that the writer does not wait for the disk.
const COPY: &str = "PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY;";

/// A copy that is being made, or was.
#[derive(Debug, Clone)]
pub struct Copying(Arc<State>);

#[derive(Debug, Default)]
struct State {
    done: AtomicU64,
    pages: AtomicU64,
    is_unwanted: AtomicBool,
    outcome: OnceLock<Result<(), Error>>,
}

impl Copying {
    /// How many pages are copied, and how many there are to copy as far as is known.
    pub fn progress(&self) -> (u64, u64) {
        let State { done, pages, .. } = &*self.0;
        (done.load(Ordering::Relaxed), pages.load(Ordering::Relaxed))
    }

    /// What came of it; nothing while it is made. The file is closed by then, and not synced.
    pub fn outcome(&self) -> Option<Result<(), Error>> {
        self.0.outcome.get().cloned()
    }

    /// Nobody waits for it any more: what is made of it is left as it is.
    pub fn give_up(&self) {
        self.0.is_unwanted.store(true, Ordering::Relaxed);
    }

    fn is_unwanted(&self) -> bool {
        self.0.is_unwanted.load(Ordering::Relaxed)
    }

    fn note(&self, left: i32, all: i32) {
        let [left, all] = [left, all].map(|pages| u64::try_from(pages).unwrap_or(0));
        self.0.pages.store(all, Ordering::Relaxed);
        self.0
            .done
            .store(all.saturating_sub(left), Ordering::Relaxed);
    }
}

/// A copy that the writer is asked to make.
pub(super) struct Order {
    path: PathBuf,
    copying: Copying,
}

impl Order {
    /// An order of a copy in the file at `path`, which is there and empty; and what tells of it.
    pub fn new(path: &Path) -> (Self, Copying) {
        let copying = Copying(Arc::default());
        let order = Self {
            path: path.to_owned(),
            copying: copying.clone(),
        };
        (order, copying)
    }

    /// Makes the copy in steps. `between` is called after each but the last, and says whether to go on;
    /// what it commits by `from` is in the copy. Another connection's commits would make SQLite begin
    /// again, and one read from the first page to the last would keep the log from being emptied.
    pub fn carry_out(self, from: &Connection, between: impl FnMut() -> bool) {
        let made = self.make(from, between);
        let _ = self.copying.0.outcome.set(made);
    }

    fn make(&self, from: &Connection, mut between: impl FnMut() -> bool) -> Result<(), Error> {
        if self.copying.is_unwanted() {
            return Err(Error::Closed);
        }
        // Not made here: whoever gives the copy up removes its file, and it would come back.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut to = Connection::open_with_flags(&self.path, flags)?;
        to.execute_batch(COPY)?;
        let backup = Backup::new(from, &mut to)?;
        let (mut step, mut known) = (STEP_PAGES, i32::MAX);
        loop {
            match backup.step(step)? {
                StepResult::Done => break,
                StepResult::More => {}
                // Nobody else has a reason to lock either of them.
                _ => return Err(Error::Overloaded),
            }
            let progress = backup.progress();
            self.copying.note(progress.remaining, progress.pagecount);
            // However fast the database grows, the copy grows faster.
            let grown = progress.pagecount.saturating_sub(known);
            step = STEP_PAGES.max(grown.saturating_mul(2));
            known = progress.pagecount;
            if self.copying.is_unwanted() || !between() {
                return Err(Error::Closed);
            }
        }
        let progress = backup.progress();
        self.copying.note(progress.remaining, progress.pagecount);
        drop(backup);
        to.close().map_err(|(_, error)| error.into())
    }
}

impl Drop for Order {
    fn drop(&mut self) {
        // The writer has ended before it came to this one.
        let _ = self.copying.0.outcome.set(Err(Error::Closed));
    }
}
