//! Backups: all that a data folder must not lose, in one file. It is a tar in zstd, with a manifest, the
//! secret that tokens are signed with, and a copy of the database, in this order; whoever has no chatd
//! can take it apart with `tar --zstd -xf`.

mod archive;
mod kind;
mod restore;
mod stop;

pub use archive::{pack, unpack};
pub use kind::Kind;
pub use restore::{RestoreError, Restored, restore};
pub use stop::Stop;

use super::data_folder::{DATABASE, copy_in, secret_in};
use crate::model::Time;
use crate::store::Error;
use crate::store::backup::{Export, contents, faults, newest_schema};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// The form of the file; another number is for whoever comes to change it.
const FORMAT: u32 = 1;

/// What a backup says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// The form of the file.
    pub format: u32,
    /// The version of the chatd that made it.
    pub chatd: String,
    /// The schema of its database.
    pub schema: i64,
    /// When it was made: RFC 3339, UTC, with milliseconds.
    pub created_at: String,
    /// How many rows each table has.
    pub rows: BTreeMap<String, u64>,
}

impl Manifest {
    /// How many rows a table has.
    pub fn rows_of(&self, table: &str) -> u64 {
        self.rows.get(table).copied().unwrap_or(0)
    }
}

/// Why nothing comes of a backup: what is wrong with it or with the place for what is in it.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// It is something else.
    #[error("this is {}", instead(*.0))]
    Foreign(Kind),
    /// Its end is missing.
    #[error("the backup is cut off, so that its end is missing; take another one")]
    CutOff,
    /// It is not what was written.
    #[error("the backup is damaged: {0}; take another one")]
    Damaged(String),
    /// A later chatd made it.
    #[error(
        "the backup is from a newer chatd ({chatd}, {what} {found}; this one knows {known}); use that version or a later one"
    )]
    Newer {
        /// That version.
        chatd: String,
        /// What is newer: the schema of its database, or the form of the file.
        what: &'static str,
        /// Its number.
        found: i64,
        /// The newest that this program knows.
        known: i64,
    },
    /// Somebody wanted it.
    #[error("interrupted")]
    Stopped,
    /// The system does not give its bytes.
    #[error("the backup cannot be read: {0}")]
    Unreadable(#[source] io::Error),
    /// What is in it cannot be put where it is to be.
    #[error("\"{}\" cannot be written: {source}", path.display())]
    Unwritten {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// What it is instead of a backup, and the way out.
fn instead(kind: Kind) -> String {
    match kind {
        Kind::Export => "an export, not a backup; bring it in with \"chatd import\"".to_owned(),
        Kind::Packed(by) => format!("packed, and no backup as it is; unpack it with {by} first"),
        _ => "no backup of chatd; name a file that \"chatd backup\" has made".to_owned(),
    }
}

/// A copy that a server has made in its data folder, open, with what it takes to make a backup of it.
#[derive(Debug)]
pub struct Source {
    made_at: Time,
    manifest: Manifest,
    secret: Vec<u8>,
    database: File,
    bytes: u64,
}

impl Source {
    /// Opens the copy that is ready in `folder`, and counts its rows, which may take a while. It may be
    /// removed afterwards.
    ///
    /// # Errors
    /// What cannot be read, and why.
    pub fn open(folder: &Path, now: Time) -> io::Result<Self> {
        let path = copy_in(folder);
        let database = File::open(&path).map_err(unread)?;
        let bytes = database.metadata().map_err(unread)?.len();
        let contents = contents(&path, || false).map_err(|error| unread_copy(&error))?;
        let secret = secret_in(folder)?.ok_or_else(|| {
            io::Error::other(
                "the data folder has no jwt.secret, which belongs into a backup; put it back, or start the server \
                 anew, which makes one with which everybody has to sign in again",
            )
        })?;
        Ok(Self {
            made_at: now,
            manifest: Manifest {
                format: FORMAT,
                chatd: env!("CARGO_PKG_VERSION").to_owned(),
                schema: contents.schema,
                created_at: now.to_string(),
                rows: contents.rows,
            },
            secret,
            database,
            bytes,
        })
    }

    /// What is to be packed.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }
}

/// Opens the copy that is ready in `folder`, to be told entry by entry. It may be removed afterwards.
///
/// # Errors
/// What cannot be read, and why; also a copy that another version of this program has made.
pub fn open_export(folder: &Path) -> io::Result<Export> {
    let export = Export::open(&copy_in(folder)).map_err(|error| unread_copy(&error))?;
    if export.schema().map_err(|error| unread_copy(&error))? != newest_schema() {
        return Err(io::Error::other(
            "the running server is another version of chatd, whose data this one does not know; restart it",
        ));
    }
    Ok(export)
}

/// What to say of a copy that cannot be read. Damage in it is damage of the database.
pub fn unread_copy(error: &Error) -> io::Error {
    match error {
        Error::Damaged(_) | Error::Denied(_) => io::Error::other(error.clone()),
        other => unread(other),
    }
}

fn unread(error: impl fmt::Display) -> io::Error {
    io::Error::other(format!(
        "the copy of the database that was made for this cannot be read: {error}; \"chatd doctor\" looks into the \
         data folder"
    ))
}

/// Checks that what was unpacked into a folder is sound and is what the manifest says.
///
/// # Errors
/// [`BackupError::Damaged`] with what is wrong.
pub fn verify(folder: &Path, manifest: &Manifest, stop: &Stop) -> Result<(), BackupError> {
    stop.look()?;
    let database = folder.join(DATABASE);
    let damaged = |error: crate::store::Error| stop.reason(BackupError::Damaged(error.to_string()));
    let is_stopped = || {
        let stop = stop.clone();
        move || stop.is_wanted()
    };
    let found = contents(&database, is_stopped()).map_err(damaged)?;
    if found.schema != manifest.schema || found.schema < 1 {
        let (said, found) = (manifest.schema, found.schema);
        let text = format!("its manifest says schema {said}, its database has {found}");
        return Err(BackupError::Damaged(text));
    }
    let tables = manifest.rows.keys().chain(found.rows.keys());
    for table in tables {
        let [said, there] = [&manifest.rows, &found.rows].map(|rows| rows.get(table));
        if said != there {
            let [said, there] = [said, there].map(|rows| rows.copied().unwrap_or(0));
            let text =
                format!("its manifest says {said} rows of {table}, its database has {there}");
            return Err(BackupError::Damaged(text));
        }
    }
    let faults = faults(&database, is_stopped()).map_err(damaged)?;
    if faults.is_empty() {
        Ok(())
    } else {
        Err(BackupError::Damaged(faults.join("; ")))
    }
}

/// Refuses what this program does not know.
fn must_be_known(manifest: &Manifest) -> Result<(), BackupError> {
    let known = newest_schema();
    if manifest.schema <= known {
        return Ok(());
    }
    Err(BackupError::Newer {
        chatd: manifest.chatd.clone(),
        what: "schema",
        found: manifest.schema,
        known,
    })
}
