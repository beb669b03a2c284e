//! Long readers: a query that takes too long is ended, and the write-ahead log stays small.

use super::{CLIENTS, PAGE, chatd, client_ids, either, executable, full, report, soon, stream};
use crate::harness::stream::Packet;
use crate::harness::{Executable, Person};
use rusqlite::Connection;
use serde_json::json;
use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// A query may take so long.
const QUERY_TIME: Duration = Duration::from_secs(5);
/// It is noticed so soon after that, also on a machine that has much else to do.
const NOTICED_WITHIN: Duration = Duration::from_secs(2);
/// The write-ahead log is never longer, in bytes.
const LOG_BYTES: u64 = 64 * 1024 * 1024;
/// Messages a second, of all clients together.
const RATE: usize = 1000;
/// The rate that is kept at least, in percent; it is asserted in full only.
const KEPT_PERCENT: usize = 95;
/// People who read all of a room's history, page by page, again and again.
const PAGING: u32 = 4;
/// People who ask for what never ends, again and again, each at another time.
const ENDLESS_ASKERS: u32 = 3;
/// The length of a message, in bytes.
const BYTES: usize = 1000;
/// Between two looks at the log's length.
const LOOK: Duration = Duration::from_millis(20);
/// Messages beside a query that may have its time: fewer than would fill the log, for which it would be
/// ended sooner.
const FEW: usize = 200;
/// A room's bans become a list that is counted out for ever.
const ENDLESS: &str = "PRAGMA foreign_keys = OFF; DROP TABLE room_bans;
    CREATE VIEW room_bans AS
        WITH RECURSIVE count (number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM count)
        SELECT CAST(number AS BLOB) AS room_id, CAST(number AS BLOB) AS user_id,
            CAST(number AS BLOB) AS banned_by, number AS created_at FROM count;";

/// A server that never comes to the end of a room's bans.
async fn endless() -> (Executable, Person, String) {
    let (chatd, ann, room) = chatd().await;
    let folder = chatd.kill();
    let database = Connection::open(executable::data(folder.path()).join("chatd.db")).unwrap();
    database.execute_batch(ENDLESS).unwrap();
    drop(database);
    let chatd = Executable::start(folder).await;
    let ann = chatd.again(&ann);
    (chatd, ann, room)
}

/// Asks for what never ends; says how long the refusal took.
async fn ask_endlessly(person: &Person, room: &str) -> Duration {
    let began = Instant::now();
    let path = format!("/api/rooms/{room}/bans");
    let refused = soon("a refusal", person.get(&path)).await;
    refused.expect_error(503, "overloaded");
    began.elapsed()
}

/// Sends messages at a pace, and gives how many were acknowledged until `end`.
async fn talk_at_a_pace(
    person: Person,
    room: String,
    ids: VecDeque<String>,
    end: Instant,
) -> usize {
    let (mut sending, mut receiving) = stream::connect(&person.url, &person.token).await;
    let pace = Duration::from_secs(1) / u32::try_from(RATE / CLIENTS).unwrap();
    let mut pace = tokio::time::interval(pace);
    let (mut acknowledged, mut on_their_way, mut ids) = (0, 0, ids.into_iter());
    while Instant::now() < end {
        tokio::select! {
            _ = pace.tick(), if on_their_way < super::WINDOW => {
                let client_id = ids.next().unwrap();
                let content = format!("{client_id:x<BYTES$}");
                let message = json!({ "roomId": room, "content": content, "clientId": client_id });
                sending.emit_for_ack("send_message", &message);
                on_their_way += 1;
            }
            packet = receiving.next() => {
                if let Packet::Ack(_, ack) = packet.unwrap() {
                    assert_eq!(ack["ok"], true, "{ack}");
                    acknowledged += 1;
                    on_their_way -= 1;
                }
            }
        }
    }
    acknowledged
}

/// Reads all of a room's history page by page, again and again; gives how many pages.
async fn page(person: Person, room: String, end: Instant) -> usize {
    let (mut pages, mut last) = (0, 0);
    while Instant::now() < end {
        let path = format!("/api/rooms/{room}/messages?after={last}&limit={PAGE}");
        let page = person.get(&path).await.expect(200);
        let read = page["messages"].as_array().unwrap().len();
        last = if page["hasAfter"] == true {
            last + read
        } else {
            0
        };
        pages += 1;
    }
    pages
}

/// The longest that the log was until `end`, in bytes.
async fn longest(log: PathBuf, end: Instant) -> u64 {
    let (mut looks, mut longest) = (tokio::time::interval(LOOK), 0);
    while Instant::now() < end {
        looks.tick().await;
        longest = longest.max(std::fs::metadata(&log).map_or(0, |log| log.len()));
    }
    longest
}

async fn sum(tasks: Vec<JoinHandle<usize>>) -> usize {
    let mut sum = 0;
    for task in tasks {
        sum += task.await.unwrap();
    }
    sum
}

/// Asks for what never ends, again and again; gives how many times that was interrupted.
async fn keep_asking(person: Person, room: String, end: Instant) -> usize {
    let mut interrupted = 0;
    while Instant::now() < end {
        let took = ask_endlessly(&person, &room).await;
        assert!(took < QUERY_TIME + NOTICED_WITHIN, "{took:?}");
        interrupted += 1;
    }
    interrupted
}

