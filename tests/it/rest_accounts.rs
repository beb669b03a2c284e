//! Registering, signing in, oneself and others.

use super::harness::{App, PASSWORD, Person};
use serde_json::{Value, json};

fn registration(username: &str, email: &str) -> Value {
    json!({ "username": username, "email": email, "password": PASSWORD })
}

/// The keys of an object, sorted.
fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<_> = value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    keys.sort_unstable();
    keys
}

/// Whom a search finds, in the order of the answer.
async fn found(asker: &Person, query: &str) -> Vec<String> {
    let url = reqwest::Url::parse_with_params("http://x/api/users", [("query", query)]).unwrap();
    let path = format!("/api/users?{}", url.query().unwrap());
    let answer = asker.get(&path).await.expect(200);
    let users = answer["users"].as_array().unwrap().iter();
    users
        .map(|user| user["username"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn a_registration_signs_in_for_thirty_days() {
    let app = App::start().await;
    let before = app.clock.now();
    let body = json!({
        "username": "ada", "email": " Ada@Example.org ", "password": PASSWORD, "colour": "unknown keys are ignored",
    });
    let answer = app.stranger().post("/api/auth/register", body).await;
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert_eq!(answer.headers["x-content-type-options"], "nosniff");
    let signed_in = answer.expect(201);
    assert_eq!(keys(&signed_in), ["expiresAt", "token", "user"]);
    let month = 30 * 24 * 3600 * 1000;
    let ends = signed_in["expiresAt"].as_str().unwrap();
    assert!(ends >= before.plus_ms(month).to_string().as_str(), "{ends}");
    assert!(ends <= app.clock.now().plus_ms(month).to_string().as_str());
    let user = signed_in["user"].clone();
    let expected = [
        "createdAt",
        "displayName",
        "email",
        "id",
        "role",
        "username",
    ];
    assert_eq!(keys(&user), expected);
    assert_eq!(user["username"], "ada");
    assert_eq!(user["displayName"], "ada");
    assert_eq!(user["email"], "Ada@Example.org");
    assert_eq!(user["role"], "user");
    let ada = Person::new(&app, "ada", signed_in);
    for base in ["/api", "/api/v1"] {
        let me = ada.get(&format!("{base}/users/me")).await.expect(200);
        assert_eq!(me, user);
    }
}

#[tokio::test]
async fn a_name_is_taken_without_regard_to_case_and_look_alikes_and_so_is_an_address() {
    let app = App::start().await;
    app.person("Bill_o").await;
    for name in ["Bill_o", "bILL_O", "bi1l_o", "BiIl_0"] {
        let body = registration(name, "other@example.org");
        let answer = app.stranger().post("/api/auth/register", body).await;
        let error = answer.expect_error(409, "already_exists");
        assert_eq!(error["details"]["field"], "username", "{name}");
    }
    let body = registration("Carol", "BILL_O@example.ORG");
    let answer = app.stranger().post("/api/auth/register", body).await;
    let error = answer.expect_error(409, "already_exists");
    assert_eq!(error["details"]["field"], "email");
    // Nothing of what was refused is there.
    app.person("Carol").await;
}

#[tokio::test]
async fn user_names_that_deceive_or_do_not_fit_are_refused() {
    let app = App::start().await;
    let long = "a".repeat(31);
    for name in [
        "ab",
        &long,
        "",
        "   ",
        "ada lovelace",
        "ada\u{0}",
        "ada\nb",
        "ad\u{7f}a",
        "ad\u{200b}a",
        "ad\u{200d}a",
        "ad\u{2060}a",
        "\u{feff}ada",
        "ad\u{202e}a",
        "a\u{301}\u{301}\u{301}da\u{fe0f}",
        // Cyrillic letters among Latin ones, and a name of Cyrillic letters that all look Latin.
        "ad\u{430}",
        "p\u{430}ypal",
        "\u{440}\u{430}\u{443}\u{440}\u{430}",
        // Letters of mathematics and full width.
        "\u{1d41a}da",
        "\u{ff41}da",
        "ada@b",
        "a/b/c",
        "<b>ada",
        "ada😀",
    ] {
        let body = registration(name, "ada@example.org");
        let answer = app.stranger().post("/api/auth/register", body).await;
        let error = answer.expect_error(400, "invalid_input");
        assert!(
            error["details"]["fields"]["username"].is_string(),
            "{name:?}: {error}"
        );
    }
}

#[tokio::test]
async fn user_names_of_any_one_alphabet_are_fine() {
    let app = App::start().await;
    for name in ["a_b.c-9", "Жанна", "李小龙", "Müller", "Αθηνά"] {
        let body = registration(name, &format!("{name}@example.org"));
        let answer = app.stranger().post("/api/auth/register", body).await;
        assert_eq!(answer.expect(201)["user"]["username"], name);
    }
}

#[tokio::test]
async fn every_wrong_field_of_a_registration_is_named() {
    let app = App::with(|config| config.accounts.min_password = 12).await;
    let body = json!({ "username": 5, "email": "nonsense", "password": "elevenchars" });
    let answer = app.stranger().post("/api/auth/register", body).await;
    let error = answer.expect_error(400, "invalid_input");
    let fields = &error["details"]["fields"];
    assert_eq!(keys(fields), ["email", "password", "username"]);
    let answer = app.stranger().post("/api/auth/register", json!({})).await;
    let error = answer.expect_error(400, "invalid_input");
    let fields = &error["details"]["fields"];
    assert_eq!(keys(fields), ["email", "password", "username"]);
    for email in [
        "@b",
        "a@",
        "a@b@c",
        "a b@c",
        "a@b\u{0}",
        &format!("{}@b", "a".repeat(65)),
    ] {
        let answer = app
            .stranger()
            .post("/api/auth/register", registration("ada", email))
            .await;
        let error = answer.expect_error(400, "invalid_input");
        assert_eq!(keys(&error["details"]["fields"]), ["email"], "{email}");
    }
    let long = json!({ "username": "ada", "email": "a@b", "password": "x".repeat(257) });
    let answer = app.stranger().post("/api/auth/register", long).await;
    answer.expect_error(400, "invalid_input");
}

#[tokio::test]
async fn name_and_address_sign_in_and_every_failure_is_the_same() {
    let app = App::start().await;
    app.person("Ada").await;
    let login = async |body: Value| app.stranger().post("/api/auth/login", body).await;
    for account in [
        json!({ "email": "ADA@example.org" }),
        json!({ "username": "ada" }),
        // Old clients have one field for both.
        json!({ "email": "ADA" }),
        json!({ "username": "ada@EXAMPLE.org" }),
    ] {
        let mut body = account.clone();
        body["password"] = PASSWORD.into();
        let signed_in = login(body).await.expect(200);
        assert_eq!(signed_in["user"]["username"], "Ada", "{account}");
        assert_eq!(keys(&signed_in), ["expiresAt", "token", "user"]);
    }
    let chat = app.server.chat();
    let mut answers = Vec::new();
    for body in [
        json!({ "username": "ada", "password": "wrong" }),
        json!({ "username": "nobody", "password": PASSWORD }),
        json!({ "email": "nobody@example.org", "password": PASSWORD }),
        json!({ "username": "", "password": "" }),
    ] {
        let before = chat.hashes_computed();
        let answer = login(body).await;
        assert_eq!(answer.headers["www-authenticate"], "Bearer");
        answers.push(answer.expect_error(401, "invalid_credentials"));
        // As long for nobody as for somebody.
        assert_eq!(chat.hashes_computed() - before, 1);
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    for body in [
        json!({}),
        json!({ "username": "ada" }),
        json!({ "password": PASSWORD }),
    ] {
        login(body).await.expect_error(400, "invalid_input");
    }
}

#[tokio::test]
async fn an_account_is_changed_as_a_whole_or_not_at_all() {
    let app = App::start().await;
    let ada = app.person("ada").await;
    app.person("bob").await;
    let change =
        json!({ "displayName": "  Ada, Countess of Lovelace 👩‍🔬 ", "email": "ada@lovelace.org" });
    let changed = ada.patch("/api/users/me", change).await.expect(200);
    assert_eq!(changed["displayName"], "Ada, Countess of Lovelace 👩‍🔬");
    assert_eq!(changed["email"], "ada@lovelace.org");
    let taken = json!({ "displayName": "Bob", "email": "Bob@example.org" });
    let error = ada.patch("/api/users/me", taken).await;
    let error = error.expect_error(409, "already_exists");
    assert_eq!(error["details"]["field"], "email");
    for wrong in [
        json!({ "displayName": "" }),
        json!({ "displayName": "Ada\u{7}" }),
        json!({ "displayName": "x".repeat(61) }),
        json!({ "displayName": ["Ada"] }),
        json!({ "email": "nonsense", "displayName": "Bob" }),
    ] {
        let refused = ada.patch("/api/users/me", wrong).await;
        refused.expect_error(400, "invalid_input");
    }
    let nothing = json!({ "displayName": null, "email": null, "username": "bob", "role": "admin" });
    assert_eq!(
        ada.patch("/api/users/me", nothing).await.expect(200),
        changed
    );
    assert_eq!(ada.get("/api/users/me").await.expect(200), changed);
}

#[tokio::test]
async fn people_are_found_by_name_and_never_with_their_address() {
    let app = App::start().await;
    let ada = app.person("ada").await;
    let adam = app.person("adam").await;
    app.person("bob").await;
    let name = json!({ "displayName": "Émile 100% Zed_" });
    adam.patch("/api/users/me", name).await.expect(200);
    assert_eq!(found(&ada, "").await, ["ada", "adam", "bob"]);
    assert_eq!(found(&ada, "AD").await, ["ada", "adam"]);
    assert_eq!(found(&ada, "da").await, ["ada"]);
    assert_eq!(found(&ada, "100% z").await, ["adam"]);
    assert_eq!(found(&ada, "0_").await, Vec::<String>::new());
    assert_eq!(found(&ada, "example.org").await, Vec::<String>::new());
    for shown in ["Émile", "émile", "ÉMILE"] {
        assert_eq!(found(&ada, shown).await, ["adam"], "{shown}");
    }
    let profile = ada
        .get(&format!("/api/users/{}", adam.id))
        .await
        .expect(200);
    let expected = ["displayName", "id", "isOnline", "lastSeenAt", "username"];
    assert_eq!(keys(&profile), expected);
    assert_eq!(profile["isOnline"], false);
    assert_eq!(profile["lastSeenAt"], Value::Null);
    let long = "x".repeat(101);
    for query in [
        &format!("query={long}"),
        "limit=0",
        "limit=201",
        "limit=x",
        "cursor=!",
    ] {
        let refused = ada.get(&format!("/api/users?{query}")).await;
        refused.expect_error(400, "invalid_input");
    }
    let chat = app.server.chat();
    chat.set_disabled("bob".to_owned(), true).await.unwrap();
    assert_eq!(found(&ada, "").await, ["ada", "adam"]);
}

#[tokio::test]
async fn a_list_comes_in_pages_without_gaps_or_repeats() {
    let app = App::start().await;
    let ada = app.person("ada").await;
    let room = ada.room("crowd", false).await;
    app.crowd(&room, 204);
    for (path, list, most) in [
        ("/api/users".to_owned(), "users", 50),
        (format!("/api/rooms/{room}/users"), "users", 200),
    ] {
        let (mut cursor, mut all) = (String::new(), Vec::new());
        loop {
            let limit = if most == 50 {
                String::new()
            } else {
                format!("limit={most}&")
            };
            let page = ada
                .get(&format!("{path}?{limit}{cursor}"))
                .await
                .expect(200);
            let rows = page[list].as_array().unwrap();
            all.extend(
                rows.iter()
                    .map(|row| row["username"].as_str().unwrap().to_owned()),
            );
            let Some(next) = page["nextCursor"].as_str() else {
                break;
            };
            assert_eq!(rows.len(), most);
            cursor = format!("cursor={next}");
        }
        assert_eq!(all.len(), 205);
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 205);
    }
}
