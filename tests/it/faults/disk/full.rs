//! A disk that is full, and has room again, while everybody talks.

use super::{CLIENTS, History, all_talk, client_ids, either, full, in_database, report};
use crate::harness::{Executable, Transport, small_disk};
use serde_json::json;
use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io::Write;
use std::time::{Duration, Instant};

/// The size of the disk, in bytes: all rounds together need less, the write-ahead log with them.
const DISK: u64 = 64 * 1024 * 1024;
/// How much of it is taken from the start, in bytes.
const TAKEN: u64 = 62 * 1024 * 1024;
/// What is written at once to fill it, in bytes.
const PART: usize = 4096;
/// Messages of a client, which take more than is left.
const EACH: usize = 150;
/// The length of a message, in bytes.
const BYTES: usize = 2000;

/// When nothing is written any more the log is emptied within this: ten seconds, and a little.
const EMPTIED_WITHIN: Duration = Duration::from_secs(20);
/// Between two looks at whether it is.
const LOOK: Duration = Duration::from_millis(100);

/// What the database holds, by a copy: what is on a disk that only the server sees cannot be named.
fn on_the_small_disk(chatd: &Executable, room: &str) -> HashMap<String, (String, i64)> {
    let copy = tempfile::tempdir().unwrap();
    for file in ["chatd.db", "chatd.db-wal"] {
        let there = small_disk::inside(chatd).join(file);
        std::fs::copy(there, copy.path().join(file)).unwrap();
    }
    in_database(&copy.path().join("chatd.db"), room)
}

/// Takes all the room that is left, once the log has given back what it would use again.
async fn fill(chatd: &Executable) {
    let log = small_disk::inside(chatd).join("chatd.db-wal");
    let emptied = async {
        while std::fs::metadata(&log).unwrap().len() > 0 {
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::time::timeout(EMPTIED_WITHIN, emptied).await.unwrap();
    let mut filler = File::create(small_disk::filler(chatd)).unwrap();
    while filler.write_all(&[0; PART]).is_ok() {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_is_filled_again_and_again_loses_nothing_that_was_acknowledged() {
    let Some(chatd) = small_disk::start(DISK, TAKEN).await else {
        assert!(!full(), "no disk can be mounted here");
        return;
    };
    let (ann, bob) = tokio::join!(chatd.person("ann"), chatd.person("bob"));
    let room = ann.room("Talk", false).await;
    bob.join(&room).await;
    let mut listening = bob.connect_to(&room).await;
    let (rounds, began) = (either(5, 2), Instant::now());
    let (mut history, mut acknowledged, mut refused) = (History::default(), 0, 0);
    for round in 0..rounds {
        if round > 0 {
            fill(&chatd).await;
        }
        let mut to_send = client_ids(round, EACH);
        let mut is_full = false;
        while to_send.iter().any(|ids| !ids.is_empty()) {
            let mut left: Vec<VecDeque<String>> = Vec::new();
            for talk in all_talk(&ann, &room, to_send, BYTES).await {
                let talk = talk.await.unwrap();
                assert!(talk.unanswered.is_empty(), "each is answered");
                history.read_on(&ann, &room).await;
                history.must_have(&talk.acknowledged);
                acknowledged += talk.acknowledged.len();
                for (client_id, code) in &talk.refused {
                    assert_eq!(code, "storage_full");
                    assert!(!history.messages.contains_key(client_id), "{client_id}");
                }
                refused += talk.refused.len();
                left.push(talk.refused.into_iter().map(|(id, _)| id).collect());
            }
            to_send = left;
            if is_full {
                continue;
            }
            is_full = true;
            assert!(to_send.iter().any(|ids| !ids.is_empty()), "it is not full");
            // Reading and what is live go on.
            ann.get("/readyz").await.expect(200);
            let mut typing = ann.connect_by(Transport::WebSocket).await;
            typing
                .ask("join_room", json!({ "roomId": room }))
                .await
                .unwrap();
            let says = json!({ "roomId": room, "isTyping": true });
            typing.ask("typing", says).await.unwrap();
            assert_eq!(listening.next("user_typing").await["username"], "ann");
            // Somebody makes room.
            std::fs::remove_file(small_disk::filler(&chatd)).unwrap();
        }
        // Who has the room open hears of all that is kept, in order, and of nothing else.
        while history.told < history.last {
            let message = listening.next("receive_message").await;
            history.told += 1;
            assert_eq!(message["seq"], history.told, "{message}");
        }
    }
    // However often it is full, whoever runs the server is not told more than once a minute.
    let log = std::fs::read_to_string(small_disk::log(chatd.root())).unwrap();
    let minutes = usize::try_from(began.elapsed().as_secs() / 60).unwrap();
    let warnings = log.lines().filter(|line| line.contains("WARN")).count();
    assert!(warnings <= minutes + 1, "{log}");
    let there = on_the_small_disk(&chatd, &room);
    assert_eq!(there, history.messages);
    assert_eq!(acknowledged, rounds * CLIENTS * EACH);
    report(
        "disk full",
        format_args!(
            "filled {rounds} times: {refused} refused with storage_full, 0 of them kept or delivered; \
             {acknowledged} acknowledged, 0 missing; reading and typing went on; no restart"
        ),
    );
}
