//! The control socket: a line of anything is answered by one line.

use super::super::super::harness::{App, soon};
use super::{ASKED, hold, json, texts};
use chatd::model::Secret;
use chatd::server::control::{Outcome, Request, Role};
use proptest::collection::vec;
use proptest::prelude::{Strategy, any};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::runtime::Runtime;

/// Sends bytes, says that there are no more, and reads all that is answered.
async fn exchange(app: &App, bytes: &[u8]) -> String {
    let socket = app.folder.path().join("control.sock");
    let mut stream = UnixStream::connect(socket).await.unwrap();
    // The other end may have answered before it has read everything.
    let _ = stream.write_all(bytes).await;
    let _ = stream.shutdown().await;
    let mut answer = String::new();
    let _ = soon("an answer", stream.read_to_string(&mut answer)).await;
    answer
}

fn requests() -> impl Strategy<Value = Request> {
    let role = any::<bool>().prop_map(|admin| if admin { Role::Admin } else { Role::User });
    proptest::prop_oneof![
        proptest::option::of(texts()).prop_map(|cursor| Request::ListUsers { cursor }),
        (texts(), role).prop_map(|(name, role)| Request::SetRole { name, role }),
        (texts(), any::<bool>())
            .prop_map(|(name, disabled)| Request::SetDisabled { name, disabled }),
        // A password that is refused, since hashing each would take its time.
        (texts(), "[a-z]{0,7}").prop_map(|(name, password)| {
            let password = Secret(password);
            Request::SetPassword { name, password }
        }),
    ]
}

#[test]
fn a_line_of_anything_is_answered_by_a_line() {
    let runtime = Runtime::new().unwrap();
    let app = runtime.block_on(App::start());
    runtime.block_on(app.person("ada"));
    let lines = proptest::prop_oneof![
        vec(any::<u8>(), 0..80),
        json().prop_map(|value| value.to_string().into_bytes()),
        ("[a-z_]{1,16}", json()).prop_map(|(name, value)| {
            serde_json::json!({ "request": name, "name": value })
                .to_string()
                .into_bytes()
        }),
    ];
    hold("lines of the control socket", ASKED, lines, |line| {
        let answer = runtime.block_on(exchange(&app, &[&line[..], b"\n"].concat()));
        let answer: Value = serde_json::from_str(answer.strip_suffix('\n').unwrap()).unwrap();
        assert_eq!(answer["Err"]["code"], "invalid_input", "{answer}");
    });
    hold(
        "requests of the control socket",
        ASKED,
        requests(),
        |request| {
            let text = serde_json::to_string(&request).unwrap();
            // It comes back as it was.
            let again: Request = serde_json::from_str(&text).unwrap();
            assert_eq!(serde_json::to_string(&again).unwrap(), text);
            let answer = runtime.block_on(exchange(&app, format!("{text}\n").as_bytes()));
            let outcome: Outcome =
                serde_json::from_str(answer.strip_suffix('\n').unwrap()).unwrap();
            if let Err(refusal) = outcome {
                let code = refusal.code.as_str();
                assert!(
                    matches!(code, "invalid_input" | "not_found"),
                    "{text}: {refusal:?}"
                );
                let is_known = !refusal.message.contains("does not know");
                assert!(is_known, "{text}: {refusal:?}");
            }
        },
    );
    runtime.block_on(async { drop(app) });
}
