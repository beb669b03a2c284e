//! As much of an ACME server (RFC 8555) as gives certificates to one client. It checks what it is sent but
//! for the signatures, and whether a name is the client's by calling it with `acme-tls/1` (RFC 8737).

use super::super::Authority;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rcgen::{PKCS_ECDSA_P256_SHA256, PublicKeyData, SignatureAlgorithm};
use rustls::ClientConfig;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::FromDer;

mod call;

/// What is awaited takes less.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long a certificate was good and is going to be.
const VALIDITY: [Duration; 2] = [Duration::ZERO, Duration::from_hours(90 * 24)];
/// The same of one of which a third is left in two seconds.
const NEARLY_DUE: [Duration; 2] = [Duration::from_mins(1), Duration::from_secs(33)];

pub struct StandIn {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    authority: Authority,
    url: String,
    book: Mutex<Book>,
    changed: Condvar,
}

#[derive(Default)]
struct Book {
    server: Option<SocketAddr>,
    nonces: HashSet<String>,
    next_nonce: u64,
    /// The thumbprint of the account's key (RFC 7638).
    thumbprint: String,
    contacts: Vec<String>,
    orders: usize,
    refuses: bool,
    is_nearly_due: bool,
    names: Vec<String>,
    /// The names that were called and answered rightly.
    seen: Vec<String>,
    certificate: Option<String>,
}

/// A request, as far as it matters.
struct Request {
    path: String,
    protected: Value,
    payload: Value,
}

/// An answer: its status, a header beside the nonce, and its body.
struct Answer(u16, String, String);

/// The key of a request for a certificate.
struct RequestedKey(Vec<u8>);

impl PublicKeyData for RequestedKey {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

impl StandIn {
    /// An ACME server whose certificates this authority signs.
    pub fn open(authority: Authority) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            authority,
            url: format!("http://{address}"),
            book: Mutex::default(),
            changed: Condvar::new(),
        });
        let serving = Arc::clone(&shared);
        // It ends with the process.
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let serving = Arc::clone(&serving);
                std::thread::spawn(move || serving.answer(stream));
            }
        });
        Self { address, shared }
    }

    pub fn directory(&self) -> String {
        format!("http://{}/directory", self.address)
    }

    pub fn trust(&self, protocols: &[&str]) -> Arc<ClientConfig> {
        self.shared.authority.trust(protocols)
    }

    /// The names of the order lead there.
    pub fn will_call(&self, server: SocketAddr) {
        self.shared.change(|book| book.server = Some(server));
    }

    pub fn refuse_next_order(&self) {
        self.shared.change(|book| book.refuses = true);
    }

    /// The next certificate is to be renewed soon.
    pub fn make_next_nearly_due(&self) {
        self.shared.change(|book| book.is_nearly_due = true);
    }

    pub fn orders(&self) -> usize {
        self.shared.book().orders
    }

    pub fn seen(&self) -> Vec<String> {
        self.shared.book().seen.clone()
    }

    pub fn contacts(&self) -> Vec<String> {
        self.shared.book().contacts.clone()
    }

    pub fn wait_for_order(&self) {
        drop(self.shared.wait_until(|book| book.orders > 0));
    }
}

