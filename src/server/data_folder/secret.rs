//! What tokens are signed with, in a file of the data folder.

use super::{DataFolder, hint, open_file};
use crate::chat::SECRET_BYTES;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::path::Path;

/// What tokens are signed with.
pub(in super::super) const SECRET: &str = "jwt.secret";
/// The same on its way to disk.
const NEW_SECRET: &str = "jwt.secret.new";
/// A file longer than this was not meant as a secret.
pub(in super::super) const SECRET_MAX_BYTES: u64 = 4096;

impl DataFolder {
    /// What tokens are signed with, at least 32 bytes; nothing where none was made yet.
    ///
    /// # Errors
    /// A sentence that says what to do, when the file is too short, too long or cannot be used.
    pub(in super::super) fn secret(&self) -> io::Result<Option<Vec<u8>>> {
        secret_in(&self.path)
    }

    /// Makes what tokens are signed with, from random bytes. It is kept in the folder from then on.
    ///
    /// # Errors
    /// A sentence that says what to do, when it cannot be written.
    pub(in super::super) fn make_secret(&self) -> io::Result<Vec<u8>> {
        let made = self.write_secret();
        made.map_err(|error| unusable(&self.path.join(SECRET), &error))
    }

    /// Writes a new secret so that after a crash it is there as a whole or not at all.
    fn write_secret(&self) -> io::Result<Vec<u8>> {
        let mut secret = vec![0; SECRET_BYTES];
        getrandom::fill(&mut secret).map_err(io::Error::other)?;
        let on_its_way = self.path.join(NEW_SECRET);
        let mut file = open_file(&on_its_way)?;
        // One that a crash left behind may have been longer.
        file.set_len(0)?;
        file.write_all(&secret)?;
        self.give(&file)?;
        file.sync_all()?;
        std::fs::rename(on_its_way, self.path.join(SECRET))?;
        self.handle.sync_all()?;
        Ok(secret)
    }
}

/// The secret of a folder, which another process may own; nothing if it has none yet.
pub(in super::super) fn secret_in(folder: &Path) -> io::Result<Option<Vec<u8>>> {
    let path = folder.join(SECRET);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unusable(&path, &error)),
    };
    let mut secret = Vec::new();
    file.take(SECRET_MAX_BYTES + 1)
        .read_to_end(&mut secret)
        .map_err(|error| unusable(&path, &error))?;
    if !is_secret(&secret) {
        return Err(io::Error::new(
            ErrorKind::InvalidData,
            format!(
                "\"{}\" is not a secret: it must have {SECRET_BYTES} to {SECRET_MAX_BYTES} bytes; \
                 put the right file back from a backup, or delete it and start again, after which \
                 everybody has to sign in once more",
                path.display()
            ),
        ));
    }
    Ok(Some(secret))
}

/// Whether these bytes can be a secret.
pub(in super::super) fn is_secret(bytes: &[u8]) -> bool {
    bytes.len() >= SECRET_BYTES && bytes.len() as u64 <= SECRET_MAX_BYTES
}

fn unusable(path: &Path, error: &io::Error) -> io::Error {
    let text = format!(
        "\"{}\" cannot be used: {error}{}",
        path.display(),
        hint(error)
    );
    io::Error::new(error.kind(), text)
}
