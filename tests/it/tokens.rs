//! Tokens: those that open nothing, and what takes one.

use super::harness::{App, Person, Socket, Transport, forge};
use chatd::config::Registration;
use reqwest::Method;
use serde_json::{Value, json};

/// Tokens that are not good on this server, with what is wrong about them.
async fn bad_tokens(app: &App, good: &Person) -> Vec<(&'static str, String)> {
    let secret = app.secret();
    let claims = forge::claims(&good.token);
    let hs256 = json!({ "alg": "HS256", "typ": "JWT" });
    let but = |key: &str, value: Value| {
        let mut claims = claims.clone();
        claims[key] = value;
        forge::token(&hs256, &claims, &secret)
    };
    let without = |key: &str| {
        let mut claims = claims.clone();
        claims.as_object_mut().unwrap().remove(key);
        forge::token(&hs256, &claims, &secret)
    };
    let alg = |alg: Value| forge::token(&json!({ "alg": alg, "typ": "JWT" }), &claims, &secret);
    let (signed, signature) = good.token.rsplit_once('.').unwrap();
    let unsigned = alg("none".into());
    let bob = app.person("bob").await;
    let ended = app.sign_in(&bob.name).await;
    assert_eq!(
        ended.post("/api/auth/logout", Value::Null).await.status,
        204
    );
    vec![
        ("empty", String::new()),
        ("nonsense", "nonsense".to_owned()),
        ("dots", "..".to_owned()),
        ("not ASCII", "é.é.é".to_owned()),
        ("alg none, signed", unsigned.clone()),
        (
            "alg none, unsigned",
            format!("{}.", unsigned.rsplit_once('.').unwrap().0),
        ),
        ("alg None", alg("None".into())),
        ("alg HS384", alg("HS384".into())),
        ("alg RS256", alg("RS256".into())),
        ("alg is a number", alg(256.into())),
        ("without a signature", format!("{signed}.")),
        ("a cut signature", format!("{signed}.{}", &signature[..20])),
        ("another secret", forge::token(&hs256, &claims, &[7; 32])),
        ("an empty secret", forge::token(&hs256, &claims, &[])),
        ("no exp", without("exp")),
        ("exp is text", but("exp", claims["exp"].to_string().into())),
        ("exp is a fraction", but("exp", json!(99_999_999_999.5))),
        ("exp is enormous", but("exp", json!(1e300))),
        ("exp is null", but("exp", Value::Null)),
        (
            "exp is over",
            but("exp", json!(app.clock.now().seconds() - 1)),
        ),
        ("no sub", without("sub")),
        ("another sub", but("sub", bob.id.as_str().into())),
        ("sub is no id", but("sub", "ada".into())),
        ("no sid", without("sid")),
        (
            "another sid",
            but("sid", uuid::Uuid::new_v4().to_string().into()),
        ),
        ("an ended session", ended.token),
    ]
}

#[tokio::test]
async fn a_token_that_is_not_good_opens_nothing() {
    let app = App::start().await;
    let ada = app.person("ada").await;
    let mut answers = Vec::new();
    for (what, token) in bad_tokens(&app, &ada).await {
        let forger = ada.with_token(&token);
        for transport in Transport::ALL {
            let auth = json!({ "token": token });
            let refused = Socket::connect(&app.url(), auth, transport).await;
            let error = refused
                .err()
                .unwrap_or_else(|| panic!("{what} was accepted"));
            assert_eq!(error, json!({ "message": "unauthorized" }), "{what}");
        }
        // Such a header cannot be sent by the library.
        if !token.is_ascii() {
            continue;
        }
        let refused = forger.get("/api/users/me").await;
        assert_eq!(refused.status, 401, "{what}");
        assert_eq!(refused.headers["www-authenticate"], "Bearer");
        answers.push(refused.expect_error(401, "unauthorized"));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "nothing is told about why");
    ada.get("/api/users/me").await.expect(200);
}

#[tokio::test]
async fn every_route_but_a_few_takes_a_token() {
    let app = App::with(|config| config.accounts.registration = Registration::Closed).await;
    let stranger = app.stranger();
    let id = uuid::Uuid::new_v4();
    for (method, path) in [
        (Method::POST, "/api/auth/refresh".to_owned()),
        (Method::POST, "/api/auth/logout".to_owned()),
        (Method::GET, "/api/auth/sessions".to_owned()),
        (Method::DELETE, format!("/api/auth/sessions/{id}")),
        (Method::PUT, "/api/auth/password".to_owned()),
        (Method::GET, "/api/users/me".to_owned()),
        (Method::PATCH, "/api/users/me".to_owned()),
        (Method::GET, "/api/users".to_owned()),
        (Method::GET, format!("/api/users/{id}")),
        (Method::POST, "/api/rooms".to_owned()),
        (Method::GET, "/api/rooms".to_owned()),
        (Method::GET, format!("/api/rooms/{id}")),
        (Method::POST, format!("/api/rooms/{id}/join")),
        (Method::POST, "/api/rooms/invites/token/join".to_owned()),
        (Method::GET, format!("/api/rooms/{id}/messages")),
        // Whoever is not signed in is not told what else is wrong.
        (
            Method::GET,
            "/api/rooms/nonsense/messages?limit=x".to_owned(),
        ),
    ] {
        let refused = stranger.send(method.clone(), &path, Value::Null).await;
        refused.expect_error(401, "unauthorized");
    }
    let http = &app.http;
    for header in ["Basic YTpi", "Bearer", "Token x", "Bearer  "] {
        let request = http.get(format!("{}/api/users/me", app.url()));
        let refused = request
            .header("authorization", header)
            .send()
            .await
            .unwrap();
        assert_eq!(refused.status(), 401, "{header}");
    }
}
