//! `chatd serve`: how it starts, what it says, how it stops.

use super::{LOOK, Place, Running, START, STOP, place};
use chatd::server::STOP_TIME;
use chatd::server::data_folder::DataFolder;
use rusqlite::Connection;
use rustix::process::Signal;
use serde_json::{Value, json};
use std::fs::write;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

/// What waits for nobody takes less than this, and less than a folder is waited for.
const AT_ONCE: Duration = Duration::from_secs(3);

#[test]
fn it_says_where_to_go() {
    let place = place();
    let server = place.serve();
    let [first, second] = server.ready.lines().collect::<Vec<_>>()[..] else {
        panic!("{}", server.ready);
    };
    assert_ne!(server.address.port(), 0);
    assert!(first.ends_with(&format!("http://{}", server.address)));
    assert_eq!(
        second,
        format!(
            "data folder: {}",
            place.data.canonicalize().unwrap().display()
        )
    );
    TcpStream::connect(server.address).unwrap();
    server.stop();
}

/// A server that takes a closed terminal for what it is, also where the tests themselves are under `nohup`.
fn in_a_terminal(place: &Place) -> Command {
    let chatd = env!("CARGO_BIN_EXE_chatd");
    let serve = [
        "--default-signal=HUP",
        chatd,
        "serve",
        "--listen",
        "127.0.0.1:0",
    ];
    place.command_of("env", serve)
}

#[test]
fn each_signal_stops_it_with_success() {
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let place = place();
        let mut server = place.start(in_a_terminal(&place));
        server.wait_until_ready();
        // Somebody who stays connected and says nothing.
        let _idle = TcpStream::connect(server.address).unwrap();
        let token = server.register("ada", "longenough");
        server.signal(signal);
        assert_eq!(
            server.ended_within(STOP).code(),
            Some(0),
            "{}",
            server.log()
        );
        assert!(!place.data.join("control.sock").exists());
        let next = place.serve();
        assert_eq!(next.me(&token), 200);
        next.stop();
    }
}

/// A server whose database somebody else has locked, and a request that waits for it.
fn stuck(place: &Place) -> (Running, Connection, TcpStream) {
    let server = place.serve();
    let token = server.register("ada", "longenough");
    let database = Connection::open(place.data.join("chatd.db")).unwrap();
    database.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut waiting = TcpStream::connect(server.address).unwrap();
    let request = format!(
        "POST /api/rooms HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: 12\r\n\r\n{{\"name\":\"x\"}}"
    );
    waiting.write_all(request.as_bytes()).unwrap();
    // Whoever asked later is answered, so this one is on its way.
    assert_eq!(server.me(&token), 200);
    (server, database, waiting)
}

#[test]
fn signals_within_a_second_are_one_and_a_later_one_stops_at_once() {
    let place = place();
    let (mut server, _database, _waiting) = stuck(&place);
    let first = Instant::now();
    let status = loop {
        if let Some(status) = server.child.try_wait().unwrap() {
            break status;
        }
        server.signal(Signal::TERM);
        std::thread::sleep(LOOK);
    };
    assert_eq!(status.code(), Some(1), "{}", server.log());
    assert!(
        first.elapsed() >= Duration::from_secs(1),
        "{}",
        server.log()
    );
    assert!(first.elapsed() < STOP_TIME, "{}", server.log());
    server.logged(&["stopped at once by a second signal"]);
}

#[test]
fn a_closed_terminal_stops_it_with_success_although_the_log_has_nowhere_to_go() {
    let place = place();
    let child = in_a_terminal(&place)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut server = Running {
        child,
        address: ([0, 0, 0, 0], 0).into(),
        ready: String::new(),
        lines: Mutex::new(channel().1),
        log: place.root.path().join("log"),
    };
    server.wait_until_ready();
    drop(server.child.stderr.take());
    server.signal(Signal::HUP);
    assert_eq!(server.ended_within(STOP).code(), Some(0));
}

/// Whether a signal is in a set that `proc_pid_status(5)` shows, which has a bit a signal.
#[cfg(target_os = "linux")]
fn is_in(server: &Running, set: &str, signal: Signal) -> bool {
    let status = format!("/proc/{}/status", server.child.id());
    let text = std::fs::read_to_string(status).unwrap();
    let bits = text.lines().find_map(|line| line.strip_prefix(set));
    let bits = u64::from_str_radix(bits.unwrap().trim(), 16).unwrap();
    bits >> (signal.as_raw() - 1) & 1 == 1
}

#[cfg(target_os = "linux")]
#[test]
fn under_nohup_a_closed_terminal_stops_nothing() {
    let place = place();
    let chatd = env!("CARGO_BIN_EXE_chatd");
    let mut server =
        place.start(place.command_of("nohup", [chatd, "serve", "--listen", "127.0.0.1:0"]));
    server.wait_until_ready();
    assert!(is_in(&server, "SigIgn:", Signal::HUP));
    server.stop();
}

