//! A message is on disk before anybody hears of it, as the kernel saw it.

use super::trace::told_from_disk;
use super::{all_talk, client_ids, either, executable, full, identity, report, serve_by, soon};
use crate::harness::Executable;
use std::collections::HashSet;
use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The length of a message, in bytes: several share a page.
const BYTES: usize = 100;
/// Between two looks at whether a trace is complete.
const LOOK: Duration = Duration::from_millis(5);
/// The end of each thread is told in one of so many lines at most, at the end of a trace.
const LAST_LINES: usize = 200;
/// How the database is told to sync each commit, in the executable.
const FULL: &[u8] = b"PRAGMA synchronous = FULL;";
/// The same length, but a commit is synced only with the next checkpoint.
const NORMAL: &[u8] = b"PRAGMA synchronous = 1   ;";

/// The executable with the database told not to sync each commit. chatd has no such setting, so the
/// words in a copy of it are changed.
fn that_does_not_sync(root: &Path) -> PathBuf {
    let mut bytes = std::fs::read(executable::path()).unwrap();
    let places: Vec<_> = bytes
        .windows(FULL.len())
        .enumerate()
        .filter_map(|(at, window)| (window == FULL).then_some(at))
        .collect();
    let [at] = places[..] else {
        panic!("the words are there once: {places:?}");
    };
    bytes[at..at + FULL.len()].copy_from_slice(NORMAL);
    let copy = root.join("chatd");
    std::fs::write(&copy, bytes).unwrap();
    std::fs::set_permissions(&copy, std::fs::Permissions::from_mode(0o700)).unwrap();
    copy
}

/// What the kernel saw of a server to whom everybody talks, who all have the room open, and the
/// `clientId`s that were acknowledged.
async fn traced(program: impl FnOnce(&Path) -> PathBuf, each: usize) -> (String, HashSet<String>) {
    const CALLS: &str = "trace=write,writev,pwrite64,pwritev,sendto,sendmsg,fsync,fdatasync";
    let root = Arc::new(tempfile::tempdir().unwrap());
    let (program, trace) = (program(root.path()), root.path().join("trace"));
    let mut words = ["strace", "-D", "-f", "-y", "-xx", "-s", "1000000"]
        .map(OsString::from)
        .to_vec();
    words.extend(["--seccomp-bpf", "-e", CALLS, "-o"].map(OsString::from));
    words.extend([OsString::from(&trace), program.into(), "serve".into()]);
    let command = serve_by(words, root.path());
    let chatd = Executable::spawn(command, root.clone()).await.unwrap();
    let ann = chatd.person("ann").await;
    let room = ann.room("Talk", false).await;
    let _listener = ann.connect_to(&room).await;
    let mut acknowledged = HashSet::new();
    for talk in all_talk(&ann, &room, client_ids(0, each), BYTES).await {
        let talk = talk.await.unwrap();
        let ids = talk.acknowledged.iter().map(|message| identity(message).0);
        acknowledged.extend(ids);
    }
    let id = chatd.id().to_string();
    chatd.kill();
    // Short ids are padded.
    let is_end = |line: &str| {
        let what = line.strip_prefix(&id).unwrap_or_default();
        what.trim_start() == "+++ killed by SIGKILL +++"
    };
    let traced = soon("the end of the trace", async {
        let mut looks = tokio::time::interval(LOOK);
        loop {
            looks.tick().await;
            let trace = std::fs::read_to_string(&trace).unwrap();
            if trace.lines().rev().take(LAST_LINES).any(is_end) {
                return trace;
            }
        }
    });
    (traced.await, acknowledged)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_ack_leaves_before_the_log_that_holds_its_message_is_synced() {
    let each = either(250, 25);
    let (trace, acknowledged) = traced(|_| executable::path().to_owned(), each).await;
    assert_eq!(acknowledged.len(), each * super::CLIENTS);
    let told = told_from_disk(&trace);
    assert_eq!(
        told.as_ref(),
        Ok(&acknowledged),
        "the trace has all of them"
    );
    let syncs = trace.lines().filter(|line| line.contains("fsync")).count();
    report(
        "on disk before the ack leaves",
        format_args!(
            "{} acks, none before its fsync; {syncs} fsyncs",
            acknowledged.len()
        ),
    );
    // The same trace in which nothing was synced.
    let unsynced: Vec<_> = trace
        .lines()
        .filter(|line| !line.contains("fsync") && !line.contains("fdatasync"))
        .collect();
    assert!(told_from_disk(&unsynced.join("\n")).is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_executable_that_does_not_sync_each_commit_is_found_out() {
    let (trace, acknowledged) = traced(that_does_not_sync, 5).await;
    assert_eq!(acknowledged.len(), 5 * super::CLIENTS);
    let found = told_from_disk(&trace).unwrap_err();
    assert!(found.ends_with("before a sync"), "{found}");
    if full() {
        report(
            "the same with synchronous=NORMAL",
            format_args!("fails: {found}"),
        );
    }
}
