//! The files of backups and exports: made beside their final name, and read.

use super::{Failure, blocking, interruptible, shown};
use crate::server::backup::Stop;
use crate::server::data_folder::{DataFolder, FolderError};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{CWD, FlockOperation, OFlags, RenameFlags, flock, renameat_with};
use rustix::io::Errno;
use rustix::process::geteuid;
use std::fs::{File, OpenOptions, Permissions, remove_file, rename};
use std::io::{self, BufWriter, ErrorKind, IsTerminal, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Instead of a file: stdin or stdout.
const STANDARD: &str = "-";
/// Ends the name of a file on its way to disk.
const UNFINISHED: &str = ".unfinished";
/// Rights of a file: its owner's only, as with what is in it.
const FILE_MODE: u32 = 0o600;
/// Between two looks whether a pipe is still waited for.
const BETWEEN_LOOKS: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 100_000_000,
};

pub(in crate::cli) fn is_standard(path: &Path) -> bool {
    path == Path::new(STANDARD)
}

/// Opens a backup, or stdin. What is read fails once a stop is wanted.
///
/// # Errors
/// A sentence that names it.
pub(in crate::cli) fn read(path: &Path, stop: &Stop) -> Result<impl Read, Failure> {
    let awaited = |file| Awaited {
        file,
        stop: stop.clone(),
    };
    if is_standard(path) {
        let stdin = io::stdin();
        if stdin.is_terminal() {
            return Err(Failure::failed(
                "a backup cannot be typed; name its file, or send it to stdin",
            ));
        }
        let file = stdin.as_fd().try_clone_to_owned();
        return Ok(awaited(file.map_err(Failure::failed)?.into()));
    }
    // A pipe that nobody writes to yet is waited for when it is read.
    let mut file = OpenOptions::new();
    file.read(true).custom_flags(flags(OFlags::NONBLOCK));
    let file = file.open(path).map_err(|error| {
        let hint = match error.kind() {
            ErrorKind::NotFound => "; name the file that \"chatd backup\" has made",
            ErrorKind::PermissionDenied => "; run this as the user whom it belongs to",
            _ => "",
        };
        Failure::failed(format!("{} cannot be read: {error}{hint}", shown(path)))
    })?;
    Ok(awaited(file))
}

fn flags(flags: OFlags) -> i32 {
    flags.bits().cast_signed()
}

/// A file or a pipe that is waited for until a stop is wanted.
struct Awaited {
    file: File,
    stop: Stop,
}

impl Read for Awaited {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.stop.is_wanted() {
                return Err(io::Error::other("a stop is wanted"));
            }
            let mut wanted = [PollFd::new(&self.file, PollFlags::IN)];
            match poll(&mut wanted, Some(&BETWEEN_LOOKS)) {
                Ok(0) | Err(Errno::INTR) => continue,
                polled => polled?,
            };
            match self.file.read(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                read => return read,
            }
        }
    }
}

/// Where a backup or an export goes.
pub(in crate::cli) enum Target {
    Stdout,
    File(Unfinished),
}

/// A file that gets its name when it is whole and on disk, and is removed otherwise.
pub(in crate::cli) struct Unfinished {
    file: File,
    path: PathBuf,
    on_its_way: PathBuf,
    replaces: bool,
    is_whole: bool,
}

impl Target {
    /// Makes sure that something can be written there before it costs anything.
    ///
    /// # Errors
    /// A sentence that names what is in the way.
    pub fn open(path: &Path, replaces: bool) -> Result<Self, Failure> {
        if is_standard(path) {
            return Ok(Self::Stdout);
        }
        Unfinished::make(path, replaces).map(Self::File)
    }

    /// The same for what is nothing to read.
    pub fn open_binary(path: &Path, replaces: bool) -> Result<Self, Failure> {
        if is_standard(path) && io::stdout().is_terminal() {
            return Err(Failure::failed(
                "a backup is nothing to read on a terminal; name a file, or send stdout somewhere",
            ));
        }
        Self::open(path, replaces)
    }

