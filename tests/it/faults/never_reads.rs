//! A client that never reads: it costs little, it is cut, and it is told to be gone.

use super::super::harness::stream::Packet;
use super::super::harness::{Person, Socket, Transport, stream};
use super::hostile::measure::{Kernel, MIB, Memory, Size};
use super::hostile::{Felt, Hall, Pace};
use super::{either, full, report};
use futures_util::future::join_all;
use serde_json::json;
use std::collections::HashSet;
use std::time::{Duration, Instant};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::spawn_blocking;

/// What the system of a client that never reads takes for it, in bytes.
const SMALL_BUFFER_BYTES: u32 = 4096;
/// Each of them may cost the server so much of its own memory.
const MOST_GROWTH_BYTES: u64 = MIB;
/// And so much of the system's: the buffer that the server asks for, which Linux doubles.
const MOST_UNSENT_BYTES: u64 = 512 * 1024;
/// Each of them is cut so soon after it was sent what it never reads.
const CUT_WITHIN: Duration = Duration::from_secs(15);
/// And told to be offline so soon after that: the grace of three seconds, and a little for a busy machine.
const OFFLINE_WITHIN: Duration = Duration::from_secs(5);
/// People of whom each hears when the others come and go: in larger rooms nobody is told.
const PEOPLE_A_ROOM: usize = 100;
/// One in so many of them polls.
const POLLS_PART: usize = 4;
/// So many people register at a time.
const REGISTER_AT_ONCE: usize = 4;
/// Connections of those who do read: ada's, bob's, and the one by which bob hears who is offline.
const OTHERS: usize = 3;
/// Between two looks at what the kernel has.
const LOOK: Duration = Duration::from_millis(100);

/// Registers those who will never read, as members of the hall, and of a smaller room together with bob.
async fn crowd(hall: &Hall, count: usize) -> Vec<Person> {
    let mut crowd: Vec<Person> = Vec::new();
    let mut side_room = String::new();
    while crowd.len() < count {
        if crowd.len().is_multiple_of(PEOPLE_A_ROOM) {
            side_room = hall.bob.room(&format!("side {}", crowd.len()), false).await;
        }
        let some = (0..REGISTER_AT_ONCE.min(count - crowd.len())).map(async |number| {
            let name = format!("silent-{}", crowd.len() + number);
            let person = hall.chatd.person(&name).await;
            person.join(&hall.room).await;
            person.join(&side_room).await;
            person
        });
        let some = join_all(some).await;
        crowd.extend(some);
    }
    crowd
}

