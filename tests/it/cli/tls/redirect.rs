//! HTTP that leads to https.

use super::super::{Running, START, place};
use super::{Authority, ask, connect, serve};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// A connection that says nothing is closed after this, and what a busy machine takes.
const SILENCE: Duration = Duration::from_secs(12);
/// One that is not let in is closed sooner than this.
const REFUSED_AFTER: Duration = Duration::from_secs(5);

/// Where a server says that HTTP leads to https.
fn leading(server: &Running) -> SocketAddr {
    let line = server.line();
    let address = line
        .strip_prefix("http://")
        .unwrap_or_else(|| panic!("{line}"));
    let address = address.strip_suffix(" leads to https").unwrap();
    address.parse().unwrap()
}

/// The head that answers a request.
fn head(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(START)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.to_lowercase()
}

#[test]
fn every_request_is_led_to_the_servers_own_address_whatever_it_calls_it() {
    let (place, authority) = (place(), Authority::new());
    let more = [
        ("CHATD_TLS__REDIRECT_FROM", "127.0.0.1:0"),
        ("CHATD_SERVER__PUBLIC_URL", "https://chat.example.org"),
    ];
    let server = serve(&place, &authority.pair(), &more);
    let address = leading(&server);
    for (line, host, path) in [
        ("GET /r/5?a=b%20c", "chat.example.org", "/r/5?a=b%20c"),
        ("POST /api/rooms", "evil.example", "/api/rooms"),
        ("GET //evil.example/", "chat.example.org", "//evil.example/"),
        ("GET http://evil.example/x", "evil.example", "/x"),
        ("OPTIONS *", "chat.example.org", "/"),
    ] {
        let request = format!("{line} HTTP/1.1\r\nhost: {host}\r\n\r\n");
        let answer = head(address, &request);
        assert!(answer.starts_with("http/1.1 308 "), "{answer}");
        let place = format!("\r\nlocation: https://chat.example.org{path}\r\n");
        assert!(answer.contains(&place), "{answer}");
        assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
    }
    // Whoever looks whether it is ready is told where to ask.
    let checked = place.run(&format!("healthcheck --url http://{address}"));
    let told = "it leads to https://chat.example.org/readyz; ask https://chat.example.org";
    checked.ended(1, &[told]);
    server.stop();
}

#[test]
fn without_a_public_url_it_leads_to_the_address_that_is_listened_on() {
    let (place, authority) = (place(), Authority::new());
    let more = [("CHATD_TLS__REDIRECT_FROM", "127.0.0.1:0")];
    let server = serve(&place, &authority.pair(), &more);
    let answer = head(leading(&server), "GET / HTTP/1.0\r\n\r\n");
    let place = format!("\r\nlocation: https://{}/\r\n", server.address);
    assert!(answer.contains(&place), "{answer}");
    server.stop();
}

#[test]
fn its_connections_are_bounded_with_the_others_and_the_silent_are_closed() {
    let (place, authority) = (place(), Authority::new());
    let more = [
        ("CHATD_TLS__REDIRECT_FROM", "127.0.0.1:0"),
        ("CHATD_SERVER__MAX_CONNECTIONS", "1"),
    ];
    let server = serve(&place, &authority.pair(), &more);
    let address = leading(&server);
    let mut taken = connect(&server, &authority.trust(&[]));
    ask(&mut taken, "/healthz");
    // The place that the listener for TLS has given is one that this one has not.
    let answer = head(address, "GET / HTTP/1.1\r\nhost: x\r\n\r\n");
    assert!(answer.starts_with("http/1.1 503 "), "{answer}");
    drop(taken);
    // It may be free a little later, and until then who is silent is refused sooner.
    let came = Instant::now();
    loop {
        let began = Instant::now();
        let mut silent = TcpStream::connect(address).unwrap();
        silent.set_read_timeout(Some(SILENCE)).unwrap();
        assert_eq!(silent.read(&mut [0]).unwrap(), 0);
        if began.elapsed() > REFUSED_AFTER {
            break;
        }
        assert!(came.elapsed() < START);
    }
    server.stop();
}

#[test]
fn an_address_that_is_taken_is_told_by_its_key() {
    let (place, authority) = (place(), Authority::new());
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let files = super::written(&place, &authority.pair());
    let mut command = place.command(["serve", "--listen", "127.0.0.1:0"]);
    let command = command
        .envs(files.iter().map(|(name, path)| (name, path)))
        .env("CHATD_TLS__REDIRECT_FROM", &address);
    let refused = super::super::Ran::from(command.output().unwrap());
    refused.ended(1, &[&address, "choose another with tls.redirect_from"]);
}
