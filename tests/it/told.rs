//! Whom the server tells what: messages and their changes, comings and goings, rooms, receipts.

use super::harness::{Lounge, Person, Socket, Transport, names, payloads};
use chatd::server::control::{self, Answer, Request};
use serde_json::{Value, json};

/// What `user_joined` and `user_left` say but the time.
fn passage(person: &Person, room: &str, kind: &str) -> Value {
    json!({
        "userId": person.id, "username": person.name, "displayName": person.name,
        "roomId": room, "type": kind,
    })
}

/// Takes the time out of a payload, once it is seen to be one.
fn timeless(mut payload: Value) -> Value {
    let time = payload
        .as_object_mut()
        .unwrap()
        .remove("timestamp")
        .unwrap();
    assert!(time.as_str().unwrap().ends_with('Z'), "{time}");
    payload
}

/// Joins a room and takes what that is answered.
async fn open(socket: &mut Socket, room: &str, quiet: bool) {
    let join = json!({ "roomId": room, "quiet": quiet });
    socket.ask("join_room", join).await.unwrap();
    socket.next("room_joined").await;
}

#[tokio::test]
async fn opening_and_closing_a_room_is_told_for_the_first_and_the_last_connection() {
    let lounge = Lounge::start().await;
    let room = &lounge.room;
    let mut ada = lounge.ada.connect_to(room).await;
    let temporary = passage(&lounge.bob, room, "temporary");
    let mut first = lounge.bob.connect_by(Transport::Polling).await;
    ada.next("user_status").await;
    open(&mut first, room, false).await;
    assert_eq!(timeless(ada.next("user_joined").await), temporary);
    let mut second = lounge.bob.connect().await;
    open(&mut second, room, false).await;
    open(&mut first, room, false).await;
    first
        .ask("leave_room", json!({ "roomId": room }))
        .await
        .unwrap();
    assert_eq!(ada.seen().await, []);
    second
        .ask("leave_room", json!({ "roomId": room }))
        .await
        .unwrap();
    assert_eq!(timeless(ada.next("user_left").await), temporary);
    second
        .ask("leave_room", json!({ "roomId": room }))
        .await
        .unwrap();
    // Nobody is told of themselves.
    assert_eq!(first.seen().await, []);
    open(&mut first, room, true).await;
    open(&mut second, room, false).await;
    assert_eq!(
        ada.seen().await,
        [],
        "quiet is quiet, and the second connection is no first one"
    );
}

#[tokio::test]
async fn becoming_a_member_is_told_to_the_room_and_to_ones_other_connections() {
    let lounge = Lounge::start().await;
    let carol = lounge.app.person("carol").await;
    let room = &lounge.room;
    let mut ada = lounge.ada.connect_to(room).await;
    let mut bob = lounge.bob.connect().await;
    let mut sockets = [
        carol.connect().await,
        carol.connect_by(Transport::Polling).await,
    ];
    ada.seen().await;
    let joined = carol
        .post(&format!("{}/join", lounge.path()), json!({}))
        .await
        .expect(200);
    assert_eq!(
        timeless(ada.next("user_joined").await),
        passage(&carol, room, "permanent")
    );
    for socket in &mut sockets {
        let seen = socket.seen().await;
        assert_eq!(names(&seen), ["room_added"]);
        assert_eq!(seen[0].1, joined["room"]);
    }
    carol.join(room).await;
    assert_eq!(sockets[0].seen().await, []);
    assert_eq!(ada.seen().await, []);
    assert_eq!(
        names(&bob.seen().await),
        Vec::<&str>::new(),
        "only who has the room open is told"
    );
    // Making one is being added to it, and so is an invite.
    let own = carol.room("own", true).await;
    assert_eq!(sockets[1].next("room_added").await["id"], own.as_str());
    let invite = carol
        .post(&format!("/api/rooms/{own}/invites"), json!({}))
        .await
        .expect(201);
    let join = format!(
        "/api/rooms/invites/{}/join",
        invite["token"].as_str().unwrap()
    );
    lounge.bob.post(&join, json!({})).await.expect(200);
    let added = bob.next("room_added").await;
    assert_eq!(
        (&added["id"], &added["role"]),
        (&json!(own), &json!("member"))
    );
}