/// Somebody who has the room open and never reads again. It has to be kept.
enum Silent {
    Streams(#[expect(dead_code, reason = "it is only kept")] (stream::Sending, stream::Receiving)),
    Polls(#[expect(dead_code, reason = "it is only kept")] Box<Socket>),
}

/// Somebody opens the room by polling and never polls again.
async fn poll_no_more(person: &Person, room: &str) -> Silent {
    let mut socket = person.connect_by(Transport::Polling).await;
    let join = json!({ "roomId": room, "quiet": true });
    socket.ask("join_room", join).await.unwrap();
    Silent::Polls(Box::new(socket))
}

/// Somebody opens the room over a WebSocket and never reads again.
async fn fall_silent(person: &Person, room: &str) -> Silent {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(SMALL_BUFFER_BYTES).unwrap();
    let address = person.url.strip_prefix("http://").unwrap();
    let stream: TcpStream = socket.connect(address.parse().unwrap()).await.unwrap();
    let (mut sending, mut receiving) =
        stream::connect_over(stream, &person.url, &person.token).await;
    sending.emit_for_ack("join_room", &json!({ "roomId": room, "quiet": true }));
    let (_, joined) = receiving.ack().await.unwrap();
    assert_eq!(joined["ok"], true, "{joined}");
    Silent::Streams((sending, receiving))
}

/// Hears of everybody of a crowd that they are offline; says when of the last.
async fn all_offline(mut watching: stream::Receiving, crowd: &[Person]) -> Instant {
    let mut online: HashSet<&str> = crowd.iter().map(|person| person.id.as_str()).collect();
    let gone = async {
        while !online.is_empty() {
            let packet = watching.next().await.expect("who watches is never cut");
            if let Packet::Event(name, payload) = packet
                && name == "user_status"
                && payload["status"] == "offline"
            {
                online.remove(payload["userId"].as_str().unwrap());
            }
        }
        Instant::now()
    };
    let deadline = CUT_WITHIN + OFFLINE_WITHIN;
    let gone = tokio::time::timeout(deadline, gone).await;
    gone.expect("everybody who never reads is told to be offline in time")
}

/// Watches the kernel until only so many connections are open; says when, and how much it held at most.
async fn all_cut(url: &str, left: usize) -> (Instant, u64) {
    let mut most_unsent = 0;
    let cut = async {
        let mut looks = tokio::time::interval(LOOK);
        loop {
            looks.tick().await;
            // A look takes milliseconds, in which this thread would hear nobody.
            let url = url.to_owned();
            let kernel = spawn_blocking(move || Kernel::of(&url)).await.unwrap();
            most_unsent = most_unsent.max(kernel.most_unsent);
            if kernel.open <= left {
                return Instant::now();
            }
        }
    };
    let cut = tokio::time::timeout(CUT_WITHIN, cut).await;
    let cut = cut.expect("everybody who never reads is cut in time");
    (cut, most_unsent)
}

/// What is said in the room: 50 messages a second of 4 KiB.
fn pace() -> Pace {
    Pace {
        per_second: 50,
        bytes: 4000,
        seconds: either(15, 8),
    }
}

/// One round of it; how long the others waited, 99 times of a hundred.
async fn round(hall: &Hall, crowd: &[Person]) -> Duration {
    let (_watching, watched) = stream::connect(&hall.bob.url, &hall.bob.token).await;
    let memory = Memory::of(&hall.chatd);
    let (polling, streaming) = crowd.split_at(crowd.len() / POLLS_PART);
    let polling = polling
        .iter()
        .map(|person| poll_no_more(person, &hall.room));
    let polling = join_all(polling).await;
    // What they have not closed they may ask by again: only the session ends.
    let kept = Kernel::of(&hall.chatd.url).open;
    let streaming = streaming
        .iter()
        .map(|person| fall_silent(person, &hall.room));
    let silent = (polling, join_all(streaming).await);
    let began = Instant::now();
    let (heard, (cut, unsent), offline) = tokio::join!(
        hall.talk(pace()),
        // Bob watches already.
        all_cut(&hall.chatd.url, kept + OTHERS - 1),
        all_offline(watched, crowd),
    );
    drop(silent);
    let each = memory.growth() / crowd.len() as u64;
    report(
        "a client that never reads",
        format!(
            "{} of them, one in {POLLS_PART} by polling: {} of memory and {} in the kernel each, cut after {:.1?}, offline after {:.1?}",
            crowd.len(),
            Size(each),
            Size(unsent),
            cut - began,
            offline - began,
        ),
    );
    assert!(each <= MOST_GROWTH_BYTES, "{}", Size(each));
    assert!(unsent <= MOST_UNSENT_BYTES, "{}", Size(unsent));
    assert!(offline - cut <= OFFLINE_WITHIN);
    heard.p99()
}

/// Those who will never read, as people of this hall.
fn again(hall: &Hall, crowd: &[Person]) -> Vec<Person> {
    crowd
        .iter()
        .map(|person| hall.chatd.again(person))
        .collect()
}

#[tokio::test]
async fn a_client_that_never_reads_costs_little_is_cut_and_told_to_be_offline() {
    /// Rounds of the comparison; the best counts.
    const ROUNDS: usize = 3;
    let hall = Hall::open(&[]).await;
    let crowd = crowd(&hall, either(200, 20)).await;
    let hall = hall.again(&[]).await;
    let crowd = again(&hall, &crowd);
    round(&hall, &crowd).await;
    if !full() {
        return;
    }
    let hall = hall.again_as_it_is().await;
    let crowd = again(&hall, &crowd);
    for _ in 0..ROUNDS {
        let quiet = hall.talk(pace()).await.p99();
        let loud = round(&hall, &crowd).await;
        let felt = Felt { quiet, loud };
        report("a client that never reads", &felt);
        if felt.is_bearable() {
            return;
        }
    }
    panic!("the others wait too long in each of {ROUNDS} rounds");
}
