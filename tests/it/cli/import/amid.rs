//! What happens amid an import: it is killed or told to stop, or the server is.

use super::super::{LOOK, Place, Ran, START, STOP, place};
use super::at_once::ANOTHER;
use super::{TEA, all, lines, signed_in};
use rusqlite::{Connection, OpenFlags};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fmt::Write;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::Instant;

/// Messages of the large room.
const MESSAGES: usize = 40_000;
const ADA: &str = "ada00000-0000-4000-8000-000000000001";
const SMALL: &str = "50a11000-0000-4000-8000-000000000002";

/// An export with a small room and a large one, as a file.
pub(super) fn large(place: &Place) -> (PathBuf, String) {
    let at = "2026-01-02T03:04:05.678Z";
    let mut text = format!(
        "{{\"type\":\"export\",\"format\":1,\"madeBy\":\"a test\",\"createdAt\":\"{at}\"}}\n\
         {{\"type\":\"user\",\"id\":\"{ADA}\",\"username\":\"ada\",\"displayName\":\"ada\",\"email\":\"ada@example.org\",\
         \"passwordHash\":\"none\",\"isAdmin\":true,\"isDisabled\":false,\"createdAt\":\"{at}\",\"lastSeenAt\":null}}\n"
    );
    for (room, messages) in [(SMALL, 1), (TEA, MESSAGES)] {
        writeln!(
            text,
            "{{\"type\":\"room\",\"id\":\"{room}\",\"name\":\"Room\",\"description\":null,\"isPrivate\":false,\
             \"createdBy\":\"{ADA}\",\"createdAt\":\"{at}\"}}\n\
             {{\"type\":\"member\",\"roomId\":\"{room}\",\"userId\":\"{ADA}\",\"isAdmin\":true,\"joinedAt\":\"{at}\",\"readSeq\":0}}"
        )
        .unwrap();
        for seq in 1..=messages {
            let id = format!("{}-7000-8000-{seq:012x}", &room[..13]);
            writeln!(
                text,
                "{{\"type\":\"message\",\"id\":\"{id}\",\"roomId\":\"{room}\",\"seq\":{seq},\"userId\":\"{ADA}\",\
                 \"content\":\"{seq} {}\",\"messageType\":\"text\",\"clientId\":null,\"replyTo\":null,\
                 \"createdAt\":\"{at}\",\"editedAt\":null,\"deletedAt\":null}}",
                "x".repeat(200)
            )
            .unwrap();
        }
    }
    let messages = MESSAGES + 1;
    writeln!(
        text,
        "{{\"type\":\"end\",\"users\":1,\"rooms\":2,\"messages\":{messages}}}"
    )
    .unwrap();
    let path = place.root.path().join("large.jsonl");
    std::fs::write(&path, &text).unwrap();
    (path, text)
}

/// How many messages of the large room are in the database, whoever sees them.
fn brought(place: &Place) -> i64 {
    let path = place.data.join("chatd.db");
    // It is not to be made here.
    let Ok(database) = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE) else {
        return 0;
    };
    let count = "SELECT coalesce(max(seq), 0) FROM messages";
    database.query_row(count, [], |row| row.get(0)).unwrap_or(0)
}

/// Begins an import, and waits until it is well under way.
pub(super) fn begun(place: &Place) -> Child {
    let before = brought(place);
    let mut command = place.command(["import", "large.jsonl"]);
    let child = command.stderr(Stdio::piped()).spawn().unwrap();
    let deadline = Instant::now() + START;
    while [0, 1, before].contains(&brought(place)) {
        assert!(Instant::now() < deadline, "nothing comes");
        std::thread::sleep(LOOK);
    }
    child
}

/// What everybody sees is none of it.
#[track_caller]
fn has_nothing(place: &Place) {
    let listed = place.run("room list --json");
    let rooms: Vec<Value> = serde_json::from_str(&listed.stdout).unwrap();
    assert!(rooms.is_empty(), "{rooms:?}");
    assert!(!all(place).contains("\"type\":\"room\""));
}

#[track_caller]
fn comes_whole(place: &Place, text: &str) {
    place
        .run("import large.jsonl")
        .ended(0, &["2 rooms, 40,001 messages."]);
    assert_eq!(lines(&sorted(&all(place))), lines(&sorted(text)));
    place.run("backup chat.backup --force").ended(0, &[]);
    place
        .run("backup --verify chat.backup")
        .ended(0, &["sound"]);
}

/// The same lines in an order of their own, but for the first.
pub(super) fn sorted(text: &str) -> String {
    let (head, rest) = text.split_once('\n').unwrap();
    let mut lines: Vec<_> = rest.lines().collect();
    lines.sort_unstable();
    format!("{head}\n{}\n", lines.join("\n"))
}

