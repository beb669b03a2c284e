//! The data folder: one process owns it, and no other user of the machine sees what is in it.

mod fresh;
mod import_place;
mod lock;
mod secret;

pub use import_place::ImportPlace;
pub(super) use secret::{SECRET, SECRET_MAX_BYTES, is_secret, random_secret, secret_in};
pub use secret::{SecretError, check_secret};

use crate::store::backup::give_to_owner;
use crate::store::log_of;
use fresh::{Fresh, Made};
use lock::{is_at, lock_in, not_locked, take_lock};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Locked by the process that owns the folder, and holds its process id.
const LOCK: &str = "chatd.lock";
/// The database.
pub(super) const DATABASE: &str = "chatd.db";
/// Where a running server takes commands.
const CONTROL_SOCKET: &str = "control.sock";
/// Certificates that were got by ACME, with their keys and the account's.
pub(super) const CERTIFICATES: &str = "acme";
/// A copy of the database for whoever makes a backup.
const COPY: &str = "backup.copy";
/// What a new file system has at its top.
pub(super) const LOST_AND_FOUND: &str = "lost+found";

/// Rights of the folder: its owner's only.
pub(super) const FOLDER_MODE: u32 = 0o700;
/// Rights of the files in it.
pub(super) const FILE_MODE: u32 = 0o600;
/// The rights that nobody but the owner may have.
const RIGHTS_OF_OTHERS: u32 = 0o077;

/// A data folder that this process owns, for as long as the value lives.
#[derive(Debug)]
pub struct DataFolder {
    path: PathBuf,
    handle: File,
    lock: File,
    /// What it was, where nothing had begun in it.
    fresh: Option<Fresh>,
    is_used: bool,
}

/// Why a data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// Another process owns it.
    #[error(
        "the data folder \"{}\" is in use by {}; stop that first, or name another folder with --data-dir",
        folder.display(),
        pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
    )]
    InUse {
        /// The folder.
        folder: PathBuf,
        /// The owner's process id; nothing when it cannot be told, as from within a container.
        pid: Option<u32>,
    },
    /// Something is being brought into it.
    #[error(
        "another import into the data folder \"{}\" is running; wait until it is done, then try again",
        folder.display()
    )]
    Importing {
        /// The folder.
        folder: PathBuf,
    },
    /// It has other things in it, and others may look at it. Taking it over could break them.
    #[error(
        "\"{}\" has files in it that are not chatd's, and other users may read it; name a folder of its own with --data-dir, such as \"{}\"",
        folder.display(),
        folder.join("chatd-data").display()
    )]
    Foreign {
        /// The folder.
        folder: PathBuf,
    },
    /// Its database is not there, but the log that belongs to it is. A new database would wipe that out, and
    /// with it what was acknowledged last.
    #[error(
        "the data folder \"{}\" has lost {DATABASE}, but has its log {DATABASE}-wal; put {DATABASE} back beside it, \
         restore a backup with \"chatd restore --force\", or remove the log to begin a new chat",
        folder.display()
    )]
    Headless {
        /// The folder.
        folder: PathBuf,
    },
    /// The system refused something.
    #[error("the data folder \"{}\" cannot be {doing}: {source}{}", folder.display(), hint(source))]
    System {
        /// The folder.
        folder: PathBuf,
        /// What was tried, as in "cannot be locked".
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::PermissionDenied => {
            "; run chatd as the user whom the folder belongs to, or name one of your own with --data-dir"
        }
        ErrorKind::NotADirectory | ErrorKind::AlreadyExists => {
            "; name a folder, not a file, with --data-dir"
        }
        ErrorKind::StorageFull => "; make room on its disk, or name another with --data-dir",
        _ => "; name another with --data-dir",
    }
}

/// The path of a folder from the root on, since a relative one says nothing to whoever is elsewhere.
pub fn absolute(folder: &Path) -> PathBuf {
    std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned())
}

