//! Why a write failed: because there is no room for it, or because the disk is at fault. The database
//! tells only a full disk apart, not a quota nor a limit on the size of files.

use super::log_of;
use std::fs::{OpenOptions, remove_file};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

/// What the probe is called beside the database, which gives its name.
const PROBE: &str = "probe";
/// The probe is private, as all that is in the folder.
const PROBE_MODE: u32 = 0o600;
/// A little more than the database writes at once.
const PROBE_BYTES: usize = 64 * 1024;

/// Whether there is no room to write on: tried with a file of our own beside the database that grows
/// as long as the longest of the database's files, since those themselves must not be touched.
pub(super) fn is_there_none(database: &Path) -> bool {
    let probe = database.with_extension(PROBE);
    let tried = write(&probe, length(database));
    // It may not even have been made.
    let _ = remove_file(&probe);
    let Err(error) = tried else {
        return false;
    };
    matches!(
        error.kind(),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge
    )
}

fn write(probe: &Path, at: u64) -> io::Result<()> {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(PROBE_MODE)
        .open(probe)?;
    file.write_all_at(&vec![0; PROBE_BYTES], at)
}

/// The length of the longest of the database's files, in bytes.
fn length(database: &Path) -> u64 {
    let files = [database.to_owned(), log_of(database)];
    let lengths = files.map(|file| file.metadata().map_or(0, |file| file.len()));
    lengths.into_iter().max().unwrap_or(0)
}
