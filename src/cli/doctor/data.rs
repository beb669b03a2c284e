//! The data folder: whose it is, who may look, how much room there is, how quick its disk is.

use super::{Report, advice};
use crate::config::Config;
use crate::model::size;
use crate::server::data_folder::{DataFolder, FolderError, absolute, check_secret, database_in};
use crate::store::Error;
use crate::store::backup::first_damage;
use rustix::fs::statvfs;
use rustix::process::geteuid;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

/// With less room than this, in bytes, writing may end any moment: the write-ahead log alone may grow to
/// as much.
const LEAST_ROOM: u64 = 64 << 20;
/// With less than this it may end soon.
const LITTLE_ROOM: u64 = 1 << 30;
/// The disk is written to so often, for so long at most.
const WRITES: usize = 21;
const WRITING: Duration = Duration::from_secs(2);
/// Bytes of each write: what a commit of a message comes to.
const WRITTEN_BYTES: usize = 4096;
/// A disk that takes longer for half of the writes is slow.
const SLOW: Duration = Duration::from_millis(20);
/// The database is looked at for so long at most.
const LOOKING: Duration = Duration::from_secs(10);
/// Rights that nobody but the folder's owner should have.
const RIGHTS_OF_OTHERS: u32 = 0o077;

/// Looks at the folder of a configuration.
pub(super) fn look(config: &Config, report: &mut Report) {
    let folder = absolute(&config.data.dir);
    let shown = format!("the data folder \"{}\"", folder.display());
    let found = match folder.metadata() {
        Ok(found) if found.is_dir() => found,
        Ok(_) => {
            let fix = "name a folder, not a file, in data.dir or by --data-dir";
            return report.problem(format!("{shown} is no folder"), fix);
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return report.warn(
                format!("{shown} is not there"),
                "if there should be data, name the right folder in data.dir or by --data-dir; if this is \
                 new, the first start makes it",
            );
        }
        Err(error) => {
            let fix =
                "run this as the user who runs the server, or name another folder in data.dir";
            return report.problem(format!("{shown} cannot be looked at: {error}"), fix);
        }
    };
    if !is_usable(&folder, &found, &shown, report) {
        return;
    }
    if let Err(error) = check_secret(&folder) {
        report.problem(error.what(), error.fix());
    }
    database(&folder, report);
    room(&folder, report);
    speed(&folder, report);
}

/// Looks at whose the folder is and who may look into it. Says whether this user may use it.
fn is_usable(folder: &Path, found: &Metadata, shown: &str, report: &mut Report) -> bool {
    let (me, owner) = (geteuid(), found.uid());
    if owner != me.as_raw() && !me.is_root() {
        report.problem(
            format!(
                "{shown} belongs to the user {}, and you are {}",
                advice::user(owner),
                advice::user(me.as_raw())
            ),
            format!("run this as its owner: {}", advice::as_user(owner)),
        );
        return false;
    }
    if found.mode() & RIGHTS_OF_OTHERS != 0 {
        report.warn(
            format!("{shown} may be looked at by other users of this machine"),
            format!("chmod 700 \"{}\"", folder.display()),
        );
    }
    match DataFolder::has_database(folder) {
        Ok(true) if !database_in(folder).exists() => report.problem(
            "chatd.db is gone while a server uses it",
            "take everything out with \"chatd backup FILE\" before the server is stopped, then \
             \"chatd restore --force FILE\"",
        ),
        Ok(true) => {
            report.ok(format!("{shown} is there and has a database"));
            if !DataFolder::has_secret(folder) {
                report.warn(
                    "jwt.secret is not there",
                    "put it back; otherwise the next start makes another, and everybody has to sign in again",
                );
            }
        }
        Err(FolderError::Headless { .. }) => report.problem(
            format!("{shown} has lost chatd.db, but has its log"),
            "put chatd.db back beside chatd.db-wal, or a backup in its place with \"chatd restore --force\"",
        ),
        Ok(false) if DataFolder::has_secret(folder) => report.problem(
            format!("{shown} has lost chatd.db"),
            "put it back, or a backup in its place with \"chatd restore --force\"; a start begins a new chat",
        ),
        Ok(false) => report.warn(
            format!("{shown} has no database yet"),
            "if there should be data, name the right folder in data.dir or by --data-dir; if this is new, \
             the first start makes it",
        ),
        Err(error) => {
            report.problem(error.to_string(), "run this as the user who runs the server");
            return false;
        }
    }
    true
}