impl DataFolder {
    /// Makes the folder if it is not there, keeps other users out of it, and takes its lock. It may
    /// wait 100 ms to find out who else has the lock.
    ///
    /// # Errors
    /// [`FolderError::InUse`] when another process owns the folder.
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        let failed = |doing| {
            move |source| FolderError::System {
                folder: absolute(path),
                doing,
                source,
            }
        };
        let made = make(path).map_err(failed("made"))?;
        let folder = path.canonicalize().map_err(failed("found"))?;
        let handle = File::open(&folder).map_err(failed("opened"))?;
        let before = Fresh::of(&folder, &handle, made).map_err(failed("opened"))?;
        make_private(&folder, &handle, failed("made private"))?;
        let lock = lock_in(&folder)?;
        let mut folder = Self {
            path: folder,
            handle,
            lock,
            fresh: None,
            is_used: false,
        };
        folder.sign();
        if !has_begun(&folder.path)? {
            folder.fresh = Some(before);
        }
        let prepared = folder
            .give(&folder.lock)
            .and_then(|()| folder.make_database());
        prepared.map_err(failed("prepared"))?;
        Ok(folder)
    }

    /// Whether a folder is there and has a chatd database, or a process that may have lost the file of its
    /// own. Nothing is touched.
    ///
    /// # Errors
    /// [`FolderError::System`] when the folder is somebody else's, [`FolderError::Headless`] when the database is
    /// gone and its log is there.
    pub fn has_database(path: &Path) -> Result<bool, FolderError> {
        match has_begun(path) {
            Ok(true) => Ok(true),
            // The lock is only looked at where that says more.
            found => Ok(Self::is_owned(path).unwrap_or(false) || found?),
        }
    }

    /// Whether a folder was used before, if it has no database: what tokens are signed with is still there.
    pub fn has_secret(path: &Path) -> bool {
        has_bytes(&path.join(SECRET))
    }

    /// Whether a process owns the folder now. To find out it takes the lock for a moment, if nobody has
    /// it; whoever wants the folder just then tries again.
    ///
    /// # Errors
    /// What the system says when the lock cannot be looked at.
    pub fn is_owned(path: &Path) -> io::Result<bool> {
        let lock = match File::open(path.join(LOCK)) {
            Ok(lock) => lock,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error),
        };
        match flock(&lock, FlockOperation::NonBlockingLockShared) {
            Ok(()) => Ok(false),
            Err(Errno::WOULDBLOCK) => Ok(true),
            Err(error) => Err(error.into()),
        }
    }

    /// Keeps other processes out of a folder that somebody is going to replace, for as long as what is
    /// given lives; nothing for a folder that nobody has used. Nothing in it is touched.
    ///
    /// # Errors
    /// [`FolderError::InUse`] when another process owns the folder.
    pub(super) fn hold(folder: &Path) -> Result<Option<File>, FolderError> {
        let path = folder.join(LOCK);
        loop {
            let lock = match OpenOptions::new().read(true).open(&path) {
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
                opened => opened.map_err(not_locked(folder))?,
            };
            take_lock(&lock, folder)?;
            if is_at(&lock, &path).map_err(not_locked(folder))? {
                return Ok(Some(lock));
            }
        }
    }

    /// The folder itself, absolute.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder, open: a name for it that is always short.
    pub(super) fn handle(&self) -> &File {
        &self.handle
    }

    /// The database file; it need not be there.
    pub fn database(&self) -> PathBuf {
        database_in(&self.path)
    }

    /// Whether nothing had begun in the folder when it was opened, though it was used before.
    pub(super) fn has_lost_its_database(&self) -> bool {
        self.fresh.as_ref().is_some_and(|fresh| fresh.had(SECRET))
    }

    /// Whether nothing had begun in the folder when it was opened.
    pub(super) fn is_fresh(&self) -> bool {
        self.fresh.is_some()
    }

    /// What is in the folder from now on stays. A new one that nobody came to use is removed instead when the
    /// value is dropped: a mistyped path is to leave nothing behind.
    pub(super) fn keep(&mut self) {
        self.is_used = true;
    }

    /// Gives the folder up with all that was put into it, if nothing had begun in it before; says whether
    /// nothing is left of that.
    pub(super) fn discard(self) -> bool {
        self.bring_back()
    }

    /// Where a running server takes commands.
    pub fn control_socket(&self) -> PathBuf {
        control_socket_in(&self.path)
    }

    /// Where a copy of the database is made for a backup.
    pub(super) fn copy(&self) -> PathBuf {
        copy_in(&self.path)
    }

    /// The folder for certificates that are got by ACME. It is made if it is not there, and nobody else
    /// sees what is in it.
    ///
    /// # Errors
    /// A sentence that says what to do, when it cannot be used.
    pub fn certificates(&self) -> io::Result<PathBuf> {
        let path = self.path.join(CERTIFICATES);
        let made = || {
            make(&path)?.keep();
            let folder = File::open(&path)?;
            folder.set_permissions(Permissions::from_mode(FOLDER_MODE))?;
            self.give(&folder)
        };
        match made() {
            Ok(()) => Ok(path),
            Err(error) => {
                let text = format!("\"{}\" cannot be used: {error}", path.display());
                Err(io::Error::new(
                    error.kind(),
                    format!("{text}{}", hint(&error)),
                ))
            }
        }
    }

    /// Writes the process id into the lock file. It is there for messages, so a full disk, on which
    /// a server still serves what it has, does not stop anything.
    fn sign(&self) {
        let text = format!("{}\n", std::process::id());
        let signed = self
            .lock
            .set_len(0)
            .and_then(|()| self.lock.write_all_at(text.as_bytes(), 0));
        if let Err(error) = signed {
            tracing::warn!(%error, "the process id could not be written into the lock file");
        }
    }

    /// Makes the database file, so that it is private from the start; the files that the database
    /// puts beside it get the same rights and the same owner.
    fn make_database(&self) -> io::Result<()> {
        self.give(&open_file(&self.database())?)
    }

    /// Removes what was made in a folder where nothing had begun.
    fn bring_back(&self) -> bool {
        let fresh = self.fresh.as_ref();
        fresh.is_some_and(|fresh| fresh.bring_back(&self.handle))
    }

    /// Lets root prepare the folder of a service's own user: what root makes in it belongs to that
    /// user.
    fn give(&self, file: &File) -> io::Result<()> {
        give_to_owner(file, &self.handle.metadata()?)
    }
}

