//! `chatd room`, `session` and `stats`, with and without a running server.

use super::{LOOK, Place, place};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// An ended session is refused after so long at most.
const AT_ONCE: Duration = Duration::from_secs(1);
const NOWHERE: &str = "6f1c2a52-0d7e-4a4e-9c5b-0f6f1b1f7c11";

/// What a command prints as JSON.
#[track_caller]
fn json_of(place: &Place, args: &str) -> Value {
    let ran = place.run(args);
    ran.ended(0, &[]);
    assert_eq!(ran.stderr, "");
    serde_json::from_str(&ran.stdout).unwrap()
}

/// Two people, ada with two rooms and a message; gives ada's token and the rooms' ids.
pub(super) fn furnish(place: &Place) -> (String, String, String) {
    let server = place.serve();
    let ada = server.register("ada", "longenough");
    server.register("bob", "longenough");
    let make = |body: Value| {
        let answer = server.request("POST /api/rooms", Some(&ada), Some(&body));
        answer.body["id"].as_str().unwrap().to_owned()
    };
    let lounge = make(json!({ "name": "lounge", "description": "for all" }));
    let secret = make(json!({ "name": "secret", "isPrivate": true }));
    let say = format!("POST /api/rooms/{lounge}/messages");
    let said = server.request(&say, Some(&ada), Some(&json!({ "content": "hello" })));
    assert_eq!(said.status, 201);
    server.stop();
    (ada, lounge, secret)
}

fn see_rooms(place: &Place, lounge: &str, secret: &str) {
    let rooms = json_of(place, "room list --json");
    let rooms = rooms.as_array().unwrap();
    assert_eq!(rooms.len(), 2);
    assert_eq!(rooms[0]["id"], lounge);
    assert_eq!(rooms[1]["id"], secret);
    assert_eq!(rooms[1]["isPrivate"], true);
    let room = json_of(place, &format!("room show {lounge} --json"));
    for (key, value) in [
        ("name", json!("lounge")),
        ("description", json!("for all")),
        ("createdBy", json!("ada")),
        ("members", json!(1)),
        ("messages", json!(1)),
        ("isPrivate", json!(false)),
    ] {
        assert_eq!(room[key], value, "{key}");
    }
    let table = place.run("room list").stdout;
    assert!(table.starts_with("ID "), "{table}");
    assert!(table.contains("  lounge  public   ada "), "{table}");
    let shown = place.run(&format!("room show {}", lounge.to_uppercase()));
    assert!(
        shown.stdout.contains("description  for all\n"),
        "{}",
        shown.stdout
    );
    for verb in ["show", "delete --yes"] {
        let refused = place.run(&format!("room {verb} {NOWHERE}"));
        refused.ended(3, &[NOWHERE, "chatd room list"]);
        place
            .run(&format!("room {verb} nonsense"))
            .ended(2, &["an id looks like", "\"chatd room list\" shows"]);
    }
}

#[test]
fn rooms_are_seen_and_deleted_without_a_server() {
    let place = place();
    let (_, lounge, secret) = furnish(&place);
    see_rooms(&place, &lounge, &secret);
    let unsure = place.run(&format!("room delete {lounge}"));
    unsure.ended(2, &["--yes"]);
    see_rooms(&place, &lounge, &secret);
    let deleted = place.run(&format!("room delete {lounge} --yes"));
    deleted.ended(0, &["The room \"lounge\" was deleted."]);
    assert_eq!(
        json_of(&place, "room list --json")
            .as_array()
            .unwrap()
            .len(),
        1
    );
    place.run(&format!("room show {lounge}")).ended(3, &[]);
}

#[test]
fn rooms_are_seen_and_deleted_while_a_server_runs() {
    let place = place();
    let (ada, lounge, secret) = furnish(&place);
    let server = place.serve();
    see_rooms(&place, &lounge, &secret);
    let path = format!("GET /api/rooms/{lounge}");
    assert_eq!(server.request(&path, Some(&ada), None).status, 200);
    place
        .run(&format!("room delete {lounge} --yes"))
        .ended(0, &[]);
    assert_eq!(server.request(&path, Some(&ada), None).status, 404);
    server.stop();
}

