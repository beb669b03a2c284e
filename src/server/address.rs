//! Whose request it is: the client's address behind proxies.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;
use ipnet::IpNet;

/// The header by which proxies tell whom they speak for. Each appends the address that it was
/// called from.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// The address that a request really comes from.
///
/// It is that of the TCP peer, unless the peer is a trusted proxy: then it is the rightmost
/// `X-Forwarded-For` entry that is not itself a trusted proxy. What stands further left was written
/// by somebody whom nobody vouches for. An entry that is no address ends the walk, and the last
/// good one counts; if all are trusted it is the leftmost. IPv4 addresses mapped into IPv6 are
/// taken as IPv4.
pub fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|net| net.contains(address));
    let mut client = peer.to_canonical();
    let lines = headers.get_all(FORWARDED_FOR).iter().rev();
    let mut entries = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
    while is_trusted(&client) {
        let Some(address) = entries.next().and_then(parse) else {
            break;
        };
        client = address;
    }
    client
}

/// Whether somebody nearby passes on what others ask, and is not among the trusted proxies, so that
/// all those others count as one client. Whoever calls from elsewhere can write the header at will.
pub fn is_unnamed_proxy(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> bool {
    let peer = peer.to_canonical();
    let is_near = match peer {
        IpAddr::V4(peer) => peer.is_loopback() || peer.is_private(),
        IpAddr::V6(peer) => peer.is_loopback() || peer.is_unique_local(),
    };
    is_near && headers.contains_key(FORWARDED_FOR) && !trusted.iter().any(|net| net.contains(&peer))
}

/// Whether the other end of a connection names somebody for whom it speaks, which says nothing about whether
/// it is believed.
pub fn is_forwarded(headers: &HeaderMap) -> bool {
    let line = headers.get_all(FORWARDED_FOR).iter().next_back();
    let entry = line.and_then(|line| line.as_bytes().rsplit(|byte| *byte == b',').next());
    entry.and_then(parse).is_some()
}

/// Reads `192.0.2.1`, `2001:db8::1` or `[2001:db8::1]`, the first and the last also with a port, as
/// some proxies add it.
fn parse(entry: &[u8]) -> Option<IpAddr> {
    let entry = std::str::from_utf8(entry).ok()?.trim();
    let bare = entry
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(entry);
    let address = bare
        .parse()
        .or_else(|_| entry.parse::<SocketAddr>().map(|address| address.ip()))
        .ok()?;
    Some(IpAddr::to_canonical(&address))
}
