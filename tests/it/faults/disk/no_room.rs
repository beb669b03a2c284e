//! Commits that fail because the system gives no more room: they are told, and nothing of them is.

use super::{
    History, all_talk, chatd, client_ids, executable, identity, in_the_database, log_of, report,
    soon, start_by,
};
use crate::harness::stream::{self, Packet};
use crate::harness::{Executable, Person};
use serde_json::json;
use std::collections::{HashSet, VecDeque};
use std::ffi::OsString;

/// Messages of a client.
const EACH: usize = 150;
/// The length of a message, in bytes.
const BYTES: usize = 1500;
/// The longest file, in the blocks of 512 bytes in which a shell counts: 1 MiB, less than they take.
const LONGEST_FILE: usize = 2048;
/// The writes of the database's log that a quota refuses, counted from the server's start.
const REFUSED_WRITES: &str = "150..749";
/// The end of the quota comes before clients have tried so often.
const TRIES: usize = 60;

/// What became of a talk to a server that has no room.
struct Told {
    acknowledged: usize,
    refused: Vec<VecDeque<String>>,
}

/// Everybody talks until all is answered, while somebody listens who has the room open. What was
/// refused is `storage_full`, is not in the history and was told to nobody; everything else was.
async fn talk_without_room(
    chatd: &Executable,
    person: &Person,
    room: &str,
    client_ids: Vec<VecDeque<String>>,
    history: &mut History,
) -> Told {
    let (mut sending, mut listening) = stream::connect(&person.url, &person.token).await;
    sending.emit_for_ack("join_room", &json!({ "roomId": room }));
    soon("the room", listening.ack()).await.unwrap();
    let listening = tokio::spawn(async move {
        let mut heard = HashSet::new();
        while let Packet::Event(name, message) = listening.next().await.unwrap() {
            if name == "receive_message" {
                assert!(heard.insert(identity(&message).0), "{message}");
            }
        }
        heard
    });
    let before = history.last;
    let (mut acknowledged, mut refused) = (0, Vec::new());
    for talk in all_talk(person, room, client_ids, BYTES).await {
        let talk = talk.await.unwrap();
        let log = log_of(chatd.root());
        assert!(talk.unanswered.is_empty(), "each is answered: {log}");
        history.read_on(person, room).await;
        history.must_have(&talk.acknowledged);
        acknowledged += talk.acknowledged.len();
        for (client_id, code) in &talk.refused {
            assert_eq!(code, "storage_full");
            assert!(!history.messages.contains_key(client_id), "{client_id}");
        }
        refused.push(talk.refused.into_iter().map(|(id, _)| id).collect());
    }
    // Who listens has heard of everything when this is answered.
    let typing = json!({ "roomId": room, "isTyping": false });
    sending.emit_for_ack("typing", &typing);
    let heard = soon("an ack", listening).await.unwrap();
    let new = history.messages.iter().filter(|(_, kept)| kept.1 > before);
    assert_eq!(heard, new.map(|(id, _)| id.clone()).collect());
    assert_eq!(heard.len(), acknowledged);
    Told {
        acknowledged,
        refused,
    }
}

fn count(refused: &[VecDeque<String>]) -> usize {
    refused.iter().map(VecDeque::len).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_may_grow_no_more_refuses_messages_and_loses_none() {
    let (first, ann, room) = chatd().await;
    let limit = format!("ulimit -f {LONGEST_FILE} && exec \"$0\" serve");
    let words = ["sh", "-c", &limit, executable::path().to_str().unwrap()];
    let chatd = start_by(words, first.kill()).await;
    let person = chatd.again(&ann);
    let mut history = History::default();
    let told = talk_without_room(&chatd, &person, &room, client_ids(0, EACH), &mut history).await;
    let refused = count(&told.refused);
    assert!(told.acknowledged > 0 && refused > 0, "{refused} refused");
    // It goes on to serve.
    person.get("/readyz").await.expect(200);
    let log = log_of(chatd.root());
    assert_eq!(log.matches("storage_full").count(), 1, "{log}");
    let folder = chatd.kill();
    assert_eq!(in_the_database(folder.path(), &room), history.messages);
    // Without the limit what was refused is taken, once.
    let chatd = Executable::start(folder).await;
    let person = chatd.again(&ann);
    let again = talk_without_room(&chatd, &person, &room, told.refused, &mut history).await;
    assert_eq!((again.acknowledged, count(&again.refused)), (refused, 0));
    report(
        "a commit that fails is told",
        format_args!(
            "ulimit -f: {} acknowledged, 0 missing; {refused} refused, 0 of them kept or delivered",
            told.acknowledged
        ),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quota_that_is_used_up_refuses_messages_until_there_is_room_again() {
    let (first, ann, room) = chatd().await;
    let folder = first.kill();
    // What a quota does to whatever would grow, as the kernel answers it.
    let mut words: Vec<OsString> = ["strace", "-D", "-f", "-o", "/dev/null"]
        .map(Into::into)
        .into();
    for grows in ["chatd.db-wal", "chatd.probe"] {
        words.push("-P".into());
        words.push(executable::data(folder.path()).join(grows).into());
    }
    let inject = format!("inject=pwrite64:error=EDQUOT:when={REFUSED_WRITES}");
    words.extend(["-e", "trace=pwrite64", "-e", &inject].map(Into::into));
    words.extend([executable::path().into(), "serve".into()]);
    let chatd = start_by(words, folder).await;
    let person = chatd.again(&ann);
    let mut history = History::default();
    let (mut to_send, mut acknowledged, mut refused) = (client_ids(0, EACH), 0, 0);
    for _ in 0..TRIES {
        let told = talk_without_room(&chatd, &person, &room, to_send, &mut history).await;
        acknowledged += told.acknowledged;
        refused += count(&told.refused);
        to_send = told.refused;
        if count(&to_send) == 0 {
            break;
        }
    }
    assert_eq!(count(&to_send), 0, "it takes messages again");
    assert!(refused > 0, "nothing was refused");
    assert_eq!(acknowledged, EACH * super::CLIENTS);
    let folder = chatd.kill();
    assert_eq!(in_the_database(folder.path(), &room), history.messages);
    report(
        "a commit that fails is told",
        format_args!(
            "EDQUOT: {refused} refused, 0 of them kept or delivered; then all {acknowledged} acknowledged \
             without a restart, 0 missing"
        ),
    );
}
