//! What clients send and what they are answered, over both transports.

use super::harness::{App, Lounge, Transport, names, payloads};
use serde_json::{Value, json};

/// An ack of `ok` and these.
fn ok(answer: &Value) -> Value {
    let mut ack = json!({ "ok": true });
    ack.as_object_mut()
        .unwrap()
        .extend(answer.as_object().unwrap().clone());
    ack
}

#[tokio::test]
async fn every_event_is_answered_by_its_ack_and_its_event() {
    let lounge = Lounge::start().await;
    for transport in Transport::ALL {
        let before = lounge.ada.say(&lounge.room, "before").await["seq"]
            .as_i64()
            .unwrap();
        let mut ada = lounge.ada.connect_to(&lounge.room).await;
        let mut bob = lounge.bob.connect_by(transport).await;
        let room = &lounge.room;
        let ack = bob
            .ask("join_room", json!({ "roomId": room }))
            .await
            .unwrap();
        let joined = json!({
            "roomId": room, "role": "member", "lastSeq": before, "readSeq": before - 1,
            "replayed": 0, "complete": true,
        });
        assert_eq!(bob.next("room_joined").await, joined);
        assert_eq!(ack, ok(&joined));
        let ack = bob
            .ask(
                "send_message",
                json!({ "roomId": room, "content": " hello " }),
            )
            .await;
        let message = bob.next("receive_message").await;
        assert_eq!(ack.unwrap(), json!({ "ok": true, "message": message }));
        assert_eq!(message["content"], "hello");
        assert_eq!(message["seq"], before + 1);
        assert_eq!(ada.next("receive_message").await, message);
        let typing = json!({ "roomId": room, "isTyping": true });
        assert_eq!(
            bob.ask("typing", typing).await.unwrap(),
            json!({ "ok": true })
        );
        assert_eq!(ada.next("user_typing").await["isTyping"], true);
        let ack = bob
            .ask("get_room_users", json!({ "roomId": room }))
            .await
            .unwrap();
        let users = bob.next("room_users").await;
        assert_eq!(ack, ok(&users));
        assert_eq!(users["roomId"], room.as_str());
        assert_eq!(users["total"], 2);
        let all = users["users"].as_array().unwrap();
        assert!(all.iter().all(|user| user["isOnline"] == true), "{users}");
        let first = &all[0];
        assert_eq!(first["userId"], lounge.ada.id.as_str());
        assert_eq!(
            (&first["username"], &first["displayName"]),
            (&json!("ada"), &json!("ada"))
        );
        assert_eq!(first["role"], "admin");
        let ack = bob
            .ask("message_read", json!({ "roomId": room, "seq": before }))
            .await;
        assert_eq!(ack.unwrap(), json!({ "ok": true, "readSeq": before }));
        assert_eq!(ada.next("messages_read").await["seq"], before);
        let ack = bob.ask("leave_room", json!({ "roomId": room })).await;
        assert_eq!(ack.unwrap(), json!({ "ok": true }));
        lounge.ada.say(room, "after").await;
        assert_eq!(bob.seen().await, []);
        // Everything read, so that the next round begins alike.
        lounge
            .bob
            .post(&format!("{}/read", lounge.messages()), json!({}))
            .await
            .expect(200);
        bob.close().await;
    }
}

#[tokio::test]
async fn without_an_ack_the_answering_event_comes_and_so_does_an_error() {
    let lounge = Lounge::start().await;
    let room = &lounge.room;
    for transport in Transport::ALL {
        let mut bob = lounge.bob.connect_by(transport).await;
        bob.emit("typing", json!({ "roomId": room, "isTyping": true }))
            .await;
        let error = bob.next("error").await;
        assert_eq!(error["code"], "forbidden");
        assert_eq!(error["event"], "typing");
        assert_eq!(error["roomId"], room.as_str());
        assert!(error["message"].as_str().unwrap().ends_with('.'));
        assert!(error["timestamp"].as_str().unwrap().ends_with('Z'));
        assert!(error.get("details").is_none());
        bob.emit("join_room", json!({ "roomId": room })).await;
        assert_eq!(bob.next("room_joined").await["roomId"], room.as_str());
        bob.emit("get_room_users", json!({ "roomId": room })).await;
        assert_eq!(bob.next("room_users").await["total"], 2);
        bob.emit("send_message", json!({ "roomId": room, "content": "x" }))
            .await;
        assert_eq!(bob.next("receive_message").await["content"], "x");
        bob.emit("send_message", json!({ "roomId": room, "content": 5 }))
            .await;
        let error = bob.next("error").await;
        assert_eq!(error["code"], "invalid_input");
        assert!(error["details"]["fields"]["content"].is_string());
        bob.emit("no_such_event", json!({ "roomId": "no room" }))
            .await;
        let error = bob.next("error").await;
        assert_eq!(error["code"], "invalid_input");
        assert_eq!(error["event"], "no_such_event");
        assert!(error.get("roomId").is_none());
        assert_eq!(bob.seen().await, []);
        bob.close().await;
    }
}

