//! What a process told the kernel, as `strace -f -y -xx` writes it down, and whether it told nobody of
//! a message that was not on disk.

use std::collections::{HashMap, HashSet};
use std::fmt::Write;

/// How a message is marked, so that it is known wherever it goes: this, and digits up to the end.
const MARK: &[u8] = b"mark-";
const MARK_END: u8 = b';';
/// The longest mark, in bytes.
const MARK_BYTES: usize = 32;
/// Before each page in a write-ahead log there is a header of so many bytes. Its second number is not
/// 0 if a transaction ends with that page (<https://sqlite.org/fileformat2.html#the_write_ahead_log>).
const FRAME_HEADER_BYTES: usize = 24;
/// The log begins with a header of so many bytes.
const LOG_HEADER_BYTES: usize = 32;

/// A call into the kernel. Times are lines of the trace.
struct Call {
    name: String,
    file: String,
    /// What is written.
    bytes: Vec<u8>,
    began: usize,
    /// When it succeeded; nothing if it never did.
    done: Option<usize>,
}

/// What is between the first and the next of these characters after `start`, with what follows.
fn between(text: &str, start: char, end: char) -> Option<(&str, &str)> {
    text.split_once(start)?.1.split_once(end)
}

/// The bytes of `\x6d\x61…`; what is not written so is none.
fn bytes(hex: &str) -> Vec<u8> {
    let digits = hex.split("\\x").filter_map(|pair| pair.get(..2));
    digits
        .filter_map(|pair| u8::from_str_radix(pair, 16).ok())
        .collect()
}

/// All calls of a trace, in the order in which they began.
fn calls(trace: &str) -> Vec<Call> {
    let mut calls = Vec::new();
    // The call that each thread is in.
    let mut unfinished = HashMap::new();
    for (at, line) in trace.lines().enumerate() {
        let Some((thread, what)) = line.split_once(' ') else {
            continue;
        };
        let is_done = what
            .rsplit_once(" = ")
            .is_some_and(|(_, result)| !result.starts_with('-') && !result.starts_with('?'));
        let what = what.trim_start();
        if what.starts_with("<... ") {
            if let Some(call) = unfinished.remove(thread)
                && is_done
            {
                let call: &mut Call = &mut calls[call];
                call.done = Some(at);
            }
            continue;
        }
        let Some((name, arguments)) = what.split_once('(') else {
            continue;
        };
        // A file that strace could not name any more may be a socket, and counts as one.
        let (file, written) = between(arguments, '<', '>').unwrap_or(("", arguments));
        // What is written in several parts is in as many strings.
        let strings = written.split('"').skip(1).step_by(2);
        if what.ends_with("<unfinished ...>") {
            unfinished.insert(thread, calls.len());
        }
        calls.push(Call {
            name: name.to_owned(),
            file: String::from_utf8(bytes(file)).unwrap_or_default(),
            bytes: strings.flat_map(bytes).collect(),
            began: at,
            done: is_done.then_some(at),
        });
    }
    calls
}

/// The marks in what is written.
fn marks(bytes: &[u8]) -> HashSet<String> {
    let mut found = HashSet::new();
    for (at, _) in bytes
        .windows(MARK.len())
        .enumerate()
        .filter(|(_, window)| *window == MARK)
    {
        let rest = &bytes[at..bytes.len().min(at + MARK_BYTES)];
        if let Some(end) = rest.iter().position(|byte| *byte == MARK_END) {
            found.insert(String::from_utf8_lossy(&rest[..=end]).into_owned());
        }
    }
    found
}

/// When each marked message was in the write-ahead log with the end of its transaction.
fn commits(calls: &[Call]) -> HashMap<String, usize> {
    let (mut committed, mut open) = (HashMap::new(), HashSet::new());
    let mut ends = false;
    for call in calls.iter().filter(|call| is_log(call)) {
        match call.bytes.len() {
            0 | LOG_HEADER_BYTES => {}
            FRAME_HEADER_BYTES => ends = call.bytes[4..8] != [0; 4],
            _ => {
                open.extend(marks(&call.bytes));
                if ends && let Some(done) = call.done {
                    for mark in open.drain() {
                        committed.entry(mark).or_insert(done);
                    }
                }
            }
        }
    }
    committed
}

