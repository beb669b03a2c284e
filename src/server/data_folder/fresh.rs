//! A data folder in which nothing had begun: whoever made it for nothing takes it away again.

use super::secret::NEW_SECRET;
use super::{CERTIFICATES, DATABASE, LOCK, SECRET};
use std::ffi::OsString;
use std::fs::{File, Permissions, remove_dir, remove_file};
use std::io;
use std::path::{Path, PathBuf};

/// What the database consists of, by the end of the name.
const DATABASE_FILES: [&str; 4] = ["-journal", "-wal", "-shm", ""];

/// Folders that were made, from the top down. Those that are empty when the value is dropped are removed.
#[derive(Debug, Default)]
pub(super) struct Made(pub Vec<PathBuf>);

impl Made {
    /// Lets them stay.
    pub fn keep(mut self) {
        self.0.clear();
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        for folder in self.0.iter().rev() {
            let _ = remove_dir(folder);
        }
    }
}

/// What there was of a data folder without data when it was opened.
#[derive(Debug)]
pub(super) struct Fresh {
    folder: PathBuf,
    rights: Permissions,
    /// What was in it.
    names: Vec<OsString>,
    /// The folders that were made for it: those above it, and itself.
    _made: Made,
}

impl Fresh {
    /// What there is now in `folder`, which is open, and for which these were made.
    pub fn of(folder: &Path, handle: &File, made: Made) -> io::Result<Self> {
        Ok(Self {
            folder: folder.to_owned(),
            rights: handle.metadata()?.permissions(),
            names: names(folder)?,
            _made: made,
        })
    }

    /// Whether there was something of this name in it.
    pub fn had(&self, name: &str) -> bool {
        self.names.iter().any(|there| there == name)
    }

    /// Removes what was put there since; says whether nothing of it is left. To be called while the folder's
    /// lock is held.
    pub fn bring_back(&self, handle: &File) -> bool {
        for end in DATABASE_FILES {
            let _ = remove_file(self.folder.join(format!("{DATABASE}{end}")));
        }
        if !self.had(CERTIFICATES) {
            let _ = remove_dir(self.folder.join(CERTIFICATES));
        }
        // The lock goes last, so that nobody takes the folder meanwhile.
        for name in [SECRET, NEW_SECRET, LOCK] {
            if !self.had(name) {
                let _ = remove_file(self.folder.join(name));
            }
        }
        let _ = handle.set_permissions(self.rights.clone());
        let left = names(&self.folder).unwrap_or_default();
        left.iter()
            .all(|name| name != DATABASE && self.names.contains(name))
    }
}

fn names(folder: &Path) -> io::Result<Vec<OsString>> {
    let entries = folder.read_dir()?;
    entries.map(|entry| Ok(entry?.file_name())).collect()
}
