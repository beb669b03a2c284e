//! Who is online: counted by person, with a grace for those who come back, and told where it matters.

use super::harness::{Lounge, Person, Socket, Transport, names, payloads};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Whoever goes has so long to come back unnoticed.
const GRACE: Duration = Duration::from_secs(3);

async fn is_online(asker: &Person, who: &Person) -> bool {
    let profile = asker
        .get(&format!("/api/users/{}", who.id))
        .await
        .expect(200);
    profile["isOnline"] == true
}

async fn open(socket: &mut Socket, room: &str) {
    socket
        .ask("join_room", json!({ "roomId": room }))
        .await
        .unwrap();
}

/// The events about comings and goings, in order, and the rooms or states that they tell.
async fn comings(socket: &mut Socket) -> Vec<(String, Value)> {
    let seen = socket.seen().await.into_iter();
    seen.filter(|(name, _)| name.starts_with("user_"))
        .map(|(name, payload)| {
            (
                name,
                payload.get("status").unwrap_or(&payload["type"]).clone(),
            )
        })
        .collect()
}

#[tokio::test]
async fn coming_and_going_is_told_to_whoever_shares_a_room() {
    let lounge = Lounge::start().await;
    let carol = lounge.app.person("carol").await;
    // They share a second room, and nobody is told twice for it; nor need a room be open.
    let second = lounge.ada.room("second", false).await;
    lounge.bob.join(&second).await;
    let mut ada = lounge.ada.connect_by(Transport::Polling).await;
    let mut stranger = carol.connect().await;
    assert!(!is_online(&carol, &lounge.bob).await);
    let mut first = lounge.bob.connect().await;
    let mut told = ada.next("user_status").await;
    assert!(told["timestamp"].take().as_str().unwrap().ends_with('Z'));
    let expected = json!({
        "userId": lounge.bob.id, "username": "bob", "displayName": "bob", "status": "online",
        "timestamp": null,
    });
    assert_eq!(told, expected);
    assert!(is_online(&carol, &lounge.bob).await);
    let second = lounge.bob.connect_by(Transport::Polling).await;
    open(&mut first, &lounge.room).await;
    assert_eq!(ada.seen().await, [], "the second connection is no news");
    first.close().await;
    let gone = Instant::now();
    second.close().await;
    assert_eq!(ada.next("user_status").await["status"], "offline");
    assert!(gone.elapsed() >= GRACE);
    assert!(!is_online(&carol, &lounge.bob).await);
    // When that was is written down in its turn, which comes before this.
    carol.patch("/api/users/me", json!({})).await.expect(200);
    let profile = carol
        .get(&format!("/api/users/{}", lounge.bob.id))
        .await
        .expect(200);
    assert!(
        profile["lastSeenAt"].as_str().unwrap().ends_with('Z'),
        "{profile}"
    );
    assert_eq!(stranger.seen().await, []);
    assert_eq!(ada.seen().await, []);
}

#[tokio::test]
async fn whoever_comes_back_within_the_grace_was_never_away() {
    let lounge = Lounge::start().await;
    let room = &lounge.room;
    let mut ada = lounge.ada.connect_to(room).await;
    let mut bob = lounge.bob.connect_to(room).await;
    assert_eq!(comings(&mut ada).await.len(), 2);
    for _ in 0..3 {
        drop(bob);
        bob = lounge.bob.connect_to(room).await;
    }
    assert!(is_online(&lounge.ada, &lounge.bob).await);
    assert_eq!(comings(&mut ada).await, []);
    // Who stays away after that is told once, in time, and the room's closing before it.
    let gone = Instant::now();
    bob.close().await;
    assert_eq!(ada.next("user_left").await["type"], "temporary");
    assert_eq!(ada.next("user_status").await["status"], "offline");
    assert!(gone.elapsed() >= GRACE);
    assert_eq!(comings(&mut ada).await, []);
    // And then is announced again.
    lounge.bob.connect_to(room).await;
    let expected = [
        ("user_status".to_owned(), json!("online")),
        ("user_joined".to_owned(), json!("temporary")),
    ];
    assert_eq!(comings(&mut ada).await, expected);
}

