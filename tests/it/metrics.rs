//! What `/metrics` shows, and to whom.
#![expect(clippy::float_cmp, reason = "what is counted is a whole number")]

use super::harness::{App, Lounge, Socket, Transport, soon};
use chatd::config::Config;
use serde_json::json;
use std::collections::BTreeMap;

fn shown(config: &mut Config) {
    config.limits.enabled = false;
    config.metrics.enabled = true;
}

async fn text(app: &App, url: &str) -> String {
    let answer = app.http.get(format!("{url}/metrics")).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let kind = answer.headers()["content-type"].to_str().unwrap();
    assert!(kind.starts_with("text/plain; version=0.0.4"), "{kind}");
    answer.text().await.unwrap()
}

/// All samples: names with their labels, and numbers.
fn samples(text: &str) -> BTreeMap<String, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let samples = lines.map(|line| line.rsplit_once(' ').unwrap());
    samples
        .map(|(name, number)| (name.to_owned(), number.parse().unwrap()))
        .collect()
}

/// The samples of a server that shows them on its own address.
async fn look(app: &App) -> BTreeMap<String, f64> {
    samples(&text(app, &app.url()).await)
}

/// Waits until a number is this.
#[track_caller]
fn becomes<'a>(app: &'a App, name: &'a str, number: f64) -> impl Future<Output = ()> + 'a {
    soon(name, async move {
        while look(app).await.get(name).copied() != Some(number) {}
    })
}

#[tokio::test]
async fn each_number_has_a_line_of_help_and_one_of_its_type_before_it() {
    let app = App::with(shown).await;
    let text = text(&app, &app.url()).await;
    assert!(text.ends_with('\n'));
    let (mut family, mut kind, mut families) = ("", "", 0);
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            family = help.split_once(' ').unwrap().0;
            families += 1;
        } else if let Some(type_of) = line.strip_prefix("# TYPE ") {
            let (name, named) = type_of.split_once(' ').unwrap();
            assert_eq!(name, family);
            kind = named;
            let is_total = name.ends_with("_total");
            assert_eq!(kind == "counter", is_total, "{name} is a {kind}");
        } else {
            let end = line.find(['{', ' ']).unwrap();
            let rest = line[..end].strip_prefix(family).unwrap();
            let allowed: &[&str] = match kind {
                "histogram" => &["_bucket", "_sum", "_count"],
                _ => &[""],
            };
            assert!(allowed.contains(&rest), "{line} in {family}");
        }
    }
    assert!(families > 15, "{families}");
    let samples = samples(&text);
    for (name, wanted) in [
        ("chatd_build_info{version=\"0.1.0\"}", 1.0),
        ("chatd_sockets", 0.0),
        ("chatd_connections", 1.0),
    ] {
        assert_eq!(samples.get(name), Some(&wanted), "{name}\n{text}");
    }
    for name in [
        "chatd_database_bytes",
        "chatd_database_log_bytes",
        "process_resident_memory_bytes",
        "process_cpu_seconds_total",
    ] {
        assert!(samples[name] > 0.0, "{name}");
    }
}

