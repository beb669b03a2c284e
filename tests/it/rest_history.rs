//! Messages over REST once they are there: history, changes, receipts.

use super::harness::Lounge;
use reqwest::Method;
use serde_json::{Value, json};
use std::sync::Arc;

/// The numbers of a part of the history, and whether there is more before and after it.
async fn part(lounge: &Lounge, query: &str) -> (Vec<i64>, bool, bool) {
    let part = lounge
        .ada
        .get(&format!("{}?{query}", lounge.messages()))
        .await
        .expect(200);
    let messages = part["messages"].as_array().unwrap().iter();
    (
        messages
            .map(|message| message["seq"].as_i64().unwrap())
            .collect(),
        part["hasBefore"].as_bool().unwrap(),
        part["hasAfter"].as_bool().unwrap(),
    )
}

#[tokio::test]
async fn the_history_is_read_from_any_place_in_both_directions() {
    let lounge = Lounge::start().await;
    assert_eq!(part(&lounge, "").await, (vec![], false, false));
    assert_eq!(part(&lounge, "before=0").await, (vec![], false, false));
    assert_eq!(part(&lounge, "after=9").await, (vec![], false, false));
    for number in 1..=60 {
        lounge
            .bob
            .say(&lounge.room, &format!("message {number}"))
            .await;
    }
    let all = |from: i64, to: i64| (from..=to).collect::<Vec<_>>();
    assert_eq!(part(&lounge, "").await, (all(11, 60), true, false));
    assert_eq!(part(&lounge, "limit=200").await, (all(1, 60), false, false));
    assert_eq!(
        part(&lounge, "before=11&limit=4").await,
        (all(7, 10), true, true)
    );
    assert_eq!(part(&lounge, "before=3").await, (all(1, 2), false, true));
    assert_eq!(part(&lounge, "before=1").await, (vec![], false, true));
    assert_eq!(
        part(&lounge, &format!("before={}", i64::MAX)).await,
        (all(11, 60), true, false)
    );
    assert_eq!(
        part(&lounge, "after=0&limit=3").await,
        (all(1, 3), false, true)
    );
    assert_eq!(part(&lounge, "after=58").await, (all(59, 60), true, false));
    assert_eq!(part(&lounge, "after=60").await, (vec![], true, false));
    assert_eq!(
        part(&lounge, &format!("after={}", i64::MAX)).await,
        (vec![], true, false)
    );
    assert_eq!(
        part(&lounge, "around=30&limit=4").await,
        (all(28, 31), true, true)
    );
    assert_eq!(
        part(&lounge, "around=30&limit=1").await,
        (all(30, 30), true, true)
    );
    assert_eq!(
        part(&lounge, "around=1&limit=4").await,
        (all(1, 4), false, true)
    );
    assert_eq!(
        part(&lounge, "around=60&limit=4").await,
        (all(58, 60), true, false)
    );
    for wrong in [
        "limit=0",
        "limit=201",
        "limit=ten",
        "before=-1",
        "after=1.5",
        "around=",
        "before=1&after=2",
        "after=1&around=2",
        "after=99999999999999999999",
    ] {
        let refused = lounge
            .ada
            .get(&format!("{}?{wrong}", lounge.messages()))
            .await;
        refused.expect_error(400, "invalid_input");
    }
}

