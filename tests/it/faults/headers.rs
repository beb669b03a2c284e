//! What every answer tells browsers, whichever part of the server gives it.

use super::super::harness::{App, Executable, PASSWORD, executable, soon};
use super::report;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What the page, its worker and its files may do.
const PAGE: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                    connect-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; \
                    form-action 'self'; frame-ancestors 'none'";
/// What is no page may do nothing, and stand in no page.
const NOTHING: &str = "default-src 'none'; frame-ancestors 'none'";
const HTTPS_ONLY: &str = "max-age=31536000";

/// The status and the headers of an answer, their names in lower case.
struct Head {
    status: u16,
    headers: HashMap<String, String>,
}

/// Sends bytes on a connection of their own, and reads the head of the answer.
async fn ask(address: SocketAddr, request: &str) -> Head {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut read = Vec::new();
    soon("an answer", async {
        while !read.windows(4).any(|end| end == b"\r\n\r\n") {
            let count = stream.read_buf(&mut read).await.unwrap();
            assert!(count > 0, "{request}: {}", String::from_utf8_lossy(&read));
        }
    })
    .await;
    let text = String::from_utf8_lossy(&read);
    let mut lines = text.split("\r\n\r\n").next().unwrap().split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap();
    let headers = lines.map(|line| line.split_once(": ").unwrap());
    Head {
        status: status.parse().unwrap(),
        headers: headers
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect(),
    }
}

/// A row: a request's first line, what follows its usual headers, the status, and what the answer says
/// of keeping it and of what it may do.
type Row<'a> = (&'a str, String, u16, &'a str, &'a str);

/// What a hashed file is called, and a session of the engine, on this server.
async fn names(url: &str) -> (Option<String>, String) {
    let http = reqwest::Client::new();
    let text = async |path: &str| {
        let answer = http.get(format!("{url}{path}")).send().await.unwrap();
        answer.text().await.unwrap()
    };
    let page = text("/").await;
    let asset = page.split('"').find(|part| part.starts_with("/assets/"));
    let open = text("/socket.io/?EIO=4&transport=polling").await;
    let open: serde_json::Value = serde_json::from_str(&open[1..]).unwrap();
    let sid = open["sid"].as_str().unwrap().to_owned();
    (asset.map(str::to_owned), sid)
}

