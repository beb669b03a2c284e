//! The wall clock jumps by a day, forward or back, in the midst of everything.

use super::super::harness::{App, Lounge, Person, Socket, payloads, soon};
use super::report;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const DAY_MS: i64 = 24 * 3600 * 1000;
const JUMPS: [(&str, i64); 2] = [("forward", DAY_MS), ("back", -DAY_MS)];
/// A token is good for so long: less than a jump, so that one forward ends it.
const SHORT_TTL: Duration = Duration::from_hours(12);

/// The clock's time as the server tells times, which are in order as texts are.
fn now(app: &App) -> String {
    app.clock.now().to_string()
}

async fn lounge(change: impl FnOnce(&mut chatd::config::Config)) -> Lounge {
    Lounge::of(App::with(change).await).await
}

/// Somebody's own sessions.
async fn sessions(of: &Person) -> Vec<Value> {
    let mut answer = of.get("/api/auth/sessions").await.expect(200);
    answer["sessions"].as_array_mut().unwrap().split_off(0)
}

/// Sends messages until the rate refuses one; how many went through, and how long to wait.
async fn until_refused(socket: &mut Socket, room: &str) -> (u32, Duration) {
    let mut sent = 0;
    loop {
        let send = json!({ "roomId": room, "content": "again" });
        match socket.ask("send_message", send).await {
            Ok(_) => sent += 1,
            Err(error) => {
                assert_eq!(error["code"], "rate_limited", "{error}");
                let wait = error["details"]["retryAfterMs"].as_u64().unwrap();
                return (sent, Duration::from_millis(wait));
            }
        }
    }
}

#[tokio::test]
async fn messages_keep_their_order_and_get_honest_times_when_the_clock_jumps() {
    const A_TIME: i64 = 5;
    let lounge = lounge(|config| config.limits.enabled = false).await;
    let room = &lounge.room;
    let mut ada = lounge.ada.connect_to(room).await;
    let mut bob = lounge.bob.connect_to(room).await;
    let mut last = 0;
    for (_, jump) in JUMPS.into_iter().chain(JUMPS) {
        for jumps in [false, true] {
            if jumps {
                lounge.app.clock.jump_ms(jump);
            }
            for _ in 0..A_TIME {
                let before = now(&lounge.app);
                let send = json!({ "roomId": room, "content": "tick" });
                let ack = ada.ask("send_message", send).await.unwrap();
                last += 1;
                let heard = bob.next("receive_message").await;
                assert_eq!(heard, ack["message"]);
                assert_eq!(heard["seq"], last);
                let at = heard["createdAt"].as_str().unwrap();
                assert!(
                    before.as_str() <= at && at <= now(&lounge.app).as_str(),
                    "{at}"
                );
            }
        }
        // A receipt moves with the messages, not with the clock.
        let read = json!({ "roomId": room, "seq": last });
        let ack = bob.ask("message_read", read).await.unwrap();
        assert_eq!(ack["readSeq"], last);
    }
    let history = format!("{}?after=0&limit=200", lounge.messages());
    let history = lounge.bob.get(&history).await.expect(200);
    let seqs = history["messages"].as_array().unwrap().iter();
    assert!(
        seqs.map(|message| message["seq"].as_i64().unwrap())
            .eq(1..=last)
    );
    let mut back = lounge.bob.connect().await;
    let join = json!({ "roomId": room, "since": 0 });
    assert_eq!(back.ask("join_room", join).await.unwrap()["replayed"], last);
    let seen = back.seen().await;
    let replayed = payloads(&seen, "receive_message").into_iter();
    assert!(
        replayed
            .map(|message| message["seq"].as_i64().unwrap())
            .eq(1..=last)
    );
    report(
        "clock jumps: order",
        format!("{last} messages over 4 jumps, 0 out of order"),
    );
}

#[tokio::test]
async fn limits_neither_open_nor_lock_anybody_out_when_the_clock_jumps() {
    /// One message comes back each half second; a slow machine may see some of them.
    const FEW: u32 = 6;
    for (way, jump) in JUMPS {
        let lounge = lounge(|_| ()).await;
        let mut ada = lounge.ada.connect_to(&lounge.room).await;
        until_refused(&mut ada, &lounge.room).await;
        lounge.app.clock.jump_ms(jump);
        let (sent, wait) = until_refused(&mut ada, &lounge.room).await;
        assert!(sent <= FEW, "{way}: {sent} at once");
        assert!(wait <= Duration::from_secs(1), "{way}: {wait:?}");
        let began = Instant::now();
        soon("the next message", async {
            let send = json!({ "roomId": lounge.room, "content": "at last" });
            while ada.ask("send_message", send.clone()).await.is_err() {
                tokio::time::sleep(wait).await;
            }
        })
        .await;
        // Signing in and asking by REST have limits of their own.
        lounge.app.sign_in("bob").await;
        lounge.bob.get("/api/rooms").await.expect(200);
        lounge.app.server.chat().housekeeping().await.unwrap();
        report(
            "clock jumps: limits",
            format!(
                "{way}: {sent} more at once, the next after {:.1?}",
                began.elapsed()
            ),
        );
    }
}