#[tokio::test]
async fn a_part_of_long_messages_is_shorter_than_it_was_asked_for_and_says_so() {
    /// 4,000 characters of three bytes, of which a page of 256 KiB has so many.
    const FIT: i64 = 21;
    let lounge = Lounge::start().await;
    let content = "\u{4e2d}".repeat(4000);
    for _ in 0..50 {
        lounge.ada.say(&lounge.room, &content).await;
    }
    let all = |from: i64, to: i64| (from..=to).collect::<Vec<_>>();
    let newest = part(&lounge, "limit=200").await;
    assert_eq!(newest, (all(51 - FIT, 50), true, false));
    let before = part(&lounge, "limit=200&before=30").await;
    assert_eq!(before, (all(30 - FIT, 29), true, true));
    let after = part(&lounge, "limit=200&after=10").await;
    assert_eq!(after, (all(11, 10 + FIT), true, true));
    let around = part(&lounge, "limit=200&around=25").await;
    assert_eq!(around, (all(25 - FIT, 24 + FIT), true, true));
    // In lists of rooms, too, whose last messages may be as long.
    let mut rooms = vec![lounge.room.clone()];
    for number in 1..30 {
        let room = lounge.ada.room(&format!("room {number}"), false).await;
        lounge.ada.say(&room, &content).await;
        rooms.push(room);
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    for expected in [21, 9] {
        let path = format!("/api/rooms?limit=200{cursor}");
        let page = lounge.ada.get(&path).await.expect(200);
        let page_rooms = page["rooms"].as_array().unwrap();
        assert_eq!(page_rooms.len(), expected);
        seen.extend(
            page_rooms
                .iter()
                .map(|room| room["id"].as_str().unwrap().to_owned()),
        );
        let next = page["nextCursor"].as_str();
        cursor = next.map_or_else(String::new, |next| format!("&cursor={next}"));
    }
    assert_eq!((seen, cursor), (rooms, String::new()));
}

#[tokio::test]
async fn only_its_author_edits_a_message() {
    let lounge = Lounge::start().await;
    let said = lounge.bob.say(&lounge.room, "tpyo").await;
    let path = lounge.message(&said);
    let fixed = json!({ "content": " typo " });
    lounge
        .ada
        .patch(&path, fixed.clone())
        .await
        .expect_error(403, "forbidden");
    let edited = lounge.bob.patch(&path, fixed.clone()).await.expect(200);
    assert_eq!(edited["content"], "typo");
    assert_eq!(edited["createdAt"], said["createdAt"]);
    assert_eq!(edited["seq"], 1);
    assert!(edited["editedAt"].as_str() >= said["createdAt"].as_str());
    let history = lounge.ada.get(&lounge.messages()).await.expect(200);
    assert_eq!(history["messages"][0], edited);
    for wrong in [
        json!({}),
        json!({ "content": " " }),
        json!({ "content": 5 }),
    ] {
        lounge
            .bob
            .patch(&path, wrong)
            .await
            .expect_error(400, "invalid_input");
    }
    // It is looked for in its own room only.
    let elsewhere = lounge.bob.room("elsewhere", false).await;
    let there = format!(
        "/api/rooms/{elsewhere}/messages/{}",
        said["id"].as_str().unwrap()
    );
    lounge
        .bob
        .patch(&there, fixed.clone())
        .await
        .expect_error(404, "not_found");
    lounge
        .bob
        .delete(&there)
        .await
        .expect_error(404, "not_found");
    let nothing = format!("{}/{}", lounge.messages(), uuid::Uuid::new_v4());
    lounge
        .bob
        .patch(&nothing, fixed.clone())
        .await
        .expect_error(404, "not_found");
    // Whoever left has no say any more.
    lounge
        .bob
        .post(&format!("/api/rooms/{}/leave", lounge.room), Value::Null)
        .await;
    lounge
        .bob
        .patch(&path, fixed)
        .await
        .expect_error(403, "not_a_member");
    lounge
        .bob
        .delete(&path)
        .await
        .expect_error(403, "not_a_member");
}

#[tokio::test]
async fn a_deleted_message_keeps_its_place_and_its_text_leaves_the_disk() {
    let lounge = Lounge::start().await;
    // One that fills more than a page of the database, and below one that does not.
    let (secret, earlier) = ("under the oak", "under the elm");
    let said = lounge.bob.say(&lounge.room, &secret.repeat(300)).await;
    let other = lounge.ada.say(&lounge.room, "an admin's own words").await;
    lounge
        .bob
        .delete(&lounge.message(&other))
        .await
        .expect_error(403, "forbidden");
    let edited = lounge.ada.say(&lounge.room, &earlier.repeat(30)).await;
    lounge
        .ada
        .patch(&lounge.message(&edited), json!({ "content": "never mind" }))
        .await
        .expect(200);
    // An admin of the room may delete what others said.
    let deleted = lounge.ada.delete(&lounge.message(&said)).await.expect(200);
    assert_eq!(deleted["content"], "");
    assert_eq!(deleted["seq"], 1);
    assert!(deleted["deletedAt"].is_string());
    assert_eq!(
        lounge.bob.delete(&lounge.message(&said)).await.expect(200),
        deleted
    );
    let edit = json!({ "content": "back again" });
    lounge
        .bob
        .patch(&lounge.message(&said), edit)
        .await
        .expect_error(404, "not_found");
    let history = lounge.bob.get(&lounge.messages()).await.expect(200);
    assert_eq!(history["messages"][0], deleted);
    assert_eq!(history["lastSeq"], 3);
    let contents: Vec<String> = {
        let database = lounge.app.database();
        let mut rows = database
            .prepare("SELECT content FROM messages ORDER BY seq")
            .unwrap();
        let contents = rows.query_map([], |row| row.get(0)).unwrap();
        contents.map(Result::unwrap).collect()
    };
    assert_eq!(contents, ["", "an admin's own words", "never mind"]);
    // Not a byte of it is left in the folder once the server has stopped.
    let folder = Arc::clone(&lounge.app.folder);
    lounge.app.server.stop().await;
    let mut kept = false;
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        let has = |text: &str| {
            bytes
                .windows(text.len())
                .any(|part| part == text.as_bytes())
        };
        assert!(!has(secret) && !has(earlier));
        kept |= has("never mind");
    }
    assert!(kept, "the database is where the test looks");
}

#[tokio::test]
async fn a_receipt_never_moves_back() {
    let lounge = Lounge::start().await;
    let path = format!("{}/read", lounge.messages());
    let mark = async |body: Value| lounge.bob.post(&path, body).await;
    assert_eq!(mark(json!({})).await.expect(200), json!({ "readSeq": 0 }));
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(lounge.ada.say(&lounge.room, "read me").await["id"].clone());
    }
    assert_eq!(mark(json!({ "seq": 2 })).await.expect(200)["readSeq"], 2);
    assert_eq!(mark(json!({ "seq": 1 })).await.expect(200)["readSeq"], 2);
    assert_eq!(mark(json!({ "seq": 0 })).await.expect(200)["readSeq"], 2);
    assert_eq!(
        mark(json!({ "messageId": ids[2] })).await.expect(200)["readSeq"],
        3
    );
    assert_eq!(
        mark(json!({ "messageId": ids[0] })).await.expect(200)["readSeq"],
        3
    );
    // Nobody has read what is not there yet.
    assert_eq!(
        mark(json!({ "seq": i64::MAX })).await.expect(200)["readSeq"],
        5
    );
    lounge.ada.say(&lounge.room, "one more").await;
    let everything = lounge.bob.send(Method::POST, &path, Value::Null).await;
    assert_eq!(everything.expect(200)["readSeq"], 6);
    // Who writes after having read everything has read their own words.
    lounge.bob.say(&lounge.room, "thanks").await;
    lounge.ada.say(&lounge.room, "welcome").await;
    lounge.bob.say(&lounge.room, "blind").await;
    let users = lounge
        .ada
        .get(&format!("/api/rooms/{}/users", lounge.room))
        .await
        .expect(200);
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