    /// Has something written there, off the threads that wait; a file gets its name then. Says what came of
    /// it, and where it is. A wish to stop ends it until the file is on disk, and is too late then.
    pub async fn fill<T: Send + 'static>(
        self,
        write: impl FnOnce(&mut dyn Write) -> Result<T, FillError> + Send + 'static,
    ) -> Result<(T, Option<PathBuf>), Failure> {
        match self {
            Self::Stdout => {
                let written = blocking(move || {
                    filled(io::stdout().lock(), write).map_err(|error| match error {
                        FillError::Source(failure) => failure,
                        FillError::Target(error) => {
                            Failure::failed(format!("stdout did not take it all: {error}"))
                        }
                    })
                });
                Ok((interruptible(written).await?, None))
            }
            Self::File(target) => {
                // The file's name is taken away here when this is interrupted, whatever is still written.
                let (file, path) = (target.file(), target.path.clone());
                let written = blocking(move || {
                    let written = file.map_err(FillError::Target).and_then(|file| {
                        let done = filled(&file, write)?;
                        file.sync_all()?;
                        Ok(done)
                    });
                    written.map_err(|error| match error {
                        FillError::Source(failure) => failure,
                        FillError::Target(error) => unwritten(&path, &error),
                    })
                });
                let done = interruptible(written).await?;
                let path = blocking(move || target.finish()).await?;
                Ok((done, Some(path)))
            }
        }
    }
}

/// Why something was not written.
pub(in crate::cli) enum FillError {
    /// What is to be written does not come.
    Source(Failure),
    /// The file or the pipe does not take it.
    Target(io::Error),
}

impl From<io::Error> for FillError {
    fn from(error: io::Error) -> Self {
        Self::Target(error)
    }
}

fn filled<T>(
    to: impl Write,
    write: impl FnOnce(&mut dyn Write) -> Result<T, FillError>,
) -> Result<T, FillError> {
    let mut to = BufWriter::new(to);
    let done = write(&mut to)?;
    to.flush()?;
    Ok(done)
}

impl Unfinished {
    fn make(path: &Path, replaces: bool) -> Result<Self, Failure> {
        let failed = |error: io::Error| unwritten(path, &error);
        if let Some(folder) = data_folder_around(path) {
            let text = format!(
                "\"{}\" would be in the data folder \"{}\", where it could replace what the server needs, and be \
                 lost with it; name a file elsewhere",
                path.display(),
                folder.display()
            );
            return Err(Failure::failed(text));
        }
        match path.symlink_metadata() {
            Ok(there) if there.is_dir() => {
                let text = format!("\"{}\" is a folder; name a file in it", path.display());
                return Err(Failure::failed(text));
            }
            Ok(there) if !there.is_file() && !there.is_symlink() => {
                let text = format!(
                    "\"{}\" is no file; name \"-\" instead, and send stdout there",
                    path.display()
                );
                return Err(Failure::failed(text));
            }
            Ok(_) if !replaces => return Err(is_there(path)),
            _ => {}
        }
        let mut unfinished = path.as_os_str().to_owned();
        unfinished.push(UNFINISHED);
        let unfinished = PathBuf::from(unfinished);
        let mut new = OpenOptions::new();
        let opened = new
            .write(true)
            .create_new(true)
            .mode(FILE_MODE)
            .open(&unfinished);
        let is_new = opened.is_ok();
        let opened = opened.or_else(|error| match error.kind() {
            ErrorKind::AlreadyExists => new
                .create_new(false)
                .create(true)
                .custom_flags(flags(OFlags::NOFOLLOW | OFlags::NONBLOCK))
                .open(&unfinished),
            _ => Err(error),
        });
        let file = opened.map_err(|error| match Errno::from_io_error(&error) {
            Some(Errno::LOOP | Errno::NXIO | Errno::ISDIR) => in_the_way(&unfinished),
            _ => failed(error),
        })?;
        // One that a killed command has left is taken over; one that is being written is not.
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => {
                let text = format!("somebody else is just writing to \"{}\"", path.display());
                return Err(Failure::failed(text));
            }
            locked => locked.map_err(|error| failed(error.into()))?,
        }
        // It may have got its name between our opening it and the lock.
        let ours = file.metadata().map_err(failed)?;
        let there = unfinished.symlink_metadata();
        if there.map_or(0, |there| there.ino()) != ours.ino() {
            return Err(is_there(path));
        }
        if !is_new {
            // It may be somebody else's, who wants to read it, or a second name of something precious.
            let is_own = ours.is_file() && ours.nlink() == 1 && ours.uid() == geteuid().as_raw();
            if !is_own {
                return Err(in_the_way(&unfinished));
            }
            let private = Permissions::from_mode(FILE_MODE);
            file.set_permissions(private).map_err(failed)?;
        }
        file.set_len(0).map_err(failed)?;
        Ok(Self {
            file,
            path: path.to_owned(),
            on_its_way: unfinished,
            replaces,
            is_whole: false,
        })
    }

    /// The file, to be written from its start.
    pub fn file(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    /// Gives the file, which is on disk, its name.
    fn finish(mut self) -> Result<PathBuf, Failure> {
        let failed = |error: io::Error| unwritten(&self.path, &error);
        if self.replaces {
            rename(&self.on_its_way, &self.path).map_err(failed)?;
        } else {
            self.name_what_is_new()
                .map_err(|error| match error.kind() {
                    ErrorKind::AlreadyExists => is_there(&self.path),
                    _ => failed(error),
                })?;
        }
        let folder = self.path.parent().filter(|parent| *parent != Path::new(""));
        File::open(folder.unwrap_or(Path::new(".")))
            .and_then(|folder| folder.sync_all())
            .map_err(failed)?;
        self.is_whole = true;
        Ok(self.path.clone())
    }

    /// Somebody may have put a file there meanwhile, which is kept.
    fn name_what_is_new(&self) -> io::Result<()> {
        let (from, to) = (&self.on_its_way, &self.path);
        match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            // Not every file system knows how.
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {}
            renamed => return Ok(renamed?),
        }
        if to.symlink_metadata().is_ok() {
            return Err(ErrorKind::AlreadyExists.into());
        }
        rename(from, to)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.is_whole {
            let _ = remove_file(&self.on_its_way);
        }
    }
}

