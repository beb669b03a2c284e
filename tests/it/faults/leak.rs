//! Nothing leaks: whoever is removed, banned or leaves while everybody talks sees all that came before,
//! and nothing that comes after, by whatever way they ask for it.
//!
//! Where a membership ends among a room's numbers is told by those who stay: they are told `user_left`
//! between two messages, all of them between the same two, and what is known from outside holds too:
//! after all that was acknowledged before it was asked for, and before what is sent once it is answered.

mod looking;

use super::{either, report};
use crate::harness::stream::Sending;
use crate::harness::{DEADLINE, Executable, Person, soon};
use futures_util::future::join_all;
use looking::{LAST_ACK, live, open, pry, read_history, talk, witness};
use reqwest::Method;
use serde_json::json;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Those who talk all the time.
const SENDERS: usize = 8;
/// Between the ends of two memberships so many messages come at least.
const BETWEEN: i64 = 40;
/// When a membership ends, whose it is reads the history in so many requests at a time.
const HISTORIES: usize = 16;

/// How a membership ends.
#[derive(Debug, Clone, Copy)]
enum End {
    Removed,
    Banned,
    Leaves,
}

impl End {
    const ALL: [Self; 3] = [Self::Removed, Self::Banned, Self::Leaves];

    async fn of(self, victim: &Person, admin: &Person, room: &str) {
        let path = format!("/api/rooms/{room}");
        let answer = match self {
            Self::Removed => {
                let member = format!("{path}/users/{}", victim.id);
                admin.delete(&member).await
            }
            Self::Banned => {
                let ban = format!("{path}/bans/{}", victim.id);
                admin.send(Method::PUT, &ban, json!({})).await
            }
            Self::Leaves => victim.post(&format!("{path}/leave"), json!({})).await,
        };
        assert!((200..300).contains(&answer.status), "{self:?}: {answer:?}");
    }
}

/// Somebody whose membership is to end, with what looks on meanwhile.
struct Victim {
    person: Person,
    asking: Sending,
    live: JoinHandle<Option<i64>>,
    prying: JoinHandle<i64>,
}

impl Victim {
    /// Ends the membership while its history is read, from a number on: among which numbers it ended,
    /// by what is known from outside, and the last that was read.
    async fn ended(
        &self,
        how: End,
        admin: &Person,
        room: &str,
        from: i64,
        acked: &AtomicI64,
    ) -> (Range<i64>, i64) {
        let at_it = Arc::new(Semaphore::new(0));
        let histories = (0..HISTORIES).map(|_| {
            let (person, at_it) = (self.person.clone(), Arc::clone(&at_it));
            tokio::spawn(read_history(person, room.to_owned(), from, at_it))
        });
        let histories: Vec<_> = histories.collect();
        let reading = at_it.acquire_many(u32::try_from(HISTORIES).unwrap());
        soon("answers", reading).await.unwrap().forget();
        let before = acked.load(Ordering::SeqCst);
        how.of(&self.person, admin, room).await;
        let after = admin.say(room, "after it").await;
        let after = after["seq"].as_i64().unwrap();
        let read = soon("refusals", join_all(histories)).await.into_iter();
        (before..after, read.map(Result::unwrap).max().unwrap())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_removed_amid_the_talk_sees_all_before_it_and_nothing_after() {
    let victims: usize = either(90, 9);
    let chatd = Executable::start(Arc::new(tempfile::tempdir().unwrap())).await;
    let ada = chatd.person("ada").await;
    let room = ada.room("Secrets", false).await;
    let mut people = Vec::new();
    for number in 0..SENDERS + victims {
        let person = chatd.person(&format!("p-{number}")).await;
        person.join(&room).await;
        people.push(person);
    }
    let (acked, stop) = (
        Arc::new(AtomicI64::new(0)),
        Arc::new(AtomicBool::new(false)),
    );
    let until = Arc::new(AtomicI64::new(0));
    let (last, mut heard) = watch::channel(0);
    let mut witnesses = Vec::new();
    for (person, last) in [(&ada, last), (&people[0], watch::Sender::new(0))] {
        // The half that sends is not needed, and its absence does no harm.
        let (_, receiving) = open(person, &room).await;
        witnesses.push(tokio::spawn(witness(receiving, last, Arc::clone(&until))));
    }
    let mut doomed = Vec::new();
    for person in people.split_off(SENDERS) {
        let (asking, receiving) = open(&person, &room).await;
        let live = live(receiving, person.id.clone(), room.clone());
        doomed.push(Victim {
            live: tokio::spawn(live),
            prying: tokio::spawn(pry(person.clone(), room.clone())),
            person,
            asking,
        });
    }
    let talks = people.iter().map(|person| {
        let (acked, stop) = (Arc::clone(&acked), Arc::clone(&stop));
        tokio::spawn(talk(person.clone(), room.clone(), acked, stop))
    });
    let talks: Vec<_> = talks.collect();

    let (mut between, mut histories_read) = (HashMap::new(), Vec::new());
    for (victim, end) in doomed.iter().zip(End::ALL.iter().cycle()) {
        let enough = *heard.borrow() + BETWEEN;
        let talk = heard.wait_for(|seq| *seq >= enough);
        soon("talk", talk).await.unwrap();
        let from = enough - BETWEEN;
        let (place, read) = victim.ended(*end, &ada, &room, from, &acked).await;
        between.insert(victim.person.id.clone(), place);
        histories_read.push(read);
    }
    stop.store(true, Ordering::SeqCst);
    let sent: usize = soon("the end of the talk", join_all(talks))
        .await
        .into_iter()
        .map(Result::unwrap)
        .sum();
    // Nobody is told this number before it is known here: the room is quiet.
    let total = i64::try_from(sent + victims).unwrap() + 1;
    until.store(total, Ordering::SeqCst);
    assert_eq!(ada.say(&room, "the end").await["seq"], total);

    let mut ends = Vec::new();
    for witness in witnesses {
        ends.push(soon("the last message", witness).await.unwrap());
    }
    assert_eq!(
        ends[0], ends[1],
        "those who stay were told different orders"
    );
    assert_eq!(ends[0].len(), victims);
    let mut pried_in_time = 0;
    for (victim, read) in doomed.into_iter().zip(histories_read) {
        let Victim {
            person,
            mut asking,
            live,
            prying,
        } = victim;
        let end = ends[0][&person.id];
        let known = &between[&person.id];
        assert!(known.contains(&end), "{end} is not in {known:?}");
        assert_eq!(asking.emit_for_ack("no_such_event", &json!({})), LAST_ACK);
        let seen = soon("the last answer", live).await.unwrap();
        assert_eq!(seen, Some(end), "{} saw another part", person.name);
        let pried = timeout(DEADLINE, prying)
            .await
            .expect("to be refused")
            .unwrap();
        for seen in [pried, read] {
            assert!(seen <= end, "{} saw {seen}, after {end}", person.name);
        }
        pried_in_time += usize::from(pried > 0);
    }
    assert!(
        pried_in_time > victims / 2,
        "only {pried_in_time} asked in time"
    );
    let figure = format!(
        "{victims} memberships ended amid {sent} messages of {SENDERS} senders; each saw all up to its \
         end, live, and nothing after it, live, by replay, by history or in the list of rooms"
    );
    report("nothing leaks", figure);
}
