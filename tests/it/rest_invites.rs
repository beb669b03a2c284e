//! Invites: who makes them, whom they let in, and when they end.

use super::harness::{App, Person};
use serde_json::{Value, json};

fn invites(room: &str) -> String {
    format!("/api/rooms/{room}/invites")
}

/// Makes a room's invite and gives its token.
async fn invite(by: &Person, room: &str, body: Value) -> String {
    let invite = by.post(&invites(room), body).await.expect(201);
    invite["token"].as_str().unwrap().to_owned()
}

fn preview(token: &str) -> String {
    format!("/api/rooms/invites/{token}")
}

fn join(token: &str) -> String {
    format!("/api/rooms/invites/{token}/join")
}

#[tokio::test]
async fn only_the_creator_makes_sees_and_revokes_a_rooms_invite() {
    let app = App::with(|config| {
        config.limits.enabled = false;
        config.server.public_url = "https://chat.example.org".to_owned();
    })
    .await;
    let (ada, bob, root) = tokio::join!(
        app.person("ada"),
        app.person("bob"),
        app.server_admin("root")
    );
    let room = ada.room("secret", true).await;
    assert_eq!(ada.get(&invites(&room)).await.expect(200), Value::Null);
    ada.delete(&invites(&room))
        .await
        .expect_error(404, "not_found");
    let made = ada
        .post(&invites(&room), json!({ "maxUses": 5, "expiresIn": 60 }))
        .await
        .expect(201);
    let token = made["token"].as_str().unwrap();
    assert!(token.len() >= 22, "{token}");
    assert_eq!(
        made["link"],
        format!("https://chat.example.org/invite/{token}")
    );
    assert_eq!(made["roomId"], room.as_str());
    assert_eq!(made["maxUses"], 5);
    assert_eq!(made["uses"], 0);
    let in_a_minute = app.clock.now().plus_ms(60_000).to_string();
    assert!(made["expiresAt"].as_str().unwrap() <= in_a_minute.as_str());
    assert_eq!(ada.get(&invites(&room)).await.expect(200), made);
    for guest in [&bob, &root] {
        guest.post(&join(token), json!({})).await.expect(200);
    }
    let role = format!("/api/rooms/{room}/users/{}", bob.id);
    ada.patch(&role, json!({ "role": "admin" }))
        .await
        .expect(200);
    for other in [&bob, &root] {
        other
            .post(&invites(&room), json!({}))
            .await
            .expect_error(403, "forbidden");
        other
            .get(&invites(&room))
            .await
            .expect_error(403, "forbidden");
        other
            .delete(&invites(&room))
            .await
            .expect_error(403, "forbidden");
    }
    assert_eq!(ada.get(&invites(&room)).await.expect(200)["uses"], 2);
    assert_eq!(ada.delete(&invites(&room)).await.status, 204);
    assert_eq!(ada.get(&invites(&room)).await.expect(200), Value::Null);
    app.stranger()
        .get(&preview(token))
        .await
        .expect_error(410, "invite_expired");
    // What an invite was good for stays with whoever used it.
    let again = bob.post(&join(token), json!({})).await.expect(200);
    assert_eq!(again["already"], true);
    // The room's next owner is the one who invites.
    ada.patch(
        &format!("/api/rooms/{room}"),
        json!({ "createdBy": bob.id }),
    )
    .await
    .expect(200);
    ada.post(&invites(&room), json!({}))
        .await
        .expect_error(403, "forbidden");
    invite(&bob, &room, json!({})).await;
}

#[tokio::test]
async fn admins_may_invite_where_the_configuration_says_so() {
    let app = App::with(|config| {
        config.limits.enabled = false;
        config.rooms.admins_may_invite = true;
    })
    .await;
    let (ada, bob, carol, root) = tokio::join!(
        app.person("ada"),
        app.person("bob"),
        app.person("carol"),
        app.server_admin("root")
    );
    let room = ada.room("lounge", false).await;
    for guest in [&bob, &carol, &root] {
        guest.join(&room).await;
    }
    for other in [&bob, &root] {
        other
            .post(&invites(&room), json!({}))
            .await
            .expect_error(403, "forbidden");
        let role = format!("/api/rooms/{room}/users/{}", other.id);
        ada.patch(&role, json!({ "role": "admin" }))
            .await
            .expect(200);
        let token = invite(other, &room, json!({})).await;
        let seen = ada.get(&invites(&room)).await.expect(200);
        assert_eq!(seen["token"], token.as_str());
        assert_eq!(other.delete(&invites(&room)).await.status, 204);
    }
    carol
        .post(&invites(&room), json!({}))
        .await
        .expect_error(403, "forbidden");
}