#[tokio::test]
async fn a_room_that_is_not_opened_again_is_told_as_closed_while_its_owner_stays_online() {
    let lounge = Lounge::start().await;
    let room = &lounge.room;
    let mut ada = lounge.ada.connect_to(room).await;
    let bob = lounge.bob.connect_to(room).await;
    let other = lounge.bob.connect().await;
    comings(&mut ada).await;
    let gone = Instant::now();
    bob.close().await;
    assert_eq!(ada.next("user_left").await["type"], "temporary");
    assert!(gone.elapsed() >= GRACE);
    assert_eq!(comings(&mut ada).await, []);
    assert!(is_online(&lounge.ada, &lounge.bob).await);
    other.close().await;
}

#[tokio::test]
async fn those_online_come_first_among_a_rooms_users() {
    let lounge = Lounge::start().await;
    let crowd = lounge.app.crowd(&lounge.room, 1100);
    // Each joined later than the one before.
    let order = "UPDATE room_members SET joined_at = joined_at + (
                     SELECT 1 + substr(username, 7) FROM users WHERE id = user_id)
                 WHERE user_id IN (SELECT id FROM users WHERE username LIKE 'crowd-%')";
    lounge.app.database().execute(order, []).unwrap();
    let [.., late, later] = &crowd[..] else {
        panic!("a crowd");
    };
    let _other = later.connect().await;
    let mut socket = late.connect().await;
    let users = socket
        .ask("get_room_users", json!({ "roomId": lounge.room }))
        .await
        .unwrap();
    assert_eq!(users["total"], 1102);
    let listed = users["users"].as_array().unwrap();
    assert_eq!(listed.len(), 1000);
    let expected = json!({
        "userId": late.id, "username": late.name, "displayName": late.name, "isOnline": true,
        "role": "member",
    });
    assert_eq!(listed[0], expected);
    let names: Vec<_> = listed
        .iter()
        .map(|user| user["username"].as_str().unwrap())
        .collect();
    assert_eq!(
        names[..6],
        [
            &late.name,
            &later.name,
            "ada",
            "bob",
            "crowd-0000",
            "crowd-0001"
        ]
    );
    assert_eq!(names[999], "crowd-0995");
    let online = listed.iter().filter(|user| user["isOnline"] == true);
    assert_eq!(online.count(), 2);
    // Everybody is counted, whoever is named.
    let count = "UPDATE rooms SET member_count = 100000";
    lounge.app.database().execute(count, []).unwrap();
    let users = socket
        .ask("get_room_users", json!({ "roomId": lounge.room }))
        .await
        .unwrap();
    assert_eq!(users["total"], 100_000);
    assert_eq!(users["users"].as_array().unwrap()[..], listed[..]);
    let path = format!("{}/users?limit=1", lounge.path());
    let first = late.get(&path).await.expect(200);
    assert_eq!(
        first["users"][0]["userId"],
        lounge.ada.id.as_str(),
        "by REST in the order of joining"
    );
}

