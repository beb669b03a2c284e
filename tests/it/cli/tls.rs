//! `chatd serve` with TLS: certificates that the tests make, and clients that trust only those.

mod acme;
mod authority;
mod clients;
mod files;
mod handshake;
mod redirect;

use super::{Place, Running, START};
use authority::{Authority, Pair};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

/// A connection within TLS.
type Secure = StreamOwned<ClientConnection, TcpStream>;

/// Has a pair in two files of a place, and gives the variables that name them.
fn written(place: &Place, pair: &Pair) -> [(&'static str, String); 2] {
    let names = ["certificate.pem", "key.pem"].map(|name| place.root.path().join(name));
    std::fs::write(&names[0], &pair.certificate).unwrap();
    std::fs::write(&names[1], &pair.key).unwrap();
    let [certificate, key] = names.map(|name| name.to_str().unwrap().to_owned());
    [
        ("CHATD_TLS__CERTIFICATE", certificate),
        ("CHATD_TLS__KEY", key),
    ]
}

/// A server that speaks TLS with this pair, and has these variables, too.
fn serve(place: &Place, pair: &Pair, more: &[(&str, &str)]) -> Running {
    let files = written(place, pair);
    let mut env: Vec<_> = files
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    env.extend(more);
    place.serve_with(&env)
}

/// Shakes hands with a server that is to be called so.
fn shake_hands(server: &Running, trust: &Arc<ClientConfig>, name: &str) -> std::io::Result<Secure> {
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let client = ClientConnection::new(Arc::clone(trust), name).unwrap();
    let stream = TcpStream::connect(server.address)?;
    stream.set_read_timeout(Some(START))?;
    stream.set_write_timeout(Some(START))?;
    let mut secure = StreamOwned::new(client, stream);
    while secure.conn.is_handshaking() {
        secure.conn.complete_io(&mut secure.sock)?;
    }
    Ok(secure)
}

/// The same with the server at its address.
fn connect(server: &Running, trust: &Arc<ClientConfig>) -> Secure {
    shake_hands(server, trust, "127.0.0.1").unwrap()
}

/// The head and the body that answer a request; the connection stays open.
fn ask(secure: &mut Secure, path: &str) -> String {
    write!(secure, "GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    secure.flush().unwrap();
    let mut answer = String::new();
    loop {
        let mut bytes = [0; 4096];
        let read = secure.read(&mut bytes).unwrap();
        assert!(read > 0, "{answer}");
        answer.push_str(std::str::from_utf8(&bytes[..read]).unwrap());
        if let Some((head, body)) = answer.split_once("\r\n\r\n")
            && let Some((_, length)) = head.to_lowercase().split_once("content-length: ")
            && body.len() >= length.lines().next().unwrap().parse().unwrap()
        {
            return answer;
        }
    }
}

/// What a client was shown, as the issuer made it.
fn shown(secure: &Secure) -> Vec<u8> {
    secure.conn.peer_certificates().unwrap()[0].to_vec()
}