impl Shared {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap()
    }

    fn change(&self, change: impl FnOnce(&mut Book)) {
        change(&mut self.book());
        self.changed.notify_all();
    }

    fn wait_until(&self, is_so: impl Fn(&Book) -> bool) -> MutexGuard<'_, Book> {
        let waited = self
            .changed
            .wait_timeout_while(self.book(), PATIENCE, |book| !is_so(book));
        let (book, late) = waited.unwrap();
        assert!(!late.timed_out(), "it did not happen in time");
        book
    }

    fn nonce(&self) -> String {
        let mut book = self.book();
        book.next_nonce += 1;
        let nonce = format!("nonce-{}", book.next_nonce);
        book.nonces.insert(nonce.clone());
        nonce
    }

    /// Answers the one request of a connection.
    fn answer(&self, mut stream: TcpStream) {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let Some(request) = self.read(&stream) else {
            return;
        };
        let Answer(status, header, body) = self.perform(&request);
        let nonce = self.nonce();
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 {status} X\r\nReplay-Nonce: {nonce}\r\n{header}Content-Length: {length}\r\n\
             Connection: close\r\n\r\n{body}"
        );
        // A server that was stopped does not listen any more.
        let _ = stream.write_all(answer.as_bytes());
    }

    fn read(&self, stream: &TcpStream) -> Option<Request> {
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let mut words = line.split(' ');
        let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
        let mut length = 0;
        loop {
            let mut header = String::new();
            reader.read_line(&mut header).ok()?;
            let header = header.trim_end().to_lowercase();
            if let Some(bytes) = header.strip_prefix("content-length: ") {
                length = bytes.parse().unwrap();
            }
            if header.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let (mut protected, mut payload) = (Value::Null, Value::Null);
        if method == "POST" {
            let jws: Value = serde_json::from_slice(&body).unwrap();
            protected = serde_json::from_slice(&decode(&jws["protected"])).unwrap();
            payload = serde_json::from_slice(&decode(&jws["payload"])).unwrap_or_default();
            assert_eq!(protected["alg"], "ES256");
            assert_eq!(protected["url"], format!("{}{path}", self.url));
            let nonce = protected["nonce"].as_str().unwrap();
            assert!(self.book().nonces.remove(nonce), "a nonce is good once");
        }
        Some(Request {
            path,
            protected,
            payload,
        })
    }

    fn perform(&self, request: &Request) -> Answer {
        let url = &self.url;
        let (path, number) = match request.path.rsplit_once('/') {
            Some(("", path)) => (path, 0),
            Some((path, number)) => (&path[1..], number.parse().unwrap()),
            None => unreachable!("a path begins with a slash"),
        };
        match path {
            "directory" => {
                let [nonce, account, order] =
                    ["nonce", "account", "order"].map(|path| format!("{url}/{path}"));
                said(
                    200,
                    &json!({"newNonce": nonce, "newAccount": account, "newOrder": order}),
                )
            }
            "nonce" => Answer(200, String::new(), String::new()),
            "account" => self.account(request),
            "order" if number == 0 => self.order(request),
            "order" => said(200, &self.state()),
            "authorization" => said(200, &self.authorization(number)),
            "challenge" => self.challenge(number),
            "finalize" => self.finalize(request),
            "certificate" => {
                let certificate = self.book().certificate.clone().unwrap();
                Answer(200, String::new(), certificate)
            }
            other => panic!("there is no {other}"),
        }
    }

    fn account(&self, request: &Request) -> Answer {
        assert_eq!(request.payload["termsOfServiceAgreed"], true);
        let jwk = &request.protected["jwk"];
        let canonical = format!(
            r#"{{"crv":{},"kty":{},"x":{},"y":{}}}"#,
            jwk["crv"], jwk["kty"], jwk["x"], jwk["y"]
        );
        let contacts = request.payload["contact"].as_array().cloned();
        self.change(|book| {
            book.thumbprint = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(canonical));
            let contacts = contacts.unwrap_or_default().into_iter();
            book.contacts = contacts
                .map(|one| one.as_str().unwrap().to_owned())
                .collect();
        });
        let location = format!("Location: {}/account/1\r\n", self.url);
        Answer(201, location, "{}".to_owned())
    }

    fn order(&self, request: &Request) -> Answer {
        assert_eq!(request.protected["kid"], format!("{}/account/1", self.url));
        let refuses = std::mem::take(&mut self.book().refuses);
        let names = request.payload["identifiers"].as_array().unwrap();
        self.change(|book| {
            book.orders += 1;
            book.seen.clear();
            book.certificate = None;
            let names = names
                .iter()
                .map(|name| name["value"].as_str().unwrap().to_owned());
            book.names = names.collect();
        });
        if refuses {
            let problem = "{\n  \"detail\": \"too many of these\"\n}\n".to_owned();
            return Answer(429, String::new(), problem);
        }
        let Answer(_, _, body) = said(201, &self.state());
        Answer(201, format!("Location: {}/order/1\r\n", self.url), body)
    }

    /// The order, as it is now.
    fn state(&self) -> Value {
        let (url, book) = (&self.url, self.book());
        let all = 1..=book.names.len();
        let authorizations: Vec<_> = all.map(|n| format!("{url}/authorization/{n}")).collect();
        let status = match &book.certificate {
            Some(_) => "valid",
            None if book.seen.len() == book.names.len() => "ready",
            None => "pending",
        };
        json!({
            "status": status,
            "authorizations": authorizations,
            "finalize": format!("{url}/finalize/1"),
            "certificate": format!("{url}/certificate/1"),
        })
    }

    fn authorization(&self, number: usize) -> Value {
        let (url, book) = (&self.url, self.book());
        let name = &book.names[number - 1];
        let status = if book.seen.contains(name) {
            "valid"
        } else {
            "pending"
        };
        let challenge = |kind: &str| json!({"type": kind, "url": format!("{url}/challenge/{number}"), "token": token(number)});
        json!({
            "status": status,
            "identifier": {"type": "dns", "value": name},
            "challenges": [challenge("http-01"), challenge("tls-alpn-01")],
        })
    }

    /// Calls the server, and sees whether it answers for the name.
    fn challenge(&self, number: usize) -> Answer {
        let (server, name, expected) = {
            let book = self.wait_until(|book| book.server.is_some());
            let authorized = format!("{}.{}", token(number), book.thumbprint);
            let digest = Sha256::digest(authorized).to_vec();
            (book.server.unwrap(), book.names[number - 1].clone(), digest)
        };
        let identifier = call::identifier_of(server, &name);
        assert_eq!(identifier, expected, "{name}");
        self.change(|book| book.seen.push(name));
        said(200, &json!({}))
    }

    fn finalize(&self, request: &Request) -> Answer {
        let csr = decode(&request.payload["csr"]);
        let (_, csr) = X509CertificationRequest::from_der(&csr).unwrap();
        let key = &csr
            .certification_request_info
            .subject_pki
            .subject_public_key;
        let key = RequestedKey(key.data.to_vec());
        self.change(|book| {
            let validity = if std::mem::take(&mut book.is_nearly_due) {
                NEARLY_DUE
            } else {
                VALIDITY
            };
            book.certificate = Some(self.authority.sign(&book.names, &key, validity));
        });
        said(200, &self.state())
    }
}

fn token(number: usize) -> String {
    format!("token-{number}")
}

fn said(status: u16, body: &Value) -> Answer {
    Answer(status, String::new(), body.to_string())
}

fn decode(text: &Value) -> Vec<u8> {
    BASE64_URL_SAFE_NO_PAD
        .decode(text.as_str().unwrap())
        .unwrap()
}
