//! The control socket: what it takes, and what happens around its server's start and end.

use super::{Place, START, Value, place};
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// What waits for nobody takes less than this.
const AT_ONCE: Duration = Duration::from_secs(4);
/// What is done again and again is done with such a pause between.
const PAUSE: Duration = Duration::from_millis(100);

fn connect(place: &Place) -> UnixStream {
    let stream = UnixStream::connect(place.data.join("control.sock")).unwrap();
    stream.set_read_timeout(Some(START)).unwrap();
    stream
}

/// Writes a line, or more than one, and reads what is answered.
pub(super) fn exchange(place: &Place, text: &[u8]) -> String {
    let mut stream = connect(place);
    // The other end may hang up before it has read everything.
    let _ = stream.write_all(text);
    let mut answer = String::new();
    let _ = BufReader::new(stream).read_line(&mut answer);
    answer
}

#[test]
fn a_request_that_makes_no_sense_is_refused_and_not_repeated() {
    let place = place();
    let server = place.serve_with(&[("CHATD_LOG__LEVEL", "trace")]);
    for text in [
        "hello\n",
        "{}\n",
        "{\"request\":\"reveal_password\",\"name\":\"hunter2\"}\n",
        "{\"request\":\"set_disabled\",\"name\":\"ada\",\"disabled\":\"hunter2\"}\n",
        "{\"request\":\"list_users\",\"cursor\":\"hunter2!\"}\n",
    ] {
        let answer: Value = serde_json::from_str(&exchange(&place, text.as_bytes())).unwrap();
        assert_eq!(answer["Err"]["code"], "invalid_input", "{text}");
        assert!(!answer.to_string().contains("hunter2"), "{answer}");
    }
    assert!(!server.log().contains("hunter2"), "{}", server.log());
    server.stop();
}

#[test]
fn a_request_is_no_longer_than_64_kib() {
    let place = place();
    let server = place.serve();
    let request = |length: usize| {
        let mut text = b"{\"request\":\"list_users\",\"cursor\":null}".to_vec();
        text.resize(length - 1, b' ');
        text.push(b'\n');
        exchange(&place, &text)
    };
    assert!(request(64 * 1024).starts_with("{\"Ok\""));
    assert!(!request(64 * 1024 + 1).starts_with("{\"Ok\""));
    assert!(!request(10 * 1024 * 1024).starts_with("{\"Ok\""));
    server.stop();
}

#[test]
fn connections_that_say_nothing_cost_the_others_no_more_than_a_wait() {
    let place = place();
    let server = place.serve();
    // As many as there may be: the command waits until the first of them is cut, after 10 s.
    let silent: Vec<_> = (0..16).map(|_| connect(&place)).collect();
    place.add("ada", "longenough");
    for mut stream in silent {
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    }
    server.stop();
}

#[test]
fn a_stop_does_not_wait_for_connections_that_say_nothing() {
    let place = place();
    let server = place.serve();
    let mut silent = connect(&place);
    silent.write_all(b"{\"request\":").unwrap();
    let since = Instant::now();
    server.stop();
    assert!(since.elapsed() < AT_ONCE);
    // What was never read makes the end a reset.
    let end = silent.read(&mut [0]).map_err(|error| error.kind());
    assert!(matches!(end, Ok(0) | Err(ErrorKind::ConnectionReset)));
}

#[test]
fn commands_succeed_while_servers_start_and_stop() {
    let place = place();
    place.add("ada", "longenough");
    let done = AtomicBool::new(false);
    let made = std::thread::scope(|scope| {
        let commands = ["bob", "carol"].map(|name| {
            let (place, done) = (&place, &done);
            scope.spawn(move || {
                let mut count = 0;
                while !done.load(Ordering::Acquire) {
                    let role = ["admin", "user"][count % 2];
                    place.run(&format!("user role ada {role}")).ended(0, &[]);
                    place.add(&format!("{name}-{count}"), "longenough");
                    count += 1;
                    // The servers want a turn, too.
                    std::thread::sleep(PAUSE);
                }
                count
            })
        });
        // Also when a server does not start, the commands have to end.
        let served = catch_unwind(AssertUnwindSafe(|| {
            for _ in 0..5 {
                let server = place.serve();
                std::thread::sleep(PAUSE);
                server.stop();
            }
        }));
        done.store(true, Ordering::Release);
        served.unwrap();
        commands.map(|command| command.join().unwrap())
    });
    assert_eq!(place.list().len(), 1 + made.iter().sum::<usize>());
}
