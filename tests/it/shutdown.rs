//! A stop, as a service manager asks for it, while everybody is talking.

use super::harness::stream::{self, Packet};
use super::harness::{Executable, Person, Socket, Transport, executable, soon};
use chatd::chat::Clock;
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream, UnixStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// Clients that send without waiting.
const CLIENTS: usize = 8;
/// Messages of each.
const EACH: usize = 500;
/// The stop comes when so many are acknowledged.
const STOP_AT: usize = 500;
/// What the system of a client that never reads takes for it, in bytes.
const SMALL_BUFFER_BYTES: u32 = 4096;

/// How many acks all clients have, and word of it.
#[derive(Default)]
struct Acks {
    count: AtomicUsize,
    enough: Notify,
}

impl Acks {
    fn one_more(&self) {
        if self.count.fetch_add(1, Ordering::Relaxed) + 1 == STOP_AT {
            self.enough.notify_one();
        }
    }
}

fn client_id(client: usize, number: usize) -> String {
    format!("{client}-{number}")
}

/// Sends all messages of a client without waiting, and says which were acknowledged: `clientId` and
/// id. Ends when all are, or when the server closes the transport.
async fn talk(
    person: Person,
    room: String,
    client: usize,
    acks: Arc<Acks>,
) -> Vec<(String, String)> {
    let (mut sending, mut receiving) = stream::connect(&person.url, &person.token).await;
    let padding = "x".repeat(500);
    for number in 0..EACH {
        let client_id = client_id(client, number);
        let content = format!("{client_id} {padding}");
        let message = json!({ "roomId": room, "content": content, "clientId": client_id });
        sending.emit_for_ack("send_message", &message);
    }
    let (mut answers, mut acknowledged) = (0, Vec::new());
    while answers < EACH {
        match soon("an answer", receiving.next()).await {
            None => break,
            Some(Packet::Disconnect) => panic!("a stop is no end of a session"),
            Some(Packet::Event(..)) => {}
            Some(Packet::Ack(_, ack)) => {
                answers += 1;
                // What is refused while the server stops was not done.
                if ack["ok"] == true {
                    let text = |key: &str| ack["message"][key].as_str().unwrap().to_owned();
                    acknowledged.push((text("clientId"), text("id")));
                    acks.one_more();
                }
            }
        }
    }
    acknowledged
}

type Talking = JoinHandle<Vec<(String, String)>>;

fn everybody_talks(person: &Person, room: &str, acks: &Arc<Acks>) -> Vec<Talking> {
    let talks = (0..CLIENTS).map(|client| {
        let talking = talk(person.clone(), room.to_owned(), client, acks.clone());
        tokio::spawn(talking)
    });
    talks.collect()
}

/// The id of each message of a room by its `clientId`; each is there once.
pub async fn kept(person: &Person, room: &str) -> HashMap<String, String> {
    let (mut kept, mut last) = (HashMap::new(), 0);
    loop {
        let path = format!("/api/rooms/{room}/messages?after={last}&limit=200");
        let page = person.get(&path).await.expect(200);
        for message in page["messages"].as_array().unwrap() {
            last += 1;
            assert_eq!(message["seq"], last, "{message}");
            let text = |key: &str| message[key].as_str().unwrap().to_owned();
            let twice = kept.insert(text("clientId"), text("id"));
            assert_eq!(twice, None, "{message}");
        }
        if page["hasAfter"] == false {
            return kept;
        }
    }
}

/// Stops a server while everybody talks, starts it again, and checks that nothing that was
/// acknowledged is lost, and that trying again makes no message twice.
async fn stop_amid_talk(chatd: Executable, ann: &Person, room: &str) {
    let acks = Arc::new(Acks::default());
    let talks = everybody_talks(ann, room, &acks);
    soon("talk", acks.enough.notified()).await;
    let (code, folder) = chatd.stop().await;
    assert_eq!(code, Some(0));
    let mut acknowledged = Vec::new();
    for talk in join_all(talks).await {
        acknowledged.extend(talk.unwrap());
    }
    assert!(acknowledged.len() >= STOP_AT);
    assert!(
        acknowledged.len() < CLIENTS * EACH,
        "it stopped amid the talk"
    );

    let chatd = Executable::start(folder).await;
    let ann = chatd.again(ann);
    let after_stop = kept(&ann, room).await;
    for (client_id, id) in &acknowledged {
        assert_eq!(after_stop.get(client_id), Some(id));
    }
    // The clients come back and send everything again.
    for talk in join_all(everybody_talks(&ann, room, &acks)).await {
        assert_eq!(talk.unwrap().len(), EACH);
    }
    let after_retry = kept(&ann, room).await;
    let all: HashSet<_> = (0..CLIENTS)
        .flat_map(|client| (0..EACH).map(move |number| client_id(client, number)))
        .collect();
    assert_eq!(after_retry.keys().cloned().collect::<HashSet<_>>(), all);
    for (client_id, id) in after_stop {
        assert_eq!(after_retry[&client_id], id);
    }
}

