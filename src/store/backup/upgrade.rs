//! Bringing a database up to date: in one transaction, after a copy of what was.

use super::super::{Error, OpenError, migrations};
use super::{Order, contents, give_to_owner};
use crate::model::Time;
use rusqlite::Connection;
use std::error::Error as _;
use std::fs::{DirBuilder, File, OpenOptions, remove_file, rename};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::UNIX_EPOCH;

/// The folder of the copies, beside the database.
const FOLDER: &str = "backups";
/// What a copy is called on its way to disk.
const UNFINISHED: &str = "unfinished.db";
/// What a copy's name begins with. The schema follows and, once the upgrade is done, the time.
const PREFIX: &str = "schema-";
/// What it ends with.
const SUFFIX: &str = ".db";
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
    if let Err((error, is_certain)) = migrate(connection)? {
        return Err(match kept {
            Some(kept) if is_certain => {
                // Nothing was changed, and what is kept is in the database.
                let _ = remove_file(kept);
                OpenError::Migration(error)
            }
            Some(kept) => OpenError::Uncertain {
                kept,
                source: error,
            },
            None => OpenError::Migration(error),
        });
    }
    let folder = path.with_file_name(FOLDER);
    if kept.is_some() {
        tracing::info!(
            from = found, to = known, kept = %folder.display(),
            "the database was brought up to date; what it was before is kept"
        );
    }
    if let Err(error) = settle(&folder, known) {
        tracing::warn!(
            %error, folder = %folder.display(),
            "what is kept from before upgrades could not be put in order; the next start tries again"
        );
    }
    Ok(())
}

/// Why the migrations came to no end, and whether it is certain that nothing of them is on the disk.
type Failed = (Error, bool);

/// Runs what is missing of the migrations. Of a failure before a commit was begun nothing is left. Where
/// the commit itself fails, as by a disk that does not sync, all of it may be in the log and be found there
/// by the next process.
fn migrate(connection: &mut Connection) -> Result<Result<(), Failed>, Error> {
    let is_committing = Arc::new(AtomicBool::new(false));
    let begun = is_committing.clone();
    let note = move || {
        begun.store(true, Ordering::Relaxed);
        // The commit goes on.
        false
    };
    connection.commit_hook(Some(note))?;
    let runner = migrations::migrations::runner().set_grouped(true);
    let upgraded = runner.run(connection).map(|_| ());
    connection.commit_hook(None::<fn() -> bool>)?;
    Ok(upgraded.map_err(|error| (reason(&error), !is_committing.load(Ordering::Relaxed))))
}

/// What the database said, without what the migrations' runner says around it.
fn reason(error: &refinery::Error) -> Error {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(rusqlite::Error::SqliteFailure(code, said)) = error.downcast_ref() {
            return rusqlite::Error::SqliteFailure(*code, said.clone()).into();
        }
        cause = error.source();
    }
    Error::Database(error.to_string())
}

/// Whether there is anything to lose.
fn has_tables(connection: &Connection) -> Result<bool, Error> {
    Ok(connection.query_row(
        "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name <> 'refinery_schema_history')",
        [],
        |row| row.get(0),
    )?)
}

/// Keeps a copy of the database at `path`, on disk as a whole before this is done. It has no time in its
/// name yet, and takes the place of what a try left that came to no end: nothing was changed by that.
fn keep(path: &Path, connection: &Connection, schema: i64) -> Result<PathBuf, OpenError> {
    let folder = path.with_file_name(FOLDER);
    let failed = |source| OpenError::Copy {
        folder: folder.clone(),
        source,
    };
    make_folder(&folder).map_err(failed)?;
    let kept = folder.join(format!("{PREFIX}{schema}{SUFFIX}"));
    // Of two copies the disk may have no room for the second.
    remove(&kept).map_err(failed)?;
    let unfinished = folder.join(UNFINISHED);
    let file = make_file(&unfinished, &folder).map_err(failed)?;
    let (order, copying) = Order::new(&unfinished);
    order.carry_out(connection, || true);
    if let Some(Err(error)) = copying.outcome() {
        let _ = remove_file(&unfinished);
        return Err(failed(io::Error::other(error)));
    }
    let placed = file
        .sync_all()
        .and_then(|()| rename(&unfinished, &kept))
        .and_then(|()| File::open(&folder)?.sync_all());
    placed.map_err(failed)?;
    Ok(kept)
}

/// Gives the copies of upgrades that are done the times at which they were made, and keeps the last ones.
/// A copy of the database's own `schema` is of an upgrade that nothing came of, and pushes none out.
fn settle(folder: &Path, schema: i64) -> io::Result<()> {
    let entries = match folder.read_dir() {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        read => read?,
    };
    let mut is_changed = false;
    for entry in entries {
        let entry = entry?;
        let of = entry.file_name().to_str().and_then(of_unfinished);
        let Some(of) = of else { continue };
        is_changed = true;
        if of == schema {
            remove(&entry.path())?;
            continue;
        }
        let since = entry.metadata()?.modified()?.duration_since(UNIX_EPOCH);
        let at = Time(i64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(i64::MAX));
        let kept = format!("{PREFIX}{of}-{}{SUFFIX}", at.in_a_name());
        rename(entry.path(), folder.join(kept))?;
    }
    if is_changed {
        File::open(folder)?.sync_all()?;
    }
    forget_old(folder)
}

/// The schema in the name of a copy whose upgrade is not known to be done.
fn of_unfinished(name: &str) -> Option<i64> {
    name.strip_prefix(PREFIX)?
        .strip_suffix(SUFFIX)?
        .parse()
        .ok()
}

fn remove(file: &Path) -> io::Result<()> {
    match remove_file(file) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn make_folder(folder: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(FOLDER_MODE).create(folder) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
        Ok(()) => {
            let parent = folder.parent().unwrap_or(folder);
            let made = File::open(folder)?;
            give_to_owner(&made, &parent.metadata()?)?;
            File::open(parent)?.sync_all()
        }
    }
}

/// Makes an empty file, whatever a crash has left of another.
fn make_file(path: &Path, folder: &Path) -> io::Result<File> {
    remove(path)?;
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(FILE_MODE)
        .open(path)?;
    give_to_owner(&file, &folder.metadata()?)?;
    Ok(file)
}

/// Removes all copies but the last ones, by the times in their names.
fn forget_old(folder: &Path) -> io::Result<()> {
    let mut copies = Vec::new();
    for entry in folder.read_dir()? {
        let name = entry?.file_name();
        let time = name
            .to_str()
            .and_then(|name| name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX))
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
