//! Messages over REST: posting, retries, answers, history, changes, receipts.

use super::harness::{App, Person};
use reqwest::Method;
use serde_json::{Value, json};
use std::sync::Arc;

struct Scene {
    app: App,
    ada: Person,
    bob: Person,
    room: String,
}

impl Scene {
    /// A public room of ada's in which bob is as well.
    async fn set() -> Self {
        let app = App::start().await;
        let (ada, bob) = tokio::join!(app.person("ada"), app.person("bob"));
        let room = ada.room("lounge", false).await;
        bob.join(&room).await;
        Self { app, ada, bob, room }
    }

    fn messages(&self) -> String {
        format!("/api/rooms/{}/messages", self.room)
    }

    fn message(&self, message: &Value) -> String {
        format!("{}/{}", self.messages(), message["id"].as_str().unwrap())
    }

    /// The numbers of a part of the history, and what it says is around it.
    async fn part(&self, query: &str) -> (Vec<i64>, bool, bool) {
        let part = self.ada.get(&format!("{}?{query}", self.messages())).await.expect(200);
        let messages = part["messages"].as_array().unwrap().iter();
        (
            messages.map(|message| message["seq"].as_i64().unwrap()).collect(),
            part["hasBefore"].as_bool().unwrap(),
            part["hasAfter"].as_bool().unwrap(),
        )
    }
}

#[tokio::test]
async fn a_message_is_numbered_and_the_same_wherever_it_is_told() {
    let scene = Scene::set().await;
    let name = json!({ "displayName": "Countess" });
    scene.ada.patch("/api/users/me", name).await.expect(200);
    let mut listening = scene.bob.connect_to(&scene.room).await;
    let body = json!({ "content": "  hello \n", "clientId": "a1", "nonsense": 1 });
    let said = scene.ada.post(&scene.messages(), body).await.expect(201);
    let id: uuid::Uuid = said["id"].as_str().unwrap().parse().unwrap();
    assert_eq!(id.get_version_num(), 7);
    let at = said["createdAt"].as_str().unwrap();
    assert_eq!((at.len(), &at[19..20], &at[23..]), (24, ".", "Z"));
    let expected = json!({
        "id": id, "roomId": scene.room, "userId": scene.ada.id, "username": "ada",
        "displayName": "Countess", "content": "hello", "messageType": "text",
        "createdAt": at, "timestamp": at, "seq": 1, "clientId": "a1",
    });
    assert_eq!(said, expected);
    assert_eq!(listening.next("receive_message").await, expected);
    let history = scene.bob.get(&scene.messages()).await.expect(200);
    assert_eq!(history["messages"], json!([expected]));
    assert_eq!(history["lastSeq"], 1);
    let answer = json!({ "content": "hi", "replyTo": id, "messageType": "emote_2-x" });
    let answer = scene.bob.post(&scene.messages(), answer).await.expect(201);
    assert_eq!(answer["seq"], 2);
    assert_eq!(answer["replyTo"], said["id"]);
    assert_eq!(answer["messageType"], "emote_2-x");
}

#[tokio::test]
async fn content_keeps_what_people_type() {
    let scene = Scene::set().await;
    for text in [
        "tabs\tand\r\nlines\n\n  indented",
        "nul \u{0} bell \u{7} escape \u{1b}[31m",
        "zero\u{200b}width\u{200d}joined, \u{202e}turned\u{202c}, \u{feff}marked",
        "👩‍👩‍👧‍👦 e\u{301} é \u{1d41a} \u{430}",
        "<script>alert('x')</script> & \"quotes\" \\ '; DROP TABLE messages; --",
        "\u{10ffff}\u{fffd}\u{e000}",
    ] {
        let said = scene.ada.say(&scene.room, text).await;
        assert_eq!(said["content"], text);
    }
    let long = "👩".repeat(4000);
    scene.ada.say(&scene.room, &long).await;
    let history = scene.ada.get(&scene.messages()).await.expect(200);
    assert_eq!(history["messages"][1]["content"], "nul \u{0} bell \u{7} escape \u{1b}[31m");
    assert_eq!(history["messages"][6]["content"], long.as_str());
}

