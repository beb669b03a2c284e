//! `chatd export`: what it carries, from a server that runs and from none.

mod page;

use super::{Place, Ran, Running, Value, json, mode, place};
use rusqlite::Connection;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The rooms of [`odd`].
pub(super) const TEA: &str = "7ea00000-0000-4000-8000-000000000001";
pub(super) const ATTIC: &str = "a771c000-0000-4000-8000-000000000002";
pub(super) const VOID: &str = "00000000-0000-4000-8000-000000000003";
/// The token of the attic's good invite.
pub(super) const INVITE: &str = "NGMkhzV2atsAMkSazJz93vkt";
/// Messages of the tea room.
pub(super) const MANY: i64 = 5000;

/// Rooms, and what is in them, of accounts that are there.
const ODD: &str = r#"
    BEGIN;
    UPDATE users SET display_name = 'Zoë «Z» Ω 🫖', display_name_key = 'zoë «z» ω 🫖',
      last_seen_at = 1700000000123 WHERE username = 'ada';
    UPDATE users SET is_disabled = 1 WHERE username = 'eve';
    UPDATE users SET password = 'nobody''s' WHERE username = 'lone';
    CREATE TEMP TABLE u AS SELECT username AS name, id FROM users;
    INSERT INTO rooms SELECT X'7ea00000000040008000000000000001', 'Tea & <b>biscuits</b>', 'tea & <b>biscuits</b>',
      'One line
and another', 0, id, 1600000000000, 5000, 3, NULL FROM u WHERE name = 'ada';
    INSERT INTO rooms SELECT X'a771c000000040008000000000000002', 'Attic', 'attic', NULL, 1, id, 1600000000001, 2, 2, NULL
      FROM u WHERE name = 'bob';
    INSERT INTO rooms SELECT X'00000000000040008000000000000003', '空', '空', NULL, 0, id, 1600000000002, 0, 1, NULL
      FROM u WHERE name = 'ada';
    INSERT INTO rooms SELECT X'dead0000000040008000000000000004', 'Gone', 'gone', NULL, 0, id, 1600000000003, 1, 1, 1650000000000
      FROM u WHERE name = 'ada';
    INSERT INTO room_members SELECT X'7ea00000000040008000000000000001', id, 1, 1600000000000, 5000 FROM u WHERE name = 'ada';
    INSERT INTO room_members SELECT X'7ea00000000040008000000000000001', id, 0, 1600000001000, 17 FROM u WHERE name = 'bob';
    INSERT INTO room_members SELECT X'7ea00000000040008000000000000001', id, 1, 1600000001000, 0 FROM u WHERE name = 'eve';
    INSERT INTO room_members SELECT X'a771c000000040008000000000000002', id, 1, 1600000000001, 1 FROM u WHERE name = 'bob';
    INSERT INTO room_members SELECT X'a771c000000040008000000000000002', id, 0, 1600000000005, 0 FROM u WHERE name = 'ada';
    INSERT INTO room_members SELECT X'00000000000040008000000000000003', id, 1, 1600000000002, 0 FROM u WHERE name = 'ada';
    INSERT INTO room_members SELECT X'dead0000000040008000000000000004', id, 1, 1600000000003, 0 FROM u WHERE name = 'ada';
    INSERT INTO room_bans SELECT X'a771c000000040008000000000000002', e.id, b.id, 1600000000009
      FROM u e, u b WHERE e.name = 'eve' AND b.name = 'bob';
    INSERT INTO room_invites SELECT 'revoked-1', X'a771c000000040008000000000000002', id, 1600000000010, NULL, NULL, 3, 1600000000011
      FROM u WHERE name = 'bob';
    INSERT INTO room_invites SELECT 'expired_2', X'7ea00000000040008000000000000001', id, 1600000000010, 1600000000020, 9, 0, NULL
      FROM u WHERE name = 'eve';
    INSERT INTO room_invites SELECT 'NGMkhzV2atsAMkSazJz93vkt', X'a771c000000040008000000000000002', id, 1600000000012, NULL, 5, 1, NULL
      FROM u WHERE name = 'bob';
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
      INSERT INTO messages SELECT X'7ea00000000040008000000000000001', i,
        unhex(printf('7ea0000000007000800000000000%04x', i)), u.id, 'number ' || i || ' of many', 'text', NULL, NULL,
        1600000002000 + i * 60000, NULL, NULL FROM n, u WHERE u.name = 'ada';
    UPDATE messages SET user_id = (SELECT id FROM u WHERE name = 'bob') WHERE seq % 3 = 0;
    UPDATE messages SET content = '<script>alert(1)</script> & "quotes" ''so''', client_id = 'c-"2\' WHERE seq = 2;
    UPDATE messages SET content = 'edited', edited_at = created_at + 1 WHERE seq = 3;
    UPDATE messages SET content = '', deleted_at = created_at + 2, client_id = 'c-4' WHERE seq = 4;
    UPDATE messages SET reply_to = X'7ea00000000070008000000000000002' WHERE seq = 5;
    UPDATE messages SET reply_to = X'7ea00000000070008000000000000004', edited_at = created_at, message_type = 'system'
      WHERE seq = 6;
    UPDATE messages SET content = 'two
