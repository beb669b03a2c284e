//! Sessions: seeing them, ending them, what ends them, and what lives by them.

use super::harness::{App, PASSWORD, Person, Socket, Transport, executable, forge, soon};
use serde_json::{Value, json};
use std::time::Duration;

const DAY_MS: i64 = 24 * 3600 * 1000;

async fn sessions(of: &Person) -> Vec<Value> {
    let mut answer = of.get("/api/auth/sessions").await.expect(200);
    answer["sessions"]
        .as_array_mut()
        .unwrap()
        .drain(..)
        .collect()
}

/// A socket of every kind.
async fn sockets(of: &Person) -> Vec<Socket> {
    let mut sockets = Vec::new();
    for transport in Transport::ALL {
        sockets.push(of.connect_by(transport).await);
    }
    sockets
}

/// Every one of the sockets is sent DISCONNECT within a second, and closed.
async fn are_cut(sockets: Vec<Socket>) {
    let mut ends = tokio::task::JoinSet::new();
    for mut socket in sockets {
        ends.spawn(async move {
            let told = tokio::time::timeout(Duration::from_secs(1), socket.ended()).await;
            assert_eq!(told, Ok(true), "a DISCONNECT packet");
            // A client that stays all the same is not kept.
            soon("the end of the transport", async {
                while socket.step().await {}
            })
            .await;
        });
    }
    ends.join_all().await;
}

/// None of the sockets noticed anything.
async fn are_well(sockets: &mut [Socket]) {
    for socket in sockets {
        assert_eq!(socket.seen().await, []);
        assert!(!socket.disconnected && !socket.closed);
    }
}

async fn is_signed_out(person: &Person) {
    let refused = person.get("/api/users/me").await;
    refused.expect_error(401, "unauthorized");
    for transport in Transport::ALL {
        let auth = json!({ "token": person.token });
        let refused = Socket::connect(&person.url, auth, transport).await;
        assert_eq!(refused.err(), Some(json!({ "message": "unauthorized" })));
    }
}

#[tokio::test]
async fn a_setup_link_is_good_for_half_an_hour() {
    const HALF_AN_HOUR_MS: i64 = 30 * 60 * 1000;
    let app = App::start().await;
    let link = app.server.chat().setup_link().await.unwrap().unwrap();
    let (_, token) = link.split_once('#').unwrap();
    let ask = async |name: &str| {
        let body = json!({
            "token": token, "username": name, "email": format!("{name}@example.org"), "password": PASSWORD,
        });
        let request = app.http.post(format!("{}/api/setup", app.url()));
        request.json(&body).send().await.unwrap().status().as_u16()
    };
    app.clock.jump_ms(HALF_AN_HOUR_MS);
    assert_eq!(ask("eve").await, 403);
    app.clock.jump_ms(-2000);
    assert_eq!(ask("ada").await, 201);
}

#[tokio::test]
async fn everybody_sees_their_own_sessions() {
    let app = App::start().await;
    let first = app.person("ada").await;
    app.person("bob").await;
    app.clock.jump_ms(5000);
    let body = json!({ "username": "ada", "password": PASSWORD });
    let request = app
        .http
        .post(format!("{}/api/auth/login", app.url()))
        .json(&body);
    let answer = request.header("user-agent", &format!("Firefox/1 {}", "x".repeat(300)));
    let answer: Value =
        serde_json::from_str(&answer.send().await.unwrap().text().await.unwrap()).unwrap();
    let second = Person::new(&app, "ada", answer);
    let listed = sessions(&second).await;
    assert_eq!(listed.len(), 2);
    let keys: Vec<_> = listed[0].as_object().unwrap().keys().collect();
    assert_eq!(
        keys,
        [
            "address",
            "createdAt",
            "current",
            "id",
            "lastSeenAt",
            "userAgent"
        ]
    );
    // The newest comes first.
    assert_eq!(listed[0]["current"], true);
    assert_eq!(listed[0]["id"], forge::claims(&second.token)["sid"]);
    assert_eq!(listed[0]["address"], "127.0.0.1");
    let agent = listed[0]["userAgent"].as_str().unwrap();
    assert!(
        agent.starts_with("Firefox/1 xxx") && agent.len() == 200,
        "{agent}"
    );
    assert_eq!(listed[1]["current"], false);
    assert_eq!(listed[1]["id"], forge::claims(&first.token)["sid"]);
    assert_eq!(listed[1]["userAgent"], Value::Null);
    assert!(listed[0]["createdAt"].as_str() > listed[1]["createdAt"].as_str());
}

