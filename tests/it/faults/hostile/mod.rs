//! Clients that mean harm, and the others, who are not to notice: what both need.

pub mod measure;
pub mod raw;

use super::super::harness::stream::{self, Packet, Receiving, Sending};
use super::super::harness::{Executable, Person, executable, soon};
use measure::Latencies;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Tries of a comparison; the best counts.
const TRIES: usize = 3;
/// The others may wait so many times as long as without a hostile client.
const MOST_RATIO: f64 = 2.0;

/// For whoever measures memory: has the allocator give back at once what is free, and take no more at a time
/// than it needs. Otherwise what was freed before, as by the hash of a password, would hide what something takes
/// later, and pages of two mebibytes what it takes.
const GIVES_BACK: [(&str, &str); 2] = [("MIMALLOC_PURGE_DELAY", "0"), ("MIMALLOC_ALLOW_THP", "0")];

/// Starts the executable on a folder with more in its environment, so that its memory can be measured.
pub async fn serve(root: Arc<TempDir>, env: &[(&str, &str)]) -> Executable {
    start(root, &[&GIVES_BACK, env].concat()).await
}

async fn start(root: Arc<TempDir>, env: &[(&str, &str)]) -> Executable {
    let mut chatd = executable::command(executable::path());
    chatd
        .arg("serve")
        .env("CHATD_DATA__DIR", executable::data(root.path()))
        .envs(env.iter().copied());
    Executable::spawn(chatd, root)
        .await
        .expect("chatd says that it is ready")
}

/// A server with a room in which ada talks and bob listens, and with mallory, who is in it, too.
pub struct Hall {
    pub chatd: Executable,
    pub ada: Person,
    pub bob: Person,
    pub mallory: Person,
    pub room: String,
}

impl Hall {
    /// Opens it with this in the server's environment.
    pub async fn open(env: &[(&str, &str)]) -> Self {
        let chatd = serve(Arc::new(tempfile::tempdir().unwrap()), &[]).await;
        let (ada, bob, mallory) = (
            chatd.person("ada").await,
            chatd.person("bob").await,
            chatd.person("mallory").await,
        );
        let room = ada.room("hall", false).await;
        bob.join(&room).await;
        mallory.join(&room).await;
        let hall = Self {
            chatd,
            ada,
            bob,
            mallory,
            room,
        };
        hall.again(env).await
    }

    /// The same hall in a new process.
    pub async fn again(self, env: &[(&str, &str)]) -> Self {
        self.started(&[&GIVES_BACK, env].concat()).await
    }

    /// The same with the allocator as people have it: giving back at once takes time.
    pub async fn again_as_it_is(self) -> Self {
        self.started(&[]).await
    }

    async fn started(self, env: &[(&str, &str)]) -> Self {
        let chatd = start(self.chatd.kill(), env).await;
        let [ada, bob, mallory] =
            [&self.ada, &self.bob, &self.mallory].map(|person| chatd.again(person));
        Self {
            chatd,
            ada,
            bob,
            mallory,
            room: self.room,
        }
    }

    /// Ada says so much so often, and bob hears all of it; how long each message took to reach him.
    pub async fn talk(&self, pace: Pace) -> Latencies {
        let count = pace.count();
        let (mut sending, acks) = open(&self.ada, &self.room).await;
        let (_listening, mut heard) = open(&self.bob, &self.room).await;
        let acks = tokio::spawn(all_done(acks, count));
        let hearing = tokio::spawn(async move {
            let mut heard_at = Vec::with_capacity(count);
            while heard_at.len() < count {
                let message = next(&mut heard, "receive_message").await;
                assert_eq!(message["content"].as_str().unwrap().len(), pace.bytes);
                heard_at.push(Instant::now());
            }
            heard_at
        });
        let message = json!({ "roomId": self.room, "content": "x".repeat(pace.bytes) });
        let mut sent_at = Vec::with_capacity(count);
        let mut ticks = tokio::time::interval(Duration::from_secs(1) / pace.per_second);
        for _ in 0..count {
            ticks.tick().await;
            sent_at.push(Instant::now());
            sending.emit_for_ack("send_message", &message);
        }
        acks.await.unwrap();
        let heard_at = hearing.await.unwrap();
        // One sender's messages arrive in the order in which they were sent.
        Latencies::new(
            sent_at
                .into_iter()
                .zip(heard_at)
                .map(|(sent, heard)| heard - sent),
        )
    }
}

impl Hall {
    /// What the others feel of something that goes on for as long as they talk: the best of some tries. Each
    /// begins it anew, since whoever did nothing between two of them would be cut for that.
    pub async fn felt(&self, pace: Pace, goes_on: impl AsyncFn() -> Infallible) -> Felt {
        let mut best: Option<Felt> = None;
        for _ in 0..TRIES {
            let quiet = self.talk(pace).await.p99();
            let loud = tokio::select! {
                loud = self.talk(pace) => loud.p99(),
                never = goes_on() => match never {},
            };
            let felt = Felt { quiet, loud };
            if best.as_ref().is_none_or(|best| felt.ratio() < best.ratio()) {
                best = Some(felt);
            }
            if best.as_ref().is_some_and(Felt::is_bearable) {
                break;
            }
        }
        best.unwrap()
    }
}

/// What the others waited without something and with it, 99 times of a hundred.
pub struct Felt {
    pub quiet: Duration,
    pub loud: Duration,
}

impl Felt {
    fn ratio(&self) -> f64 {
        self.loud.as_secs_f64() / self.quiet.as_secs_f64()
    }

    pub fn is_bearable(&self) -> bool {
        self.ratio() <= MOST_RATIO
    }
}

impl fmt::Display for Felt {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (quiet, loud) = (self.quiet, self.loud);
        write!(
            to,
            "the others' p99 {quiet:.1?} without and {loud:.1?} with it"
        )
    }
}

/// How much is said.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    pub per_second: u32,
    pub bytes: usize,
    pub seconds: u32,
}

impl Pace {
    fn count(self) -> usize {
        (self.per_second * self.seconds) as usize
    }
}

/// Connects somebody and opens a room.
pub async fn open(person: &Person, room: &str) -> (Sending, Receiving) {
    let (mut sending, mut receiving) = stream::connect(&person.url, &person.token).await;
    sending.emit_for_ack("join_room", &json!({ "roomId": room, "quiet": true }));
    let (_, ack) = soon("an ack", receiving.ack()).await.expect("a connection");
    assert_eq!(ack["ok"], true, "{ack}");
    (sending, receiving)
}

/// Waits for so many acks, all of them good.
async fn all_done(mut receiving: Receiving, count: usize) {
    for _ in 0..count {
        let (_, ack) = soon("an ack", receiving.ack())
            .await
            .expect("the talker is never cut");
        assert_eq!(ack["ok"], true, "{ack}");
    }
}

/// The next event of a name.
pub async fn next(receiving: &mut Receiving, event: &str) -> Value {
    soon(event, async {
        loop {
            match receiving.next().await.expect("the listener is never cut") {
                Packet::Event(name, payload) if name == event => return payload,
                _ => {}
            }
        }
    })
    .await
}
