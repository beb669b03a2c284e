//! Sessions that begin by polling and go on as a WebSocket, or try to.

use super::harness::{Lounge, Transport, payloads};
use reqwest::StatusCode;
use serde_json::{Value, json};

#[tokio::test]
async fn what_waits_while_a_session_is_upgraded_is_not_lost() {
    const MISSED: usize = 100;
    let lounge = Lounge::start().await;
    let mut ada = lounge.ada.connect().await;
    for _ in 0..MISSED {
        let send = json!({ "roomId": lounge.room, "content": "x".repeat(1500) });
        ada.ask("send_message", send).await.unwrap();
    }
    let mut bob = lounge.bob.connect_by(Transport::Polling).await;
    let join = json!({ "roomId": lounge.room, "since": 0 });
    let joined = bob.emit_for_ack("join_room", join).await;
    // One poll, which may leave something for the next one.
    bob.step().await;
    bob.upgrade().await;
    assert_eq!(bob.ack(joined).await["replayed"], MISSED);
    let seen = bob.seen().await;
    let seqs: Vec<_> = payloads(&seen, "receive_message")
        .into_iter()
        .map(|message| message["seq"].as_u64().unwrap())
        .collect();
    assert_eq!(seqs, (1..=MISSED as u64).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_request_that_cannot_become_a_websocket_is_refused_and_changes_nothing() {
    let lounge = Lounge::start().await;
    let mut bob = lounge.bob.connect_by(Transport::Polling).await;
    bob.ask("join_room", json!({ "roomId": lounge.room }))
        .await
        .unwrap();
    let url = bob.upgrade_url();
    // As from a proxy that knows no Upgrade.
    let half = lounge.app.http.get(url.replacen("ws", "http", 1));
    let half = half
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .header("sec-websocket-version", "13");
    let refused = half.send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    let refused: Value = refused.json().await.unwrap();
    assert_eq!(refused["error"]["code"], "invalid_input");
    bob.upgrade().await;
    let again = tokio_tungstenite::connect_async(url).await;
    assert!(again.is_err(), "a second WebSocket of one session");
    lounge.ada.say(&lounge.room, "still there").await;
    assert_eq!(bob.next("receive_message").await["content"], "still there");
}

#[tokio::test]
async fn what_was_taken_by_polling_is_no_debt_of_the_websocket() {
    /// More than may ever wait for a client.
    const MESSAGES: usize = 300;
    let lounge = Lounge::start().await;
    let mut bob = lounge.bob.connect_by(Transport::Polling).await;
    bob.ask("join_room", json!({ "roomId": lounge.room }))
        .await
        .unwrap();
    let long = "\u{20000}".repeat(4000);
    for _ in 0..MESSAGES {
        lounge.ada.say(&lounge.room, &long).await;
        bob.next("receive_message").await;
    }
    bob.upgrade_amid(async {
        lounge.ada.say(&lounge.room, "amid").await;
    })
    .await;
    for content in ["after", "and later"] {
        lounge.ada.say(&lounge.room, content).await;
    }
    for content in ["amid", "after", "and later"] {
        assert_eq!(bob.next("receive_message").await["content"], content);
    }
}