/// The data folder that a file would be in, be it in a folder of it.
fn data_folder_around(path: &Path) -> Option<PathBuf> {
    let parent = path.parent().filter(|parent| *parent != Path::new(""));
    // A folder that is not there, or not to be looked at, is told when the file is made.
    let parent = parent.unwrap_or(Path::new(".")).canonicalize().ok()?;
    let mut around = parent.ancestors();
    let found = around.find(|folder| is_data_folder(folder));
    found.map(Path::to_owned)
}

fn is_data_folder(folder: &Path) -> bool {
    match DataFolder::has_database(folder) {
        Ok(is_one) => is_one,
        // Somebody may put it back.
        Err(error) => matches!(error, FolderError::Headless { .. }),
    }
}

fn unwritten(path: &Path, error: &io::Error) -> Failure {
    let has_folder = path
        .parent()
        .is_none_or(|folder| folder == Path::new("") || folder.symlink_metadata().is_ok());
    let hint = match error.kind() {
        ErrorKind::NotFound if !has_folder => "make its folder first",
        // Where the system makes all the files, it says that there is none.
        ErrorKind::NotFound | ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            "name a folder that you may write to"
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            "make room on its disk, or name a file on another"
        }
        ErrorKind::FileTooLarge => "name a file on a disk that takes larger ones",
        _ => "name another file",
    };
    Failure::failed(format!(
        "\"{}\" cannot be written: {error}; {hint}",
        path.display()
    ))
}

fn in_the_way(path: &Path) -> Failure {
    let path = path.display();
    Failure::failed(format!(
        "\"{path}\" is in the way, and no file of chatd's; look what it is and remove it, or name another file"
    ))
}

fn is_there(path: &Path) -> Failure {
    let path = path.display();
    Failure::failed(format!(
        "\"{path}\" is there already; name another file, or replace it with --force"
    ))
}

/// What is written, counted.
pub(in crate::cli) struct Counted<W> {
    pub to: W,
    pub bytes: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.to.write(bytes)?;
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}