#[tokio::test]
async fn a_message_that_does_not_fit_is_refused_and_numbers_go_on_without_a_gap() {
    let scene = Scene::set().await;
    let elsewhere = scene.ada.room("elsewhere", false).await;
    let foreign = scene.ada.say(&elsewhere, "over there").await;
    for (field, body) in [
        ("content", json!({})),
        ("content", json!({ "content": null })),
        ("content", json!({ "content": " \n\t " })),
        ("content", json!({ "content": "x".repeat(4001) })),
        ("content", json!({ "content": { "text": "x" } })),
        ("messageType", json!({ "content": "x", "messageType": "" })),
        ("messageType", json!({ "content": "x", "messageType": "system" })),
        ("messageType", json!({ "content": "x", "messageType": "Text" })),
        ("messageType", json!({ "content": "x", "messageType": "x".repeat(33) })),
        ("clientId", json!({ "content": "x", "clientId": "" })),
        ("clientId", json!({ "content": "x", "clientId": "with space" })),
        ("clientId", json!({ "content": "x", "clientId": "é" })),
        ("clientId", json!({ "content": "x", "clientId": "x".repeat(65) })),
        ("clientId", json!({ "content": "x", "clientId": 5 })),
        ("replyTo", json!({ "content": "x", "replyTo": "first" })),
        ("replyTo", json!({ "content": "x", "replyTo": uuid::Uuid::new_v4() })),
        ("replyTo", json!({ "content": "x", "replyTo": foreign["id"] })),
    ] {
        let refused = scene.ada.post(&scene.messages(), body.clone()).await;
        let error = refused.expect_error(400, "invalid_input");
        assert!(error["details"]["fields"][field].is_string(), "{body}: {error}");
    }
    assert_eq!(scene.ada.say(&scene.room, "x").await["seq"], 1);
}

#[tokio::test]
async fn a_client_id_names_one_message_of_its_sender_for_good() {
    let scene = Scene::set().await;
    let mut listening = scene.bob.connect_to(&scene.room).await;
    let body = json!({ "content": "once", "clientId": "same" });
    let first = scene.ada.post(&scene.messages(), body.clone()).await.expect(201);
    for content in ["once", " once "] {
        let mut body = body.clone();
        body["content"] = content.into();
        let again = scene.ada.post(&scene.messages(), body).await.expect(200);
        assert_eq!(again, first);
    }
    let told = listening.seen().await;
    assert_eq!(super::harness::names(&told), ["receive_message"]);
    let elsewhere = scene.ada.room("elsewhere", false).await;
    for (room, other) in [
        (&scene.room, json!({ "content": "twice", "clientId": "same" })),
        (&scene.room, json!({ "content": "once", "clientId": "same", "messageType": "emote" })),
        (&scene.room, json!({ "content": "once", "clientId": "same", "replyTo": first["id"] })),
        (&elsewhere, body.clone()),
    ] {
        let refused = scene.ada.post(&format!("/api/rooms/{room}/messages"), other).await;
        let error = refused.expect_error(409, "client_id_conflict");
        assert_eq!(error["details"]["field"], "clientId");
    }
    // Another sender's are their own; and a message that was changed since is still the same.
    let bobs = scene.bob.post(&scene.messages(), body.clone()).await.expect(201);
    assert_eq!(bobs["seq"], 2);
    let edit = json!({ "content": "changed" });
    scene.ada.patch(&scene.message(&first), edit).await.expect(200);
    let again = scene.ada.post(&scene.messages(), body.clone()).await.expect(200);
    assert_eq!(again["content"], "changed");
    scene.ada.delete(&scene.message(&first)).await.expect(200);
    let again = scene.ada.post(&scene.messages(), body).await.expect(200);
    assert_eq!(again["content"], "");
    assert_eq!(scene.ada.say(&scene.room, "next").await["seq"], 3);
}

#[tokio::test]
async fn retries_that_race_make_one_message() {
    let scene = Scene::set().await;
    let mut tries = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let (ada, path) = (scene.ada.clone(), scene.messages());
        let body = json!({ "content": "once", "clientId": "race" });
        tries.spawn(async move { ada.post(&path, body).await });
    }
    let answers = tries.join_all().await;
    let made = answers.iter().filter(|answer| answer.status == 201).count();
    let known = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!((made, known), (1, 15));
    assert!(answers.iter().all(|answer| answer.body == answers[0].body));
    assert_eq!(scene.part("").await.0, [1]);
}

