//! The same contract from the real executable: a day in its life, and a power cut.

use super::harness::{Executable, Person, Transport, names};
use serde_json::{Value, json};
use std::sync::Arc;

async fn chatd() -> Executable {
    Executable::start(Arc::new(tempfile::tempdir().unwrap())).await
}

/// What two people see of a room, one by each transport, in one order and once each.
async fn talk(chatd: &Executable, ada: &Person, bob: &Person, room: &str) {
    let messages = format!("/api/rooms/{room}/messages");
    let mut ada_sees = ada.connect_to(room).await;
    let mut bob_sees = bob.connect_by(Transport::Polling).await;
    bob_sees
        .ask("join_room", json!({ "roomId": room }))
        .await
        .unwrap();
    ada_sees.next("user_joined").await;
    let typing = json!({ "roomId": room, "isTyping": true });
    bob_sees.ask("typing", typing).await.unwrap();
    assert_eq!(ada_sees.next("user_typing").await["username"], "bob");
    let send = json!({ "roomId": room, "content": "by socket", "clientId": "s" });
    let sent = bob_sees.ask("send_message", send.clone()).await.unwrap();
    let posted = ada.say(room, "by REST").await;
    let edited = format!("{messages}/{}", posted["id"].as_str().unwrap());
    ada.patch(&edited, json!({ "content": "by REST, edited" }))
        .await
        .expect(200);
    ada.delete(&format!(
        "{messages}/{}",
        sent["message"]["id"].as_str().unwrap()
    ))
    .await
    .expect(200);
    bob_sees
        .ask("message_read", json!({ "roomId": room }))
        .await
        .unwrap();
    let users = bob_sees
        .ask("get_room_users", json!({ "roomId": room }))
        .await
        .unwrap();
    assert_eq!(users["total"], 2);
    let told = [
        "receive_message",
        "receive_message",
        "message_updated",
        "message_updated",
    ];
    let seen = ada_sees.seen().await;
    let of_messages: Vec<_> = names(&seen)
        .into_iter()
        .filter(|name| *name != "user_status")
        .collect();
    assert_eq!(of_messages, [&told[..], &["messages_read"]].concat());
    let seen = bob_sees.seen().await;
    assert_eq!(
        names(&seen),
        [&["room_joined"], &told[..], &["room_users"]].concat()
    );
    assert_eq!(
        bob_sees.ask("send_message", send).await.unwrap()["message"]["content"],
        ""
    );
    chatd
        .stranger()
        .get(&messages)
        .await
        .expect_error(401, "unauthorized");
    assert_eq!(
        ada.delete(&format!("/api/rooms/{room}/users/{}", bob.id))
            .await
            .status,
        204
    );
    assert_eq!(names(&bob_sees.seen().await), ["user_left"]);
    let error = bob_sees
        .ask("join_room", json!({ "roomId": room }))
        .await
        .unwrap_err();
    assert_eq!(error["code"], "not_found");
    assert_eq!(bob.post("/api/auth/logout", Value::Null).await.status, 204);
    assert!(bob_sees.ended().await);
}

#[tokio::test]
async fn the_executable_keeps_the_contract() {
    let chatd = chatd().await;
    let (ada, bob) = tokio::join!(chatd.person("ada"), chatd.person("bob"));
    let room = ada.room("secret", true).await;
    let invite = ada
        .post(&format!("/api/rooms/{room}/invites"), json!({}))
        .await
        .expect(201);
    let token = invite["token"].as_str().unwrap();
    assert_eq!(invite["link"], format!("{}/invite/{token}", chatd.url));
    bob.post(&format!("/api/rooms/invites/{token}/join"), json!({}))
        .await
        .expect(200);
    talk(&chatd, &ada, &bob, &room).await;
    for (body, status, code) in [
        (json!({ "username": "a" }), 400, "invalid_input"),
        (
            json!({ "username": "ADA", "email": "a@b", "password": "longenough" }),
            409,
            "already_exists",
        ),
    ] {
        let refused = chatd.stranger().post("/api/auth/register", body).await;
        refused.expect_error(status, code);
    }
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_power_cut_and_a_retry_makes_it_whole() {
    let chatd = chatd().await;
    let ada = chatd.person("ada").await;
    let room = ada.room("lounge", false).await;
    let (mut sending, mut receiving) =
        super::harness::stream::connect(&chatd.url, &ada.token).await;
    let send = |number: u64| json!({ "roomId": room, "content": format!("{number}"), "clientId": format!("c{number}") });
    for number in 0..400 {
        sending.emit_for_ack("send_message", &send(number));
    }
    // Somewhere in the middle, with acks and commits on the way.
    let mut acknowledged = Vec::new();
    while acknowledged.len() < 100 {
        let (number, ack) = receiving.ack().await.unwrap();
        assert_eq!(ack["ok"], true);
        acknowledged.push((number, ack["message"].clone()));
    }
    let folder = chatd.kill();
    while let Some((number, ack)) = receiving.ack().await {
        acknowledged.push((number, ack["message"].clone()));
    }
    let chatd = Executable::start(folder).await;
    let ada = chatd.again(&ada);
    // The client says what it saw last, and sends again what it does not know the fate of.
    let mut socket = ada.connect().await;
    let seen = acknowledged.last().unwrap().1["seq"].as_i64().unwrap();
    let join = json!({ "roomId": room, "since": seen });
    let joined = socket.ask("join_room", join).await.unwrap();
    let on_disk = joined["lastSeq"].as_i64().unwrap();
    assert!(on_disk >= seen);
    for number in 0..400 {
        let ack = socket.ask("send_message", send(number)).await.unwrap();
        let known = acknowledged.iter().find(|(known, _)| *known == number);
        if let Some((_, message)) = known {
            assert_eq!(ack["message"], *message, "what was acknowledged");
        }
        assert_eq!(
            ack["message"]["seq"],
            number + 1,
            "one order, without gap or repeat"
        );
    }
    let last = ada
        .get(&format!("/api/rooms/{room}/messages?limit=1"))
        .await
        .expect(200);
    assert_eq!(last["lastSeq"], 400);
}
