//! Bringing a database up to date: in one transaction, after a copy of what was.

use super::super::{Error, OpenError, migrations};
use super::{Order, contents};
use crate::model::Time;
use rusqlite::Connection;
use rustix::process::geteuid;
use std::fs::{DirBuilder, File, OpenOptions, remove_file, rename};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// The folder of the copies, beside the database.
const FOLDER: &str = "backups";
/// What a copy is called on its way to disk.
const UNFINISHED: &str = "unfinished.db";
/// What a copy's name begins with.
const PREFIX: &str = "schema-";
/// So many copies are kept.
const KEPT: usize = 3;
/// Rights of the folder, and of the copies in it: their owner's only.
const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

/// The newest schema that this program knows.
pub fn newest_schema() -> i64 {
    let runner = migrations::migrations::runner();
    let versions = runner
        .get_migrations()
        .iter()
        .map(refinery::Migration::version);
    versions.max().map_or(0, i64::from)
}

/// Runs what is missing of the migrations on the database at `path`, in one transaction. What was there
/// before is kept.
pub(in crate::store) fn bring_up_to_date(
    path: &Path,
    connection: &mut Connection,
) -> Result<(), OpenError> {
    let (found, known) = (contents::schema(connection)?, newest_schema());
    if found > known {
        return Err(OpenError::NewerDatabase { found, known });
    }
    let kept = if found < known && has_tables(connection)? {
        Some(keep(path, connection, found)?)
    } else {
        None
    };
    let runner = migrations::migrations::runner().set_grouped(true);
    let upgraded = runner.run(connection).map_err(Box::new);
    let Some(kept) = kept else {
        return Ok(upgraded.map(|_| ())?);
    };
    if let Err(error) = upgraded {
        // Nothing was changed, and each try would push an earlier copy out.
        let _ = remove_file(kept);
        return Err(error.into());
    }
    tracing::info!(
        from = found, to = known, kept = %kept.display(),
        "the database was brought up to date; what it was before is kept"
    );
    Ok(())
}

/// Whether there is anything to lose.
fn has_tables(connection: &Connection) -> Result<bool, Error> {
    Ok(connection.query_row(
        "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name <> 'refinery_schema_history')",
        [],
        |row| row.get(0),
    )?)
}

/// Keeps a copy of the database at `path`, on disk as a whole before this is done, and the last ones of
/// those that were kept before.
fn keep(path: &Path, connection: &Connection, schema: i64) -> Result<PathBuf, OpenError> {
    let folder = path.with_file_name(FOLDER);
    let failed = |source| OpenError::Copy {
        folder: folder.clone(),
        source,
    };
    make_folder(&folder).map_err(failed)?;
    let unfinished = folder.join(UNFINISHED);
    let file = make_file(&unfinished, &folder).map_err(failed)?;
    let (order, copying) = Order::new(&unfinished);
    order.carry_out(connection, || true);
    if let Some(Err(error)) = copying.outcome() {
        let _ = remove_file(&unfinished);
        return Err(failed(io::Error::other(error)));
    }
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = Time(i64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(i64::MAX));
    let kept = folder.join(format!("{PREFIX}{schema}-{}.db", now.in_a_name()));
    let placed = file
        .sync_all()
        .and_then(|()| rename(&unfinished, &kept))
        .and_then(|()| File::open(&folder)?.sync_all())
        .and_then(|()| forget_old(&folder));
    placed.map_err(failed)?;
    Ok(kept)
}

fn make_folder(folder: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(FOLDER_MODE).create(folder) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
        Ok(()) => {
            let parent = folder.parent().unwrap_or(folder);
            let made = File::open(folder)?;
            give(&made, parent)?;
            File::open(parent)?.sync_all()
        }
    }
}

/// Makes an empty file, whatever a crash has left of another.
fn make_file(path: &Path, folder: &Path) -> io::Result<File> {
    match remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(FILE_MODE)
        .open(path)?;
    give(&file, folder)?;
    Ok(file)
}

/// What root makes in the folder of a service's own user belongs to that user.
fn give(file: &File, folder: &Path) -> io::Result<()> {
    let owner = folder.metadata()?;
    if !geteuid().is_root() || owner.uid() == geteuid().as_raw() {
        return Ok(());
    }
    match fchown(file, Some(owner.uid()), Some(owner.gid())) {
        // Some containers have a root that may not do this, and need no more than they have.
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Ok(()),
        given => given,
    }
}

/// Removes all copies but the last ones, by the times in their names.
fn forget_old(folder: &Path) -> io::Result<()> {
    let mut copies = Vec::new();
    for entry in folder.read_dir()? {
        let name = entry?.file_name();
        let time = name
            .to_str()
            .and_then(|name| name.strip_prefix(PREFIX)?.strip_suffix(".db"))
            .and_then(|rest| rest.split_once('-'))
            .map(|(_, time)| time.to_owned());
        if let Some(time) = time {
            copies.push((time, name));
        }
    }
    copies.sort();
    let old = copies.len().saturating_sub(KEPT);
    for (_, name) in copies.into_iter().take(old) {
        remove_file(folder.join(name))?;
    }
    Ok(())
}
