//! The copy of the database that whoever makes a backup asks for. It is made in the data folder, one at
//! a time, read from there by the command line, and removed by us.

use super::super::data_folder::DataFolder;
use super::{Answer, CopyState, Outcome, Refusal};
use crate::chat::Code;
use crate::model::size;
use crate::store::backup::Copying;
use crate::store::{Error, Store};
use rustix::fs::statvfs;
use std::fs::{OpenOptions, remove_file};
use std::io::{self, ErrorKind};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// A copy that nobody has asked about for so long is removed: whoever wanted it was killed.
const ABANDONED_AFTER: Duration = Duration::from_secs(10);
/// So much of the disk is left to the server at most, bytes, and otherwise as much as the copy takes, since
/// a small one is soon made: a copy that would leave less is not begun, and one that comes to do so while
/// everybody talks is ended.
const RESERVE_BYTES: u64 = 64 * 1024 * 1024;
/// A copy may wait so long for the writer to come to one that was given up.
const ORDER_WAIT: Duration = Duration::from_secs(5);
/// Between two tries to order it.
const BETWEEN_ORDERS: Duration = Duration::from_millis(10);
/// Rights of the copy: its owner's only.
const COPY_MODE: u32 = 0o600;

/// The copies of one data folder. Must be used within a Tokio runtime.
#[derive(Clone)]
pub struct Copies(Arc<Shared>);

struct Shared {
    store: Store,
    file: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The number of the last copy.
    last: u64,
    current: Option<Current>,
}

struct Current {
    number: u64,
    copying: Copying,
    asked_at: Instant,
    /// So much of the disk it leaves, bytes.
    reserve: u64,
    /// It was ended since the disk became too full for it.
    is_too_large: bool,
}

impl Copies {
    /// The copies of `folder`. One that a crash left there is removed.
    ///
    /// # Errors
    /// What the system says when it cannot be.
    pub fn new(folder: &DataFolder, store: Store) -> io::Result<Self> {
        let file = folder.copy();
        remove(&file)?;
        Ok(Self(Arc::new(Shared {
            store,
            file,
            state: Mutex::default(),
        })))
    }

    /// Begins a copy. What was committed before is in it.
    pub(super) async fn begin(&self) -> Outcome {
        let number = self.blocking(Shared::begin).await?;
        tokio::spawn(remove_when_abandoned(Arc::downgrade(&self.0), number));
        tracing::info!("a backup was begun from the command line");
        Ok(Answer::Copy(CopyState {
            number,
            ..CopyState::default()
        }))
    }

    /// Says how far a copy is. It is ended once it takes room that everybody's messages need.
    pub(super) fn ask(&self, number: u64) -> Outcome {
        let mut state = self.0.lock();
        let Some(current) = state.current.as_mut().filter(|one| one.number == number) else {
            return Err(gone());
        };
        current.asked_at = Instant::now();
        if !current.is_too_large && self.0.free() < current.reserve {
            current.copying.give_up();
            current.is_too_large = true;
        }
        if current.is_too_large {
            return Err(failed(&Error::Full));
        }
        match current.copying.outcome() {
            Some(Err(error)) => Err(failed(&error)),
            _ => Ok(Answer::Copy((&*current).into())),
        }
    }

    /// Removes a copy, whether or not it was made to its end.
    pub(super) async fn end(&self, number: u64) -> Outcome {
        self.blocking(move |shared| shared.end(number)).await?;
        Ok(Answer::Done)
    }

    /// Removes what there is, since nobody can ask any more.
    pub(in crate::server) fn end_all(&self) {
        if let Some(current) = &self.0.lock().current {
            current.copying.give_up();
            // The next start removes what could not be removed now.
            let _ = remove(&self.0.file);
        }
    }

    /// Files of any length are made and removed off the threads that serve.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let shared = self.0.clone();
        let done = tokio::task::spawn_blocking(move || work(&shared)).await;
        done.unwrap_or_else(|error| Err(Refusal::new(Code::Internal, error.to_string())))
    }
}

