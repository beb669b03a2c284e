//! Everything that is durable, behind two doors: [`Store::command`] and [`Store::query`].
//!
//! Commands run one after another on a writer thread, many to a commit; what they tell comes out of
//! the [`Outbox`] in commit order. Queries run beside it, each in a read transaction of its own.

pub mod backup;
mod checkpoint;
mod command;
mod counts;
mod error;
pub(crate) mod import;
pub(crate) mod invites;
pub(crate) mod members;
pub(crate) mod messages;
mod place;
mod room_left;
pub(crate) mod rooms;
pub(crate) mod sessions;
pub mod sql;
pub(crate) mod users;
mod writer;

pub use command::{Command, Events, Told};
pub use counts::{Counts, Size};
pub use error::{Error, Unique};
pub use place::log_of;

use backup::{Copying, Order};
use checkpoint::RESTART_WAIT;
use command::Job;
use place::Place;
use sql::{Tx, sqlite};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::WeakSender;
use writer::Writer;

/// So many commands may wait for the writer.
const QUEUE_COMMANDS: usize = 4096;
/// So many committed batches may wait for the fan-out; then the writer waits for it.
const OUTBOX_BATCHES: usize = 64;
/// So many queries run at once.
const READERS: u32 = 4;
/// A query waits so long for its turn, and then for a reader, which it has unless none can be opened.
const READER_WAIT: Duration = Duration::from_secs(1);
/// A query runs so long at most, since a long one keeps the write-ahead log from being emptied.
const QUERY_TIME: Duration = Duration::from_secs(5);

/// What is called when the store cannot go on: the disk failed and nobody knows what is on it, or
/// nobody takes what comes out of the outbox.
pub type Fatal = Box<dyn Fn(&str) + Send>;
/// Committed commands, in batches, in commit order.
pub type Outbox = tokio::sync::mpsc::Receiver<Vec<Told>>;

mod migrations {
    refinery::embed_migrations!("src/store/migrations/sqlite");
}

/// The database: cheap to clone, shared by everybody.
#[derive(Clone)]
pub struct Store(Arc<Shared>);

struct Shared {
    place: Place,
    counts: Arc<Counts>,
    /// Where the writer puts what was committed, to look how much of it waits there.
    outbox: WeakSender<Vec<Told>>,
    /// Nothing once the store is closed.
    queue: RwLock<Option<SyncSender<Box<dyn Job>>>>,
    /// Copies that the writer is to make: one, since the next would only come after it.
    copies: SyncSender<Order>,
    readers: r2d2::Pool<r2d2_sqlite::SqliteConnectionManager>,
    turns: Arc<Semaphore>,
    /// Set while the writer wants queries to be short.
    hurry: Arc<AtomicBool>,
    writer: std::sync::Mutex<Option<std::thread::JoinHandle<()>>>,
}

/// Why a database was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The SQLite in this binary has faults that lose writes.
    #[error(
        "SQLite {0} can lose acknowledged writes; chatd needs 3.51.3 or later, so build it with the bundled one"
    )]
    OldSqlite(&'static str),
    /// Somebody ran a later chatd on it.
    #[error(
        "the database is from a newer chatd (schema {found}, this one knows {known}); run that version or a later one"
    )]
    NewerDatabase {
        /// The database's schema.
        found: i64,
        /// The newest schema of this binary.
        known: i64,
    },
    /// A copy of what it was could not be kept; nothing was changed.
    #[error(
        "it has to be brought up to date, and what it was could not be kept in \"{}\": {source}; make room \
         there or see to its rights, and start again",
        folder.display()
    )]
    Copy {
        /// Where copies are kept.
        folder: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Its tables could not be brought up to date; nothing was changed.
    #[error("the database could not be brought up to date: {0}")]
    Migration(Error),
    /// The same, by a commit that failed. Whether it is on the disk is unknown until the next start, which
    /// goes on from whatever is there.
    #[error(
        "the database could not be brought up to date: {source}; it may have been all the same, so what it was is \
         kept as \"{}\": see to the disk, then start again",
        kept.display()
    )]
    Uncertain {
        /// The copy of what it was.
        kept: PathBuf,
        /// What went wrong.
        source: Error,
    },
    /// It cannot be read or written.
    #[error("the database cannot be opened: {0}")]
    Database(#[from] Error),
}

