//! The certificate that a server shows: until when it is good.

use super::super::web::Site;
use super::Report;
use super::machine::date;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::net::TcpStream;
use x509_parser::parse_x509_certificate;

const DAY: i64 = 86_400;
/// What renews certificates by itself does so earlier than so many days before their end.
const DAYS_LEFT: i64 = 14;

/// Agrees on TLS, and looks at the certificate. Says whether there is any point in going on.
pub(super) async fn look(site: &Site, stream: TcpStream, report: &mut Report) -> bool {
    let secured = match site.secure(stream).await {
        Ok(secured) => secured,
        Err(error) => {
            let fix = error.fix(site);
            let fix = fix.unwrap_or_else(|| {
                format!(
                    "look at what the server or the proxy in front of it shows for {}, and at its log",
                    site.host
                )
            });
            report.problem(format!("TLS fails: {error}"), fix);
            return false;
        }
    };
    let (_, session) = secured.get_ref();
    let first = session.peer_certificates().and_then(|all| all.first());
    let Some(end) = first.and_then(|certificate| end(certificate)) else {
        report.ok(format!("TLS works, with a certificate for {}", site.host));
        return true;
    };
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let days = (end - i64::try_from(now.as_secs()).unwrap_or(i64::MAX)) / DAY;
    let what = format!(
        "TLS works, with a certificate for {} that is good until {} UTC",
        site.host,
        date(end)
    );
    if days < DAYS_LEFT {
        report.warn(
            format!("{what}, {days} days from now"),
            "renew it; if something does that by itself, look why it has not",
        );
    } else {
        report.ok(what);
    }
    true
}

/// When a certificate ends, in seconds since 1970.
fn end(certificate: &[u8]) -> Option<i64> {
    let (_, certificate) = parse_x509_certificate(certificate).ok()?;
    Some(certificate.validity().not_after.timestamp())
}
