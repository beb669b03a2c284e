//! A client that leaves by DISCONNECT and stays on the line is let go, and one that comes back is not.

use super::super::harness::{Lounge, Socket, Transport, soon};
use super::report;
use futures_util::future::join_all;
use serde_json::json;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// A session is let go when it has been without a connection for so long.
const PATIENCE: Duration = Duration::from_secs(10);
/// And not before.
const EARLIEST: Duration = Duration::from_secs(8);
/// An answer to CONNECT takes less than so long, if there is one.
const ANSWER: Duration = Duration::from_secs(1);

/// Waits until the transport is closed, and says how long that took.
async fn closed(socket: &mut Socket) -> Duration {
    let began = Instant::now();
    let end = async { while socket.packet().await.is_some() {} };
    timeout(PATIENCE, end).await.expect("the session is let go");
    began.elapsed()
}

/// Sends CONNECT until it is answered: the engine ignores one that comes before it has done with the
/// connection that was left.
async fn come_back(socket: &mut Socket, token: &str) -> String {
    let connect = format!("40{}", json!({ "token": token }));
    loop {
        socket.send_text(&connect).await;
        if let Ok(packet) = timeout(ANSWER, socket.packet()).await {
            return packet.expect("the transport stays");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_by_disconnect_and_stays_on_the_line_is_let_go_after_10_s() {
    let lounge = Lounge::start().await;
    let leavers = Transport::ALL.map(async |transport| {
        let mut socket = lounge.bob.connect_by(transport).await;
        socket.send_text("41").await;
        closed(&mut socket).await
    });
    let returners = Transport::ALL.map(async |transport| {
        let mut socket = lounge.bob.connect_by(transport).await;
        // Leaving and coming back, so that the first departure's time runs out amid the next visit.
        for _ in 0..3 {
            socket.send_text("41").await;
            let packet = soon("CONNECT", come_back(&mut socket, &lounge.bob.token)).await;
            assert!(packet.starts_with("40"), "{packet}");
        }
        let over = Instant::now() + PATIENCE;
        // Whatever is told is read, and pings are answered, until then.
        while timeout(over - Instant::now(), socket.packet())
            .await
            .is_ok_and(|packet| packet.is_some())
        {}
        let join = json!({ "roomId": lounge.room });
        socket.ask("join_room", join).await.unwrap();
    });
    let (times, _) = tokio::join!(join_all(leavers), join_all(returners));
    for time in &times {
        assert!(*time >= EARLIEST, "{times:?}");
    }
    report(
        "sockets that leave by DISCONNECT are gone within 10 s",
        format!("{:.1?} over {:?}", times, Transport::ALL),
    );
}
