//! Putting a backup in the place of a data folder: made beside it, verified, synced, and then exchanged
//! for it in one step.

use super::{BackupError, Manifest, unpack, verify};
use crate::model::Time;
use crate::server::data_folder::{
    CERTIFICATES, DATABASE, DataFolder, FILE_MODE, FOLDER_MODE, FolderError, LOST_AND_FOUND, SECRET,
    absolute, is_ours,
};
use rustix::fs::{CWD, FlockOperation, RenameFlags, flock, renameat_with};
use rustix::io::Errno;
use rustix::process::geteuid;
use std::fs::{DirBuilder, File, OpenOptions, remove_dir, remove_dir_all, remove_file, rename};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, chown};
use std::path::{Path, PathBuf};

/// Ends the name of the folder in which a backup is unpacked, beside the one that it is for.
const UNFINISHED: &str = ".restoring";

/// What was restored.
#[derive(Debug)]
pub struct Restored {
    /// The data folder, absolute.
    pub folder: PathBuf,
    /// Where what was there before is now, if there was anything.
    pub before: Option<PathBuf>,
    /// What the backup says of itself.
    pub manifest: Manifest,
}

/// Why nothing was restored. Nothing was changed then.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The backup.
    #[error("{0}; nothing was changed")]
    Backup(#[from] BackupError),
    /// A server runs there, or somebody else uses the folder.
    #[error("{0}")]
    Folder(#[from] FolderError),
    /// There is data already.
    #[error(
        "there is data in \"{}\" already; with --force it is moved aside, to \"{}.before-\" and the time, and the \
         backup put in its place",
        .0.display(),
        .0.display()
    )]
    Occupied(PathBuf),
    /// There are files that are not chatd's.
    #[error(
        "\"{}\" has files in it that are not chatd's; name a folder of its own with --data-dir",
        .0.display()
    )]
    Foreign(PathBuf),
    /// Another restore is at work.
    #[error("\"{}\" is in use by another restore; wait until that is done", .0.display())]
    Busy(PathBuf),
    /// The system refused something.
    #[error("\"{}\" cannot be {doing}: {source}{}; nothing was changed", path.display(), hint(source))]
    System {
        /// The file or folder.
        path: PathBuf,
        /// What was tried, as in "cannot be made".
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::PermissionDenied => {
            "; the folder above the data folder must be yours, so run this as root or another user"
        }
        ErrorKind::ResourceBusy | ErrorKind::CrossesDevices => {
            "; a mounted disk cannot be moved, so restore to a folder on it with --data-dir"
        }
        ErrorKind::NotFound => "; make the folder above it first",
        ErrorKind::StorageFull => "; make room on that disk",
        _ => "",
    }
}

fn failed(path: &Path, doing: &'static str) -> impl Fn(io::Error) -> RestoreError {
    let path = path.to_owned();
    move |source| RestoreError::System {
        path: path.clone(),
        doing,
        source,
    }
}

/// Makes the data folder `folder` of a backup. What is there is moved aside with `force`, to a name with
/// the time `now`, and otherwise makes this a refusal.
///
/// # Errors
/// A sentence that names the thing and the way out. Nothing was changed.
pub fn restore(
    from: impl Read,
    folder: &Path,
    force: bool,
    now: Time,
) -> Result<Restored, RestoreError> {
    // A link stays one; what it leads to is replaced.
    let folder = folder.canonicalize().unwrap_or_else(|_| absolute(folder));
    let _held = DataFolder::hold(&folder)?;
    let is_there = has_files(&folder).map_err(failed(&folder, "opened"))?;
    if is_there && !is_ours(&folder).map_err(failed(&folder, "opened"))? {
        return Err(RestoreError::Foreign(folder));
    }
    if is_there && !force {
        return Err(RestoreError::Occupied(folder));
    }
    let mut made = Unfinished::make(&folder)?;
    let manifest = unpack(from, &made.path)?;
    verify(&made.path, &manifest)?;
    made.keep_certificates_of(&folder)
        .map_err(failed(&folder, "read for its certificates"))?;
    made.give_to_owner_of(&folder)
        .map_err(failed(&made.path, "given to the owner of the data folder"))?;
    made.sync().map_err(failed(&made.path, "synced"))?;
    let before = if is_there {
        let before = with_suffix(&folder, &format!(".before-{}", now.in_a_name()));
        exchange(&made.path, &folder, &before).map_err(failed(&folder, "moved aside"))?;
        Some(before)
    } else {
        rename(&made.path, &folder).map_err(failed(&folder, "made"))?;
        None
    };
    made.is_placed = true;
    // Should the machine lose its power now, there is the one folder or the other.
    if let Err(error) = sync(parent(&folder)) {
        tracing::warn!(%error, "the folder above the data folder could not be synced");
    }
    Ok(Restored {
        folder,
        before,
        manifest,
    })
}

