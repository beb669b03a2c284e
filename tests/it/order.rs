//! The one order of a room, however fast it is filled: nothing is lost, doubled or swapped on the way
//! to whoever has it open, and a client's own events are answered in the order in which they were sent.

mod bursts;
mod comings;
mod own;

use super::harness::{App, Person, Socket, Transport, soon, stream};
use serde_json::{Value, json};
use stream::{Packet, Receiving, Sending};

/// The content of a message that `send_message` or `receive_message` carries.
fn content(message: &Value) -> &str {
    message["content"].as_str().unwrap_or_default()
}

fn seq(message: &Value) -> i64 {
    message["seq"].as_i64().unwrap_or_default()
}

/// The next packet, which must come soon.
async fn packet(receiving: &mut Receiving) -> Packet {
    let next = soon("the next packet", receiving.next()).await;
    next.expect("the connection stays open")
}

/// The next ack, past everything else.
async fn ack(receiving: &mut Receiving) -> (u64, Value) {
    let next = soon("the next ack", receiving.ack()).await;
    next.expect("the connection stays open")
}

/// Connects and opens a room; the first ack is the room's.
async fn open(person: &Person, room: &str) -> (Sending, Receiving) {
    let (mut sending, mut receiving) = stream::connect(&person.url, &person.token).await;
    sending.emit_for_ack("join_room", &json!({ "roomId": room }));
    let (_, joined) = ack(&mut receiving).await;
    assert_eq!(joined["ok"], true, "{joined}");
    (sending, receiving)
}

/// All of a room's messages, by REST; their numbers are 1, 2, 3 … without a gap.
async fn history(person: &Person, room: &str) -> Vec<Value> {
    let mut all: Vec<Value> = Vec::new();
    loop {
        let path = format!("/api/rooms/{room}/messages?after={}&limit=200", all.len());
        let mut page = person.get(&path).await.expect(200);
        let messages = page["messages"].take();
        all.extend(messages.as_array().unwrap().iter().cloned());
        if page["hasAfter"] == false {
            break;
        }
    }
    for (at, message) in (1..).zip(&all) {
        assert_eq!(seq(message), at, "{message}");
    }
    all
}
