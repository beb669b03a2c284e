//! A client that floods: its memory is bounded, it is refused and then cut, and the others do not notice.

use super::hostile::measure::{MIB, Memory, Size};
use super::hostile::raw::{self, Raw};
use super::hostile::{Hall, Pace};
use super::{either, full, report};
use crate::harness::executable::data;
use crate::harness::polling::Polling;
use chatd::realtime::PAYLOAD_BYTES;
use futures_util::future::join_all;
use serde_json::json;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::sync::OnceCell;

/// A flood may cost the server so much memory.
const MOST_GROWTH_BYTES: u64 = 5 * MIB;
/// A client that neither signs in nor drains is ended within this: ten seconds, and a little for a busy
/// machine.
const PATIENCE: Duration = Duration::from_secs(15);
/// The same for one that polls, of whom one body may be as much as four seconds allow.
const POLLING_PATIENCE: Duration = Duration::from_secs(20);
/// How the others talk.
const PACE: Pace = Pace {
    per_second: 40,
    bytes: 200,
    seconds: 10,
};
/// A first talk, which takes what every talk takes.
const WARM_UP: Pace = Pace {
    per_second: 40,
    bytes: 200,
    seconds: 1,
};
/// The others' own rate is not what is tested; that of the flood is the default.
const ENV: [(&str, &str); 3] = [
    ("CHATD_LIMITS__ENABLED", "true"),
    ("CHATD_LIMITS__MESSAGES_BURST", "100000"),
    ("CHATD_LIMITS__MESSAGES_PER_SECOND", "100000"),
];

/// Without the limits of people and addresses.
const UNLIMITED: [(&str, &str); 1] = [("CHATD_LIMITS__ENABLED", "false")];

/// The database has so many readers.
const READERS: usize = 4;
/// Stands for the room in what is sent.
const ROOM: &str = "<room>";

/// A hall that has taken what it takes for good, so that its memory grows by a flood only.
async fn warm(env: &[(&str, &str)]) -> Hall {
    let hall = Hall::open(&[&ENV[..], env].concat()).await;
    hall.talk(WARM_UP).await;
    // What the readers of the database take, they take for good.
    let people = format!("/api/rooms/{}/users", hall.room);
    let asking = (0..READERS).map(async |_| hall.ada.get(&people).await.expect(200));
    join_all(asking).await;
    hall
}

/// Floods once and checks what it cost; in full also what the others felt of it while it went on.
async fn flood(what: &str, env: &[(&str, &str)], flood: impl AsyncFn(&Hall)) {
    let hall = warm(env).await;
    let memory = Memory::of(&hall.chatd);
    let began = Instant::now();
    flood(&hall).await;
    let took = began.elapsed();
    hall.talk(WARM_UP).await;
    let felt = if full() {
        let floods = async || loop {
            flood(&hall).await;
        };
        Some(hall.felt(PACE, floods).await)
    } else {
        None
    };
    let grown = memory.growth();
    let figure = felt
        .as_ref()
        .map_or(String::new(), |felt| format!(", {felt}"));
    report(
        &format!("a client that floods: {what}"),
        format!(
            "memory grew by {}, ended after {took:.1?}{figure}",
            Size(grown)
        ),
    );
    assert!(grown <= MOST_GROWTH_BYTES, "{what}: {}", Size(grown));
    assert!(felt.is_none_or(|felt| felt.is_bearable()), "{what}{figure}");
}

/// Sends this over and over until the server ends the connection, be it that its answers are read or not.
async fn pour(raw: Raw, chunk: &[u8], reads: bool) {
    let Raw { mut write, read } = raw;
    let pouring = async { while write.write_all(chunk).await.is_ok() {} };
    let both = async {
        if reads {
            tokio::join!(pouring, raw::ended(read));
        } else {
            pouring.await;
        }
    };
    tokio::time::timeout(PATIENCE, both)
        .await
        .expect("the flooder is cut");
}

/// Sends this once, and waits for the server to end the connection.
async fn send_and_end(mut raw: Raw, bytes: &[u8]) {
    // It may end before it has taken everything.
    let _ = raw.write.write_all(bytes).await;
    tokio::time::timeout(PATIENCE, raw::ended(raw.read))
        .await
        .expect("the flooder is cut");
}

