//! Beneath events: what is no packet, no namespace of ours, no sign-in, or not the engine's protocol.

use super::super::harness::{Lounge, Socket, Transport, soon};
use super::{LAST, answers, is_untouched};
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn what_is_no_packet_ends_its_own_connection_only() {
    let lounge = Lounge::start().await;
    let mut ada = lounge.ada.connect_to(&lounge.room).await;
    let send = format!(
        r#"427["send_message",{{"roomId":"{}","content":"x"}}"#,
        lounge.room
    );
    let long = format!(r#"427["x","{}"]"#, "x".repeat(64 * 1024));
    for transport in Transport::ALL {
        for packet in [
            // The beginning of an event that would be right.
            &send,
            &send[..send.len() - 1],
            &send[..20],
            &send[..8],
            r#"427["send_message",{content:"x"}]"#,
            "427[]",
            "427[5]",
            "427[{}]",
            "427{}",
            "427",
            "42",
            "42-1[\"x\"]",
            "43[]",
            "44{}",
            "45",
            "49",
            "4",
            "9",
            "0",
            "é",
            "b!",
            &long,
        ] {
            let mut bob = lounge.bob.connect_by(transport).await;
            let answers = answers(&mut bob, packet, None).await;
            // Over polling a body that is too large is refused, and the session goes on.
            assert!(
                answers.iter().all(Option::is_none),
                "{packet:.80}: {answers:?}"
            );
        }
    }
    // Whoever else is there noticed nothing but that bob was online.
    let seen = ada.seen().await;
    assert!(
        seen.iter().all(|(name, _)| name == "user_status"),
        "{seen:?}"
    );
    is_untouched(&lounge).await;
}

#[tokio::test]
async fn other_namespaces_are_refused_and_the_connection_goes_on() {
    let lounge = Lounge::start().await;
    for transport in Transport::ALL {
        let mut bob = lounge.bob.connect_by(transport).await;
        let connect = format!("40/admin,{}", json!({ "token": lounge.bob.token }));
        let refused = answers(&mut bob, &connect, None).await;
        let [Some(refused)] = &refused[..] else {
            panic!("{refused:?}");
        };
        assert!(refused.starts_with("44/admin,{\"message\":"), "{refused}");
        let send = json!(["send_message", { "roomId": lounge.room, "content": "x" }]);
        for packet in [
            format!("42/admin,7{send}"),
            "41/admin,".into(),
            "43/admin,7[]".into(),
        ] {
            assert_eq!(answers(&mut bob, &packet, None).await, [], "{packet}");
        }
    }
    is_untouched(&lounge).await;
}

#[tokio::test]
async fn nobody_connects_without_a_token_and_nothing_comes_before() {
    let lounge = Lounge::start().await;
    let url = lounge.app.url();
    for transport in Transport::ALL {
        for auth in [
            json!(null),
            json!({}),
            json!([]),
            json!("x"),
            json!(5),
            json!({ "token": null }),
            json!({ "token": 5 }),
            json!({ "token": { "token": lounge.bob.token } }),
            json!(lounge.bob.token),
        ] {
            let refused = Socket::connect(&url, auth.clone(), transport).await;
            assert_eq!(
                refused.err(),
                Some(json!({ "message": "unauthorized" })),
                "{auth}"
            );
        }
        for connect in ["40", "40{", "40nonsense"] {
            let mut socket = Socket::open(&url, transport).await;
            socket.send_text(connect).await;
            let refused = socket.packet().await.unwrap();
            assert_eq!(refused, r#"44{"message":"unauthorized"}"#, "{connect}");
            // Whoever was refused may try again with what is right.
            socket
                .send_text(&format!("40{}", json!({ "token": lounge.bob.token })))
                .await;
            assert!(socket.packet().await.unwrap().starts_with("40"));
        }
        for early in [LAST, "41", "43[]", "450-[\"x\"]"] {
            let mut socket = Socket::open(&url, transport).await;
            socket.send_text(early).await;
            while let Some(packet) = soon("the end", socket.packet()).await {
                assert_eq!(packet, "1", "{early}");
            }
        }
    }
    is_untouched(&lounge).await;
}

#[tokio::test]
async fn the_engine_refuses_what_is_not_its_protocol() {
    let lounge = Lounge::start().await;
    let http = &lounge.app.http;
    let url = format!("{}/socket.io/", lounge.app.url());
    for query in [
        "",
        "EIO=4",
        "transport=polling",
        "EIO=9&transport=polling",
        "EIO=4&transport=pigeon",
        "EIO=x&transport=polling",
        "EIO=4&transport=polling&sid=nonsense",
        "EIO=4&transport=polling&sid=AAAAAAAAAAAAAAAA",
        "EIO=4&transport=websocket",
    ] {
        let answer = http.get(format!("{url}?{query}")).send().await.unwrap();
        assert_eq!(answer.status(), 400, "{query}");
        assert!(answer.headers().contains_key("x-request-id"));
    }
    let open = http
        .get(format!("{url}?EIO=4&transport=polling"))
        .send()
        .await
        .unwrap();
    let open: Value = serde_json::from_str(&open.text().await.unwrap()[1..]).unwrap();
    assert_eq!(open["maxPayload"], 64 * 1024);
    let session = format!(
        "{url}?EIO=4&transport=polling&sid={}",
        open["sid"].as_str().unwrap()
    );
    let large = http
        .post(&session)
        .body("x".repeat(64 * 1024 + 1))
        .send()
        .await
        .unwrap();
    assert_eq!(large.status(), 413);
    for method in [Method::PUT, Method::DELETE, Method::PATCH] {
        let answer = http.request(method.clone(), &session).send().await.unwrap();
        assert_eq!(answer.status(), 400, "{method}");
    }
    is_untouched(&lounge).await;
}
