//! Rates and bounds: what is refused because it is too often or too many, how that is told, and whom
//! it leaves alone.

use super::harness::{Answer, App, Lounge, PASSWORD, Person, Socket, Transport, soon};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::{Error as Refusal, Message};

/// A refusal for its rate says twice when to come back, to programs and to HTTP's own.
#[track_caller]
fn is_limited(answer: Answer) -> Duration {
    let seconds: u64 = answer.headers["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    let error = answer.expect_error(429, "rate_limited");
    let wait = error["details"]["retryAfterMs"].as_u64().unwrap();
    assert!(wait > 0);
    assert_eq!(seconds, wait.div_ceil(1000));
    Duration::from_millis(wait)
}

/// A request of somebody who comes from this address, by a proxy's word.
async fn from(app: &App, address: &str, path: &str, body: Value) -> Answer {
    let request = app.http.post(format!("{}{path}", app.url()));
    let answer = request
        .header("x-forwarded-for", address)
        .json(&body)
        .send();
    Person::answer(answer.await.unwrap()).await
}

#[tokio::test]
async fn messages_are_limited_by_user_and_room_over_rest_and_sockets_together() {
    let lounge = Lounge::of(
        App::with(|config| {
            config.limits.messages_burst = 3;
            config.limits.messages_per_second = 4;
        })
        .await,
    )
    .await;
    let elsewhere = lounge.ada.room("elsewhere", false).await;
    let send = json!({ "roomId": lounge.room, "content": "x" });
    for transport in Transport::ALL {
        let mut socket = lounge.ada.connect_by(transport).await;
        // A tight loop, so that less comes back than is spent.
        let error = loop {
            match socket.ask("send_message", send.clone()).await {
                Ok(_) => {}
                Err(error) => break error,
            }
        };
        assert_eq!(error["code"], "rate_limited");
        let wait = error["details"]["retryAfterMs"].as_u64().unwrap();
        assert!((1..=250).contains(&wait), "{wait}");
        let refused = lounge
            .ada
            .post(&lounge.messages(), json!({ "content": "y" }))
            .await;
        // Another room, and other people, are none of it.
        lounge.ada.say(&elsewhere, "x").await;
        lounge.bob.say(&lounge.room, "x").await;
        let wait = is_limited(refused);
        // After as long as was said it is possible again.
        tokio::time::sleep(wait + Duration::from_millis(250)).await;
        lounge.ada.say(&lounge.room, "patience").await;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

#[tokio::test]
async fn the_rates_are_those_of_the_contract_unless_the_configuration_says_otherwise() {
    let lounge = Lounge::of(App::with(|_| ()).await).await;
    let began = Instant::now();
    let mut socket = lounge.ada.connect().await;
    let send = json!({ "roomId": lounge.room, "content": "x" });
    let mut said = 0;
    while socket.ask("send_message", send.clone()).await.is_ok() {
        said += 1;
    }
    let more = 2.0 * began.elapsed().as_secs_f64() + 1.0;
    assert!(
        said >= 20 && f64::from(said - 20) <= more,
        "{said} messages"
    );
    let mut answered = 0;
    let refused = loop {
        let answer = lounge.bob.get("/api/users/me").await;
        if answer.status != 200 {
            break answer;
        }
        answered += 1;
    };
    is_limited(refused);
    let more = 10.0 * began.elapsed().as_secs_f64() + 1.0;
    assert!(
        answered >= 95 && f64::from(answered - 100) <= more,
        "{answered} requests"
    );
    // Two are registered by now, and three more may be in this hour.
    let mut registered = 0;
    let refused = loop {
        let name = format!("guest-{registered}");
        let body = json!({ "username": name, "email": format!("{name}@b"), "password": PASSWORD });
        let answer = lounge.app.stranger().post("/api/auth/register", body).await;
        if answer.status != 201 {
            break answer;
        }
        registered += 1;
    };
    assert_eq!(registered, 3);
    assert!(is_limited(refused) > Duration::from_mins(10));
    let mut tries = 0;
    let refused = loop {
        let body = json!({ "username": "ada", "password": "wrong" });
        let answer = lounge.app.stranger().post("/api/auth/login", body).await;
        if answer.status != 401 {
            break answer;
        }
        tries += 1;
    };
    assert_eq!(tries, 10);
    assert!(is_limited(refused) > Duration::from_secs(30));
}

#[tokio::test]
async fn events_are_limited_by_connection_but_typing_never_is() {
    let app = App::with(|config| {
        config.limits.events_burst = 20;
        config.limits.events_per_second = 1;
    })
    .await;
    let lounge = Lounge::of(app).await;
    let (room, nowhere) = (&lounge.room, json!({ "roomId": uuid::Uuid::new_v4() }));
    for transport in Transport::ALL {
        let mut socket = lounge.bob.connect_by(transport).await;
        socket
            .ask("join_room", json!({ "roomId": room }))
            .await
            .unwrap();
        let typing = json!({ "roomId": room, "isTyping": true });
        let error = loop {
            match socket.ask("leave_room", nowhere.clone()).await {
                Ok(_) => {}
                Err(error) => break error,
            }
        };
        assert_eq!(error["code"], "rate_limited");
        let wait = error["details"]["retryAfterMs"].as_u64().unwrap();
        assert!((1..=1000).contains(&wait), "{wait}");
        for _ in 0..100 {
            socket.ask("typing", typing.clone()).await.unwrap();
        }
        // Without an ack it is an event; one may have come back meanwhile.
        let code = loop {
            socket.emit("get_room_users", nowhere.clone()).await;
            let error = socket.next("error").await;
            if error["code"] != "not_found" {
                break error["code"].clone();
            }
        };
        assert_eq!(code, "rate_limited");
        // Another connection of the same person has an allowance of its own.
        let mut other = lounge.bob.connect_by(transport).await;
        other.ask("leave_room", nowhere.clone()).await.unwrap();
    }
}

#[tokio::test]
async fn a_client_that_keeps_on_after_refusals_is_cut_and_may_come_back() {
    /// So many at once, over and over.
    const EVENTS: usize = 300;
    let app = App::with(|config| {
        config.limits.events_burst = 5;
        config.limits.events_per_second = 1;
    })
    .await;
    let lounge = Lounge::of(app).await;
    let flood = [r#"42["no_such_event"]"#; EVENTS];
    for transport in Transport::ALL {
        let mut ada = lounge.ada.connect_to(&lounge.room).await;
        let mut bob = lounge.bob.connect_by(transport).await;
        soon("the cut", async {
            loop {
                if transport == Transport::Polling {
                    bob.send_text(&flood.join("\u{1e}")).await;
                } else {
                    for packet in flood {
                        bob.send_text(packet).await;
                    }
                }
                // Each is answered by an error, until nothing is.
                for _ in 0..EVENTS {
                    if !bob.step().await {
                        return;
                    }
                }
            }
        })
        .await;
        assert!(
            !bob.disconnected,
            "no DISCONNECT, so that it comes back by itself"
        );
        bob = lounge.bob.connect_by(transport).await;
        let join = json!({ "roomId": lounge.room });
        bob.ask("join_room", join).await.unwrap();
        lounge.bob.say(&lounge.room, "sorry").await;
        assert_eq!(ada.next("receive_message").await["content"], "sorry");
    }
}

#[tokio::test]
async fn rest_requests_are_limited_by_user() {
    let app = App::with(|config| {
        config.limits.requests_burst = 5;
        config.limits.requests_per_second = 2;
    })
    .await;
    let (ada, other, bob) = (
        app.person("ada").await,
        app.sign_in("ada").await,
        app.person("bob").await,
    );
    let refused = loop {
        let answer = ada.get("/api/users/me").await;
        if answer.status != 200 {
            break answer;
        }
    };
    assert!(is_limited(refused) <= Duration::from_millis(500));
    // Every session of theirs, and nobody else's.
    let again = other.post("/api/rooms", json!({ "name": "x" })).await;
    let status = again.status;
    assert!(
        status == 429 || status == 201,
        "half a second may have passed: {again:?}"
    );
    bob.get("/api/users/me").await.expect(200);
    assert_eq!(app.stranger().get("/readyz").await.status, 200);
}

#[tokio::test]
async fn sign_ins_are_limited_by_address_and_by_account() {
    let app = App::with(|config| {
        config.limits.sign_in_burst = 3;
        config.limits.registrations_per_hour = 2;
        config.server.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    })
    .await;
    let ada = app.person("ada").await;
    app.person("bob").await;
    let login = |name: &str| json!({ "username": name, "password": PASSWORD });
    // Whatever account it names.
    for name in ["nobody-1", "nobody-2", "ada"] {
        let answer = from(&app, "192.0.2.1", "/api/auth/login", login(name)).await;
        assert_ne!(answer.status, 429);
    }
    is_limited(from(&app, "192.0.2.1", "/api/auth/login", login("bob")).await);
    // Wherever it comes from, and however the name is written: two more, after the one above.
    for (address, name) in [("192.0.2.2", "ADA"), ("192.0.2.3", "ada")] {
        from(&app, address, "/api/auth/login", login(name))
            .await
            .expect(200);
    }
    is_limited(from(&app, "192.0.2.4", "/api/auth/login", login("Ada")).await);
    from(&app, "192.0.2.4", "/api/auth/login", login("bob"))
        .await
        .expect(200);
    // Registrations are counted by address as well.
    let body = |name: &str| json!({ "username": name, "email": format!("{name}@b"), "password": PASSWORD });
    for name in ["carol", "dave"] {
        from(&app, "192.0.2.5", "/api/auth/register", body(name))
            .await
            .expect(201);
    }
    is_limited(from(&app, "192.0.2.5", "/api/auth/register", body("erin")).await);
    from(&app, "192.0.2.6", "/api/auth/register", body("erin"))
        .await
        .expect(201);
    // Guessing one's own old password on a stolen session is no way around it.
    let guess = json!({ "currentPassword": "a guess", "newPassword": "another horse" });
    for _ in 0..3 {
        let refused = ada.put("/api/auth/password", guess.clone()).await;
        refused.expect_error(401, "invalid_credentials");
    }
    is_limited(ada.put("/api/auth/password", guess).await);
}

#[tokio::test]
async fn a_client_is_counted_by_its_network_where_that_is_all_its_own() {
    let app = App::with(|config| {
        config.limits.sign_in_burst = 2;
        config.limits.registrations_per_hour = 1;
        config.server.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    })
    .await;
    let tries = async |addresses: [&str; 4]| {
        for (number, address) in addresses.into_iter().enumerate() {
            let body = json!({ "username": format!("{address}-{number}"), "password": PASSWORD });
            let answer = from(&app, address, "/api/auth/login", body).await;
            match number {
                0 | 1 | 3 => answer.expect_error(401, "invalid_credentials"),
                _ => answer.expect_error(429, "rate_limited"),
            };
        }
    };
    // The first three share a /64, which is the least that a customer has; the last does not.
    let within = "2001:db8:0:1:ffff:ffff:ffff:ffff";
    tries([
        "2001:db8:0:1::1",
        "2001:db8:0:1:1::2",
        within,
        "2001:db8:0:2::1",
    ])
    .await;
    // An IPv4 address is one client, however it is written, and its neighbour another.
    tries([
        "192.0.2.1",
        "::ffff:192.0.2.1",
        "192.0.2.1",
        "::ffff:192.0.2.2",
    ])
    .await;
    let register = async |address: &str, name: &str| {
        let body = json!({ "username": name, "email": format!("{name}@b"), "password": PASSWORD });
        from(&app, address, "/api/auth/register", body).await
    };
    register("2001:db8:0:3::1", "ada").await.expect(201);
    is_limited(register("2001:db8:0:3::2", "bob").await);
    register("2001:db8:0:4::1", "bob").await.expect(201);
}

#[tokio::test]
async fn a_name_that_is_too_long_for_anybody_is_refused_before_it_is_counted() {
    let app = App::with(|config| config.limits.sign_in_burst = 2).await;
    let hashes = app.server.chat().hashes_computed();
    let login = async |field: &str, name: String| {
        let mut body = json!({ "password": PASSWORD });
        body[field] = name.into();
        app.stranger().post("/api/auth/login", body).await
    };
    for field in ["username", "email", "username", "email"] {
        // Bytes count, not characters.
        for name in ["x".repeat(255), "é".repeat(128)] {
            let error = login(field, name).await.expect_error(400, "invalid_input");
            assert!(error["details"]["fields"][field].is_string(), "{error}");
        }
    }
    assert_eq!(app.server.chat().hashes_computed(), hashes);
    let longest = login("email", format!("{}@b", "x".repeat(252))).await;
    longest.expect_error(401, "invalid_credentials");
}

#[tokio::test]
async fn what_is_read_without_signing_in_is_limited_by_network() {
    let change = |config: &mut chatd::config::Config| {
        config.limits.requests_burst = 5;
        config.limits.requests_per_second = 2;
        config.server.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    };
    let app = App::with(change).await;
    let look = async |app: &App, address: &str| {
        let path = "/api/rooms/invites/nonsense";
        let request = app.http.get(format!("{}{path}", app.url()));
        let answer = request.header("x-forwarded-for", address).send();
        Person::answer(answer.await.unwrap()).await
    };
    let refused = soon("a refusal", async {
        loop {
            let answer = look(&app, "2001:db8::1").await;
            if answer.status != 404 {
                return answer;
            }
        }
    })
    .await;
    assert!(is_limited(refused) <= Duration::from_millis(500));
    look(&app, "2001:db8:0:1::1")
        .await
        .expect_error(404, "not_found");
    // Whoever is signed in has an allowance of their own.
    app.person("ada")
        .await
        .get("/api/users/me")
        .await
        .expect(200);
    let unlimited = App::with(|config| {
        change(config);
        config.limits.enabled = false;
    })
    .await;
    for _ in 0..20 {
        look(&unlimited, "2001:db8::1")
            .await
            .expect_error(404, "not_found");
    }
}

#[tokio::test]
async fn connections_that_are_not_signed_in_are_few() {
    let app = App::with(|config| {
        config.server.exempt_addresses = Vec::new();
        config.server.max_unauthenticated_per_address = 3;
        config.server.max_connections_per_address = 200;
    })
    .await;
    let ada = app.person("ada").await;
    let polling = format!("{}/socket.io/?EIO=4&transport=polling", app.url());
    let mut waiting = Vec::new();
    for transport in [
        Transport::WebSocket,
        Transport::Polling,
        Transport::WebSocket,
    ] {
        waiting.push(Socket::open(&app.url(), transport).await);
    }
    let refused = app.http.get(&polling).send().await.unwrap();
    let refused = Person::answer(refused).await;
    assert_eq!(refused.headers["retry-after"], "5");
    refused.expect_error(429, "rate_limited");
    // Who signs in makes room.
    let mut first = waiting.pop().unwrap();
    first
        .send_text(&format!("40{}", json!({ "token": ada.token })))
        .await;
    assert!(
        soon("CONNECT", first.packet())
            .await
            .unwrap()
            .starts_with("40")
    );
    let answer = app.http.get(&polling).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let refused = app.http.get(&polling).send().await.unwrap();
    assert_eq!(refused.status(), 429);
    // REST is not counted there.
    ada.get("/api/users/me").await.expect(200);
}

#[tokio::test]
async fn connections_of_one_address_are_bounded_and_their_places_come_back() {
    const MOST: usize = 8;
    let app = App::with(|config| {
        config.server.exempt_addresses = Vec::new();
        config.server.max_connections_per_address = u32::try_from(MOST).unwrap();
    })
    .await;
    let ada = app.person("ada").await;
    let url = format!("{}/socket.io/?EIO=4&transport=websocket", app.url());
    let url = url.replacen("http", "ws", 1);
    for _ in 0..3 {
        let mut open = Vec::new();
        let refused = soon("a refusal", async {
            loop {
                match connect_async(&url).await {
                    Ok((mut stream, _)) => {
                        let hello = format!("40{}", json!({ "token": ada.token }));
                        stream.send(Message::text(hello)).await.unwrap();
                        // The engine's own greeting, and then ours.
                        for _ in 0..2 {
                            stream.next().await.unwrap().unwrap();
                        }
                        open.push(stream);
                    }
                    // Requests by REST hold a connection or two; those of the last round may not be
                    // gone yet.
                    Err(Refusal::Http(_)) if open.len() < MOST - 2 => {}
                    Err(Refusal::Http(answer)) => break answer,
                    Err(other) => panic!("{other}"),
                }
            }
        })
        .await;
        assert_eq!(refused.status(), 429);
        assert!(refused.headers().contains_key("retry-after"));
        assert!(open.len() <= MOST, "{}", open.len());
    }
}
