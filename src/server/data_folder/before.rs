//! What a data folder was before something was made in it that came to nothing.

use super::{DATABASE, DataFolder, FolderError, LOCK, NEW_SECRET, SECRET, absolute};
use std::ffi::OsString;
use std::fs::{remove_dir, remove_file};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// What the database has beside its file, by the end of the name.
const BESIDE_DATABASE: [&str; 3] = ["-journal", "-wal", "-shm"];

/// What there was in the place of a data folder that had no data.
#[derive(Debug)]
pub struct Before {
    folder: PathBuf,
    /// It and the folders above it that were not there; the deepest comes first.
    missing: Vec<PathBuf>,
    /// What was in it.
    names: Vec<OsString>,
}

impl DataFolder {
    /// Notes what there is in the place of a folder before it is used for the first time; nothing if there is
    /// a database.
    ///
    /// # Errors
    /// [`FolderError::System`] when the folder is somebody else's.
    pub fn before(path: &Path) -> Result<Option<Before>, FolderError> {
        if Self::has_database(path)? {
            return Ok(None);
        }
        let folder = absolute(path);
        let around = folder.ancestors();
        let missing = around.take_while(|folder| folder.symlink_metadata().is_err());
        let names = names(&folder).map_err(|source| FolderError::System {
            folder: folder.clone(),
            doing: "opened",
            source,
        })?;
        Ok(Some(Before {
            missing: missing.map(Path::to_owned).collect(),
            names,
            folder,
        }))
    }
}

impl Before {
    /// Removes what was made there since, unless somebody uses it; says whether nothing of it is left.
    pub fn bring_back(self) -> bool {
        let Ok(_held) = DataFolder::hold(&self.folder) else {
            return false;
        };
        let database = BESIDE_DATABASE.map(|end| format!("{DATABASE}{end}"));
        let made = database.iter().map(String::as_str);
        // The lock goes last, so that nobody takes the folder meanwhile.
        for name in made.chain([DATABASE, SECRET, NEW_SECRET, LOCK]) {
            if !self.names.iter().any(|there| there == name) {
                let _ = remove_file(self.folder.join(name));
            }
        }
        for folder in &self.missing {
            let _ = remove_dir(folder);
        }
        names(&self.folder).is_ok_and(|names| names.iter().all(|name| self.names.contains(name)))
    }
}

/// What is in a folder, which need not be there.
fn names(folder: &Path) -> io::Result<Vec<OsString>> {
    let entries = match folder.read_dir() {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        read => read?,
    };
    entries.map(|entry| Ok(entry?.file_name())).collect()
}
