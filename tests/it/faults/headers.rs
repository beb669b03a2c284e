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

/// A request: its first line, and what follows its host.
type Asked = (String, String);

fn asked(line: &str, rest: &str) -> Asked {
    (line.to_owned(), rest.to_owned())
}

/// A JSON body with its headers.
fn body(text: &str) -> String {
    let length = text.len();
    format!("content-type: application/json\r\ncontent-length: {length}\r\n\r\n{text}")
}

/// Requests for the web UI: the status of the answer, and what it says of keeping it.
fn of_pages(asset: Option<&str>) -> Vec<(Asked, u16, &'static str)> {
    const KEPT: &str = "public, max-age=31536000, immutable";
    let mut rows = vec![
        (asked("GET /", ""), 200, "no-cache"),
        (asked("HEAD /", ""), 200, "no-cache"),
        (asked("GET /r/5", ""), 200, "no-cache"),
        (asked("GET /", "if-none-match: *\r\n"), 304, "no-cache"),
        (asked("GET /icon.svg", ""), 200, "no-cache"),
    ];
    rows.extend(asset.map(|path| (asked(&format!("GET {path}"), ""), 200, KEPT)));
    rows
}

/// Requests for all else, nothing of which is kept, and the status of the answer.
fn of_programs(token: &str, sid: &str) -> Vec<(Asked, u16)> {
    const UPGRADE: &str = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
                           sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    const PREFLIGHT: &str =
        "origin: http://localhost:3000\r\naccess-control-request-method: POST\r\n";
    let bearer = format!("authorization: Bearer {token}\r\n");
    let open = "/socket.io/?EIO=4&transport=polling";
    let login = body(&format!(r#"{{"username":"ada","password":"{PASSWORD}"}}"#));
    let (poll, post) = (
        format!("GET {open}&sid={sid}"),
        format!("POST {open}&sid={sid}"),
    );
    vec![
        (asked("GET /assets/none.js", ""), 404),
        (asked("POST /", &body("{}")), 405),
        (asked("GET /api/users/me", &bearer), 200),
        (asked("GET /api/users/me", ""), 401),
        (asked("POST /api/auth/login", &login), 200),
        (asked("POST /api/auth/login", &body("nonsense")), 400),
        (asked("GET /api/nonsense", ""), 404),
        (asked("GET /api/", ""), 404),
        (asked("PUT /api/rooms", ""), 405),
        (asked("POST /api/auth/logout", &bearer), 204),
        (asked("OPTIONS /api/rooms", PREFLIGHT), 200),
        (asked("GET /healthz", ""), 200),
        (asked("GET /readyz", ""), 200),
        (asked(&poll, ""), 200),
        (asked(&post, "content-length: 1\r\n\r\n3"), 200),
        (asked(&post, "content-length: 99999\r\n"), 413),
        (asked("GET /socket.io/?EIO=9", ""), 400),
        (
            asked(&format!("GET {open}"), "origin: https://evil.example\r\n"),
            403,
        ),
        (
            asked("GET /socket.io/?EIO=4&transport=websocket", UPGRADE),
            101,
        ),
    ]
}

/// Asks, and holds what every answer says.
async fn check(address: SocketAddr, (line, rest): Asked, expected: (u16, &str, &str), https: &str) {
    let (status, kept, may) = expected;
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
    let said = |name: &str| head.headers.get(name).map_or("", String::as_str);
    let what = format!("{line} {rest}: {} {:?}", head.status, head.headers);
    assert_eq!(head.status, status, "{what}");
    assert_eq!(said("x-content-type-options"), "nosniff", "{what}");
    assert_eq!(said("referrer-policy"), "no-referrer", "{what}");
    assert_eq!(said("content-security-policy"), may, "{what}");
    assert_eq!(said("cache-control"), kept, "{what}");
    assert_eq!(said("strict-transport-security"), https, "{what}");
    assert!(head.headers.contains_key("x-request-id"), "{what}");
}

#[tokio::test]
async fn every_answer_says_what_a_browser_may_do_with_it() {
    let mut seen = 0;
    // TLS is a proxy's, and only the public address says that there is one.
    for (public_url, https) in [
        ("", ""),
        ("http://chat.example.org", ""),
        ("https://chat.example.org/below", HTTPS_ONLY),
    ] {
        let root = Arc::new(tempfile::tempdir().unwrap());
        let mut chatd = executable::command(executable::path());
        chatd
            .arg("serve")
            .env("CHATD_DATA__DIR", executable::data(root.path()))
            .env("CHATD_SERVER__PUBLIC_URL", public_url);
        let server = Executable::spawn(chatd, root).await.unwrap();
        let ada = server.person("ada").await;
        let address = server.url.strip_prefix("http://").unwrap().parse().unwrap();
        let (asset, sid) = names(&server.url).await;
        for (asked, status, kept) in of_pages(asset.as_deref()) {
            check(address, asked, (status, kept, PAGE), https).await;
            seen += 1;
        }
        for (asked, status) in of_programs(&ada.token, &sid) {
            check(address, asked, (status, "no-store", NOTHING), https).await;
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