#[test]
fn more_rooms_than_a_page_has_are_all_listed() {
    let place = place();
    let server = place.serve();
    let ada = server.register("ada", "longenough");
    // The longest names and descriptions that there may be.
    let body = json!({ "name": "\u{10ffff}".repeat(80), "description": "\u{1f600}".repeat(500) });
    for _ in 0..101 {
        let made = server.request("POST /api/rooms", Some(&ada), Some(&body));
        assert!([201, 400].contains(&made.status), "{}", made.body);
        if made.status == 400 {
            let body = json!({ "name": "\u{1f600}".repeat(80) });
            let made = server.request("POST /api/rooms", Some(&ada), Some(&body));
            assert_eq!(made.status, 201, "{}", made.body);
        }
    }
    assert_eq!(
        json_of(&place, "room list --json")
            .as_array()
            .unwrap()
            .len(),
        101
    );
    server.stop();
}

#[test]
fn a_session_that_is_ended_is_refused_within_a_second() {
    let place = place();
    let server = place.serve();
    let ada = server.register("ada", "longenough");
    assert_eq!(server.sign_in("ada", "longenough"), 200);
    let bob = server.register("bob", "longenough");
    assert_eq!(
        json_of(&place, "session list --json")
            .as_array()
            .unwrap()
            .len(),
        3
    );
    let sessions = json_of(&place, "session list --user ADA@example.org --json");
    let sessions = sessions.as_array().unwrap();
    assert_eq!(sessions.len(), 2);
    for session in sessions {
        assert_eq!(session["username"], "ada");
        assert_eq!(session["address"], "127.0.0.1");
        let id = session["id"].as_str().unwrap();
        place
            .run(&format!("session end {id}"))
            .ended(0, &["\"ada\" was signed out"]);
        place
            .run(&format!("session end {id}"))
            .ended(3, &[id, "chatd session list"]);
    }
    place
        .run("session list --user ada")
        .ended(0, &["\"ada\" is signed in nowhere."]);
    let since = Instant::now();
    while server.me(&ada) != 401 {
        assert!(since.elapsed() < AT_ONCE);
        std::thread::sleep(LOOK);
    }
    assert_eq!(server.me(&bob), 200);
    place
        .run("session list --user carol")
        .ended(3, &["no account \"carol\""]);
    server.stop();
    // The same without a server.
    let rest = json_of(&place, "session list --json");
    assert_eq!(rest[0]["username"], "bob");
    let id = rest[0]["id"].as_str().unwrap();
    place
        .run(&format!("session end {id}"))
        .ended(0, &["\"bob\" was signed out"]);
    place
        .run("session list")
        .ended(0, &["Nobody is signed in."]);
}

#[test]
fn stats_say_how_much_there_is() {
    let place = place();
    let (_, lounge, _) = furnish(&place);
    let stats = json_of(&place, "stats --json");
    for (key, value) in [
        ("accounts", json!(2)),
        ("sessions", json!(2)),
        ("rooms", json!(2)),
        ("privateRooms", json!(1)),
        ("messages", json!(1)),
        ("live", Value::Null),
    ] {
        assert_eq!(stats[key], value, "{key}");
    }
    assert!(stats["databaseBytes"].as_u64().unwrap() >= 4096);
    assert!(
        place
            .run("stats")
            .stdout
            .contains("sockets        no server runs\n")
    );
    place
        .run(&format!("room delete {lounge} --yes"))
        .ended(0, &[]);
    let server = place.serve();
    let stats = json_of(&place, "stats --json");
    assert_eq!(
        (&stats["rooms"], &stats["messages"]),
        (&json!(1), &json!(0))
    );
    let live = json!({ "peopleOnline": 0, "sockets": 0, "version": env!("CARGO_PKG_VERSION") });
    assert_eq!(stats["live"], live);
    assert!(
        place
            .run("stats")
            .stdout
            .contains("rooms          1 (1 private)\n")
    );
    server.stop();
}

