//! The disk: what was acknowledged is on it, and what it does not take is refused.

mod backups;
mod disk_error;
mod full;
mod killed;
mod long_readers;
mod no_room;
mod order;
mod trace;
mod upgrade_killed;

use super::{either, full, report};
use crate::harness::stream::{self, Packet, Receiving, Sending};
use crate::harness::{Executable, Person, executable, soon};
use rusqlite::Connection;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use tempfile::TempDir;

/// Clients that send at once.
const CLIENTS: usize = 8;
/// Messages of a client that are on their way at once.
const WINDOW: usize = 16;
/// A page of history.
const PAGE: usize = 200;

/// What became of a client's messages, each known by its `clientId`.
#[derive(Default)]
struct Talk {
    acknowledged: Vec<Value>,
    /// With the code of the error.
    refused: Vec<(String, String)>,
    unanswered: VecDeque<String>,
}

/// Sends messages with these `clientId`s, of so many bytes, until all are answered or the connection
/// ends.
async fn talk(
    (mut sending, mut receiving): (Sending, Receiving),
    room: String,
    mut client_ids: VecDeque<String>,
    bytes: usize,
) -> Talk {
    let (mut talk, mut on_their_way) = (Talk::default(), BTreeMap::new());
    loop {
        while on_their_way.len() < WINDOW
            && let Some(client_id) = client_ids.pop_front()
        {
            let content = format!("{client_id:x<bytes$}");
            let message = json!({ "roomId": room, "content": content, "clientId": client_id });
            let number = sending.emit_for_ack("send_message", &message);
            on_their_way.insert(number, client_id);
        }
        if on_their_way.is_empty() {
            break;
        }
        match soon("an answer", receiving.next()).await {
            None => break,
            Some(Packet::Disconnect) => panic!("a fault of the disk is no end of a session"),
            Some(Packet::Event(..)) => {}
            Some(Packet::Ack(number, mut ack)) => {
                let client_id = on_their_way.remove(&number).expect("one ack a message");
                if ack["ok"] == true {
                    assert_eq!(ack["message"]["clientId"], client_id.as_str());
                    talk.acknowledged.push(ack["message"].take());
                } else {
                    let code = ack["error"]["code"].as_str().unwrap();
                    talk.refused.push((client_id, code.to_owned()));
                }
            }
        }
    }
    talk.unanswered = on_their_way.into_values().chain(client_ids).collect();
    talk
}

/// Everybody connects; then all of them talk at once, each with the messages that are given here.
async fn all_talk(
    person: &Person,
    room: &str,
    client_ids: impl IntoIterator<Item = VecDeque<String>>,
    bytes: usize,
) -> Vec<tokio::task::JoinHandle<Talk>> {
    let mut connected = Vec::new();
    for client_ids in client_ids {
        let connection = stream::connect(&person.url, &person.token).await;
        connected.push((connection, client_ids));
    }
    let talks = connected
        .into_iter()
        .map(|(connection, ids)| tokio::spawn(talk(connection, room.to_owned(), ids, bytes)));
    talks.collect()
}

/// The names of so many messages of each client, told apart from those of other rounds.
fn client_ids(round: usize, each: usize) -> Vec<VecDeque<String>> {
    let of_client = |client| {
        let ids = (0..each).map(|number| format!("mark-{round:03}-{client}-{number:05};"));
        ids.collect()
    };
    (0..CLIENTS).map(of_client).collect()
}

/// What a room's history holds: each message's id and number by its `clientId`. It is read on from
/// where it was read to before.
#[derive(Default)]
struct History {
    messages: HashMap<String, (String, i64)>,
    last: i64,
    /// Up to where somebody was told of them.
    told: i64,
}

impl History {
    /// Reads on; numbers have no gap, and no message is there twice.
    async fn read_on(&mut self, person: &Person, room: &str) {
        loop {
            let last = self.last;
            let path = format!("/api/rooms/{room}/messages?after={last}&limit={PAGE}");
            let page = person.get(&path).await.expect(200);
            for message in page["messages"].as_array().unwrap() {
                self.last += 1;
                assert_eq!(message["seq"], self.last, "{message}");
                let (client_id, kept) = identity(message);
                let twice = self.messages.insert(client_id, kept);
                assert_eq!(twice, None, "{message}");
            }
            if page["hasAfter"] == false {
                return;
            }
        }
    }

    /// Checks that what was acknowledged is there, as what it was acknowledged as.
    fn must_have(&self, acknowledged: &[Value]) {
        for message in acknowledged {
            let (client_id, kept) = identity(message);
            assert_eq!(self.messages.get(&client_id), Some(&kept), "{message}");
        }
    }
}

/// What a message is known by: its `clientId`, and its id and number.
fn identity(message: &Value) -> (String, (String, i64)) {
    let text = |key: &str| message[key].as_str().unwrap().to_owned();
    let seq = message["seq"].as_i64().unwrap();
    (text("clientId"), (text("id"), seq))
}

/// What the database of a folder itself has of a room whose server has ended; it must be sound.
fn in_the_database(root: &Path, room: &str) -> HashMap<String, (String, i64)> {
    in_database(&executable::data(root).join("chatd.db"), room)
}

/// The same of a database anywhere.
fn in_database(path: &Path, room: &str) -> HashMap<String, (String, i64)> {
    let database = Connection::open(path).unwrap();
    let sound: String = database
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(sound, "ok");
    let room: uuid::Uuid = room.parse().unwrap();
    let mut statement = database
        .prepare("SELECT client_id, id, seq FROM messages WHERE room_id = ? ORDER BY seq")
        .unwrap();
    let rows = statement
        .query_map([room.as_bytes()], |row| {
            let id = uuid::Uuid::from_bytes(row.get(1)?).to_string();
            Ok((row.get(0)?, (id, row.get(2)?)))
        })
        .unwrap();
    let (mut found, mut last) = (HashMap::new(), 0);
    for row in rows {
        let (client_id, kept): (String, (String, i64)) = row.unwrap();
        last += 1;
        assert_eq!(kept.1, last, "{client_id}");
        assert_eq!(found.insert(client_id, kept), None);
    }
    found
}

/// A server on a folder of its own, with ann and a room of hers.
async fn chatd() -> (Executable, Person, String) {
    let chatd = Executable::start(Arc::new(tempfile::tempdir().unwrap())).await;
    let ann = chatd.person("ann").await;
    let room = ann.room("Talk", false).await;
    (chatd, ann, room)
}

/// A command that becomes a server on the folder below `root`, with its log in a file.
fn serve_by<W: AsRef<OsStr>>(words: impl IntoIterator<Item = W>, root: &Path) -> Command {
    let mut words = words.into_iter();
    let mut command = executable::command(words.next().unwrap());
    command
        .args(words)
        .env("CHATD_DATA__DIR", executable::data(root))
        .stderr(File::create(log(root)).unwrap());
    command
}

/// Starts a server by such a command on a folder that is there already.
async fn start_by<W: AsRef<OsStr>>(
    words: impl IntoIterator<Item = W>,
    root: Arc<TempDir>,
) -> Executable {
    let command = serve_by(words, root.path());
    let started = Executable::spawn(command, root.clone()).await;
    started.unwrap_or_else(|| panic!("no start: {}", log_of(root.path())))
}

/// Where the log of such a server is.
fn log(root: &Path) -> PathBuf {
    root.join("log")
}

fn log_of(root: &Path) -> String {
    std::fs::read_to_string(log(root)).unwrap()
}
