//! The order of what one client sends.

use super::{
    App, Packet, Person, Socket, Transport, ack, content, history, open, packet, seq, soon, stream,
};
use serde_json::{Value, json};
use std::collections::HashSet;

/// Times that the same events are sent, all in one go.
const ROUNDS: usize = 40;
/// Events of one polling request, more than are admitted at once.
const CROWD: usize = 600;
/// Sessions that end while their rooms are busy.
const SIGN_OUTS: usize = 8;

/// What a client sends, and what it must hear of it, in order.
fn round(room: &str, since: usize) -> Vec<(&'static str, Value)> {
    vec![
        ("join_room", json!({ "roomId": room, "since": since })),
        ("typing", json!({ "roomId": room, "isTyping": true })),
        (
            "send_message",
            json!({ "roomId": room, "content": "within" }),
        ),
        ("leave_room", json!({ "roomId": room })),
        ("typing", json!({ "roomId": room, "isTyping": true })),
        (
            "send_message",
            json!({ "roomId": room, "content": "outside" }),
        ),
    ]
}

/// One short word for each packet.
fn heard(packet: &Packet) -> Option<String> {
    match packet {
        Packet::Event(name, message) if name == "receive_message" => {
            Some(format!("message {}", seq(message)))
        }
        Packet::Event(name, joined) if name == "room_joined" => Some(format!(
            "joined {} {}",
            joined["lastSeq"], joined["replayed"]
        )),
        Packet::Ack(id, ack) if ack["ok"] == true => Some(format!("ack {id}")),
        Packet::Ack(id, ack) => Some(format!("ack {id} {}", ack["error"]["code"])),
        _ => None,
    }
}

/// What must be heard when the rounds begin with an empty room.
fn expected() -> Vec<String> {
    let mut expected = Vec::new();
    for round in 0..ROUNDS {
        let (first_ack, last) = (round * 6, round * 2);
        if round > 0 {
            // What it said outside of the room is replayed, and before that what it said within.
            expected.push(format!("message {}", last - 1));
            expected.push(format!("message {last}"));
        }
        let replayed = if round > 0 { 2 } else { 0 };
        expected.push(format!("joined {last} {replayed}"));
        expected.push(format!("ack {first_ack}"));
        expected.push(format!("ack {}", first_ack + 1));
        expected.push(format!("message {}", last + 1));
        expected.push(format!("ack {}", first_ack + 2));
        expected.push(format!("ack {}", first_ack + 3));
        expected.push(format!("ack {} \"forbidden\"", first_ack + 4));
        expected.push(format!("ack {}", first_ack + 5));
    }
    expected
}

fn all_rounds(room: &str) -> impl Iterator<Item = (&'static str, Value)> {
    (0..ROUNDS).flat_map(move |at| round(room, (at * 2).saturating_sub(2)))
}

#[tokio::test]
async fn a_clients_own_events_are_answered_in_order() {
    let app = App::start().await;
    let ann = app.person("ann").await;
    let room = ann.room("Own", false).await;
    let (mut sending, mut receiving) = stream::connect(&app.url(), &ann.token).await;
    for (event, payload) in all_rounds(&room) {
        sending.emit_for_ack(event, &payload);
    }
    let expected = expected();
    let mut seen = Vec::new();
    while seen.len() < expected.len() {
        seen.extend(heard(&packet(&mut receiving).await));
    }
    assert_eq!(seen, expected);
}

/// Events with acks from 0 on, in the body of one polling request.
fn body(events: impl Iterator<Item = (&'static str, Value)>) -> String {
    let packets: Vec<_> = (0..)
        .zip(events)
        .map(|(id, (event, payload)): (u64, _)| format!("42{id}{}", json!([event, payload])))
        .collect();
    packets.join("\x1e")
}

/// Everything that a client hears until so many acks have come.
async fn hear_acks(socket: &mut Socket, acks: usize) -> Vec<Packet> {
    let (mut all, mut left) = (Vec::new(), acks);
    while left > 0 {
        let text = soon("the next packet", socket.packet()).await.unwrap();
        all.extend(Packet::read(&text));
        left -= usize::from(matches!(all.last(), Some(Packet::Ack(..))));
    }
    all
}

#[tokio::test]
async fn events_in_one_polling_request_are_answered_in_order() {
    let app = App::start().await;
    let ann = app.person("ann").await;
    let room = ann.room("Own", false).await;
    let mut socket = ann.connect_by(Transport::Polling).await;
    socket.send_text(&body(all_rounds(&room))).await;
    let packets = hear_acks(&mut socket, ROUNDS * 6).await;
    let seen: Vec<_> = packets.iter().filter_map(heard).collect();
    assert_eq!(seen, expected());
}

#[tokio::test]
async fn what_is_refused_for_too_many_in_flight_is_not_done_and_the_rest_is() {
    let app = App::start().await;
    let ann = app.person("ann").await;
    let room = ann.room("Crowd", false).await;
    let mut socket = ann.connect_by(Transport::Polling).await;
    let crowd = (0..CROWD).map(|number| {
        let text = number.to_string();
        ("send_message", json!({ "roomId": room, "content": text }))
    });
    socket.send_text(&body(crowd)).await;
    let mut done = HashSet::new();
    for packet in hear_acks(&mut socket, CROWD).await {
        let Packet::Ack(id, ack) = packet else {
            continue;
        };
        if ack["ok"] == true {
            assert_eq!(content(&ack["message"]), id.to_string());
            assert!(done.insert(id.to_string()));
        } else {
            assert_eq!(ack["error"]["code"], "overloaded", "{ack}");
        }
    }
    // So many are always taken.
    assert!(done.len() >= 256, "{}", done.len());
    let kept = history(&ann, &room).await;
    let texts: HashSet<_> = kept
        .iter()
        .map(|message| content(message).to_owned())
        .collect();
    assert_eq!(kept.len(), texts.len());
    assert_eq!(texts, done);
}

/// Signs in once more.
async fn another_session(app: &App, person: &Person) -> Person {
    let body = json!({ "username": person.name, "password": crate::harness::PASSWORD });
    let signed_in = app.stranger().post("/api/auth/login", body).await;
    Person::new(app, &person.name, signed_in.expect(200))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_a_session_is_told_by_a_disconnect_packet_however_busy_its_rooms_are() {
    let app = App::start().await;
    let (ann, bob) = (app.person("ann").await, app.person("bob").await);
    let room = ann.room("Busy", false).await;
    bob.join(&room).await;
    let mut sessions = Vec::new();
    for _ in 0..SIGN_OUTS {
        let session = another_session(&app, &bob).await;
        let (sending, receiving) = open(&session, &room).await;
        sessions.push((session, sending, receiving));
    }
    let (mut busy, mut answers) = stream::connect(&app.url(), &ann.token).await;
    let message = json!({ "roomId": room, "content": "busy" });
    for (session, mut sending, mut receiving) in sessions {
        for _ in 0..100 {
            busy.emit_for_ack("send_message", &message);
            sending.emit_for_ack("send_message", &message);
        }
        let (_, signed_out) = tokio::join!(
            ack(&mut answers),
            session.post("/api/auth/logout", Value::Null)
        );
        assert_eq!(signed_out.status, 204, "{signed_out:?}");
        loop {
            let next = soon("the end of the session", receiving.next()).await;
            let next = next.expect("DISCONNECT before the connection closes");
            if next == Packet::Disconnect {
                break;
            }
        }
    }
}
