//! What one client may cost: however it goes about it, its share is bounded, and the others do not
//! notice.

use super::harness::{App, Lounge, Person, Socket, Transport, soon};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpSocket;

/// Signs a raw session in, or out and in again.
fn connect_packet(token: &str) -> String {
    format!("40{}", json!({ "token": token }))
}

async fn strict() -> Lounge {
    Lounge::of(
        App::with(|config| {
            config.limits.events_burst = 20;
            config.limits.events_per_second = 1;
        })
        .await,
    )
    .await
}

#[tokio::test]
async fn the_rate_of_a_connection_is_not_renewed_by_signing_in_again() {
    let lounge = strict().await;
    let nowhere = json!({ "roomId": uuid::Uuid::new_v4() });
    for transport in Transport::ALL {
        let mut socket = lounge.bob.connect_by(transport).await;
        while socket.ask("leave_room", nowhere.clone()).await.is_ok() {}
        socket.send_text("41").await;
        // One event each second comes back, and CONNECT needs it.
        tokio::time::sleep(Duration::from_millis(1500)).await;
        socket.send_text(&connect_packet(&lounge.bob.token)).await;
        let connected = async { while !socket.packet().await.unwrap().starts_with("40") {} };
        soon("CONNECT", connected).await;
        let mut done = 0;
        soon("a refusal", async {
            loop {
                let id = socket.emit_for_ack("leave_room", nowhere.clone()).await;
                match socket.ack(id).await["ok"].as_bool() {
                    Some(true) => done += 1,
                    _ => break,
                }
            }
        })
        .await;
        assert!(done <= 3, "{done} events right after signing in again");
    }
}

#[tokio::test]
async fn a_client_that_signs_in_and_out_all_the_time_is_cut() {
    let lounge = strict().await;
    let mut socket = lounge.bob.connect().await;
    let connect = connect_packet(&lounge.bob.token);
    soon("the cut", async {
        loop {
            socket.send_text("41").await;
            socket.send_text(&connect).await;
            match socket.packet().await {
                Some(packet) => assert!(!packet.starts_with("44"), "it may come back: {packet}"),
                None => break,
            }
        }
    })
    .await;
    lounge.bob.connect_to(&lounge.room).await;
}

