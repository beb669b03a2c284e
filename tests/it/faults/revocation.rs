//! Revocation: whatever ends sessions ends all their sockets within a second, by a DISCONNECT packet,
//! and nobody gets anywhere with their tokens.

use super::{either, report};
use crate::harness::{Executable, PASSWORD, Person, Socket, Transport, executable, forge, soon};
use chatd::server::descriptors;
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// After the answer to what ended their session, sockets are gone within this.
const GONE_WITHIN: Duration = Duration::from_secs(1);
/// So many connect at a time.
const AT_A_TIME: usize = 50;
/// Of so many sockets one polls, and one is a WebSocket that polled before.
const OTHERS_EVERY: usize = 10;
/// The sessions that sockets are spread over, where more than one is ended.
const SESSIONS: usize = 4;

/// What ends sessions.
#[derive(Debug, Clone, Copy)]
enum End {
    SignOut,
    Password,
    Disable,
    Session,
}

/// Ends sessions of somebody; `other` is one more that they have.
async fn end(how: End, chatd: &Executable, ending: &Person, other: &Person) {
    let status = match how {
        End::SignOut => ending.post("/api/auth/logout", Value::Null).await.status,
        End::Password => {
            let body = json!({ "currentPassword": PASSWORD, "newPassword": "another horse" });
            other.put("/api/auth/password", body).await.status
        }
        End::Disable => {
            let mut disable = executable::command(executable::path());
            disable
                .args(["user", "disable", &ending.name])
                .env("CHATD_DATA__DIR", executable::data(chatd.root()));
            let ran = tokio::task::spawn_blocking(move || disable.output().unwrap());
            let ran = soon("the end of the command", ran).await.unwrap();
            assert!(ran.status.success(), "{ran:?}");
            return;
        }
        End::Session => {
            let claims = forge::claims(&ending.token);
            let session = claims["sid"].as_str().unwrap();
            let path = format!("/api/auth/sessions/{session}");
            other.delete(&path).await.status
        }
    };
    assert_eq!(status, 204, "{how:?}");
}

async fn sign_in(chatd: &Executable, person: &Person) -> Person {
    let body = json!({ "username": person.name, "password": PASSWORD });
    let answer = chatd.stranger().post("/api/auth/login", body).await;
    let token = answer.expect(200)["token"].as_str().unwrap().to_owned();
    person.with_token(&token)
}

/// Sockets of all kinds, most of them plain WebSockets, spread over these sessions.
async fn sockets(sessions: &[Person], count: usize) -> Vec<Socket> {
    let mut sockets = Vec::with_capacity(count);
    let transport = |number: usize| match number % OTHERS_EVERY {
        0 => Transport::Polling,
        1 => Transport::Upgraded,
        _ => Transport::WebSocket,
    };
    while sockets.len() < count {
        let numbers = sockets.len()..count.min(sockets.len() + AT_A_TIME);
        let connecting = numbers.map(|number| {
            let session = &sessions[number % sessions.len()];
            session.connect_by(transport(number))
        });
        sockets.extend(soon("connecting", join_all(connecting)).await);
    }
    sockets
}

/// When a socket was told by DISCONNECT, and when its transport was closed.
async fn gone(mut socket: Socket) -> (Instant, Instant) {
    assert!(socket.ended().await, "closed without a DISCONNECT packet");
    let told = Instant::now();
    soon("the end of the transport", async {
        while socket.step().await {}
    })
    .await;
    (told, Instant::now())
}

/// Ends sessions with so many sockets, and says how long after the request, and after its answer, the
/// last of them was told and gone.
async fn revoke(chatd: &Executable, how: End, count: usize) -> String {
    let name = format!("{how:?}").to_lowercase();
    let person = chatd.person(&name).await;
    let other = sign_in(chatd, &person).await;
    let mut ending = vec![person.clone()];
    if let End::Password | End::Disable = how {
        for _ in 1..SESSIONS {
            ending.push(sign_in(chatd, &person).await);
        }
    }
    let mut ends = JoinSet::new();
    for socket in sockets(&ending, count).await {
        ends.spawn(gone(socket));
    }
    let mut stays = if let End::Disable = how {
        None
    } else {
        Some(other.connect().await)
    };

    let began = Instant::now();
    end(how, chatd, &person, &other).await;
    let answered = Instant::now();
    for session in &ending {
        let refused = session.get("/api/users/me").await;
        refused.expect_error(401, "unauthorized");
    }
    let ends = ends.join_all().await;
    assert_eq!(ends.len(), count);
    let told = ends.iter().map(|(told, _)| *told).max().unwrap();
    let closed = ends.iter().map(|(_, closed)| *closed).max().unwrap();
    for (what, at) in [("told", told), ("cut", closed)] {
        let after = at.saturating_duration_since(answered);
        assert!(after <= GONE_WITHIN, "{name}: {what} after {after:?}");
    }
    for session in &ending {
        let auth = json!({ "token": session.token });
        let refused = Socket::connect(&session.url, auth, Transport::WebSocket).await;
        assert_eq!(refused.err(), Some(json!({ "message": "unauthorized" })));
    }
    if let Some(stays) = &mut stays {
        assert_eq!(stays.seen().await, [], "of another session");
        assert!(!stays.disconnected && !stays.closed);
    }
    let ms = |at: Instant, since: Instant| at.saturating_duration_since(since).as_millis();
    format!(
        "{name} told by {} ms and closed by {} ms ({} and {} after the request)",
        ms(told, answered),
        ms(closed, answered),
        ms(told, began),
        ms(closed, began)
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_ends_sessions_ends_all_their_sockets_within_a_second() {
    descriptors::raise();
    let count = either(1000, 200);
    let chatd = Executable::start(Arc::new(tempfile::tempdir().unwrap())).await;
    let mut figures = Vec::new();
    for how in [End::SignOut, End::Password, End::Disable, End::Session] {
        figures.push(revoke(&chatd, how, count).await);
    }
    let figures = figures.join(", ");
    report(
        "revocation",
        format!("{count} sockets each, after the answer: {figures}"),
    );
}
