//! Certificates that are got by ACME (RFC 8555), and renewed when a third of their time is left.
//!
//! The authority looks whether a name is ours by calling it on port 443 with `acme-tls/1` (RFC 8737), so
//! nothing else has to be open for it.

use std::fmt::Display;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::StreamExt;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls_acme::caches::DirCache;
use rustls_acme::{AcmeConfig, AcmeState, EventError, EventOk, ResolvesServerCertAcme};
use tokio::sync::watch;

use super::roots;
use crate::config;

/// What gets certificates and renews them.
#[derive(Debug)]
pub struct Renewal {
    domains: String,
    directory: String,
    state: AcmeState<io::Error, io::Error>,
}

impl Renewal {
    /// For the names of the configuration, with what was got before in the folder `cache`.
    pub(super) fn new(tls: &config::Tls, cache: PathBuf) -> Self {
        let contact = Some(&tls.contact).filter(|contact| !contact.is_empty());
        let provider = Arc::new(ring::default_provider());
        let mut asking = AcmeConfig::new_with_provider(&tls.domains, provider);
        // An authority of a house's own is vouched for by what the machine trusts.
        if let Some(client) = roots::client() {
            asking = asking.client_tls_config(Arc::new(client));
        }
        let state = asking
            .contact(contact.map(|contact| format!("mailto:{contact}")))
            .directory(&tls.directory)
            .cache(DirCache::new(cache))
            .state();
        Self {
            domains: tls.domains.join(", "),
            directory: tls.directory.clone(),
            state,
        }
    }

    /// Gives each connection the certificate of the time.
    pub(super) fn resolver(&self) -> Arc<ResolvesServerCertAcme> {
        self.state.resolver()
    }

    /// What the authority is answered with.
    pub(super) fn challenge(&self) -> Arc<ServerConfig> {
        let provider = Arc::new(ring::default_provider());
        self.state.challenge_rustls_config_with_provider(provider)
    }

    /// Goes on until the server stops.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        loop {
            let event = tokio::select! {
                biased;
                // A sender that is gone cannot say it any more, which counts as the same.
                _ = stop.wait_for(|stop| *stop) => return,
                event = self.state.next() => event,
            };
            match event {
                Some(Ok(event)) => self.tell(&event),
                Some(Err(error)) => self.warn(&error),
                None => return,
            }
        }
    }

    fn tell(&self, event: &EventOk) {
        let domains = &self.domains;
        match event {
            EventOk::DeployedCachedCert => {
                tracing::info!(%domains, "the certificate of the data folder is in use");
            }
            EventOk::DeployedNewCert => tracing::info!(%domains, "a new certificate is in use"),
            EventOk::CertCacheStore | EventOk::AccountCacheStore => {}
        }
    }

    /// What failed is tried again, after a pause that grows.
    fn warn(&self, error: &EventError<io::Error, io::Error>) {
        let (domains, directory) = (&self.domains, &self.directory);
        match error {
            EventError::Order(error) => {
                let error = one_line(error);
                tracing::warn!(
                    %domains, %directory, error,
                    "no certificate was given, and it is asked for again: each of these names has to lead \
                     to this server's port 443, from anywhere in the internet"
                );
            }
            EventError::CertCacheStore(error) | EventError::AccountCacheStore(error) => {
                tracing::warn!(
                    %error,
                    "a certificate's keys cannot be kept in the data folder, so the next start asks anew"
                );
            }
            other => {
                let error = one_line(other);
                tracing::warn!(
                    error,
                    "what the data folder has of a certificate is of no use, and a new one is asked for"
                );
            }
        }
    }
}

/// What an authority says may go over many lines, and a line of the log is one event.
fn one_line(error: &impl Display) -> String {
    let text = error.to_string();
    let words: Vec<_> = text.split_whitespace().collect();
    words.join(" ")
}