#[test]
fn a_table_of_sessions_tells_browsers_apart() {
    let place = place();
    let server = place.serve();
    server.register("ada", "longenough");
    let login = json!({ "username": "ada", "password": "longenough" });
    let like = "AppleWebKit/537.36 (KHTML, like Gecko)";
    for (agent, shown) in [
        (
            "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0".to_owned(),
            "Firefox on Linux",
        ),
        (
            format!(
                "Mozilla/5.0 (Linux; Android 10; K) {like} Chrome/142.0.0.0 Mobile Safari/537.36"
            ),
            "Chrome on Android",
        ),
        (
            format!(
                "Mozilla/5.0 (Windows NT 10.0) {like} Chrome/142.0.0.0 Safari/537.36 Edg/142.0"
            ),
            "Edge on Windows",
        ),
        ("curl/8.5.0".to_owned(), "curl/8.5.0"),
        ("a".repeat(60), &format!("{}…", "a".repeat(40))),
    ] {
        // What follows the token is a header of its own.
        let headers = format!("none\r\nuser-agent: {agent}");
        let signed_in = server.request("POST /api/auth/login", Some(&headers), Some(&login));
        assert_eq!(signed_in.status, 200, "{}", signed_in.body);
        let table = place.run("session list").stdout;
        let mut lines = table.lines();
        assert!(
            lines.any(|line| line.ends_with(&format!("  {shown}"))),
            "{shown}: {table}"
        );
    }
    server.stop();
}

#[test]
fn nothing_is_seen_or_done_where_there_is_no_data() {
    let place = place();
    for command in [
        "room list".to_owned(),
        format!("room delete {NOWHERE} --yes"),
        "session list".to_owned(),
        format!("session end {NOWHERE}"),
        "stats".to_owned(),
    ] {
        place.run(&command).ended(3, &["--data-dir"]);
    }
    assert!(!place.data.exists());
}

#[test]
fn a_health_check_asks_the_server_of_the_configuration_or_any_other() {
    let place = place();
    let server = place.serve();
    let here = server.address.to_string();
    let check = |listen: &str, args: &str| {
        let mut command = place.command(args.split(' '));
        super::Ran::from(
            command
                .env("CHATD_SERVER__LISTEN", listen)
                .output()
                .unwrap(),
        )
    };
    let one_line = |ran: &super::Ran| {
        assert_eq!(
            (ran.stdout.as_str(), ran.stderr.lines().count()),
            ("", 1),
            "{}",
            ran.stderr
        );
    };
    let port = server.address.port();
    for (listen, args) in [
        (here.clone(), "healthcheck".to_owned()),
        (format!("0.0.0.0:{port}"), "healthcheck".to_owned()),
        (
            "127.0.0.1:1".to_owned(),
            format!("healthcheck --url http://{here}"),
        ),
        (
            "127.0.0.1:1".to_owned(),
            format!("healthcheck --url http://localhost:{port}/"),
        ),
    ] {
        let ready = check(&listen, &args);
        ready.ended(0, &["is ready"]);
        one_line(&ready);
    }
    for (args, why) in [
        (
            format!("healthcheck --url http://{here}/elsewhere"),
            "is not ready",
        ),
        (format!("healthcheck --url https://{here}"), "is not ready"),
    ] {
        let unready = check(&here, &args);
        unready.ended(1, &[why]);
        one_line(&unready);
    }
    for url in [
        "nonsense",
        "ftp://x",
        "http://",
        "http://a@b",
        "https://x/?y",
    ] {
        check(&here, &format!("healthcheck --url {url}")).ended(2, &["https://chat.example.org"]);
    }
    // One that runs on the data folder is asked, wherever the configuration says that it is.
    let found = check("127.0.0.1:1", "healthcheck");
    found.ended(0, &[&format!("http://{here} is ready")]);
    let elsewhere = check(&here, "healthcheck --data-dir elsewhere");
    elsewhere.ended(
        1,
        &[
            "no server runs on the data folder",
            "/elsewhere\"",
            "--data-dir",
        ],
    );
    one_line(&elsewhere);
    server.stop();
    check("127.0.0.1:0", "healthcheck").ended(2, &["--url"]);
    let unready = check(&here, "healthcheck");
    unready.ended(
        1,
        &["is not ready", "start the server", "--config", "--url"],
    );
    one_line(&unready);
}

#[test]
fn a_health_check_ends_within_five_seconds_where_nobody_answers() {
    let place = place();
    // The kernel takes the connection, and nobody the request.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let since = Instant::now();
    let unready = place.run(&format!("healthcheck --url {url}"));
    unready.ended(1, &["is not ready", "within 4 s"]);
    assert!(since.elapsed() < Duration::from_secs(5));
}
