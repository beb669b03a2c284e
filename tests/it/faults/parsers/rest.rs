//! Query strings, cursors and paths.

use super::super::super::harness::{App, Person, soon};
use super::{ASKED, CALLED, hold, numbers, texts};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chatd::chat::{Page, Search};
use proptest::collection::vec;
use proptest::prelude::{Strategy, any};
use proptest::sample::select;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

/// The status and the JSON of the answer to a request's target, as it is written.
async fn get(app: &App, ada: &Person, target: &str) -> (u16, Value) {
    let request = format!(
        "GET {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {}\r\n\r\n",
        ada.token
    );
    let mut stream = TcpStream::connect(app.server.address()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let read = soon("an answer", stream.read_to_end(&mut answer)).await;
    read.unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap_or_default())
}

/// What may stand in a request's target: visible ASCII but what ends it or begins a fragment.
fn raw() -> impl Strategy<Value = String> {
    proptest::prop_oneof!["[!-\"$-~]{0,60}", "([a-z=&+]|%[0-9a-fA-F]{2}|%){0,30}"]
}

fn encoded(text: &str) -> String {
    let bytes: Vec<_> = text.bytes().map(|byte| format!("%{byte:02x}")).collect();
    bytes.concat()
}

#[test]
fn a_query_is_answered_or_refused_and_never_a_fault() {
    let runtime = Runtime::new().unwrap();
    let app = runtime.block_on(App::start());
    let ada = runtime.block_on(app.person("ada"));
    let room = runtime.block_on(ada.room("lounge", false));
    let paths = ["/api/rooms", "/api/users", "/api/auth/sessions"]
        .map(str::to_owned)
        .to_vec();
    let of_room = ["messages", "users", "bans"].map(|part| format!("/api/rooms/{room}/{part}"));
    let paths = || select([paths.clone(), of_room.to_vec()].concat());
    let names = select(vec![
        "limit", "cursor", "query", "scope", "before", "after", "around", "other",
    ]);
    let pairs = vec((names, texts()), 0..4).prop_map(|pairs| {
        let pairs = pairs
            .iter()
            .map(|(name, text)| format!("{name}={}", encoded(text)));
        pairs.collect::<Vec<_>>().join("&")
    });
    let queries = proptest::prop_oneof![raw(), pairs];
    hold(
        "query strings",
        ASKED,
        (paths(), queries),
        |(path, query)| {
            let target = format!("{path}?{query}");
            let (status, body) = runtime.block_on(get(&app, &ada, &target));
            match status {
                200 => assert!(body.is_object(), "{target}: {body}"),
                // Of a target that is no URI the library of the server says so.
                400 if body.is_null() => assert!(target.parse::<http::Uri>().is_err(), "{target}"),
                400 => assert_eq!(body["error"]["code"], "invalid_input", "{target}: {body}"),
                other => panic!("{target}: {other} {body}"),
            }
        },
    );
    let numbers = numbers(vec![0, 200]);
    hold(
        "limits of lists",
        ASKED,
        (paths(), numbers),
        |(path, number)| {
            let (status, _) = runtime.block_on(get(&app, &ada, &format!("{path}?limit={number}")));
            let good = (1..=200).contains(&number);
            assert_eq!(status, if good { 200 } else { 400 }, "{path} {number}");
        },
    );
    hold("paths", ASKED, raw(), |path| {
        let target = format!("/api/{path}");
        let (status, body) = runtime.block_on(get(&app, &ada, &target));
        assert!(
            matches!(status, 200 | 400 | 404 | 405),
            "{target}: {status} {body}"
        );
    });
    runtime.block_on(async { drop(app) });
}

#[test]
fn a_cursor_is_accepted_exactly_if_it_is_one() {
    let runtime = Runtime::new().unwrap();
    let app = runtime.block_on(App::start());
    let ada = runtime.block_on(app.person("ada"));
    let places = proptest::prop_oneof![
        (any::<i64>(), any::<u128>())
            .prop_map(|(ms, id)| format!("{ms} {}", uuid::Uuid::from_u128(id))),
        (any::<i64>(), texts()).prop_map(|(ms, id)| format!("{ms} {id}")),
        texts(),
    ];
    hold("cursors of times and ids", ASKED, places, |place| {
        let cursor = URL_SAFE_NO_PAD.encode(&place);
        let target = format!("/api/auth/sessions?cursor={cursor}");
        let (status, _) = runtime.block_on(get(&app, &ada, &target));
        let good = place
            .split_once(' ')
            .is_some_and(|(ms, id)| ms.parse::<i64>().is_ok() && id.parse::<uuid::Uuid>().is_ok());
        assert_eq!(status, if good { 200 } else { 400 }, "{place:?}");
    });
    runtime.block_on(async { drop(app) });
    let cursors = proptest::prop_oneof![
        texts(),
        "[a-z]{98,102}",
        "[A-Za-z0-9_-]{0,30}",
        vec(any::<u8>(), 0..30).prop_map(|bytes| URL_SAFE_NO_PAD.encode(bytes)),
    ];
    hold("cursors", CALLED, cursors, |cursor| {
        let decoded = URL_SAFE_NO_PAD.decode(&cursor).ok();
        let good = decoded.is_some_and(|bytes| String::from_utf8(bytes).is_ok());
        assert_eq!(Page::new(None, Some(&cursor)).is_ok(), good, "{cursor:?}");
        let chars = cursor.chars().count();
        assert_eq!(Search::new(&cursor).is_ok(), chars <= 100, "{cursor:?}");
    });
}