#[tokio::test]
async fn a_flood_of_events_is_refused_and_then_cut() {
    /// A few more than a connection may send at once, and not so many as to be cut for them.
    const TOO_MANY: usize = 220;
    let content = "x".repeat(PACE.bytes);
    for (what, event) in [
        ("events that do not exist", json!(["no_such_event", {}])),
        (
            "messages",
            json!(["send_message", { "roomId": ROOM, "content": content }]),
        ),
        (
            "lists of people",
            json!(["get_room_users", { "roomId": ROOM }]),
        ),
        (
            "rooms opened anew",
            json!(["join_room", { "roomId": ROOM, "since": 0 }]),
        ),
    ] {
        let (refused, own) = (AtomicBool::new(false), OnceCell::new());
        flood(what, &[], async |hall| {
            // In a room of her own, so that the others' talk is theirs; or in one that she is not in, since
            // what is kept of messages is limited by their own rate, which is off here.
            let room = own.get_or_init(async || {
                let not_hers = what == "messages";
                let whose = if not_hers { &hall.ada } else { &hall.mallory };
                whose.room("cellar", false).await
            });
            let event = raw::text(&format!("42{event}").replace(ROOM, room.await));
            // Whoever comes back too often is cut, be it after the first answers.
            if let Ok(mut raw) = Raw::sign_in(&hall.mallory).await
                && raw.write.write_all(&event.repeat(TOO_MANY)).await.is_ok()
                && raw.until("rate_limited").await.is_ok()
            {
                refused.store(true, Ordering::Relaxed);
                pour(raw, &event.repeat(TOO_MANY), true).await;
            }
        })
        .await;
        assert!(
            refused.into_inner(),
            "{what} are refused before they are cut"
        );
    }
}

/// Polls, and posts this over and over until the server takes no more of it.
async fn pour_by_polling(hall: &Hall, body: &str) {
    let mut session = Polling::open(&hall.mallory.url).await;
    session
        .send(&format!("40{}", json!({ "token": hall.mallory.token })))
        .await;
    session.next().await;
    let pouring = async { while session.send(body).await {} };
    tokio::time::timeout(POLLING_PATIENCE, pouring)
        .await
        .expect("the flooder is cut");
}

#[tokio::test]
async fn floods_by_polling_are_cut() {
    /// Packets of a body, which is less than the largest.
    const PACKETS: usize = 1000;
    for (what, packet) in [
        ("pongs by polling", "3".to_owned()),
        ("namespaces by polling", "40/no_such_namespace,".to_owned()),
        (
            "events by polling",
            format!("42{}", json!(["no_such_event", {}])),
        ),
        (
            "typing by polling",
            format!(
                "42{}",
                json!(["typing", { "roomId": ROOM, "isTyping": true }])
            ),
        ),
    ] {
        flood(what, &[], async |hall| {
            let packet = packet.replace(ROOM, &hall.room);
            let packets = PACKETS.min(PAYLOAD_BYTES / (packet.len() + 1));
            pour_by_polling(hall, &vec![packet; packets].join("\x1e")).await;
        })
        .await;
    }
}

