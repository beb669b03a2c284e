//! The writer: one thread, one connection, many commands to a commit.

use super::backup::Order;
use super::checkpoint::{self, Checkpoint, checkpoint};
use super::command::{Job, Told};
use super::sql::Tx;
use super::{Counts, Error, Fatal, room_left};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant};

/// At most so many commands share a commit.
const BATCH_COMMANDS: usize = 256;
/// The write-ahead log is copied back each time about so many commands were committed.
const COMMANDS_BETWEEN_CHECKPOINTS: usize = 500;
/// And each time about so many pages were written to it, which few commands may do that remove much.
const PAGES_BETWEEN_CHECKPOINTS: i32 = 4096;
/// After so long without a command the write-ahead log is emptied.
const IDLE: Duration = Duration::from_secs(10);
/// When nobody listens to the outbox the process may just be ending, by itself, for so long.
const ENDING: Duration = Duration::from_secs(1);
/// Between two warnings of a full disk.
const BETWEEN_WARNINGS: Duration = Duration::from_mins(1);

/// Where a batch goes once it is on disk.
pub(super) type OutboxSender = tokio::sync::mpsc::Sender<Vec<Told>>;

pub(super) struct Writer {
    database: PathBuf,
    connection: rusqlite::Connection,
    queue: Receiver<Box<dyn Job>>,
    /// Copies to be made between batches.
    copies: Receiver<Order>,
    outbox: OutboxSender,
    counts: Arc<Counts>,
    fatal: Fatal,
    /// Set while readers are to end.
    hurry: Arc<AtomicBool>,
    /// When a full disk was last warned of.
    warned_at: Cell<Option<Instant>>,
    /// Commands since the log was copied back.
    since_checkpoint: Cell<usize>,
    /// Pages that the log had when it was copied back, unless it was begun anew since.
    pages_checked: Cell<i32>,
}

impl Writer {
    pub fn new(
        database: &Path,
        connection: rusqlite::Connection,
        (queue, copies): (Receiver<Box<dyn Job>>, Receiver<Order>),
        (outbox, counts): (OutboxSender, Arc<Counts>),
        fatal: Fatal,
        hurry: Arc<AtomicBool>,
    ) -> Self {
        Self {
            database: database.to_owned(),
            connection,
            queue,
            copies,
            outbox,
            counts,
            fatal,
            hurry,
            warned_at: Cell::new(None),
            since_checkpoint: Cell::new(0),
            pages_checked: Cell::new(0),
        }
    }

