//! What happens amid a backup: another one, a kill, a stop, a disk that is full.

use super::{Place, Running, fill, names, place, said, told};
use crate::cli::control::exchange;
use crate::cli::{STOP, until};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::process::{Child, Command, Stdio};

/// Messages for a database of some 30 MB, which is copied in many steps.
const MANY: u32 = 50_000;

/// Asks a server for something about a copy.
fn ask(place: &Place, request: &str) -> Value {
    let answer = exchange(place, format!("{request}\n").as_bytes());
    serde_json::from_str(&answer).unwrap_or_else(|_| panic!("{request}: {answer:?}"))
}

/// A server with a large database.
fn large(place: &Place) -> (Running, String, String) {
    let told = told(place);
    told.server.stop();
    fill(place, MANY);
    (place.serve(), told.token, told.room)
}

fn spawn(mut command: Command) -> Child {
    let piped = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    piped.spawn().unwrap()
}

#[test]
fn a_second_backup_beside_the_first_is_refused() {
    let place = place();
    let told = told(&place);
    let begun = ask(&place, "{\"request\":\"begin_copy\"}");
    let number = &begun["Ok"]["copy"]["number"];
    place
        .run("backup chat.backup")
        .ended(1, &["another backup", "try again"]);
    let question = format!("{{\"request\":\"ask_copy\",\"number\":{number}}}");
    until("the copy", || {
        let copy = ask(&place, &question);
        copy["Ok"]["copy"]["isReady"] == true
    });
    let end = format!("{{\"request\":\"end_copy\",\"number\":{number}}}");
    assert_eq!(ask(&place, &end)["Ok"], "done");
    // Once more is no harm, but there is nothing to ask about.
    assert_eq!(ask(&place, &end)["Ok"], "done");
    let gone = ask(&place, &question);
    assert_eq!(gone["Err"]["code"], "overloaded", "{gone}");
    place.run("backup chat.backup").ended(0, &["Wrote"]);
    assert_eq!(names(place.root.path()), ["chat.backup", "data", "log"]);
    told.server.stop();
}

#[test]
fn a_copy_that_nobody_asks_about_is_removed_and_so_is_what_a_crash_has_left() {
    let place = place();
    let mut told = told(&place);
    let copy = place.data.join("backup.copy");
    ask(&place, "{\"request\":\"begin_copy\"}");
    assert!(copy.exists());
    until("the removal", || !copy.exists());
    told.server.logged(&["nobody waits for the backup"]);
    place.run("backup chat.backup").ended(0, &["Wrote"]);
    ask(&place, "{\"request\":\"begin_copy\"}");
    told.server.signal(Signal::KILL);
    told.server.ended_within(STOP);
    assert!(copy.exists());
    let next = place.serve();
    assert!(!copy.exists());
    next.stop();
}

#[test]
fn a_backup_that_is_killed_leaves_nothing_that_stops_the_next_one() {
    let place = place();
    let (server, ..) = large(&place);
    let copy = place.data.join("backup.copy");
    let backup = place.root.path().join("chat.backup");
    for signal in [Signal::KILL, Signal::INT, Signal::TERM] {
        let mut child = spawn(place.command(["backup", "chat.backup"]));
        until("a copy", || copy.exists());
        kill_process(Pid::from_child(&child), signal).unwrap();
        child.wait().unwrap();
        assert!(!backup.exists(), "it was too quick");
        until("the removal", || !copy.exists());
        if signal != Signal::KILL {
            let names = names(place.root.path());
            let left = names.iter().filter(|name| name.contains("unfinished"));
            // What the killed one left is taken over by the next.
            assert_eq!(left.count(), 0, "{names:?}");
        }
    }
    place.run("backup chat.backup").ended(0, &["Wrote"]);
    assert_eq!(names(place.root.path()), ["chat.backup", "data", "log"]);
    server.stop();
}

#[test]
fn a_server_that_stops_amid_a_backup_stops_in_time_and_leaves_no_copy() {
    let place = place();
    let (server, token, room) = large(&place);
    let child = spawn(place.command(["backup", "chat.backup"]));
    let copy = place.data.join("backup.copy");
    until("a copy", || copy.exists());
    server.stop();
    let ran: crate::cli::Ran = child.wait_with_output().unwrap().into();
    // It may have gone on without a server, by itself.
    if ran.code == 0 {
        place
            .run("backup --verify chat.backup")
            .ended(0, &["sound"]);
    } else {
        ran.ended(1, &["try again"]);
        assert!(!place.root.path().join("chat.backup").exists());
    }
    assert!(!copy.exists());
    let next = place.serve();
    assert!(!said(&next, &token, &room).is_empty());
    next.stop();
}

/// A server to whose copies the disk refuses the nth write for want of room.
fn on_a_full_disk(place: &Place, nth: usize) -> Running {
    let copy = place.data.join("backup.copy");
    let inject = format!("inject=pwrite64:error=ENOSPC:when={nth}+");
    let words = [
        "-D",
        "-f",
        "-o",
        "/dev/null",
        "-P",
        copy.to_str().unwrap(),
        "-e",
        "trace=pwrite64",
        "-e",
        &inject,
        env!("CARGO_BIN_EXE_chatd"),
        "serve",
        "--listen",
        "127.0.0.1:0",
    ];
    let mut running = place.start(place.command_of("strace", words));
    running.wait_until_ready();
    running
}

#[test]
fn a_disk_that_becomes_full_amid_a_copy_costs_the_backup_and_nothing_else() {
    let place = place();
    let (server, token, room) = large(&place);
    server.stop();
    let server = on_a_full_disk(&place, 1000);
    let failed = place.run("backup chat.backup");
    failed.ended(1, &["became full", "make room"]);
    assert_eq!(names(place.root.path()), ["data", "log"]);
    assert!(!place.data.join("backup.copy").exists());
    // The server goes on, and so does what it writes.
    let line = format!("POST /api/rooms/{room}/messages");
    let body = serde_json::json!({ "content": "still here" });
    let said = server.request(&line, Some(&token), Some(&body));
    assert_eq!(said.status, 201, "{}", said.body);
    server.stop();
}

#[test]
fn how_far_it_is_is_shown_on_a_terminal_and_nowhere_else() {
    let place = place();
    let (server, ..) = large(&place);
    let quiet = place.run("backup quiet.backup");
    quiet.ended(0, &["Wrote"]);
    assert!(!quiet.stderr.contains('%'), "{}", quiet.stderr);
    let chatd = env!("CARGO_BIN_EXE_chatd");
    let shell = format!("{chatd} backup chat.backup");
    let script = place
        .command_of("script", ["-qec", &shell, "/dev/null"])
        .output()
        .unwrap();
    let shown = String::from_utf8_lossy(&script.stdout);
    // Copying it takes many looks; packing it is shown from its first block on.
    for what in ["copying: ", "packing: "] {
        assert!(shown.contains(what), "{what}{shown}");
    }
    let percents = shown.split(" %").filter_map(|part| part.rsplit(' ').next());
    let percents: Vec<u32> = percents.filter_map(|digits| digits.parse().ok()).collect();
    assert!(percents.iter().all(|percent| *percent <= 100), "{shown}");
    // The line is gone at the end, and the words stand in its place.
    let last = shown.rsplit("\r\u{1b}[K").next().unwrap();
    assert!(last.starts_with("Wrote \"chat.backup\""), "{shown}");
    server.stop();
}
