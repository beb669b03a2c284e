//! What several keys must not say together. Each of them is sound by itself, so this is looked at when
//! everything is merged.

use super::Config;

/// Two keys that contradict each other.
pub(super) struct Contradiction {
    /// The key that stands where the mistake is told, and the other one. They may be the same.
    pub(super) keys: [&'static str; 2],
    /// What is wrong and what would be right, given where the other key stands.
    pub(super) tell: fn(&str) -> String,
}

/// Whether a rule is broken, its keys, and what to tell.
type Rule = (bool, [&'static str; 2], fn(&str) -> String);

/// All that are there.
pub(super) fn contradictions(config: &Config) -> Vec<Contradiction> {
    let rules = of_certificates(config)
        .into_iter()
        .chain(of_addresses(config));
    let found = rules.filter(|(is_broken, ..)| *is_broken);
    found
        .map(|(_, keys, tell)| Contradiction { keys, tell })
        .collect()
}

/// Which certificate there is, and for what.
fn of_certificates(config: &Config) -> [Rule; 7] {
    let (server, tls) = (&config.server, &config.tls);
    let has_certificate = tls.has_files();
    let has_key = !tls.key.as_os_str().is_empty();
    let by_name = !tls.domains.is_empty();
    let is_plain = server.public_url.starts_with("http://");
    [
        (
            has_certificate && !has_key,
            ["tls.certificate", "tls.key"],
            |_| r#""tls.certificate" needs "tls.key", the file with its private key"#.to_owned(),
        ),
        (
            has_key && !has_certificate && !by_name,
            ["tls.key", "tls.certificate"],
            |_| {
                r#""tls.key" needs "tls.certificate", the file with the certificate that it belongs to"#
                    .to_owned()
            },
        ),
        (
            by_name && has_certificate,
            ["tls.domains", "tls.certificate"],
            |other| {
                format!(
                    r#""tls.domains" gets a certificate by itself, and "tls.certificate" ({other}) names one; leave out either"#
                )
            },
        ),
        (
            by_name && has_key && !has_certificate,
            ["tls.domains", "tls.key"],
            |other| {
                format!(
                    r#""tls.domains" gets a certificate by itself, and "tls.key" ({other}) belongs to another; leave out either"#
                )
            },
        ),
        (
            has_certificate && is_plain,
            ["server.public_url", "tls.certificate"],
            |other| plain("tls.certificate", other),
        ),
        (
            by_name && is_plain,
            ["server.public_url", "tls.domains"],
            |other| plain("tls.domains", other),
        ),
        (
            by_name && is_elsewhere(&server.public_url, &tls.domains),
            ["server.public_url", "tls.domains"],
            |other| {
                format!(
                    r#""server.public_url" has a name that "tls.domains" ({other}) gets no certificate for; add it there, or use one of those"#
                )
            },
        ),
    ]
}

/// What is listened on.
fn of_addresses(config: &Config) -> [Rule; 5] {
    let (server, tls) = (&config.server, &config.tls);
    let goes_on = tls.redirect_from.is_some();
    let by_name = !tls.domains.is_empty();
    let is_known = !server.public_url.is_empty() || by_name || !server.listen.ip().is_unspecified();
    [
        (
            goes_on && !tls.is_on(),
            ["tls.redirect_from", "tls.certificate"],
            |_| {
                r#""tls.redirect_from" leads to https://, which is off; set "tls.certificate" and "tls.key", or "tls.domains", or leave it out"#
                    .to_owned()
            },
        ),
        (
            goes_on && tls.is_on() && !is_known,
            ["tls.redirect_from", "server.public_url"],
            |_| {
                r#""tls.redirect_from" needs "server.public_url", the https:// address that it leads to"#
                    .to_owned()
            },
        ),
        (
            tls.redirect_from == Some(server.listen) && server.listen.port() != 0,
            ["tls.redirect_from", "server.listen"],
            |other| {
                format!(
                    r#""tls.redirect_from" is the address of "server.listen" ({other}), where https:// is; choose another port"#
                )
            },
        ),
        (
            config.metrics.listen == Some(server.listen) && server.listen.port() != 0,
            ["metrics.listen", "server.listen"],
            |other| {
                format!(
                    r#""metrics.listen" is the address of "server.listen" ({other}); choose another port, or set "metrics.enabled" to show them there"#
                )
            },
        ),
        (
            config.metrics.listen.is_some() && config.metrics.listen == tls.redirect_from,
            ["metrics.listen", "tls.redirect_from"],
            |other| {
                format!(
                    r#""metrics.listen" is the address of "tls.redirect_from" ({other}); choose another port"#
                )
            },
        ),
    ]
}

/// Whether a URL leads to none of these names.
fn is_elsewhere(url: &str, names: &[String]) -> bool {
    let uri: Option<http::Uri> = url.parse().ok();
    let host = uri.as_ref().and_then(http::Uri::host);
    host.is_some_and(|host| !names.iter().any(|name| host.eq_ignore_ascii_case(name)))
}

fn plain(key: &str, place: &str) -> String {
    format!(
        r#""server.public_url" begins with http://, but "{key}" ({place}) has people come by https://; write https:// there, too"#
    )
}
