//! Values as other projects keep them: rows that are only marked as deleted, invites that end, and ids and
//! times of every kind.

use super::fixture::{BY_NODE, PASSWORD, room, user};
use super::mariadb::{Database, MariaDb};
use super::{Place, Value, contents, json, notes, place};

const TABLES: &str = "
CREATE TABLE users (id CHAR(36), username VARCHAR(40), email VARCHAR(100), password CHAR(60), createdAt DATETIME,
  deletedAt DATETIME);
CREATE TABLE rooms (id CHAR(36), name VARCHAR(100), isPrivate TINYINT(1), createdBy CHAR(36), createdAt DATETIME,
  deletedAt DATETIME);
CREATE TABLE RoomMembers (userId CHAR(36), roomId CHAR(36), createdAt DATETIME, deletedAt DATETIME);
CREATE TABLE room_invites (roomId CHAR(36), inviteCode VARCHAR(40), createdAt DATETIME, deletedAt DATETIME);
CREATE TABLE messages (id CHAR(36), userId CHAR(36), roomId CHAR(36), content TEXT, createdAt DATETIME,
  deletedAt VARCHAR(80));
";

/// Everybody and everything that a paranoid model of Sequelize has deleted is still there.
const PARANOID: &str = "
INSERT INTO users VALUES ('@1', 'ada', 'ada@example.org', '@@', '2021-01-01', NULL),
  ('@2', 'bob', 'bob@example.org', '@@', '2021-01-01', '2022-01-01 00:00:00'),
  ('@3', 'bob', 'bob@example.org', '@@', '2023-01-01', NULL),
  ('@4', 'eve', 'eve@example.org', '@@', '2021-01-01', '0000-00-00 00:00:00');
INSERT INTO rooms VALUES ('#1', 'Tea room', 0, '@1', '2021-02-01', NULL),
  ('#2', 'Old room', 0, '@1', '2021-02-01', '2022-01-01'),
  ('#3', 'Left behind', 0, '@2', '2021-02-01', NULL), ('#4', 'Alone', 0, '@2', '2021-02-01', NULL);
INSERT INTO RoomMembers VALUES ('@1', '#1', '2021-02-01', NULL), ('@2', '#1', '2021-02-01', NULL),
  ('@3', '#1', '2023-02-01', '2023-03-01'), ('@3', '#1', '2023-04-01', NULL),
  ('@4', '#1', '2021-02-01', '2022-01-01'), ('@4', '#2', '2021-02-01', NULL),
  ('@2', '#3', '2021-02-01', NULL), ('@4', '#3', '2021-02-02', NULL), ('@1', '#3', '2021-02-03', NULL),
  ('@2', '#4', '2021-02-01', NULL);
INSERT INTO room_invites VALUES ('#1', 'tea', '2021-02-01', '2022-01-01'), ('#1', 'tea', '2022-02-01', NULL),
  ('#2', 'old', '2021-02-01', NULL);
INSERT INTO messages VALUES ('cccccccc-0000-4000-8000-000000000009', '@1', '#1', 'hello', '2021-03-01', NULL),
  ('CCCCCCCC-0000-4000-8000-000000000008', '@2', '#1', 'I was here', '2021-03-02', ''),
  ('cccccccc-0000-4000-8000-000000000007', '@1', '#1', 'oh no', '2021-03-03', '2021-03-04 00:00:00'),
  ('cccccccc-0000-4000-8000-000000000006', '@1', '#1', 'never', '2021-03-04', 'Thu Mar 04 2021 00:00:00 GMT+0000'),
  ('cccccccc-0000-4000-8000-000000000005', '@4', '#2', 'old', '2021-03-05', NULL);
";

/// Runs statements, in which `@1` stands for somebody, `#1` for a room and `@@` for a hash.
fn run(database: &mut Database, statements: &str) {
    let mut statements = statements.replace("@@", BY_NODE);
    for number in 1..=4 {
        statements = statements
            .replace(&format!("@{number}"), &user(number))
            .replace(&format!("#{number}"), &room(number));
    }
    database.run(&statements);
}

