//! How the way to MySQL is encrypted. A URL that asks for that is never followed without, and the server's
//! certificate is always checked.

use crate::cli::Failure;
use mysql::{Opts, SslOpts};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::fs::File;
use std::path::{Path, PathBuf};

/// What drivers and programs call the switch in their URLs, as [`plain`] has it.
const SWITCHES: [&str; 7] = [
    "ssl",
    "sslmode",
    "usessl",
    "requiressl",
    "tls",
    "usetls",
    "requiretls",
];
/// What they call on, with whatever they would check, and off.
const ON: [&str; 9] = [
    "",
    "1",
    "on",
    "true",
    "yes",
    "required",
    "require",
    "verifyca",
    "verifyidentity",
];
const OFF: [&str; 6] = ["0", "off", "false", "no", "disabled", "disable"];
/// Files that others name in their URLs, and what the driver calls them; it has them mean on.
const FILES: [(&str, &str); 4] = [
    ("sslca", "root_cert_path"),
    ("tlsca", "root_cert_path"),
    ("sslcert", "cert_chain_path"),
    ("sslkey", "priv_key_path"),
];
/// What would have the certificate not looked at, or the password told to whoever listens.
const CARELESS: [&str; 4] = [
    "dangeracceptinvalidcerts",
    "dangerskipdomainvalidation",
    "enablecleartextplugin",
    "secureauth",
];

/// What the query of a URL asks for.
#[derive(Debug)]
pub(super) struct Asked {
    /// Whether the connection is to be encrypted, whatever else is said.
    pub is_encrypted: bool,
    /// The rest of it, as the driver reads it.
    pub query: String,
}

impl Asked {
    /// Reads a query. An error is a sentence.
    pub fn read(query: &str) -> Result<Self, String> {
        let mut is_encrypted = false;
        let mut rest = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let key = plain(name);
            let file = FILES.iter().find(|(other, _)| *other == key);
            if SWITCHES.contains(&key.as_str()) {
                let value = plain(value);
                if ON.contains(&value.as_str()) {
                    is_encrypted = true;
                } else if !OFF.contains(&value.as_str()) {
                    return Err(format!(
                        "\"{name}\" in the URL says neither yes nor no; leave it out, and have the connection \
                         encrypted with --tls"
                    ));
                }
            } else if CARELESS.contains(&key.as_str()) {
                return Err(format!(
                    "\"{name}\" in the URL may tell the password or the data to whoever is on the way; leave it \
                     out, and name what vouches for the server's certificate with --tls-ca"
                ));
            } else if let Some((_, name)) = file {
                rest.push(format!("{name}={value}"));
            } else {
                rest.push(pair.to_owned());
            }
        }
        Ok(Self {
            is_encrypted,
            query: rest.join("&"),
        })
    }
}

/// A name or a value as they are compared: in small letters, and without what divides words.
fn plain(text: &str) -> String {
    text.replace(['-', '_'], "").to_lowercase()
}

/// What the driver is to do about it: nothing where nobody asks for it.
///
/// # Errors
/// Names a file that cannot be used. The driver itself would not say which.
pub(super) fn options(
    of_url: &Opts,
    is_asked: bool,
    authority: Option<PathBuf>,
) -> Result<Option<SslOpts>, Failure> {
    let of_url = of_url.get_ssl_opts().cloned();
    if !is_asked && of_url.is_none() {
        return Ok(None);
    }
    let mut options = of_url.unwrap_or_default();
    if authority.is_some() {
        options = options.with_root_cert_path(authority);
    }
    if let Some(path) = options.root_cert_path() {
        check_authority(path)?;
    }
    if let Some(identity) = options.client_identity() {
        for path in [identity.cert_chain_path(), identity.priv_key_path()] {
            File::open(path).map_err(|error| unreadable(path, &error))?;
        }
    }
    Ok(Some(options))
}

/// Whether a file has certificates of those who may vouch for others.
fn check_authority(path: &Path) -> Result<(), Failure> {
    let text = std::fs::read(path).map_err(|error| unreadable(path, &error))?;
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let certificates = read.unwrap_or_default();
    let mut trusted = RootCertStore::empty();
    let can_vouch = |certificate| trusted.add(certificate).is_ok();
    if !certificates.is_empty() && certificates.into_iter().all(can_vouch) {
        return Ok(());
    }
    Err(Failure::failed(format!(
        "\"{}\" has no certificate in it that can be read; name a file with one or more in PEM, which begin with \
         -----BEGIN CERTIFICATE-----",
        path.display()
    )))
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::failed(format!(
        "\"{}\" cannot be read: {error}; name a file that is there and that this user may read",
        path.display()
    ))
}
