//! One import at a time: each begins by clearing away what is left of rooms that it brings, and would take
//! what another is just bringing for that.

use super::fresh::Made;
use super::{DataFolder, FolderError, absolute, make};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::Path;

/// What a file system answers that cannot lock a folder, as NFS cannot. Imports have to be kept apart by
/// hand there.
const NO_SUCH_LOCKS: [Errno; 5] = [
    Errno::BADF,
    Errno::INVAL,
    Errno::NOLCK,
    Errno::NOSYS,
    Errno::OPNOTSUPP,
];

/// The right to bring something into a data folder, for as long as the value lives. Whoever imports has it,
/// whether or not a server runs, and while one starts or stops. It is a lock of the system's on the folder
/// itself: a process that is killed holds it no longer, and nothing is left of it.
#[derive(Debug)]
pub struct ImportPlace {
    _folder: File,
    /// The folders that were made for it, which go if nothing comes of the import.
    made: Made,
}

impl DataFolder {
    /// Takes the place of an import in a folder; nothing if there is no such folder.
    ///
    /// # Errors
    /// [`FolderError::Importing`] when another import has it.
    pub fn place_for_import(path: &Path) -> Result<Option<ImportPlace>, FolderError> {
        let folder = match File::open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(failed(path, "opened"))?,
        };
        match flock(&folder, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => Err(FolderError::Importing {
                folder: absolute(path),
            }),
            Err(error) if !NO_SUCH_LOCKS.contains(&error) => {
                Err(failed(path, "locked")(error.into()))
            }
            _ => Ok(Some(ImportPlace {
                _folder: folder,
                made: Made::default(),
            })),
        }
    }

    /// The same in a folder that is made if it is not there.
    ///
    /// # Errors
    /// [`FolderError::Importing`] when another import has it.
    pub fn make_for_import(path: &Path) -> Result<ImportPlace, FolderError> {
        let made = make(path).map_err(failed(path, "made"))?;
        let place = Self::place_for_import(path)?;
        let mut place = place.ok_or_else(|| failed(path, "opened")(ErrorKind::NotFound.into()))?;
        place.made = made;
        Ok(place)
    }
}

fn failed(path: &Path, doing: &'static str) -> impl FnOnce(io::Error) -> FolderError {
    let folder = absolute(path);
    move |source| FolderError::System {
        folder,
        doing,
        source,
    }
}
