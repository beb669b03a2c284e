//! Certificates by ACME, from a stand-in for an authority that really calls the server.

mod stand_in;

use super::super::{Place, Running, mode, place, until};
use super::{Authority, ask, shake_hands, shown};
use rustls::ClientConfig;
use stand_in::StandIn;
use std::sync::Arc;

const NAMES: [&str; 2] = ["chat.example.org", "www.example.org"];

fn serve_by(place: &Place, authority: &StandIn) -> Running {
    let names = NAMES.join(",");
    let server = place.serve_with(&[
        ("CHATD_TLS__DOMAINS", &names),
        ("CHATD_TLS__CONTACT", "ada@example.org"),
        ("CHATD_TLS__DIRECTORY", &authority.directory()),
    ]);
    authority.will_call(server.address);
    server
}

/// Talks to a server by one of its names.
fn greet(server: &Running, trust: &Arc<ClientConfig>, name: &str) {
    let mut secure = shake_hands(server, trust, name).unwrap();
    assert_eq!(secure.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
    let answer = ask(&mut secure, "/healthz");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

fn greet_by_all(server: &Running, trust: &Arc<ClientConfig>) {
    for name in NAMES {
        greet(server, trust, name);
    }
}

#[test]
fn a_certificate_is_got_by_itself_and_kept_for_the_next_start() {
    let place = place();
    let authority = StandIn::open(Authority::new());
    let trust = authority.trust(&["http/1.1"]);
    let server = serve_by(&place, &authority);
    server.logged(&[
        "a new certificate is in use",
        "chat.example.org, www.example.org",
    ]);
    greet_by_all(&server, &trust);
    // Its first name is where people come to.
    let setup: Vec<_> = (0..2).map(|_| server.line()).collect();
    assert!(
        setup[1].contains("https://chat.example.org/setup#"),
        "{setup:?}"
    );
    server.stop();
    assert_eq!(authority.seen(), ["chat.example.org", "www.example.org"]);
    assert_eq!(authority.contacts(), ["mailto:ada@example.org"]);
    assert_eq!(mode(&place.data.join("acme")), 0o700);

    let server = serve_by(&place, &authority);
    server.logged(&["the certificate of the data folder is in use"]);
    greet_by_all(&server, &trust);
    server.stop();
    assert_eq!(authority.orders(), 1);
}

#[test]
fn a_certificate_is_renewed_while_the_server_runs_and_connections_stay() {
    let place = place();
    let authority = StandIn::open(Authority::new());
    authority.make_next_nearly_due();
    let trust = authority.trust(&["http/1.1"]);
    let server = serve_by(&place, &authority);
    server.logged(&["a new certificate is in use"]);
    let mut old = shake_hands(&server, &trust, NAMES[0]).unwrap();
    let first = shown(&old);

    until("a renewed certificate", || {
        shown(&shake_hands(&server, &trust, NAMES[0]).unwrap()) != first
    });
    greet_by_all(&server, &trust);
    assert!(ask(&mut old, "/healthz").starts_with("HTTP/1.1 200 "));
    let second = shown(&shake_hands(&server, &trust, NAMES[0]).unwrap());
    server.stop();
    assert_eq!(authority.orders(), 2);

    let server = serve_by(&place, &authority);
    server.logged(&["the certificate of the data folder is in use"]);
    assert_eq!(
        shown(&shake_hands(&server, &trust, NAMES[0]).unwrap()),
        second
    );
    server.stop();
    assert_eq!(authority.orders(), 2);
}

#[test]
fn what_the_authority_refuses_is_told_in_a_line_and_asked_for_again() {
    let place = place();
    let authority = StandIn::open(Authority::new());
    authority.refuse_next_order();
    let server = serve_by(&place, &authority);
    let line = server.logged(&["WARN", "no certificate was given"]);
    assert!(line.contains("too many of these"), "{line}");
    assert!(line.contains("port 443"), "{line}");
    server.logged(&["a new certificate is in use"]);
    greet(&server, &authority.trust(&["http/1.1"]), NAMES[0]);
    server.stop();
    assert_eq!(authority.orders(), 2);
}

#[test]
fn a_server_that_waits_for_its_certificate_stops_as_others_do() {
    let place = place();
    let authority = StandIn::open(Authority::new());
    // It is never told where the server is, so it never calls.
    let names = NAMES.join(",");
    let server = place.serve_with(&[
        ("CHATD_TLS__DOMAINS", &names),
        ("CHATD_TLS__DIRECTORY", &authority.directory()),
    ]);
    authority.wait_for_order();
    let refused = shake_hands(&server, &authority.trust(&[]), NAMES[0]);
    assert!(refused.is_err());
    server.stop();
}