#[tokio::test]
async fn sessions_come_in_pages_the_newest_first() {
    let app = App::start().await;
    let mut newest = Vec::new();
    let mut ada = app.person("ada").await;
    for _ in 0..5 {
        newest.insert(0, forge::claims(&ada.token)["sid"].clone());
        ada = app.sign_in("ada").await;
    }
    newest.insert(0, forge::claims(&ada.token)["sid"].clone());
    // Three of them began in the same millisecond.
    let database = app.database();
    let same = "UPDATE sessions SET created_at = 7 WHERE created_at IN (
                    SELECT created_at FROM sessions ORDER BY created_at LIMIT 3)";
    database.execute(same, []).unwrap();
    let (mut path, mut seen) = ("/api/auth/sessions?limit=2".to_owned(), Vec::new());
    for page in 1.. {
        let answer = ada.get(&path).await.expect(200);
        let listed = answer["sessions"].as_array().unwrap();
        assert_eq!(listed.len(), 2);
        seen.extend(listed.iter().map(|session| session["id"].clone()));
        let Some(cursor) = answer["nextCursor"].as_str() else {
            assert_eq!(page, 3);
            break;
        };
        path = format!("/api/auth/sessions?limit=2&cursor={cursor}");
    }
    assert_eq!(seen[..3], newest[..3]);
    let sorted = |ids: &[Value]| {
        let mut ids: Vec<_> = ids.iter().map(Value::to_string).collect();
        ids.sort();
        ids
    };
    assert_eq!(sorted(&seen), sorted(&newest));
    for wrong in ["limit=0", "limit=201", "cursor=x"] {
        let refused = ada.get(&format!("/api/auth/sessions?{wrong}")).await;
        refused.expect_error(400, "invalid_input");
    }
    assert_eq!(sessions(&ada).await.len(), 6);
}

#[tokio::test]
async fn the_last_use_is_kept_to_within_a_minute() {
    let app = App::start().await;
    let (idle, rest, live) = (
        app.person("ada").await,
        app.sign_in("ada").await,
        app.sign_in("ada").await,
    );
    let mut socket = live.connect().await;
    let last_seen = async |of: &Person| {
        // A use is written down in its turn, which comes before this.
        rest.patch("/api/users/me", json!({})).await.expect(200);
        let sid = forge::claims(&of.token)["sid"].clone();
        let listed = sessions(&rest).await;
        let session = listed
            .into_iter()
            .find(|session| session["id"] == sid)
            .unwrap();
        session["lastSeenAt"].as_str().unwrap().to_owned()
    };
    let before = last_seen(&idle).await;
    app.clock.jump_ms(10 * 60 * 1000);
    let then = app.clock.now().to_string();
    assert!(last_seen(&rest).await >= then);
    assert_eq!(last_seen(&idle).await, before);
    // Whatever is done over a connection is a use as well.
    assert!(last_seen(&live).await < then);
    let nowhere = json!({ "roomId": uuid::Uuid::new_v4() });
    socket.ask("leave_room", nowhere).await.unwrap();
    assert!(last_seen(&live).await >= then);
}

#[tokio::test]
async fn signing_out_ends_a_session_and_its_sockets_and_nothing_else() {
    let app = App::start().await;
    let (ada, other) = (app.person("ada").await, app.sign_in("ada").await);
    let (ending, mut staying) = (sockets(&ada).await, sockets(&other).await);
    assert_eq!(ada.post("/api/auth/logout", Value::Null).await.status, 204);
    are_cut(ending).await;
    is_signed_out(&ada).await;
    ada.post("/api/auth/logout", Value::Null)
        .await
        .expect_error(401, "unauthorized");
    are_well(&mut staying).await;
    assert_eq!(sessions(&other).await.len(), 1);
}

