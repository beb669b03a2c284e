//! TLS: what is between a client's connection and HTTP when people come by `https://`.
//!
//! The certificate is the operator's, from two files, or one that is got by ACME. Only HTTP/1.1 is offered
//! by ALPN (RFC 7301), and `acme-tls/1` to the authority that looks whether a name is ours (RFC 8737).

mod acme;
pub(crate) mod fault;
pub mod files;
pub(crate) mod roots;
mod stream;

use std::io;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::crypto::ring;
use rustls::server::{Acceptor, WantsServerCert};
use rustls::{ConfigBuilder, ServerConfig};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::LazyConfigAcceptor;

use super::StartError;
use super::data_folder::DataFolder;
use super::limits::GuardLimits;
use crate::config;
pub(super) use acme::Renewal;
use files::{Files, FilesError};
use stream::Metered;
pub(crate) use stream::Stream;

/// The protocol that is offered.
const HTTP: &[u8] = b"http/1.1";
/// The first byte of what a TLS client sends: a record with a part of the handshake (RFC 8446, section 5.1).
const HANDSHAKE: u8 = 22;

/// How connections become TLS connections. A clone is the same.
#[derive(Debug, Clone)]
pub struct Tls(Arc<Source>);

#[derive(Debug)]
enum Source {
    Files {
        files: Files,
        /// What new connections get.
        config: RwLock<Arc<ServerConfig>>,
    },
    Acme {
        config: Arc<ServerConfig>,
        /// For the authority that asks whether a name is ours.
        challenge: Arc<ServerConfig>,
    },
}

/// What a client turned out to be.
pub(crate) enum Accepted {
    /// One that speaks TLS.
    Client(Stream),
    /// One that speaks plain HTTP, of which nothing has been read.
    Plain(TcpStream),
    /// The authority, which has seen what it wanted to see.
    Authority,
}

/// TLS as the configuration has it, if it is on, and what gets its certificates, if that is by ACME.
///
/// # Errors
/// [`StartError::Tls`] when the files cannot be used, [`StartError::Folder`] when certificates cannot be
/// kept.
pub(super) fn open(
    tls: &config::Tls,
    folder: &DataFolder,
) -> Result<(Option<Tls>, Option<Renewal>), StartError> {
    if !tls.is_on() {
        return Ok((None, None));
    }
    let (source, renewal) = if tls.has_files() {
        let files = Files::of(tls);
        let config = RwLock::new(files.load()?);
        (Source::Files { files, config }, None)
    } else {
        let renewal = Renewal::new(tls, folder.certificates()?);
        let config = offer_http(server_config().with_cert_resolver(renewal.resolver()));
        let challenge = renewal.challenge();
        (Source::Acme { config, challenge }, Some(renewal))
    };
    Ok((Some(Tls(Arc::new(source))), renewal))
}

impl Tls {
    /// Reads the files again. New connections get what is in them now; open ones stay as they are.
    ///
    /// # Errors
    /// [`FilesError`] when they cannot be used; then nothing has changed.
    pub fn reload(&self) -> Result<(), FilesError> {
        if let Source::Files { files, config } = &*self.0 {
            let new = files.load()?;
            *config.write().unwrap_or_else(PoisonError::into_inner) = new;
        }
        Ok(())
    }

    /// Does the handshake. It has no deadline of its own.
    pub(crate) async fn accept(
        &self,
        stream: TcpStream,
        limits: GuardLimits,
    ) -> io::Result<Accepted> {
        if !begins_handshake(&stream).await? {
            return Ok(Accepted::Plain(stream));
        }
        let stream = Metered::new(stream, limits);
        let start = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
        let is_challenge = rustls_acme::is_tls_alpn_challenge(&start.client_hello());
        let config = match &*self.0 {
            Source::Acme { challenge, .. } if is_challenge => {
                let mut answered = start.into_stream(Arc::clone(challenge)).await?;
                answered.shutdown().await?;
                return Ok(Accepted::Authority);
            }
            Source::Acme { config, .. } => Arc::clone(config),
            Source::Files { config, .. } => {
                Arc::clone(&config.read().unwrap_or_else(PoisonError::into_inner))
            }
        };
        let stream = start.into_stream(config).await?;
        Ok(Accepted::Client(Stream::Tls(Box::new(stream))))
    }
}

/// Whether a client begins as one that speaks TLS. One that says nothing at all does not speak it either.
async fn begins_handshake(stream: &TcpStream) -> io::Result<bool> {
    let mut first = [0];
    let seen = stream.peek(&mut first).await?;
    if seen == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(first == [HANDSHAKE])
}

/// TLS 1.2 and 1.3 with the safe suites of the library.
fn server_config() -> ConfigBuilder<ServerConfig, WantsServerCert> {
    ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider has suites of both versions")
        .with_no_client_auth()
}

fn offer_http(mut config: ServerConfig) -> Arc<ServerConfig> {
    config.alpn_protocols = vec![HTTP.to_vec()];
    Arc::new(config)
}
