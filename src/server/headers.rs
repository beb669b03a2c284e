//! What every answer tells browsers, whichever part of the server gives it.

use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue};

/// What every answer says.
const ALWAYS: [(HeaderName, &str); 2] = [
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "no-referrer"),
];
/// What an answer says that does not say otherwise: the files of the web UI do, and nothing else is
/// meant to be kept, or to be a page.
const UNLESS_SAID: [(HeaderName, &str); 2] = [
    (CACHE_CONTROL, "no-store"),
    (
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; frame-ancestors 'none'",
    ),
];
/// Browsers that came by HTTPS keep to it for a year (RFC 6797). Other names beneath the server's are
/// not the server's to speak for.
const HTTPS_ONLY: &str = "max-age=31536000";

/// Adds them. With `is_https` people reach the server by `https://` only; over plain HTTP browsers take
/// no notice of what is said about that (RFC 6797, section 8.1).
pub(super) fn harden(headers: &mut HeaderMap, is_https: bool) {
    for (name, value) in ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    for (name, value) in UNLESS_SAID {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
    if is_https {
        let value = HeaderValue::from_static(HTTPS_ONLY);
        headers.insert(STRICT_TRANSPORT_SECURITY, value);
    }
}

/// The lines for an answer that is given before there is a request.
pub(super) fn lines() -> String {
    let all = ALWAYS.iter().chain(&UNLESS_SAID);
    let lines: Vec<_> = all
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    lines.concat()
}