async fn flood_with_pings(what: &str, reads: bool) {
    let pings = raw::frame(raw::FINAL | raw::PING, b"").repeat(1000);
    flood(what, &[], async |hall| {
        if let Ok(raw) = Raw::sign_in(&hall.mallory).await {
            pour(raw, &pings, reads).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_flood_of_pings_is_cut() {
    flood_with_pings("pings", true).await;
}

#[tokio::test]
async fn a_flood_of_pings_is_cut_when_their_answers_are_not_read() {
    flood_with_pings("pings, unread", false).await;
}

#[tokio::test]
async fn a_flood_of_what_the_engine_answers_by_itself_is_cut() {
    let connects = raw::text("40/no_such_namespace,").repeat(1000);
    flood("namespaces", &[], async |hall| {
        if let Ok(raw) = Raw::sign_in(&hall.mallory).await {
            pour(raw, &connects, true).await;
        }
    })
    .await;
}

#[tokio::test]
async fn half_frames_are_waited_for_no_longer_than_a_sign_in() {
    /// As many as may come from one address without signing in.
    const CONNECTIONS: usize = 32;
    let length = PAYLOAD_BYTES - 1;
    let mut half = raw::head(raw::FINAL | raw::TEXT, length as u64);
    half.resize(half.len() + length / 2, b'4');
    flood("half frames", &[], async |hall| {
        let all = (0..CONNECTIONS).map(async |_| {
            if let Ok(raw) = Raw::open(&hall.mallory.url).await {
                send_and_end(raw, &half).await;
            }
        });
        join_all(all).await;
    })
    .await;
}

#[tokio::test]
async fn frames_and_messages_without_an_end_are_cut() {
    /// In fragments of one message.
    const MESSAGE_BYTES: usize = 15 * 1024 * 1024;
    const FRAGMENT_BYTES: usize = 1024;
    let fragment = |kind| raw::frame(kind, &[b'4'; FRAGMENT_BYTES]);
    let mut message = fragment(raw::TEXT);
    message.extend(fragment(raw::CONTINUATION).repeat(MESSAGE_BYTES / FRAGMENT_BYTES));
    let mut frame = raw::head(raw::FINAL | raw::TEXT, 1 << 40);
    frame.resize(MESSAGE_BYTES, b'4');
    let many = r#"451000000000000-["send_message",{"_placeholder":true,"num":0}]"#;
    let attachments = raw::text(many);
    for (what, bytes) in [
        ("15 MiB in fragments", message),
        ("a frame of a tebibyte", frame),
        ("10^12 attachments", attachments),
    ] {
        flood(what, &[], async |hall| {
            if let Ok(raw) = Raw::sign_in(&hall.mallory).await {
                send_and_end(raw, &bytes).await;
            }
        })
        .await;
    }
}

#[tokio::test]
async fn fragments_of_nothing_make_no_message_too_long_and_are_cut() {
    let nothing = raw::frame(raw::CONTINUATION, b"").repeat(1000);
    flood("empty fragments", &[], async |hall| {
        if let Ok(mut raw) = Raw::sign_in(&hall.mallory).await {
            raw.write
                .write_all(&raw::frame(raw::TEXT, b""))
                .await
                .unwrap();
            pour(raw, &nothing, true).await;
        }
    })
    .await;
}

#[tokio::test]
async fn whoever_connects_and_leaves_a_thousand_times_leaves_nothing_behind() {
    let times = either(1000, 300);
    flood("connects and leaves", &[], async |hall| {
        let mut let_in = 0;
        for _ in 0..times {
            let_in += usize::from(Raw::sign_in(&hall.mallory).await.is_ok());
        }
        assert!(let_in < times, "it is refused at some time");
    })
    .await;
    // The same without the limit that refuses it.
    flood("connects and leaves, unlimited", &UNLIMITED, async |hall| {
        for _ in 0..times {
            Raw::sign_in(&hall.mallory)
                .await
                .expect("nobody is refused");
        }
    })
    .await;
}

#[tokio::test]
async fn whoever_leaves_while_the_disk_stands_still_is_not_kept_until_it_goes_on() {
    /// So many would wait for the writer, and it for less than it waits for a lock.
    const TIMES: usize = 1500;
    let hall = warm(&UNLIMITED).await;
    let database = data(hall.chatd.root()).join("chatd.db");
    let database = rusqlite::Connection::open(database).unwrap();
    let memory = Memory::of(&hall.chatd);
    database.execute_batch("BEGIN IMMEDIATE").unwrap();
    let began = Instant::now();
    for _ in 0..TIMES {
        Raw::sign_in(&hall.mallory)
            .await
            .expect("nobody is refused");
    }
    let took = began.elapsed();
    database.execute_batch("COMMIT").unwrap();
    let grown = memory.growth();
    report(
        "a client that connects and leaves while the disk stands still",
        format!("memory grew by {} in {took:.1?}", Size(grown)),
    );
    assert!(grown <= MOST_GROWTH_BYTES, "{}", Size(grown));
    hall.talk(WARM_UP).await;
}
