//! Putting a backup in the place of a data folder: made beside it, verified, synced, and then exchanged
//! for it in one step.

use super::{BackupError, Manifest, Stop, unpack, verify};
use crate::model::Time;
use crate::server::data_folder::{
    CERTIFICATES, DATABASE, DataFolder, FILE_MODE, FOLDER_MODE, FolderError, LOST_AND_FOUND,
    SECRET, absolute, is_ours,
};
use crate::store::backup::give_to_owner;
use rustix::fs::{CWD, FlockOperation, OFlags, RenameFlags, flock, renameat_with};
use rustix::io::Errno;
use rustix::process::geteuid;
use std::fs::{
    DirBuilder, File, OpenOptions, Permissions, remove_dir, remove_dir_all, remove_file, rename,
};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Ends the name of the folder in which a backup is unpacked, beside the one that it is for.
const UNFINISHED: &str = ".restoring";
/// An empty file that says of that folder that it is not whole, and may be removed.
const MARK: &str = "unfinished";

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
    /// Something is in the place where the backup is to be unpacked.
    #[error(
        "\"{}\" is in the way, and {what}; look what it is, and move it elsewhere; nothing was changed",
        path.display()
    )]
    InTheWay {
        /// The folder, or what is in its place.
        path: PathBuf,
        /// Why it is left alone.
        what: &'static str,
    },
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
/// the time `now`, and otherwise makes this a refusal. Until all is ready to be put there, a wish to stop
/// ends it.
///
/// # Errors
/// A sentence that names the thing and the way out. Nothing was changed.
pub fn restore(
    from: impl Read,
    folder: &Path,
    force: bool,
    now: Time,
    stop: &Stop,
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
    let made = Unfinished::make(&folder)?;
    let manifest = unpack(from, &made.path, stop)?;
    verify(&made.path, &manifest, stop)?;
    made.keep_certificates_of(&folder)
        .map_err(failed(&folder, "read for its certificates"))?;
    made.finish(&folder, stop)?;
    let before = if is_there {
        let before = with_suffix(&folder, &format!(".before-{}", now.in_a_name()));
        exchange(&made.path, &folder, &before).map_err(failed(&folder, "moved aside"))?;
        Some(before)
    } else {
        rename(&made.path, &folder).map_err(failed(&folder, "made"))?;
        None
    };
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
/// moment is there none, where the file system can exchange two names; nor is ever anything called
/// `before` that was not there before.
fn exchange(made: &Path, folder: &Path, before: &Path) -> io::Result<()> {
    let swap = || renameat_with(CWD, made, CWD, folder, RenameFlags::EXCHANGE);
    match swap() {
        Ok(()) => rename(made, before).or_else(|error| {
            swap()?;
            Err(error)
        }),
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
            rename(folder, before)?;
            rename(made, folder).or_else(|error| {
                rename(before, folder)?;
                Err(error)
            })
        }
        Err(error) => Err(error.into()),
    }
}

/// The folder in which a backup is unpacked; it is removed unless it has become the data folder.
struct Unfinished {
    path: PathBuf,
    handle: File,
}