lines, a' || char(9) || 'tab, a' || char(7) || 'bell, ' || char(8238) || 'turned' || char(8236) || ' 👩‍🔬 \u0041 שלום',
      message_type = 'x-9_z' WHERE seq = 7;
    UPDATE messages SET content = 'by one who was banned', user_id = (SELECT id FROM u WHERE name = 'eve') WHERE seq = 8;
    INSERT INTO messages SELECT X'a771c000000040008000000000000002', 1, X'a771c000000070008000000000000001', id, 'dust', 'text',
      'c-1', NULL, 1600000002001, NULL, NULL FROM u WHERE name = 'bob';
    INSERT INTO messages SELECT X'a771c000000040008000000000000002', 2, X'a771c000000070008000000000000002', id, 'who left', 'text',
      'c-1', X'a771c000000070008000000000000001', 1600000002001, NULL, NULL FROM u WHERE name = 'gone';
    INSERT INTO messages SELECT X'dead0000000040008000000000000004', 1, X'dead0000000070008000000000000001', id, 'secret', 'text',
      NULL, NULL, 1600000002001, NULL, NULL FROM u WHERE name = 'ada';
    COMMIT;"#;

/// A data folder with everything odd that there may be.
pub(super) fn odd(place: &Place) {
    for name in ["ada", "bob", "eve", "gone", "lone"] {
        place.add(name, "longenough");
    }
    place.run("user role ada admin").ended(0, &[]);
    let database = Connection::open(place.data.join("chatd.db")).unwrap();
    database.execute_batch(ODD).unwrap();
    database.close().unwrap();
}

/// The lines of an export but the first.
pub(super) fn lines(export: &str) -> Vec<&str> {
    assert!(export.ends_with('\n'));
    export.lines().skip(1).collect()
}

/// Exports everything.
#[track_caller]
pub(super) fn all(place: &Place) -> String {
    let exported = place.run("export --all");
    exported.ended(0, &["Wrote to stdout"]);
    exported.stdout
}

/// The entries of a kind.
fn of_kind(export: &str, kind: &str) -> Vec<Value> {
    let entries = export
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    entries
        .filter(|entry: &Value| entry["type"] == kind)
        .collect()
}

#[test]
fn an_export_carries_everything_that_can_be_seen_and_nothing_else() {
    let place = place();
    odd(&place);
    let exported = place.run("export --all --output chat.jsonl");
    exported.ended(
        0,
        &[
            "Wrote \"chat.jsonl\"",
            "5 accounts, 3 rooms, 5,002 messages",
        ],
    );
    assert_eq!(exported.stdout, "");
    assert!(!exported.stderr.contains('%'), "{}", exported.stderr);
    let path = place.root.path().join("chat.jsonl");
    assert_eq!(mode(&path), 0o600);
    let text = std::fs::read_to_string(&path).unwrap();
    let head: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!(
        (&head["type"], &head["format"]),
        (&json!("export"), &json!(1))
    );
    let end: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!(
        end,
        json!({"type": "end", "users": 5, "rooms": 3, "messages": 5002})
    );
    assert!(!text.contains("secret") && !text.contains("Gone"));
    assert_eq!(of_kind(&text, "member").len(), 6);
    assert_eq!(of_kind(&text, "ban").len(), 1);
    assert_eq!(of_kind(&text, "invite").len(), 3);
    let users = of_kind(&text, "user");
    let ada = users.iter().find(|user| user["username"] == "ada").unwrap();
    assert_eq!(ada["displayName"], "Zoë «Z» Ω 🫖");
    assert!(
        ada["passwordHash"]
            .as_str()
            .unwrap()
            .starts_with("$argon2id$")
    );
    assert_eq!(
        (&ada["isAdmin"], &ada["lastSeenAt"]),
        (&json!(true), &json!("2023-11-14T22:13:20.123Z"))
    );
    let messages = of_kind(&text, "message");
    let seqs = messages
        .iter()
        .filter(|message| message["roomId"] == TEA)
        .map(|message| message["seq"].as_i64().unwrap());
    assert!(seqs.eq(1..=MANY));
    // It is not replaced unless that is asked for.
    place
        .run("export --all --output chat.jsonl")
        .ended(1, &["is there already", "--force"]);
    place
        .run("export --all --output chat.jsonl --force")
        .ended(0, &["Wrote"]);
    let again = std::fs::read_to_string(&path).unwrap();
    assert_eq!(lines(&again), lines(&text));
}

