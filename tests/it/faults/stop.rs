//! A stop with a house full of clients, some of whom never read.

use super::{either, report};
use crate::harness::stream::{self, Packet, Receiving, Sending};
use crate::harness::{Executable, Person, Socket, Transport, soon};
use crate::shutdown::kept;
use chatd::server::descriptors;
use futures_util::future::join_all;
use serde_json::json;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::net::TcpSocket;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::Instant;

/// A stop takes so long at most.
const STOPPED_WITHIN: Duration = Duration::from_secs(10);
/// Those who talk without waiting, and read.
const TALKERS: usize = 8;
/// So many of them stop reading a little before the stop, and read on when some time of it is over,
/// which is less than the clients have to take what waits for them.
const LATE: usize = 2;
const LATE_FROM: usize = STOP_AT / 2;
const LATE_BY: Duration = Duration::from_millis(500);
/// Messages of each of the others. What they are together is less than the server cuts a stuck client for.
const EACH: usize = 110;
/// Others who talk by polling, a few messages at a time.
const POLLING_TALKERS: usize = 4;
const A_BODY: usize = 10;
/// The stop comes when so many are acknowledged: more than the kernels hold for a stuck client.
const STOP_AT: usize = 250;
/// The length of a message, in characters of one byte.
const CONTENT: usize = 2000;
/// What the system of a client that never reads takes for it, in bytes.
const SMALL_BUFFER_BYTES: u32 = 4096;
/// So many connect at a time.
const AT_A_TIME: usize = 50;
/// One in so many of those who only listen polls.
const POLLS_EVERY: usize = 20;

/// Opens a room over a WebSocket whose system takes next to nothing, and then never reads.
async fn stuck(person: &Person, room: &str) -> (Sending, Receiving) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(SMALL_BUFFER_BYTES).unwrap();
    let address = person.url.strip_prefix("http://").unwrap();
    let deaf = socket.connect(address.parse().unwrap()).await.unwrap();
    let (mut sending, mut receiving) = stream::connect_over(deaf, &person.url, &person.token).await;
    let join = json!({ "roomId": room, "quiet": true });
    sending.emit_for_ack("join_room", &join);
    soon("the room", receiving.ack()).await.unwrap();
    (sending, receiving)
}

/// Somebody who has a room open in which nothing is said.
async fn idle(person: &Person, room: &str, number: usize) -> Socket {
    let transport = if number.is_multiple_of(POLLS_EVERY) {
        Transport::Polling
    } else {
        Transport::WebSocket
    };
    let mut socket = person.connect_by(transport).await;
    let join = json!({ "roomId": room, "quiet": true });
    socket.ask("join_room", join).await.unwrap();
    socket
}

/// Runs so many at a time.
async fn some_at_a_time<T>(count: usize, each: impl AsyncFn(usize) -> T) -> Vec<T> {
    let mut done = Vec::with_capacity(count);
    while done.len() < count {
        let numbers = done.len()..count.min(done.len() + AT_A_TIME);
        let connecting = join_all(numbers.map(|number| each(number)));
        done.extend(soon("connecting", connecting).await);
    }
    done
}

/// What a talker was answered before the server let go of it: the ids of messages that are done, by
/// `clientId`.
async fn talk(
    person: Person,
    room: String,
    talker: usize,
    acks: Arc<(AtomicUsize, Notify)>,
    mut stopping: watch::Receiver<bool>,
) -> HashMap<String, String> {
    let (mut sending, mut receiving) = stream::connect(&person.url, &person.token).await;
    if talker < LATE {
        // They hear everybody, so what they are answered waits behind what they are told.
        let join = json!({ "roomId": room, "quiet": true });
        sending.emit_for_ack("join_room", &join);
        soon("the room", receiving.ack()).await.unwrap();
    }
    let content = "x".repeat(CONTENT);
    for number in 0..EACH {
        let client_id = format!("{talker}-{number}");
        let message = json!({ "roomId": room, "content": content, "clientId": client_id });
        sending.emit_for_ack("send_message", &message);
    }
    let mut is_late = talker < LATE;
    let mut acknowledged = HashMap::new();
    while let Some(packet) = soon("an answer", receiving.next()).await {
        assert_ne!(packet, Packet::Disconnect, "a stop ends no session");
        if let Packet::Ack(_, ack) = packet
            && ack["ok"] == true
        {
            let text = |key: &str| ack["message"][key].as_str().unwrap().to_owned();
            acknowledged.insert(text("clientId"), text("id"));
            let count = acks.0.fetch_add(1, Ordering::SeqCst) + 1;
            if count == STOP_AT {
                acks.1.notify_one();
            }
            if is_late && count >= LATE_FROM {
                is_late = false;
                soon("the stop", stopping.wait_for(|stopping| *stopping))
                    .await
                    .unwrap();
                tokio::time::sleep(LATE_BY).await;
            }
        }
    }
    acknowledged
}