#[tokio::test]
async fn the_history_is_read_from_any_place_in_both_directions() {
    let scene = Scene::set().await;
    assert_eq!(scene.part("").await, (vec![], false, false));
    assert_eq!(scene.part("before=0").await, (vec![], false, false));
    assert_eq!(scene.part("after=9").await, (vec![], false, false));
    for number in 1..=60 {
        scene.bob.say(&scene.room, &format!("message {number}")).await;
    }
    let all = |from: i64, to: i64| (from..=to).collect::<Vec<_>>();
    assert_eq!(scene.part("").await, (all(11, 60), true, false));
    assert_eq!(scene.part("limit=200").await, (all(1, 60), false, false));
    assert_eq!(scene.part("before=11&limit=4").await, (all(7, 10), true, true));
    assert_eq!(scene.part("before=3").await, (all(1, 2), false, true));
    assert_eq!(scene.part("before=1").await, (vec![], false, true));
    assert_eq!(scene.part(&format!("before={}", i64::MAX)).await, (all(11, 60), true, false));
    assert_eq!(scene.part("after=0&limit=3").await, (all(1, 3), false, true));
    assert_eq!(scene.part("after=58").await, (all(59, 60), true, false));
    assert_eq!(scene.part("after=60").await, (vec![], true, false));
    assert_eq!(scene.part(&format!("after={}", i64::MAX)).await, (vec![], true, false));
    assert_eq!(scene.part("around=30&limit=4").await, (all(28, 31), true, true));
    assert_eq!(scene.part("around=30&limit=1").await, (all(30, 30), true, true));
    assert_eq!(scene.part("around=1&limit=4").await, (all(1, 4), false, true));
    assert_eq!(scene.part("around=60&limit=4").await, (all(58, 60), true, false));
    for wrong in [
        "limit=0", "limit=201", "limit=ten", "before=-1", "after=1.5", "around=", "before=1&after=2",
        "after=1&around=2", "after=99999999999999999999",
    ] {
        let refused = scene.ada.get(&format!("{}?{wrong}", scene.messages())).await;
        refused.expect_error(400, "invalid_input");
    }
}

#[tokio::test]
async fn only_its_author_edits_a_message() {
    let scene = Scene::set().await;
    let said = scene.bob.say(&scene.room, "tpyo").await;
    let path = scene.message(&said);
    let fixed = json!({ "content": " typo " });
    scene.ada.patch(&path, fixed.clone()).await.expect_error(403, "forbidden");
    let edited = scene.bob.patch(&path, fixed.clone()).await.expect(200);
    assert_eq!(edited["content"], "typo");
    assert_eq!(edited["createdAt"], said["createdAt"]);
    assert_eq!(edited["seq"], 1);
    assert!(edited["editedAt"].as_str() >= said["createdAt"].as_str());
    let history = scene.ada.get(&scene.messages()).await.expect(200);
    assert_eq!(history["messages"][0], edited);
    for wrong in [json!({}), json!({ "content": " " }), json!({ "content": 5 })] {
        scene.bob.patch(&path, wrong).await.expect_error(400, "invalid_input");
    }
    // It is looked for in its own room only.
    let elsewhere = scene.bob.room("elsewhere", false).await;
    let there = format!("/api/rooms/{elsewhere}/messages/{}", said["id"].as_str().unwrap());
    scene.bob.patch(&there, fixed.clone()).await.expect_error(404, "not_found");
    scene.bob.delete(&there).await.expect_error(404, "not_found");
    let nothing = format!("{}/{}", scene.messages(), uuid::Uuid::new_v4());
    scene.bob.patch(&nothing, fixed.clone()).await.expect_error(404, "not_found");
    // Whoever left has no say any more.
    scene.bob.post(&format!("/api/rooms/{}/leave", scene.room), Value::Null).await;
    scene.bob.patch(&path, fixed).await.expect_error(403, "not_a_member");
    scene.bob.delete(&path).await.expect_error(403, "not_a_member");
}

