//! What tokens are signed with: a file of the data folder.

use super::{DataFolder, hint, open_file};
use crate::chat::SECRET_BYTES;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Its file.
pub(in crate::server) const SECRET: &str = "jwt.secret";
/// The same on its way to disk.
pub(super) const NEW_SECRET: &str = "jwt.secret.new";
/// A file longer than this was not meant as a secret.
pub(in crate::server) const SECRET_MAX_BYTES: u64 = 4096;
/// The right of a file's owner to read it.
const OWNER_READS: u32 = 0o400;
/// The rights of its group and of all others to.
const OTHERS_READ: u32 = 0o044;

/// Why the secret of a folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}; {}", self.what(), self.fix())]
pub enum SecretError {
    /// The file has too little or too much in it.
    NoSecret(PathBuf),
    /// It is not for the user whom the folder belongs to.
    NotTheirs {
        /// The file.
        path: PathBuf,
        /// The number of that user.
        owner: u32,
    },
    /// The system refused something.
    Unusable(PathBuf, io::Error),
}

impl SecretError {
    /// What is wrong.
    pub fn what(&self) -> String {
        match self {
            Self::NoSecret(path) => format!(
                "\"{}\" is not a secret: it must have {SECRET_BYTES} to {SECRET_MAX_BYTES} bytes",
                path.display()
            ),
            Self::NotTheirs { path, .. } => format!(
                "\"{}\" cannot be read by the user whom the data folder belongs to",
                path.display()
            ),
            Self::Unusable(path, error) => {
                format!("\"{}\" cannot be used: {error}", path.display())
            }
        }
    }

    /// What to do about it.
    pub fn fix(&self) -> String {
        match self {
            Self::NoSecret(_) => {
                "put the right file back from a backup, or delete it and start again, after \
                 which everybody has to sign in once more"
                    .to_owned()
            }
            Self::NotTheirs { path, owner } => {
                let path = path.display();
                format!("as its owner or root: chown {owner} \"{path}\" && chmod 600 \"{path}\"")
            }
            Self::Unusable(_, error) => hint(error).trim_start_matches("; ").to_owned(),
        }
    }
}

impl From<SecretError> for io::Error {
    fn from(error: SecretError) -> Self {
        let kind = match &error {
            SecretError::Unusable(_, error) => error.kind(),
            _ => ErrorKind::InvalidData,
        };
        Self::new(kind, error.to_string())
    }
}

/// The secret of a folder, which another process may own; nothing if it has none yet.
pub(in crate::server) fn secret_in(folder: &Path) -> Result<Option<Vec<u8>>, SecretError> {
    let path = folder.join(SECRET);
    let mut secret = Vec::new();
    let read = File::open(&path).and_then(|file| {
        let mut limited = file.take(SECRET_MAX_BYTES + 1);
        limited.read_to_end(&mut secret)
    });
    match read {
        Ok(_) if is_secret(&secret) => Ok(Some(secret)),
        Ok(_) => Err(SecretError::NoSecret(path)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(SecretError::Unusable(path, error)),
    }
}

/// Looks whether the user whom a folder belongs to could sign tokens with what is in it. A folder without a
/// secret is fine: the next start makes one.
///
/// # Errors
/// Why not.
pub fn check_secret(folder: &Path) -> Result<(), SecretError> {
    let path = folder.join(SECRET);
    if let (Ok(folder), Ok(file)) = (folder.metadata(), path.metadata()) {
        let owner = folder.uid();
        // Which groups a user is in is not known here, so that a file of somebody else's may be theirs to read.
        let reads = if file.uid() == owner {
            OWNER_READS
        } else {
            OTHERS_READ
        };
        // Root may read all, and asks for others.
        if file.mode() & reads == 0 {
            return Err(SecretError::NotTheirs { path, owner });
        }
    }
    secret_in(folder).map(drop)
}

/// Bytes that nobody else knows.
pub(in crate::server) fn random_secret() -> io::Result<Vec<u8>> {
    let mut secret = vec![0; SECRET_BYTES];
    getrandom::fill(&mut secret).map_err(io::Error::other)?;
    Ok(secret)
}

/// Whether these bytes can be a secret.
pub(in crate::server) fn is_secret(bytes: &[u8]) -> bool {
    bytes.len() >= SECRET_BYTES && bytes.len() as u64 <= SECRET_MAX_BYTES
}

impl DataFolder {
    /// The secret of this folder, at least 32 bytes; nothing if it has none yet.
    pub(in crate::server) fn secret(&self) -> Result<Option<Vec<u8>>, SecretError> {
        secret_in(&self.path)
    }

    /// Makes a secret of random bytes, which is kept in the folder from then on.
    pub(in crate::server) fn make_secret(&self) -> Result<Vec<u8>, SecretError> {
        let written = self.write_secret();
        written.map_err(|error| SecretError::Unusable(self.path.join(SECRET), error))
    }

    /// Writes a new secret so that after a crash it is there as a whole or not at all.
    fn write_secret(&self) -> io::Result<Vec<u8>> {
        let secret = random_secret()?;
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