#[tokio::test]
async fn an_invite_is_seen_without_signing_in() {
    let app = App::start().await;
    let ada = app.person("ada").await;
    let body = json!({ "name": "secret", "description": "hush", "isPrivate": true });
    let room = ada.post("/api/rooms", body).await.expect(201);
    let name = json!({ "displayName": "Ada L." });
    ada.patch("/api/users/me", name).await.expect(200);
    let token = invite(&ada, room["id"].as_str().unwrap(), json!({})).await;
    let seen = app.stranger().get(&preview(&token)).await.expect(200);
    let expected = json!({
        "room": { "name": "secret", "description": "hush", "memberCount": 1 },
        "invitedBy": "Ada L.",
    });
    assert_eq!(seen, expected);
    app.stranger()
        .get(&preview("nonsense"))
        .await
        .expect_error(404, "not_found");
    app.stranger()
        .post(&join(&token), json!({}))
        .await
        .expect_error(401, "unauthorized");
    ada.post(&join("nonsense"), json!({}))
        .await
        .expect_error(404, "not_found");
}

#[tokio::test]
async fn an_invite_ends_at_its_time() {
    let app = App::start().await;
    let (ada, bob, carol) = tokio::join!(app.person("ada"), app.person("bob"), app.person("carol"));
    let room = ada.room("secret", true).await;
    let token = invite(&ada, &room, json!({ "expiresIn": 3600 })).await;
    app.clock.jump_ms(3_590_000);
    bob.post(&join(&token), json!({})).await.expect(200);
    app.clock.jump_ms(20_000);
    carol
        .post(&join(&token), json!({}))
        .await
        .expect_error(410, "invite_expired");
    carol
        .get(&preview(&token))
        .await
        .expect_error(410, "invite_expired");
    let always = invite(&ada, &room, json!({ "expiresIn": null })).await;
    app.clock.jump_ms(20 * 24 * 3600 * 1000);
    carol.post(&join(&always), json!({})).await.expect(200);
    for wrong in [
        json!({ "expiresIn": 0 }),
        json!({ "expiresIn": -5 }),
        json!({ "expiresIn": 1.5 }),
        json!({ "expiresIn": "60" }),
        json!({ "expiresIn": 1e300 }),
        json!({ "expiresIn": i64::MAX }),
        json!({ "maxUses": 0 }),
        json!({ "maxUses": u64::MAX }),
    ] {
        let refused = ada.post(&invites(&room), wrong.clone()).await;
        let error = refused.expect_error(400, "invalid_input");
        let field = wrong.as_object().unwrap().keys().next().unwrap();
        assert!(error["details"]["fields"][field].is_string(), "{wrong}");
    }
    // A request that was refused replaced nothing.
    let seen = ada.get(&invites(&room)).await.expect(200);
    assert_eq!(seen["token"], always.as_str());
}

#[tokio::test]
async fn a_new_invite_replaces_the_earlier_one() {
    let app = App::start().await;
    let (ada, bob) = (app.person("ada").await, app.person("bob").await);
    let room = ada.room("secret", true).await;
    let first = invite(&ada, &room, json!({})).await;
    let second = invite(&ada, &room, json!({})).await;
    assert_ne!(first, second);
    bob.post(&join(&first), json!({}))
        .await
        .expect_error(410, "invite_expired");
    bob.get(&preview(&first))
        .await
        .expect_error(410, "invite_expired");
    let joined = bob.post(&join(&second), json!({})).await.expect(200);
    assert_eq!(joined["already"], false);
    assert_eq!(joined["room"]["role"], "member");
}

#[tokio::test]
async fn an_invite_lets_in_as_many_as_it_says_and_no_more() {
    let app = App::start().await;
    let ada = app.person("ada").await;
    let (room, lobby) = (
        ada.room("secret", true).await,
        ada.room("lobby", false).await,
    );
    let token = invite(&ada, &room, json!({ "maxUses": 2 })).await;
    let mut tries = tokio::task::JoinSet::new();
    for guest in app.crowd(&lobby, 8) {
        let path = join(&token);
        tries.spawn(async move {
            let first = guest.post(&path, json!({})).await;
            // A repeat by somebody who is in uses nothing up.
            let second = guest.post(&path, json!({})).await;
            assert_eq!(first.status, second.status);
            first.status
        });
    }
    let mut statuses = tries.join_all().await;
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 410, 410, 410, 410, 410, 410]);
    assert_eq!(ada.get(&invites(&room)).await.expect(200)["uses"], 2);
    ada.get(&preview(&token))
        .await
        .expect_error(410, "invite_expired");
    let seen = ada.get(&format!("/api/rooms/{room}")).await.expect(200);
    assert_eq!(seen["memberCount"], 3);
}
