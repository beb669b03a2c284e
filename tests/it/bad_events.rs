//! What no client should send over Socket.IO: each of it gets its code or loses its connection,
//! nothing of it is half done, and everybody else is served.

mod packets;

use super::harness::{Lounge, Socket, Transport, names, soon};
use serde_json::{Value, json};

/// The event that shows that everything before it was dealt with, and its ack.
const LAST: &str = r#"42777["leave_room",{"roomId":"00000000-0000-4000-8000-000000000000"}]"#;
const LAST_ACK: &str = "43777[";

/// Sends a packet and whatever belongs to it, and gives what comes back until the server has dealt
/// with it; `None` at the end when it closed the connection.
async fn answers(
    socket: &mut Socket,
    packet: &str,
    attachment: Option<&[u8]>,
) -> Vec<Option<String>> {
    socket.send_text(packet).await;
    if let Some(bytes) = attachment {
        socket.send_binary(bytes.to_owned()).await;
    }
    socket.send_text(LAST).await;
    let mut answers = Vec::new();
    loop {
        match soon("an answer", socket.packet()).await {
            Some(text) if text.starts_with(LAST_ACK) => return answers,
            // The engine's own word for closing.
            Some(text) if text == "1" => {}
            Some(text) => answers.push(Some(text)),
            None => {
                answers.push(None);
                return answers;
            }
        }
    }
}