#[test]
fn the_export_of_a_room_has_the_accounts_that_it_names() {
    let place = place();
    odd(&place);
    let exported = place.run(&format!("export --room {ATTIC}"));
    exported.ended(0, &["4 accounts, 1 room, 2 messages"]);
    let users = of_kind(&exported.stdout, "user");
    // Ada is an admin of this server, and of none that is given the room.
    assert!(users.iter().all(|user| user["isAdmin"] == false));
    let mut names: Vec<_> = users.iter().map(|user| user["username"].clone()).collect();
    names.sort_by_key(Value::to_string);
    assert_eq!(names, ["ada", "bob", "eve", "gone"]);
    assert!(!exported.stdout.contains(TEA));
    let missing = place.run("export --room 6f1c2a52-0d7e-4a4e-9c5b-0f6f1b1f7c11");
    missing.ended(3, &["there is no room 6f1c2a52", "chatd room list"]);
    // One that was deleted is none.
    let gone = place.run("export --room dead0000-0000-4000-8000-000000000004 --output x");
    gone.ended(3, &["there is no room dead0000"]);
    assert!(!place.root.path().join("x").exists());
}

#[test]
fn wrong_uses_of_an_export_say_what_would_be_right() {
    let place = place();
    place
        .run("export --all")
        .ended(3, &["there is no chatd data"]);
    place.add("ada", "longenough");
    place.run("export").ended(2, &["--all", "--room"]);
    place
        .run("export --all --format html")
        .ended(2, &["--room"]);
    place.run("export --all --force").ended(2, &["--output"]);
    place
        .run("export --all --output nowhere/x")
        .ended(1, &["\"nowhere/x\" cannot be written", "make its folder"]);
    place
        .run("export --all --output data")
        .ended(1, &["is a folder"]);
    assert_eq!(place.run("export --all").stdout.lines().count(), 3);
}

/// Says things as fast as it can, and notes the number of the last one that was acknowledged.
fn talk(server: &Running, token: &str, room: &str, last: &AtomicU64, goes_on: &AtomicBool) {
    let line = format!("POST /api/rooms/{room}/messages");
    while goes_on.load(Ordering::Relaxed) {
        let body = json!({ "content": "on and on" });
        let said = server.request(&line, Some(token), Some(&body));
        assert_eq!(said.status, 201, "{}", said.body);
        let seq = said.body["seq"].as_u64().unwrap();
        last.fetch_max(seq, Ordering::Relaxed);
    }
}

#[test]
fn an_export_amid_talk_holds_all_that_was_acknowledged_before_and_is_whole() {
    let place = place();
    let server = place.serve();
    let token = server.register("ada", "longenough");
    let body = json!({ "name": "Salon" });
    let room = server.request("POST /api/rooms", Some(&token), Some(&body));
    let room = room.body["id"].as_str().unwrap();
    let (last, goes_on) = (AtomicU64::new(0), AtomicBool::new(true));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| talk(&server, &token, room, &last, &goes_on));
        }
        for number in 0..5 {
            let before = last.load(Ordering::Relaxed);
            let export = all(&place);
            let messages = of_kind(&export, "message").len() as u64;
            assert!(messages >= before, "{messages} < {before}");
            let target = format!("import - --data-dir copy-{number}");
            let imported = place.run_with(&target, &export);
            imported.ended(0, &["Imported 1 account, 1 room,"]);
        }
        goes_on.store(false, Ordering::Relaxed);
    });
    server.stop();
}

/// What a shell would do.
#[test]
fn a_reader_that_goes_away_makes_an_export_fail() {
    let place = place();
    odd(&place);
    let mut exporting = place.command(["export", "--all"]);
    let piped = exporting
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    let mut child = piped.spawn().unwrap();
    drop(child.stdout.take());
    let ran: Ran = child.wait_with_output().unwrap().into();
    ran.ended(1, &["stdout did not take it all"]);
    assert!(!Path::new(&place.data).join("backup.copy").exists());
}
