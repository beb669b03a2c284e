//! A process that is killed amid an upgrade, at each call that changes what is on the disk, or whose disk
//! fails: what is left is the one version or the other, as a whole, and what was before is kept.

use super::super::{either, report};
use crate::harness::executable;
use rusqlite::Connection;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// What changes a disk.
const CALLS: [&str; 8] = [
    "pwrite64",
    "fsync",
    "fdatasync",
    "ftruncate",
    "rename",
    "unlink",
    "mkdir",
    "write",
];
/// Rows of about a page in the database that is brought up to date.
const KEEPSAKES: i64 = 25;
/// What is kept of earlier upgrades: as many as there may be.
const KEPT: [&str; 3] = [
    "schema-0-20210102T030405.678Z.db",
    "schema-0-20220102T030405.678Z.db",
    "schema-0-20230102T030405.678Z.db",
];
/// More calls of a kind are not made.
const MOST_CALLS: usize = 10_000;

/// A database from before the first schema, with something in it, and this of earlier upgrades.
fn make(root: &Path, earlier: &[&str]) {
    let data = executable::data(root);
    std::fs::create_dir(&data).unwrap();
    let database = Connection::open(data.join("chatd.db")).unwrap();
    database
        .execute_batch(&format!(
            "PRAGMA journal_mode = WAL;
             CREATE TABLE refinery_schema_history (version int4 PRIMARY KEY, name VARCHAR(255),
               applied_on VARCHAR(255), checksum VARCHAR(255));
             CREATE TABLE keepsake (text TEXT NOT NULL);
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {KEEPSAKES})
             INSERT INTO keepsake SELECT hex(zeroblob(1900)) FROM n;"
        ))
        .unwrap();
    database.close().unwrap();
    for name in earlier {
        std::fs::create_dir_all(data.join("backups")).unwrap();
        std::fs::copy(data.join("chatd.db"), data.join("backups").join(name)).unwrap();
    }
}

/// Checks that a database is sound and has all that it had; says whether it is the new version.
fn version(path: &Path) -> bool {
    let database = Connection::open(path).unwrap();
    let one = |sql: &str| {
        database
            .query_row(sql, [], |row| row.get::<_, i64>(0))
            .unwrap()
    };
    let sound: String = database
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(sound, "ok");
    assert_eq!(one("SELECT count(*) FROM keepsake"), KEEPSAKES);
    let known = one("SELECT count(*) FROM refinery_schema_history");
    let tables = one("SELECT count(*) FROM sqlite_schema WHERE type = 'table'");
    let is_new = known > 0;
    assert_eq!(tables > 2, is_new, "{tables} tables, {known} migrations");
    is_new
}

/// The copies that are kept, each of them whole and of the old version: how many are of earlier upgrades,
/// and how many of this one.
fn copies(data: &Path) -> (usize, usize) {
    let (mut earlier, mut of_this) = (0, 0);
    let Ok(entries) = data.join("backups").read_dir() else {
        return (0, 0);
    };
    let paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    for path in paths {
        let name = path.file_name().unwrap().to_str().unwrap();
        // The one that is being written may be anything.
        if !name.starts_with("schema-0") {
            continue;
        }
        assert!(!version(&path), "{name}");
        if KEPT.contains(&name) {
            earlier += 1;
        } else {
            of_this += 1;
        }
    }
    (earlier, of_this)
}

fn list(mut command: Command, data: &Path) -> Output {
    command.env("CHATD_DATA__DIR", data).stderr(Stdio::piped());
    command.output().unwrap()
}