/// Everybody talks at the rate for so long, beside people who page and so many who ask for what never
/// ends; the log must stay small.
async fn stays_small(time: Duration, asking: u32) {
    let (chatd, ann, room) = endless().await;
    let end = Instant::now() + time;
    let asked_until = Instant::now() + time.saturating_sub(QUERY_TIME);
    let each = RATE / CLIENTS * (usize::try_from(time.as_secs()).unwrap() + 1);
    let talking = client_ids(0, each)
        .into_iter()
        .map(|ids| tokio::spawn(talk_at_a_pace(ann.clone(), room.clone(), ids, end)))
        .collect();
    // What never ends has its reader to itself.
    let paging = (asking..PAGING)
        .map(|_| tokio::spawn(page(ann.clone(), room.clone(), end)))
        .collect();
    let askers = (0..asking).map(|number| {
        let asking = keep_asking(ann.clone(), room.clone(), asked_until);
        tokio::spawn(async move {
            // They never end all at once.
            tokio::time::sleep(QUERY_TIME / ENDLESS_ASKERS * number).await;
            asking.await
        })
    });
    let askers = askers.collect();
    let log = executable::data(chatd.root()).join("chatd.db-wal");
    let longest = tokio::spawn(longest(log, end));
    let (acknowledged, pages) = (sum(talking).await, sum(paging).await);
    let interrupted = sum(askers).await;
    let longest = longest.await.unwrap();
    let seconds = usize::try_from(time.as_secs()).unwrap();
    let rate = acknowledged / seconds;
    report(
        "long readers",
        format_args!(
            "{rate} messages/s for {seconds} s, {pages} pages of history read, {interrupted} queries \
             interrupted: the write-ahead log had {} KiB at most",
            longest / 1024
        ),
    );
    assert!(longest < LOG_BYTES, "{longest}");
    assert!(!full() || rate >= RATE * KEPT_PERCENT / 100, "{rate}/s");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_stays_small_while_everybody_talks_and_reads() {
    stays_small(either(Duration::from_mins(5), Duration::from_secs(5)), 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_stays_small_beside_queries_that_never_end() {
    stays_small(
        either(Duration::from_mins(1), Duration::from_secs(11)),
        ENDLESS_ASKERS,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_that_would_never_end_is_interrupted_after_its_time() {
    let (_chatd, ann, room) = endless().await;
    let talk = async {
        for said in 1..=FEW {
            assert_eq!(ann.say(&room, "meanwhile").await["seq"], said);
        }
    };
    let (took, ()) = tokio::join!(ask_endlessly(&ann, &room), talk);
    assert!(took >= QUERY_TIME, "{took:?}");
    assert!(took < QUERY_TIME + NOTICED_WITHIN, "{took:?}");
    ann.get(&format!("/api/rooms/{room}/messages"))
        .await
        .expect(200);
    report(
        "long readers",
        format_args!(
            "a query without an end was interrupted after {} ms; {FEW} messages were sent meanwhile",
            took.as_millis()
        ),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_stays_small_while_a_large_room_is_removed() {
    /// What is overwritten of them, and kept in the log until then, is more than the log may have.
    const MESSAGES: i64 = 6000;
    const LONGEST_BYTES: i64 = 16_000;
    let (chatd, ann, room) = chatd().await;
    let said = ann.say(&room, "first").await;
    let folder = chatd.kill();
    let path = executable::data(folder.path()).join("chatd.db");
    let mut database = Connection::open(&path).unwrap();
    let many = database.transaction().unwrap();
    many.execute(
        "WITH RECURSIVE count (number) AS (SELECT 2 UNION ALL SELECT number + 1 FROM count WHERE number < ?1)
         INSERT INTO messages (room_id, seq, id, user_id, content, message_type, created_at)
         SELECT room_id, number, randomblob(16), user_id, printf('%.*c', ?2, 'x'), message_type, created_at
         FROM messages, count WHERE seq = 1",
        (MESSAGES, LONGEST_BYTES),
    )
    .unwrap();
    many.execute("UPDATE rooms SET last_seq = ?", [MESSAGES])
        .unwrap();
    many.commit().unwrap();
    drop(database);
    let chatd = Executable::start(folder).await;
    let ann = chatd.again(&ann);
    let history = format!("/api/rooms/{room}/messages");
    let newest = ann.get(&format!("{history}?limit=1")).await.expect(200);
    assert_eq!(newest["lastSeq"], MESSAGES);
    assert_eq!(said["seq"], 1);

    ann.delete(&format!("/api/rooms/{room}")).await.expect(204);
    // What is left of a room is removed from time to time, and at each start.
    let _chatd = Executable::start(chatd.kill()).await;
    let log = path.with_extension("db-wal");
    let removed = async {
        let (mut looks, mut longest) = (tokio::time::interval(LOOK), 0);
        let left = Connection::open(&path).unwrap();
        loop {
            looks.tick().await;
            longest = longest.max(std::fs::metadata(&log).map_or(0, |log| log.len()));
            let rooms: i64 = left
                .query_row("SELECT count(*) FROM rooms", [], |row| row.get(0))
                .unwrap();
            if rooms == 0 {
                return longest;
            }
        }
    };
    let longest = soon("the end of the room", removed).await;
    report(
        "long readers",
        format_args!(
            "{MESSAGES} messages of {LONGEST_BYTES} bytes removed: the write-ahead log had {} KiB at most",
            longest / 1024
        ),
    );
    assert!(longest < LOG_BYTES, "{longest}");
}
