//! Passwords: a flood of sign-ins costs the others nothing but their share, each sign-in computes one
//! hash, and no stranger locks anybody out.

mod bcrypt;

use super::super::harness::{Answer, App, Executable, PASSWORD, Person, executable, soon};
use super::{either, full, report};
use argon2::password_hash::{PasswordHasher, phc::PasswordHash};
use argon2::{Algorithm, Argon2, Params, Version};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// So many strangers try to sign in at once, more than may wait for a hash.
const STRANGERS: usize = 100;
/// The slowest answer that somebody gets during a flood, on a machine that has other work too.
const SLOWEST: Duration = Duration::from_secs(3);
/// A stranger who is told to come back later comes back after this.
const IMPATIENCE: Duration = Duration::from_millis(20);
/// How often the full form measures; the best counts.
const MEASUREMENTS: usize = 3;

/// What a flood was told.
#[derive(Default)]
struct Told {
    wrong: AtomicUsize,
    overloaded: AtomicUsize,
}

/// A stranger tries one password after the other, until the flood is over.
async fn guess(stranger: Person, told: Arc<Told>, over: Arc<AtomicBool>) {
    while !over.load(Ordering::Relaxed) {
        let body = json!({ "username": "ada", "password": "a guess" });
        let answer = stranger.post("/api/auth/login", body).await;
        if answer.status != 503 {
            answer.expect_error(401, "invalid_credentials");
            told.wrong.fetch_add(1, Ordering::Relaxed);
            continue;
        }
        assert_eq!(answer.headers["retry-after"], "1", "{answer:?}");
        let error = answer.expect_error(503, "overloaded");
        assert_eq!(error["details"]["retryAfterMs"], 1000, "{error}");
        told.overloaded.fetch_add(1, Ordering::Relaxed);
        // Less than the wait that was asked for: it is a flood.
        tokio::time::sleep(IMPATIENCE).await;
    }
}

/// The slowest of a hundred of the times.
fn p99(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() * 99 / 100]
}