#[tokio::test]
async fn in_a_crowded_room_only_what_lasts_is_told() {
    let lounge = Lounge::start().await;
    let room = &lounge.room;
    let crowd = lounge.app.crowd(room, 200);
    let mut ada = lounge.ada.connect_to(room).await;
    let mut sockets = Vec::new();
    for person in &crowd[..199] {
        sockets.push(person.connect().await);
    }
    // 200 are connected, which is not too many yet.
    let seen = ada.seen().await;
    assert_eq!(payloads(&seen, "user_status").len(), 199);
    open(&mut sockets[0], room).await;
    assert_eq!(ada.next("user_joined").await["type"], "temporary");
    // With one more it is.
    let mut last = crowd[199].connect().await;
    open(&mut last, room).await;
    open(&mut sockets[1], room).await;
    sockets[0]
        .ask("leave_room", json!({ "roomId": room }))
        .await
        .unwrap();
    assert_eq!(ada.seen().await, []);
    // Members who come and go for good are told, and so is everything else.
    let typing = json!({ "roomId": room, "isTyping": true });
    last.ask("typing", typing).await.unwrap();
    let carol = lounge.app.person("carol").await;
    carol.join(room).await;
    carol
        .post(&format!("{}/leave", lounge.path()), json!({}))
        .await;
    let said = carol.get(&lounge.path()).await.expect(200);
    assert_eq!(said["memberCount"], 202);
    assert_eq!(
        names(&ada.seen().await),
        ["user_typing", "user_joined", "user_left"]
    );
    // Where two of them share a smaller room they are told.
    let small = crowd[0].room("small", false).await;
    lounge.bob.join(&small).await;
    sockets[0].seen().await;
    let _bob = lounge.bob.connect().await;
    assert_eq!(names(&sockets[0].seen().await), ["user_status"]);
    assert_eq!(ada.seen().await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_goes_away_in_the_middle_of_connecting_is_not_taken_for_online() {
    let lounge = Lounge::start().await;
    let crowd = lounge.app.crowd(&lounge.room, 150);
    let ada = lounge.ada.connect().await;
    for (turn, person) in crowd.iter().enumerate() {
        let transport = if turn % 4 == 0 {
            Transport::Polling
        } else {
            Transport::WebSocket
        };
        let mut socket = Socket::open(&lounge.app.url(), transport).await;
        // The session is looked up meanwhile.
        socket
            .send_text(&format!("40{}", json!({ "token": person.token })))
            .await;
        if turn % 2 == 0 {
            socket.close().await;
        }
    }
    // Each of them is offline again within the grace, or was never online.
    let path = format!("{}/users?limit=200", lounge.path());
    super::harness::soon("that all of them are gone", async {
        loop {
            let users = lounge.ada.get(&path).await.expect(200);
            let users = users["users"].as_array().unwrap().iter();
            if users.filter(|user| user["isOnline"] == true).count() == 1 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    })
    .await;
    drop(ada);
}

#[tokio::test]
async fn a_room_that_was_closed_within_the_grace_of_another_connection_is_told_once() {
    let lounge = Lounge::start().await;
    let mut ada = lounge.ada.connect_to(&lounge.room).await;
    let dropped = lounge.bob.connect_to(&lounge.room).await;
    let mut other = lounge.bob.connect_to(&lounge.room).await;
    dropped.close().await;
    // Closed on one connection, and lost with the other.
    ada.seen().await;
    other
        .ask("leave_room", json!({ "roomId": lounge.room }))
        .await
        .unwrap();
    assert_eq!(ada.next("user_left").await["type"], "temporary");
    tokio::time::sleep(GRACE + Duration::from_millis(500)).await;
    assert_eq!(comings(&mut ada).await, []);
}

#[tokio::test]
async fn a_connection_that_comes_and_goes_does_not_put_off_what_another_left() {
    let lounge = Lounge::start().await;
    let mut ada = lounge.ada.connect_to(&lounge.room).await;
    let closed = lounge.bob.connect_to(&lounge.room).await;
    let stays = lounge.bob.connect().await;
    closed.close().await;
    let gone = Instant::now();
    let told = ada.next("user_left");
    let flapping = async {
        loop {
            lounge.bob.connect().await.close().await;
            tokio::time::sleep(GRACE / 6).await;
        }
    };
    tokio::select! {
        told = told => assert_eq!(told["type"], "temporary"),
        () = flapping => {}
    }
    assert!(gone.elapsed() < 2 * GRACE, "{:?}", gone.elapsed());
    stays.close().await;
}
