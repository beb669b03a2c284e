//! What each key takes. A rule reads one value, and its refusal says what would be right; the
//! loader puts the place and the key before it.

use std::fmt::Display;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer, Serializer};
use toml::Value;

use crate::model::EmailAddress;

use super::{DEFAULT_PORT, LogFormat, LogLevel, METRICS_PORT, Registration};

/// The fewest characters that `accounts.min_password` may ask for.
pub(super) const MIN_PASSWORD_CHARS: u16 = 8;
/// The most characters that `accounts.min_password` may ask for: as long as a password may be.
const MAX_PASSWORD_CHARS: u16 = 256;
/// The most connections that `server.max_connections` may allow.
const MAX_CONNECTIONS: u32 = 1_000_000;
/// The seconds that a token may live: 1 minute to 3,650 days.
const TOKEN_TTL_SECONDS: RangeInclusive<u64> = 60..=3650 * 86_400;
/// The units of a duration with their seconds, the longest first.
const UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];
/// The longest host name, and the longest part of one between dots, in bytes (RFC 1035, section 2.3.4).
const MAX_DOMAIN_BYTES: usize = 253;
const MAX_LABEL_BYTES: usize = 63;
/// Where browsers come by `http://`.
const HTTP_PORT: u16 = 80;
/// How many characters of a refused value an error repeats.
const SHOWN_CHARS: usize = 60;
/// How many wrong entries of a list an error repeats.
const SHOWN_ENTRIES: usize = 5;

pub(super) fn listen<'de, D: Deserializer<'de>>(from: D) -> Result<SocketAddr, D::Error> {
    address(&Value::deserialize(from)?, "", "127.0.0.1", DEFAULT_PORT)
}

pub(super) fn metrics_listen<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<SocketAddr>, D::Error> {
    address_or_none(&Value::deserialize(from)?, "127.0.0.1", METRICS_PORT)
}

pub(super) fn redirect_from<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<SocketAddr>, D::Error> {
    address_or_none(&Value::deserialize(from)?, "0.0.0.0", HTTP_PORT)
}

/// Reads an address that need not be there.
fn address_or_none<E: Error>(
    value: &Value,
    host: &str,
    port: u16,
) -> Result<Option<SocketAddr>, E> {
    match value {
        Value::String(text) if text.is_empty() => Ok(None),
        value => address(value, "empty or ", host, port).map(Some),
    }
}

/// Reads an address; `host` is the one to show, and `port` the one to advise where it is left out.
fn address<E: Error>(value: &Value, or: &str, host: &str, port: u16) -> Result<SocketAddr, E> {
    let expected = format!("{or}an IP address and a port such as \"{host}:{port}\"");
    let address = value.as_str().and_then(|text| text.parse().ok());
    address.ok_or_else(|| {
        let typed = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let advice = complete(&typed, port);
        let advice = advice.map_or_else(String::new, |right| format!("; write {right}"));
        E::custom(format!("must be {expected}, not {}{advice}", shown(value)))
    })
}

/// What somebody meant who left something out of an address, or named this machine.
fn complete(typed: &str, port_left_out: u16) -> Option<String> {
    let bare = typed.trim_start_matches('[').trim_end_matches([']', ':']);
    // The colon at the end of "::" is a part of the address.
    if let Ok(address) = typed.parse().or_else(|_| bare.parse::<IpAddr>()) {
        return Some(format!("\"{}\"", SocketAddr::new(address, port_left_out)));
    }
    let (host, port) = match typed.rsplit_once(':') {
        Some((host, port)) => (host, port.parse::<u16>().ok()?),
        None => match typed.parse() {
            Ok(port) => ("", port),
            Err(_) => (typed, port_left_out),
        },
    };
    match host {
        "localhost" => Some(format!("\"127.0.0.1:{port}\"")),
        "*" => Some(format!("\"0.0.0.0:{port}\"")),
        "" if !typed.is_empty() => Some(format!(
            "\"127.0.0.1:{port}\", or \"0.0.0.0:{port}\" for every address of this machine"
        )),
        _ => None,
    }
}

/// Writes none as an empty text.
#[expect(clippy::ref_option, reason = "serde hands a field on like this")]
pub(super) fn write_address<S: Serializer>(
    address: &Option<SocketAddr>,
    to: S,
) -> Result<S::Ok, S::Error> {
    match address {
        Some(address) => to.collect_str(address),
        None => to.serialize_str(""),
    }
}

pub(super) fn public_url<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let expected = r#"empty or an http(s) URL such as "https://chat.example.org""#;
    text(from, expected, |text| {
        let url = text.trim_end_matches('/');
        (text.is_empty() || web_url(url).is_some()).then(|| url.to_owned())
    })
}

