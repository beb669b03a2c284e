//! Who may do what in a room: roles, removals, bans, the server's admins, and what strangers are told.

use super::harness::{App, Person, Transport};
use chatd::chat::Code;
use reqwest::Method;
use serde_json::{Value, json};

/// Every route of a room: its method, its path beneath the room's, and a body that is right.
fn routes(user: &str, message: &str) -> Vec<(Method, String, Value)> {
    vec![
        (Method::GET, String::new(), Value::Null),
        (Method::PATCH, String::new(), json!({ "name": "x" })),
        (Method::DELETE, String::new(), Value::Null),
        (Method::POST, "/join".into(), json!({})),
        (Method::POST, "/leave".into(), json!({})),
        (Method::GET, "/users".into(), Value::Null),
        (
            Method::PATCH,
            format!("/users/{user}"),
            json!({ "role": "admin" }),
        ),
        (Method::DELETE, format!("/users/{user}"), Value::Null),
        (Method::GET, "/bans".into(), Value::Null),
        (Method::PUT, format!("/bans/{user}"), Value::Null),
        (Method::DELETE, format!("/bans/{user}"), Value::Null),
        (Method::POST, "/invites".into(), json!({})),
        (Method::GET, "/invites".into(), Value::Null),
        (Method::DELETE, "/invites".into(), Value::Null),
        (Method::GET, "/messages".into(), Value::Null),
        (Method::POST, "/messages".into(), json!({ "content": "x" })),
        (Method::POST, "/messages/read".into(), json!({})),
        (
            Method::PATCH,
            format!("/messages/{message}"),
            json!({ "content": "x" }),
        ),
        (Method::DELETE, format!("/messages/{message}"), Value::Null),
    ]
}