#[tokio::test]
async fn what_people_do_shows_in_the_numbers() {
    let lounge = Lounge::of(App::with(shown).await).await;
    let app = &lounge.app;
    let mut ada = lounge.ada.connect_to(&lounge.room).await;
    let mut bob = lounge.bob.connect_to(&lounge.room).await;
    let send = json!({ "roomId": lounge.room, "content": "hello", "clientId": "1" });
    for _ in 0..2 {
        ada.ask("send_message", send.clone()).await.unwrap();
    }
    bob.next("receive_message").await;
    ada.ask("send_message", json!({})).await.unwrap_err();
    lounge.ada.get("/api/rooms/nonsense").await;
    lounge.ada.with_token("bad").get("/api/users/me").await;
    let refused = Socket::connect(&app.url(), json!({}), Transport::WebSocket).await;
    refused.err().unwrap();
    for (name, number) in [
        ("chatd_sockets", 2.0),
        ("chatd_people_online", 2.0),
        ("chatd_rooms_open", 1.0),
        ("chatd_rooms_subscribed", 2.0),
        // The same clientId is the same message.
        ("chatd_messages_total", 1.0),
        ("chatd_messages_delivered_total", 2.0),
        (
            "chatd_refusals_total{via=\"socket\",code=\"invalid_input\"}",
            1.0,
        ),
        (
            "chatd_refusals_total{via=\"socket\",code=\"unauthorized\"}",
            1.0,
        ),
        (
            "chatd_refusals_total{via=\"http\",code=\"unauthorized\"}",
            1.0,
        ),
        ("chatd_refusals_total{via=\"http\",code=\"internal\"}", 0.0),
        ("chatd_writer_queue_commands", 0.0),
        ("chatd_outbox_batches", 0.0),
    ] {
        becomes(app, name, number).await;
    }
    let seen = look(app).await;
    let commits = seen["chatd_commit_seconds_count"];
    assert!(commits >= 5.0);
    assert_eq!(seen["chatd_commit_commands_count"], commits);
    assert!(seen["chatd_commit_commands_sum"] >= commits);
    assert!(seen["chatd_commit_seconds_sum"] > 0.0);
    assert_eq!(seen["chatd_commit_seconds_bucket{le=\"+Inf\"}"], commits);
    ada.close().await;
    becomes(app, "chatd_sockets", 1.0).await;
    becomes(app, "chatd_rooms_subscribed", 1.0).await;
    lounge.ada.delete(&lounge.path()).await.expect(204);
    becomes(app, "chatd_rooms_open", 0.0).await;
    becomes(app, "chatd_rooms_subscribed", 0.0).await;
    soon("a look at a timer", async {
        while look(app).await["chatd_event_loop_delay_seconds_count"] == 0.0 {}
    })
    .await;
}

#[tokio::test]
async fn who_is_not_let_in_is_counted_by_the_reason() {
    let app = App::with(|config| {
        shown(config);
        config.server.exempt_addresses = Vec::new();
        config.server.max_connections_per_address = 8;
        config.server.max_unauthenticated_per_address = 1;
    })
    .await;
    let _stranger = Socket::open(&app.url(), Transport::Polling).await;
    let polling = format!("{}/socket.io/?EIO=4&transport=polling", app.url());
    assert_eq!(app.http.get(&polling).send().await.unwrap().status(), 429);
    let seen = look(&app).await;
    let reason =
        |reason: &str| seen[&format!("chatd_connections_refused_total{{reason=\"{reason}\"}}")];
    assert_eq!(reason("unauthenticated"), 1.0);
    assert_eq!(reason("address") + reason("full"), 0.0);
    assert_eq!(
        seen["chatd_refusals_total{via=\"http\",code=\"rate_limited\"}"],
        1.0
    );
    // As many connections as there may be, and one more.
    let address = app.server.address();
    let mut open = Vec::new();
    for _ in 0..9 {
        open.push(tokio::net::TcpStream::connect(address).await.unwrap());
    }
    soon("a refusal", async {
        let name = "chatd_connections_refused_total{reason=\"address\"}";
        while look(&app).await[name] < 1.0 {}
    })
    .await;
}

#[tokio::test]
async fn nobody_sees_them_unless_they_are_turned_on() {
    let app = App::start().await;
    let answer = app.stranger().get("/metrics").await;
    answer.expect_error(404, "not_found");
    assert_eq!(app.server.metrics_address(), None);
}

#[tokio::test]
async fn an_address_of_their_own_is_the_only_one_that_shows_them() {
    let app = App::with(|config| {
        config.metrics.listen = Some("127.0.0.1:0".parse().unwrap());
        config.metrics.enabled = true;
    })
    .await;
    let answer = app.stranger().get("/metrics").await;
    answer.expect_error(404, "not_found");
    let own = format!("http://{}", app.server.metrics_address().unwrap());
    let seen = samples(&text(&app, &own).await);
    // That of whoever looks counts among those of nobody.
    assert_eq!(seen["chatd_connections_accepted_total"], 1.0);
    for path in ["/", "/api/rooms", "/healthz"] {
        let answer = app.http.get(format!("{own}{path}")).send().await.unwrap();
        assert_eq!(answer.status(), 404, "{path}");
    }
    // A monitor that stays connected holds no stop up.
    soon("the stop", app.server.stop()).await;
    assert!(app.http.get(format!("{own}/metrics")).send().await.is_err());
}