#[tokio::test]
async fn leaving_and_being_removed_are_told_and_end_everything() {
    let lounge = Lounge::start().await;
    let room = &lounge.room;
    let mut ada = lounge.ada.connect_to(room).await;
    let mut bob = lounge.bob.connect_to(room).await;
    let mut elsewhere = lounge.bob.connect().await;
    ada.seen().await;
    let left = passage(&lounge.bob, room, "permanent");
    let mut removed = left.clone();
    removed["by"] = lounge.ada.id.as_str().into();
    let member = format!("{}/users/{}", lounge.path(), lounge.bob.id);
    let ban = format!("{}/bans/{}", lounge.path(), lounge.bob.id);
    for (how, told) in [("leave", &left), ("remove", &removed), ("ban", &removed)] {
        let done = match how {
            "leave" => {
                lounge
                    .bob
                    .post(&format!("{}/leave", lounge.path()), Value::Null)
                    .await
            }
            "remove" => lounge.ada.delete(&member).await,
            _ => lounge.ada.put(&ban, Value::Null).await,
        };
        assert_eq!(done.status, 204, "{how}");
        assert_eq!(timeless(ada.next("user_left").await), *told, "{how}");
        assert_eq!(timeless(elsewhere.next("user_left").await), *told, "{how}");
        lounge.ada.say(room, "he is gone").await;
        let seen = bob.seen().await;
        assert_eq!(names(&seen), ["user_left"], "{how}");
        for (event, payload) in [
            (
                "send_message",
                json!({ "roomId": room, "content": "still here?" }),
            ),
            ("join_room", json!({ "roomId": room })),
            ("get_room_users", json!({ "roomId": room })),
            ("message_read", json!({ "roomId": room })),
        ] {
            let error = bob.ask(event, payload).await.unwrap_err();
            assert_eq!(error["code"], "not_a_member", "{how}: {event}");
        }
        let typing = json!({ "roomId": room, "isTyping": true });
        assert_eq!(
            bob.ask("typing", typing).await.unwrap_err()["code"],
            "forbidden"
        );
        assert_eq!(names(&ada.seen().await), ["receive_message"], "{how}");
        if how == "ban" {
            break;
        }
        lounge.bob.join(room).await;
        lounge.ada.say(room, "not open yet").await;
        assert_eq!(names(&bob.seen().await), ["room_added"]);
        open(&mut bob, room, false).await;
        elsewhere.seen().await;
        ada.seen().await;
    }
}

#[tokio::test]
async fn changes_of_messages_are_told_where_the_room_is_open() {
    let lounge = Lounge::start().await;
    let said = lounge.bob.say(&lounge.room, "tpyo").await;
    let mut sockets = [
        lounge.ada.connect_to(&lounge.room).await,
        lounge.bob.connect_to(&lounge.room).await,
    ];
    let mut shut = lounge.bob.connect().await;
    sockets[0].seen().await;
    let path = lounge.message(&said);
    let edited = lounge
        .bob
        .patch(&path, json!({ "content": "typo" }))
        .await
        .expect(200);
    let deleted = lounge.ada.delete(&path).await.expect(200);
    lounge.ada.delete(&path).await.expect(200);
    for socket in &mut sockets {
        let seen = socket.seen().await;
        assert_eq!(payloads(&seen, "message_updated"), [&edited, &deleted]);
    }
    assert_eq!(shut.seen().await, []);
}

#[tokio::test]
async fn changes_of_a_room_are_told_to_every_member_who_is_connected() {
    let lounge = Lounge::start().await;
    let carol = lounge.app.person("carol").await;
    let mut sockets = [
        lounge.ada.connect().await,
        lounge.bob.connect_by(Transport::Polling).await,
    ];
    let mut stranger = carol.connect().await;
    sockets[0].seen().await;
    let path = lounge.path();
    let mut changed = lounge
        .ada
        .patch(&path, json!({ "name": "Salon" }))
        .await
        .expect(200);
    // Each member knows their own role, and a room has one name for all of them.
    changed.as_object_mut().unwrap().remove("role");
    let role = format!("{path}/users/{}", lounge.bob.id);
    for role_is in ["admin", "admin", "member"] {
        lounge
            .ada
            .patch(&role, json!({ "role": role_is }))
            .await
            .expect(200);
    }
    lounge
        .ada
        .patch(&path, json!({ "createdBy": lounge.bob.id }))
        .await
        .expect(200);
    assert_eq!(lounge.bob.delete(&path).await.status, 204);
    for socket in &mut sockets {
        let seen = socket.seen().await;
        let expected = [
            "room_updated",
            "member_updated",
            "member_updated",
            "member_updated",
            "room_updated",
            "room_deleted",
        ];
        assert_eq!(names(&seen), expected);
        assert_eq!(seen[0].1, changed);
        let role =
            |role: &str| json!({ "roomId": lounge.room, "userId": lounge.bob.id, "role": role });
        let roles = [&role("admin"), &role("member"), &role("admin")];
        assert_eq!(payloads(&seen, "member_updated"), roles);
        assert_eq!(seen[4].1["createdBy"], lounge.bob.id.as_str());
        assert_eq!(seen[5].1, json!({ "roomId": lounge.room }));
    }
    assert_eq!(stranger.seen().await, []);
    let error = sockets[0]
        .ask("join_room", json!({ "roomId": lounge.room }))
        .await
        .unwrap_err();
    assert_eq!(error["code"], "not_found");
}

