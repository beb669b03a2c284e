//! Silent and dripping HTTP, against the timeouts that the executable really has.

use super::super::harness::{soon, stream};
use super::hostile::Hall;
use super::{full, report};
use futures_util::future::join_all;
use serde_json::json;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

/// What is promised.
const HEADER_WITHIN: Duration = Duration::from_secs(10);
const BODY_WITHIN: Duration = Duration::from_secs(30);
/// So many of each kind.
const CLIENTS: usize = 20;
/// Between two bytes of what drips.
const DRIP: Duration = Duration::from_secs(1);

/// What a client sends at first, and whether more of it drips.
struct Dawdling {
    what: &'static str,
    start: &'static str,
    drips: bool,
    within: Duration,
}

const HEADS: [Dawdling; 3] = [
    Dawdling {
        what: "no header",
        start: "",
        drips: false,
        within: HEADER_WITHIN,
    },
    Dawdling {
        what: "a header a byte a second",
        start: "GET / HTTP/1.1\r\nX-Drip: ",
        drips: true,
        within: HEADER_WITHIN,
    },
    Dawdling {
        what: "a first byte and no more",
        start: "G",
        drips: false,
        within: HEADER_WITHIN,
    },
];

const BODIES: [Dawdling; 2] = [
    Dawdling {
        what: "half a body",
        start: "POST /api/auth/login HTTP/1.1\r\nHost: chat\r\nContent-Type: application/json\r\n\
                Content-Length: 40\r\n\r\n{\"username\": \"ada\"",
        drips: false,
        within: BODY_WITHIN,
    },
    Dawdling {
        what: "a body a byte a second",
        start: "POST /api/auth/login HTTP/1.1\r\nHost: chat\r\nContent-Type: application/json\r\n\
                Content-Length: 4000\r\n\r\n{",
        drips: true,
        within: BODY_WITHIN,
    },
];

/// How long the server bears it.
async fn borne(url: &str, dawdling: &Dawdling) -> Duration {
    let address = url.strip_prefix("http://").unwrap();
    let stream = TcpStream::connect(address).await.unwrap();
    let began = Instant::now();
    let (read, mut write) = stream.into_split();
    write.write_all(dawdling.start.as_bytes()).await.unwrap();
    let closed = async {
        tokio::select! {
            () = closed(read) => {}
            () = drip(write), if dawdling.drips => {}
        }
    };
    tokio::time::timeout(dawdling.within, closed)
        .await
        .unwrap_or_else(|_| panic!("{} is open after {:?}", dawdling.what, began.elapsed()));
    began.elapsed()
}

async fn closed(mut read: OwnedReadHalf) {
    let mut bytes = [0; 1024];
    while let Ok(1..) = read.read(&mut bytes).await {}
}

/// Sends a byte now and then until the server takes none.
async fn drip(mut write: OwnedWriteHalf) {
    let mut drops = tokio::time::interval(DRIP);
    loop {
        drops.tick().await;
        if write.write_all(b"x").await.is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn silent_and_dripping_connections_are_closed_in_time() {
    let hall = Hall::open(&[]).await;
    // A client that has signed in may be as silent as it likes, but for its answers to pings.
    let (mut sending, mut receiving) = stream::connect(&hall.ada.url, &hall.ada.token).await;
    let ack = tokio::spawn(async move { receiving.ack().await });
    // Bodies take half a minute; in short tests/it/listener.rs has them, with a shorter timeout.
    let bodies = if full() { &BODIES[..] } else { &[] };
    let kinds = HEADS.iter().chain(bodies).map(async |dawdling| {
        let all = (0..CLIENTS).map(|_| borne(&hall.chatd.url, dawdling));
        let longest = join_all(all).await.into_iter().max().unwrap();
        format!("{} for {longest:.1?}", dawdling.what)
    });
    let figures = join_all(kinds).await;
    report("silent and dripping HTTP", figures.join(", "));
    sending.emit_for_ack("join_room", &json!({ "roomId": hall.room }));
    let (_, joined) = soon("an ack", ack).await.unwrap().unwrap();
    assert_eq!(joined["ok"], true, "{joined}");
}
