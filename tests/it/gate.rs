//! Whose connection it is, and how many sessions each address may have.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::IpAddr;
use std::sync::Arc;

use chatd::realtime::gate::{Gate, GateLimits, Refused, Ticket};
use chatd::realtime::transport::Transport;
use chatd::server::address::{client_address, is_unnamed_proxy};
use chatd::server::connections::{Connections, Refusal};
use http::{HeaderMap, HeaderValue};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn the_client_is_the_rightmost_forwarded_address_that_no_trusted_proxy_has() {
    let trusted = ["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
    for (peer, lines, client) in [
        // Nobody vouches for what a stranger claims.
        ("192.0.2.1", &["198.51.100.7"][..], "192.0.2.1"),
        ("10.0.0.1", &[], "10.0.0.1"),
        ("10.0.0.1", &["198.51.100.7"], "198.51.100.7"),
        ("::ffff:10.0.0.1", &["198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", &["::ffff:198.51.100.7"], "198.51.100.7"),
        // The client wrote the first entry itself.
        ("10.0.0.1", &["1.1.1.1, 198.51.100.7"], "198.51.100.7"),
        (
            "10.0.0.1",
            &["198.51.100.7,10.0.0.2 ,fd00::1"],
            "198.51.100.7",
        ),
        (
            "10.0.0.1",
            &["1.1.1.1", "198.51.100.7, 10.0.0.2"],
            "198.51.100.7",
        ),
        ("10.0.0.1", &["198.51.100.7:4711"], "198.51.100.7"),
        ("10.0.0.1", &["[2001:db8::7]:4711"], "2001:db8::7"),
        ("10.0.0.1", &["[2001:db8::7]"], "2001:db8::7"),
        ("10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        // What is no address ends the walk.
        ("10.0.0.1", &["198.51.100.7, unknown, 10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", &["198.51.100.7, "], "10.0.0.1"),
        ("10.0.0.1", &["198.51.100.7, \u{e4}"], "10.0.0.1"),
    ] {
        let mut headers = HeaderMap::new();
        for line in lines {
            let value = HeaderValue::from_bytes(line.as_bytes()).unwrap();
            headers.append("x-forwarded-for", value);
        }
        let found = client_address(ip(peer), &headers, &trusted);
        assert_eq!(found, ip(client), "{peer} {lines:?}");
    }
}

#[test]
fn a_neighbour_that_forwards_and_is_not_named_is_an_unnamed_proxy() {
    let trusted = ["10.0.0.0/8".parse().unwrap()];
    let mut forwarded = HeaderMap::new();
    forwarded.insert("x-forwarded-for", HeaderValue::from_static("198.51.100.7"));
    for (peer, is_one) in [
        ("127.0.0.1", true),
        ("::1", true),
        ("::ffff:172.17.0.1", true),
        ("192.168.1.2", true),
        ("fd00::1", true),
        ("10.0.0.1", false),
        // Anybody out there may send this header.
        ("192.0.2.1", false),
        ("2001:db8::1", false),
    ] {
        let found = is_unnamed_proxy(ip(peer), &forwarded, &trusted);
        assert_eq!(found, is_one, "{peer}");
        assert!(!is_unnamed_proxy(ip(peer), &HeaderMap::new(), &trusted));
    }
}

#[test]
fn the_gate_counts_sessions_and_those_not_signed_in() {
    fn is_cheap_to_share<T: Send + Sync>() {}
    is_cheap_to_share::<Ticket>();
    let gate = Gate::new(GateLimits {
        max_connections_per_address: 3,
        max_unauthenticated_per_address: 2,
        exempt_addresses: vec!["127.0.0.0/8".parse().unwrap()],
    });
    let (here, mapped) = (ip("192.0.2.1"), ip("::ffff:192.0.2.1"));
    let first = gate.enter(here).unwrap();
    let second = gate.enter(mapped).unwrap();
    assert_eq!(
        gate.enter(here).unwrap_err(),
        Refused::TooManyUnauthenticated
    );
    assert!(gate.enter(ip("192.0.2.2")).is_ok());

    first.signed_in();
    first.signed_in();
    let third = gate.enter(here).unwrap();
    second.signed_in();
    assert_eq!(gate.enter(here).unwrap_err(), Refused::TooMany);
    drop(first);
    let fourth = gate.enter(here).unwrap();
    drop(third);
    assert_eq!(gate.count(here), 2);
    drop((second, fourth));
    assert_eq!(gate.count(here), 0);

    let exempt: Vec<_> = (0..10)
        .map(|_| gate.enter(ip("127.0.0.1")).unwrap())
        .collect();
    exempt.iter().for_each(Ticket::signed_in);
}

#[test]
fn who_has_a_whole_ipv6_network_is_counted_as_one() {
    let gate = Gate::new(GateLimits {
        max_connections_per_address: 2,
        max_unauthenticated_per_address: 2,
        exempt_addresses: vec!["2001:db8:0:1::7/128".parse().unwrap()],
    });
    let _first = gate.enter(ip("2001:db8:0:1::1")).unwrap();
    let _second = gate.enter(ip("2001:db8:0:1:ffff::")).unwrap();
    let refused = gate.enter(ip("2001:db8:0:1::2")).unwrap_err();
    assert_eq!(refused, Refused::TooMany);
    assert_eq!(gate.count(ip("2001:db8:0:1::3")), 2);
    // Neighbours are others, and whoever is exempt is so by an address of its own.
    for other in ["2001:db8:0:2::1", "2001:db8:0:1::7", "192.0.2.1"] {
        assert!(gate.enter(ip(other)).is_ok(), "{other}");
    }
}

#[test]
fn connections_of_one_ipv6_network_share_their_places() {
    let exempt = vec!["2001:db8:0:1::7/128".parse().unwrap()];
    let connections = Connections::new(10, 1, exempt);
    let admit = |address: &str| connections.admit(ip(address), &Arc::new(Transport::new()));
    let first = admit("2001:db8:0:1::1").unwrap();
    let refused = admit("2001:db8:0:1::2").unwrap_err();
    assert_eq!(refused, Refusal::TooManyFromAddress);
    for other in ["2001:db8:0:2::1", "2001:db8:0:1::7", "::ffff:192.0.2.1"] {
        assert!(admit(other).is_ok(), "{other}");
    }
    drop(first);
    assert!(admit("2001:db8:0:1::2").is_ok());
}
