//! Somebody whom an import brings into more rooms than anybody may come into.

use super::super::{json, place};
use super::made::{MadeRoom, made};
use super::{connected, signed_in};
use tokio::runtime::Runtime;

/// So many rooms somebody may come into.
const MOST: usize = 1000;
/// How the sentence about those begins who are in more.
const MORE: &str = "In more than the 1,000 rooms that anybody may come into:";

/// Rooms of these numbers with so many members.
fn rooms(numbers: std::ops::RangeInclusive<usize>, members: usize) -> Vec<MadeRoom> {
    numbers.map(|number| MadeRoom { number, members }).collect()
}

#[test]
fn whoever_comes_to_be_in_too_many_rooms_is_brought_and_named() {
    let first = made(2, &rooms(1..=600, 1));
    let full = made(2, &rooms(601..=MOST, 1));
    let more = [rooms(1..=600, 1), rooms(601..=MOST + 1, 2)].concat();
    let more = made(2, &more);
    let place = place();
    // Into a folder that is not there.
    let would = place.run_with("import - --dry-run", &more);
    let said = "\"user1\" (1,001 rooms); they stay in them, and come into no other before they have left some. \
                Nothing was changed.";
    would.ended(0, &[MORE, said]);
    assert!(!would.stderr.contains("user2"), "{}", would.stderr);
    // As many as may be are none too many, however they came together.
    for export in [&first, &full] {
        let imported = place.run_with("import -", export);
        imported.ended(0, &["Imported"]);
        assert!(!imported.stderr.contains(MORE), "{}", imported.stderr);
    }
    let server = place.serve();
    for option in [" --dry-run", "", " --dry-run"] {
        let args = format!("import - --skip-existing{option}");
        let ran = place.run_with(&args, &more);
        // The last one brings nothing more.
        let is_told = ran.stderr.contains("(1,001 rooms)");
        let brings = ran.stderr.contains(" 1 room (1000 more there already)");
        assert_eq!((ran.code, is_told), (0, brings), "{}", ran.stderr);
    }
    place
        .run_with("user passwd user1 --password-stdin", "longenough\n")
        .ended(0, &[]);
    let token = signed_in(&server, "user1");
    let other = json!({ "name": "One more" });
    let refused = server.request("POST /api/rooms", Some(&token), Some(&other));
    assert_eq!(refused.status, 403, "{}", refused.body);
    let why = refused.body["error"]["message"].as_str().unwrap();
    assert!(why.contains("leave some"), "{why}");
    // They are in all of them.
    let last = rooms(MOST + 1..=MOST + 1, 1)[0].id();
    Runtime::new().unwrap().block_on(async {
        let mut socket = connected(&server, &token).await;
        let joined = socket.ask("join_room", json!({ "roomId": last })).await;
        assert_eq!(joined.unwrap()["role"], "admin");
        socket.close().await;
    });
    server.stop();
}