/// Whether there is anything in a folder, or something else in its place.
fn has_files(folder: &Path) -> io::Result<bool> {
    let entries = match folder.read_dir() {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        read => read?,
    };
    for entry in entries {
        if entry?.file_name() != LOST_AND_FOUND {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Puts a folder that is whole in the place of another, which is called `before` from then on. At no
/// moment is there none, where the file system can exchange two names.
fn exchange(made: &Path, folder: &Path, before: &Path) -> io::Result<()> {
    rename(made, before)?;
    let back = |error| {
        rename(before, made)?;
        Err(error)
    };
    match renameat_with(CWD, before, CWD, folder, RenameFlags::EXCHANGE) {
        Ok(()) => Ok(()),
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
            rename(before, made)?;
            rename(folder, before)?;
            rename(made, folder).or_else(|error| {
                rename(before, folder)?;
                Err(error)
            })
        }
        Err(error) => back(error.into()),
    }
}

/// The folder in which a backup is unpacked; it is removed unless it has become the data folder.
struct Unfinished {
    path: PathBuf,
    handle: File,
    is_placed: bool,
}

impl Unfinished {
    /// Makes it, or takes one over that a killed restore has left. It never holds anybody's only data.
    fn make(folder: &Path) -> Result<Self, RestoreError> {
        let path = with_suffix(folder, UNFINISHED);
        match DirBuilder::new().mode(FOLDER_MODE).create(&path) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                return Err(failed(&path, "made")(error));
            }
            _ => {}
        }
        let handle = File::open(&path).map_err(failed(&path, "opened"))?;
        match flock(&handle, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => return Err(RestoreError::Busy(path)),
            locked => locked.map_err(|error| failed(&path, "locked")(error.into()))?,
        }
        let made = Self {
            path,
            handle,
            is_placed: false,
        };
        made.empty();
        Ok(made)
    }

    /// What is in it, folders after what is in them.
    fn entries(&self) -> io::Result<Vec<PathBuf>> {
        let mut entries = [SECRET, DATABASE].map(|name| self.path.join(name)).to_vec();
        let certificates = self.path.join(CERTIFICATES);
        entries.extend(files_in(&certificates)?);
        if certificates.is_dir() {
            entries.push(certificates);
        }
        Ok(entries)
    }

    /// Certificates belong to the machine and its name, and are in no backup; an authority gives only so
    /// many of them in a week.
    fn keep_certificates_of(&self, folder: &Path) -> io::Result<()> {
        let (from, to) = (folder.join(CERTIFICATES), self.path.join(CERTIFICATES));
        let kept = files_in(&from)?;
        if kept.is_empty() {
            return Ok(());
        }
        DirBuilder::new().mode(FOLDER_MODE).create(&to)?;
        for file in kept {
            let name = file.file_name().unwrap_or_default();
            let mut copy = OpenOptions::new();
            copy.write(true).create_new(true).mode(FILE_MODE);
            io::copy(&mut File::open(&file)?, &mut copy.open(to.join(name))?)?;
        }
        Ok(())
    }

    fn empty(&self) {
        // What is there in spite of this is told when it is to be written.
        for name in [SECRET, DATABASE] {
            let _ = remove_file(self.path.join(name));
        }
        let _ = remove_dir_all(self.path.join(CERTIFICATES));
    }

    /// What root restores for a service belongs to the service's own user.
    fn give_to_owner_of(&self, folder: &Path) -> io::Result<()> {
        if !geteuid().is_root() || !folder.exists() {
            return Ok(());
        }
        let owner = folder.metadata()?;
        for path in self.entries()?.iter().chain([&self.path]) {
            chown(path, Some(owner.uid()), Some(owner.gid()))?;
        }
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        for path in self.entries()? {
            sync(&path)?;
        }
        self.handle.sync_all()
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.is_placed {
            self.empty();
            let _ = remove_dir(&self.path);
        }
    }
}

/// The files of a folder, which need not be there.
fn files_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match folder.read_dir() {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        read => read?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            files.push(entry.path());
        }
    }
    Ok(files)
}

fn sync(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

fn parent(folder: &Path) -> &Path {
    folder.parent().unwrap_or(folder)
}

fn with_suffix(folder: &Path, suffix: &str) -> PathBuf {
    let mut name = folder.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