impl Store {
    /// Opens the database at `path`, which is made if it is not there, and brings it up to date.
    /// `fatal` is called when the store cannot go on, and should end the process.
    pub fn open(path: &Path, fatal: Fatal) -> Result<(Self, Outbox), OpenError> {
        sqlite_version()?;
        let mut connection = sqlite::open_writer(path)?;
        backup::bring_up_to_date(path, &mut connection)?;
        sync_folder(path)?;
        let place = Place::of(path).map_err(|error| Error::Disk(error.to_string()))?;
        let hurry = Arc::new(AtomicBool::new(false));
        let (queue, jobs) = sync_channel(QUEUE_COMMANDS);
        let (sender, outbox) = tokio::sync::mpsc::channel(OUTBOX_BATCHES);
        let (counts, weak) = (Arc::new(Counts::default()), sender.downgrade());
        let (copies, orders) = sync_channel(1);
        let (queues, told) = ((jobs, orders), (sender, counts.clone()));
        let writer = Writer::new(path, connection, queues, told, fatal, hurry.clone());
        let thread = std::thread::Builder::new()
            .name("writer".to_owned())
            .spawn(move || writer.run())
            .map_err(|error| Error::Database(error.to_string()))?;
        let readers = r2d2::Pool::builder()
            .max_size(READERS)
            // All are opened now and stay open, so that no query waits for that, or fails for it.
            .min_idle(Some(READERS))
            .idle_timeout(None)
            .max_lifetime(None)
            .connection_timeout(READER_WAIT)
            .build(sqlite::readers(path))
            .map_err(|error| Error::Database(error.to_string()))?;
        let store = Self(Arc::new(Shared {
            place,
            counts,
            outbox: weak,
            queue: RwLock::new(Some(queue)),
            copies,
            readers,
            turns: Arc::new(Semaphore::new(READERS as usize)),
            hurry,
            writer: std::sync::Mutex::new(Some(thread)),
        }));
        Ok((store, outbox))
    }

    /// A command: it may be run again after a rollback, so everything that is decided once is
    /// decided before.
    pub fn command<T, E>(
        &self,
        run: impl Fn(&mut Tx<'_>, &mut Events) -> Result<T, E> + Send + 'static,
    ) -> Command<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        Command::new(self.clone(), Box::new(run))
    }

    /// Runs `read` in one read transaction, beside the writer.
    pub async fn query<T, E>(
        &self,
        read: impl FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let turn = tokio::time::timeout(READER_WAIT, self.0.turns.clone().acquire_owned()).await;
        let Ok(Ok(turn)) = turn else {
            return Err(Error::Overloaded.into());
        };
        let readers = self.0.readers.clone();
        let hurry = (self.0.hurry.clone(), RESTART_WAIT);
        let done = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let mut connection = readers
                .get()
                .map_err(|error| Error::Database(error.to_string()))?;
            sqlite::interrupt_after(&connection, QUERY_TIME, hurry)?;
            let transaction = connection.transaction().map_err(Error::from)?;
            read(&mut Tx::new(&mut &*transaction))
        });
        done.await.unwrap_or_else(|_| Err(Error::Panicked.into()))
    }

    /// Has the database copied into the file at `path`, which is there and empty, beside the commands.
    /// What was committed before this is called is in the copy.
    pub fn copy_to(&self, path: &Path) -> Result<Copying, Error> {
        let (order, copying) = Order::new(path);
        let sent = self.0.copies.try_send(order);
        sent.map_err(|refused| match refused {
            TrySendError::Full(_) => Error::Overloaded,
            TrySendError::Disconnected(_) => Error::Closed,
        })?;
        // The writer looks for orders after each batch; one that is idle needs something to do.
        self.command(|_, _| Ok::<_, Error>(())).then(|_| ());
        Ok(copying)
    }

    /// Takes no more commands and waits until those that were taken are on disk.
    pub async fn close(&self) {
        self.0
            .queue
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let thread = self
            .0
            .writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread {
            // The thread's panic was logged where it happened.
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }

    fn queue(&self, job: Box<dyn Job>) -> Result<(), (Box<dyn Job>, Error)> {
        let queue = self.0.queue.read().unwrap_or_else(PoisonError::into_inner);
        let Some(queue) = queue.as_ref() else {
            return Err((job, Error::Closed));
        };
        // Before the writer can have taken it.
        self.0.counts.waiting.add(1);
        queue.try_send(job).map_err(|refused| {
            self.0.counts.waiting.subtract(1);
            match refused {
                TrySendError::Full(job) => (job, Error::Overloaded),
                TrySendError::Disconnected(job) => (job, Error::Closed),
            }
        })
    }
}

/// The version of the `SQLite` in this binary.
///
/// # Errors
/// [`OpenError::OldSqlite`] if it is one that loses writes.
pub fn sqlite_version() -> Result<&'static str, OpenError> {
    if rusqlite::version_number() < sqlite::OLDEST_VERSION {
        return Err(OpenError::OldSqlite(rusqlite::version()));
    }
    Ok(rusqlite::version())
}

/// Puts the names of the database's files on disk. `SQLite` does that for those that it makes, but
/// does not tell when it fails.
fn sync_folder(database: &Path) -> Result<(), Error> {
    let Some(folder) = database.parent() else {
        return Ok(());
    };
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| Error::Disk(error.to_string()))
}