    /// Works until every sender of the queue is gone and the queue is empty.
    pub fn run(self) {
        checkpoint::watch(&self.connection);
        loop {
            let first = match self.queue.recv_timeout(IDLE) {
                Ok(job) => job,
                Err(RecvTimeoutError::Timeout) => {
                    // What a reader kept from being emptied is tried again the next time.
                    if self.since_checkpoint.get() > 0 && self.checkpoint(Checkpoint::Empty) {
                        self.since_checkpoint.set(0);
                    }
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => break,
            };
            if !self.batch(first) {
                break;
            }
            self.copy();
        }
        self.checkpoint(Checkpoint::Empty);
    }

    /// Commits a command and what waits behind it, and tells of it. Says whether somebody listens.
    fn batch(&self, first: Box<dyn Job>) -> bool {
        let mut batch = vec![first];
        batch.extend(self.queue.try_iter().take(BATCH_COMMANDS - 1));
        let since_checkpoint = self.since_checkpoint.get() + batch.len();
        self.since_checkpoint.set(since_checkpoint);
        self.counts.waiting.subtract(batch.len());
        let began = Instant::now();
        self.commit(&mut batch);
        self.counts.committed(batch.len(), began.elapsed());
        let told = batch.into_iter().map(Job::told).collect();
        if let Err(untold) = self.outbox.blocking_send(told) {
            self.end_unheard(untold.0);
            return false;
        }
        if checkpoint::pages() < self.pages_checked.get() {
            // The log was begun anew.
            self.pages_checked.set(0);
        }
        if since_checkpoint >= COMMANDS_BETWEEN_CHECKPOINTS
            || checkpoint::pages() - self.pages_checked.get() >= PAGES_BETWEEN_CHECKPOINTS
        {
            self.checkpoint(Checkpoint::CopyBack);
            self.since_checkpoint.set(0);
            self.pages_checked.set(checkpoint::pages());
        }
        true
    }

    /// Makes a copy if one was asked for, and goes on with a batch between its steps.
    fn copy(&self) {
        if let Ok(order) = self.copies.try_recv() {
            order.carry_out(&self.connection, || match self.queue.try_recv() {
                Ok(first) => self.batch(first),
                Err(TryRecvError::Empty) => true,
                Err(TryRecvError::Disconnected) => false,
            });
        }
    }

    /// Nobody listens to the outbox any more. When the process is ending nobody gives commands either.
    /// But if somebody still does, the fan-out has failed: they would never be answered, nor anybody
    /// told. What was committed is not answered, so that clients send it again to the next process.
    fn end_unheard(&self, untold: Vec<Told>) {
        let ended = Instant::now() + ENDING;
        let mut unheard = Vec::new();
        loop {
            let left = ended.saturating_duration_since(Instant::now());
            match self.queue.recv_timeout(left) {
                Ok(job) => unheard.push(job),
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if left.is_zero() {
                break;
            }
        }
        if let Ok(job) = self.queue.recv() {
            unheard.push(job);
            (self.fatal)("the fan-out is gone, so that nobody would be told or answered");
        }
        drop((untold, unheard));
    }

    /// Runs a batch, in as many transactions as it takes: one, unless SQLite gives one up. When there
    /// is no room commands run one by one, so that what needs none is not refused with what does.
    fn commit(&self, batch: &mut [Box<dyn Job>]) {
        let mut together = batch.len();
        let mut rest = batch;
        while !rest.is_empty() {
            let tried = together.min(rest.len());
            let (done, error) = self.transaction(&mut rest[..tried]);
            if let Some(error) = error {
                let error = self.explained(error);
                self.failed(&error);
                if tried > 1 && matches!(error, Error::Full) {
                    together = 1;
                    continue;
                }
                for job in &mut rest[..done] {
                    job.fail(error.clone());
                }
            }
            rest = &mut rest[done..];
        }
    }

    /// Says why something was not written, where the database cannot.
    fn explained(&self, error: Error) -> Error {
        match error {
            Error::Unwritten(_) if room_left::is_there_none(&self.database) => Error::Full,
            Error::Unwritten(why) => Error::Disk(why),
            other => other,
        }
    }

    /// Sees to what went wrong with the database itself.
    fn failed(&self, error: &Error) {
        match error {
            Error::Disk(why) => (self.fatal)(&format!("the disk failed: {why}")),
            Error::Full => self.warn_of_full_disk(),
            _ => {}
        }
    }

    fn warn_of_full_disk(&self) {
        let is_soon = |at: Instant| at.elapsed() < BETWEEN_WARNINGS;
        if self.warned_at.get().is_some_and(is_soon) {
            return;
        }
        self.warned_at.set(Some(Instant::now()));
        tracing::warn!(
            "the disk is full: what writes is refused with storage_full, reading still works; once there is room again writing goes on by itself"
        );
    }

    /// Runs jobs from the front in one transaction; says how many, and what spoiled all of them.
    fn transaction(&self, jobs: &mut [Box<dyn Job>]) -> (usize, Option<Error>) {
        if let Err(error) = self.sql("BEGIN IMMEDIATE") {
            return (jobs.len(), Some(error));
        }
        for (at, job) in jobs.iter_mut().enumerate() {
            if let Err(error) = self.one(job) {
                self.give_up();
                return (at + 1, Some(error));
            }
        }
        match self.sql("COMMIT") {
            Ok(()) => (jobs.len(), None),
            Err(error) => {
                self.give_up();
                (jobs.len(), Some(error))
            }
        }
    }

    /// Runs one command in a savepoint. An error means that the whole transaction is lost; a command
    /// that is merely refused keeps its refusal to itself.
    fn one(&self, job: &mut Box<dyn Job>) -> Result<(), Error> {
        self.sql("SAVEPOINT command")?;
        let mut connection = &self.connection;
        let mut tx = Tx::new(&mut connection);
        let ran = catch_unwind(AssertUnwindSafe(|| job.run(&mut tx)));
        let broken = tx.broken();
        let kept = ran.unwrap_or_else(|_| {
            job.fail(Error::Panicked);
            false
        });
        // On a full disk or a failing one SQLite may have rolled everything back by itself.
        if let Some(error) = broken {
            return Err(error);
        }
        if self.connection.is_autocommit() {
            return Err(Error::Full);
        }
        if !kept {
            self.sql("ROLLBACK TO command")?;
        }
        self.sql("RELEASE command")
    }

    fn give_up(&self) {
        if !self.connection.is_autocommit()
            && let Err(error) = self.sql("ROLLBACK")
        {
            tracing::error!(%error, "a transaction could not be rolled back");
        }
    }

    /// Copies the write-ahead log back; says whether all of what was wanted is done.
    fn checkpoint(&self, wanted: Checkpoint) -> bool {
        match checkpoint(&self.connection, wanted, &self.hurry) {
            Ok(done) => done,
            Err(error) => {
                let error = self.explained(error);
                // A full disk is told by itself, and not as often as it is met.
                if !matches!(error, Error::Full) {
                    tracing::warn!(%error, "the write-ahead log could not be copied back");
                }
                self.failed(&error);
                false
            }
        }
    }

    fn sql(&self, sql: &'static str) -> Result<(), Error> {
        self.connection.prepare_cached(sql)?.execute([])?;
        Ok(())
    }
}
