//! Folders for what is needed while a command runs.

use crate::cli::Failure;
use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::Errno;
use rustix::process::geteuid;
use std::ffi::OsStr;
use std::fs::{DirBuilder, File, OpenOptions, remove_dir_all};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// What the name of such a folder begins with; an id follows.
const NAME: &str = "chatd-";
/// What is put into it: what a backup has, or an export that came through a pipe.
const IN_IT: [&str; 3] = ["chatd.db", "jwt.secret", EXPORT];
/// The name of such an export.
pub(in crate::cli) const EXPORT: &str = "export";
/// Rights of it: its owner's only.
const FOLDER_MODE: u32 = 0o700;
/// In the moment between the making of a folder and its lock somebody may take it for one that was left,
/// and remove it; then so many others are made.
const TRIES: usize = 10;

/// A folder of this process's own, gone when the value is. While it lives the folder is locked, so that the
/// next one knows which were left by processes that were killed, and removes those.
pub(in crate::cli) struct Temporary {
    path: PathBuf,
    _lock: Option<File>,
}

impl Temporary {
    pub fn make() -> Result<Self, Failure> {
        let around = std::env::temp_dir();
        remove_what_is_left(&around);
        let mut path = PathBuf::new();
        let mut made = || {
            for _ in 0..TRIES {
                path = around.join(format!("{NAME}{}", Uuid::new_v4()));
                DirBuilder::new().mode(FOLDER_MODE).create(&path)?;
                match locked(&path) {
                    Ok(None) => {}
                    // What cannot be locked, as on NFS, nobody takes for one that was left.
                    lock => return Ok(lock.ok().flatten()),
                }
            }
            Err(io::Error::from(ErrorKind::NotFound))
        };
        match made() {
            Ok(lock) => Ok(Self { path, _lock: lock }),
            Err(error) => Err(Failure::failed(format!(
                "the temporary folder \"{}\" cannot be made: {error}; name another place in $TMPDIR",
                path.display()
            ))),
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = remove_dir_all(&self.path);
    }
}

/// Locks a folder of this user's own that nobody else has locked; nothing if it is none, or is gone.
fn locked(path: &Path) -> io::Result<Option<File>> {
    let flags = (OFlags::DIRECTORY | OFlags::NOFOLLOW).bits();
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(flags.cast_signed())
        .open(path);
    let folder = match opened {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    match flock(&folder, FlockOperation::NonBlockingLockExclusive) {
        Err(Errno::WOULDBLOCK) => return Ok(None),
        locked => locked?,
    }
    let ours = folder.metadata()?;
    let is_there = path
        .symlink_metadata()
        .is_ok_and(|there| there.ino() == ours.ino());
    let is_own = ours.uid() == geteuid().as_raw();
    Ok((is_there && is_own).then_some(folder))
}

/// Removes the folders of processes that were killed. What cannot be removed is in nobody's way.
fn remove_what_is_left(around: &Path) {
    let entries = around.read_dir().into_iter().flatten().flatten();
    for entry in entries.filter(|entry| is_ours(&entry.file_name())) {
        let path = entry.path();
        if let Ok(Some(_locked)) = locked(&path)
            && has_only_ours(&path).unwrap_or(false)
        {
            let _ = remove_dir_all(&path);
        }
    }
}

fn is_ours(name: &OsStr) -> bool {
    let id = name.to_str().and_then(|name| name.strip_prefix(NAME));
    id.is_some_and(|id| id.parse::<uuid::fmt::Hyphenated>().is_ok())
}

/// Whether there is nothing in a folder but what a command of ours puts there.
fn has_only_ours(folder: &Path) -> io::Result<bool> {
    for entry in folder.read_dir()? {
        let name = entry?.file_name();
        if !IN_IT.iter().any(|ours| name == *ours) {
            return Ok(false);
        }
    }
    Ok(true)
}
