//! The web UI's files, as a browser gets them.
#![cfg(feature = "ui")]

use super::harness::{App, Person};
use reqwest::{Method, Response};
use std::path::Path;

/// The whole UI, as it is sent to a browser that takes gzip.
const BUDGET_BYTES: usize = 60 * 1024;
/// No component's file is longer, in lines.
const COMPONENT_LINES: usize = 150;
/// What makes elements of text.
const MARKUP: [&str; 4] = ["innerHTML", "outerHTML", "InnerHTML", "insertAdjacentHTML"];
const CLIENT: [&str; 3] = ["socket.io.js", "socket.io.min.js", "socket.io.esm.min.js"];

async fn get(app: &App, path: &str, headers: &[(&str, &str)]) -> Response {
    let mut request = app.http.get(format!("{}{path}", app.url()));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.unwrap()
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    let value = response.headers().get(name);
    value.map_or("", |value| value.to_str().unwrap())
}

/// The hashed files that the index page names; none if the UI was not built on this machine.
async fn hashed(app: &App) -> Vec<String> {
    let page = get(app, "/", &[]).await.text().await.unwrap();
    let parts = page.split('"');
    parts
        .filter(|part| part.starts_with("/assets/"))
        .map(str::to_owned)
        .collect()
}

#[tokio::test]
async fn the_index_page_is_fresh_and_may_load_from_this_server_only() {
    let app = App::start().await;
    for path in ["/", "/r/5", "/invite/abc", "/assetsx", "/index.html"] {
        let page = get(&app, path, &[]).await;
        assert_eq!(page.status(), 200, "{path}");
        assert_eq!(header(&page, "cache-control"), "no-cache");
        assert_eq!(header(&page, "content-type"), "text/html; charset=utf-8");
        assert_eq!(header(&page, "x-content-type-options"), "nosniff");
        let policy = header(&page, "content-security-policy");
        assert!(policy.starts_with("default-src 'none';"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        let text = page.text().await.unwrap();
        assert!(text.contains("<title>chatd</title>"), "{path}: {text}");
        assert!(!text.contains("<style") && !text.contains("{{"), "{text}");
    }
}

#[tokio::test]
async fn hashed_files_are_kept_for_good_and_unknown_ones_are_not_found() {
    let app = App::start().await;
    for path in hashed(&app).await {
        let file = get(&app, &path, &[]).await;
        assert_eq!(file.status(), 200, "{path}");
        assert_eq!(
            header(&file, "cache-control"),
            "public, max-age=31536000, immutable"
        );
        let kind = if path.rsplit('.').next() == Some("css") {
            "text/css"
        } else {
            "text/javascript"
        };
        assert!(header(&file, "content-type").starts_with(kind), "{path}");
        let packed = get(&app, &format!("{path}.gz"), &[]).await;
        assert_eq!(packed.status(), 404, "{path}.gz");
    }
    for path in ["/assets/", "/assets/old-1234.js"] {
        let answer = get(&app, path, &[]).await;
        assert_eq!(
            Person::answer(answer).await.expect(404)["error"]["code"],
            "not_found"
        );
    }
}

#[tokio::test]
async fn files_are_compressed_for_those_who_take_it() {
    let app = App::start().await;
    let mut paths = hashed(&app).await;
    if !paths.is_empty() {
        paths.push("/".to_owned());
        paths.push("/socket.io/socket.io.js".to_owned());
    }
    for path in paths {
        let plain = get(&app, &path, &[]).await;
        assert_eq!(header(&plain, "content-encoding"), "");
        assert_eq!(header(&plain, "vary"), "accept-encoding");
        let size = plain.bytes().await.unwrap().len();
        for (accepts, encoding) in [
            ("gzip, deflate, br, zstd", "br"),
            ("gzip", "gzip"),
            ("GZIP;q=0.5", "gzip"),
            ("*", "br"),
            ("br;q=0, *", "gzip"),
            ("br;q=0, gzip;q=0.0", ""),
            ("identity", ""),
        ] {
            let file = get(&app, &path, &[("accept-encoding", accepts)]).await;
            assert_eq!(header(&file, "content-encoding"), encoding, "{accepts}");
            assert_eq!(header(&file, "vary"), "accept-encoding");
            let packed = file.bytes().await.unwrap().len();
            assert_eq!(packed < size, !encoding.is_empty(), "{path}: {packed}");
        }
    }
}

#[tokio::test]
async fn what_has_no_hash_is_asked_for_by_its_tag() {
    let app = App::start().await;
    for path in ["/", "/icon.svg"] {
        let first = get(&app, path, &[]).await;
        let tag = header(&first, "etag").to_owned();
        assert!(tag.starts_with('"') && tag.len() > 20, "{path}: {tag:?}");
        for known in [tag.clone(), format!("\"x\", W/{tag}"), "*".to_owned()] {
            let again = get(&app, path, &[("if-none-match", &known)]).await;
            assert_eq!(again.status(), 304, "{path} {known}");
            assert_eq!(header(&again, "etag"), tag);
            assert_eq!(again.bytes().await.unwrap().len(), 0);
        }
        let other = get(&app, path, &[("if-none-match", "\"x\"")]).await;
        assert_eq!(other.status(), 200, "{path}");
    }
}

#[tokio::test]
async fn the_official_client_is_served_ahead_of_the_engine() {
    let app = App::start().await;
    if hashed(&app).await.is_empty() {
        return;
    }
    for name in CLIENT {
        let path = format!("/socket.io/{name}");
        let file = get(&app, &path, &[]).await;
        assert_eq!(file.status(), 200, "{path}");
        assert!(header(&file, "content-type").starts_with("text/javascript"));
        assert!(header(&file, "etag").starts_with('"'));
        assert!(
            file.text()
                .await
                .unwrap()
                .starts_with("/*!\n * Socket.IO v4.")
        );
    }
    // Whatever else is there belongs to the engine, which knows no such requests.
    assert_eq!(get(&app, "/socket.io/other.js", &[]).await.status(), 400);
    let post = app.stranger();
    let refused = post.send(
        Method::POST,
        "/socket.io/socket.io.js",
        serde_json::Value::Null,
    );
    assert_eq!(refused.await.headers["allow"], "GET,HEAD");
}

#[tokio::test]
async fn the_service_worker_keeps_its_name_and_is_asked_for_again() {
    let app = App::start().await;
    if hashed(&app).await.is_empty() {
        return;
    }
    let worker = get(&app, "/worker.js", &[]).await;
    assert_eq!(worker.status(), 200);
    assert_eq!(header(&worker, "cache-control"), "no-cache");
    assert!(header(&worker, "content-type").starts_with("text/javascript"));
    assert!(header(&worker, "etag").starts_with('"'));
    let text = worker.text().await.unwrap();
    assert!(text.contains("notificationclick"), "{text}");
    assert!(!text.contains("caches"), "{text}");
}

#[tokio::test]
async fn the_whole_ui_keeps_to_its_budget() {
    let app = App::start().await;
    let mut bytes = 0;
    for path in hashed(&app).await {
        let file = get(&app, &path, &[("accept-encoding", "gzip")]).await;
        bytes += file.bytes().await.unwrap().len();
    }
    assert!(bytes <= BUDGET_BYTES, "{bytes} bytes");
}

#[test]
fn components_are_short_and_make_no_elements_of_text() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("static/src");
    let mut seen = 0;
    for folder in ["client", "ui", "words", "words/languages"] {
        for entry in source.join(folder).read_dir().unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let lines = text.lines().count();
            let is_component = path.extension().is_some_and(|end| end == "tsx");
            assert!(
                !is_component || lines <= COMPONENT_LINES,
                "{}: {lines} lines",
                path.display()
            );
            for word in MARKUP {
                assert!(!text.contains(word), "{} has {word}", path.display());
            }
            seen += 1;
        }
    }
    assert!(seen > 20, "only {seen} files were found");
}

/// The bundler takes whatever is in the folder, so it is this type alone by which the compiler
/// sees that a language has all the words.
#[test]
fn each_language_is_checked_for_completeness() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("static/src/words/languages");
    let mut seen = 0;
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let is_checked = text.contains("export const words: Words = {");
        let is_english = path.file_name().is_some_and(|name| name == "en.ts");
        assert!(is_checked || is_english, "{}", path.display());
        seen += 1;
    }
    assert!(seen >= 2, "only {seen} languages were found");
}