pub(super) fn origins<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    let expected = r#"a list of origins, scheme and host without a path, such as ["https://chat.example.org"]"#;
    list(from, expected, origin)
}

pub(super) fn networks<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<IpNet>, D::Error> {
    let expected = r#"a list of networks or addresses such as ["10.0.0.0/8", "::1"]"#;
    list(from, expected, |text| {
        let address = || text.parse::<IpAddr>().map(IpNet::from);
        text.parse().ok().or_else(|| address().ok())
    })
}

pub(super) fn folder<'de, D: Deserializer<'de>>(from: D) -> Result<PathBuf, D::Error> {
    text(from, r#"a folder such as "chatd-data""#, |text| {
        (!text.is_empty() && !text.contains('\0')).then(|| PathBuf::from(text))
    })
}

pub(super) fn file<'de, D: Deserializer<'de>>(from: D) -> Result<PathBuf, D::Error> {
    text(from, "empty or the path of a file", |text| {
        (!text.contains('\0')).then(|| PathBuf::from(text))
    })
}

pub(super) fn domains<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    let expected =
        r#"a list of host names, no addresses and no wildcards, such as ["chat.example.org"]"#;
    list(from, expected, domain)
}

pub(super) fn contact<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let expected = r#"empty or an e-mail address such as "ada@example.org""#;
    text(from, expected, |text| {
        let is_sound = text.is_empty() || EmailAddress::new(text).is_ok();
        is_sound.then(|| text.trim().to_owned())
    })
}

/// Whoever could change what the directory says could have certificates of theirs be used, so it comes by
/// https:// (RFC 8555, section 6.1), unless it is this machine's own, for trying things.
pub(super) fn directory<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let expected = r#"the https:// URL of an ACME directory such as "https://acme-v02.api.letsencrypt.org/directory""#;
    text(from, expected, |text| {
        let (scheme, authority, _) = web_url(text)?;
        let (host, _) = authority.rsplit_once(':').unwrap_or((authority, ""));
        let is_here = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
        (scheme == "https" || is_here).then(|| text.to_owned())
    })
}

pub(super) fn max_connections<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    whole(from, 1..=MAX_CONNECTIONS)
}

pub(super) fn min_password<'de, D: Deserializer<'de>>(from: D) -> Result<u16, D::Error> {
    whole(from, MIN_PASSWORD_CHARS..=MAX_PASSWORD_CHARS)
}

pub(super) fn limit<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    whole(from, 1..=u32::MAX)
}

pub(super) fn switch<'de, D: Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    read(from, "true or false", Value::as_bool)
}

pub(super) fn registration<'de, D: Deserializer<'de>>(from: D) -> Result<Registration, D::Error> {
    choice(from, r#""open", "invite" or "closed""#)
}

pub(super) fn level<'de, D: Deserializer<'de>>(from: D) -> Result<LogLevel, D::Error> {
    choice(
        from,
        r#""off", "error", "warn", "info", "debug" or "trace""#,
    )
}

pub(super) fn format<'de, D: Deserializer<'de>>(from: D) -> Result<LogFormat, D::Error> {
    choice(from, r#""pretty", "compact" or "json""#)
}

pub(super) fn token_ttl<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let expected = r#"from 1 minute to 3650 days, such as "30d", "12h", "90m" or "600s""#;
    text(from, expected, |text| {
        let (unit, seconds) = UNITS.iter().find(|(unit, _)| text.ends_with(*unit))?;
        let count: u64 = text.strip_suffix(*unit)?.parse().ok()?;
        let total = count.checked_mul(*seconds)?;
        (TOKEN_TTL_SECONDS.contains(&total)).then(|| Duration::from_secs(total))
    })
}

/// Writes a duration in the longest unit that takes it whole, as a person would.
pub(super) fn write_duration<S: Serializer>(ttl: &Duration, to: S) -> Result<S::Ok, S::Error> {
    let total = ttl.as_secs();
    let whole = UNITS
        .iter()
        .find(|(_, seconds)| total.is_multiple_of(*seconds));
    let (unit, seconds) = whole.unwrap_or(&('s', 1));
    to.collect_str(&format_args!("{}{unit}", total / seconds))
}

/// Reads one value with `accept`, or says that it must be what is `expected`.
fn read<'de, D: Deserializer<'de>, T>(
    from: D,
    expected: &str,
    accept: impl FnOnce(&Value) -> Option<T>,
) -> Result<T, D::Error> {
    let value = Value::deserialize(from)?;
    let refusal = || D::Error::custom(format!("must be {expected}, not {}", shown(&value)));
    accept(&value).ok_or_else(refusal)
}

fn text<'de, D: Deserializer<'de>, T>(
    from: D,
    expected: &str,
    accept: impl FnOnce(&str) -> Option<T>,
) -> Result<T, D::Error> {
    read(from, expected, |value| value.as_str().and_then(accept))
}

fn whole<'de, D: Deserializer<'de>, T: TryFrom<i64> + PartialOrd + Display>(
    from: D,
    range: RangeInclusive<T>,
) -> Result<T, D::Error> {
    let expected = format!("a whole number from {} to {}", range.start(), range.end());
    read(from, &expected, |value| {
        let number = T::try_from(value.as_integer()?).ok()?;
        range.contains(&number).then_some(number)
    })
}

fn choice<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    from: D,
    expected: &str,
) -> Result<T, D::Error> {
    read(from, expected, |value| {
        let name = value.as_str()?;
        Value::from(name).try_into().ok()
    })
}