#[test]
fn what_was_only_marked_as_deleted_stays_deleted_and_in_nobodys_way() {
    let (place, mut database) = (place(), MariaDb::get().database("paranoid"));
    database.run(TABLES);
    run(&mut database, PARANOID);
    let ran = place.take_over(&database.url(), "--json");
    ran.ended(0, &["Imported 4 accounts, 3 rooms, 4 messages."]);
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    for (kind, told) in [
        ("account_disabled", vec!["\"bob_2\" was deleted there"]),
        ("username_changed", vec!["\"bob\" → \"bob_2\""]),
        (
            "room_changed",
            vec!["its creator is gone; its first member has it"],
        ),
        ("room_left_out", vec!["\"Old room\" was deleted there"]),
        ("member_left_out", vec!["there is no such room"]),
        (
            "invite_left_out",
            vec!["there is no such room", "it was deleted there"],
        ),
    ] {
        assert_eq!(notes(&report, kind), (told.len() as u64, told));
    }
    let (left_out, _) = notes(&report, "message_left_out");
    assert_eq!(left_out, 1);

    let server = place.serve();
    let (ada, eve) = (server.token("ada", PASSWORD), server.token("eve", PASSWORD));
    // Whoever has come back has their name and their address, and not the account that they had before.
    for name in ["bob", "bob@example.org"] {
        let bob = server.token(name, PASSWORD);
        let me = server.request("GET /api/users/me", Some(&bob), None).body;
        assert_eq!(me["id"], user(3));
    }
    assert_eq!(server.sign_in("bob_2", PASSWORD), 401);
    let tea = format!("/api/rooms/{}", room(1));
    let line = format!("GET {tea}/users");
    let members = server.request(&line, Some(&ada), None).body;
    let members = members["users"].as_array().unwrap().iter();
    let mut ids: Vec<_> = members.map(|member| &member["userId"]).collect();
    ids.sort_by_key(ToString::to_string);
    assert_eq!(ids, [&json!(user(1)), &json!(user(2)), &json!(user(3))]);

    let all = server.history(&ada, &room(1));
    assert_eq!(contents(&all), ["hello", "I was here", "", ""]);
    let ids: Vec<_> = all.iter().map(|message| &message["id"]).collect();
    let id = |number: u32| json!(format!("cccccccc-0000-4000-8000-{number:012}"));
    assert_eq!(ids, [&id(9), &id(8), &id(7), &id(6)]);
    assert_eq!(all[2]["deletedAt"], "2021-03-04T00:00:00.000Z");
    assert!(all[3]["deletedAt"].is_string(), "{}", all[3]);

    let join = |code: &str| {
        let line = format!("POST /api/rooms/invites/{code}/join");
        server.request(&line, Some(&eve), None).status
    };
    assert_eq!((join("tea"), join("old")), (200, 404));
    let room = |number: u32| {
        let line = format!("GET /api/rooms/{}", room(number));
        server.request(&line, Some(&ada), None)
    };
    assert_eq!(room(2).status, 404);
    assert_eq!(room(3).body["createdBy"], user(4));
    assert_eq!(room(4).body["createdBy"], user(2));
    server.stop();
}

/// Invites: a code, when it ends, whether it is active, how often it may be used and was.
const INVITES: &str = "
DROP TABLE room_invites;
CREATE TABLE room_invites (roomId CHAR(36), inviteCode VARCHAR(40), createdAt BIGINT, expiresAt VARCHAR(40),
  isActive TINYINT(1), maxUses DECIMAL(10, 2), uses INTEGER);
INSERT INTO users VALUES ('@1', 'ada', 'ada@example.org', '@@', '2021-01-01', NULL);
INSERT INTO rooms VALUES ('#1', 'Tea room', 1, '@1', '2021-02-01', NULL);
INSERT INTO room_invites VALUES
  ('#1', 'always', 1612137600000, NULL, 1, NULL, NULL),
  ('#1', 'zero', 1612137600000, 0, NULL, 0, 7),
  ('#1', 'ahead', 1612137600000, 4102444800000, 1, NULL, 0),
  ('#1', 'ahead-in-seconds', 1612137600, 4102444800, 1, NULL, 0),
  ('#1', 'after-all-years', 1612137600, 9223372036854775807, 1, NULL, 0),
  ('#1', 'one-left', 1612137600000, NULL, 1, 5, 4),
  ('#1', 'past', 1612137600000, 1612137601000, 1, NULL, 0),
  ('#1', 'past-in-seconds', 1612137600, 1612137601, 1, NULL, 0),
  ('#1', 'off', 1612137600000, NULL, 0, NULL, 0),
  ('#1', 'used-up', 1612137600000, NULL, 1, 5, 5),
  ('#1', 'ahead-as-text', 1612137600000, '2100-01-01T00:00:00.000Z', 1, NULL, 0),
  ('#1', 'empty', 1612137600000, '', 1, NULL, 0),
  ('#1', 'past-as-text', 1612137600000, '2021-02-02 00:00:00.000 +00:00', 1, NULL, 0),
  ('#1', 'nonsense', 1612137600000, 'soon', 1, NULL, 0),
  ('#1', 'zero-date', 1612137600000, '0000-00-00 00:00:00', 1, NULL, 0);
";

