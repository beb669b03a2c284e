//! Where the database is: files that a person may move or remove while they are in use.

use super::{Error, Store};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What tells a file from every other, whatever it is called: its device and its number there.
type Identity = (u64, u64);

/// A database's file, as it was when it was opened.
#[derive(Debug)]
pub(super) struct Place {
    path: PathBuf,
    file: Identity,
}

impl Place {
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            file: identity(path)?,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Store {
    /// Whether the database's file is still where it was opened. What is written to one that is not is gone
    /// when the process ends; until then it can be copied.
    ///
    /// # Errors
    /// [`Error::Displaced`] when it is not.
    pub fn in_place(&self) -> Result<(), Error> {
        let place = &self.0.place;
        match identity(&place.path) {
            Ok(found) if found == place.file => Ok(()),
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(Error::Disk(error.to_string()))
            }
            _ => Err(Error::Displaced),
        }
    }
}

/// The write-ahead log of a database; it need not be there.
pub fn log_of(database: &Path) -> PathBuf {
    let mut log = database.as_os_str().to_owned();
    log.push("-wal");
    log.into()
}

fn identity(path: &Path) -> io::Result<Identity> {
    let file = path.metadata()?;
    Ok((file.dev(), file.ino()))
}