/// Reads a list of texts; the refusal names the entries that are wrong.
fn list<'de, D: Deserializer<'de>, T>(
    from: D,
    expected: &str,
    accept: impl Fn(&str) -> Option<T>,
) -> Result<Vec<T>, D::Error> {
    let entries = read(from, expected, |value| value.as_array().cloned())?;
    let (mut accepted, mut refused) = (Vec::new(), Vec::new());
    for entry in &entries {
        match entry.as_str().and_then(&accept) {
            Some(entry) => accepted.push(entry),
            None => refused.push(shown(entry)),
        }
    }
    let more = refused.len().saturating_sub(SHOWN_ENTRIES);
    refused.truncate(SHOWN_ENTRIES);
    let wrong = refused.join(", ");
    match (refused.len(), more) {
        (0, _) => Ok(accepted),
        (1, _) => Err(D::Error::custom(format!(
            "must be {expected}; {wrong} is not one"
        ))),
        (_, 0) => Err(D::Error::custom(format!(
            "must be {expected}; {wrong} are none"
        ))),
        _ => Err(D::Error::custom(format!(
            "must be {expected}; {wrong} and {more} more are none"
        ))),
    }
}

/// A value as TOML writes it, cut where it gets long.
fn shown(value: &Value) -> String {
    let mut text = value.to_string();
    if let Some((end, _)) = text.char_indices().nth(SHOWN_CHARS) {
        text.truncate(end);
        text.push('…');
    }
    text
}

/// A host name that a certificate can be had for, in lower case (RFC 1123, section 2.1).
fn domain(text: &str) -> Option<String> {
    let label = |label: &str| {
        let inner = |c: char| c.is_ascii_alphanumeric() || c == '-';
        (1..=MAX_LABEL_BYTES).contains(&label.len())
            && label.chars().all(inner)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let (_, last) = text.rsplit_once('.')?;
    let is_name = last.starts_with(|c: char| c.is_ascii_alphabetic());
    (is_name && text.len() <= MAX_DOMAIN_BYTES && text.split('.').all(label))
        .then(|| text.to_ascii_lowercase())
}

/// An origin in the form that browsers send.
fn origin(text: &str) -> Option<String> {
    let (origin, path) = origin_and_path(text)?;
    path.is_empty().then_some(origin)
}

/// The origin of a URL in the form that browsers send.
pub(super) fn origin_of(url: &str) -> Option<String> {
    origin_and_path(url).map(|(origin, _)| origin)
}

/// Splits a URL into its origin and the rest. The origin has the form that browsers send (RFC 6454,
/// section 6), so that comparing it is enough.
fn origin_and_path(url: &str) -> Option<(String, String)> {
    let url = url.to_ascii_lowercase();
    let (scheme, authority, path) = web_url(&url)?;
    let default_port = if scheme == "http" { ":80" } else { ":443" };
    let authority = authority.strip_suffix(default_port).unwrap_or(authority);
    Some((format!("{scheme}://{authority}"), path.to_owned()))
}

/// Splits an http or https URL without user, query and fragment into scheme, authority and path.
fn web_url(url: &str) -> Option<(&str, &str, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '?' | '#' | '"' | '<' | '>' | '\\');
    let sound = matches!(scheme, "http" | "https") && is_authority(authority);
    (sound && path.chars().all(plain)).then_some((scheme, authority, path))
}

/// Whether this is a host name or address with perhaps a port.
fn is_authority(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    let name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let bracketed = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let host_is_sound = match bracketed {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.chars().all(name),
    };
    let number = |port: &str| !port.starts_with('+') && port.parse::<u16>().is_ok_and(|n| n > 0);
    host_is_sound && port.is_none_or(number)
}