/// Says so many messages one after the other, each with a request by REST, and gives how long each took.
async fn talk(ada: &Person, room: &str, count: usize) -> Vec<Duration> {
    let mut socket = ada.connect_to(room).await;
    let mut times = Vec::new();
    for number in 0..count {
        let began = Instant::now();
        let send = json!({ "roomId": room, "content": number.to_string() });
        socket.ask("send_message", send).await.unwrap();
        times.push(began.elapsed());
        let began = Instant::now();
        ada.get("/api/users/me").await.expect(200);
        times.push(began.elapsed());
    }
    times
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_sign_ins_is_refused_and_everybody_else_goes_on() {
    let server = Executable::start(Arc::new(tempfile::tempdir().unwrap())).await;
    let ada = server.person("ada").await;
    let room = ada.room("lounge", false).await;
    let count = either(1000, 100);
    let mut best = f64::MAX;
    for _ in 0..either(MEASUREMENTS, 1) {
        let before = p99(talk(&ada, &room, count).await);
        let (told, over) = (Arc::new(Told::default()), Arc::new(AtomicBool::new(false)));
        let mut flood = JoinSet::new();
        for _ in 0..STRANGERS {
            flood.spawn(guess(server.stranger(), told.clone(), over.clone()));
        }
        soon("a refusal", async {
            while told.overloaded.load(Ordering::Relaxed) == 0 {
                tokio::task::yield_now().await;
            }
        })
        .await;
        let times = talk(&ada, &room, count).await;
        over.store(true, Ordering::Relaxed);
        while let Some(ended) = flood.join_next().await {
            ended.unwrap();
        }
        let (slowest, during) = (*times.iter().max().unwrap(), p99(times));
        assert!(slowest < SLOWEST, "{slowest:?}");
        assert!(told.wrong.load(Ordering::Relaxed) > 0, "some were checked");
        best = best.min(during.as_secs_f64() / before.as_secs_f64());
        report(
            "a login flood never starves the rest",
            format!(
                "{STRANGERS} strangers: {} checked, {} refused; p99 of the others {during:?} (before {before:?}), slowest {slowest:?}",
                told.wrong.load(Ordering::Relaxed),
                told.overloaded.load(Ordering::Relaxed),
            ),
        );
    }
    if full() {
        report("a login flood, p99 during it by p99 before it", best);
    }
    // The flood over, signing in works at once.
    let body = json!({ "username": "ada", "password": PASSWORD });
    server
        .stranger()
        .post("/api/auth/login", body)
        .await
        .expect(200);
}

/// A hash as an earlier version may have made it.
fn hash_with(algorithm: Algorithm, version: Version, params: Params) -> String {
    let argon = Argon2::new(algorithm, version, params);
    let hash: PasswordHash = argon.hash_password(PASSWORD.as_bytes()).unwrap();
    hash.to_string()
}

fn stored(app: &App, name: &str) -> String {
    let sql = "SELECT password FROM users WHERE username = ?1";
    let row = app.database().query_one(sql, [name], |row| row.get(0));
    row.unwrap()
}

fn store(app: &App, name: &str, hash: &str) {
    let sql = "UPDATE users SET password = ?1 WHERE username = ?2";
    assert_eq!(app.database().execute(sql, [hash, name]).unwrap(), 1);
}

async fn login(app: &App, name: &str, password: &str) -> Answer {
    let body = json!({ "username": name, "password": password });
    app.stranger().post("/api/auth/login", body).await
}

#[tokio::test]
async fn a_sign_in_computes_one_hash_whatever_there_is_to_check() {
    let app = App::start().await;
    for name in ["ada", "bob", "carol"] {
        app.person(name).await;
    }
    let chat = app.server.chat();
    chat.set_disabled("bob".to_owned(), true).await.unwrap();
    let ours = stored(&app, "carol");
    let (salted, _) = ours.rsplit_once('$').unwrap();
    let mut answers = Vec::new();
    let mut cases = vec![
        ("ada", None, "wrong"),
        ("nobody", None, PASSWORD),
        ("bob", None, PASSWORD),
        ("bob", None, "wrong"),
    ];
    // No password, and what no password has: it cannot be read, says too little, or is of another kind.
    let hashes = [
        "",
        "!",
        "nobody knows",
        salted,
        "$argon2id$v=19$m=19456,t=2,p=1",
        "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ",
        "$argon2id$v=19$m=1,t=0,p=0$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
        "$argon2id$v=7$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
        "$scrypt$ln=16,r=8,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
        "$2b$10$tooshort",
        "$2b$03$abcdefghijklmnopqrstuuJ2B5P9m6pVJ1Y0T3iD6iTnU1a2b3c4e",
        "$2b$15$abcdefghijklmnopqrstuuJ2B5P9m6pVJ1Y0T3iD6iTnU1a2b3c4e",
        "$2x$04$abcdefghijklmnopqrstuuJ2B5P9m6pVJ1Y0T3iD6iTnU1a2b3c4e",
        "$2b$31$abcdefghijklmnopqrstuu",
    ];
    cases.extend(hashes.map(|hash| ("carol", Some(hash), PASSWORD)));
    let count = cases.len();
    for (name, hash, password) in cases {
        if let Some(hash) = hash {
            store(&app, name, hash);
        }
        let before = chat.hashes_computed();
        let refused = login(&app, name, password).await;
        answers.push(refused.expect_error(401, "invalid_credentials"));
        assert_eq!(chat.hashes_computed() - before, 1, "{name} {hash:?}");
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    let before = chat.hashes_computed();
    login(&app, "ada", PASSWORD).await.expect(200);
    assert_eq!(chat.hashes_computed() - before, 1);
    report(
        "a sign-in always computes one hash",
        format!("1 hash in each of {} cases", count + 1),
    );
}

#[tokio::test]
async fn a_hash_of_other_parameters_is_replaced_by_the_next_sign_in() {
    let app = App::start().await;
    app.person("ada").await;
    let ours = stored(&app, "ada");
    let (_, made_as) = ours.split_once("$argon2id").unwrap();
    let made_as = made_as.split('$').take(3).collect::<Vec<_>>().join("$");
    let chat = app.server.chat();
    let params = |memory, passes, length| Params::new(memory, passes, 1, length).unwrap();
    let mut replaced = 0;
    for (algorithm, version, params) in [
        (Algorithm::Argon2id, Version::V0x13, params(64, 1, None)),
        (Algorithm::Argon2id, Version::V0x13, params(19_456, 3, None)),
        (
            Algorithm::Argon2id,
            Version::V0x13,
            params(19_456, 2, Some(16)),
        ),
        (Algorithm::Argon2i, Version::V0x13, params(19_456, 2, None)),
        (Algorithm::Argon2id, Version::V0x10, params(19_456, 2, None)),
    ] {
        let old = hash_with(algorithm, version, params);
        store(&app, "ada", &old);
        login(&app, "ada", "wrong").await.expect(401);
        assert_eq!(stored(&app, "ada"), old, "a wrong password changes nothing");
        // Two at once: whichever comes second finds another hash than it checked.
        let (first, second) =
            tokio::join!(login(&app, "ada", PASSWORD), login(&app, "ada", PASSWORD));
        let session = Person::new(&app, "ada", first.expect(200));
        second.expect(200);
        let new = stored(&app, "ada");
        assert!(
            new.starts_with(&format!("$argon2id{made_as}")),
            "{old} {new}"
        );
        // From then on there is nothing to replace.
        let before = chat.hashes_computed();
        login(&app, "ada", PASSWORD).await.expect(200);
        assert_eq!(chat.hashes_computed() - before, 1);
        assert_eq!(stored(&app, "ada"), new);
        session.get("/api/users/me").await.expect(200);
        replaced += 1;
    }
    report(
        "rehash at login when the parameters change",
        format!("{replaced} kinds of older hashes replaced"),
    );
}

#[tokio::test]
async fn a_hash_that_takes_more_than_is_allowed_fits_no_password() {
    let app = App::start().await;
    app.person("ada").await;
    let params = |memory, passes, lanes| Params::new(memory, passes, lanes, None).unwrap();
    for (params, status) in [
        (params(65_536, 1, 4), 200),
        (params(64, 10, 1), 200),
        (params(65_537, 1, 1), 401),
        (params(64, 11, 1), 401),
        (params(64, 1, 5), 401),
    ] {
        let foreign = hash_with(Algorithm::Argon2id, Version::V0x13, params);
        store(&app, "ada", &foreign);
        login(&app, "ada", PASSWORD).await.expect(status);
    }
}

/// A request of somebody who comes from this address, by a proxy's word.
async fn from(server: &Executable, address: &str, password: &str) -> Answer {
    let body = json!({ "username": "ada", "password": password });
    let url = format!("{}/api/auth/login", server.url);
    let request = reqwest::Client::new().post(url).json(&body);
    let request = request.header("x-forwarded-for", address);
    Person::answer(request.send().await.unwrap()).await
}

#[tokio::test]
async fn a_stranger_who_uses_up_an_accounts_sign_ins_locks_nobody_out() {
    let root = Arc::new(tempfile::tempdir().unwrap());
    let mut chatd = executable::command(executable::path());
    chatd
        .arg("serve")
        .env("CHATD_DATA__DIR", executable::data(root.path()))
        .env("CHATD_LIMITS__ENABLED", "true")
        .env("CHATD_SERVER__TRUSTED_PROXIES", "127.0.0.0/8");
    let server = Executable::spawn(chatd, root).await.unwrap();
    server.person("ada").await;
    let home = "198.51.100.7";
    let signed_in = from(&server, home, PASSWORD).await.expect(200);
    let ada = Person::at(&server.url, &reqwest::Client::new(), "ada", signed_in);
    let room = ada.room("lounge", false).await;
    let mut socket = ada.connect_to(&room).await;
    let mut tries = 0;
    soon("a refusal", async {
        loop {
            // Each from an address of its own, whose allowance is untouched.
            let answer = from(&server, &format!("192.0.2.{tries}"), "a guess").await;
            tries += 1;
            if answer.status == 429 {
                return answer.expect_error(429, "rate_limited");
            }
            answer.expect_error(401, "invalid_credentials");
        }
    })
    .await;
    // The owner's session, and what takes the password on it, are none of it.
    ada.get("/api/users/me").await.expect(200);
    let send = json!({ "roomId": room, "content": "still here" });
    socket.ask("send_message", send).await.unwrap();
    ada.connect().await;
    ada.post("/api/auth/refresh", Value::Null).await.expect(200);
    // Nor is signing in where the owner is signed in: from there it has an allowance of its own.
    let other_device = from(&server, home, PASSWORD).await.expect(200);
    let other_device = Person::at(&server.url, &reqwest::Client::new(), "ada", other_device);
    let change = json!({ "currentPassword": PASSWORD, "newPassword": "another horse" });
    assert_eq!(ada.put("/api/auth/password", change).await.status, 204);
    other_device
        .get("/api/users/me")
        .await
        .expect_error(401, "unauthorized");
    from(&server, home, "another horse").await.expect(200);
    // Elsewhere one has to wait, owner or not, and a guess from home is counted as well.
    let elsewhere = from(&server, "203.0.113.9", "another horse").await;
    elsewhere.expect_error(429, "rate_limited");
    let mut guesses = 0;
    soon("a refusal", async {
        while from(&server, home, "a guess").await.status == 401 {
            guesses += 1;
        }
    })
    .await;
    assert!(guesses <= 10, "{guesses}");
    report(
        "no stranger locks an account's owner out on a known session",
        format!("after {tries} guesses the owner's 3 sessions and 2 sign-ins at home went on"),
    );
}