#[test]
fn an_import_that_is_killed_leaves_no_room_and_runs_again() {
    let place = place();
    let (_, text) = large(&place);
    // Without a server.
    let mut child = begun(&place);
    child.kill().unwrap();
    child.wait().unwrap();
    has_nothing(&place);
    // Beside one.
    let server = place.serve();
    let mut child = begun(&place);
    child.kill().unwrap();
    child.wait().unwrap();
    has_nothing(&place);
    comes_whole(&place, &text);
    server.stop();
}

#[test]
fn an_import_that_is_told_to_stop_says_what_is_left() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let place = place();
        large(&place);
        let stopped = || {
            let child = begun(&place);
            kill_process(Pid::from_child(&child), signal).unwrap();
            Ran::from(child.wait_with_output().unwrap())
        };
        // Where there was nothing there is nothing afterwards.
        stopped().ended(code, &["; nothing was changed"]);
        assert!(!place.data.exists());
        place.add("bob", "longenough");
        let said = "; no room was brought in, and accounts that were made stay; run it again\n";
        stopped().ended(code, &[said]);
        has_nothing(&place);
        // What is left of it is in nobody's way.
        place
            .run("import large.jsonl")
            .ended(0, &["2 rooms, 40,001 messages."]);
    }
}

/// What has `strace` say to a process that a file's disk is full.
fn on_a_full_disk(place: &Place, file: &str, call: &str) -> Ran {
    let file = place.root.path().canonicalize().unwrap().join(file);
    let (trace, inject) = (
        format!("trace={call}"),
        format!("inject={call}:error=ENOSPC"),
    );
    let words = [
        "-f",
        "-o",
        "/dev/null",
        "-P",
        file.to_str().unwrap(),
        "-e",
        &trace,
        "-e",
        &inject,
    ];
    let import = [env!("CARGO_BIN_EXE_chatd"), "import", "large.jsonl"];
    let mut command = place.command_of("strace", words.into_iter().chain(import));
    command.output().unwrap().into()
}

#[test]
fn an_import_that_fails_in_a_new_folder_leaves_nothing_of_it() {
    let mut place = place();
    large(&place);
    place.data = place.root.path().join("new/data");
    on_a_full_disk(&place, "new/data/jwt.secret.new", "write")
        .ended(1, &["jwt.secret", "make room"]);
    on_a_full_disk(&place, "new/data/chatd.db-wal", "pwrite64")
        .ended(1, &["the disk is full; make room on its disk"]);
    assert!(!place.root.path().join("new").exists());
    // What was there stays.
    std::fs::create_dir_all(&place.data).unwrap();
    std::fs::write(place.data.join("jwt.secret"), [7; 64]).unwrap();
    on_a_full_disk(&place, "new/data/chatd.db-wal", "pwrite64").ended(1, &["full"]);
    let there: Vec<_> = place
        .data
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(there, ["jwt.secret"]);
    // Where there is data, it is said what became of it.
    place.data = place.root.path().join("data");
    place.add("bob", "longenough");
    let ran = on_a_full_disk(&place, "data/chatd.db-wal", "pwrite64");
    ran.ended(1, &["the disk of the data folder is full; make room there, then try again; no room was brought in"]);
    assert!(!ran.stderr.contains(".;"), "{}", ran.stderr);
}

#[test]
fn a_server_that_is_killed_amid_an_import_has_no_half_of_a_room() {
    let place = place();
    let (_, text) = large(&place);
    let mut server = place.serve();
    let child = begun(&place);
    server.signal(Signal::KILL);
    server.ended_within(STOP);
    // The import goes on by itself, once the server has had time to come back.
    let ran = Ran::from(child.wait_with_output().unwrap());
    ran.ended(0, &["2 rooms, 40,001 messages."]);
    assert_eq!(lines(&sorted(&all(&place))), lines(&sorted(&text)));
    // What it has is chatted in.
    let server = place.serve();
    place.add("bob", "longenough");
    let bob = signed_in(&server, "bob");
    let joined = server.request(&format!("POST /api/rooms/{TEA}/join"), Some(&bob), None);
    assert_eq!(joined.status, 200, "{}", joined.body);
    server.stop();
}

#[test]
fn a_server_that_starts_again_amid_an_import_finds_its_folder_free() {
    let place = place();
    let (_, text) = large(&place);
    let server = place.serve();
    let child = begun(&place);
    server.stop();
    // Whoever runs the folder, the import goes on.
    place.run("import large.jsonl").ended(1, &ANOTHER);
    let next = place.serve();
    place.run("import large.jsonl").ended(1, &ANOTHER);
    let ran = Ran::from(child.wait_with_output().unwrap());
    ran.ended(0, &["2 rooms, 40,001 messages."]);
    assert_eq!(lines(&sorted(&all(&place))), lines(&sorted(&text)));
    next.stop();
}
