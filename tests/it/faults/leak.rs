//! Nothing leaks: whoever is removed, banned or leaves while everybody talks sees all that came before,
//! and nothing that comes after, by whatever way they ask for it.
//!
//! Where a membership ends among a room's numbers is told by those who stay: they are told `user_left`
//! between two messages, all of them between the same two, and what is known from outside holds too:
//! after all that was acknowledged before it was asked for, and before what is sent once it is answered.

use super::{either, report};
use crate::harness::stream::{self, Packet, Receiving, Sending};
use crate::harness::{DEADLINE, Executable, Person, Socket, soon};
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Those who talk all the time.
const SENDERS: usize = 8;
/// Messages of each that are on their way at a time.
const ON_THE_WAY: usize = 8;
/// So often a sender says that they type, too, in messages.
const TYPES_EVERY: usize = 7;
/// Between the ends of two memberships so many messages come at least.
const BETWEEN: i64 = 40;
/// How far back somebody looks who asks for what they missed, in messages.
const LOOK_BACK: i64 = 20;
/// The ack that the last question to a live connection gets: it asked to be let in before.
const LAST_ACK: u64 = 1;

/// Sends without a pause until it is told to stop.
async fn talk(person: Person, room: String, acked: Arc<AtomicI64>, stop: Arc<AtomicBool>) -> usize {
    let (mut sending, mut receiving) = stream::connect(&person.url, &person.token).await;
    let join = json!({ "roomId": room, "quiet": true });
    sending.emit_for_ack("join_room", &join);
    soon("the room", receiving.ack()).await.unwrap();
    let message = json!({ "roomId": room, "content": "something that only members may know" });
    for _ in 0..ON_THE_WAY {
        sending.emit_for_ack("send_message", &message);
    }
    let (mut answered, mut on_the_way) = (0, ON_THE_WAY);
    while on_the_way > 0 {
        let (_, ack) = soon("an ack", receiving.ack()).await.unwrap();
        let seq = ack["message"]["seq"].as_i64().expect("a message");
        acked.fetch_max(seq, Ordering::SeqCst);
        answered += 1;
        on_the_way -= 1;
        if answered % TYPES_EVERY == 0 {
            let is_typing = answered / TYPES_EVERY % 2 == 0;
            sending.emit("typing", &json!({ "roomId": room, "isTyping": is_typing }));
        }
        if !stop.load(Ordering::SeqCst) {
            sending.emit_for_ack("send_message", &message);
            on_the_way += 1;
        }
    }
    answered
}

/// Opens the room before anything is said in it.
async fn open(person: &Person, room: &str) -> (Sending, Receiving) {
    let (mut sending, mut receiving) = stream::connect(&person.url, &person.token).await;
    sending.emit_for_ack("join_room", &json!({ "roomId": room, "quiet": true }));
    soon("the room", receiving.ack()).await.unwrap();
    (sending, receiving)
}

/// Whose membership the event ends, if it ends one.
fn whose_end<'a>(name: &str, payload: &'a Value) -> Option<&'a str> {
    (name == "user_left" && payload["type"] == "permanent")
        .then(|| payload["userId"].as_str().unwrap())
}

/// Somebody who stays: after which message each membership ended, as they were told.
async fn witness(
    mut receiving: Receiving,
    last: watch::Sender<i64>,
    until: Arc<AtomicI64>,
) -> HashMap<String, i64> {
    let mut ends = HashMap::new();
    loop {
        let packet = soon("an event", receiving.next()).await.expect("it stays");
        let Packet::Event(name, payload) = packet else {
            continue;
        };
        if name == "receive_message" {
            let seq = payload["seq"].as_i64().unwrap();
            assert_eq!(seq, *last.borrow() + 1, "a gap");
            last.send_replace(seq);
            if seq == until.load(Ordering::SeqCst) {
                return ends;
            }
        } else if let Some(user) = whose_end(&name, &payload) {
            let twice = ends.insert(user.to_owned(), *last.borrow());
            assert_eq!(twice, None, "{payload}");
        }
    }
}

