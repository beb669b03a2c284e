//! Who types: told when it changes, once a second at most, and ended by silence.

use super::harness::{Lounge, Socket, Transport, payloads};
use serde_json::json;
use std::time::{Duration, Instant};

/// Typing is told once in this time at most.
const BETWEEN: Duration = Duration::from_secs(1);
/// Silence of this length ends it.
const SILENCE: Duration = Duration::from_secs(6);

async fn types(socket: &mut Socket, room: &str, is_typing: bool) {
    let typing = json!({ "roomId": room, "isTyping": is_typing });
    socket.ask("typing", typing).await.unwrap();
}

/// What was told of typing up to now, in words.
async fn told(socket: &mut Socket) -> String {
    let seen = socket.seen().await;
    let words = payloads(&seen, "user_typing").into_iter().map(|typing| {
        if typing["isTyping"] == true {
            "begins"
        } else {
            "ends"
        }
    });
    words.collect::<Vec<_>>().join(", ")
}

#[tokio::test]
async fn typing_is_told_to_the_rooms_others_when_it_changes() {
    let lounge = Lounge::start().await;
    let room = &lounge.room;
    let mut ada = lounge.ada.connect_to(room).await;
    let mut bob = lounge.bob.connect_to(room).await;
    let mut shut = lounge.ada.connect().await;
    let elsewhere = lounge.bob.connect_to(room).await;
    for _ in 0..50 {
        types(&mut bob, room, true).await;
    }
    let mut typing = ada.next("user_typing").await;
    assert!(typing["timestamp"].take().as_str().unwrap().ends_with('Z'));
    let expected = json!({
        "userId": lounge.bob.id, "username": "bob", "displayName": "bob", "roomId": room,
        "isTyping": true, "timestamp": null,
    });
    assert_eq!(typing, expected);
    assert_eq!(told(&mut ada).await, "", "repeats only renew");
    for _ in 0..3 {
        types(&mut bob, room, false).await;
    }
    assert_eq!(told(&mut ada).await, "ends", "false passes at once");
    for mut other in [bob, shut, elsewhere] {
        assert_eq!(told(&mut other).await, "");
    }
    shut = lounge.bob.connect().await;
    let error = shut
        .ask("typing", json!({ "roomId": room, "isTyping": true }))
        .await;
    assert_eq!(
        error.unwrap_err()["code"],
        "forbidden",
        "typing needs join_room"
    );
    assert_eq!(told(&mut ada).await, "");
}

#[tokio::test]
async fn changes_are_told_once_a_second_at_most() {
    let lounge = Lounge::start().await;
    let room = &lounge.room;
    let mut ada = lounge.ada.connect_to(room).await;
    let mut bob = lounge.bob.connect_to(room).await;
    let first = Instant::now();
    types(&mut bob, room, true).await;
    assert_eq!(ada.next("user_typing").await["isTyping"], true);
    for _ in 0..20 {
        types(&mut bob, room, false).await;
        types(&mut bob, room, true).await;
    }
    let meanwhile = told(&mut ada).await;
    // On a machine that has much else to do more may have been told by now.
    if first.elapsed() < BETWEEN {
        assert_eq!(meanwhile, "ends", "the rest is held back");
    }
    // The last word is told all the same, when its time has come.
    if !meanwhile.ends_with("begins") {
        while ada.next("user_typing").await["isTyping"] != true {}
    }
    assert!(first.elapsed() >= BETWEEN);
}

#[tokio::test]
async fn silence_ends_typing() {
    let lounge = Lounge::start().await;
    let room = &lounge.room;
    let mut ada = lounge.ada.connect_to(room).await;
    let mut bob = lounge.bob.connect_by(Transport::Polling).await;
    bob.ask("join_room", json!({ "roomId": room }))
        .await
        .unwrap();
    types(&mut bob, room, true).await;
    ada.next("user_typing").await;
    // Another key a moment later: silence begins anew.
    let began = Instant::now();
    types(&mut bob, room, true).await;
    assert_eq!(ada.next("user_typing").await["isTyping"], false);
    assert!(began.elapsed() >= SILENCE);
    assert_eq!(told(&mut ada).await, "");
}

