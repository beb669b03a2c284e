//! `X-Forwarded-For`, as proxies, clients and liars write it.

use super::{CALLED, hold};
use chatd::server::address::client_address;
use http::{HeaderMap, HeaderValue};
use ipnet::IpNet;
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An entry of the header, and whose address it is, if it is one.
type Entry = (Vec<u8>, Option<IpAddr>);

fn trusted() -> Vec<IpNet> {
    ["10.0.0.0/8", "fd00::/8"]
        .map(|net| net.parse().unwrap())
        .to_vec()
}

fn addresses() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<Ipv4Addr>().prop_map(IpAddr::from),
        any::<Ipv6Addr>().prop_map(IpAddr::from),
        any::<[u8; 3]>().prop_map(|[b, c, d]| IpAddr::from([10, b, c, d])),
        any::<u64>().prop_map(|low| IpAddr::from(Ipv6Addr::from((0xfd << 120) | u128::from(low)))),
        any::<Ipv4Addr>().prop_map(|address| IpAddr::from(address.to_ipv6_mapped())),
    ]
}

/// An address in one of the forms that are known, with white space around it.
fn written() -> impl Strategy<Value = Entry> {
    let spaces = || proptest::sample::select(vec!["", " ", "  ", "\t"]);
    (addresses(), 0..4, any::<u16>(), spaces(), spaces()).prop_map(
        |(address, form, port, before, after)| {
            let text = match (form, address) {
                (1, IpAddr::V4(address)) => format!("{address}:{port}"),
                (1 | 2, IpAddr::V6(address)) => format!("[{address}]"),
                (3, IpAddr::V6(address)) => format!("[{address}]:{port}"),
                (_, address) => address.to_string(),
            };
            let entry = format!("{before}{text}{after}").into_bytes();
            (entry, Some(address.to_canonical()))
        },
    )
}

/// What is no address: near misses, and any bytes that a header may have.
fn garbage() -> impl Strategy<Value = Entry> {
    let near = proptest::sample::select(vec![
        "",
        " ",
        "unknown",
        "_hidden",
        "for=192.0.2.1",
        "\"192.0.2.1\"",
        "192.0.2",
        "192.0.2.256",
        "192.0.2.01",
        "192.0.2.1.",
        "192.0.2.1/32",
        "192.0.2.1:",
        "192.0.2.1:65536",
        "[192.0.2.1",
        "2001:db8::g",
        "[2001:db8::1",
        "2001:db8::1]",
        "[2001:db8::1]:",
        "[2001:db8::1]x",
        "fe80::1%eth0",
        "10.0.0.1 10.0.0.2",
        "10.0.0.1;10.0.0.2",
        "localhost",
        "0x7f000001",
        "2130706433",
        "::ffff:1.2.3",
    ]);
    let any_bytes = vec(
        prop_oneof![0x20_u8..=0x7e, 0x80_u8..=0xff, Just(b'\t')],
        0..20,
    );
    prop_oneof![
        near.prop_map(|text| text.as_bytes().to_vec()),
        any_bytes.prop_filter("no address, and one entry", |bytes| {
            // All that an address is made of is in the other strategy.
            !bytes.contains(&b',')
                && bytes
                    .iter()
                    .any(|byte| !b"0123456789abcdefABCDEF.:[] \t".contains(byte))
        }),
    ]
    .prop_map(|entry| (entry, None))
}

/// Whose request it is, from what is known of the entries: the peer, or the last untrusted address
/// before anything that is none.
fn expected(peer: IpAddr, entries: &[Entry]) -> IpAddr {
    let is_trusted = |address: &IpAddr| trusted().iter().any(|net| net.contains(address));
    let mut client = peer.to_canonical();
    for (_, address) in entries.iter().rev() {
        let Some(address) = address.filter(|_| is_trusted(&client)) else {
            return client;
        };
        client = address;
    }
    client
}

#[test]
fn the_client_is_the_last_untrusted_address_of_any_chain_on_any_lines() {
    let entries = vec(prop_oneof![4 => written(), 1 => garbage()], 0..8);
    // How many entries stand on each line.
    let inputs = (addresses(), entries, vec(1_usize..4, 8));
    hold(
        "forwarded chains",
        CALLED,
        inputs,
        |(peer, entries, lines)| {
            let mut headers = HeaderMap::new();
            let mut rest = entries.as_slice();
            for count in lines {
                let (line, after) = rest.split_at(count.min(rest.len()));
                rest = after;
                if !line.is_empty() {
                    let texts: Vec<_> = line.iter().map(|(text, _)| text.as_slice()).collect();
                    let value = HeaderValue::from_bytes(&texts.join(&b','));
                    headers.append("x-forwarded-for", value.unwrap());
                }
            }
            let found = client_address(peer, &headers, &trusted());
            assert_eq!(found, expected(peer, &entries), "{peer} {headers:?}");
            // Without trusted proxies the header says nothing.
            assert_eq!(client_address(peer, &headers, &[]), peer.to_canonical());
        },
    );
}