/// The same by polling, with the room open, so that what somebody is answered comes after what they are
/// told.
async fn talk_by_polling(
    person: Person,
    room: String,
    talker: usize,
    begun: mpsc::Sender<()>,
) -> HashMap<String, String> {
    let mut socket = person.connect_by(Transport::Polling).await;
    let join = json!({ "roomId": room, "quiet": true });
    socket.ask("join_room", join).await.unwrap();
    let content = "x".repeat(CONTENT);
    let (mut sent, mut acknowledged) = (0, HashMap::new());
    loop {
        if sent == acknowledged.len() {
            let packets = (sent..sent + A_BODY).map(|number| {
                let client_id = format!("{talker}-{number}");
                let message = json!({ "roomId": room, "content": content, "clientId": client_id });
                format!("42{number}{}", json!(["send_message", message]))
            });
            socket
                .send_text(&packets.collect::<Vec<_>>().join("\x1e"))
                .await;
            sent += A_BODY;
        }
        let Some(packet) = soon("an answer", socket.packet()).await else {
            return acknowledged;
        };
        match Packet::read(&packet) {
            Some(Packet::Ack(_, ack)) if ack["ok"] == true => {
                let text = |key: &str| ack["message"][key].as_str().unwrap().to_owned();
                acknowledged.insert(text("clientId"), text("id"));
                let _ = begun.try_send(());
            }
            Some(Packet::Disconnect) => panic!("a stop ends no session"),
            _ => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_with_a_full_house_keeps_exactly_what_was_acknowledged() {
    descriptors::raise();
    let (sockets, stuck_sockets) = either((1000, 100), (200, 20));
    let chatd = Executable::start(Arc::new(tempfile::tempdir().unwrap())).await;
    let ann = chatd.person("ann").await;
    let (loud, quiet) = (
        ann.room("Loud", false).await,
        ann.room("Quiet", false).await,
    );
    let deaf = some_at_a_time(stuck_sockets, async |_| stuck(&ann, &loud).await).await;
    let listening = sockets - deaf.len() - TALKERS - POLLING_TALKERS;
    let idle = some_at_a_time(listening, async |number| idle(&ann, &quiet, number).await).await;
    let ends = idle.into_iter().map(|mut socket| {
        tokio::spawn(async move {
            while socket.step().await {}
            socket.disconnected
        })
    });
    let ends: Vec<_> = ends.collect();
    let acks = Arc::new((AtomicUsize::new(0), Notify::new()));
    let (stop, stopping) = watch::channel(false);
    let talks = (0..TALKERS).map(|talker| {
        let (acks, stopping) = (Arc::clone(&acks), stopping.clone());
        tokio::spawn(talk(ann.clone(), loud.clone(), talker, acks, stopping))
    });
    let (begun, mut has_begun) = mpsc::channel(1);
    let polling = (TALKERS..TALKERS + POLLING_TALKERS).map(|talker| {
        let begun = begun.clone();
        tokio::spawn(talk_by_polling(ann.clone(), loud.clone(), talker, begun))
    });
    let polling: Vec<_> = polling.collect();
    soon("talk by polling", has_begun.recv()).await.unwrap();
    let talks: Vec<_> = polling.into_iter().chain(talks).collect();
    soon("talk", acks.1.notified()).await;

    let began = Instant::now();
    stop.send_replace(true);
    let (code, folder) = chatd.stop().await;
    let took = began.elapsed();
    assert_eq!(code, Some(0));
    assert!(took <= STOPPED_WITHIN, "{took:?}");

    let mut acknowledged = HashMap::new();
    for talk in join_all(talks).await {
        acknowledged.extend(talk.unwrap());
    }
    for end in soon("the end of all", join_all(ends)).await {
        assert!(!end.unwrap(), "a stop sends nobody a DISCONNECT packet");
    }
    let mut held = 0;
    for (_sending, mut never_read) in deaf {
        let mut messages = 0;
        while let Some(packet) = soon("the end", never_read.next()).await {
            assert_ne!(packet, Packet::Disconnect);
            messages += 1;
        }
        assert!(messages < STOP_AT, "one was not stuck: it had {messages}");
        held = held.max(messages);
    }

    let chatd = Executable::start(folder).await;
    let kept = kept(&chatd.again(&ann), &loud).await;
    for (client_id, id) in &acknowledged {
        assert_eq!(kept.get(client_id), Some(id), "{client_id} is lost");
    }
    let is_untold = |client_id: &&String| !acknowledged.contains_key(*client_id);
    let untold: Vec<_> = kept.keys().filter(is_untold).collect();
    assert!(untold.is_empty(), "there, and nobody was told: {untold:?}");
    let of_streams = |client_id: &&String| {
        let talker = client_id.split('-').next().unwrap();
        talker.parse::<usize>().unwrap() < TALKERS
    };
    let streamed = kept.keys().filter(of_streams).count();
    assert!(streamed < TALKERS * EACH, "it stopped when all was said");
    let figure = format!(
        "{sockets} sockets, {stuck_sockets} of them stuck with at most {held} of {} messages: exit 0 after {} ms; \
         {} sends acknowledged, {} of them by polling, the same {} there",
        kept.len(),
        took.as_millis(),
        acknowledged.len(),
        kept.len() - streamed,
        kept.len()
    );
    report("stop", figure);
}
