//! Names and messages that nobody can see, and names that turn the text around them.

use super::harness::App;
use serde_json::json;

/// White space, format characters and fillers, none of which leaves a mark.
const NOTHING: [&str; 8] = [
    "\u{200b}",
    " \u{200b} \u{200b} ",
    "\u{2060}\u{feff}",
    "\u{00ad}\u{034f}",
    "\u{3164}\u{115f}\u{ffa0}",
    "\u{200d}\u{fe0f}",
    "\u{e0020}\u{180e}",
    "\u{2800}",
];
/// Joiners and selectors belong to what people type.
const SOMETHING: [&str; 4] = ["👩‍🔬", "می\u{200c}خواهم", "❤\u{fe0f}", "\u{200f}שלום"];

#[tokio::test]
async fn what_nobody_can_see_is_no_name_and_no_message() {
    let app = App::start().await;
    let ada = app.person("ada").await;
    let room = ada.post("/api/rooms", json!({ "name": "Salon" })).await;
    let path = format!("/api/rooms/{}", room.expect(201)["id"].as_str().unwrap());
    let messages = format!("{path}/messages");
    for text in NOTHING {
        let refusals = [
            ada.patch("/api/users/me", json!({ "displayName": text }))
                .await,
            ada.post("/api/rooms", json!({ "name": text })).await,
            ada.patch(&path, json!({ "name": text })).await,
            ada.post(&messages, json!({ "content": text })).await,
        ];
        for refused in refusals {
            refused.expect_error(400, "invalid_input");
        }
    }
    for text in SOMETHING {
        let me = ada
            .patch("/api/users/me", json!({ "displayName": text }))
            .await;
        assert_eq!(me.expect(200)["displayName"], text);
        let room = ada.patch(&path, json!({ "name": text })).await;
        assert_eq!(room.expect(200)["name"], text);
        let message = ada.post(&messages, json!({ "content": text })).await;
        assert_eq!(message.expect(201)["content"], text);
    }
}

#[tokio::test]
async fn a_name_never_turns_the_text_around_it() {
    let app = App::start().await;
    let ada = app.person("ada").await;
    for turn in ('\u{202a}'..='\u{202e}').chain('\u{2066}'..='\u{2069}') {
        let text = format!("ada{turn}bob");
        let name = ada
            .patch("/api/users/me", json!({ "displayName": text }))
            .await;
        name.expect_error(400, "invalid_input");
        let room = ada.post("/api/rooms", json!({ "name": text })).await;
        room.expect_error(400, "invalid_input");
    }
    // A message stands in a paragraph of its own.
    let room = ada.post("/api/rooms", json!({ "name": "Salon" })).await;
    let path = format!(
        "/api/rooms/{}/messages",
        room.expect(201)["id"].as_str().unwrap()
    );
    let text = "\u{2067}שלום\u{2069} ada";
    let message = ada.post(&path, json!({ "content": text })).await;
    assert_eq!(message.expect(201)["content"], text);
}
