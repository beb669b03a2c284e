//! What is refused over HTTP before it means anything: bad requests, bad tokens, bad addresses.

use super::harness::{App, Person, Transport, soon};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The whole answer to bytes on a connection of their own.
async fn raw(app: &App, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(app.server.address()).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    let read = soon("an answer", stream.read_to_end(&mut answer)).await;
    read.unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn bodies_that_are_no_json_objects_are_refused() {
    let app = App::start().await;
    let ada = app.person("ada").await;
    let room = ada.room("lounge", false).await;
    let path = format!("/api/rooms/{room}/messages");
    let deep = format!("{{\"content\":{}", "[".repeat(20_000));
    for body in [
        "{\"content\":\"x\"",
        "{content: 'x'}",
        "[]",
        "null",
        "\"text\"",
        "5",
        "true",
        "nonsense",
        "{}{}",
        "{\"content\":\"\\ud800\"}",
        "{\"content\":1e999}",
        "\u{0}",
        &deep,
    ] {
        let refused = ada
            .send_raw(Method::POST, &path, "application/json", body.into())
            .await;
        let error = refused.expect_error(400, "invalid_input");
        assert!(error["details"]["fields"]["body"].is_string(), "{error}");
    }
    let no_text = ada.send_raw(
        Method::POST,
        &path,
        "application/json",
        b"{\"content\":\"\xff\"}".into(),
    );
    no_text.await.expect_error(400, "invalid_input");
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "",
        "application/jsonp",
    ] {
        let body = b"{\"content\":\"x\"}".to_vec();
        let refused = ada.send_raw(Method::POST, &path, kind, body).await;
        refused.expect_error(415, "invalid_input");
    }
    for kind in [
        "application/json; charset=utf-8",
        "Application/JSON",
        "application/merge-patch+json",
    ] {
        let body = b"{\"content\":\"x\"}".to_vec();
        ada.send_raw(Method::POST, &path, kind, body)
            .await
            .expect(201);
    }
    for size in [64 * 1024 - 14, 64 * 1024 - 13, 900_000, 2_000_000] {
        let body = json!({ "content": "x".repeat(size) })
            .to_string()
            .into_bytes();
        let fits = body.len() <= 64 * 1024;
        let refused = ada
            .send_raw(Method::POST, &path, "application/json", body)
            .await;
        refused.expect_error(if fits { 400 } else { 413 }, "invalid_input");
    }
    let history = ada.get(&path).await.expect(200);
    assert_eq!(history["lastSeq"], 3);
}

#[tokio::test]
async fn a_body_that_ends_too_early_does_nothing() {
    let app = App::start().await;
    let ada = app.person("ada").await;
    let head = format!(
        "POST /api/rooms HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n",
        ada.token
    );
    for rest in [
        "content-length: 500\r\n\r\n{\"name\":\"half\"}",
        "transfer-encoding: chunked\r\n\r\nf\r\n{\"name\":\"half\"}\r\n",
    ] {
        let mut stream = TcpStream::connect(app.server.address()).await.unwrap();
        stream
            .write_all(format!("{head}{rest}").as_bytes())
            .await
            .unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        let _ = soon("the end", stream.read_to_end(&mut answer)).await;
    }
    assert_eq!(
        ada.get("/api/rooms").await.expect(200),
        json!({ "rooms": [] })
    );
}

#[tokio::test]
async fn what_is_no_http_is_refused_and_the_server_lives() {
    let app = App::start().await;
    for (request, status) in [
        ("nonsense\r\n\r\n", "400"),
        ("GET / HTTP/9.9\r\n\r\n", "400"),
        (
            "GET /api/users/me HTTP/1.1\r\nhost: x\r\nbad header\r\n\r\n",
            "400",
        ),
        (
            "POST /api/auth/login HTTP/1.1\r\nhost: x\r\ncontent-length: -5\r\n\r\n",
            "400",
        ),
        (
            "POST /api/auth/login HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999999999999\r\n\r\n",
            "400",
        ),
    ] {
        let answer = raw(&app, request.as_bytes()).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{request:?}: {answer}"
        );
    }
    let long = format!(
        "GET / HTTP/1.1\r\nhost: x\r\nx-long: {}\r\n\r\n",
        "x".repeat(17_000)
    );
    let answer = raw(&app, long.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    app.person("ada").await;
}