#[tokio::test]
async fn a_deleted_message_keeps_its_place_and_its_text_leaves_the_disk() {
    let Scene { app, ada, bob, room } = Scene::set().await;
    let scene = Scene { app, ada, bob, room };
    let secret = "the treasure is under the oak";
    let said = scene.bob.say(&scene.room, secret).await;
    let other = scene.ada.say(&scene.room, "an admin's own words").await;
    scene.bob.delete(&scene.message(&other)).await.expect_error(403, "forbidden");
    let earlier = "the treasure was under the elm";
    let edited = scene.ada.say(&scene.room, earlier).await;
    scene.ada.patch(&scene.message(&edited), json!({ "content": "never mind" })).await.expect(200);
    // An admin of the room may delete what others said.
    let deleted = scene.ada.delete(&scene.message(&said)).await.expect(200);
    assert_eq!(deleted["content"], "");
    assert_eq!(deleted["seq"], 1);
    assert!(deleted["deletedAt"].is_string());
    assert_eq!(scene.bob.delete(&scene.message(&said)).await.expect(200), deleted);
    let edit = json!({ "content": "back again" });
    scene.bob.patch(&scene.message(&said), edit).await.expect_error(404, "not_found");
    let history = scene.bob.get(&scene.messages()).await.expect(200);
    assert_eq!(history["messages"][0], deleted);
    assert_eq!(history["lastSeq"], 3);
    let contents: Vec<String> = {
        let database = scene.app.database();
        let mut rows = database.prepare("SELECT content FROM messages ORDER BY seq").unwrap();
        let contents = rows.query_map([], |row| row.get(0)).unwrap();
        contents.map(Result::unwrap).collect()
    };
    assert_eq!(contents, ["", "an admin's own words", "never mind"]);
    // Not a byte of it is left in the folder once the server has stopped.
    let folder = Arc::clone(&scene.app.folder);
    scene.app.server.stop().await;
    let mut kept = false;
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        let has = |text: &str| bytes.windows(text.len()).any(|part| part == text.as_bytes());
        assert!(!has(secret) && !has(earlier));
        kept |= has("never mind");
    }
    assert!(kept, "the database is where the test looks");
}

#[tokio::test]
async fn a_receipt_never_moves_back() {
    let scene = Scene::set().await;
    let path = format!("{}/read", scene.messages());
    let mark = async |body: Value| scene.bob.post(&path, body).await;
    assert_eq!(mark(json!({})).await.expect(200), json!({ "readSeq": 0 }));
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(scene.ada.say(&scene.room, "read me").await["id"].clone());
    }
    assert_eq!(mark(json!({ "seq": 2 })).await.expect(200)["readSeq"], 2);
    assert_eq!(mark(json!({ "seq": 1 })).await.expect(200)["readSeq"], 2);
    assert_eq!(mark(json!({ "seq": 0 })).await.expect(200)["readSeq"], 2);
    assert_eq!(mark(json!({ "messageId": ids[2] })).await.expect(200)["readSeq"], 3);
    assert_eq!(mark(json!({ "messageId": ids[0] })).await.expect(200)["readSeq"], 3);
    // Nobody has read what is not there yet.
    assert_eq!(mark(json!({ "seq": i64::MAX })).await.expect(200)["readSeq"], 5);
    scene.ada.say(&scene.room, "one more").await;
    let everything = scene.bob.send(Method::POST, &path, Value::Null).await;
    assert_eq!(everything.expect(200)["readSeq"], 6);
    // Who writes after having read everything has read their own words.
    scene.bob.say(&scene.room, "thanks").await;
    scene.ada.say(&scene.room, "welcome").await;
    scene.bob.say(&scene.room, "blind").await;
    let users = scene.ada.get(&format!("/api/rooms/{}/users", scene.room)).await.expect(200);
    assert_eq!(users["users"][1]["readSeq"], 7);
    for (wrong, status) in [
        (json!({ "seq": -1 }), 400),
        (json!({ "seq": 1.5 }), 400),
        (json!({ "seq": "1" }), 400),
        (json!({ "seq": 1e300 }), 400),
        (json!({ "seq": 1, "messageId": ids[0] }), 400),
        (json!({ "messageId": "first" }), 400),
        (json!({ "messageId": uuid::Uuid::new_v4() }), 404),
    ] {
        assert_eq!(mark(wrong.clone()).await.status, status, "{wrong}");
    }
}
