//! Rooms are shown together, unless they have too many members for that: then in steps, each of which
//! may fail by itself.

use super::super::{Place, place};
use super::made::{MadeRoom, made};
use rusqlite::Connection;
use serde_json::Value;

/// Rooms with so many members together are shown in one step.
const MEMBERS_A_STEP: usize = 20_000;

fn database(place: &Place) -> Connection {
    Connection::open(place.data.join("chatd.db")).unwrap()
}

/// Has the database refuse to show a room.
fn hold(place: &Place, room: MadeRoom) {
    let id = room.id().replace('-', "");
    let trigger = format!(
        "CREATE TRIGGER hold BEFORE UPDATE OF deleted_at ON rooms
         WHEN NEW.deleted_at IS NULL AND NEW.id = X'{id}'
         BEGIN SELECT RAISE(ABORT, 'held by a test'); END"
    );
    database(place).execute_batch(&trigger).unwrap();
}

fn let_go(place: &Place) {
    database(place).execute_batch("DROP TRIGGER hold").unwrap();
}

/// The names of all rooms that can be seen.
fn seen(place: &Place) -> Vec<String> {
    let listed = place.run("room list --json");
    let rooms: Vec<Value> = serde_json::from_str(&listed.stdout).unwrap();
    let mut names: Vec<_> = rooms
        .iter()
        .map(|room| room["name"].as_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn an_import_that_fails_between_two_steps_says_which_rooms_came() {
    let half = MEMBERS_A_STEP / 2;
    let room = |number, members| MadeRoom { number, members };
    let rooms = [room(1, half), room(2, half), room(3, 1)];
    let place = place();
    let path = place.root.path().join("many.jsonl");
    std::fs::write(path, made(half, &rooms)).unwrap();
    place.add("zoe", "longenough");
    // The first two are one step.
    hold(&place, rooms[1]);
    place.run("import many.jsonl").ended(
        1,
        &["; no room was brought in, and accounts that were made stay"],
    );
    assert_eq!(seen(&place), [""; 0]);
    let_go(&place);
    hold(&place, rooms[2]);
    place.run("import many.jsonl").ended(
        1,
        &["; 2 rooms came in whole, the others not at all; run it again with --skip-existing when that is mended"],
    );
    assert_eq!(seen(&place), ["Room 1", "Room 2"]);
    let_go(&place);
    let rest = "Imported 0 accounts (10000 more there already), 1 room (2 more there already)";
    place
        .run("import many.jsonl --skip-existing")
        .ended(0, &[rest]);
    assert_eq!(seen(&place), ["Room 1", "Room 2", "Room 3"]);
}
