//! What clients send over their sockets: events of any JSON, and frames of anything.

use super::super::super::harness::{Lounge, Socket, Transport, soon};
use super::{ASKED, hold, json, keys, texts};
use chatd::model::{ClientId, Content, MessageType};
use proptest::collection::vec;
use proptest::prelude::{Strategy, any};
use proptest::sample::select;
use serde_json::{Map, Value, json as value};
use std::cell::RefCell;
use tokio::runtime::Runtime;

/// Inputs that go over a connection that is open already.
const SENT: (u32, u32) = (4_000, 600);
/// Each opens a connection of its own.
const CONNECTIONS: (u32, u32) = (500, 40);

const EVENTS: [&str; 8] = [
    "join_room",
    "leave_room",
    "send_message",
    "typing",
    "get_room_users",
    "message_read",
    "disconnect",
    "error",
];

#[test]
fn an_event_of_any_json_is_answered_once_and_the_connection_goes_on() {
    let runtime = Runtime::new().unwrap();
    let lounge = runtime.block_on(Lounge::start());
    let held = RefCell::new(runtime.block_on(lounge.bob.connect()));
    // The library ends the connection of whoever sends a name that takes an escape in JSON.
    let names = texts().prop_filter("no escapes", |name| {
        !Value::from(name.as_str()).to_string().contains('\\')
    });
    let names =
        proptest::prop_oneof![4 => select(EVENTS.to_vec()).prop_map(str::to_owned), 1 => names];
    let room = lounge.room.clone();
    // The room that is there, so that some of it means something.
    let payloads = proptest::prop_oneof![
        1 => json(),
        3 => vec((keys(), json()), 0..6).prop_map(move |pairs| {
            let mut pairs: Map<_, _> = pairs.into_iter().collect();
            pairs.insert("roomId".to_owned(), room.as_str().into());
            Value::from(pairs)
        }),
    ];
    hold(
        "events of any JSON",
        SENT,
        (names, payloads),
        |(name, payload)| {
            let mut socket = held.borrow_mut();
            if socket.closed {
                // After a failure, whose smallest input is looked for.
                *socket = runtime.block_on(lounge.bob.connect());
            }
            let answer = runtime.block_on(socket.ask(&name, payload.clone()));
            if let Err(error) = answer {
                let code = error["code"].as_str().unwrap();
                let good = [
                    "invalid_input",
                    "not_found",
                    "forbidden",
                    "client_id_conflict",
                ];
                assert!(good.contains(&code), "{name} {payload}: {error}");
            }
        },
    );
    drop(held);
    runtime.block_on(async { drop(lounge) });
}

#[test]
fn a_message_is_accepted_exactly_if_each_part_of_it_is() {
    let runtime = Runtime::new().unwrap();
    let lounge = runtime.block_on(Lounge::start());
    let socket = RefCell::new(runtime.block_on(lounge.bob.connect()));
    let types = proptest::option::of(proptest::prop_oneof!["[a-z0-9_-]{1,33}", texts()]);
    let ids = proptest::option::of(proptest::prop_oneof!["[!-~]{1,65}", texts()]);
    let contents = proptest::prop_oneof!["[ -~]{1,60}", texts()];
    hold(
        "messages",
        ASKED,
        (contents, types, ids),
        |(content, of_type, id)| {
            let mut send = value!({ "roomId": lounge.room, "content": content });
            let mut good = Content::new(&content).is_ok();
            if let Some(of_type) = of_type {
                good &= MessageType::new(&of_type).is_ok();
                send["messageType"] = of_type.into();
            }
            if let Some(id) = id {
                good &= ClientId::new(&id).is_ok();
                send["clientId"] = id.into();
            }
            let answer = runtime.block_on(socket.borrow_mut().ask("send_message", send.clone()));
            let is_accepted = match answer {
                Ok(ack) => {
                    assert_eq!(ack["message"]["content"], content.trim(), "{send}");
                    true
                }
                // All of it is right, but the id was used for another content.
                Err(error) if error["code"] == "client_id_conflict" => true,
                Err(error) => {
                    assert_eq!(error["code"], "invalid_input", "{send}");
                    false
                }
            };
            assert_eq!(is_accepted, good, "{send}");
        },
    );
    drop(socket);
    runtime.block_on(async { drop(lounge) });
}

#[test]
fn a_frame_of_anything_ends_at_most_its_own_connection() {
    let runtime = Runtime::new().unwrap();
    let lounge = runtime.block_on(Lounge::start());
    let mut watcher = runtime.block_on(lounge.ada.connect());
    let frames = proptest::prop_oneof![
        "[0-9][0-9]?[-/,0-9a-z\\[\\]{}:\"]{0,40}",
        "4[0-6]\\PC{0,40}",
        (0..7_u8, any::<u16>(), json()).prop_map(|(kind, ack, json)| format!("4{kind}{ack}{json}")),
        texts(),
    ];
    let frames = vec(frames, 1..4);
    let transports = select(Transport::ALL.to_vec());
    hold(
        "frames of anything",
        CONNECTIONS,
        (transports, any::<bool>(), frames),
        |input| {
            let (transport, signed_in, frames) = input;
            runtime.block_on(async {
                let mut socket = if signed_in {
                    lounge.bob.connect_by(transport).await
                } else {
                    Socket::open(&lounge.app.url(), transport).await
                };
                for frame in &frames {
                    socket.send_text(frame).await;
                }
                socket.close().await;
            });
        },
    );
    runtime.block_on(async {
        let nowhere = value!({ "roomId": uuid::Uuid::new_v4() });
        soon(
            "an answer to somebody else",
            watcher.ask("leave_room", nowhere),
        )
        .await
        .unwrap();
        let mut again = lounge.bob.connect_to(&lounge.room).await;
        let send = value!({ "roomId": lounge.room, "content": "still here" });
        let sent = again.ask("send_message", send).await.unwrap();
        assert!(sent["message"]["seq"].as_i64().unwrap() >= 1);
        drop(lounge);
    });
}