#[test]
fn invites_end_when_they_were_meant_to_and_not_before() {
    let (place, mut database) = (place(), MariaDb::get().database("invites_that_end"));
    database.run(TABLES);
    run(&mut database, INVITES);
    place.take_over(&database.url(), "").ended(0, &["1 room"]);
    let server = place.serve();
    let join = |token: &str, code: &str| {
        let line = format!("POST /api/rooms/invites/{code}/join");
        server.request(&line, Some(token), None).status
    };
    // Nothing of it opens, before somebody is in who was let in.
    let early = server.register("early", "longenough");
    for code in [
        "past",
        "past-in-seconds",
        "past-as-text",
        "off",
        "used-up",
        "nonsense",
        "zero-date",
    ] {
        assert_eq!(join(&early, code), 410, "{code}");
    }
    let open = [
        "always",
        "zero",
        "ahead",
        "ahead-in-seconds",
        "after-all-years",
        "one-left",
        "ahead-as-text",
        "empty",
    ];
    for (number, code) in open.iter().enumerate() {
        let guest = server.register(&format!("guest{number}"), "longenough");
        assert_eq!(join(&guest, code), 200, "{code}");
    }
    assert_eq!(join(&early, "one-left"), 410);
    server.stop();
}

/// Columns of times: their type, two times in it, and what they are in milliseconds of their seconds.
const TIMES: [(&str, &str, &str, &str); 9] = [
    ("BIGINT", "1704164645678", "1704168245678", ".678Z"),
    ("INT UNSIGNED", "1704164645", "1704168245", ".000Z"),
    (
        "DECIMAL(16, 3)",
        "1704164645.678",
        "1704168245.678",
        ".678Z",
    ),
    ("DOUBLE", "1704164645678", "1704168245678", ".678Z"),
    ("VARCHAR(40)", "'1704164645678'", "'1704168245678'", ".678Z"),
    (
        "VARCHAR(40)",
        "'2024-01-02T03:04:05.678Z'",
        "'2024-01-02T04:04:05.678Z'",
        ".678Z",
    ),
    (
        "TEXT",
        "'2024-01-02 03:04:05.678 +00:00'",
        "'2024-01-02 04:04:05.678 +00:00'",
        ".678Z",
    ),
    (
        "CHAR(29)",
        "'2024-01-02T04:04:05.678+01:00'",
        "'2024-01-02T05:04:05.678+01:00'",
        ".678Z",
    ),
    (
        "DATETIME",
        "'2024-01-02 03:04:05'",
        "'2024-01-02 04:04:05'",
        ".000Z",
    ),
];

/// The messages stand there from the last to the first, which has no time.
const TIMED: &str = "
CREATE TABLE users (id INTEGER, username VARCHAR(40), email VARCHAR(100), password CHAR(60), createdAt @type);
CREATE TABLE rooms (id INTEGER, name VARCHAR(100), isPrivate TINYINT(1), createdBy INTEGER, createdAt @type);
CREATE TABLE RoomMembers (userId INTEGER, roomId INTEGER, createdAt @type);
CREATE TABLE messages (id CHAR(36), userId INTEGER, roomId INTEGER, content TEXT, createdAt @type);
INSERT INTO users VALUES (1, 'ada', 'ada@example.org', '@@', @first);
INSERT INTO rooms VALUES (1, 'Tea room', 1, 1, @second);
INSERT INTO messages VALUES ('cccccccc-0000-4000-8000-000000000001', 1, 1, 'second', @second),
  ('cccccccc-0000-4000-8000-000000000002', 1, 1, 'first', @first),
  ('cccccccc-0000-4000-8000-000000000003', 1, 1, 'no time', NULL);
";

/// What is exported of one kind, line by line.
fn exported(place: &Place, kind: &str) -> Vec<Value> {
    let ran = place.run("export --all");
    ran.ended(0, &[]);
    let lines = ran.stdout.lines();
    let lines = lines.map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|line| line["type"] == kind).collect()
}

#[test]
fn times_may_be_numbers_or_texts_and_put_messages_in_order() {
    for (number, (kind, first, second, ms)) in TIMES.into_iter().enumerate() {
        let mut database = MariaDb::get().database(&format!("times_{number}"));
        let statements = TIMED
            .replace("@type", kind)
            .replace("@first", first)
            .replace("@second", second);
        run(&mut database, &statements);
        let place = place();
        let ran = place.take_over(&database.url(), "--json");
        ran.ended(0, &["Imported 1 account, 1 room, 3 messages."]);
        let report: Value = serde_json::from_str(&ran.stdout).unwrap();
        assert_eq!(notes(&report, "time_mended").0, 1, "{kind}: {report}");
        let messages = exported(&place, "message");
        let read: Vec<_> = messages
            .iter()
            .map(|message| {
                let text = |key: &str| message[key].as_str().unwrap().to_owned();
                (text("content"), text("id"), text("createdAt"))
            })
            .collect();
        let at = |hour: u32| format!("2024-01-02T{hour:02}:04:05{ms}");
        let expected =
            [("no time", 3, 3), ("first", 2, 3), ("second", 1, 4)].map(|(content, id, hour)| {
                let id = format!("cccccccc-0000-4000-8000-{id:012}");
                (content.to_owned(), id, at(hour))
            });
        assert_eq!(read, expected, "{kind} {first}");
        assert_eq!(exported(&place, "user")[0]["createdAt"], at(3), "{kind}");
        assert_eq!(exported(&place, "room")[0]["createdAt"], at(4), "{kind}");
    }
}