#[tokio::test]
async fn every_code_that_an_event_can_meet_is_told_over_both_transports() {
    let lounge = Lounge::start().await;
    let elsewhere = lounge.ada.room("elsewhere", false).await;
    let nowhere = uuid::Uuid::new_v4();
    let once = json!({ "content": "once", "clientId": "c" });
    lounge.bob.post(&lounge.messages(), once).await.expect(201);
    let room = &lounge.room;
    for transport in Transport::ALL {
        let mut bob = lounge.bob.connect_by(transport).await;
        for (code, event, payload) in [
            ("invalid_input", "join_room", json!({ "roomId": "here" })),
            (
                "forbidden",
                "typing",
                json!({ "roomId": room, "isTyping": false }),
            ),
            ("not_a_member", "join_room", json!({ "roomId": elsewhere })),
            ("not_found", "message_read", json!({ "roomId": nowhere })),
            (
                "client_id_conflict",
                "send_message",
                json!({ "roomId": room, "content": "twice", "clientId": "c" }),
            ),
        ] {
            let error = bob.ask(event, payload).await.unwrap_err();
            assert_eq!(error["code"], code, "{event}");
        }
        // A repeat gives the first message again.
        let repeat = json!({ "roomId": room, "content": "once", "clientId": "c" });
        let ack = bob.ask("send_message", repeat).await.unwrap();
        assert_eq!(ack["message"]["seq"], 1);
        assert_eq!(bob.seen().await, []);
    }
}

#[tokio::test]
async fn a_connection_whose_session_is_over_is_refused_everything() {
    let lounge = Lounge::start().await;
    let mut sockets = Vec::new();
    for transport in Transport::ALL {
        sockets.push(lounge.bob.connect_by(transport).await);
    }
    lounge.app.clock.jump_ms(31 * 24 * 3600 * 1000);
    for socket in &mut sockets {
        let send = json!({ "roomId": lounge.room, "content": "too late" });
        let error = socket.ask("send_message", send).await.unwrap_err();
        assert_eq!(error["code"], "unauthorized");
    }
    // Once the server has looked, it says so.
    lounge.app.server.chat().housekeeping().await.unwrap();
    for socket in &mut sockets {
        assert!(socket.ended().await);
    }
}

