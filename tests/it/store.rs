//! The database: what survives, what is refused, and a disk that is full.

use super::harness::{App, DEADLINE, Person, Transport, executable, payloads, small_disk, soon};
use chatd::server::data_folder::DataFolder;
use chatd::store::{Command, Error, Outbox, Store, Told};
use serde_json::json;
use std::future::IntoFuture;
use std::path::Path;
use std::process::Stdio;
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// The size of the disk that is filled, in bytes.
const DISK: u64 = 4 * 1024 * 1024;
/// How much of it is taken from the start, in bytes.
const FILLER: u64 = 3 * 1024 * 1024;

/// Runs `chatd` on a data folder to its end, and gives its exit code and what it said.
fn run(args: &[&str], data: &Path) -> (Option<i32>, String) {
    let mut chatd = executable::command(executable::path());
    let ran = chatd
        .args(args)
        .env("CHATD_DATA__DIR", data)
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    (ran.status.code(), String::from_utf8(ran.stderr).unwrap())
}

#[tokio::test]
async fn a_database_from_a_newer_chatd_is_refused_and_left_alone() {
    let app = App::start().await;
    let folder = app.folder.clone();
    app.server.stop().await;
    let database = folder.path().join("chatd.db");
    let newer = rusqlite::Connection::open(&database).unwrap();
    newer
        .execute(
            "INSERT INTO refinery_schema_history (version, name, applied_on, checksum)
             VALUES (4711, 'from_the_future', '2099-01-01T00:00:00Z', '1')",
            [],
        )
        .unwrap();
    newer.close().unwrap();
    let before = std::fs::read(&database).unwrap();
    for args in [&["serve"][..], &["user", "list"]] {
        let (code, said) = run(args, folder.path());
        assert_eq!(code, Some(1), "{said}");
        assert!(
            said.contains("newer chatd") && said.contains("4711"),
            "{said}"
        );
    }
    assert_eq!(std::fs::read(&database).unwrap(), before);
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    DataFolder::open(folder.path()).unwrap();
    let database = folder.path().join("chatd.db");
    let words = "this was never a database ".repeat(100);
    std::fs::write(&database, &words).unwrap();
    let (code, said) = run(&["serve"], folder.path());
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("database"), "{said}");
    assert_eq!(std::fs::read_to_string(&database).unwrap(), words);
}

#[tokio::test]
async fn everything_is_there_again_after_a_restart() {
    let app = App::start().await;
    let (ada, bob) = tokio::join!(app.person("ada"), app.person("bob"));
    let room = ada.room("lounge", true).await;
    let path = format!("/api/rooms/{room}");
    let invite = ada
        .post(&format!("{path}/invites"), json!({ "maxUses": 5 }))
        .await
        .expect(201);
    let join = format!(
        "/api/rooms/invites/{}/join",
        invite["token"].as_str().unwrap()
    );
    bob.post(&join, json!({})).await.expect(200);
    let message = json!({ "content": "once", "clientId": "c" });
    let said = bob
        .post(&format!("{path}/messages"), message.clone())
        .await
        .expect(201);
    let nobody = app.person("nobody").await;
    ada.put(&format!("{path}/bans/{}", nobody.id), json!({}))
        .await;
    let mut before = Vec::new();
    let pages =
        ["", "/users", "/bans", "/invites", "/messages"].map(|page| format!("{path}{page}"));
    for page in &pages {
        before.push(ada.get(page).await.expect(200));
    }
    let folder = app.folder.clone();
    app.server.stop().await;
    let app = App::on(folder, |config| config.limits.enabled = false).await;
    let again = |person: &Person| {
        let signed_in = json!({ "user": { "id": person.id }, "token": person.token });
        Person::at(&app.url(), &app.http, &person.name, signed_in)
    };
    let (ada, bob) = (again(&ada), again(&bob));
    for (page, mut before) in pages.iter().zip(before) {
        let mut after = ada.get(page).await.expect(200);
        // The server listens on another port now.
        for invite in [&mut before, &mut after] {
            if let Some(link) = invite.get_mut("link") {
                *link = json!(null);
            }
        }
        assert_eq!(after, before, "{page}");
    }
    let repeat = bob
        .post(&format!("{path}/messages"), message)
        .await
        .expect(200);
    assert_eq!(repeat, said);
    assert_eq!(ada.say(&room, "next").await["seq"], 2);
}

