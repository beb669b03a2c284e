//! Who may register: anybody, whoever has an invite, or nobody; and how many at once.

use super::harness::{App, PASSWORD, Person, soon};
use chatd::config::Registration;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// A registration with an invite's token, or whatever else comes in its place.
fn registration(username: &str, invite: &Value) -> Value {
    let email = format!("{username}@example.org");
    json!({ "username": username, "email": email, "password": PASSWORD, "invite": invite })
}

#[tokio::test]
async fn nobody_registers_where_registration_is_closed() {
    let app = App::with(|config| config.accounts.registration = Registration::Closed).await;
    let root = app.server_admin("root").await;
    let room = root.room("lounge", false).await;
    let invite = root
        .post(&format!("/api/rooms/{room}/invites"), json!({}))
        .await
        .expect(201);
    for token in [Value::Null, invite["token"].clone()] {
        let body = registration("ada", &token);
        let refused = app.stranger().post("/api/auth/register", body).await;
        refused.expect_error(403, "forbidden");
    }
    let login = json!({ "username": "ada", "password": PASSWORD });
    let refused = app.stranger().post("/api/auth/login", login).await;
    refused.expect_error(401, "invalid_credentials");
}

#[tokio::test]
async fn where_registering_takes_an_invite_it_joins_the_room_and_counts_a_use() {
    let app = App::with(|config| {
        config.accounts.registration = Registration::Invite;
        config.limits.enabled = false;
    })
    .await;
    let root = app.server_admin("root").await;
    let room = root.room("secret", true).await;
    let invites = format!("/api/rooms/{room}/invites");
    let invite = root
        .post(&invites, json!({ "maxUses": 1 }))
        .await
        .expect(201);
    let register = async |name: &str, invite: Value| {
        let body = registration(name, &invite);
        app.stranger().post("/api/auth/register", body).await
    };
    let error = register("ada", Value::Null).await;
    let error = error.expect_error(400, "invalid_input");
    assert!(error["details"]["fields"]["invite"].is_string());
    let wrong = register("ada", json!(7)).await;
    wrong.expect_error(400, "invalid_input");
    let unknown = register("ada", json!("nonsense")).await;
    unknown.expect_error(404, "not_found");
    let ada = register("ada", invite["token"].clone()).await.expect(201);
    let ada = Person::new(&app, "ada", ada);
    let rooms = ada.get("/api/rooms").await.expect(200);
    assert_eq!(rooms["rooms"][0]["id"], room.as_str());
    assert_eq!(rooms["rooms"][0]["role"], "member");
    let used_up = register("bob", invite["token"].clone()).await;
    used_up.expect_error(410, "invite_expired");
    // Whoever was refused has no account, and their name is free.
    let invite = root.post(&invites, json!({})).await.expect(201);
    register("bob", invite["token"].clone()).await.expect(201);
}

#[tokio::test]
async fn an_invite_counts_where_anybody_may_register() {
    let app = App::start().await;
    let ada = app.person("ada").await;
    let room = ada.room("secret", true).await;
    let invites = format!("/api/rooms/{room}/invites");
    let invite = ada.post(&invites, json!({})).await.expect(201);
    let body = registration("bob", &invite["token"]);
    let bob = app
        .stranger()
        .post("/api/auth/register", body)
        .await
        .expect(201);
    let bob = Person::new(&app, "bob", bob);
    let room = bob.get(&format!("/api/rooms/{room}")).await.expect(200);
    assert_eq!(room["memberCount"], 2);
}

#[tokio::test]
async fn a_flood_of_registrations_is_refused_before_it_costs_anything() {
    let app = App::start().await;
    let ada = app.person("ada").await;
    let mut tries = JoinSet::new();
    for number in 0..90 {
        let stranger = app.stranger();
        let body = registration(&format!("flood-{number}"), &Value::Null);
        tries.spawn(async move {
            (
                body.clone(),
                stranger.post("/api/auth/register", body).await,
            )
        });
    }
    let (body, refused) = loop {
        let (body, answer) = soon("an answer", tries.join_next()).await.unwrap().unwrap();
        if answer.status != 201 {
            break (body, answer);
        }
    };
    assert_eq!(refused.headers["retry-after"], "1");
    refused.expect_error(503, "overloaded");
    // Whoever is signed in does not notice.
    let asked = Instant::now();
    ada.get("/api/users/me").await.expect(200);
    assert!(
        asked.elapsed() < Duration::from_secs(2),
        "{:?}",
        asked.elapsed()
    );
    // Those who give up leave their place to others; and nothing was done for whom was refused.
    tries.shutdown().await;
    soon("a place", async {
        loop {
            let answer = app
                .stranger()
                .post("/api/auth/register", body.clone())
                .await;
            if answer.status == 201 {
                return;
            }
            answer.expect_error(503, "overloaded");
            tokio::task::yield_now().await;
        }
    })
    .await;
}