#[tokio::test]
async fn what_was_missed_is_told_before_the_room_is_joined_unless_it_is_too_much() {
    let lounge = Lounge::start().await;
    for number in 1..=101 {
        lounge.ada.say(&lounge.room, &format!("{number}")).await;
    }
    let room = &lounge.room;
    for transport in Transport::ALL {
        let mut bob = lounge.bob.connect_by(transport).await;
        for (since, replayed, complete) in [
            (json!(null), 0, true),
            (json!(101), 0, true),
            (json!(102), 0, true),
            (json!(i64::MAX), 0, true),
            (json!(98), 3, true),
            (json!(1), 100, true),
            (json!(0), 0, false),
        ] {
            let join = json!({ "roomId": room, "since": since });
            let ack = bob.ask("join_room", join).await.unwrap();
            assert_eq!(
                (&ack["replayed"], &ack["complete"]),
                (&json!(replayed), &json!(complete)),
                "{since}"
            );
            assert_eq!(ack["lastSeq"], 101);
            let seen = bob.seen().await;
            let seqs: Vec<_> = payloads(&seen, "receive_message")
                .into_iter()
                .map(|message| message["seq"].as_i64().unwrap())
                .collect();
            assert_eq!(seqs, (102 - replayed..=101).collect::<Vec<_>>());
            assert_eq!(names(&seen).last(), Some(&"room_joined"));
        }
        for since in [json!(-1), json!(1.5), json!("1"), json!(1e300), json!([])] {
            let join = json!({ "roomId": room, "since": since });
            let error = bob.ask("join_room", join).await.unwrap_err();
            assert!(error["details"]["fields"]["since"].is_string(), "{since}");
        }
        bob.close().await;
    }
    // What is told again is as it is by now.
    let last = lounge
        .ada
        .get(&format!("{}?after=99", lounge.messages()))
        .await
        .expect(200);
    let [hundred, hundred_and_one] = &last["messages"].as_array().unwrap()[..] else {
        panic!("{last}");
    };
    let edited = lounge
        .ada
        .patch(&lounge.message(hundred), json!({ "content": "C" }))
        .await
        .expect(200);
    let deleted = lounge
        .ada
        .delete(&lounge.message(hundred_and_one))
        .await
        .expect(200);
    let mut bob = lounge.bob.connect().await;
    bob.ask("join_room", json!({ "roomId": room, "since": 99 }))
        .await
        .unwrap();
    assert_eq!(bob.next("receive_message").await, edited);
    assert_eq!(bob.next("receive_message").await, deleted);
}

#[tokio::test]
async fn a_room_is_opened_on_each_connection_by_itself() {
    let lounge = Lounge::start().await;
    let mut open = lounge.bob.connect_to(&lounge.room).await;
    let mut shut = lounge.bob.connect().await;
    lounge.ada.say(&lounge.room, "hello").await;
    assert_eq!(names(&open.seen().await), ["receive_message"]);
    assert_eq!(shut.seen().await, []);
    // Sending takes membership, not an open room.
    let send = json!({ "roomId": lounge.room, "content": "from the other one" });
    shut.ask("send_message", send).await.unwrap();
    assert_eq!(open.next("receive_message").await["seq"], 2);
    assert_eq!(shut.seen().await, []);
    // Joining again is harmless, and tells nothing twice from then on.
    open.ask("join_room", json!({ "roomId": lounge.room }))
        .await
        .unwrap();
    lounge.ada.say(&lounge.room, "once").await;
    assert_eq!(
        names(&open.seen().await),
        ["room_joined", "receive_message"]
    );
}

#[tokio::test]
async fn a_client_that_disconnects_from_the_namespace_may_connect_again_over_the_same_transport() {
    let lounge = Lounge::start().await;
    for transport in Transport::ALL {
        let mut bob = lounge.bob.connect_by(transport).await;
        bob.ask("join_room", json!({ "roomId": lounge.room }))
            .await
            .unwrap();
        bob.send_text("41").await;
        bob.send_text(&format!("40{}", json!({ "token": lounge.bob.token })))
            .await;
        let welcome = loop {
            let packet = bob.packet().await.unwrap();
            if packet.starts_with("40") {
                break packet;
            }
        };
        assert!(welcome.contains("sid"), "{welcome}");
        let error = bob
            .ask("typing", json!({ "roomId": lounge.room, "isTyping": true }))
            .await;
        assert_eq!(
            error.unwrap_err()["code"],
            "forbidden",
            "nothing is open any more"
        );
        bob.ask("join_room", json!({ "roomId": lounge.room }))
            .await
            .unwrap();
        let said = lounge.ada.say(&lounge.room, "welcome back").await;
        assert_eq!(bob.next("receive_message").await, said);
        // A second CONNECT beside the first is nothing.
        bob.send_text(&format!("40{}", json!({ "token": lounge.bob.token })))
            .await;
        bob.ask("leave_room", json!({ "roomId": lounge.room }))
            .await
            .unwrap();
        bob.close().await;
    }
}

#[tokio::test]
async fn a_stop_ends_connections_without_a_word_that_would_keep_clients_away() {
    let app = App::start().await;
    let ada = app.person("ada").await;
    let mut sockets = Vec::new();
    for transport in Transport::ALL {
        sockets.push(ada.connect_by(transport).await);
    }
    let stopping = tokio::spawn(app.server.stop());
    for socket in &mut sockets {
        assert!(!socket.ended().await, "no DISCONNECT packet");
    }
    stopping.await.unwrap();
}