/// Every event about a room with a payload that is right.
fn events(room: &str) -> [(&'static str, Value); 6] {
    [
        ("join_room", json!({ "roomId": room, "since": 0 })),
        ("leave_room", json!({ "roomId": room })),
        ("send_message", json!({ "roomId": room, "content": "x" })),
        ("typing", json!({ "roomId": room, "isTyping": true })),
        ("get_room_users", json!({ "roomId": room })),
        ("message_read", json!({ "roomId": room })),
    ]
}

async fn ban(by: &Person, room: &str, user: &Person) -> u16 {
    let path = format!("/api/rooms/{room}/bans/{}", user.id);
    by.put(&path, Value::Null).await.status
}

#[tokio::test]
async fn the_existence_of_a_private_room_is_not_told() {
    let app = App::start().await;
    let (ada, eve) = (app.person("ada").await, app.person("eve").await);
    let room = ada.room("secret", true).await;
    let said = ada.say(&room, "psst").await;
    let message = said["id"].as_str().unwrap();
    let nowhere = uuid::Uuid::new_v4().to_string();
    for (method, path, body) in routes(&ada.id, message) {
        let ask = async |room: &str| {
            let path = format!("/api/rooms/{room}{path}");
            eve.send(method.clone(), &path, body.clone()).await
        };
        let told = ask(&room).await.expect_error(404, "not_found");
        let about_nothing = ask(&nowhere).await.expect_error(404, "not_found");
        assert_eq!(told, about_nothing, "{method} {path}");
    }
    for transport in Transport::ALL {
        let mut socket = eve.connect_by(transport).await;
        for ((event, about_it), (_, about_nothing)) in
            events(&room).into_iter().zip(events(&nowhere))
        {
            let told = socket.ask(event, about_it).await;
            assert_eq!(told, socket.ask(event, about_nothing).await, "{event}");
            match event {
                // Closing what is not open does nothing, and typing looks only at what is open.
                "leave_room" => assert!(told.is_ok()),
                "typing" => assert_eq!(told.unwrap_err()["code"], "forbidden"),
                _ => assert_eq!(told.unwrap_err()["code"], "not_found", "{event}"),
            }
        }
        ada.say(&room, "nobody else hears it").await;
        assert_eq!(socket.seen().await, []);
    }
}

#[tokio::test]
async fn in_a_public_room_only_its_members_do_anything_but_look_and_join() {
    let app = App::start().await;
    let (ada, eve) = (app.person("ada").await, app.person("eve").await);
    let room = ada.room("lounge", false).await;
    let said = ada.say(&room, "hello").await;
    let message = said["id"].as_str().unwrap();
    for (method, path, body) in routes(&ada.id, message) {
        if path == "/join" || (&method, path.as_str()) == (&Method::GET, "") {
            continue;
        }
        let refused = eve
            .send(method, &format!("/api/rooms/{room}{path}"), body)
            .await;
        refused.expect_error(403, "not_a_member");
    }
    for transport in Transport::ALL {
        let mut socket = eve.connect_by(transport).await;
        for (event, payload) in events(&room) {
            let told = socket.ask(event, payload).await;
            match event {
                "leave_room" => assert!(told.is_ok()),
                "typing" => assert_eq!(told.unwrap_err()["code"], "forbidden"),
                _ => assert_eq!(told.unwrap_err()["code"], "not_a_member", "{event}"),
            }
        }
    }
    let shown = eve.get(&format!("/api/rooms/{room}")).await.expect(200);
    assert_eq!(shown["memberCount"], 1);
    assert_eq!(
        eve.get("/api/rooms").await.expect(200),
        json!({ "rooms": [] })
    );
}

#[tokio::test]
async fn only_the_creator_names_admins() {
    let app = App::start().await;
    let (ada, bob, carol) = tokio::join!(app.person("ada"), app.person("bob"), app.person("carol"));
    let room = ada.room("lounge", false).await;
    bob.join(&room).await;
    let role = |user: &Person| format!("/api/rooms/{room}/users/{}", user.id);
    let admin = json!({ "role": "admin" });
    bob.patch(&role(&bob), admin.clone())
        .await
        .expect_error(403, "forbidden");
    ada.patch(&role(&carol), admin.clone())
        .await
        .expect_error(404, "not_found");
    ada.patch(&role(&ada), json!({ "role": "member" }))
        .await
        .expect_error(403, "forbidden");
    ada.patch(&role(&bob), admin.clone()).await.expect(200);
    ada.patch(&role(&bob), admin.clone()).await.expect(200);
    carol.join(&room).await;
    bob.patch(&role(&carol), admin)
        .await
        .expect_error(403, "forbidden");
    for wrong in [
        json!({}),
        json!({ "role": "owner" }),
        json!({ "role": true }),
    ] {
        ada.patch(&role(&bob), wrong)
            .await
            .expect_error(400, "invalid_input");
    }
}

#[tokio::test]
async fn admins_remove_members_but_nobody_removes_the_creator() {
    let app = App::start().await;
    let (ada, bob, carol) = tokio::join!(app.person("ada"), app.person("bob"), app.person("carol"));
    let room = ada.room("lounge", false).await;
    let member = |user: &Person| format!("/api/rooms/{room}/users/{}", user.id);
    bob.join(&room).await;
    carol.join(&room).await;
    carol
        .delete(&member(&bob))
        .await
        .expect_error(403, "forbidden");
    let admin = json!({ "role": "admin" });
    ada.patch(&member(&bob), admin).await.expect(200);
    bob.delete(&member(&ada))
        .await
        .expect_error(403, "forbidden");
    assert_eq!(ban(&bob, &room, &ada).await, 403);
    assert_eq!(bob.delete(&member(&carol)).await.status, 204);
    bob.delete(&member(&carol))
        .await
        .expect_error(404, "not_found");
    let write = json!({ "content": "still here?" });
    let refused = carol
        .post(&format!("/api/rooms/{room}/messages"), write)
        .await;
    refused.expect_error(403, "not_a_member");
    // Removed is not banned.
    carol.join(&room).await;
}

#[tokio::test]
async fn whoever_is_banned_stays_out_by_every_way_until_the_ban_ends() {
    let app = App::start().await;
    let (ada, bob, carol) = tokio::join!(app.person("ada"), app.person("bob"), app.person("carol"));
    let room = ada.room("lounge", false).await;
    let path = format!("/api/rooms/{room}");
    bob.join(&room).await;
    let invite = ada
        .post(&format!("{path}/invites"), json!({ "maxUses": 2 }))
        .await
        .expect(201);
    let by_invite = format!(
        "/api/rooms/invites/{}/join",
        invite["token"].as_str().unwrap()
    );
    assert_eq!(ban(&bob, &room, &carol).await, 403);
    assert_eq!(ban(&ada, &room, &bob).await, 204);
    // Banning again is harmless, and one need not be in to be kept out.
    assert_eq!(ban(&ada, &room, &bob).await, 204);
    assert_eq!(ban(&ada, &room, &carol).await, 204);
    let nobody = format!("{path}/bans/{}", uuid::Uuid::new_v4());
    ada.put(&nobody, Value::Null)
        .await
        .expect_error(404, "not_found");
    for out in [&bob, &carol] {
        let refused = out.post(&format!("{path}/join"), json!({})).await;
        refused.expect_error(403, "banned");
        out.post(&by_invite, json!({}))
            .await
            .expect_error(403, "banned");
    }
    let private = json!({ "isPrivate": true });
    ada.patch(&path, private).await.expect(200);
    let refused = bob.post(&format!("{path}/join"), json!({})).await;
    refused.expect_error(404, "not_found");
    bob.post(&by_invite, json!({}))
        .await
        .expect_error(403, "banned");
    let bans = ada.get(&format!("{path}/bans")).await.expect(200);
    let bans = bans["bans"].as_array().unwrap();
    let who: Vec<_> = bans
        .iter()
        .map(|ban| ban["username"].as_str().unwrap())
        .collect();
    assert_eq!(who, ["bob", "carol"]);
    assert_eq!(bans[0]["userId"], bob.id.as_str());
    assert_eq!(bans[0]["bannedBy"], ada.id.as_str());
    assert!(bans[0]["createdAt"].is_string());
    let lift = format!("{path}/bans/{}", bob.id);
    assert_eq!(ada.delete(&lift).await.status, 204);
    ada.delete(&lift).await.expect_error(404, "not_found");
    // Nobody who was refused used the invite up.
    let joined = bob.post(&by_invite, json!({})).await.expect(200);
    assert_eq!(joined["already"], false);
    bob.get(&format!("{path}/bans"))
        .await
        .expect_error(403, "forbidden");
    bob.delete(&format!("{path}/bans/{}", carol.id))
        .await
        .expect_error(403, "forbidden");
}

#[tokio::test]
async fn a_server_admin_removes_any_message_member_and_room() {
    let app = App::start().await;
    let (ada, bob, root) = tokio::join!(
        app.person("ada"),
        app.person("bob"),
        app.server_admin("root")
    );
    assert_eq!(root.get("/api/users/me").await.expect(200)["role"], "admin");
    let room = ada.room("secret", true).await;
    let path = format!("/api/rooms/{room}");
    let invite = ada
        .post(&format!("{path}/invites"), json!({}))
        .await
        .expect(201);
    let token = invite["token"].as_str().unwrap();
    bob.post(&format!("/api/rooms/invites/{token}/join"), json!({}))
        .await
        .expect(200);
    let said = bob.say(&room, "spam").await;
    let message = format!("{path}/messages/{}", said["id"].as_str().unwrap());
    // They need not be in the room for that, and neither read nor write there.
    root.get(&format!("{path}/messages"))
        .await
        .expect_error(404, "not_found");
    let write = json!({ "content": "x" });
    root.post(&format!("{path}/messages"), write.clone())
        .await
        .expect_error(404, "not_found");
    root.patch(&message, write)
        .await
        .expect_error(404, "not_found");
    root.get(&format!("{path}/invites"))
        .await
        .expect_error(404, "not_found");
    let deleted = root.delete(&message).await.expect(200);
    assert_eq!(deleted["content"], "");
    assert!(deleted["deletedAt"].is_string());
    root.delete(&format!("{path}/users/{}", ada.id))
        .await
        .expect_error(403, "forbidden");
    assert_eq!(
        root.delete(&format!("{path}/users/{}", bob.id))
            .await
            .status,
        204
    );
    assert_eq!(root.delete(&path).await.status, 204);
    ada.get(&path).await.expect_error(404, "not_found");
}

#[tokio::test]
async fn a_server_admin_does_nothing_else_in_a_room_than_its_members_may() {
    let app = App::start().await;
    let (ada, bob, root) = tokio::join!(
        app.person("ada"),
        app.person("bob"),
        app.server_admin("root")
    );
    let (private, public) = (
        ada.room("secret", true).await,
        ada.room("lounge", false).await,
    );
    // What removing takes, and what anybody may.
    let left_out = [
        (Method::GET, String::new()),
        (Method::DELETE, String::new()),
        (Method::POST, "/join".into()),
    ];
    for (room, status, code) in [(&private, 404, "not_found"), (&public, 403, "not_a_member")] {
        let said = ada.say(room, "hello").await;
        let message = said["id"].as_str().unwrap();
        let removal = |method: &Method, path: &str| {
            *method == Method::DELETE
                && (path.starts_with("/users") || path.starts_with("/messages"))
        };
        for (method, path, body) in routes(&bob.id, message) {
            if left_out.contains(&(method.clone(), path.clone())) || removal(&method, &path) {
                continue;
            }
            let answer = root
                .send(method, &format!("/api/rooms/{room}{path}"), body)
                .await;
            answer.expect_error(status, code);
        }
    }
    // Being in it changes only what a member may.
    root.join(&public).await;
    bob.join(&public).await;
    let path = format!("/api/rooms/{public}");
    for (method, path, body) in [
        (Method::PATCH, path.clone(), json!({ "name": "x" })),
        (Method::GET, format!("{path}/bans"), Value::Null),
        (Method::PUT, format!("{path}/bans/{}", bob.id), Value::Null),
        (
            Method::DELETE,
            format!("{path}/bans/{}", bob.id),
            Value::Null,
        ),
    ] {
        let refused = root.send(method, &path, body).await;
        refused.expect_error(403, "forbidden");
    }
    // As one of the room's admins they are one.
    let role = format!("{path}/users/{}", root.id);
    ada.patch(&role, json!({ "role": "admin" }))
        .await
        .expect(200);
    assert_eq!(ban(&root, &public, &bob).await, 204);
    root.patch(&path, json!({ "name": "x" })).await.expect(200);
}

#[tokio::test]
async fn asking_whether_somebody_is_still_a_member_tells_nobody() {
    let app = App::start().await;
    let (ada, bob) = tokio::join!(app.person("ada"), app.person("bob"));
    let (secret, lounge) = (
        ada.room("secret", true).await,
        ada.room("lounge", false).await,
    );
    let mut socket = ada.connect_to(&lounge).await;
    let chat = app.server.chat();
    for (who, room, expected) in [
        (&ada, &secret, None),
        (&ada, &lounge, None),
        (&bob, &secret, Some(Code::NotFound)),
        (&bob, &lounge, Some(Code::NotAMember)),
    ] {
        let who = chat.authenticate(&who.token).await.unwrap();
        let told = chat.still_member(who, room.parse().unwrap()).await;
        assert_eq!(told.err().map(|error| error.code), expected);
    }
    assert_eq!(socket.seen().await, []);
}

#[tokio::test]
async fn whoever_is_no_server_admin_any_more_is_treated_so_at_once() {
    let app = App::start().await;
    let (ada, root) = (app.person("ada").await, app.server_admin("root").await);
    let room = ada.room("secret", true).await;
    let path = format!("/api/rooms/{room}");
    root.get(&path).await.expect(200);
    let chat = app.server.chat();
    let user = chatd::model::ServerRole::User;
    chat.set_server_role("root".to_owned(), user).await.unwrap();
    root.get(&path).await.expect_error(404, "not_found");
    root.delete(&path).await.expect_error(404, "not_found");
    assert_eq!(root.get("/api/users/me").await.expect(200)["role"], "user");
}
