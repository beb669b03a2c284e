//! A server that is killed, again and again, while everybody talks.

use super::{CLIENTS, History, all_talk, chatd, client_ids, either, in_the_database, report};
use crate::harness::Executable;
use crate::property::dice::Dice;
use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

/// The kill comes within so many milliseconds after the talk began.
const KILL_WITHIN_MS: usize = 300;
/// More messages than a client can send in that time.
const EACH: usize = 5000;
/// After one kill in so many all of the database is looked at as well.
const LOOKED_AT_EVERY: usize = 10;
/// The length of a message, in bytes.
const BYTES: usize = 300;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_is_there_once_after_every_kill() {
    let rounds = either(200, 15);
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap();
    let seed = u64::try_from(since.as_micros()).unwrap();
    println!("seed {seed}");
    let mut dice = Dice::new(seed);
    let (mut chatd, mut ann, room) = chatd().await;
    let mut history = History::default();
    let mut unanswered = vec![VecDeque::new(); CLIENTS];
    let (mut acknowledged, mut amid_talk) = (0, 0);
    for round in 0..rounds {
        // What was not acknowledged is sent again first, under the same name.
        let mut to_send = client_ids(round, EACH);
        for (new, mut again) in to_send.iter_mut().zip(std::mem::take(&mut unanswered)) {
            again.append(new);
            again.truncate(EACH);
            *new = again;
        }
        let talks = all_talk(&ann, &room, to_send, BYTES).await;
        let moment = u64::try_from(dice.below(KILL_WITHIN_MS)).unwrap();
        tokio::time::sleep(Duration::from_millis(moment)).await;
        let folder = chatd.kill();
        if round.is_multiple_of(LOOKED_AT_EVERY) {
            in_the_database(folder.path(), &room);
        }
        chatd = Executable::start(folder).await;
        ann = chatd.again(&ann);
        history.read_on(&ann, &room).await;
        for talk in talks {
            let talk = talk.await.unwrap();
            assert_eq!(talk.refused, []);
            history.must_have(&talk.acknowledged);
            acknowledged += talk.acknowledged.len();
            amid_talk += usize::from(!talk.unanswered.is_empty());
            // What is sent again is what may be there already.
            let mut again = talk.unanswered;
            again.truncate(super::WINDOW);
            unanswered.push(again);
        }
    }
    assert!(amid_talk > rounds * CLIENTS / 2, "{amid_talk} were cut");
    assert!(acknowledged > rounds * CLIENTS, "{acknowledged}");
    let folder = chatd.kill();
    assert_eq!(in_the_database(folder.path(), &room), history.messages);
    report(
        "acknowledged = on disk",
        format_args!(
            "{rounds} kills under load from {CLIENTS} clients, {acknowledged} messages acknowledged, \
             0 missing, 0 twice, {} in the room, integrity_check ok",
            history.last
        ),
    );
}