#[tokio::test]
async fn closing_the_room_or_the_connection_ends_typing_at_once() {
    let lounge = Lounge::start().await;
    let room = &lounge.room;
    let mut ada = lounge.ada.connect_to(room).await;
    let ways = ["leave_room", "transport", "namespace", "session", "cut"];
    for (way, person) in ways.into_iter().zip(lounge.app.crowd(room, ways.len())) {
        let mut bob = person.connect_to(room).await;
        let mut other = person.connect_to(room).await;
        types(&mut bob, room, true).await;
        assert_eq!(ada.next("user_typing").await["isTyping"], true, "{way}");
        // What another connection of theirs does is no matter.
        types(&mut other, room, true).await;
        types(&mut bob, room, true).await;
        other
            .ask("leave_room", json!({ "roomId": room }))
            .await
            .unwrap();
        assert_eq!(told(&mut ada).await, "", "{way}");
        let ended = Instant::now();
        match way {
            "leave_room" => {
                bob.ask("leave_room", json!({ "roomId": room }))
                    .await
                    .unwrap();
            }
            "transport" => bob.close().await,
            "namespace" => bob.send_text("41").await,
            "session" => {
                person.post("/api/auth/logout", json!({})).await;
            }
            _ => drop(bob),
        }
        assert_eq!(ada.next("user_typing").await["isTyping"], false, "{way}");
        assert!(
            ended.elapsed() < SILENCE / 2,
            "{way}: {:?}",
            ended.elapsed()
        );
    }
}

#[tokio::test]
async fn whoever_is_removed_types_no_more() {
    let lounge = Lounge::start().await;
    let room = &lounge.room;
    let mut ada = lounge.ada.connect_to(room).await;
    let mut bob = lounge.bob.connect_to(room).await;
    types(&mut bob, room, true).await;
    assert_eq!(ada.next("user_typing").await["isTyping"], true);
    let member = format!("{}/users/{}", lounge.path(), lounge.bob.id);
    assert_eq!(lounge.ada.delete(&member).await.status, 204);
    // That it ends comes first, for whoever does not end it by themselves.
    let seen = ada.seen().await;
    let [.., (typing, ends), (left, _)] = &seen[..] else {
        panic!("{seen:?}");
    };
    assert_eq!((&**typing, &**left), ("user_typing", "user_left"));
    assert_eq!(ends["isTyping"], false);
    let typing = json!({ "roomId": room, "isTyping": true });
    bob.ask("typing", typing).await.unwrap_err();
    lounge.bob.join(room).await;
    bob.ask("join_room", json!({ "roomId": room }))
        .await
        .unwrap();
    types(&mut bob, room, false).await;
    assert_eq!(told(&mut ada).await, "");
}

#[tokio::test]
async fn whoever_comes_and_goes_tells_no_more_of_it() {
    let lounge = Lounge::start().await;
    let room = &lounge.room;
    let mut ada = lounge.ada.connect_to(room).await;
    let mut bob = lounge.bob.connect_to(room).await;
    let began = Instant::now();
    for _ in 0..40 {
        types(&mut bob, room, true).await;
        bob.ask("leave_room", json!({ "roomId": room }))
            .await
            .unwrap();
        let join = json!({ "roomId": room, "quiet": true });
        bob.ask("join_room", join).await.unwrap();
    }
    let seen = ada.seen().await;
    let begins = payloads(&seen, "user_typing").into_iter();
    let begins = begins.filter(|typing| typing["isTyping"] == true).count();
    let most = began.elapsed().as_secs() + 1;
    assert!(begins as u64 <= most, "{begins} in {:?}", began.elapsed());
}
