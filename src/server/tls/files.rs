//! A certificate and its private key, each in a file of the operator's.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::verify_server_name;
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, Error as TlsError, ServerConfig};
use time::OffsetDateTime;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::fault::{Fault, day, names};
use super::{offer_http, server_config};
use crate::config::{self, Config};

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
    /// Nobody who comes by the public address would take it.
    Elsewhere {
        /// The file.
        path: PathBuf,
        /// The host of that address.
        host: String,
        /// The names that it is for.
        names: String,
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
            Self::NoCertificate(_)
            | Self::Expired { .. }
            | Self::Elsewhere { .. }
            | Self::Unusable { .. } => "tls.certificate",
        }
    }

    /// Whether a server starts all the same.
    pub fn is_warning(&self) -> bool {
        matches!(self, Self::Elsewhere { .. })
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
            Self::Elsewhere { path, host, names } => format!(
                "the certificate \"{}\" of tls.certificate is for {names}, and not for {host} of server.public_url",
                path.display()
            ),
            Self::Unusable { path, error } => {
                let why = fault(error).map_or_else(
                    || format!("cannot be used with its key: {error}"),
                    |fault| fault.what,
                );
                format!(
                    "the certificate \"{}\" of tls.certificate {why}",
                    path.display()
                )
            }
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
            Self::Elsewhere { .. } => Some(
                "name one that is for it, or put server.public_url right; where a proxy shows another to clients, \
                 name the proxy in server.trusted_proxies",
            ),
            Self::Unusable { error, .. } => fault(error).map(|fault| fault.fix),
        }
    }
}

fn fault(error: &TlsError) -> Option<Fault> {
    match error {
        TlsError::InvalidCertificate(error) => Fault::of(error),
        _ => None,
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

    /// All that is wrong with those of a configuration, and with what they are for.
    pub fn faults(config: &Config) -> Vec<FilesError> {
        if !config.tls.has_files() {
            return Vec::new();
        }
        let files = Self::of(&config.tls);
        let faults = match (files.chain(), files.private_key()) {
            (Ok(chain), Ok(key)) => {
                let named = files.check_name(&chain, config);
                [files.join(chain, key).map(drop), named]
            }
            (chain, key) => [chain.map(drop), key.map(drop)],
        };
        faults.into_iter().filter_map(Result::err).collect()
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
        self.join(self.chain()?, self.private_key()?)
    }

    fn chain(&self) -> Result<Chain, FilesError> {
        let text = contents("tls.certificate", &self.certificate)?;
        let certificates: Result<Vec<_>, PemError> =
            CertificateDer::pem_slice_iter(&text).collect();
        let certificates = certificates.unwrap_or_default();
        let validity = certificates.first().and_then(Validity::of);
        let validity =
            validity.ok_or_else(|| FilesError::NoCertificate(self.certificate.clone()))?;
        Ok(Chain {
            certificates,
            validity,
        })
    }

    fn private_key(&self) -> Result<PrivateKeyDer<'static>, FilesError> {
        let text = contents("tls.key", &self.key)?;
        PrivateKeyDer::from_pem_slice(&text).map_err(|_| FilesError::NoKey(self.key.clone()))
    }

    /// Looks whether the two belong together, and are good now.
    fn join(
        &self,
        chain: Chain,
        key: PrivateKeyDer<'static>,
    ) -> Result<(Arc<ServerConfig>, Validity), FilesError> {
        let config = server_config().with_single_cert(chain.certificates, key);
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
        let validity = chain.validity;
        if validity.until < OffsetDateTime::now_utc() {
            return Err(FilesError::Expired {
                path: self.certificate.clone(),
                until: day(validity.until),
            });
        }
        Ok((offer_http(config), validity))
    }

    /// Looks whether clients who come by the public address get a certificate for its host. Where a proxy is
    /// named they may get one of the proxy's.
    fn check_name(&self, chain: &Chain, config: &Config) -> Result<(), FilesError> {
        let url: Option<http::Uri> = config.server.public_url.parse().ok();
        let host = url.as_ref().and_then(http::Uri::host).unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let Ok(name) = ServerName::try_from(host) else {
            return Ok(());
        };
        // One that cannot be read is told otherwise.
        let parsed = chain.certificates.first().map(ParsedCertificate::try_from);
        let Some(Ok(certificate)) = parsed else {
            return Ok(());
        };
        match verify_server_name(&certificate, &name) {
            Err(TlsError::InvalidCertificate(CertificateError::NotValidForNameContext {
                presented,
                ..
            })) if config.server.trusted_proxies.is_empty() => Err(FilesError::Elsewhere {
                path: self.certificate.clone(),
                host: host.to_owned(),
                names: names(&presented),
            }),
            _ => Ok(()),
        }
    }
}

/// A certificate with those that vouch for it.
struct Chain {
    certificates: Vec<CertificateDer<'static>>,
    validity: Validity,
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
