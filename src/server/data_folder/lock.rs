//! The lock of a data folder, and who holds it.

use super::{FolderError, LOCK, open_file};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::time::Duration;

/// The lock file is looked at so often for who holds it, which a process that has just started may
/// not have written yet.
const HOLDER_TRIES: usize = 10;
/// The time between two looks.
const HOLDER_WAIT: Duration = Duration::from_millis(10);

/// Takes the lock of a folder, which is made if it is not there.
pub(super) fn lock_in(folder: &Path) -> Result<File, FolderError> {
    let path = folder.join(LOCK);
    loop {
        let lock = open_file(&path).map_err(not_locked(folder))?;
        take_lock(&lock, folder)?;
        if is_at(&lock, &path).map_err(not_locked(folder))? {
            return Ok(lock);
        }
    }
}

/// Whether a file still has this name. Whoever gives a folder up for which there was no use removes the lock,
/// and what another process opened just before keeps nobody out.
pub(super) fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let there = match path.metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        looked => looked?,
    };
    let file = file.metadata()?;
    Ok((file.dev(), file.ino()) == (there.dev(), there.ino()))
}

pub(super) fn not_locked(folder: &Path) -> impl Fn(io::Error) -> FolderError {
    move |source| FolderError::System {
        folder: folder.to_owned(),
        doing: "locked",
        source,
    }
}

pub(super) fn take_lock(lock: &File, folder: &Path) -> Result<(), FolderError> {
    flock(lock, FlockOperation::NonBlockingLockExclusive).map_err(|error| {
        let folder = folder.to_owned();
        if error == Errno::WOULDBLOCK {
            let pid = holder(lock);
            return FolderError::InUse { folder, pid };
        }
        not_locked(&folder)(error.into())
    })
}

/// The process that holds the lock, if it lives where this one can see it.
fn holder(lock: &File) -> Option<u32> {
    for attempt in 0..HOLDER_TRIES {
        if attempt > 0 {
            std::thread::sleep(HOLDER_WAIT);
        }
        let mut text = [0; 16];
        let length = lock.read_at(&mut text, 0).unwrap_or(0);
        let pid = std::str::from_utf8(&text[..length])
            .ok()
            .and_then(|text| text.trim().parse().ok())
            .and_then(Pid::from_raw);
        // What a killed process left behind is not the answer: its successor has yet to write.
        if let Some(pid) = pid
            && test_kill_process(pid) != Err(Errno::SRCH)
        {
            return pid.as_raw_nonzero().get().try_into().ok();
        }
    }
    None
}