impl Unfinished {
    /// Makes it, or takes one over that a killed restore has left. Whatever else is there is left alone:
    /// it may be what was in the data folder, if a restore was killed just when it had replaced that.
    fn make(folder: &Path) -> Result<Self, RestoreError> {
        let path = with_suffix(folder, UNFINISHED);
        match DirBuilder::new().mode(FOLDER_MODE).create(&path) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                return Err(failed(&path, "made")(error));
            }
            _ => {}
        }
        let handle = Self::open(&path)?;
        match flock(&handle, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => return Err(RestoreError::Busy(path)),
            locked => locked.map_err(|error| failed(&path, "locked")(error.into()))?,
        }
        if has_else(&path).map_err(failed(&path, "opened"))? {
            return Err(RestoreError::InTheWay {
                path,
                what: "has something else in it than a restore leaves that was killed",
            });
        }
        let made = Self { path, handle };
        // Whoever had the lock may just have put it in its place.
        if !made.is_there() {
            return Err(RestoreError::Busy(made.path.clone()));
        }
        made.empty();
        made.mark().map_err(failed(&made.path, "written to"))?;
        Ok(made)
    }

    /// Opens it, if it is a folder of this user's own, and makes it private.
    fn open(path: &Path) -> Result<File, RestoreError> {
        let in_the_way = |what| RestoreError::InTheWay {
            path: path.to_owned(),
            what,
        };
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW;
        let opened = OpenOptions::new()
            .read(true)
            .custom_flags(flags.bits().cast_signed())
            .open(path);
        let handle = opened.map_err(|error| match Errno::from_io_error(&error) {
            Some(Errno::NOTDIR | Errno::LOOP) => in_the_way("is no folder"),
            _ => failed(path, "opened")(error),
        })?;
        let found = handle.metadata().map_err(failed(path, "opened"))?;
        if found.uid() != geteuid().as_raw() {
            return Err(in_the_way("belongs to another user"));
        }
        handle
            .set_permissions(Permissions::from_mode(FOLDER_MODE))
            .map_err(failed(path, "made private"))?;
        Ok(handle)
    }

    /// Whether what has the name is still this folder, and not what it was exchanged for.
    fn is_there(&self) -> bool {
        let (ours, there) = (self.handle.metadata(), self.path.symlink_metadata());
        ours.is_ok_and(|ours| {
            there.is_ok_and(|there| (there.dev(), there.ino()) == (ours.dev(), ours.ino()))
        })
    }

    fn mark(&self) -> io::Result<()> {
        new_file(&self.path.join(MARK))?;
        // A folder without it is left alone, so it is there before anything else.
        self.handle.sync_all()
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
            io::copy(&mut File::open(&file)?, &mut new_file(&to.join(name))?)?;
        }
        Ok(())
    }

    fn empty(&self) {
        // What is there in spite of this is told when it is to be written. The mark goes last.
        for name in [SECRET, DATABASE] {
            let _ = remove_file(self.path.join(name));
        }
        let _ = remove_dir_all(self.path.join(CERTIFICATES));
        let _ = remove_file(self.path.join(MARK));
    }

    /// Makes it ready to be put in the place of `folder`: on disk, without its mark, and the service's own
    /// user's when root restores for a service. The last chance to stop is before that.
    fn finish(&self, folder: &Path, stop: &Stop) -> Result<(), RestoreError> {
        let owner = folder.metadata().ok();
        let give = |file: &File| match &owner {
            Some(owner) => give_to_owner(file, owner),
            None => Ok(()),
        };
        let for_owner = || failed(&self.path, "given to the owner of the data folder");
        for path in self.entries().map_err(failed(&self.path, "read"))? {
            let entry = File::open(&path).map_err(failed(&path, "opened"))?;
            give(&entry).map_err(for_owner())?;
            entry.sync_all().map_err(failed(&path, "synced"))?;
        }
        stop.look()?;
        remove_file(self.path.join(MARK)).map_err(failed(&self.path, "finished"))?;
        // As long as it is ours, the next restore takes it over if this one is killed.
        give(&self.handle).map_err(for_owner())?;
        let synced = self.handle.sync_all();
        synced.map_err(failed(&self.path, "synced"))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if self.is_there() {
            self.empty();
            let _ = remove_dir(&self.path);
        }
    }
}

fn new_file(path: &Path) -> io::Result<File> {
    let mut file = OpenOptions::new();
    file.write(true).create_new(true).mode(FILE_MODE).open(path)
}

/// Whether there is something in a folder that a restore which was killed does not leave there.
fn has_else(folder: &Path) -> io::Result<bool> {
    let (mut has_else, mut count, mut is_marked) = (false, 0, false);
    for entry in folder.read_dir()? {
        let name = entry?.file_name();
        count += 1;
        is_marked |= name == MARK;
        has_else |= ![MARK, SECRET, DATABASE, CERTIFICATES]
            .iter()
            .any(|ours| name == *ours);
    }
    Ok(has_else || (count > 0 && !is_marked))
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