#[tokio::test]
async fn a_flood_is_cut_though_some_of_it_is_within_the_rate() {
    let app = App::with(|config| {
        config.limits.events_burst = 20;
        config.limits.events_per_second = 1000;
    })
    .await;
    let lounge = Lounge::of(app).await;
    let mut flood = lounge.bob.connect_to(&lounge.room).await;
    soon("the cut", async {
        loop {
            for _ in 0..10 {
                flood.send_text(r#"42["no_such_event"]"#).await;
            }
            for _ in 0..10 {
                if !flood.step().await {
                    return;
                }
            }
        }
    })
    .await;
    assert!(!flood.disconnected);
}

#[tokio::test]
async fn the_end_of_typing_is_told_even_to_a_client_over_its_rate() {
    let lounge = strict().await;
    for transport in Transport::ALL {
        let mut ada = lounge.ada.connect_to(&lounge.room).await;
        let mut bob = lounge.bob.connect_by(transport).await;
        let join = json!({ "roomId": lounge.room });
        bob.ask("join_room", join).await.unwrap();
        let typing = |is: bool| json!({ "roomId": lounge.room, "isTyping": is });
        bob.ask("typing", typing(true)).await.unwrap();
        assert_eq!(ada.next("user_typing").await["isTyping"], true);
        for _ in 0..60 {
            bob.emit("typing", typing(true)).await;
        }
        bob.ask("typing", typing(false)).await.unwrap();
        assert_eq!(ada.next("user_typing").await["isTyping"], false);
        bob.close().await;
        ada.close().await;
    }
}

#[tokio::test]
async fn typing_that_makes_no_sense_is_not_let_through_for_ever() {
    let lounge = strict().await;
    let mut bob = lounge.bob.connect_to(&lounge.room).await;
    soon("the cut", async {
        loop {
            for _ in 0..200 {
                bob.emit("typing", json!({ "isTyping": "often" })).await;
            }
            for _ in 0..200 {
                if !bob.step().await {
                    return;
                }
            }
        }
    })
    .await;
    assert!(!bob.disconnected);
}

#[tokio::test]
async fn who_comes_back_to_many_rooms_is_told_what_fits_and_fetches_the_rest() {
    const ROOMS: usize = 14;
    const MISSED: usize = 100;
    let app = App::with(|config| {
        config.limits.messages_burst = 1000;
        config.limits.events_burst = 2000;
        config.limits.requests_burst = 10_000;
    })
    .await;
    let (ada, bob) = (app.person("ada").await, app.person("bob").await);
    let mut rooms = Vec::new();
    let mut sender = ada.connect().await;
    for number in 0..ROOMS {
        let room = ada.room(&format!("room {number}"), false).await;
        bob.join(&room).await;
        for _ in 0..MISSED {
            let send = json!({ "roomId": room, "content": "missed" });
            sender.ask("send_message", send).await.unwrap();
        }
        rooms.push(room);
    }
    let mut back = bob.connect().await;
    let mut asked = Vec::new();
    for room in &rooms {
        let join = json!({ "roomId": room, "since": 0, "quiet": true });
        asked.push(back.emit_for_ack("join_room", join).await);
    }
    let mut complete = 0;
    for (id, room) in asked.into_iter().zip(&rooms) {
        let ack = back.ack(id).await;
        assert_eq!(ack["ok"], true);
        if ack["complete"] == true {
            assert_eq!(ack["replayed"], MISSED);
            complete += 1;
        } else {
            assert_eq!(ack["replayed"], 0);
            let rest = format!("/api/rooms/{room}/messages?after=0&limit=200");
            let rest = bob.get(&rest).await.expect(200);
            assert_eq!(rest["messages"].as_array().unwrap().len(), MISSED);
        }
    }
    assert!((8..ROOMS).contains(&complete), "{complete}");
    // Nothing missed is nothing to fetch, however many rooms were opened.
    let join = json!({ "roomId": rooms[ROOMS - 1], "since": MISSED, "quiet": true });
    assert_eq!(back.ask("join_room", join).await.unwrap()["complete"], true);
}

/// Says much in a room until somebody else, who takes nothing of it, is seen to be gone. Says how many
/// bytes it took.
async fn say_until_gone(lounge: &Lounge, name: &str) -> usize {
    const CONTENT: usize = 4000;
    let mut ada = lounge.ada.connect_to(&lounge.room).await;
    let letter = "\u{20000}";
    let send = json!({ "roomId": lounge.room, "content": letter.repeat(CONTENT) });
    let mut sent = 0;
    // Well below the ten seconds after which a stalled write ends a connection by itself.
    let gone = async {
        loop {
            ada.ask("send_message", send.clone()).await.unwrap();
            sent += CONTENT * letter.len();
            let seen: Vec<(String, Value)> = ada.seen().await;
            let left = |(event, payload): &(String, Value)| {
                event == "user_left" && payload["username"] == name
            };
            if seen.iter().any(left) {
                break;
            }
            if sent > 6 * 1024 * 1024 {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(8), gone)
        .await
        .expect("the client to be gone");
    sent
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_cut_before_much_waits_for_it() {
    for transport in Transport::ALL {
        let lounge = Lounge::start().await;
        let mut bob = lounge.bob.connect_by(transport).await;
        let join = json!({ "roomId": lounge.room });
        bob.ask("join_room", join).await.unwrap();
        // From now on it neither reads nor polls.
        say_until_gone(&lounge, "bob").await;
    }
}

#[tokio::test]
async fn whoever_polls_again_before_taking_the_last_answer_is_let_go() {
    let lounge = Lounge::start().await;
    let mut bob = lounge.bob.connect_by(Transport::Polling).await;
    let join = json!({ "roomId": lounge.room });
    bob.ask("join_room", join).await.unwrap();
    // More than the kernels take for somebody who does not read, and less than bob would be cut for, however
    // long it takes.
    let content = "\u{4e2d}".repeat(4000);
    for _ in 0..42 {
        lounge.ada.say(&lounge.room, &content).await;
    }
    let upgrade = bob.upgrade_url();
    let (_, query) = upgrade.split_once('?').unwrap();
    let query = query.replace("transport=websocket", "transport=polling");
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut deaf = socket
        .connect(
            lounge
                .app
                .url()
                .strip_prefix("http://")
                .unwrap()
                .parse()
                .unwrap(),
        )
        .await
        .unwrap();
    let poll = format!("GET /socket.io/?{query} HTTP/1.1\r\nHost: chat\r\n\r\n");
    deaf.write_all(poll.as_bytes()).await.unwrap();
    deaf.readable().await.unwrap();
    let url = format!("{}/socket.io/?{query}", lounge.app.url());
    let again = lounge.app.http.get(&url).send().await.unwrap();
    Person::answer(again)
        .await
        .expect_error(400, "invalid_input");
    // The session is over.
    let gone = lounge.app.http.get(&url).send().await.unwrap();
    assert_eq!(gone.status(), 400);
}

#[tokio::test]
async fn whoever_connects_over_and_over_is_slowed_down_on_all_connections_together() {
    let lounge = Lounge::of(App::with(|_| ()).await).await;
    let mut connected = 0;
    let connect = connect_packet(&lounge.bob.token);
    soon("the end of it", async {
        loop {
            let mut socket = Socket::open(&lounge.app.url(), Transport::WebSocket).await;
            socket.send_text(&connect).await;
            // Whoever is let in is answered, the others are cut, be it a little later.
            let join = json!(["join_room", { "roomId": lounge.room }]);
            let Some(_) = socket.packet().await else {
                break;
            };
            socket.send_text(&format!("421{join}")).await;
            let Some(_) = socket.packet().await else {
                break;
            };
            connected += 1;
        }
    })
    .await;
    assert!((30..60).contains(&connected), "{connected}");
    lounge.ada.connect_to(&lounge.room).await;
}

#[tokio::test]
async fn long_messages_are_not_replayed_beyond_what_may_wait() {
    let lounge = Lounge::start().await;
    let mut ada = lounge.ada.connect().await;
    let content = "\u{4e2d}".repeat(4000);
    for _ in 0..40 {
        let send = json!({ "roomId": lounge.room, "content": content });
        ada.ask("send_message", send).await.unwrap();
    }
    let mut bob = lounge.bob.connect().await;
    let mut join = async |since: u64| {
        let join = json!({ "roomId": lounge.room, "since": since });
        bob.ask("join_room", join).await.unwrap()
    };
    let all = join(0).await;
    assert_eq!(
        (&all["complete"], &all["replayed"]),
        (&json!(false), &json!(0))
    );
    let some = join(30).await;
    assert_eq!(
        (&some["complete"], &some["replayed"]),
        (&json!(true), &json!(10))
    );
}