#[test]
fn a_kill_amid_an_upgrade_leaves_one_version_or_the_other() {
    let (mut old, mut new) = (0, 0);
    for call in CALLS {
        // These are few, and some of them come after the commit.
        let is_rare = ["rename", "unlink", "mkdir"].contains(&call);
        let step = if is_rare { 1 } else { either(1, 9) };
        for nth in (1..MOST_CALLS).step_by(step) {
            let root = tempfile::tempdir().unwrap();
            // Where none is kept yet, the folder is made.
            let all = if call == "mkdir" { &[][..] } else { &KEPT };
            make(root.path(), all);
            let data = executable::data(root.path());
            let mut strace = executable::command("strace");
            let inject = format!("inject={call}:signal=KILL:when={nth}");
            strace
                .args([
                    "-f",
                    "-o",
                    "/dev/null",
                    "-e",
                    &format!("trace={call}"),
                    "-e",
                    &inject,
                ])
                .arg(executable::path())
                .args(["user", "list"]);
            let ended = list(strace, &data).status;
            let is_killed = ended.signal().is_some() || ended.code() == Some(128 + 9);
            assert!(is_killed || ended.success(), "{call} {nth}: {ended}");
            let is_new = version(&data.join("chatd.db"));
            let (earlier, kept) = copies(&data);
            assert!(kept == 1 || (kept == 0 && !is_new), "{call} {nth}: {kept}");
            assert!(earlier == all.len() || is_new, "{call} {nth}: {earlier}");
            assert!(is_killed || is_new, "{call} {nth}");
            let mut again = executable::command(executable::path());
            again.args(["user", "list"]);
            let again = list(again, &data);
            assert!(again.status.success(), "{call} {nth}: {again:?}");
            assert!(version(&data.join("chatd.db")), "{call} {nth}");
            // However often it was tried, there is one of this upgrade, and room for two of earlier ones.
            assert_eq!(copies(&data), (all.len().min(2), 1), "{call} {nth}");
            assert!(!data.join("backups/unfinished.db").exists());
            if !is_killed {
                break;
            }
            if is_new {
                new += 1;
            } else {
                old += 1;
            }
        }
    }
    assert!(old > 10 && new > 0, "{old} and {new}");
    report(
        "an upgrade is whole or not at all",
        format_args!(
            "killed {old} times before it was done and {new} times after: none was half done"
        ),
    );
}

/// The log is synced so often in an upgrade, at most, and once more.
const SYNCS: usize = 4;

/// Lists the accounts on a disk that does not sync the log from the nth time on. With `is_killed` the process
/// is killed as it removes the log at its end, as it would be by a power cut that comes soon after.
fn list_unsynced(data: &Path, nth: usize, is_killed: bool) -> Output {
    let mut strace = executable::command("strace");
    let log = data.join("chatd.db-wal");
    strace
        .args(["-f", "-o", "/dev/null", "-P", log.to_str().unwrap()])
        .args(["-e", "trace=fsync,fdatasync,unlink", "-e"])
        .arg(format!("inject=fsync,fdatasync:error=EIO:when={nth}+"));
    if is_killed {
        strace.args(["-e", "inject=unlink:signal=KILL"]);
    }
    strace.arg(executable::path()).args(["user", "list"]);
    list(strace, data)
}

#[test]
fn what_was_before_an_upgrade_is_kept_when_its_commit_fails() {
    let (mut uncertain, mut committed) = (None, 0);
    for (nth, is_killed) in (1..=SYNCS).flat_map(|nth| [(nth, false), (nth, true)]) {
        let root = tempfile::tempdir().unwrap();
        make(root.path(), &[]);
        let data = executable::data(root.path());
        let ended = list_unsynced(&data, nth, is_killed);
        let said = String::from_utf8(ended.stderr).unwrap();
        // The log may hold the commit that failed, and whoever opens it next finds it there.
        let is_new = version(&data.join("chatd.db"));
        let (_, kept) = copies(&data);
        assert!(kept == 1 || !is_new, "{nth} {is_killed}: {said}");
        if said.contains("may have been all the same") {
            assert_eq!((ended.status.code(), kept), (Some(1), 1), "{said}");
            uncertain = Some(nth);
        }
        committed += usize::from(is_new && is_killed && uncertain == Some(nth));
        let mut again = executable::command(executable::path());
        again.args(["user", "list"]);
        let again = list(again, &data);
        assert!(again.status.success(), "{nth}: {again:?}");
        assert_eq!(copies(&data), (0, 1), "{nth}");
    }
    assert!(committed > 0, "no commit failed that is there");
}