/// Nothing of what was sent is in the room, and the server is well.
async fn is_untouched(lounge: &Lounge) {
    let history = lounge.ada.get(&lounge.messages()).await.expect(200);
    assert_eq!(history["lastSeq"], 0);
    let users = lounge
        .ada
        .get(&format!("{}/users", lounge.path()))
        .await
        .expect(200);
    assert_eq!(users["users"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_payload_of_the_wrong_kind_is_refused_by_its_fields() {
    let lounge = Lounge::start().await;
    let room = json!(lounge.room);
    for transport in Transport::ALL {
        let mut bob = lounge.bob.connect_by(transport).await;
        for (event, payload, fields) in [
            ("send_message", json!(null), vec!["body"]),
            ("send_message", json!([]), vec!["body"]),
            ("send_message", json!("text"), vec!["body"]),
            ("send_message", json!(5), vec!["body"]),
            ("send_message", json!(true), vec!["body"]),
            ("send_message", json!({}), vec!["content", "roomId"]),
            ("send_message", json!({ "roomId": room }), vec!["content"]),
            ("send_message", json!({ "content": "x" }), vec!["roomId"]),
            (
                "send_message",
                json!({ "roomId": 5, "content": {} }),
                vec!["content", "roomId"],
            ),
            (
                "send_message",
                json!({ "roomId": "lounge", "content": "x" }),
                vec!["roomId"],
            ),
            (
                "send_message",
                json!({ "roomId": room, "content": " ", "messageType": "system", "clientId": "é", "replyTo": 1e300 }),
                vec!["clientId", "content", "messageType", "replyTo"],
            ),
            ("join_room", json!({}), vec!["roomId"]),
            (
                "join_room",
                json!({ "roomId": room, "since": -1, "quiet": 1 }),
                vec!["quiet", "since"],
            ),
            (
                "join_room",
                json!({ "roomId": room, "since": 1e300 }),
                vec!["since"],
            ),
            (
                "join_room",
                json!({ "roomId": room, "since": u64::MAX }),
                vec!["since"],
            ),
            (
                "join_room",
                json!({ "roomId": lounge.room.replace('-', "") }),
                vec!["roomId"],
            ),
            ("leave_room", json!({ "roomId": [room] }), vec!["roomId"]),
            ("typing", json!({ "roomId": room }), vec!["isTyping"]),
            (
                "typing",
                json!({ "roomId": room, "isTyping": "true" }),
                vec!["isTyping"],
            ),
            (
                "typing",
                json!({ "isTyping": null }),
                vec!["isTyping", "roomId"],
            ),
            ("get_room_users", json!({ "roomId": null }), vec!["roomId"]),
            (
                "message_read",
                json!({ "roomId": room, "seq": 0.5 }),
                vec!["seq"],
            ),
            (
                "message_read",
                json!({ "roomId": room, "seq": 1, "messageId": room }),
                vec!["seq"],
            ),
            (
                "message_read",
                json!({ "roomId": room, "messageId": "last" }),
                vec!["messageId"],
            ),
            ("no_such_event", json!({}), vec!["event"]),
            ("", json!({}), vec!["event"]),
            ("connect", json!({}), vec!["event"]),
            ("disconnect", json!({}), vec!["event"]),
            ("receive_message", json!({}), vec!["event"]),
        ] {
            let error = bob.ask(event, payload.clone()).await.unwrap_err();
            assert_eq!(error["code"], "invalid_input", "{event} {payload}");
            let named: Vec<_> = error["details"]["fields"]
                .as_object()
                .unwrap()
                .keys()
                .collect();
            assert_eq!(named, fields, "{event} {payload}");
        }
        assert_eq!(bob.seen().await, []);
    }
    is_untouched(&lounge).await;
}

#[tokio::test]
async fn an_event_with_an_ack_gets_one_however_odd_it_is() {
    let lounge = Lounge::start().await;
    let deep = format!(
        r#"427["send_message",{{"content":{}{}}}]"#,
        "[".repeat(9000),
        "]".repeat(9000)
    );
    for transport in Transport::ALL {
        let mut bob = lounge.bob.connect_by(transport).await;
        for packet in [
            r#"427["send_message"]"#,
            r#"427["send_message",1e999]"#,
            r#"427["send_message",{"content":"\ud800"}]"#,
            r#"427["send_message",{"content":1e999}]"#,
            r#"427["no such event",{},{},[],null]"#,
            r#"427["ünïcödé"]"#,
            r#"427 ["send_message"]"#.replace("7 ", "7").as_str(),
            // A binary event that has nothing binary.
            r#"450-7["send_message",{}]"#,
            &deep,
        ] {
            let answers = answers(&mut bob, packet, None).await;
            let [Some(ack)] = &answers[..] else {
                panic!("{packet:.80}: {answers:?}");
            };
            let ack: Value = serde_json::from_str(ack.strip_prefix("437").unwrap()).unwrap();
            assert_eq!(ack[0]["ok"], false);
            assert_eq!(ack[0]["error"]["code"], "invalid_input", "{packet:.80}");
        }
        // An ack's number that no client can count to is none, so that the error is an event.
        let answers = answers(&mut bob, r#"4299999999999999999999["x"]"#, None).await;
        let [Some(error)] = &answers[..] else {
            panic!("{answers:?}");
        };
        assert!(
            error.starts_with(r#"42["error",{"code":"invalid_input""#),
            "{error}"
        );
        // What comes after the payload is ignored, as a browser's event object may.
        let more = format!(r#"427["send_message",{{"roomId":"{}"}},5]"#, lounge.room);
        bob.send_text(&more).await;
        assert_eq!(
            bob.ack(7).await["error"]["details"]["fields"],
            json!({ "content": "is missing" })
        );
    }
    is_untouched(&lounge).await;
}

#[tokio::test]
async fn binary_is_refused_wherever_it_comes() {
    let lounge = Lounge::start().await;
    let mut bob = lounge.bob.connect_to(&lounge.room).await;
    let event = |attachments: usize, content: &str| {
        let (room, placeholder) = (&lounge.room, r#"{"_placeholder":true,"num":0}"#);
        let content = if content.is_empty() {
            placeholder
        } else {
            content
        };
        format!(r#"45{attachments}-7["send_message",{{"roomId":"{room}","content":{content}}}]"#)
    };
    for packet in [event(1, ""), event(1, r#""text beside it""#)] {
        let answers = answers(&mut bob, &packet, Some(b"\x00\xff")).await;
        let [Some(ack)] = &answers[..] else {
            panic!("{answers:?}");
        };
        assert!(
            ack.contains("invalid_input") && ack.contains("binary"),
            "{ack}"
        );
    }
    assert_eq!(names(&bob.seen().await), Vec::<&str>::new());
    // Bytes that no event announced, fewer than it announced, and more than anybody waits for.
    for (packet, attachment) in [
        ("3", Some(&b"nobody waits for these"[..])),
        (event(1, "").as_str(), None),
        (event(2, "").as_str(), Some(&b"one of two"[..])),
        (event(5, "").as_str(), Some(&b"one of five"[..])),
        ("4599999999999999999999-7[\"send_message\",{}]", None),
        ("451-[\"send_message\"]", None),
        ("461-7[{}]", Some(&b"an ack for nothing"[..])),
    ] {
        let mut bob = lounge.bob.connect().await;
        let answers = answers(&mut bob, packet, attachment).await;
        assert!(answers.iter().all(Option::is_none), "{packet}: {answers:?}");
    }
    let mut polling = lounge.bob.connect_by(Transport::Polling).await;
    let packets = format!("{}\u{1e}bAP8=", event(1, ""));
    let answers = answers(&mut polling, &packets, None).await;
    let [Some(ack)] = &answers[..] else {
        panic!("{answers:?}");
    };
    assert!(
        ack.contains("invalid_input") && ack.contains("binary"),
        "{ack}"
    );
    is_untouched(&lounge).await;
}

#[tokio::test]
async fn more_events_at_once_than_a_connection_may_have_are_refused_one_by_one() {
    let lounge = Lounge::start().await;
    let mut bob = lounge.bob.connect_by(Transport::Polling).await;
    let event = json!(["message_read", { "roomId": lounge.room }]);
    let all: Vec<_> = (0..600).map(|id| format!("42{id}{event}")).collect();
    bob.send_text(&all.join("\u{1e}")).await;
    let mut refused = 0;
    for id in 0..600 {
        let ack = bob.ack(id).await;
        if ack["ok"] != true {
            assert_eq!(ack["error"]["code"], "overloaded", "{ack}");
            assert_eq!(ack["error"]["details"]["retryAfterMs"], 1000, "{ack}");
            refused += 1;
        }
    }
    assert!((1..=600 - 256).contains(&refused), "{refused}");
    // It is none of the client's fault for long.
    bob.ask("message_read", json!({ "roomId": lounge.room }))
        .await
        .unwrap();
}
