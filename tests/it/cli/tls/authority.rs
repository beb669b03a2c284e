//! An authority of a test's own, and clients that trust nobody else.

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, IsCa, KeyPair, PublicKeyData,
    date_time_ymd,
};
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// Signs certificates.
pub struct Authority {
    certificate: Certificate,
    key: KeyPair,
}

/// A certificate and its private key in PEM.
pub struct Pair {
    pub certificate: String,
    pub key: String,
    /// The certificate as clients are shown it.
    pub der: Vec<u8>,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(DnType::CommonName, "an authority of a test");
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self { certificate, key }
    }

    /// A pair for this machine that is good.
    pub fn pair(&self) -> Pair {
        self.pair_of(params())
    }

    /// A pair for this machine that was good once.
    pub fn expired(&self) -> Pair {
        let mut params = params();
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2020, 3, 31);
        self.pair_of(params)
    }

    fn pair_of(&self, params: CertificateParams) -> Pair {
        let key = KeyPair::generate().unwrap();
        let certificate = params
            .signed_by(&key, &self.certificate, &self.key)
            .unwrap();
        Pair {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
            der: certificate.der().to_vec(),
        }
    }

    /// A certificate for these names and somebody else's key, good for so long before and after now, with the
    /// authority's own behind it, in PEM.
    pub fn sign(
        &self,
        names: &[String],
        key: &impl PublicKeyData,
        [before, after]: [Duration; 2],
    ) -> String {
        let mut params = CertificateParams::new(names).unwrap();
        params.not_before = (SystemTime::now() - before).into();
        params.not_after = (SystemTime::now() + after).into();
        let certificate = params.signed_by(key, &self.certificate, &self.key).unwrap();
        certificate.pem() + &self.certificate.pem()
    }

    /// Clients that trust it, and offer these protocols.
    pub fn trust(&self, protocols: &[&str]) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.der().clone()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let mut config = config
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols
            .iter()
            .map(|name| name.as_bytes().to_vec())
            .collect();
        // What was agreed on before would hide what is shown now.
        config.resumption = rustls::client::Resumption::disabled();
        Arc::new(config)
    }
}

fn params() -> CertificateParams {
    CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap()
}