#[tokio::test]
async fn a_receipt_is_told_to_the_room_and_to_the_readers_other_connections() {
    let lounge = Lounge::start().await;
    let room = &lounge.room;
    let one = lounge.ada.say(room, "one").await;
    let two = lounge.ada.say(room, "two").await;
    let mut ada = lounge.ada.connect_to(room).await;
    let mut reading = lounge.bob.connect_to(room).await;
    let mut elsewhere = lounge.bob.connect_by(Transport::Polling).await;
    ada.seen().await;
    let read = json!({ "roomId": room, "messageId": one["id"] });
    let ack = reading.ask("message_read", read).await.unwrap();
    assert_eq!(ack["readSeq"], 1);
    for socket in [&mut ada, &mut elsewhere] {
        let mut told = timeless(socket.next("messages_read").await);
        assert!(told["readAt"].take().as_str().unwrap().ends_with('Z'));
        let expected = json!({
            "roomId": room, "userId": lounge.bob.id, "username": "bob", "seq": 1,
            "messageId": one["id"], "readAt": null,
        });
        assert_eq!(told, expected);
    }
    assert_eq!(reading.seen().await, [], "who asked knows by the ack");
    // By REST nobody asked on a connection.
    lounge
        .bob
        .post(&format!("{}/read", lounge.messages()), json!({}))
        .await
        .expect(200);
    for socket in [&mut ada, &mut elsewhere, &mut reading] {
        assert_eq!(socket.next("messages_read").await["messageId"], two["id"]);
    }
    let back = json!({ "roomId": room, "seq": 1 });
    assert_eq!(
        reading.ask("message_read", back).await.unwrap()["readSeq"],
        2
    );
    assert_eq!(
        ada.seen().await,
        [],
        "a receipt that does not move is not told"
    );
}

#[tokio::test]
async fn names_are_told_as_they_are_by_now() {
    let lounge = Lounge::start().await;
    let room = &lounge.room;
    let mut ada = lounge.ada.connect_to(room).await;
    let mut bob = lounge.bob.connect().await;
    let name = json!({ "displayName": "Bobby" });
    lounge.bob.patch("/api/users/me", name).await.expect(200);
    open(&mut bob, room, false).await;
    assert_eq!(ada.next("user_joined").await["displayName"], "Bobby");
    bob.ask("typing", json!({ "roomId": room, "isTyping": true }))
        .await
        .unwrap();
    assert_eq!(ada.next("user_typing").await["displayName"], "Bobby");
    lounge.bob.say(room, "call me Bobby").await;
    assert_eq!(ada.next("receive_message").await["displayName"], "Bobby");
}

#[tokio::test]
async fn who_asks_for_the_members_while_being_removed_sees_none_after_it() {
    const TRIES: usize = 40;
    const QUESTIONS: usize = 16;
    let lounge = Lounge::start().await;
    let remove = format!("{}/users/{}", lounge.path(), lounge.bob.id);
    for _ in 0..TRIES {
        lounge.bob.join(&lounge.room).await;
        let mut bob = lounge.bob.connect_to(&lounge.room).await;
        let asking = async {
            for _ in 0..QUESTIONS {
                let room = json!({ "roomId": lounge.room });
                bob.emit_for_ack("get_room_users", room).await;
            }
        };
        tokio::join!(asking, lounge.ada.delete(&remove))
            .1
            .expect(204);
        let seen = bob.seen().await;
        let removed = seen.iter().position(|(event, _)| event == "user_left");
        let after = &seen[removed.unwrap()..];
        assert!(
            after.iter().all(|(event, _)| event != "room_users"),
            "{after:?}"
        );
        bob.close().await;
    }
}

#[tokio::test]
async fn what_the_operator_ends_is_told_as_if_its_owner_had() {
    let lounge = Lounge::start().await;
    let mut bob = lounge.bob.connect_to(&lounge.room).await;
    let folder = lounge.app.folder.path().to_owned();
    let ask = async |request: Request| control::ask(&folder, &request).await.unwrap().unwrap();
    let id = lounge.room.parse().unwrap();
    ask(Request::DeleteRoom { id }).await;
    let told = bob.next("room_deleted").await;
    assert_eq!(told, json!({ "roomId": lounge.room }));
    let user = Some("bob".to_owned());
    let cursor = None;
    let Answer::Sessions { sessions, .. } = ask(Request::ListSessions { user, cursor }).await
    else {
        panic!("not sessions");
    };
    let id = sessions[0].id.parse().unwrap();
    ask(Request::EndSession { id }).await;
    assert!(bob.ended().await);
    assert!(bob.disconnected);
}