impl From<&Current> for CopyState {
    fn from(current: &Current) -> Self {
        let (done, pages) = current.copying.progress();
        Self {
            number: current.number,
            done,
            pages,
            is_ready: current.copying.outcome().is_some(),
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self) -> Result<u64, Refusal> {
        let mut state = self.lock();
        if state.current.is_some() {
            return Err(Refusal::new(
                Code::Overloaded,
                "another backup of this data folder is being made; wait until it is done, then try again",
            ));
        }
        let reserve = self.must_have_room()?;
        self.make_file().map_err(|error| {
            let path = self.file.display();
            let text =
                format!("the copy \"{path}\" cannot be made: {error}; see to that, then try again");
            Refusal::new(Code::Internal, text)
        })?;
        let copying = self.order().map_err(|error| {
            let _ = remove(&self.file);
            failed(&error)
        })?;
        state.last += 1;
        let number = state.last;
        state.current = Some(Current {
            number,
            copying,
            asked_at: Instant::now(),
            reserve,
            is_too_large: false,
        });
        Ok(number)
    }

    /// Orders a copy. One that was given up stays ordered until the writer has come to it, which is soon.
    fn order(&self) -> Result<Copying, Error> {
        let until = Instant::now() + ORDER_WAIT;
        loop {
            match self.store.copy_to(&self.file) {
                Err(Error::Overloaded) if Instant::now() < until => {
                    std::thread::sleep(BETWEEN_ORDERS);
                }
                ordered => return ordered,
            }
        }
    }

    fn end(&self, number: u64) -> Result<(), Refusal> {
        let mut state = self.lock();
        let Some(current) = state.current.take_if(|one| one.number == number) else {
            return Ok(());
        };
        current.copying.give_up();
        remove(&self.file).map_err(|error| {
            let path = self.file.display();
            let text = format!("\"{path}\" cannot be removed: {error}; remove it yourself");
            Refusal::new(Code::Internal, text)
        })
    }

    /// A copy that fills the disk would have everybody's messages refused. Says how much is left to them.
    fn must_have_room(&self) -> Result<u64, Refusal> {
        let Ok(takes) = self.store.size() else {
            // Where nobody can tell how much it is, the copy is tried.
            return Ok(RESERVE_BYTES);
        };
        let needed = takes.database.saturating_add(takes.log);
        let reserve = needed.min(RESERVE_BYTES);
        let free = self.free();
        if needed.saturating_add(reserve) <= free {
            return Ok(reserve);
        }
        Err(Refusal::new(
            Code::StorageFull,
            format!(
                "the disk of the data folder has too little room: a copy of the database is made there for a while, \
                 which takes {}, {} are left for what is said meanwhile, and {} are free; make room, then try again",
                size(needed),
                size(reserve),
                size(free)
            ),
        ))
    }

    /// How much of the disk is free, in bytes; all there could be, where nobody can tell.
    fn free(&self) -> u64 {
        statvfs(self.file.parent().unwrap_or(&self.file))
            .map_or(u64::MAX, |disk| disk.f_bavail.saturating_mul(disk.f_frsize))
    }

    fn make_file(&self) -> io::Result<()> {
        remove(&self.file)?;
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(COPY_MODE)
            .open(&self.file)?;
        Ok(())
    }
}

/// Removes a copy once nobody asks about it any more.
async fn remove_when_abandoned(shared: Weak<Shared>, number: u64) {
    loop {
        let asked_at = {
            let Some(shared) = shared.upgrade() else {
                return;
            };
            let state = shared.lock();
            match &state.current {
                Some(current) if current.number == number => current.asked_at,
                _ => return,
            }
        };
        let until = asked_at + ABANDONED_AFTER;
        if until > Instant::now() {
            sleep_until(until).await;
            continue;
        }
        tracing::warn!("nobody waits for the backup any more; its copy is removed");
        let Some(shared) = shared.upgrade() else {
            return;
        };
        let ended = Copies(shared).end(number).await;
        if let Err(refusal) = ended {
            tracing::warn!(why = refusal.message, "what is left of a backup is there");
        }
        return;
    }
}

fn remove(file: &Path) -> io::Result<()> {
    match remove_file(file) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn gone() -> Refusal {
    Refusal::new(
        Code::Overloaded,
        "the server has given the backup up, since it was not asked about for a while or has restarted; try again",
    )
}

fn failed(error: &Error) -> Refusal {
    let (code, text) = match error {
        Error::Full => (
            Code::StorageFull,
            "the disk of the data folder became full while the backup was made; make room, then try again"
                .to_owned(),
        ),
        Error::Closed => (
            Code::Overloaded,
            "the server is stopping; try again when it has ended or restarted".to_owned(),
        ),
        other => (
            Code::Internal,
            format!("the database could not be copied: {other}; see to that, then try again"),
        ),
    };
    tracing::warn!(%error, "a backup could not be made");
    Refusal::new(code, text)
}
