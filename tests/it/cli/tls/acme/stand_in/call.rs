//! The call by which an authority finds out whether a name is a server's (RFC 8737, section 3).

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme, StreamOwned,
};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

/// What a server shows to be asked about a name, with the extension `acmeIdentifier`: the digest in it.
pub fn identifier_of(server: SocketAddr, name: &str) -> Vec<u8> {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let mut config = config
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"acme-tls/1".to_vec()];
    let sni = ServerName::try_from(name.to_owned()).unwrap();
    let client = ClientConnection::new(Arc::new(config), sni).unwrap();
    let stream = TcpStream::connect(server).unwrap();
    stream.set_read_timeout(Some(super::PATIENCE)).unwrap();
    let mut secure = StreamOwned::new(client, stream);
    while secure.conn.is_handshaking() {
        secure.conn.complete_io(&mut secure.sock).unwrap();
    }
    assert_eq!(secure.conn.alpn_protocol(), Some(&b"acme-tls/1"[..]));

    let shown = &secure.conn.peer_certificates().unwrap()[0];
    let (_, shown) = X509Certificate::from_der(shown).unwrap();
    let names = shown.subject_alternative_name().unwrap().unwrap();
    assert_eq!(names.value.general_names, [GeneralName::DNSName(name)]);
    // id-pe-acmeIdentifier
    let is_ours = |oid: String| oid == "1.3.6.1.5.5.7.1.31";
    let mut extensions = shown.extensions().iter();
    let identifier = extensions
        .find(|one| is_ours(one.oid.to_id_string()))
        .unwrap();
    assert!(identifier.critical);
    // An OCTET STRING of 32 bytes.
    let digest = identifier.value.strip_prefix(&[4, 32]).unwrap();
    digest.to_vec()
}

/// What is shown here is signed by itself.
#[derive(Debug)]
struct AnyCertificate;

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ring::default_provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}