/// Looks for damage in the database, unless somebody works with it.
fn database(folder: &Path, report: &mut Report) {
    let is_there = DataFolder::has_database(folder).unwrap_or(false);
    if !is_there || DataFolder::is_owned(folder).unwrap_or(true) {
        return;
    }
    let until = Instant::now() + LOOKING;
    let fix = "put a backup in its place with \"chatd restore --force\"; without one save what can be saved: \
               \"chatd export --all\" tells how far it comes";
    match first_damage(&database_in(folder), move || Instant::now() > until) {
        Ok(None) => report.ok("its database is whole"),
        Ok(Some(fault)) => {
            let fault = fault.replace('\n', ", ");
            report.problem(format!("its database is damaged: {fault}"), fix);
        }
        Err(Error::Damaged(why)) => report.problem(format!("its database is damaged: {why}"), fix),
        Err(Error::TooSlow) => report.ok(format!(
            "its database shows no damage in the {} s that were spent on it",
            LOOKING.as_secs()
        )),
        Err(error) => report.problem(
            format!("its database cannot be read: {error}"),
            "look at the disk, and whether this user may read the file",
        ),
    }
}

fn room(folder: &Path, report: &mut Report) {
    let free = match statvfs(folder) {
        Ok(disk) => disk.f_bavail.saturating_mul(disk.f_frsize),
        Err(error) => {
            let fix = "look with \"df\"";
            return report.warn(
                format!("how much room its disk has is unknown: {error}"),
                fix,
            );
        }
    };
    let what = format!("its disk has {} left", size(free));
    let fix = "make room, or move the folder to a larger disk: a server whose disk is full refuses all that writes";
    if free < LEAST_ROOM {
        report.problem(what, fix);
    } else if free < LITTLE_ROOM {
        report.warn(what, fix);
    } else {
        report.ok(what);
    }
}

fn speed(folder: &Path, report: &mut Report) {
    let took = match median(folder) {
        Ok(took) => took,
        Err(error) => {
            return report.problem(
                format!("its disk cannot be written to: {error}"),
                "look whether it is full, mounted read-only, or not this user's",
            );
        }
    };
    #[expect(
        clippy::cast_precision_loss,
        reason = "it is rounded to a tenth of a millisecond"
    )]
    let ms = took.as_micros() as f64 / 1000.0;
    let what = format!("its disk makes a write lasting in {ms:.1} ms, in the middle of {WRITES}");
    if took <= SLOW {
        return report.ok(what);
    }
    report.warn(
        what,
        "every message waits for that before it is acknowledged, and as many share a wait as come meanwhile; \
         where that is too slow, move the folder from a network drive or spinning disk to an SSD of this machine",
    );
}

/// How long the disk takes, in the middle of some writes, to have them for good.
fn median(folder: &Path) -> io::Result<Duration> {
    let path = folder.join(format!("doctor-{}.tmp", std::process::id()));
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)?;
    // It goes on without its name, so that nothing is left of a doctor who is killed.
    std::fs::remove_file(&path)?;
    let mut took = write_for_good(&file)?;
    took.sort_unstable();
    Ok(took[took.len() / 2])
}

fn write_for_good(mut file: &File) -> io::Result<Vec<Duration>> {
    let until = Instant::now() + WRITING;
    let mut took = Vec::with_capacity(WRITES);
    while took.is_empty() || took.len() < WRITES && Instant::now() < until {
        file.write_all(&[b'x'; WRITTEN_BYTES])?;
        let began = Instant::now();
        file.sync_data()?;
        took.push(began.elapsed());
    }
    Ok(took)
}
