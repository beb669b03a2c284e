//! Whoever has not signed in: as many of them as an address may have, and not for long.

use super::super::harness::{Socket, Transport, soon};
use super::hostile::Hall;
use super::hostile::measure::{MIB, Memory, Size};
use super::hostile::raw::{self, Raw};
use super::{either, report};
use futures_util::future::join_all;
use futures_util::{SinkExt, StreamExt};
use reqwest::StatusCode;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio_tungstenite::tungstenite::{Error, Message};

/// As many as one address may have that are not signed in, `server.max_unauthenticated_per_address`.
const MOST: usize = 32;
/// So soon they are gone, and what a busy machine may take beyond it.
const GONE_WITHIN: Duration = Duration::from_secs(10);
/// What thousands that are refused may cost the server.
const MOST_GROWTH_BYTES: u64 = 5 * MIB;
/// Between two looks whether a place is free.
const LOOK: Duration = Duration::from_millis(100);
/// Loopback is counted like any other address.
const COUNTED: [(&str, &str); 1] = [("CHATD_SERVER__EXEMPT_ADDRESSES", "")];

/// Asks for a polling session; says whether it was given one, and checks how it is refused otherwise.
async fn poll(http: &reqwest::Client, url: &str) -> bool {
    let url = format!("{url}/socket.io/?EIO=4&transport=polling");
    let answer = http.get(url).send().await.unwrap();
    if answer.status() == StatusCode::OK {
        answer.bytes().await.unwrap();
        return true;
    }
    assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.headers()["retry-after"], "5");
    let body: serde_json::Value = answer.json().await.unwrap();
    assert_eq!(body["error"]["code"], "rate_limited");
    false
}

#[tokio::test]
async fn polling_sessions_of_strangers_are_few_and_gone_soon() {
    let asked = either(8000, 1000);
    let hall = Hall::open(&COUNTED).await;
    let mut ada = hall.ada.connect_to(&hall.room).await;
    let (http, url) = (reqwest::Client::new(), &hall.chatd.url);
    let memory = Memory::of(&hall.chatd);
    let began = Instant::now();
    let mut given = 0;
    for _ in 0..asked {
        given += usize::from(poll(&http, url).await);
    }
    let grown = memory.growth();
    // Places may come free again while so many ask.
    let rounds = 1 + began.elapsed().as_secs() / GONE_WITHIN.as_secs();
    assert!(given <= MOST * usize::try_from(rounds).unwrap(), "{given}");
    assert!(grown <= MOST_GROWTH_BYTES, "{}", Size(grown));
    // Who signed in before goes on.
    ada.ask("leave_room", serde_json::json!({ "roomId": hall.room }))
        .await
        .unwrap();
    let last = Instant::now();
    let free = async {
        let mut looks = tokio::time::interval(LOOK);
        while !poll(&http, url).await {
            looks.tick().await;
        }
    };
    let free = tokio::time::timeout(GONE_WITHIN, free).await;
    free.expect("a place comes free");
    report(
        "strangers: polling sessions",
        format!(
            "{asked} asked for over one connection, {given} given, memory grew by {}, a place free after {:.1?}",
            Size(grown),
            last.elapsed()
        ),
    );
}

/// How long the server lets a connection be that was opened now.
async fn let_be(what: &str, ended: impl Future<Output = ()>) -> String {
    let began = Instant::now();
    tokio::time::timeout(GONE_WITHIN, ended)
        .await
        .unwrap_or_else(|_| panic!("{what}: still there after {:?}", began.elapsed()));
    format!("{what} for {:.1?}", began.elapsed())
}

/// Tries to go on as a WebSocket, sends this, and waits for the end.
async fn half_upgrade(socket: Socket, packets: &[&str]) {
    let url = socket.upgrade_url();
    let (mut stream, _) = tokio_tungstenite::connect_async(url).await.unwrap();
    for packet in packets {
        stream.send(Message::text(*packet)).await.unwrap();
    }
    while let Some(Ok(_)) = stream.next().await {}
}

/// A WebSocket that sends this, and waits for the end.
async fn websocket(url: &str, packets: &[&str]) {
    let mut raw = Raw::open(url).await.unwrap();
    for packet in packets {
        raw.write.write_all(&raw::text(packet)).await.unwrap();
    }
    raw::ended(raw.read).await;
}

#[tokio::test]
async fn upgrades_that_are_not_finished_and_sockets_that_do_not_connect_are_gone_soon() {
    let hall = Hall::open(&COUNTED).await;
    let url = &hall.chatd.url;
    let polls = || Socket::open(url, Transport::Polling);
    let signed_in = hall.bob.connect_by(Transport::Polling).await;
    let (first, second, third) = (polls().await, polls().await, polls().await);
    let bad_token = [r#"40{"token":"none"}"#];
    let figures = tokio::join!(
        let_be("an upgrade without a probe", half_upgrade(first, &[])),
        let_be("one with a probe", half_upgrade(second, &["2probe"])),
        let_be("one with nonsense", half_upgrade(third, &["2probe", "6"])),
        let_be(
            "one of somebody signed in",
            half_upgrade(signed_in, &["2probe"])
        ),
        let_be("no CONNECT", websocket(url, &[])),
        let_be("only pongs", websocket(url, &["3", "3"])),
        let_be("CONNECT with a bad token", websocket(url, &bad_token)),
        let_be("CONNECT elsewhere", websocket(url, &["40/elsewhere,"])),
    );
    report("strangers: let be", <[String; 8]>::from(figures).join(", "));
}

#[tokio::test]
async fn sockets_of_strangers_are_few() {
    let hall = Hall::open(&COUNTED).await;
    let url = &hall.chatd.url;
    let mut ada = hall.ada.connect_to(&hall.room).await;
    let silent = join_all((0..MOST).map(|_| Raw::open(url))).await;
    let began = Instant::now();
    let silent: Vec<_> = silent.into_iter().map(Result::unwrap).collect();
    let socket = format!(
        "{}/socket.io/?EIO=4&transport=websocket",
        url.replacen("http", "ws", 1)
    );
    let refused = tokio_tungstenite::connect_async(&socket).await;
    let Err(Error::Http(refused)) = refused else {
        panic!("one more: {refused:?}");
    };
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.headers()["retry-after"], "5");
    ada.ask("leave_room", serde_json::json!({ "roomId": hall.room }))
        .await
        .unwrap();
    let all_gone = join_all(silent.into_iter().map(async |raw| {
        // The half that writes stays open meanwhile.
        let Raw {
            read,
            write: _write,
        } = raw;
        raw::ended(read).await;
    }));
    let gone = tokio::time::timeout(GONE_WITHIN, all_gone).await;
    gone.expect("all are gone in time");
    report(
        "strangers: sockets",
        format!(
            "{MOST} let in, the next refused, all gone after {:.1?}",
            began.elapsed()
        ),
    );
    let signed_in = async {
        // A place comes free a moment after its connection is closed.
        let mut looks = tokio::time::interval(LOOK);
        while Raw::sign_in(&hall.bob).await.is_err() {
            looks.tick().await;
        }
    };
    soon("a sign-in", signed_in).await;
}
