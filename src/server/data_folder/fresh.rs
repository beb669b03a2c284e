//! A data folder in which nothing had begun: whoever made it for nothing takes it away again.

use super::secret::NEW_SECRET;
use super::{DATABASE, LOCK, SECRET};
use std::ffi::OsString;
use std::fs::{remove_dir, remove_file};
use std::io;
use std::path::{Path, PathBuf};

/// What the database has beside its file, by the end of the name.
const BESIDE_DATABASE: [&str; 3] = ["-journal", "-wal", "-shm"];

/// What there was of a data folder without data when it was opened.
#[derive(Debug)]
pub(super) struct Fresh {
    folder: PathBuf,
    /// The folders that were made for it, from the top down: itself and those above it.
    made: Vec<PathBuf>,
    /// What was in it.
    names: Vec<OsString>,
}

impl Fresh {
    /// What there is in `folder` now, for which these were made.
    pub fn of(folder: &Path, made: Vec<PathBuf>) -> io::Result<Self> {
        Ok(Self {
            folder: folder.to_owned(),
            made,
            names: names(folder)?,
        })
    }

    /// Removes what was made there since; says whether nothing of it is left. To be called while the folder's
    /// lock is held.
    pub fn bring_back(&self) -> bool {
        let beside = BESIDE_DATABASE.map(|end| format!("{DATABASE}{end}"));
        let made = beside.iter().map(String::as_str);
        // The lock goes last, so that nobody takes the folder meanwhile.
        for name in made.chain([DATABASE, SECRET, NEW_SECRET, LOCK]) {
            if !self.names.iter().any(|there| there == name) {
                let _ = remove_file(self.folder.join(name));
            }
        }
        remove_all(&self.made);
        let left = names(&self.folder).unwrap_or_default();
        left.iter().all(|name| self.names.contains(name))
    }
}

/// Removes folders that were made, given from the top down. Those in which there is anything stay.
pub(super) fn remove_all(made: &[PathBuf]) {
    for folder in made.iter().rev() {
        let _ = remove_dir(folder);
    }
}

fn names(folder: &Path) -> io::Result<Vec<OsString>> {
    let entries = folder.read_dir()?;
    entries.map(|entry| Ok(entry?.file_name())).collect()
}