#[tokio::test]
async fn addresses_that_lead_nowhere_are_told_in_json_beneath_api_and_by_the_page_elsewhere() {
    let app = App::start().await;
    let ada = app.person("ada").await;
    let stranger = app.stranger();
    for path in [
        "/api",
        "/api/",
        "/api/nonsense",
        "/api/v1/rooms/x/y/z",
        "/api/auth",
        "/api/%ff",
    ] {
        let answer = stranger.get(path).await;
        assert_eq!(answer.headers["content-type"], "application/json", "{path}");
        answer.expect_error(404, "not_found");
    }
    let nothing = "00000000-0000-4000-8000-00000000000g";
    for path in [
        "/api/users/nobody".to_owned(),
        format!("/api/users/{}", uuid::Uuid::new_v4()),
        format!("/api/users/{{{}}}", ada.id),
        format!("/api/rooms/{nothing}"),
        format!("/api/rooms/{}/messages", ada.id.replace('-', "")),
        "/api/rooms/%00".to_owned(),
        "/api/rooms/%ff/users".to_owned(),
        "/api/rooms/..%2f..%2fetc".to_owned(),
    ] {
        ada.get(&path).await.expect_error(404, "not_found");
    }
    let wrong = ada.put("/api/rooms", json!({})).await;
    assert_eq!(wrong.headers["allow"], "GET,HEAD,POST");
    wrong.expect_error(405, "invalid_input");
    for path in ["/", "/r/somewhere", "/invite/token", "/apix"] {
        let page = stranger.get(path).await;
        assert_eq!(page.status, 200, "{path}");
        assert!(
            page.headers["content-type"]
                .to_str()
                .unwrap()
                .starts_with("text/")
        );
        assert!(page.headers.contains_key("x-request-id"));
        assert_eq!(page.headers["cache-control"], "no-cache");
    }
    stranger
        .post("/", json!({}))
        .await
        .expect_error(405, "invalid_input");
    for path in ["/healthz", "/readyz"] {
        assert_eq!(stranger.get(path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn a_fault_of_the_server_is_told_without_its_cause() {
    let app = App::start().await;
    let ada = app.person("ada").await;
    let room = ada.room("lounge", false).await;
    let mut sockets = Vec::new();
    for transport in Transport::ALL {
        sockets.push(ada.connect_by(transport).await);
    }
    // Somebody damages the database behind the server's back.
    app.database()
        .execute_batch("DROP TABLE room_bans; DROP TABLE messages;")
        .unwrap();
    for (method, path, body) in [
        (Method::GET, "bans", Value::Null),
        (Method::POST, "messages", json!({ "content": "x" })),
    ] {
        let answer = ada
            .send(method, &format!("/api/rooms/{room}/{path}"), body)
            .await;
        let error = answer.expect_error(500, "internal");
        assert!(error.get("details").is_none());
        assert!(!error.to_string().contains("table"), "{error}");
    }
    for socket in &mut sockets {
        let send = json!({ "roomId": room, "content": "x" });
        let error = socket.ask("send_message", send).await.unwrap_err();
        assert_eq!(error["code"], "internal");
        assert!(error["details"]["requestId"].is_string());
        assert!(!error.to_string().contains("table"), "{error}");
    }
    // Everything else works on.
    ada.get(&format!("/api/rooms/{room}")).await.expect(200);
    ada.room("another", false).await;
}

#[tokio::test]
async fn only_allowed_web_pages_are_answered() {
    let app = App::with(|config| {
        config.limits.enabled = false;
        config.server.allowed_origins = vec!["https://chat.example.org".to_owned()];
    })
    .await;
    let own = app.url();
    let get = async |path: &str, origin: &str| {
        let request = app.http.get(format!("{}{path}", app.url()));
        request.header("origin", origin).send().await.unwrap()
    };
    let engine = "/socket.io/?EIO=4&transport=polling";
    for origin in [
        "https://chat.example.org",
        "http://localhost:3000",
        "http://127.0.0.1:5173",
        &own,
    ] {
        let answer = get("/api/rooms", origin).await;
        assert_eq!(answer.headers()["access-control-allow-origin"], origin);
        assert_eq!(get(engine, origin).await.status(), 200, "{origin}");
    }
    for origin in [
        "https://evil.example",
        "http://chat.example.org",
        "http://localhost.evil.example",
        "null",
    ] {
        let answer = get("/api/rooms", origin).await;
        assert!(
            !answer.headers().contains_key("access-control-allow-origin"),
            "{origin}"
        );
        let refused = Person::answer(get(engine, origin).await).await;
        let error = refused.expect_error(403, "forbidden");
        assert!(error["message"].as_str().unwrap().contains("origin"));
    }
    let preflight = async |origin: &str| {
        let url = format!("{}/api/rooms", app.url());
        let request = app.http.request(Method::OPTIONS, url);
        let request = request.header("origin", origin);
        let request = request.header("access-control-request-method", "POST");
        let request = request.header("access-control-request-headers", "authorization");
        let headers = request.send().await.unwrap().headers().clone();
        assert!(headers.contains_key("x-request-id"), "{headers:?}");
        headers
    };
    let allowed = preflight("https://chat.example.org").await;
    let headers = allowed["access-control-allow-headers"].to_str().unwrap();
    assert!(headers.contains("authorization"), "{headers}");
    let refused = preflight("https://evil.example").await;
    assert!(!refused.contains_key("access-control-allow-origin"));
    // What browsers cannot keep a page from: a WebSocket's upgrade.
    let upgrade = format!(
        "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nhost: {}\r\nconnection: upgrade, close\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\norigin: https://evil.example\r\n\r\n",
        app.server.address()
    );
    let answer = raw(&app, upgrade.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
}

#[tokio::test]
async fn the_page_at_the_public_address_is_the_servers_own_whatever_a_proxy_makes_of_the_host() {
    let app = App::with(|config| {
        config.limits.enabled = false;
        config.server.public_url = "https://Chat.Example.org:443/below".to_owned();
    })
    .await;
    for (origin, status) in [
        ("https://chat.example.org", 200),
        ("http://chat.example.org", 403),
        ("https://chat.example.org:444", 403),
    ] {
        let url = format!("{}/socket.io/?EIO=4&transport=polling", app.url());
        let request = app.http.get(url).header("origin", origin);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), status, "{origin}");
        assert!(answer.headers().contains_key("x-request-id"), "{origin}");
    }
}
