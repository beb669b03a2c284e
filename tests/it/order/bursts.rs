//! Many messages at once.

use super::{
    App, Packet, Person, Socket, Transport, ack, content, history, open, packet, seq, soon, stream,
};
use serde_json::{Value, json};
use std::time::Duration;
use stream::{Receiving, Sending};
use tokio::net::TcpSocket;
use tokio::sync::watch;

/// Messages that one client sends without waiting.
const NUMBERED: u64 = 20_000;
/// Clients that send at once.
const SENDERS: u64 = 8;
/// Messages of each of them.
const EACH: u64 = 1_250;
/// All of those, as the room counts them.
const ALL: i64 = (SENDERS * EACH).cast_signed();
/// What the slow clients' systems take without being read, in bytes.
const SMALL_BUFFER_BYTES: u32 = 4096;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_thousand_messages_sent_without_waiting_arrive_in_order() {
    let app = App::start().await;
    let (ann, bob) = (app.person("ann").await, app.person("bob").await);
    let room = ann.room("Numbers", false).await;
    bob.join(&room).await;
    let (mut sending, receiving) = open(&ann, &room).await;
    let listening = Follower::open(bob.clone(), room.clone(), Pace::Eager).await;
    for number in 1..=NUMBERED {
        let message = json!({ "roomId": room, "content": number.to_string() });
        // The ack of the room had number 0.
        assert_eq!(sending.emit_for_ack("send_message", &message), number);
    }
    let (heard, ()) = tokio::join!(
        listening.follow(NUMBERED.cast_signed()),
        hears_each_before_its_ack(receiving)
    );
    let kept = history(&bob, &room).await;
    assert_eq!(kept.len() as u64, NUMBERED);
    for message in &kept {
        assert_eq!(content(message), seq(message).to_string());
    }
    assert!(heard.kept == kept, "what was told is not what is kept");
}

/// The sender sees each message, and after it its ack.
async fn hears_each_before_its_ack(mut receiving: Receiving) {
    let (mut heard, mut acked) = (0, 0);
    while acked < NUMBERED {
        match packet(&mut receiving).await {
            Packet::Event(name, message) if name == "receive_message" => {
                heard += 1;
                assert_eq!(content(&message), heard.to_string(), "{message}");
            }
            Packet::Ack(id, ack) => {
                acked += 1;
                assert!(id == acked && acked <= heard, "{ack}");
                assert_eq!(seq(&ack["message"]).to_string(), acked.to_string(), "{ack}");
            }
            _ => {}
        }
    }
}

/// How a client reads.
enum Pace {
    /// As fast as it can.
    Eager,
    /// As fast as it can, by polling.
    Polling,
    /// A little at a time.
    Dawdling,
    /// Not at all until the senders are done.
    Late(watch::Receiver<bool>),
}

enum Connection {
    Stream(Sending, Receiving),
    Polling(Box<Socket>),
}

impl Connection {
    async fn open(person: &Person, pace: &Pace) -> Self {
        if matches!(pace, Pace::Polling) {
            let socket = person.connect_by(Transport::Polling).await;
            return Self::Polling(Box::new(socket));
        }
        let socket = TcpSocket::new_v4().unwrap();
        if !matches!(pace, Pace::Eager) {
            socket.set_recv_buffer_size(SMALL_BUFFER_BYTES).unwrap();
        }
        let address = person.url.strip_prefix("http://").unwrap();
        let stream = socket.connect(address.parse().unwrap()).await.unwrap();
        let (sending, receiving) = stream::connect_over(stream, &person.url, &person.token).await;
        Self::Stream(sending, receiving)
    }

    async fn emit(&mut self, event: &str, payload: Value) {
        match self {
            Self::Stream(sending, _) => sending.emit(event, &payload),
            Self::Polling(socket) => socket.emit(event, payload).await,
        }
    }

    async fn next(&mut self) -> Option<Packet> {
        match self {
            Self::Stream(_, receiving) => receiving.next().await,
            Self::Polling(socket) => loop {
                if let Some(packet) = Packet::read(&socket.packet().await?) {
                    return Some(packet);
                }
            },
        }
    }
}

/// A client that keeps a room's messages, whatever happens to its connection.
struct Follower {
    person: Person,
    room: String,
    pace: Pace,
    connection: Connection,
    /// Each message, in the order in which it came: live, by replay, or fetched.
    kept: Vec<Value>,
    cuts: usize,
    fetches: usize,
}