/// Waits until a process takes SIGTERM by itself.
#[cfg(target_os = "linux")]
fn wait_until_it_takes_signals(server: &Running) {
    let deadline = Instant::now() + START;
    loop {
        if is_in(server, "SigCgt:", Signal::TERM) {
            return;
        }
        assert!(Instant::now() < deadline);
        std::thread::sleep(LOOK);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_server_that_waits_for_its_folder_stops_at_once() {
    let place = place();
    let _held = DataFolder::open(&place.data).unwrap();
    let mut server = place.start(place.command(["serve", "--listen", "127.0.0.1:0"]));
    wait_until_it_takes_signals(&server);
    server.signal(Signal::TERM);
    let status = server.ended_within(AT_ONCE);
    assert_eq!(status.code(), Some(0), "{}", server.log());
}

#[test]
fn an_address_in_use_is_a_failure_that_names_it() {
    let place = place();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let refused = place.run(&format!("serve --listen {address}"));
    refused.ended(1, &[&address, "stop what uses it", "--listen"]);
    assert_eq!(refused.stdout, "");
}

#[test]
fn an_address_of_another_machine_is_a_failure_that_says_so() {
    let refused = place().run("serve --listen 192.0.2.1:5000");
    refused.ended(1, &["192.0.2.1:5000", "no address of this machine"]);
}

#[test]
fn a_failure_is_told_once_to_people_and_also_to_collectors_in_their_own_form() {
    let place = place();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for args in [format!("--listen {address}"), "--listen nowhere".to_owned()] {
        for format in ["pretty", "compact", "json"] {
            let refused = place.run(&format!("serve {args} --log-format {format}"));
            let mut lines = refused.stderr.lines();
            if format == "json" {
                let line: Value = serde_json::from_str(lines.next().unwrap()).unwrap();
                assert_eq!(line["level"], "ERROR", "{line}");
                assert!(line.to_string().contains("--listen"), "{line}");
            }
            let line = lines.next().unwrap();
            assert!(line.starts_with("chatd: "), "{line}");
            assert_eq!(lines.next(), None, "{}", refused.stderr);
        }
    }
}

#[test]
fn links_that_would_lead_nowhere_are_warned_of() {
    for (public_url, is_told) in [("", true), ("https://chat.example.org", false)] {
        let place = place();
        let mut command = place.command(["serve", "--listen", "0.0.0.0:0"]);
        command.env("CHATD_SERVER__PUBLIC_URL", public_url);
        let mut server = place.start(command);
        server.wait_until_ready();
        let log = server.log();
        assert_eq!(log.contains("WARN set server.public_url"), is_told, "{log}");
        let link: Vec<_> = (0..3).map(|_| server.line()).collect();
        let hint = "with this machine's name or address in place of 0.0.0.0,";
        assert_eq!(link[2].trim() == hint, is_told, "{link:?}");
        server.stop();
    }
}

#[test]
fn the_log_says_what_runs_and_on_which_data() {
    let place = place();
    let server = place.serve();
    let folder = place.data.canonicalize().unwrap();
    let address = server.address.to_string();
    let version = env!("CARGO_PKG_VERSION");
    server.logged(&["listening", &address, version, folder.to_str().unwrap()]);
    server.stop();
}

#[test]
fn a_configuration_that_is_wrong_is_refused_with_its_place() {
    let place = place();
    let file = place.root.path().join("chatd.toml");
    write(&file, "[server]\nlisten = \"127.0.0.1:0\"\n  colour = 1\n").unwrap();
    let spot = format!("{}:3:3", file.display());
    for command in ["serve", "user list"] {
        let refused = place.run(&format!("{command} --config {}", file.display()));
        refused.ended(78, &[&format!("chatd: {spot}: "), "server.colour"]);
        assert_eq!(refused.stdout, "");
    }
    let refused = place.run(&format!(
        "--config {} serve --log-format json",
        file.display()
    ));
    let line: Value = serde_json::from_str(refused.stderr.lines().next().unwrap()).unwrap();
    assert_eq!(line["level"], "ERROR");
    assert_eq!(line["place"], spot);
    assert!(!place.data.exists());
}

#[test]
fn flags_and_variables_that_are_wrong_are_refused_by_their_name() {
    let place = place();
    // Only the command line's own mistakes are its usage.
    place
        .run("serve --listen nowhere")
        .ended(2, &["chatd: --listen: "]);
    let wrong = place
        .command(["serve"])
        .env("CHATD_SERVER__LISTEN", "nowhere")
        .output();
    super::Ran::from(wrong.unwrap()).ended(78, &["chatd: CHATD_SERVER__LISTEN: "]);
    let wrong = place
        .command(["serve"])
        .env("CHATD_LOG__LEVEL", "loud")
        .output();
    super::Ran::from(wrong.unwrap()).ended(78, &["chatd: CHATD_LOG__LEVEL: "]);
    place.run("serve --log-format loud").ended(2, &["'loud'"]);
}

#[test]
fn a_flag_wins_over_the_environment_and_that_over_the_file() {
    let mut place = place();
    let file = place.root.path().join("chatd.toml");
    write(&file, "[data]\ndir = \"of-the-file\"\n").unwrap();
    place.data = place.root.path().join("of-the-environment");
    let file = file.to_str().unwrap();
    let add = "user add ada --email ada@example.org --generate";
    place.run(&format!("{add} --config {file}")).ended(0, &[]);
    place
        .run(&format!("{add} --config {file} --data-dir of-the-flag"))
        .ended(0, &[]);
    let has_data = |name: &str| place.root.path().join(name).exists();
    assert!(has_data("of-the-environment") && has_data("of-the-flag"));
    assert!(!has_data("of-the-file"));
}

#[test]
fn the_log_has_one_line_an_event_without_colours() {
    for format in ["pretty", "compact", "json"] {
        let place = place();
        let server = place.serve_with(&[("CHATD_LOG__FORMAT", format)]);
        place.add("ada", "longenough");
        let log = server.log();
        server.stop();
        assert!(log.lines().count() >= 2, "{log}");
        assert!(!log.contains('\x1b'), "{log}");
        for line in log.lines() {
            if format == "json" {
                let line: Value = serde_json::from_str(line).unwrap();
                assert!(line["timestamp"].is_string() && line["message"].is_string());
            } else {
                // Each begins with its time: 2026-01-31T12:00:00.000Z.
                assert_eq!(line.find('Z'), Some(23), "{line}");
            }
        }
    }
}

/// Opens a Socket.IO connection over HTTP long polling (Engine.IO 4), as clients do.
fn sign_in_by_polling(server: &Running, token: &str) {
    let path = "/socket.io/?EIO=4&transport=polling";
    let (status, open) = server.send(&format!("GET {path}"), None, "");
    assert_eq!(status, 200, "{open}");
    let open: Value = serde_json::from_str(open.trim_start_matches('0')).unwrap();
    let path = format!("{path}&sid={}", open["sid"].as_str().unwrap());
    let connect = format!("40{}", json!({ "token": token }));
    let (status, answer) = server.send(&format!("POST {path}"), None, &connect);
    assert_eq!((status, answer.as_str()), (200, "ok"));
    // A ping may come before the answer, in the same body or in one of its own.
    let is_connected = (0..3).any(|_| {
        let (_, packets) = server.send(&format!("GET {path}"), None, "");
        let mut packets = packets.split('\x1e');
        packets.any(|packet| packet.starts_with("40{"))
    });
    assert!(is_connected);
}

#[test]
fn no_password_and_no_token_is_ever_logged() {
    let place = place();
    let server = place.serve_with(&[
        ("CHATD_LOG__LEVEL", "trace"),
        ("CHATD_LOG__FORMAT", "json"),
        ("RUST_LOG", "trace"),
    ]);
    let token = server.register("ada", "the-first-secret");
    assert_eq!(server.me(&token), 200);
    sign_in_by_polling(&server, &token);
    assert_eq!(server.sign_in("ada", "the-first-secret"), 200);
    assert_eq!(server.sign_in("ada", "a-wrong-secret"), 401);
    let body = json!({"username": "ada", "password": ["a-strange-secret"]});
    server.request("POST /api/auth/login", None, Some(&body));
    let change = json!({"currentPassword": "the-first-secret", "newPassword": "the-second-secret"});
    let changed = server.request("PUT /api/auth/password", Some(&token), Some(&change));
    assert_eq!(changed.status, 204, "{}", changed.body);
    place
        .run_with("user passwd ada --password-stdin", "the-third-secret")
        .ended(0, &[]);
    place.add("bob", "the-fourth-secret");
    let made_up = place.run("user passwd bob --generate");
    let made_up = made_up.stdout.trim();
    assert_eq!(server.sign_in("bob", made_up), 200);
    let log = server.log();
    server.stop();
    assert!(log.contains("password set from the command line"), "{log}");
    let (_, signature) = token.rsplit_once('.').unwrap();
    for secret in ["-secret", made_up, token.as_str(), signature] {
        assert!(!log.contains(secret), "{secret}: {log}");
    }
    // Other crates would say more at this level, if they were let.
    for line in log.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let is_ours = line["target"].as_str().unwrap().starts_with("chatd");
        assert!(is_ours || line["level"] == "WARN", "{line}");
    }
}
