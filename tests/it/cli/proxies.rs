//! What a server says of proxies that nobody named.

use super::{Running, START, place};
use std::io::{Read, Write};
use std::net::TcpStream;

/// A request as a proxy passes it on.
fn forward(server: &Running) {
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.set_read_timeout(Some(START)).unwrap();
    let request = "GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
                   x-forwarded-for: 198.51.100.7\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[test]
fn a_proxy_that_nobody_named_is_warned_of_once() {
    for (proxies, is_told) in [("", true), ("10.0.0.1", true), ("127.0.0.0/8", false)] {
        let place = place();
        let server = place.serve_with(&[
            ("CHATD_SERVER__TRUSTED_PROXIES", proxies),
            // Few enough for the open files of any machine, which are warned of, too.
            ("CHATD_SERVER__MAX_CONNECTIONS", "256"),
        ]);
        server.send("GET /healthz", None, "");
        assert!(!server.log().contains("WARN"), "{}", server.log());
        forward(&server);
        forward(&server);
        let log = server.log();
        let told: Vec<_> = log.lines().filter(|line| line.contains("WARN")).collect();
        assert_eq!(told.len(), usize::from(is_told), "{log}");
        for words in ["127.0.0.1", "server.trusted_proxies"] {
            assert!(told.iter().all(|line| line.contains(words)), "{log}");
        }
        server.stop();
    }
}