impl Drop for DataFolder {
    fn drop(&mut self) {
        // A lock that nobody holds should name nobody; closing the file gives it up.
        let _ = self.lock.set_len(0);
        if !self.is_used {
            self.bring_back();
        }
    }
}

/// Where the database of a folder is.
pub fn database_in(folder: &Path) -> PathBuf {
    folder.join(DATABASE)
}

/// Where the copy of a folder's database is made.
pub(super) fn copy_in(folder: &Path) -> PathBuf {
    folder.join(COPY)
}

/// Where the control socket of a folder is.
pub(super) fn control_socket_in(folder: &Path) -> PathBuf {
    folder.join(CONTROL_SOCKET)
}

/// Whether there is anything in the database of a folder.
///
/// # Errors
/// [`FolderError::Headless`] when there is nothing, but a log.
fn has_begun(folder: &Path) -> Result<bool, FolderError> {
    let database = database_in(folder);
    let size = match database.metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
        looked => looked.map(|file| file.len()),
    };
    let size = size.map_err(|source| FolderError::System {
        folder: absolute(folder),
        doing: "opened",
        source,
    })?;
    if size == 0 && has_bytes(&log_of(&database)) {
        let folder = absolute(folder);
        return Err(FolderError::Headless { folder });
    }
    Ok(size > 0)
}

/// Makes a folder with its parents, each of which is on disk before anything is put into it.
fn make(path: &Path) -> io::Result<Made> {
    if path.is_dir() {
        return Ok(Made::default());
    }
    let parent = path.parent().filter(|parent| *parent != Path::new(""));
    let mut made = parent.map_or_else(|| Ok(Made::default()), make)?;
    match DirBuilder::new().mode(FOLDER_MODE).create(path) {
        // Another process was faster.
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => {}
        Err(error) => return Err(error),
        Ok(()) => {
            File::open(parent.unwrap_or(Path::new(".")))?.sync_all()?;
            made.0.push(path.to_owned());
        }
    }
    Ok(made)
}

/// Whether a file is there and not empty.
fn has_bytes(file: &Path) -> bool {
    file.metadata().is_ok_and(|file| file.len() > 0)
}

/// Takes the rights of others away from a folder that is chatd's, or is going to be.
fn make_private(
    folder: &Path,
    handle: &File,
    failed: impl Fn(io::Error) -> FolderError,
) -> Result<(), FolderError> {
    let mode = handle.metadata().map_err(&failed)?.mode();
    if mode & RIGHTS_OF_OTHERS == 0 {
        return Ok(());
    }
    if !is_ours(folder).map_err(&failed)? {
        return Err(FolderError::Foreign {
            folder: folder.to_owned(),
        });
    }
    handle
        .set_permissions(Permissions::from_mode(FOLDER_MODE))
        .map_err(failed)
}

/// Whether a folder is empty or has something of chatd in it; `/tmp` and `/home/ada` do not.
pub(super) fn is_ours(folder: &Path) -> io::Result<bool> {
    let mut is_empty = true;
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name();
        if [LOCK, DATABASE, SECRET].iter().any(|ours| name == *ours) {
            return Ok(true);
        }
        is_empty &= name == LOST_AND_FOUND;
    }
    Ok(is_empty)
}

fn open_file(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(FILE_MODE)
        .open(path)
}
