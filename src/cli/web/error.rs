//! Why nothing came of a look at a server.

use super::Site;
use crate::server::tls::fault::Fault;
use rustls::{AlertDescription, CertificateError, Error as TlsError};
use std::fmt;
use std::io;

/// Why nothing came of it.
#[derive(Debug)]
pub(in crate::cli) enum WebError {
    /// The certificate is not good for the site.
    Certificate(CertificateError),
    /// What answers speaks no TLS.
    Plain,
    /// What answers speaks TLS, but not with us.
    Alert(AlertDescription),
    /// This machine trusts no certificates at all.
    TrustsNobody,
    /// Anything else, in words.
    Told(String),
}

impl WebError {
    pub fn told(why: impl fmt::Display) -> Self {
        Self::Told(why.to_string())
    }

    /// What to do about it, where that is known.
    pub fn fix(&self, site: &Site) -> Option<String> {
        match self {
            Self::Certificate(error) => Fault::of(error).map(|fault| fault.fix.to_owned()),
            Self::Plain => Some(format!(
                "ask {}, or the port where TLS is spoken",
                site.otherwise()
            )),
            Self::Alert(_) => Some(format!(
                "look whether the server, or the proxy in front of it, has a certificate for {}, and at its log",
                site.host
            )),
            Self::TrustsNobody => Some(
                "look what the variables SSL_CERT_FILE and SSL_CERT_DIR name, where they are set, or install the \
                 package ca-certificates"
                    .to_owned(),
            ),
            Self::Told(_) => None,
        }
    }
}

impl fmt::Display for WebError {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate(error) => match Fault::of(error) {
                Some(fault) => write!(to, "the certificate {}", fault.what),
                None => write!(to, "the certificate is not good: {error}"),
            },
            Self::Plain => to.write_str("this port speaks no TLS, but most likely plain HTTP"),
            Self::Alert(alert) => write!(to, "the server ends the handshake ({alert:?})"),
            Self::TrustsNobody => {
                to.write_str("no certificates are found that this machine trusts")
            }
            Self::Told(why) => to.write_str(why),
        }
    }
}

impl From<io::Error> for WebError {
    fn from(error: io::Error) -> Self {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
        match inner {
            Some(TlsError::InvalidCertificate(error)) => Self::Certificate(error.clone()),
            Some(TlsError::InvalidMessage(_)) => Self::Plain,
            Some(TlsError::AlertReceived(alert)) => Self::Alert(*alert),
            _ => Self::told(error),
        }
    }
}