impl Follower {
    /// Has the room open.
    async fn open(person: Person, room: String, pace: Pace) -> Self {
        let connection = Connection::open(&person, &pace).await;
        let mut follower = Self {
            person,
            room,
            pace,
            connection,
            kept: Vec::new(),
            cuts: 0,
            fetches: 0,
        };
        follower.join().await;
        assert_eq!(follower.take().await, Some(true));
        follower
    }

    /// Keeps messages until it has so many.
    async fn follow(mut self, all: i64) -> Self {
        if let Pace::Late(done) = &mut self.pace {
            done.wait_for(|done| *done).await.unwrap();
        }
        while self.last() < all {
            if self.take().await.is_none() {
                self.cuts += 1;
                self.connection = Connection::open(&self.person, &self.pace).await;
                self.join().await;
            } else if matches!(self.pace, Pace::Dawdling) && self.last() % 20 == 0 {
                // No waiting for anything: this is what makes it slow.
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        self
    }

    async fn join(&mut self) {
        let joining = json!({ "roomId": self.room, "since": self.last(), "quiet": true });
        self.connection.emit("join_room", joining).await;
    }

    fn last(&self) -> i64 {
        self.kept.last().map_or(0, seq)
    }

    /// Takes a packet, and says whether it opened the room; nothing when the connection was cut.
    async fn take(&mut self) -> Option<bool> {
        match soon("the next packet", self.connection.next()).await? {
            Packet::Event(name, message) if name == "receive_message" => {
                assert_eq!(seq(&message), self.last() + 1, "a silent hole: {message}");
                self.kept.push(message);
                Some(false)
            }
            Packet::Event(name, joined) if name == "room_joined" => {
                if joined["complete"] == false {
                    assert_eq!(joined["replayed"], 0, "{joined}");
                    self.fetch(joined["lastSeq"].as_i64().unwrap()).await;
                }
                assert_eq!(self.last(), joined["lastSeq"].as_i64().unwrap());
                Some(true)
            }
            Packet::Disconnect => panic!("only the end of a session is told by DISCONNECT"),
            _ => Some(false),
        }
    }

    /// Gets what was too much for a replay. What comes live meanwhile waits in the connection.
    async fn fetch(&mut self, up_to: i64) {
        self.fetches += 1;
        while self.last() < up_to {
            let path = format!(
                "/api/rooms/{}/messages?after={}&limit=200",
                self.room,
                self.last()
            );
            let page = self.person.get(&path).await.expect(200);
            let messages = page["messages"].as_array().unwrap();
            for message in messages.iter().take_while(|message| seq(message) <= up_to) {
                assert_eq!(seq(message), self.last() + 1);
                self.kept.push(message.clone());
            }
        }
    }
}

/// Sends a part of the burst without waiting, and sees that all of it is acknowledged in order.
async fn send_part(person: Person, room: String, sender: u64) {
    let (mut sending, mut receiving) = stream::connect(&person.url, &person.token).await;
    let padding = "x".repeat(200);
    for number in 0..EACH {
        let text = format!("{sender} {number} {padding}");
        sending.emit_for_ack("send_message", &json!({ "roomId": room, "content": text }));
    }
    for number in 0..EACH {
        let (id, answer) = ack(&mut receiving).await;
        assert_eq!((id, &answer["ok"]), (number, &json!(true)), "{answer}");
        let start = format!("{sender} {number} ");
        assert!(content(&answer["message"]).starts_with(&start), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_of_eight_senders_leaves_no_silent_hole() {
    let app = App::start().await;
    let ann = app.person("ann").await;
    let room = ann.room("Burst", false).await;
    let (tell, done) = watch::channel(false);
    let paces = [Pace::Eager, Pace::Polling, Pace::Dawdling, Pace::Late(done)];
    let mut followers = Vec::new();
    for pace in paces {
        let follower = Follower::open(ann.clone(), room.clone(), pace).await;
        followers.push(tokio::spawn(follower.follow(ALL)));
    }
    let senders: Vec<_> = (0..SENDERS)
        .map(|sender| tokio::spawn(send_part(ann.clone(), room.clone(), sender)))
        .collect();
    for sender in senders {
        sender.await.unwrap();
    }
    tell.send_replace(true);
    let kept = history(&ann, &room).await;
    assert_eq!(kept.len() as u64, SENDERS * EACH);
    // How often each was cut, and what it had to fetch.
    let mut fates = Vec::new();
    for follower in followers {
        let follower = follower.await.unwrap();
        assert!(follower.kept == kept, "what was told is not what is kept");
        fates.push((follower.cuts, follower.fetches));
    }
    // Whoever reads nothing is cut, comes back, and has too much to catch up with for a replay.
    let (cuts, fetches) = *fates.last().unwrap();
    assert!(cuts >= 1 && fetches >= 1, "{fates:?}");
}
