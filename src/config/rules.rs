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
    let (server, tls) = (&config.server, &config.tls);
    let has_certificate = tls.has_files();
    let has_key = !tls.key.as_os_str().is_empty();
    let by_name = !tls.domains.is_empty();
    let is_plain = server.public_url.starts_with("http://");
    let goes_on = tls.redirect_from.is_some();
    let is_known = !server.public_url.is_empty() || by_name || !server.listen.ip().is_unspecified();
    let rules: [Rule; 10] = [
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
    ];
    let found = rules.into_iter().filter(|(is_broken, ..)| *is_broken);
    found
        .map(|(_, keys, tell)| Contradiction { keys, tell })
        .collect()
}

fn plain(key: &str, place: &str) -> String {
    format!(
        r#""server.public_url" begins with http://, but "{key}" ({place}) has people come by https://; write https:// there, too"#
    )
}