/// What a live connection was told of the room: the last message before its user's membership ended,
/// once every one since the first was seen, and that the end was told. Fails at anything after that.
async fn live(mut receiving: Receiving, user: String, room: String) -> Option<i64> {
    let (mut last, mut end) = (0, None);
    while let Some(packet) = receiving.next().await {
        match packet {
            Packet::Event(name, payload) => {
                assert!(
                    end.is_none() || payload["roomId"] != room.as_str(),
                    "told after {end:?}: {name} {payload}"
                );
                if name == "receive_message" {
                    last += 1;
                    assert_eq!(payload["seq"], last, "a gap");
                } else if whose_end(&name, &payload) == Some(&user) {
                    end = Some(last);
                }
            }
            Packet::Ack(LAST_ACK, _) => return end,
            Packet::Ack(..) => {}
            Packet::Disconnect => break,
        }
    }
    panic!("a live connection was cut");
}

/// Asks in every way that there is, over and over, until each was refused; gives the last message that
/// any of the answers or of what came with them held.
async fn pry(person: Person, room: String) -> i64 {
    let mut socket = person.connect().await;
    let mut most = 0;
    loop {
        if pry_once(&person, &mut socket, &room, &mut most).await {
            return most;
        }
    }
}

/// The same once; says whether every way was closed.
async fn pry_once(person: &Person, socket: &mut Socket, room: &str, most: &mut i64) -> bool {
    let since = (*most - LOOK_BACK).max(0);
    let join = json!({ "roomId": room, "since": since, "quiet": true });
    let joined = socket.ask("join_room", join).await;
    let path = format!("/api/rooms/{room}/messages?after={since}");
    let history = person.get(&path).await;
    let rooms = person.get("/api/rooms").await.expect(200);
    let rooms = rooms["rooms"].as_array().unwrap();
    let receipt = json!({ "roomId": room, "seq": 0 });
    let read = socket.ask("message_read", receipt).await;
    let seqs = |messages: &Value| {
        let messages = messages.as_array().into_iter().flatten();
        let seqs = messages.filter_map(|message| message["seq"].as_i64());
        seqs.max().unwrap_or(0)
    };
    let told = socket.seen().await;
    let told = told.iter().filter(|(name, _)| name == "receive_message");
    let mut seen = vec![
        seqs(&history.body["messages"]),
        history.body["lastSeq"].as_i64().unwrap_or(0),
        rooms
            .first()
            .map_or(0, |room| room["lastSeq"].as_i64().unwrap()),
        joined
            .as_ref()
            .map_or(0, |ack| ack["lastSeq"].as_i64().unwrap()),
    ];
    seen.extend(told.map(|(_, message)| message["seq"].as_i64().unwrap()));
    *most = seen.into_iter().max().unwrap_or(0).max(*most);
    joined.is_err() && read.is_err() && history.status == 403 && rooms.is_empty()
}

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_removed_amid_the_talk_sees_all_before_it_and_nothing_after() {
    let victims: usize = either(30, 9);
    let chatd = Executable::start(Arc::new(tempfile::tempdir().unwrap())).await;
    let ada = chatd.person("ada").await;
    let room = ada.room("Secrets", false).await;
    let mut people = Vec::new();
    for number in 0..SENDERS + victims {
        let person = chatd.person(&format!("p-{number}")).await;
        person.join(&room).await;
        people.push(person);
    }
    let (acked, stop) = (Arc::default(), Arc::new(AtomicBool::new(false)));
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

    let mut between = HashMap::new();
    for (victim, end) in doomed.iter().zip(End::ALL.iter().cycle()) {
        let enough = *heard.borrow() + BETWEEN;
        let talk = heard.wait_for(|seq| *seq >= enough);
        soon("talk", talk).await.unwrap();
        let before: i64 = acked.load(Ordering::SeqCst);
        end.of(&victim.person, &ada, &room).await;
        let after = ada.say(&room, "after it").await["seq"].as_i64().unwrap();
        between.insert(victim.person.id.clone(), before..after);
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
    for Victim {
        person,
        mut asking,
        live,
        prying,
    } in doomed
    {
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
        assert!(pried <= end, "{} saw {pried}, after {end}", person.name);
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