async fn typing_and_presence_go_on(way: &str, jump: i64) {
    let lounge = lounge(|config| config.limits.enabled = false).await;
    let room = &lounge.room;
    let mut ada = lounge.ada.connect_to(room).await;
    let mut bob = lounge.bob.connect_to(room).await;
    let typing = json!({ "roomId": room, "isTyping": true });
    bob.ask("typing", typing).await.unwrap();
    assert_eq!(ada.next("user_typing").await["isTyping"], true);
    let began = Instant::now();
    lounge.app.clock.jump_ms(jump);
    // Bob says nothing more.
    assert_eq!(ada.next("user_typing").await["isTyping"], false);
    let silence = began.elapsed();
    let before = now(&lounge.app);
    bob.close().await;
    let began = Instant::now();
    loop {
        let status = ada.next("user_status").await;
        if status["status"] == "offline" {
            assert_eq!(status["userId"], lounge.bob.id.as_str());
            break;
        }
    }
    let grace = began.elapsed();
    let seen = format!("/api/users/{}", lounge.bob.id);
    let seen = async {
        // It is written down a moment after it is told.
        loop {
            let user = lounge.ada.get(&seen).await.expect(200);
            if let Some(at) = user["lastSeenAt"].as_str() {
                return at.to_owned();
            }
        }
    };
    let at = soon("when bob was seen", seen).await;
    assert!(before <= at && at <= now(&lounge.app), "{way}: {at}");
    report(
        "clock jumps: timers",
        format!("{way}: typing ended after {silence:.1?}, offline after {grace:.1?}"),
    );
}

#[tokio::test]
async fn typing_and_presence_go_on_when_the_clock_jumps() {
    let both = JUMPS.map(|(way, jump)| typing_and_presence_go_on(way, jump));
    futures_util::future::join_all(both).await;
}

#[tokio::test]
async fn sessions_go_on_when_the_clock_jumps() {
    for (way, jump) in JUMPS {
        let lounge = lounge(|config| config.limits.enabled = false).await;
        let mut ada = lounge.ada.connect_to(&lounge.room).await;
        lounge.app.clock.jump_ms(jump);
        lounge.app.server.chat().housekeeping().await.unwrap();
        // A day is nothing to thirty: a token whose beginning is yet to come is as good as any.
        let join = json!({ "roomId": lounge.room });
        ada.ask("join_room", join).await.unwrap();
        let refreshed = lounge.ada.post("/api/auth/refresh", Value::Null).await;
        let token = refreshed.expect(200)["token"].take();
        let refreshed = lounge.ada.with_token(token.as_str().unwrap());
        for person in [&lounge.ada, &refreshed, &lounge.app.sign_in("ada").await] {
            person.connect().await;
        }
        // When somebody was seen last is told as it is, not as the clock once said.
        let honest = async {
            loop {
                let all = sessions(&lounge.ada).await;
                let now = now(&lounge.app);
                if all
                    .iter()
                    .all(|one| one["lastSeenAt"].as_str().unwrap() <= now.as_str())
                {
                    return all.len();
                }
            }
        };
        let count = soon("an honest time", honest).await;
        assert_eq!(count, 2, "{way}");
        report(
            "clock jumps: sessions",
            format!("{way}: 3 tokens of {count} sessions good"),
        );
    }
}

#[tokio::test]
async fn a_session_that_ended_by_a_jump_does_not_come_back_with_the_clock() {
    let lounge = lounge(|config| {
        config.limits.enabled = false;
        config.accounts.token_ttl = SHORT_TTL;
    })
    .await;
    let (app, ada) = (&lounge.app, &lounge.ada);
    let mut socket = ada.connect().await;
    app.clock.jump_ms(DAY_MS);
    ada.get("/api/users/me")
        .await
        .expect_error(401, "unauthorized");
    app.server.chat().housekeeping().await.unwrap();
    assert!(socket.ended().await, "a DISCONNECT packet");
    let ahead = app.sign_in("ada").await;
    app.clock.jump_ms(-DAY_MS);
    ada.get("/api/users/me")
        .await
        .expect_error(401, "unauthorized");
    // What began while the clock was ahead ends by the time that it was told, and no refresh makes that
    // earlier or later than what its newest token says.
    let mut expires = ahead
        .post("/api/auth/refresh", Value::Null)
        .await
        .expect(200);
    app.server.chat().housekeeping().await.unwrap();
    ahead.get("/api/users/me").await.expect(200);
    app.clock.jump_ms(DAY_MS);
    app.server.chat().housekeeping().await.unwrap();
    ahead.get("/api/users/me").await.expect(200);
    let refreshed = ahead.with_token(expires["token"].take().as_str().unwrap());
    refreshed
        .get("/api/users/me")
        .await
        .expect_error(401, "unauthorized");
    assert_eq!(sessions(&ahead).await.len(), 1);
    app.clock.jump_ms(DAY_MS);
    ahead
        .get("/api/users/me")
        .await
        .expect_error(401, "unauthorized");
    report("clock jumps: ended sessions", "0 came back");
}
