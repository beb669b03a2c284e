//! A disk that fails to sync: nothing is acknowledged that is not there, and the server ends.

use super::{
    History, Talk, all_talk, chatd, client_ids, either, executable, log_of, report, serve_by,
    start_by,
};
use crate::harness::{Executable, Person};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::Arc;
use tempfile::TempDir;

/// Messages of a client: more than ten commits take.
const EACH: usize = 200;
/// The length of a message, in bytes.
const BYTES: usize = 300;

/// The data folder itself, in which the names of the files are.
const FOLDER: &str = ".";

/// What makes the disk fail when a thread syncs for the nth time, of all files or of one.
fn failing(nth: usize, file: Option<&str>, root: &TempDir) -> Vec<String> {
    let inject = format!("inject=fsync,fdatasync:error=EIO:when={nth}");
    let mut words = vec!["strace", "-D", "-f", "-o", "/dev/null"];
    let file = file.map(|name| match name {
        FOLDER => executable::data(root.path()),
        name => executable::data(root.path()).join(name),
    });
    if let Some(file) = &file {
        words.extend(["-P", file.to_str().unwrap()]);
    }
    words.extend(["-e", "trace=fsync,fdatasync", "-e", &inject]);
    words.extend([executable::path().to_str().unwrap(), "serve"]);
    words.into_iter().map(str::to_owned).collect()
}

/// The last line of a log.
fn last_line(log: &str) -> &str {
    log.lines().last().unwrap_or_default()
}

/// Everybody talks to a server whose disk fails, until it ends; then one whose disk is well must have
/// what was acknowledged. Gives how much that was.
async fn talk_on_a_failing_disk(
    words: Vec<String>,
    (folder, ann, room): (Arc<TempDir>, &Person, &str),
    round: usize,
    history: &mut History,
) -> (usize, Arc<TempDir>) {
    let failing = start_by(words, folder).await;
    let person = failing.again(ann);
    let talks = all_talk(&person, room, client_ids(round, EACH), BYTES).await;
    let (code, folder) = failing.ended().await;
    let log = log_of(folder.path());
    assert_eq!(code, Some(1), "{log}");
    let last = last_line(&log);
    assert!(
        last.contains("ERROR") && last.contains("the disk failed"),
        "{log}"
    );
    let chatd = Executable::start(folder).await;
    let person = chatd.again(ann);
    history.read_on(&person, room).await;
    let mut acknowledged = 0;
    for talk in talks {
        let talk: Talk = talk.await.unwrap();
        assert_eq!(talk.refused, []);
        history.must_have(&talk.acknowledged);
        acknowledged += talk.acknowledged.len();
    }
    (acknowledged, chatd.kill())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sync_that_fails_acknowledges_nothing_and_ends_the_server() {
    let (chatd, ann, room) = chatd().await;
    let mut folder = chatd.kill();
    let mut history = History::default();
    let mut acknowledged = 0;
    let nth: Vec<_> = either((1..=10).collect(), vec![1, 2, 5, 10]);
    let whose = nth.iter().map(|nth| (*nth, "chatd.db-wal"));
    // That of the database itself, by a checkpoint, comes long after those of its log.
    for (round, (nth, file)) in whose.chain([(1, "chatd.db")]).enumerate() {
        let words = failing(nth, Some(file), &folder);
        let place = (folder, &ann, room.as_str());
        let (more, left) = talk_on_a_failing_disk(words, place, round, &mut history).await;
        folder = left;
        acknowledged += more;
    }
    assert!(acknowledged > CLIENTS_HEARD, "{acknowledged}");
    report(
        "a disk error is never a success",
        format_args!(
            "fsync number {nth:?} and a checkpoint's failed: {acknowledged} acknowledged before, 0 missing, \
             exit code 1 each time, the last line says why"
        ),
    );
}

/// At least so many acks came before the disk failed, or the test shows nothing.
const CLIENTS_HEARD: usize = super::CLIENTS;

/// Starts a server, which must end with exit code 1 and say why, unless it gets ready. Says whether it
/// was refused.
fn is_start_refused(words: &[String], root: &Path) -> bool {
    let mut chatd = serve_by(words, root);
    let mut child = Killed(chatd.stdout(Stdio::piped()).spawn().unwrap());
    let mut ready = String::new();
    let mut stdout = BufReader::new(child.0.stdout.take().unwrap());
    stdout.read_line(&mut ready).unwrap();
    if !ready.is_empty() {
        return false;
    }
    let code = child.0.wait().unwrap().code();
    let log = log_of(root);
    assert_eq!(code, Some(1), "{words:?}: {log}");
    let is_clear = ["Input/output error", "disk I/O error"];
    let last = last_line(&log);
    assert!(
        is_clear.iter().any(|words| last.contains(words)),
        "{words:?}: {log}"
    );
    true
}

#[tokio::test]
async fn a_server_that_cannot_sync_its_folder_does_not_start() {
    let mut refused = 0;
    for nth in 1..=either(10, 2) {
        let root = tempfile::tempdir().unwrap();
        // Not everything syncs so often while it starts.
        refused += usize::from(is_start_refused(&failing(nth, None, &root), root.path()));
    }
    assert!(refused > 0, "no start was refused");
    // The database syncs the folder when it makes a file in it, but does not tell when that fails.
    let (chatd, ..) = chatd().await;
    let folder = chatd.kill();
    let words = failing(1, Some(FOLDER), &folder);
    assert!(is_start_refused(&words, folder.path()), "it starts");
    report(
        "a disk error is never a success",
        format_args!(
            "{refused} new folders and one that was used refused at the start, exit code 1"
        ),
    );
}

/// A process that is killed when the value goes away.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
