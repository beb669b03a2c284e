//! `chatd backup`: all that must not be lost, in one file, while the server runs; and whether such a file
//! is sound.

mod copying;
mod file;
mod take;
mod temporary;

pub(super) use copying::Copying;
pub(super) use file::{Counted, FillError, Target, is_standard, read};
pub(super) use take::written_to;
pub(super) use temporary::{EXPORT, Temporary};

use super::{Exit, Failure, Places, block_on, say};
use crate::server::backup::{BackupError, Manifest, Stop, unpack, verify};
use clap::Args;
use std::path::{Path, PathBuf};
use tokio::signal::unix::{Signal, SignalKind, signal};

const EXAMPLES: &str = "\
Examples:
  chatd backup /mnt/usb/chat.backup            also while the server runs
  chatd backup --verify /mnt/usb/chat.backup   checks it by restoring it
  chatd backup - | ssh nas 'cat > chat.backup'
  chatd backup --force /srv/backups/$(date +%a).backup

A backup holds every message that was acknowledged before it began, accounts, rooms and what \
sessions are signed with, so keep it as safe as the data folder. The server goes on meanwhile; its \
disk needs room for a copy of the database until the backup is done. --verify needs that room in \
$TMPDIR. \"chatd restore\" makes a data folder of a backup.";

/// What is left of work that somebody wanted to stop.
const NOTHING_CHANGED: &str = "; nothing was changed";

/// Put all that must not be lost into one file, also while the server runs
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Backup {
    /// The file to make; "-" for stdout
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Replace the file if it is there
    #[arg(long, conflicts_with = "verify")]
    force: bool,
    /// Make none, but check that FILE is a sound one; "-" for stdin
    #[arg(long)]
    verify: bool,
}

impl Backup {
    pub(super) fn run(self, places: Places) -> Result<(), Failure> {
        if self.verify {
            return block_on(check(self.file));
        }
        let config = places.load_quietly()?;
        let target = Target::open_binary(&self.file, self.force)?;
        block_on(take::take(config, target))
    }
}

/// Does something until it is done or somebody wants it to stop, after which nothing of it is left.
pub(super) async fn interruptible<T>(
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    interruptible_with(work, NOTHING_CHANGED).await
}

/// The same; `left` says what is left of it.
pub(super) async fn interruptible_with<T>(
    work: impl Future<Output = Result<T, Failure>>,
    left: &str,
) -> Result<T, Failure> {
    let mut signals = Signals::new()?;
    tokio::select! {
        done = work => done,
        (exit, what) = signals.next() => Err(Failure::new(exit, format!("{what}{left}"))),
    }
}

/// The same for what blocks, which is told that it is to stop. It is waited for in any case, so that
/// what is said of it is what became of it.
pub(super) async fn stoppable<T: Send + 'static>(
    work: impl FnOnce(&Stop) -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let stop = Stop::default();
    let mut signals = Signals::new()?;
    let told = stop.clone();
    let work = blocking(move || work(&told));
    tokio::pin!(work);
    let (exit, what) = tokio::select! {
        done = &mut work => return done,
        wanted = signals.next() => wanted,
    };
    stop.want();
    work.await.map_err(|failure| match failure.exit {
        Exit::Interrupted => Failure::new(exit, format!("{what}{NOTHING_CHANGED}")),
        _ => failure,
    })
}

/// What was told to stop, and has.
pub(super) fn stopped(error: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Interrupted, error.to_string())
}

/// By which somebody wants a command to stop.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> Result<Self, Failure> {
        let of = |kind| signal(kind).map_err(Failure::failed);
        Ok(Self {
            interrupt: of(SignalKind::interrupt())?,
            terminate: of(SignalKind::terminate())?,
        })
    }

    /// Waits for one, and says what it means.
    async fn next(&mut self) -> (Exit, &'static str) {
        tokio::select! {
            _ = self.interrupt.recv() => (Exit::Interrupted, "interrupted"),
            _ = self.terminate.recv() => (Exit::Stopped, "told to stop"),
        }
    }
}

/// Runs what blocks beside what waits.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(Failure::failed(error)))
}

/// Restores a backup to a temporary folder, and says what is in it.
async fn check(path: PathBuf) -> Result<(), Failure> {
    let manifest = stoppable(move |stop| {
        let folder = Temporary::make()?;
        let from = read(&path, stop)?;
        let named = |error| match error {
            BackupError::Stopped => stopped(error),
            BackupError::Unwritten { .. } => Failure::failed(format!(
                "{}: {error}; name a place with more room in $TMPDIR",
                shown(&path)
            )),
            _ => Failure::failed(format!("{}: {error}", shown(&path))),
        };
        let manifest = unpack(from, folder.path(), stop).map_err(named)?;
        verify(folder.path(), &manifest, stop).map_err(named)?;
        Ok(manifest)
    });
    let manifest = manifest.await?;
    say(&format!(
        "The backup is sound: {}, made {} by chatd {}. The messages of every room are numbered without a gap.",
        summary(&manifest),
        manifest.created_at,
        manifest.chatd
    ));
    Ok(())
}

/// What a backup holds, in a few words.
pub(super) fn summary(manifest: &Manifest) -> String {
    let count = |table: &str, what: &str| counted(manifest.rows_of(table), what);
    format!(
        "{}, {}, {}",
        count("users", "account"),
        count("rooms", "room"),
        count("messages", "message")
    )
}

/// So many of something, for people.
pub(super) fn counted(number: u64, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {what}{plural}", grouped(number))
}

/// A file as messages name it.
pub(super) fn shown(path: &Path) -> String {
    if is_standard(path) {
        "what was read from stdin".to_owned()
    } else {
        format!("\"{}\"", path.display())
    }
}

/// A number with a comma between each three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
