//! A certificate and its private key, each in a file of the operator's.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{Error as TlsError, ServerConfig};
use time::OffsetDateTime;
use time::macros::format_description;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::{offer_http, server_config};
use crate::config;

/// Where they are.
#[derive(Debug, Clone)]
pub struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

/// Why they cannot be used.
#[derive(Debug)]
pub enum FilesError {
    /// One of them cannot be read.
    Unreadable {
        /// The key of the configuration that names it.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The file is not one of certificates.
    NoCertificate(PathBuf),
    /// The file is not one of a private key.
    NoKey(PathBuf),
    /// The two do not belong together.
    Mismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// No client would take it.
    Expired {
        /// The file.
        path: PathBuf,
        /// Its last day.
        until: String,
    },
    /// TLS cannot be spoken with it.
    Unusable {
        /// The certificate's file.
        path: PathBuf,
        /// What is wrong with it.
        error: TlsError,
    },
}

impl FilesError {
    /// The key of the configuration that is to be put right.
    pub fn key(&self) -> &'static str {
        match self {
            Self::Unreadable { key, .. } => key,
            Self::NoKey(_) | Self::Mismatch { .. } => "tls.key",
            Self::NoCertificate(_) | Self::Expired { .. } | Self::Unusable { .. } => {
                "tls.certificate"
            }
        }
    }

    /// What is wrong.
    pub fn what(&self) -> String {
        match self {
            Self::Unreadable { key, path, error } => {
                format!("\"{}\" of {key} cannot be read: {error}", path.display())
            }
            Self::NoCertificate(path) => format!(
                "\"{}\" of tls.certificate has no certificate in it that can be read",
                path.display()
            ),
            Self::NoKey(path) => format!(
                "\"{}\" of tls.key has no private key in it that can be read",
                path.display()
            ),
            Self::Mismatch { certificate, key } => format!(
                "the private key \"{}\" of tls.key does not belong to the first certificate in \"{}\" of \
                 tls.certificate",
                key.display(),
                certificate.display()
            ),
            Self::Expired { path, until } => format!(
                "the certificate \"{}\" of tls.certificate has expired, on {until}",
                path.display()
            ),
            Self::Unusable { path, error } => format!(
                "the certificate \"{}\" of tls.certificate cannot be used with its key: {error}",
                path.display()
            ),
        }
    }

    /// What to do about it, where that is known.
    pub fn fix(&self) -> Option<&'static str> {
        match self {
            Self::Unreadable { error, .. } => match error.kind() {
                io::ErrorKind::NotFound => Some("name a file that is there"),
                io::ErrorKind::PermissionDenied => Some("let the user that chatd runs as read it"),
                _ => None,
            },
            Self::NoCertificate(_) => Some(
                "it must have one or more in PEM, which begin with -----BEGIN CERTIFICATE-----",
            ),
            Self::NoKey(_) => Some(
                "it must have one in PEM, without a password, which begins with -----BEGIN PRIVATE KEY----- or the like",
            ),
            Self::Mismatch { .. } => Some("name the two that were made together"),
            Self::Expired { .. } => Some("renew it"),
            Self::Unusable { .. } => None,
        }
    }
}

impl fmt::Display for FilesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what())?;
        self.fix().map_or(Ok(()), |fix| write!(f, "; {fix}"))
    }
}

impl std::error::Error for FilesError {}

impl Files {
    /// Those that the configuration names.
    pub fn of(tls: &config::Tls) -> Self {
        Self {
            certificate: tls.certificate.clone(),
            key: tls.key.clone(),
        }
    }

    /// Looks whether they can be used, if the configuration names any.
    ///
    /// # Errors
    /// Why not.
    pub fn check(tls: &config::Tls) -> Result<(), FilesError> {
        if tls.has_files() {
            Self::of(tls).read()?;
        }
        Ok(())
    }

    /// Reads them for new connections.
    pub(super) fn load(&self) -> Result<Arc<ServerConfig>, FilesError> {
        let (config, validity) = self.read()?;
        let now = OffsetDateTime::now_utc();
        if validity.from > now {
            // The clients' clocks count, and after a start without a network ours may be wrong.
            let from = day(validity.from);
            tracing::warn!(%from, "the certificate is not good yet by this machine's clock");
        }
        let file = self.certificate.display();
        tracing::info!(%file, until = day(validity.until), "the certificate is in use");
        Ok(config)
    }

    fn read(&self) -> Result<(Arc<ServerConfig>, Validity), FilesError> {
        let certificates = contents("tls.certificate", &self.certificate)?;
        let chain: Result<Vec<_>, PemError> =
            CertificateDer::pem_slice_iter(&certificates).collect();
        let chain = chain.unwrap_or_default();
        let validity = chain.first().and_then(Validity::of);
        let Some(validity) = validity else {
            return Err(FilesError::NoCertificate(self.certificate.clone()));
        };
        let key = PrivateKeyDer::from_pem_slice(&contents("tls.key", &self.key)?)
            .map_err(|_| FilesError::NoKey(self.key.clone()))?;
        let config = server_config().with_single_cert(chain, key);
        let config = config.map_err(|error| match error {
            TlsError::InconsistentKeys(_) => FilesError::Mismatch {
                certificate: self.certificate.clone(),
                key: self.key.clone(),
            },
            error => FilesError::Unusable {
                path: self.certificate.clone(),
                error,
            },
        })?;
        if validity.until < OffsetDateTime::now_utc() {
            return Err(FilesError::Expired {
                path: self.certificate.clone(),
                until: day(validity.until),
            });
        }
        Ok((offer_http(config), validity))
    }
}

/// From when and until when a certificate is good.
struct Validity {
    from: OffsetDateTime,
    until: OffsetDateTime,
}

impl Validity {
    fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
        let validity = certificate.validity();
        Some(Self {
            from: validity.not_before.to_datetime(),
            until: validity.not_after.to_datetime(),
        })
    }
}

fn contents(key: &'static str, path: &Path) -> Result<Vec<u8>, FilesError> {
    std::fs::read(path).map_err(|error| FilesError::Unreadable {
        key,
        path: path.to_owned(),
        error,
    })
}

/// A day as people write it (ISO 8601).
fn day(time: OffsetDateTime) -> String {
    let form = format_description!("[year]-[month]-[day]");
    time.format(&form).unwrap_or_else(|_| time.to_string())
}