#[tokio::test]
async fn one_ends_any_of_ones_own_sessions_and_nobody_elses() {
    let app = App::start().await;
    let (ada, other, bob) = (
        app.person("ada").await,
        app.sign_in("ada").await,
        app.person("bob").await,
    );
    let id = |of: &Person| forge::claims(&of.token)["sid"].as_str().unwrap().to_owned();
    let end = |of: &Person| format!("/api/auth/sessions/{}", id(of));
    let (ending, mut staying) = (sockets(&other).await, sockets(&bob).await);
    for none in [
        end(&bob),
        format!("/api/auth/sessions/{}", uuid::Uuid::new_v4()),
        "/api/auth/sessions/x".into(),
    ] {
        ada.delete(&none).await.expect_error(404, "not_found");
    }
    assert_eq!(ada.delete(&end(&other)).await.status, 204);
    are_cut(ending).await;
    is_signed_out(&other).await;
    ada.delete(&end(&other))
        .await
        .expect_error(404, "not_found");
    are_well(&mut staying).await;
    // One's own is one of them.
    assert_eq!(ada.delete(&end(&ada)).await.status, 204);
    is_signed_out(&ada).await;
    bob.get("/api/users/me").await.expect(200);
}

#[tokio::test]
async fn a_new_password_ends_the_other_sessions() {
    let app = App::start().await;
    let (ada, other) = (app.person("ada").await, app.sign_in("ada").await);
    let (mut staying, ending) = (sockets(&ada).await, sockets(&other).await);
    let change = async |current: Value, new: Value| {
        let body = json!({ "currentPassword": current, "newPassword": new });
        ada.put("/api/auth/password", body).await
    };
    let new = "another horse battery";
    let refused = change(json!("wrong password"), json!(new)).await;
    let message = refused.body["error"]["message"].clone();
    assert_eq!(message, "Your current password is wrong.");
    refused.expect_error(401, "invalid_credentials");
    for short in [
        json!("seven77"),
        json!(5),
        json!(null),
        json!("x".repeat(257)),
    ] {
        change(json!(PASSWORD), short)
            .await
            .expect_error(400, "invalid_input");
    }
    change(json!(null), json!(new))
        .await
        .expect_error(400, "invalid_input");
    other.get("/api/users/me").await.expect(200);
    assert_eq!(change(json!(PASSWORD), json!(new)).await.status, 204);
    are_cut(ending).await;
    is_signed_out(&other).await;
    are_well(&mut staying).await;
    ada.get("/api/users/me").await.expect(200);
    let login = async |password: &str| {
        let body = json!({ "username": "ada", "password": password });
        app.stranger().post("/api/auth/login", body).await
    };
    login(PASSWORD)
        .await
        .expect_error(401, "invalid_credentials");
    login(new).await.expect(200);
}

#[tokio::test]
async fn a_disabled_account_is_cut_and_stays_out() {
    let app = App::start().await;
    let ada = app.person("ada").await;
    let mut ending = sockets(&ada).await;
    ending.extend(sockets(&app.sign_in("ada").await).await);
    let chat = app.server.chat();
    chat.set_disabled("ada".to_owned(), true).await.unwrap();
    are_cut(ending).await;
    is_signed_out(&ada).await;
    let login = json!({ "username": "ada", "password": PASSWORD });
    let refused = app.stranger().post("/api/auth/login", login).await;
    refused.expect_error(401, "invalid_credentials");
    chat.set_disabled("ada".to_owned(), false).await.unwrap();
    is_signed_out(&ada).await;
    app.sign_in("ada")
        .await
        .get("/api/users/me")
        .await
        .expect(200);
}

