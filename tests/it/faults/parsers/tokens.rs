//! Tokens: only those that this server signed, saying what this server says, open anything.

use super::super::super::harness::{App, forge};
use super::{ASKED, hold, json, texts};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::{Strategy, any};
use proptest::sample::select;
use serde_json::{Value, json as value};
use tokio::runtime::Runtime;

/// Inputs that are nearly right, of which few are wrong in one way alone.
const SIGNED: (u32, u32) = (10_000, 800);

/// Who a token opens the server for; nothing if it opens nothing.
fn opens(runtime: &Runtime, app: &App, token: &str) -> Option<String> {
    let who = runtime.block_on(app.server.chat().authenticate(token));
    who.ok().map(|who| who.user.to_string())
}

#[test]
fn nothing_opens_but_the_token_itself() {
    let runtime = Runtime::new().unwrap();
    let app = runtime.block_on(App::start());
    let ada = runtime.block_on(app.person("ada"));
    let good = ada.token.clone();
    let bytes = good.len();
    let base64 = "[A-Za-z0-9_-]{0,60}";
    let made_up = (base64, base64, base64).prop_map(|(a, b, c)| format!("{a}.{b}.{c}"));
    let changed = {
        let good = good.clone();
        (0..bytes, any::<char>()).prop_map(move |(at, c)| {
            let mut text: Vec<char> = good.chars().collect();
            text[at] = c;
            text.into_iter().collect()
        })
    };
    let cut = {
        let good = good.clone();
        (0..bytes, texts()).prop_map(move |(end, more)| format!("{}{more}", &good[..end]))
    };
    let longer = {
        let good = good.clone();
        texts().prop_map(move |more| format!("{good}{more}"))
    };
    let tokens = proptest::prop_oneof![texts(), made_up, changed, cut, longer];
    hold(
        "tokens that nobody signed",
        ASKED,
        tokens,
        |token: String| {
            let opened = opens(&runtime, &app, &token);
            assert_eq!(opened.is_some(), token == good, "{token:?}");
        },
    );
    assert_eq!(opens(&runtime, &app, &good), Some(ada.id.clone()));
    // The server may be dropped within a runtime only.
    runtime.block_on(async { drop(app) });
}

/// What becomes of a claim: mostly nothing, or else it is taken away or made into anything.
fn change() -> impl Strategy<Value = Option<Option<Value>>> {
    proptest::option::weighted(0.2, proptest::option::of(json()))
}

#[test]
fn a_signed_token_opens_exactly_if_it_says_what_this_server_says() {
    let runtime = Runtime::new().unwrap();
    let app = runtime.block_on(App::start());
    let ada = runtime.block_on(app.person("ada"));
    let secret = app.secret();
    let now_in = |seconds: i64| app.clock.now().seconds() + seconds;
    let claims = forge::claims(&ada.token);
    let algorithms = select(vec![
        "HS256", "HS256", "HS256", "HS256", "HS256", "HS256", "HS256", "hs256", "HS384", "none",
        "None", "RS256", "ES256", "",
    ]);
    let changes = (
        algorithms,
        change(),
        change(),
        change(),
        change(),
        -100..100_i64,
    );
    hold(
        "tokens that are signed",
        SIGNED,
        changes,
        |(algorithm, sub, sid, iat, exp, seconds)| {
            let mut said = claims.clone();
            let changed = [("sub", sub), ("sid", sid), ("iat", iat), ("exp", exp)];
            for (name, change) in changed {
                match change {
                    Some(Some(other)) => said[name] = other,
                    Some(None) => drop(said.as_object_mut().unwrap().remove(name)),
                    None if name == "exp" => said[name] = now_in(seconds).into(),
                    None => {}
                }
            }
            let header = value!({ "alg": algorithm, "typ": "JWT" });
            let token = forge::token(&header, &said, &secret);
            let same = |name: &str| said.get(name) == claims.get(name);
            let good = algorithm == "HS256"
                && same("sub")
                && same("sid")
                && said.get("iat").is_some_and(Value::is_i64);
            let ends = said.get("exp").and_then(Value::as_i64);
            let now = app.clock.now().seconds();
            // What ends in this very second may have ended since.
            if ends.is_some_and(|ends| (now - 1..=now + 1).contains(&ends)) {
                return;
            }
            let good = good && ends.is_some_and(|ends| ends > now);
            assert_eq!(
                opens(&runtime, &app, &token).is_some(),
                good,
                "{header} {said}"
            );
        },
    );
    // A header and claims of any kind.
    let parts = (json(), json());
    hold(
        "tokens of any header and claims",
        ASKED,
        parts,
        |(header, said)| {
            let token = forge::token(&header, &said, &secret);
            assert_eq!(opens(&runtime, &app, &token), None, "{header} {said}");
            let bytes = URL_SAFE_NO_PAD.encode(header.to_string().repeat(3));
            assert_eq!(
                opens(&runtime, &app, &format!("{bytes}.{bytes}.{bytes}")),
                None
            );
        },
    );
    runtime.block_on(async { drop(app) });
}
