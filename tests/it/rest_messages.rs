//! Messages over REST: posting, retries, answers.

use super::harness::{App, Lounge, names};
use serde_json::json;

#[tokio::test]
async fn a_message_is_numbered_and_the_same_wherever_it_is_told() {
    let lounge = Lounge::start().await;
    let name = json!({ "displayName": "Countess" });
    lounge.ada.patch("/api/users/me", name).await.expect(200);
    let mut listening = lounge.bob.connect_to(&lounge.room).await;
    let body = json!({ "content": "  hello \n", "clientId": "a1", "nonsense": 1 });
    let said = lounge.ada.post(&lounge.messages(), body).await.expect(201);
    let id: uuid::Uuid = said["id"].as_str().unwrap().parse().unwrap();
    assert_eq!(id.get_version_num(), 7);
    let at = said["createdAt"].as_str().unwrap();
    assert_eq!((at.len(), &at[19..20], &at[23..]), (24, ".", "Z"));
    let expected = json!({
        "id": id, "roomId": lounge.room, "userId": lounge.ada.id, "username": "ada",
        "displayName": "Countess", "content": "hello", "messageType": "text",
        "createdAt": at, "timestamp": at, "seq": 1, "clientId": "a1",
    });
    assert_eq!(said, expected);
    assert_eq!(listening.next("receive_message").await, expected);
    let history = lounge.bob.get(&lounge.messages()).await.expect(200);
    assert_eq!(history["messages"], json!([expected]));
    assert_eq!(history["lastSeq"], 1);
    let answer = json!({ "content": "hi", "replyTo": id, "messageType": "emote_2-x" });
    let answer = lounge
        .bob
        .post(&lounge.messages(), answer)
        .await
        .expect(201);
    assert_eq!(answer["seq"], 2);
    assert_eq!(answer["replyTo"], said["id"]);
    assert_eq!(answer["messageType"], "emote_2-x");
}

#[tokio::test]
async fn content_keeps_what_people_type() {
    let lounge = Lounge::start().await;
    for text in [
        "tabs\tand\r\nlines\n\n  indented",
        "nul \u{0} bell \u{7} escape \u{1b}[31m",
        "zero\u{200b}width\u{200d}joined, \u{202e}turned\u{202c}, \u{feff}marked",
        "👩‍👩‍👧‍👦 e\u{301} é \u{1d41a} \u{430}",
        "<script>alert('x')</script> & \"quotes\" \\ '; DROP TABLE messages; --",
        "\u{10ffff}\u{fffd}\u{e000}",
    ] {
        let said = lounge.ada.say(&lounge.room, text).await;
        assert_eq!(said["content"], text);
    }
    let long = "👩".repeat(4000);
    lounge.ada.say(&lounge.room, &long).await;
    let history = lounge.ada.get(&lounge.messages()).await.expect(200);
    assert_eq!(
        history["messages"][1]["content"],
        "nul \u{0} bell \u{7} escape \u{1b}[31m"
    );
    assert_eq!(history["messages"][6]["content"], long.as_str());
}

#[tokio::test]
async fn a_message_that_does_not_fit_is_refused_and_numbers_go_on_without_a_gap() {
    let lounge = Lounge::start().await;
    let elsewhere = lounge.ada.room("elsewhere", false).await;
    let foreign = lounge.ada.say(&elsewhere, "over there").await;
    for (field, body) in [
        ("content", json!({})),
        ("content", json!({ "content": null })),
        ("content", json!({ "content": " \n\t " })),
        ("content", json!({ "content": "x".repeat(4001) })),
        ("content", json!({ "content": { "text": "x" } })),
        ("messageType", json!({ "content": "x", "messageType": "" })),
        (
            "messageType",
            json!({ "content": "x", "messageType": "system" }),
        ),
        (
            "messageType",
            json!({ "content": "x", "messageType": "Text" }),
        ),
        (
            "messageType",
            json!({ "content": "x", "messageType": "x".repeat(33) }),
        ),
        ("clientId", json!({ "content": "x", "clientId": "" })),
        (
            "clientId",
            json!({ "content": "x", "clientId": "with space" }),
        ),
        ("clientId", json!({ "content": "x", "clientId": "é" })),
        (
            "clientId",
            json!({ "content": "x", "clientId": "x".repeat(65) }),
        ),
        ("clientId", json!({ "content": "x", "clientId": 5 })),
        ("replyTo", json!({ "content": "x", "replyTo": "first" })),
        (
            "replyTo",
            json!({ "content": "x", "replyTo": uuid::Uuid::new_v4() }),
        ),
        (
            "replyTo",
            json!({ "content": "x", "replyTo": foreign["id"] }),
        ),
    ] {
        let refused = lounge.ada.post(&lounge.messages(), body.clone()).await;
        let error = refused.expect_error(400, "invalid_input");
        assert!(
            error["details"]["fields"][field].is_string(),
            "{body}: {error}"
        );
    }
    assert_eq!(lounge.ada.say(&lounge.room, "x").await["seq"], 1);
}