#[tokio::test]
async fn a_database_that_somebody_else_locks_is_waited_for_and_then_refused_without_a_trace() {
    let app = App::start().await;
    let ada = app.person("ada").await;
    let room = ada.room("lounge", false).await;
    let mut sockets = Vec::new();
    for transport in Transport::ALL {
        sockets.push(ada.connect_by(transport).await);
    }
    let lock = app.database();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut acks = Vec::new();
    for (number, socket) in sockets.iter_mut().enumerate() {
        let send = json!({ "roomId": room, "content": "x", "clientId": number.to_string() });
        acks.push(socket.emit_for_ack("send_message", send).await);
    }
    // Reading needs no lock.
    ada.get(&format!("/api/rooms/{room}")).await.expect(200);
    let refused = ada.post("/api/rooms", json!({ "name": "x" })).await;
    assert_eq!(refused.headers["retry-after"], "1");
    refused.expect_error(503, "overloaded");
    for (socket, id) in sockets.iter_mut().zip(acks) {
        let ack = socket.ack(id).await;
        assert_eq!(ack["error"]["code"], "overloaded", "{ack}");
        assert_eq!(socket.seen().await, []);
    }
    lock.execute_batch("ROLLBACK").unwrap();
    let send = json!({ "roomId": room, "content": "x", "clientId": "0" });
    let ack = sockets[0].ask("send_message", send).await.unwrap();
    assert_eq!(ack["message"]["seq"], 1);
    let rooms = ada.get("/api/rooms").await.expect(200);
    assert_eq!(rooms["rooms"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn every_reader_is_open_from_the_start() {
    let app = App::start().await;
    let database = app.folder.path().join("chatd.db").canonicalize().unwrap();
    let open = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    let open = open.filter(|file| std::fs::read_link(file.path()).is_ok_and(|to| to == database));
    // One that writes, and four that read.
    assert_eq!(open.count(), 5);
}

#[tokio::test]
async fn somebody_who_reads_the_database_does_not_hold_up_a_stop() {
    let app = App::start().await;
    let ada = app.person("ada").await;
    let reader = app.database();
    reader.execute_batch("BEGIN; SELECT * FROM users;").unwrap();
    let room = ada.room("lounge", false).await;
    let folder = app.folder.clone();
    let began = Instant::now();
    app.server.stop().await;
    let took = began.elapsed();
    assert!(took < Duration::from_secs(4), "{took:?}");
    drop(reader);
    let app = App::on(folder, |config| config.limits.enabled = false).await;
    let signed_in = json!({ "user": { "id": ada.id }, "token": ada.token });
    let ada = Person::at(&app.url(), &app.http, "ada", signed_in);
    ada.get(&format!("/api/rooms/{room}")).await.expect(200);
}

/// A store of a test's own, and what it says when it cannot go on.
fn bare_store(folder: &Path) -> (Store, Outbox, mpsc::Receiver<String>) {
    let (say, said) = mpsc::channel();
    let fatal = move |why: &str| say.send(why.to_owned()).unwrap();
    let (store, outbox) = Store::open(&folder.join("chatd.db"), Box::new(fatal)).unwrap();
    (store, outbox, said)
}

/// A command that does nothing.
fn nothing(store: &Store) -> Command<(), Error> {
    store.command(|_, _| Ok(()))
}

#[tokio::test]
async fn what_needs_no_room_is_not_refused_with_what_does() {
    let folder = tempfile::tempdir().unwrap();
    let (store, mut outbox, _said) = bare_store(folder.path());
    let listener = tokio::spawn(async move {
        while let Some(batch) = outbox.recv().await {
            batch.into_iter().for_each(Told::finish);
        }
    });
    let (begins, begun) = mpsc::channel();
    let (go, wait) = mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    // The database may not grow from here on. What comes next waits, and so is one batch.
    let first = store.command(move |tx, _| {
        tx.all("PRAGMA max_page_count = 1", &[], |_| Ok(()))?;
        begins.send(()).unwrap();
        let _ = wait.lock().unwrap().recv_timeout(DEADLINE);
        Ok::<_, Error>(())
    });
    let grows = || {
        store.command(|tx, _| {
            let fill = "CREATE TABLE filler AS SELECT zeroblob(1000000) AS filler";
            tx.execute(fill, &[]).map(|_| ())
        })
    };
    let first = first.into_future();
    begun.recv_timeout(DEADLINE).unwrap();
    let batch = [nothing(&store), grows(), nothing(&store), grows()];
    let answers = batch.map(IntoFuture::into_future);
    go.send(()).unwrap();
    soon("the first", first).await.unwrap();
    let mut done = Vec::new();
    for answer in answers {
        done.push(soon("an answer", answer).await);
    }
    let [Ok(()), Err(Error::Full), Ok(()), Err(Error::Full)] = done[..] else {
        panic!("{done:?}");
    };
    store.close().await;
    listener.await.unwrap();
}

#[tokio::test]
async fn a_store_that_nobody_listens_to_any_more_says_so_and_does_not_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let (store, outbox, said) = bare_store(folder.path());
    drop(outbox);
    let why = soon("that the store gives up", async {
        let mut tries = tokio::time::interval(Duration::from_millis(20));
        loop {
            tries.tick().await;
            nothing(&store).then(|_| ());
            if let Ok(why) = said.try_recv() {
                return why;
            }
        }
    })
    .await;
    assert!(why.contains("fan-out"), "{why}");
}

#[tokio::test]
async fn a_store_that_is_closed_ends_without_a_complaint_whether_or_not_somebody_listens() {
    for listens in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let (store, mut outbox, said) = bare_store(folder.path());
        nothing(&store).then(|_| ());
        let listener = tokio::spawn(async move {
            while let Some(batch) = outbox.recv().await {
                batch.into_iter().for_each(Told::finish);
                if !listens {
                    break;
                }
            }
        });
        nothing(&store).then(|_| ());
        soon("the end", store.close()).await;
        soon("the listener's end", listener).await.unwrap();
        assert_eq!(said.try_recv(), Err(mpsc::TryRecvError::Disconnected));
    }
}

#[tokio::test]
async fn a_full_disk_refuses_writes_keeps_reading_and_heals_by_itself() {
    let Some(chatd) = small_disk::start(DISK, FILLER).await else {
        return;
    };
    let ada = chatd.person("ada").await;
    let room = ada.room("lounge", false).await;
    let messages = format!("/api/rooms/{room}/messages");
    let content = "x".repeat(2000);
    let mut said = 0;
    let full = loop {
        let body = json!({ "content": content, "clientId": said.to_string() });
        let answer = ada.post(&messages, body).await;
        if answer.status != 201 {
            break answer;
        }
        said += 1;
        assert_eq!(answer.body["seq"], said);
    };
    full.expect_error(507, "storage_full");
    let mut sockets = Vec::new();
    for transport in Transport::ALL {
        let mut socket = ada.connect_by(transport).await;
        let join = json!({ "roomId": room });
        socket.ask("join_room", join).await.unwrap();
        socket.next("room_joined").await;
        // A message that takes less room may still find some.
        let send = json!({ "roomId": room, "content": "x" });
        let error = loop {
            match socket.ask("send_message", send.clone()).await {
                Ok(_) => said += 1,
                Err(error) => break error,
            }
        };
        assert_eq!(error["code"], "storage_full", "{error}");
        let told = socket.seen().await;
        let told = payloads(&told, "receive_message");
        assert!(
            told.iter()
                .all(|message| message["seq"].as_i64() <= Some(said))
        );
        sockets.push(socket);
    }
    // Reading goes on, of exactly what was acknowledged.
    let history = ada.get(&format!("{messages}?limit=1")).await.expect(200);
    assert_eq!(history["lastSeq"], said);
    assert_eq!(chatd.stranger().get("/readyz").await.status, 200);
    // Whoever runs the server hears of it, and not once a refusal.
    let log = std::fs::read_to_string(small_disk::log(chatd.root())).unwrap();
    assert_eq!(log.matches("storage_full").count(), 1, "{log}");
    assert!(log.contains("WARN"), "{log}");
    // Somebody makes room.
    std::fs::remove_file(small_disk::filler(&chatd)).unwrap();
    soon("that the server writes again", async {
        loop {
            let body = json!({ "content": "healed", "clientId": "healed" });
            let answer = ada.post(&messages, body).await;
            if answer.status == 201 {
                assert_eq!(answer.body["seq"], said + 1);
                return;
            }
            answer.expect_error(507, "storage_full");
        }
    })
    .await;
    assert_eq!(
        sockets[0].next("receive_message").await["content"],
        "healed"
    );
    let last = ada
        .get(&format!("{messages}?after={}", said - 1))
        .await
        .expect(200);
    let seqs: Vec<_> = last["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| &message["seq"])
        .collect();
    assert_eq!(seqs, [&json!(said), &json!(said + 1)]);
}

#[tokio::test]
async fn a_copy_that_was_given_up_does_not_come_back_after_its_file_was_removed() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _outbox, _said) = bare_store(folder.path());
    let copy = folder.path().join("backup.copy");
    // Whoever gives it up removes the file, perhaps just before the writer opens it.
    let copying = store.copy_to(&copy).unwrap();
    let outcome = soon("its end", async {
        loop {
            match copying.outcome() {
                Some(outcome) => return outcome,
                None => tokio::task::yield_now().await,
            }
        }
    });
    assert!(matches!(outcome.await, Err(Error::Denied(_))));
    assert!(!copy.exists());
    store.close().await;
}
