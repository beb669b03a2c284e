//! What is wrong with a certificate, in words for whoever has to put it right.

use std::time::Duration;

use rustls::pki_types::UnixTime;
use rustls::{CertificateError, OtherError};
use time::OffsetDateTime;
use time::macros::format_description;
use webpki::Error as PkiError;

/// A fault of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// What is wrong, as the end of a sentence that begins with "the certificate".
    pub what: String,
    /// What to do about it.
    pub fix: &'static str,
}

impl Fault {
    /// Of a certificate that is refused; nothing when there are no better words than the library's own.
    pub fn of(error: &CertificateError) -> Option<Self> {
        let (what, fix) = match error {
            CertificateError::UnknownIssuer => (
                "is from nobody whom this machine trusts, or comes without those that vouch for it"
                    .to_owned(),
                "have all of them shown, as certbot's fullchain.pem has them; where it is signed by itself, or by \
                 an authority of the house's own, name the file of that one in the variable SSL_CERT_FILE",
            ),
            // Another key of that name, perhaps of another kind.
            CertificateError::BadSignature
            | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => (
                "is not signed by the authority of its name that this machine trusts".to_owned(),
                "where it is signed by itself, or by another authority that is called the same, name the file of \
                 that one in the variable SSL_CERT_FILE",
            ),
            CertificateError::ExpiredContext { not_after, .. } => (
                format!("has expired, on {}", day_of(*not_after)),
                "renew it; if something does that by itself, look why it has not",
            ),
            CertificateError::NotValidYetContext { not_before, .. } => (
                format!("is not good before {}", day_of(*not_before)),
                "look whether the clock is right, here and where it was made",
            ),
            CertificateError::NotValidForNameContext {
                expected,
                presented,
            } => (
                format!(
                    "is for {}, and not for {}",
                    names(presented),
                    expected.to_str()
                ),
                "have one shown that is for this name, or use a name that it is for",
            ),
            CertificateError::Other(OtherError(other)) => match other.downcast_ref() {
                Some(PkiError::CaUsedAsEndEntity) => (
                    "is one of an authority, and none of a server".to_owned(),
                    "browsers may take it, but programs do not; \"openssl req -x509\" makes one of a server with \
                     \"-addext basicConstraints=critical,CA:FALSE\"",
                ),
                Some(PkiError::UnsupportedCertVersion) => (
                    "is of an old version of X.509 that names no host".to_owned(),
                    "have one of version 3 made: \"openssl x509 -req\" does so with \"-extfile\", a file that says \
                     \"subjectAltName=DNS:\" and the name of the host",
                ),
                _ => return None,
            },
            _ => return None,
        };
        Some(Self { what, fix })
    }
}

/// The names that a certificate is for, of which the library says what kind each is.
pub(super) fn names(presented: &[String]) -> String {
    let bare = |name: &String| {
        let inner = name
            .split_once('(')
            .and_then(|(_, rest)| rest.strip_suffix(')'));
        inner.unwrap_or(name).trim_matches('"').to_owned()
    };
    let names: Vec<_> = presented.iter().map(bare).collect();
    match names.split_last() {
        None => "no host at all, since it has no subjectAltName".to_owned(),
        Some((only, [])) => only.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
    }
}

/// A day as people write it (ISO 8601).
pub(super) fn day(time: OffsetDateTime) -> String {
    let form = format_description!("[year]-[month]-[day]");
    time.format(&form).unwrap_or_else(|_| time.to_string())
}

fn day_of(time: UnixTime) -> String {
    let since = Duration::from_secs(time.as_secs());
    day(OffsetDateTime::UNIX_EPOCH + since)
}