/// Has a command of the command line done by this server.
async fn command(app: &App, args: &'static [&'static str]) {
    let mut chatd = executable::command(executable::path());
    chatd.args(args).env("CHATD_DATA__DIR", app.folder.path());
    let ran = tokio::task::spawn_blocking(move || chatd.output().unwrap());
    let ran = soon("the end of the command", ran).await.unwrap();
    assert!(ran.status.success(), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_line_cuts_whom_it_disables_or_gives_a_password() {
    for args in [
        &["user", "disable", "ada"][..],
        &["user", "passwd", "ada", "--generate"],
    ] {
        let app = App::start().await;
        let (ada, bob) = tokio::join!(app.person("ada"), app.person("bob"));
        let (adas, mut bobs) = tokio::join!(sockets(&ada), sockets(&bob));
        command(&app, args).await;
        are_cut(adas).await;
        is_signed_out(&ada).await;
        are_well(&mut bobs).await;
    }
}

#[tokio::test]
async fn a_refresh_extends_the_session_and_the_old_token_stays_good_for_its_time() {
    let app = App::with(|config| {
        config.limits.enabled = false;
        config.accounts.token_ttl = Duration::from_hours(48);
    })
    .await;
    let ada = app.person("ada").await;
    let mut socket = ada.connect().await;
    app.clock.jump_ms(DAY_MS);
    let answer = ada.post("/api/auth/refresh", Value::Null).await.expect(200);
    let keys: Vec<_> = answer.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["expiresAt", "token"]);
    let new = ada.with_token(answer["token"].as_str().unwrap());
    assert_ne!(new.token, ada.token);
    assert_eq!(
        forge::claims(&new.token)["sid"],
        forge::claims(&ada.token)["sid"]
    );
    ada.get("/api/users/me").await.expect(200);
    assert_eq!(sessions(&new).await.len(), 1);
    // The old token's time is over, the session's is not; its socket lives by the session.
    app.clock.jump_ms(DAY_MS + 2000);
    is_signed_out(&ada).await;
    new.get("/api/users/me").await.expect(200);
    app.server.chat().housekeeping().await.unwrap();
    assert_eq!(socket.seen().await, []);
    // Then the session's is over as well.
    app.clock.jump_ms(DAY_MS);
    is_signed_out(&new).await;
    new.post("/api/auth/refresh", Value::Null)
        .await
        .expect_error(401, "unauthorized");
    app.server.chat().housekeeping().await.unwrap();
    are_cut(vec![socket]).await;
    let left: i64 = app
        .database()
        .query_row("SELECT count(*) FROM sessions", [], |row| row.get(0))
        .unwrap();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn a_refresh_outlives_a_restart_and_so_does_a_sign_out() {
    let app = App::start().await;
    let (ada, out) = (app.person("ada").await, app.sign_in("ada").await);
    app.clock.jump_ms(10 * DAY_MS);
    let answer = ada.post("/api/auth/refresh", Value::Null).await.expect(200);
    assert_eq!(out.post("/api/auth/logout", Value::Null).await.status, 204);
    let folder = app.folder.clone();
    app.server.stop().await;
    let app = App::on(folder, |config| config.limits.enabled = false).await;
    app.clock.jump_ms(35 * DAY_MS);
    let http = &app.http;
    let signed_in = json!({ "user": { "id": ada.id }, "token": answer["token"] });
    let new = Person::at(&app.url(), http, "ada", signed_in);
    new.get("/api/users/me").await.expect(200);
    let signed_in = json!({ "user": { "id": ada.id }, "token": out.token });
    is_signed_out(&Person::at(&app.url(), http, "ada", signed_in)).await;
}

#[tokio::test]
async fn of_two_new_passwords_at_once_one_counts() {
    let app = App::start().await;
    let (ada, other) = (app.person("ada").await, app.sign_in("ada").await);
    let change = async |of: &Person, new: &str| {
        let body = json!({ "currentPassword": PASSWORD, "newPassword": new });
        of.put("/api/auth/password", body).await
    };
    let news = ["the first new one", "the second new one"];
    let (first, second) = tokio::join!(change(&ada, news[0]), change(&other, news[1]));
    let (won, winner, lost) = match (first.status, second.status) {
        (204, 401) => (news[0], &ada, second),
        (401, 204) => (news[1], &other, first),
        both => panic!("{both:?}"),
    };
    assert!(
        ["invalid_credentials", "unauthorized"].contains(&lost.code()),
        "{lost:?}"
    );
    for password in [news[0], news[1], PASSWORD] {
        let login = json!({ "username": "ada", "password": password });
        let answer = app.stranger().post("/api/auth/login", login).await;
        let status = if password == won { 200 } else { 401 };
        assert_eq!(answer.status, status, "{password}");
    }
    winner.get("/api/users/me").await.expect(200);
}

#[tokio::test]
async fn sign_ins_that_race_with_a_new_password_do_not_outlive_it() {
    let app = App::start().await;
    let ada = app.person("ada").await;
    let mut tries = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let stranger = app.stranger();
        let body = json!({ "username": "ada", "password": PASSWORD });
        tries.spawn(async move { stranger.post("/api/auth/login", body).await });
    }
    let body = json!({ "currentPassword": PASSWORD, "newPassword": "another horse battery" });
    assert_eq!(ada.put("/api/auth/password", body).await.status, 204);
    for answer in tries.join_all().await {
        if answer.status == 200 {
            is_signed_out(&Person::new(&app, "ada", answer.body)).await;
        } else {
            answer.expect_error(401, "invalid_credentials");
        }
    }
    assert_eq!(sessions(&ada).await.len(), 1);
}
