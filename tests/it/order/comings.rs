//! Coming and going while messages fly.

use super::{App, Packet, Person, ack, open, packet, seq, stream};
use futures_util::future::join_all;
use serde_json::{Value, json};
use stream::{Receiving, Sending};
use tokio::sync::watch;

/// Messages of the burst.
const BURST: i64 = 3_000;
/// People who are removed while it lasts.
const REMOVED: i64 = 6;
/// Connections that open and close the room while it lasts.
const VISITS: usize = 8;

/// Sends the burst without waiting, and says how far the acks are.
async fn burst(ann: Person, room: String, progress: watch::Sender<i64>) {
    let (mut sending, mut receiving) = stream::connect(&ann.url, &ann.token).await;
    let message = json!({ "roomId": room, "content": "burst" });
    for _ in 0..BURST {
        sending.emit_for_ack("send_message", &message);
    }
    for _ in 0..BURST {
        let (_, answer) = ack(&mut receiving).await;
        progress.send_replace(seq(&answer["message"]));
    }
}

/// What matters here of a packet: a message's number, or who left for good.
enum Sight {
    Message(i64),
    Left(String),
}

fn sight(packet: Packet) -> Option<Sight> {
    let Packet::Event(name, payload) = packet else {
        return None;
    };
    match name.as_str() {
        "receive_message" => Some(Sight::Message(seq(&payload))),
        "user_left" if payload["type"] == "permanent" => {
            Some(Sight::Left(payload["userId"].as_str()?.to_owned()))
        }
        _ => None,
    }
}

/// Where each person left, in the eyes of somebody who stays: after which message.
async fn witness(mut receiving: Receiving) -> Vec<(String, i64)> {
    let (mut last, mut left) = (0, Vec::new());
    while last < BURST {
        match sight(packet(&mut receiving).await) {
            Some(Sight::Message(next)) => {
                assert_eq!(next, last + 1);
                last = next;
            }
            Some(Sight::Left(who)) => left.push((who, last)),
            None => {}
        }
    }
    left
}

/// The same in their own eyes. They must not hear of the room any more, from then on until it is said
/// that the burst is over.
async fn leave(
    who: String,
    room: String,
    (mut sending, mut receiving): (Sending, Receiving),
    mut over: watch::Receiver<i64>,
) -> (String, i64) {
    let mut last = 0;
    loop {
        match sight(packet(&mut receiving).await) {
            Some(Sight::Message(next)) => {
                assert_eq!(next, last + 1);
                last = next;
            }
            Some(Sight::Left(left)) if left == who => break,
            Some(Sight::Left(_)) | None => {}
        }
    }
    over.wait_for(|at| *at == BURST).await.unwrap();
    let asked = sending.emit_for_ack("join_room", &json!({ "roomId": room }));
    loop {
        match packet(&mut receiving).await {
            Packet::Ack(id, ack) => {
                assert_eq!((id, &ack["error"]["code"]), (asked, &json!("not_a_member")));
                return (who, last);
            }
            Packet::Event(name, payload) => assert_ne!(payload["roomId"], room, "{name} {payload}"),
            Packet::Disconnect => panic!("the session goes on"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_removed_amid_a_burst_sees_what_came_before_it_and_nothing_after() {
    let app = App::start().await;
    let ann = app.person("ann").await;
    let room = ann.room("Burst", false).await;
    let names: Vec<_> = (0..REMOVED).map(|number| format!("bob{number}")).collect();
    let people = join_all(names.iter().map(|name| app.person(name))).await;
    let (_open, receiving) = open(&ann, &room).await;
    let witness = tokio::spawn(witness(receiving));
    let (progress, mut at) = watch::channel(0);
    let mut leaving = Vec::new();
    for person in &people {
        person.join(&room).await;
        let connection = open(person, &room).await;
        let leave = leave(person.id.clone(), room.clone(), connection, at.clone());
        leaving.push(tokio::spawn(leave));
    }
    let bursting = tokio::spawn(burst(ann.clone(), room.clone(), progress));
    for (number, person) in (1..).zip(&people) {
        let due = BURST / (REMOVED + 1) * number;
        at.wait_for(|at| *at >= due).await.unwrap();
        let path = format!("/api/rooms/{room}/users/{}", person.id);
        ann.delete(&path).await.expect(204);
    }
    bursting.await.unwrap();
    let mut left = Vec::new();
    for leaving in join_all(leaving).await {
        left.push(leaving.unwrap());
    }
    assert_eq!(witness.await.unwrap(), left);
}

/// Opens the room with what it missed, closes it, and opens it again, until the burst is over. Nothing
/// is missed between the answer to opening and the answer to closing, and nothing comes outside.
async fn visit(mut sending: Sending, mut receiving: Receiving, room: String) {
    let mut last = 0;
    while last < BURST {
        let opening = json!({ "roomId": room, "since": last, "quiet": true });
        let opened = sending.emit_for_ack("join_room", &opening);
        let (mut seen, joined) = until_ack(&mut receiving, opened).await;
        let newest = joined["lastSeq"].as_i64().unwrap();
        // What is too much for a replay is not replayed at all.
        let replayed = if joined["complete"] == true {
            newest - last
        } else {
            0
        };
        expect(&seen, last, replayed);
        let closed = sending.emit_for_ack("leave_room", &json!({ "roomId": room }));
        (seen, _) = until_ack(&mut receiving, closed).await;
        last = newest + i64::try_from(seen.len()).unwrap();
        expect(&seen, newest, last - newest);
    }
}

/// So many numbers after one.
fn expect(seen: &[i64], after: i64, count: i64) {
    assert_eq!(seen, (after + 1..=after + count).collect::<Vec<_>>());
}

/// The numbers of the messages that come before an ack, and the ack.
async fn until_ack(receiving: &mut Receiving, id: u64) -> (Vec<i64>, Value) {
    let mut seen = Vec::new();
    loop {
        match packet(receiving).await {
            Packet::Event(name, message) if name == "receive_message" => seen.push(seq(&message)),
            Packet::Ack(answered, ack) if answered == id => {
                assert_eq!(ack["ok"], true, "{ack}");
                return (seen, ack);
            }
            _ => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_opens_and_closes_a_room_amid_a_burst_misses_nothing_in_between() {
    let app = App::start().await;
    let ann = app.person("ann").await;
    let room = ann.room("Burst", false).await;
    let (progress, at) = watch::channel(0);
    let bursting = tokio::spawn(burst(ann.clone(), room.clone(), progress));
    let visits = (0..VISITS).map(|_| async {
        let (sending, receiving) = stream::connect(&app.url(), &ann.token).await;
        visit(sending, receiving, room.clone()).await;
    });
    join_all(visits).await;
    bursting.await.unwrap();
    assert_eq!(*at.borrow(), BURST);
}