#[tokio::test]
async fn a_client_id_names_one_message_of_its_sender_for_good() {
    let lounge = Lounge::start().await;
    let mut listening = lounge.bob.connect_to(&lounge.room).await;
    let body = json!({ "content": "once", "clientId": "same" });
    let first = lounge
        .ada
        .post(&lounge.messages(), body.clone())
        .await
        .expect(201);
    for content in ["once", " once "] {
        let mut body = body.clone();
        body["content"] = content.into();
        let again = lounge.ada.post(&lounge.messages(), body).await.expect(200);
        assert_eq!(again, first);
    }
    let told = listening.seen().await;
    assert_eq!(names(&told), ["receive_message"]);
    let elsewhere = lounge.ada.room("elsewhere", false).await;
    for (room, other) in [
        (
            &lounge.room,
            json!({ "content": "twice", "clientId": "same" }),
        ),
        (
            &lounge.room,
            json!({ "content": "once", "clientId": "same", "messageType": "emote" }),
        ),
        (
            &lounge.room,
            json!({ "content": "once", "clientId": "same", "replyTo": first["id"] }),
        ),
        (&elsewhere, body.clone()),
    ] {
        let refused = lounge
            .ada
            .post(&format!("/api/rooms/{room}/messages"), other)
            .await;
        let error = refused.expect_error(409, "client_id_conflict");
        assert_eq!(error["details"]["field"], "clientId");
    }
    // Another sender's are their own; and a message that was changed since is still the same.
    let bobs = lounge
        .bob
        .post(&lounge.messages(), body.clone())
        .await
        .expect(201);
    assert_eq!(bobs["seq"], 2);
    let edit = json!({ "content": "changed" });
    lounge
        .ada
        .patch(&lounge.message(&first), edit)
        .await
        .expect(200);
    let again = lounge
        .ada
        .post(&lounge.messages(), body.clone())
        .await
        .expect(200);
    assert_eq!(again["content"], "changed");
    lounge.ada.delete(&lounge.message(&first)).await.expect(200);
    let again = lounge.ada.post(&lounge.messages(), body).await.expect(200);
    assert_eq!(again["content"], "");
    assert_eq!(lounge.ada.say(&lounge.room, "next").await["seq"], 3);
}

#[tokio::test]
async fn retries_that_race_make_one_message() {
    let lounge = Lounge::start().await;
    let mut tries = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let (ada, path) = (lounge.ada.clone(), lounge.messages());
        let body = json!({ "content": "once", "clientId": "race" });
        tries.spawn(async move { ada.post(&path, body).await });
    }
    let answers = tries.join_all().await;
    let made = answers.iter().filter(|answer| answer.status == 201).count();
    let known = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!((made, known), (1, 15));
    assert!(answers.iter().all(|answer| answer.body == answers[0].body));
    assert_eq!(
        lounge.ada.get(&lounge.messages()).await.expect(200)["lastSeq"],
        1
    );
}

#[tokio::test]
async fn a_retry_of_a_message_that_is_kept_is_not_one_too_many() {
    let strict = App::with(|config| {
        config.limits.messages_burst = 1;
        config.limits.messages_per_second = 1;
    });
    let lounge = Lounge::of(strict.await).await;
    let message = |id: &str| json!({ "content": "once", "clientId": id });
    let path = lounge.messages();
    let first = lounge.ada.post(&path, message("first")).await.expect(201);
    let refused = lounge.ada.post(&path, message("second")).await;
    refused.expect_error(429, "rate_limited");
    for _ in 0..3 {
        let again = lounge.ada.post(&path, message("first")).await.expect(200);
        assert_eq!(again, first);
    }
    let refused = lounge.ada.post(&path, message("second")).await;
    refused.expect_error(429, "rate_limited");
}