async fn chatd() -> (Executable, Person, String) {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let chatd = Executable::start(folder).await;
    let ann = chatd.person("ann").await;
    let room = ann.room("Talk", false).await;
    (chatd, ann, room)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_amid_talk_loses_nothing_that_was_acknowledged() {
    let (chatd, ann, room) = chatd().await;
    stop_amid_talk(chatd, &ann, &room).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_waits_neither_for_who_never_reads_nor_for_a_long_poll() {
    let (chatd, ann, room) = chatd().await;
    let joining = json!({ "roomId": room });
    // Somebody who has the room open, and whose system takes next to nothing of what they are sent.
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(SMALL_BUFFER_BYTES).unwrap();
    let address = ann.url.strip_prefix("http://").unwrap().parse().unwrap();
    let deaf = socket.connect(address).await.unwrap();
    let (mut sending, mut never_read) = stream::connect_over(deaf, &ann.url, &ann.token).await;
    sending.emit_for_ack("join_room", &joining);
    soon("the room", never_read.ack()).await.unwrap();
    // Somebody who always has a request open, and hears nothing, since the room is not open to them.
    let auth = json!({ "token": ann.token });
    let mut polling = Socket::connect(&ann.url, auth, Transport::Polling)
        .await
        .unwrap();
    let long_poll = tokio::spawn(async move {
        let mut heard = Vec::new();
        while let Some(packet) = polling.packet().await {
            heard.push(packet);
        }
        heard
    });

    stop_amid_talk(chatd, &ann, &room).await;

    let heard = soon("the end of the poll", long_poll).await.unwrap();
    assert!(
        heard.iter().all(|packet| !packet.starts_with("41")),
        "{heard:?}"
    );
    // What its system held is all that it was sent, and no DISCONNECT is among it.
    let mut sent = 0;
    while let Some(packet) = soon("the end", never_read.next()).await {
        assert_ne!(packet, Packet::Disconnect);
        sent += 1;
    }
    assert!(sent < STOP_AT, "it was not stuck");
}

/// A connection to the control socket that carries these bytes.
async fn control(chatd: &Executable, bytes: &str) -> UnixStream {
    let socket = executable::data(chatd.root()).join("control.sock");
    let mut stream = UnixStream::connect(socket).await.unwrap();
    stream.write_all(bytes.as_bytes()).await.unwrap();
    stream
}

/// A connection to the HTTP port that carries these bytes.
async fn plain(chatd: &Executable, bytes: &str) -> TcpStream {
    let address = chatd.url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes.as_bytes()).await.unwrap();
    stream
}

/// A request of somebody with a body that comes as far as it is given here.
fn posting(person: &Person, room: &str, length: usize, body: &str) -> String {
    format!(
        "POST /api/rooms/{room}/messages HTTP/1.1\r\nhost: chatd\r\ncontent-type: application/json\r\n\
         authorization: Bearer {}\r\ncontent-length: {length}\r\n\r\n{body}",
        person.token
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_waits_for_no_client_that_dawdles() {
    let (chatd, ann, room) = chatd().await;
    let (mut sending, mut deaf) = stream::connect(&ann.url, &ann.token).await;
    sending.emit_for_ack("join_room", &json!({ "roomId": room }));
    soon("the room", deaf.ack()).await.unwrap();
    for _ in 0..STOP_AT {
        let content = "x".repeat(4000);
        sending.emit(
            "send_message",
            &json!({ "roomId": room, "content": content }),
        );
    }
    let _half_a_body = plain(&chatd, &posting(&ann, &room, 1000, "{\"content\":")).await;
    let _half_a_head = plain(&chatd, "GET / HTT").await;
    let _half_a_line = control(&chatd, "{\"request\":").await;
    let (code, _folder) = chatd.stop().await;
    assert_eq!(code, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_ends_in_its_time_although_the_database_is_stuck() {
    let (chatd, ann, room) = chatd().await;
    let database = executable::data(chatd.root()).join("chatd.db");
    let database = rusqlite::Connection::open(database).unwrap();
    database.execute_batch("BEGIN IMMEDIATE").unwrap();
    // The writer waits for the first of these, and then for all others.
    let body = "{\"content\":\"x\"}";
    let posting = posting(&ann, &room, body.len(), body);
    let mut waiting = Vec::new();
    for _ in 0..3 {
        waiting.push(plain(&chatd, &posting).await);
        ann.get("/api/rooms").await.expect(200);
    }
    let disable = "{\"request\":\"set_disabled\",\"name\":\"ann\",\"disabled\":true}\n";
    let _asking = control(&chatd, disable).await;
    // Whatever it sent before has been read when this is answered.
    let mut asking = control(&chatd, "{\"request\":\"list_users\"}\n").await;
    soon("an answer", asking.read(&mut [0])).await.unwrap();
    let (code, _folder) = chatd.stop().await;
    assert_eq!(code, Some(0));
}

#[tokio::test]
async fn idle_clients_are_let_go_at_once_and_without_disconnect() {
    let (chatd, ann, room) = chatd().await;
    let mut sockets = Vec::new();
    for transport in [Transport::WebSocket, Transport::Polling] {
        let auth = json!({ "token": ann.token });
        let mut socket = Socket::connect(&ann.url, auth, transport).await.unwrap();
        let joined = socket.ask("join_room", json!({ "roomId": room })).await;
        assert_eq!(joined.unwrap()["lastSeq"], Value::from(0));
        sockets.push(socket);
    }
    let ends = sockets.iter_mut().map(Socket::ended);
    let ((code, _folder), disconnects) = tokio::join!(chatd.stop(), join_all(ends));
    assert_eq!(code, Some(0));
    assert_eq!(disconnects, [false, false]);
}

#[tokio::test]
async fn who_connects_amid_a_stop_is_let_go_and_never_refused() {
    /// Between two of them, so that they meet each step of the stop.
    const PACE: Duration = Duration::from_millis(20);
    let (chatd, ann, _) = chatd().await;
    let mut sockets = Vec::new();
    for _ in 0..20 {
        sockets.push(Socket::open(&ann.url, Transport::WebSocket).await);
    }
    let connect = format!("40{}", json!({ "token": ann.token }));
    let connecting = async {
        let mut seen = Vec::new();
        let mut pace = tokio::time::interval(PACE);
        for socket in &mut sockets {
            pace.tick().await;
            socket.send_text(&connect).await;
        }
        for mut socket in sockets {
            let packets = async {
                while let Some(packet) = socket.packet().await {
                    seen.push(packet);
                }
            };
            soon("the end of the connection", packets).await;
        }
        seen
    };
    let ((code, _folder), seen) = tokio::join!(chatd.stop(), connecting);
    assert_eq!(code, Some(0));
    // `1` is Engine.IO's own word for a transport that closes: stock clients pass over it on a
    // WebSocket, and connect anew once that has closed (tests/clients/faults/return.test.mjs shows
    // them come back). After a refusal, `44`, they would stay away.
    let is_welcome = |packet: &String| packet.starts_with("40") || packet == "1";
    assert!(seen.iter().all(is_welcome), "{seen:?}");
}

#[tokio::test]
async fn who_is_there_at_a_stop_was_there_until_then() {
    let (chatd, ann, _) = chatd().await;
    let bea = chatd.person("bea").await;
    let _socket = ann.connect().await;
    let path = format!("/api/users/{}", ann.id);
    let before = bea.get(&path).await.expect(200);
    assert_eq!(before["isOnline"], true);
    assert_eq!(before["lastSeenAt"], Value::Null);
    let asked = Clock::default().now();
    let (code, folder) = chatd.stop().await;
    assert_eq!(code, Some(0));
    let next = Executable::start(folder).await;
    let after = next.again(&bea).get(&path).await.expect(200);
    let seen = after["lastSeenAt"].as_str().unwrap_or_default();
    assert!(seen >= asked.to_string().as_str(), "{after}");
    let never = next
        .again(&ann)
        .get(&format!("/api/users/{}", bea.id))
        .await;
    assert_eq!(never.expect(200)["lastSeenAt"], Value::Null);
}
