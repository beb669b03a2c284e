//! Whoever interrupts a restore or a verification is told what became of it, and nothing of it is left.

use super::{Place, bytes, fill, names, place, told};
use crate::cli::{LOOK, Ran, STOP, until};
use rustix::process::{Pid, Signal, kill_process};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Instant;

/// Messages for a database of some 15 MB, which is unpacked in many steps.
const MANY: u32 = 25_000;
/// Of a backup that is not written to its end, so much is.
const PART: usize = 2;

/// Takes a backup of a large database, and stops the server.
fn taken(place: &Place) -> PathBuf {
    told(place).server.stop();
    fill(place, MANY);
    place.run("backup chat.backup").ended(0, &["Wrote"]);
    place.root.path().join("chat.backup")
}

/// Starts a command that a temporary folder of its own is given to.
fn spawn(place: &Place, args: &str, temporary: &Path) -> Child {
    let mut command = place.command(args.split(' '));
    command
        .env("TMPDIR", temporary)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.spawn().unwrap()
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

/// What a command did, which ends soon.
fn ended(mut child: Child) -> Ran {
    let deadline = Instant::now() + STOP;
    while child.try_wait().unwrap().is_none() {
        assert!(Instant::now() < deadline, "it is still running");
        std::thread::sleep(LOOK);
    }
    child.wait_with_output().unwrap().into()
}

/// A path in a folder's only folder, if that is there.
fn in_the_only_one(folder: &Path, name: &str) -> Option<PathBuf> {
    let only = folder.read_dir().unwrap().next()?;
    Some(only.unwrap().path().join(name))
}

#[test]
fn what_is_interrupted_while_it_waits_for_the_rest_of_a_backup_leaves_nothing() {
    let place = place();
    let backup = std::fs::read(taken(&place)).unwrap();
    let before = bytes(&place.data);
    let temporary = tempfile::tempdir().unwrap();
    let restoring = place.root.path().join("data.restoring");
    for (args, wanted) in [
        ("restore --force -", Signal::INT),
        ("restore --force -", Signal::TERM),
        ("backup --verify -", Signal::INT),
        ("backup --verify -", Signal::TERM),
    ] {
        let mut child = spawn(&place, args, temporary.path());
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(&backup[..backup.len() / PART]).unwrap();
        until("the database", || {
            let verified = in_the_only_one(temporary.path(), "chatd.db");
            verified.is_some_and(|path| path.exists()) || restoring.join("chatd.db").exists()
        });
        signal(&child, wanted);
        let (code, told) = if wanted == Signal::INT {
            (130, "chatd: interrupted; nothing was changed")
        } else {
            (143, "chatd: told to stop; nothing was changed")
        };
        ended(child).ended(code, &[told]);
        assert_eq!(bytes(&place.data), before);
        assert_eq!(names(place.root.path()), ["chat.backup", "data", "log"]);
        assert!(names(temporary.path()).is_empty(), "{args}");
        drop(stdin);
    }
}

#[test]
fn a_restore_that_is_interrupted_says_what_became_of_it() {
    let place = place();
    taken(&place);
    let before = bytes(&place.data);
    let unpacked = place.root.path().join("data.restoring/chatd.db");
    let length = place.data.join("chatd.db").metadata().unwrap().len();
    let temporary = tempfile::tempdir().unwrap();
    // When it begins to unpack; when it has, and checks what it has got.
    for least in [0, length] {
        let child = spawn(&place, "restore --force chat.backup", temporary.path());
        until("the database", || {
            let there = unpacked.metadata();
            there.is_ok_and(|there| there.len() >= least)
        });
        signal(&child, Signal::INT);
        let ran = ended(child);
        let names = names(place.root.path());
        assert!(!names.iter().any(|name| name.ends_with(".restoring")));
        let aside = names.iter().find(|name| name.starts_with("data.before-"));
        if let Some(aside) = aside {
            // It was too late, and that is what it says.
            ran.ended(0, &["Restored"]);
            assert_eq!(bytes(&place.root.path().join(aside)), before);
            return;
        }
        ran.ended(130, &["interrupted; nothing was changed"]);
        assert_eq!(bytes(&place.data), before);
    }
}

#[test]
fn a_restore_that_is_killed_as_it_puts_the_backup_in_its_place_calls_nothing_else_what_was_before()
{
    for call in ["renameat2", "rename"] {
        let place = place();
        super::taken(&place);
        let before = bytes(&place.data);
        let inject = format!("inject={call}:signal=KILL:when=1");
        let trace = format!("trace={call}");
        let chatd = env!("CARGO_BIN_EXE_chatd");
        let words = ["-f", "-o", "/dev/null", "-e", &trace, "-e", &inject, chatd];
        let restore = ["restore", "--force", "chat.backup"];
        let killed = place.command_of("strace", words.into_iter().chain(restore));
        let status = { killed }.output().unwrap().status;
        assert!(!status.success());
        let root = place.root.path();
        assert_eq!(
            names(root),
            ["chat.backup", "data", "data.restoring", "log"]
        );
        // The one is whole, and the other is.
        let folders = [&place.data, &root.join("data.restoring")];
        let old = folders.map(|folder| bytes(folder) == before);
        assert_eq!(old.iter().filter(|is_old| **is_old).count(), 1, "{call}");
        assert!(names(&place.data).contains(&"chatd.db".to_owned()));
        // It may be all that there is of what was said, so the next one does not touch it.
        let all = folders.map(|folder| bytes(folder));
        place
            .run("restore --force chat.backup")
            .ended(1, &["data.restoring\" is in the way", "move it elsewhere"]);
        assert_eq!(folders.map(|folder| bytes(folder)), all);
        std::fs::rename(root.join("data.restoring"), root.join("elsewhere")).unwrap();
        place
            .run("restore --force chat.backup")
            .ended(0, &["Restored"]);
    }
}

#[test]
fn what_a_killed_verification_has_left_is_removed_by_the_next_one_and_nothing_else_is() {
    let place = place();
    let backup = std::fs::read(taken(&place)).unwrap();
    let temporary = tempfile::tempdir().unwrap();
    let begun = || {
        let mut child = spawn(&place, "backup --verify -", temporary.path());
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(&backup[..backup.len() / PART]).unwrap();
        (child, stdin)
    };
    let (mut killed, _stdin) = begun();
    until("the database", || {
        let unpacked = in_the_only_one(temporary.path(), "chatd.db");
        unpacked.is_some_and(|path| path.exists())
    });
    killed.kill().unwrap();
    killed.wait().unwrap();
    let left = names(temporary.path());
    // Neither what another one is at, nor what is somebody's own.
    let own = ["chatd-notes", "chatd-6f1c2a52-0d7e-4a4e-9c5b-0f6f1b1f7c11"];
    for name in own {
        std::fs::create_dir(temporary.path().join(name)).unwrap();
        std::fs::write(temporary.path().join(name).join("thesis.odt"), "").unwrap();
    }
    let (mut other, _stdin) = begun();
    until("the end of what was left", || {
        !temporary.path().join(&left[0]).exists()
    });
    until("the other one's", || {
        names(temporary.path()).len() == own.len() + 1
    });
    let args = ["backup", "--verify", "chat.backup"];
    let mut command = place.command(args);
    let verified: Ran = command
        .env("TMPDIR", temporary.path())
        .output()
        .unwrap()
        .into();
    verified.ended(0, &["sound"]);
    assert_eq!(names(temporary.path()).len(), own.len() + 1);
    other.kill().unwrap();
    other.wait().unwrap();
}