fn is_log(call: &Call) -> bool {
    call.file.ends_with("/chatd.db-wal")
}

fn is_sync(call: &Call) -> bool {
    call.name == "fsync" || call.name == "fdatasync"
}

/// Checks that whatever tells of a message, an ack or an event, is written to a socket only after the
/// write-ahead log was synced with the end of its transaction in it. Gives the marks of all messages
/// that were told.
pub fn told_from_disk(trace: &str) -> Result<HashSet<String>, String> {
    let calls = calls(trace);
    let committed = commits(&calls);
    let syncs: Vec<_> = calls
        .iter()
        .filter(|call| is_log(call) && is_sync(call))
        .filter_map(|call| Some((call.began, call.done?)))
        .collect();
    let mut told = HashSet::new();
    for call in calls.iter().filter(|call| !call.file.starts_with('/')) {
        for mark in marks(&call.bytes) {
            let Some(committed) = committed.get(&mark) else {
                return Err(format!(
                    "{mark} left in line {} and is in no log",
                    call.began
                ));
            };
            let is_synced = syncs
                .iter()
                .any(|(began, done)| began > committed && *done < call.began);
            if !is_synced {
                return Err(format!(
                    "{mark} was written to the log in line {committed} and left in line {}, before a sync",
                    call.began
                ));
            }
            told.insert(mark);
        }
    }
    Ok(told)
}

/// A trace of one message: these lines, in their order.
fn story(lines: &[&str]) -> String {
    let hex = |text: &str| {
        let mut hex = String::new();
        for byte in text.bytes() {
            write!(hex, "\\x{byte:02x}").unwrap();
        }
        hex
    };
    let log = hex("/data/chatd.db-wal");
    let socket = hex("TCP:[127.0.0.1:5000]");
    let page = hex("a page with mark-1; in it");
    let ack = hex("430[{\"ok\":true,\"clientId\":\"mark-1;\"}]");
    let part = "\\x00".repeat(FRAME_HEADER_BYTES);
    let end = format!("{}\\x05{}", "\\x00".repeat(7), "\\x00".repeat(16));
    let line = |step: &&str| match *step {
        "part" => format!("7 pwrite64(9<{log}>, \"{part}\", 24, 32) = 24\n"),
        "end" => format!("7 pwrite64(9<{log}>, \"{end}\", 24, 32) = 24\n"),
        "page" => format!("7 pwrite64(9<{log}>, \"{page}\", 25, 56) = 25\n"),
        "sync" => format!("7 fsync(9<{log}>)        = 0\n"),
        "failed sync" => format!("7 fsync(9<{log}>) = -1 EIO (Input/output error)\n"),
        "sync begins" => format!("7 fsync(9<{log}> <unfinished ...>\n"),
        "sync ends" => "7 <... fsync resumed>) = 0\n".to_owned(),
        "ack" => format!("8 sendto(3<{socket}>, \"{ack}\", 30, MSG_NOSIGNAL, NULL, 0) = 30\n"),
        other => panic!("{other}"),
    };
    lines.iter().map(line).collect::<Vec<_>>().concat()
}

#[test]
fn only_a_sync_between_the_end_of_a_transaction_and_its_ack_counts() {
    for good in [
        &["end", "page", "sync", "ack"][..],
        &["part", "page", "end", "page", "sync", "ack"],
        &["end", "page", "sync begins", "sync ends", "ack"],
    ] {
        let told = told_from_disk(&story(good));
        assert_eq!(told, Ok(HashSet::from(["mark-1;".to_owned()])), "{good:?}");
    }
    for bad in [
        &["ack"][..],
        &["end", "page", "ack"],
        &["end", "page", "ack", "sync"],
        &["sync", "end", "page", "ack"],
        &["part", "page", "sync", "ack"],
        &["part", "page", "sync", "end", "page", "ack"],
        &["end", "page", "failed sync", "ack"],
        &["end", "page", "sync begins", "ack", "sync ends"],
        &["end", "sync begins", "page", "sync ends", "ack"],
    ] {
        assert!(told_from_disk(&story(bad)).is_err(), "{bad:?}");
    }
}