#[tokio::test]
async fn every_answer_says_what_a_browser_may_do_with_it() {
    let mut seen = 0;
    for public_url in [
        "",
        "http://chat.example.org",
        "https://chat.example.org/below",
    ] {
        let root = Arc::new(tempfile::tempdir().unwrap());
        let mut chatd = executable::command(executable::path());
        chatd
            .arg("serve")
            .env("CHATD_DATA__DIR", executable::data(root.path()))
            .env("CHATD_SERVER__PUBLIC_URL", public_url);
        let server = Executable::spawn(chatd, root).await.unwrap();
        let ada = server.person("ada").await;
        let address: SocketAddr = server.url.strip_prefix("http://").unwrap().parse().unwrap();
        let (asset, sid) = names(&server.url).await;
        let bearer = format!("authorization: Bearer {}\r\n", ada.token);
        let json = |body: &str| {
            let length = body.len();
            format!("content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}")
        };
        let poll = format!("GET /socket.io/?EIO=4&transport=polling&sid={sid}");
        let post = format!("POST /socket.io/?EIO=4&transport=polling&sid={sid}");
        let upgrade = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
                       sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
        let page = format!("GET {}", asset.as_deref().unwrap_or("/"));
        let kept = match &asset {
            Some(_) => "public, max-age=31536000, immutable",
            None => "no-cache",
        };
        let login = json(&format!(r#"{{"username":"ada","password":"{PASSWORD}"}}"#));
        let none = String::new();
        let rows: Vec<Row<'_>> = vec![
            ("GET /", none.clone(), 200, "no-cache", PAGE),
            ("HEAD /", none.clone(), 200, "no-cache", PAGE),
            ("GET /r/5", none.clone(), 200, "no-cache", PAGE),
            (
                "GET /",
                "if-none-match: *\r\n".to_owned(),
                304,
                "no-cache",
                PAGE,
            ),
            ("GET /icon.svg", none.clone(), 200, "no-cache", PAGE),
            (&page, none.clone(), 200, kept, PAGE),
            (
                "GET /assets/none.js",
                none.clone(),
                404,
                "no-store",
                NOTHING,
            ),
            ("POST /", json("{}"), 405, "no-store", NOTHING),
            (
                "GET /api/users/me",
                bearer.clone(),
                200,
                "no-store",
                NOTHING,
            ),
            ("GET /api/users/me", none.clone(), 401, "no-store", NOTHING),
            ("POST /api/auth/login", login, 200, "no-store", NOTHING),
            (
                "POST /api/auth/login",
                json("nonsense"),
                400,
                "no-store",
                NOTHING,
            ),
            ("GET /api/nonsense", none.clone(), 404, "no-store", NOTHING),
            ("GET /api/", none.clone(), 404, "no-store", NOTHING),
            ("PUT /api/rooms", none.clone(), 405, "no-store", NOTHING),
            (
                "POST /api/auth/logout",
                bearer.clone(),
                204,
                "no-store",
                NOTHING,
            ),
            ("GET /healthz", none.clone(), 200, "no-store", NOTHING),
            ("GET /readyz", none.clone(), 200, "no-store", NOTHING),
            (&poll, none.clone(), 200, "no-store", NOTHING),
            (
                &post,
                "content-length: 1\r\n\r\n3".to_owned(),
                200,
                "no-store",
                NOTHING,
            ),
            (
                &post,
                "content-length: 99999\r\n".to_owned(),
                413,
                "no-store",
                NOTHING,
            ),
            (
                "GET /socket.io/?EIO=9",
                none.clone(),
                400,
                "no-store",
                NOTHING,
            ),
            (
                "GET /socket.io/?EIO=4&transport=polling",
                "origin: https://evil.example\r\n".to_owned(),
                403,
                "no-store",
                NOTHING,
            ),
            (
                "GET /socket.io/?EIO=4&transport=websocket",
                upgrade.to_owned(),
                101,
                "no-store",
                NOTHING,
            ),
            (
                "OPTIONS /api/rooms",
                "origin: http://localhost:3000\r\naccess-control-request-method: POST\r\n"
                    .to_owned(),
                200,
                "no-store",
                NOTHING,
            ),
        ];
        for (line, rest, status, kept, may) in rows {
            let end = if rest.contains("\r\n\r\n") {
                ""
            } else {
                "\r\n"
            };
            let head = ask(
                address,
                &format!("{line} HTTP/1.1\r\nhost: x\r\n{rest}{end}"),
            )
            .await;
            assert_eq!(head.status, status, "{line} {rest}");
            let said = |name: &str| head.headers.get(name).map_or("", String::as_str);
            let what = format!("{line} {rest} {status}: {:?}", head.headers);
            assert_eq!(said("x-content-type-options"), "nosniff", "{what}");
            assert_eq!(said("referrer-policy"), "no-referrer", "{what}");
            assert_eq!(said("content-security-policy"), may, "{what}");
            assert_eq!(said("cache-control"), kept, "{what}");
            assert!(head.headers.contains_key("x-request-id"), "{what}");
            // TLS is a proxy's, and only the public address says that there is one.
            let https_only = if public_url.starts_with("https:") {
                HTTPS_ONLY
            } else {
                ""
            };
            assert_eq!(said("strict-transport-security"), https_only, "{what}");
            seen += 1;
        }
    }
    report(
        "headers: every kind of answer",
        format!("{seen} answers held"),
    );
}

#[tokio::test]
async fn a_refusal_at_the_door_says_the_same() {
    for (most, each, status) in [(1, 256, 503), (20_000, 1, 429)] {
        let app = App::with(|config| {
            config.server.exempt_addresses = Vec::new();
            config.server.max_connections = most;
            config.server.max_connections_per_address = each;
        })
        .await;
        let address = app.server.address();
        // Its place is taken when it has been answered.
        let mut first = TcpStream::connect(address).await.unwrap();
        first
            .write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
            .await
            .unwrap();
        let read = soon("an answer", first.read(&mut [0; 512])).await;
        assert!(read.unwrap() > 0);
        let head = ask(address, "GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
        assert_eq!(head.status, status);
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("content-security-policy", NOTHING),
            ("cache-control", "no-store"),
            ("retry-after", "5"),
            ("content-type", "application/json"),
        ] {
            assert_eq!(head.headers.get(name).map(String::as_str), Some(value));
        }
    }
}
