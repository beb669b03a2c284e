//! Rooms: making, finding, changing, coming and going.

use super::harness::{App, Lounge, Person};
use serde_json::{Value, json};

/// The names of the rooms that a list has.
async fn listed(asker: &Person, query: &str) -> Vec<String> {
    let answer = asker.get(&format!("/api/rooms?{query}")).await.expect(200);
    let rooms = answer["rooms"].as_array().unwrap().iter();
    rooms
        .map(|room| room["name"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn whoever_makes_a_room_is_in_it_by_that() {
    let app = App::start().await;
    let ada = app.person("ada").await;
    let body = json!({ "name": "  The Lounge ", "description": " for tea ", "isPrivate": false });
    let room = ada.post("/api/rooms", body).await.expect(201);
    assert_eq!(room["name"], "The Lounge");
    assert_eq!(room["description"], "for tea");
    assert_eq!(room["isPrivate"], false);
    assert_eq!(room["createdBy"], ada.id.as_str());
    assert_eq!(room["memberCount"], 1);
    assert_eq!(room["role"], "admin");
    let path = format!("/api/rooms/{}", room["id"].as_str().unwrap());
    assert_eq!(ada.get(&path).await.expect(200), room);
    let bob = app.person("bob").await;
    let mut seen = bob.get(&path).await.expect(200);
    assert!(seen.get("role").is_none());
    seen["role"] = "admin".into();
    assert_eq!(seen, room);
    let plain = ada
        .post("/api/rooms", json!({ "name": "The Lounge" }))
        .await
        .expect(201);
    assert_eq!(plain["description"], Value::Null);
    assert_eq!(plain["isPrivate"], false);
    assert_ne!(plain["id"], room["id"]);
    for wrong in [
        json!({}),
        json!({ "name": "" }),
        json!({ "name": "  " }),
        json!({ "name": "x".repeat(81) }),
        json!({ "name": "two\nlines" }),
        json!({ "name": 5 }),
        json!({ "name": "x", "isPrivate": "yes" }),
        json!({ "name": "x", "description": "x".repeat(501) }),
    ] {
        let refused = ada.post("/api/rooms", wrong).await;
        refused.expect_error(400, "invalid_input");
    }
    assert_eq!(listed(&ada, "").await.len(), 2);
}

#[tokio::test]
async fn rooms_are_listed_as_ones_own_and_as_public() {
    let app = App::start().await;
    let (ada, bob) = (app.person("ada").await, app.person("bob").await);
    // What comes in the same millisecond has no order.
    let lounge = ada.room("Lounge", false).await;
    app.clock.jump_ms(1);
    ada.room("Cellar", true).await;
    app.clock.jump_ms(1);
    ada.room("ÄRA 100%", false).await;
    app.clock.jump_ms(1);
    bob.room("Bar", false).await;
    app.clock.jump_ms(1);
    assert_eq!(listed(&ada, "").await, ["Lounge", "Cellar", "ÄRA 100%"]);
    assert_eq!(
        listed(&ada, "scope=mine&query=L").await,
        ["Lounge", "Cellar"]
    );
    assert_eq!(listed(&ada, "query=0%25").await, ["ÄRA 100%"]);
    assert_eq!(listed(&ada, "query=%C3%A4ra").await, ["ÄRA 100%"]);
    assert_eq!(
        listed(&bob, "scope=public").await,
        ["Lounge", "ÄRA 100%", "Bar"]
    );
    assert_eq!(
        listed(&bob, "scope=public&query=cell").await,
        Vec::<String>::new()
    );
    let first = bob.get("/api/rooms?scope=public&limit=2").await.expect(200);
    let cursor = first["nextCursor"].as_str().unwrap();
    let rest = format!("scope=public&limit=2&cursor={cursor}");
    assert_eq!(listed(&bob, &rest).await, ["Bar"]);
    for wrong in [
        "scope=all",
        "limit=201",
        "limit=-1",
        "cursor=MTI",
        "cursor=*",
    ] {
        let refused = bob.get(&format!("/api/rooms?{wrong}")).await;
        refused.expect_error(400, "invalid_input");
    }
    // One's own come with what there is to read.
    bob.join(&lounge).await;
    ada.say(&lounge, "one").await;
    let two = ada.say(&lounge, "two").await;
    let read = json!({ "seq": 1 });
    bob.post(&format!("/api/rooms/{lounge}/messages/read"), read)
        .await
        .expect(200);
    let mine = bob.get("/api/rooms?query=lounge").await.expect(200)["rooms"][0].take();
    assert_eq!(mine["lastSeq"], 2);
    assert_eq!(mine["readSeq"], 1);
    assert_eq!(mine["unread"], 1);
    assert_eq!(mine["lastMessage"], two);
    assert_eq!(mine["role"], "member");
    let empty = bob.get("/api/rooms?query=bar").await.expect(200)["rooms"][0].take();
    assert_eq!(empty["lastSeq"], 0);
    assert_eq!(empty["unread"], 0);
    assert_eq!(empty["lastMessage"], Value::Null);
}

#[tokio::test]
async fn a_rooms_admins_change_it_and_its_members_do_not() {
    let app = App::start().await;
    let (ada, bob, carol) = tokio::join!(app.person("ada"), app.person("bob"), app.person("carol"));
    let room = ada.room("lounge", false).await;
    let path = format!("/api/rooms/{room}");
    bob.join(&room).await;
    let change = json!({ "name": "Salon", "description": "for tea", "isPrivate": false });
    let refused = bob.patch(&path, change.clone()).await;
    refused.expect_error(403, "forbidden");
    let refused = carol.patch(&path, change.clone()).await;
    refused.expect_error(403, "not_a_member");
    let role = json!({ "role": "admin" });
    let promoted = ada
        .patch(&format!("{path}/users/{}", bob.id), role)
        .await
        .expect(200);
    assert_eq!(
        promoted,
        json!({ "roomId": room, "userId": bob.id, "role": "admin" })
    );
    let changed = bob.patch(&path, change).await.expect(200);
    assert_eq!(changed["name"], "Salon");
    assert_eq!(changed["description"], "for tea");
    // What is not named stays; a description of null is none.
    let closed = bob
        .patch(&path, json!({ "isPrivate": true }))
        .await
        .expect(200);
    assert_eq!(closed["description"], "for tea");
    let bare = bob
        .patch(&path, json!({ "description": null }))
        .await
        .expect(200);
    assert_eq!(bare["description"], Value::Null);
    assert_eq!(bare["isPrivate"], true);
    let wrong = bob
        .patch(&path, json!({ "name": "", "isPrivate": false }))
        .await;
    wrong.expect_error(400, "invalid_input");
    assert_eq!(ada.get(&path).await.expect(200)["isPrivate"], true);
    carol.get(&path).await.expect_error(404, "not_found");
}

#[tokio::test]
async fn the_creator_hands_a_room_over_before_leaving_it() {
    let app = App::start().await;
    let (ada, bob, carol) = tokio::join!(app.person("ada"), app.person("bob"), app.person("carol"));
    let room = ada.room("lounge", false).await;
    let path = format!("/api/rooms/{room}");
    bob.join(&room).await;
    let leave = format!("{path}/leave");
    let refused = ada.post(&leave, Value::Null).await;
    refused.expect_error(403, "forbidden");
    for heir in [
        json!(carol.id),
        json!("nobody"),
        json!(5),
        json!(uuid::Uuid::new_v4()),
    ] {
        let refused = ada
            .patch(&path, json!({ "createdBy": heir, "name": "half" }))
            .await;
        let error = refused.expect_error(400, "invalid_input");
        assert!(
            error["details"]["fields"]["createdBy"].is_string(),
            "{heir}"
        );
    }
    let theft = bob.patch(&path, json!({ "createdBy": bob.id })).await;
    theft.expect_error(403, "forbidden");
    // Not even as an admin of it.
    let role = format!("{path}/users/{}", bob.id);
    ada.patch(&role, json!({ "role": "admin" }))
        .await
        .expect(200);
    let theft = bob
        .patch(&path, json!({ "createdBy": bob.id, "name": "half" }))
        .await;
    theft.expect_error(403, "forbidden");
    ada.patch(&role, json!({ "role": "member" }))
        .await
        .expect(200);
    let given = ada
        .patch(&path, json!({ "createdBy": bob.id }))
        .await
        .expect(200);
    assert_eq!(given["createdBy"], bob.id.as_str());
    assert_eq!(given["name"], "lounge");
    assert_eq!(bob.get(&path).await.expect(200)["role"], "admin");
    // Ada is an admin like others now.
    let refused = ada.delete(&path).await;
    refused.expect_error(403, "forbidden");
    let refused = bob.post(&leave, Value::Null).await;
    refused.expect_error(403, "forbidden");
    assert_eq!(ada.post(&leave, Value::Null).await.status, 204);
    let again = ada.post(&leave, Value::Null).await;
    again.expect_error(403, "not_a_member");
    assert_eq!(bob.get(&path).await.expect(200)["memberCount"], 1);
}

#[tokio::test]
async fn joining_again_is_harmless_and_says_so() {
    let app = App::start().await;
    let (ada, bob) = (app.person("ada").await, app.person("bob").await);
    let room = ada.room("lounge", false).await;
    ada.say(&room, "before").await;
    let join = format!("/api/rooms/{room}/join");
    let joined = bob.post(&join, Value::Null).await.expect(200);
    assert_eq!(joined["already"], false);
    assert_eq!(joined["room"]["memberCount"], 2);
    assert_eq!(joined["room"]["role"], "member");
    let again = bob.post(&join, json!({})).await.expect(200);
    assert_eq!(again, json!({ "already": true, "room": joined["room"] }));
    // A member of a private room comes back in after a reload as well.
    let private = json!({ "isPrivate": true });
    ada.patch(&format!("/api/rooms/{room}"), private)
        .await
        .expect(200);
    assert_eq!(
        bob.post(&join, json!({})).await.expect(200)["already"],
        true
    );
    let users = bob
        .get(&format!("/api/rooms/{room}/users"))
        .await
        .expect(200);
    let users = users["users"].as_array().unwrap();
    assert_eq!(users.len(), 2);
    assert_eq!(users[0]["username"], "ada");
    assert_eq!(users[1]["userId"], bob.id.as_str());
    assert_eq!(users[1]["displayName"], "bob");
    assert_eq!(users[1]["isOnline"], false);
    assert_eq!(users[1]["role"], "member");
    // What was said before they came is not theirs to catch up on.
    assert_eq!(users[1]["readSeq"], 1);
    assert!(users[1]["joinedAt"].as_str().unwrap().ends_with('Z'));
}

/// Where something of a room is kept.
const TABLES_OF_ROOMS: [&str; 5] = [
    "rooms",
    "messages",
    "room_members",
    "room_bans",
    "room_invites",
];

#[tokio::test]
async fn a_deleted_room_is_purged_a_thousand_rows_at_a_time() {
    /// Rows of each kind; none of the steps takes a whole kind.
    const ROWS: usize = 2100;
    let app = App::start().await;
    let ada = app.person("ada").await;
    let (room, other) = (
        ada.room("lounge", false).await,
        ada.room("kept", false).await,
    );
    app.crowd(&room, ROWS);
    let database = app.database();
    let fill = "INSERT INTO room_bans SELECT room_id, user_id, user_id, 0 FROM room_members WHERE room_id = ROOM;
         INSERT INTO room_invites (token, room_id, created_by, created_at)
             SELECT hex(user_id), room_id, user_id, 0 FROM room_members WHERE room_id = ROOM;
         INSERT INTO messages (room_id, seq, id, user_id, content, message_type, created_at)
             SELECT room_id, row_number() OVER (), user_id, user_id, 'x', 'text', 0
             FROM room_members WHERE room_id = ROOM;"
        .replace("ROOM", &format!("x'{}'", room.replace('-', "")));
    database.execute_batch(&fill).unwrap();
    // Whoever reads sees what each commit left.
    let counts = |database: &rusqlite::Connection| {
        let sum = TABLES_OF_ROOMS.map(|table| format!("(SELECT count(*) FROM {table})"));
        let sum = format!("SELECT {}", sum.join(" + "));
        database.query_row(&sum, [], |row| row.get(0)).unwrap()
    };
    let before: i64 = counts(&database);
    let path = format!("/api/rooms/{room}");
    assert_eq!(ada.delete(&path).await.status, 204);
    let chat = app.server.chat().clone();
    let purge = tokio::spawn(async move { chat.housekeeping().await });
    let mut left = before;
    while !purge.is_finished() {
        let now = counts(&database);
        assert!(left <= now + 2000, "{left} and then {now}");
        left = now;
        tokio::task::yield_now().await;
    }
    purge.await.unwrap().unwrap();
    // What is left is the other room and who is in it.
    assert_eq!(counts(&database), 2);
    ada.get(&format!("/api/rooms/{other}")).await.expect(200);
}

#[tokio::test]
async fn a_deleted_room_is_gone_at_once_and_its_messages_soon() {
    let app = App::start().await;
    let (ada, bob) = (app.person("ada").await, app.person("bob").await);
    let room = ada.room("lounge", false).await;
    let path = format!("/api/rooms/{room}");
    bob.join(&room).await;
    ada.say(&room, "soon forgotten").await;
    let invite = ada
        .post(&format!("{path}/invites"), json!({}))
        .await
        .expect(201);
    let token = invite["token"].as_str().unwrap();
    bob.delete(&path).await.expect_error(403, "forbidden");
    assert_eq!(ada.delete(&path).await.status, 204);
    ada.delete(&path).await.expect_error(404, "not_found");
    for gone in ["", "/users", "/messages", "/bans", "/invites"] {
        ada.get(&format!("{path}{gone}"))
            .await
            .expect_error(404, "not_found");
    }
    bob.post(&format!("{path}/join"), json!({}))
        .await
        .expect_error(404, "not_found");
    let preview = bob.get(&format!("/api/rooms/invites/{token}")).await;
    preview.expect_error(404, "not_found");
    assert_eq!(listed(&ada, "").await, Vec::<String>::new());
    assert_eq!(listed(&bob, "scope=public").await, Vec::<String>::new());
    app.server.chat().housekeeping().await.unwrap();
    for table in TABLES_OF_ROOMS {
        let count: i64 = app
            .database()
            .query_row(&format!("SELECT count(*) FROM {table}"), [], |row| {
                row.get(0)
            })
            .unwrap();
        assert_eq!(count, 0, "{table}");
    }
}

#[tokio::test]
async fn nobody_is_in_more_rooms_than_can_be_read_when_they_connect() {
    /// As many as may be.
    const MOST: usize = 1000;
    let lounge = Lounge::start().await;
    let mut rooms = Vec::new();
    for number in 1..MOST {
        rooms.push(lounge.ada.room(&format!("room {number}"), false).await);
    }
    let one_more = lounge
        .ada
        .post("/api/rooms", json!({ "name": "one more" }))
        .await;
    one_more.expect_error(403, "forbidden");
    let bobs = lounge.bob.room("bob's", false).await;
    let join = format!("/api/rooms/{bobs}/join");
    lounge
        .ada
        .post(&join, json!({}))
        .await
        .expect_error(403, "forbidden");
    let mine = format!("/api/rooms/{}", rooms[0]);
    lounge.ada.delete(&mine).await.expect(204);
    lounge.ada.post(&join, json!({})).await.expect(200);
}
