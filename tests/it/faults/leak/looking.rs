//! Those who talk in a room, and those who see and ask what was said there.

use crate::harness::stream::{self, Packet, Receiving, Sending};
use crate::harness::{Person, Socket, soon};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use tokio::sync::{Semaphore, watch};

/// Messages of each that are on their way at a time.
const ON_THE_WAY: usize = 8;
/// So often a sender says that they type, too, in messages.
const TYPES_EVERY: usize = 7;
/// How far back somebody looks who asks for what they missed, in messages.
const LOOK_BACK: i64 = 20;
/// The number of the last ack that a live connection gets; the first was for opening the room.
pub const LAST_ACK: u64 = 1;

/// Sends without a pause until it is told to stop.
pub async fn talk(
    person: Person,
    room: String,
    acked: Arc<AtomicI64>,
    stop: Arc<AtomicBool>,
) -> usize {
    let (mut sending, mut receiving) = stream::connect(&person.url, &person.token).await;
    let join = json!({ "roomId": room, "quiet": true });
    sending.emit_for_ack("join_room", &join);
    soon("the room", receiving.ack()).await.unwrap();
    let message = json!({ "roomId": room, "content": "something that only members may know" });
    for _ in 0..ON_THE_WAY {
        sending.emit_for_ack("send_message", &message);
    }
    let (mut answered, mut on_the_way) = (0_usize, ON_THE_WAY);
    while on_the_way > 0 {
        let (_, ack) = soon("an ack", receiving.ack()).await.unwrap();
        let seq = ack["message"]["seq"].as_i64().expect("a message");
        acked.fetch_max(seq, Ordering::SeqCst);
        answered += 1;
        on_the_way -= 1;
        if answered.is_multiple_of(TYPES_EVERY) {
            let is_typing = (answered / TYPES_EVERY).is_multiple_of(2);
            sending.emit("typing", &json!({ "roomId": room, "isTyping": is_typing }));
        }
        if !stop.load(Ordering::SeqCst) {
            sending.emit_for_ack("send_message", &message);
            on_the_way += 1;
        }
    }
    answered
}

/// Opens the room before anything is said in it.
pub async fn open(person: &Person, room: &str) -> (Sending, Receiving) {
    let (mut sending, mut receiving) = stream::connect(&person.url, &person.token).await;
    sending.emit_for_ack("join_room", &json!({ "roomId": room, "quiet": true }));
    soon("the room", receiving.ack()).await.unwrap();
    (sending, receiving)
}

/// Whose membership the event ends, if it ends one.
fn whose_end<'a>(name: &str, payload: &'a Value) -> Option<&'a str> {
    (name == "user_left" && payload["type"] == "permanent")
        .then(|| payload["userId"].as_str().unwrap())
}

/// Somebody who stays: after which message each membership ended, as they were told.
pub async fn witness(
    mut receiving: Receiving,
    last: watch::Sender<i64>,
    until: Arc<AtomicI64>,
) -> HashMap<String, i64> {
    let mut ends = HashMap::new();
    loop {
        let packet = soon("an event", receiving.next()).await.expect("it stays");
        let Packet::Event(name, payload) = packet else {
            continue;
        };
        if name == "receive_message" {
            let seq = payload["seq"].as_i64().unwrap();
            assert_eq!(seq, *last.borrow() + 1, "a gap");
            last.send_replace(seq);
            if seq == until.load(Ordering::SeqCst) {
                return ends;
            }
        } else if let Some(user) = whose_end(&name, &payload) {
            let twice = ends.insert(user.to_owned(), *last.borrow());
            assert_eq!(twice, None, "{payload}");
        }
    }
}

/// What a live connection was told of the room: the last message before its user's membership ended,
/// once every one since the first was seen, and that the end was told. Fails at anything after that.
pub async fn live(mut receiving: Receiving, user: String, room: String) -> Option<i64> {
    let (mut last, mut end) = (0, None);
    while let Some(packet) = receiving.next().await {
        match packet {
            Packet::Event(name, payload) => {
                assert!(
                    end.is_none() || payload["roomId"] != room.as_str(),
                    "told after {end:?}: {name} {payload}"
                );
                if name == "receive_message" {
                    last += 1;
                    assert_eq!(payload["seq"], last, "a gap");
                } else if whose_end(&name, &payload) == Some(&user) {
                    end = Some(last);
                }
            }
            Packet::Ack(LAST_ACK, _) => return end,
            Packet::Ack(..) => {}
            Packet::Disconnect => break,
        }
    }
    panic!("a live connection was cut");
}

/// Asks in every way that there is, over and over, until each was refused; gives the last message that
/// any of the answers or of what came with them held.
pub async fn pry(person: Person, room: String) -> i64 {
    let mut socket = person.connect().await;
    let mut most = 0;
    loop {
        if pry_once(&person, &mut socket, &room, &mut most).await {
            return most;
        }
    }
}

/// The same once; says whether every way was closed.
async fn pry_once(person: &Person, socket: &mut Socket, room: &str, most: &mut i64) -> bool {
    let since = (*most - LOOK_BACK).max(0);
    let join = json!({ "roomId": room, "since": since, "quiet": true });
    let joined = socket.ask("join_room", join).await;
    let path = format!("/api/rooms/{room}/messages?after={since}");
    let history = person.get(&path).await;
    let rooms = person.get("/api/rooms").await.expect(200);
    let rooms = rooms["rooms"].as_array().unwrap();
    let receipt = json!({ "roomId": room, "seq": 0 });
    let read = socket.ask("message_read", receipt).await;
    let told = socket.seen().await;
    let told = told.iter().filter(|(name, _)| name == "receive_message");
    let mut seen = vec![
        newest(&history.body),
        rooms
            .first()
            .map_or(0, |room| room["lastSeq"].as_i64().unwrap()),
        joined
            .as_ref()
            .map_or(0, |ack| ack["lastSeq"].as_i64().unwrap()),
    ];
    seen.extend(told.map(|(_, message)| message["seq"].as_i64().unwrap()));
    *most = seen.into_iter().max().unwrap_or(0).max(*most);
    joined.is_err() && read.is_err() && history.status == 403 && rooms.is_empty()
}

/// Asks for the newest messages without a pause until that is refused, and gives the last one seen.
/// Says when it is at it.
pub async fn read_history(person: Person, room: String, from: i64, at_it: Arc<Semaphore>) -> i64 {
    let path = format!("/api/rooms/{room}/messages?after={from}&limit=200");
    let mut most = 0;
    loop {
        let history = person.get(&path).await;
        if history.status == 403 {
            return most;
        }
        most = newest(&history.expect(200)).max(most);
        at_it.add_permits(1);
    }
}

/// The last message in an answer of the history, 0 if there is none.
fn newest(history: &Value) -> i64 {
    let messages = history["messages"].as_array().into_iter().flatten();
    let seqs = messages.map(|message| message["seq"].as_i64().unwrap());
    let last = history["lastSeq"].as_i64().unwrap_or(0);
    seqs.max().unwrap_or(0).max(last)
}
