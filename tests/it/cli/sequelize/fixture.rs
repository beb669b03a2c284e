//! An old chat as Sequelize keeps it: a thousand rows, with every odd value that people have made.

use super::mariadb::Database;
use mysql::prelude::Queryable;
use mysql::{Params, Value};

/// What the passwords of the hashes below are.
pub const PASSWORD: &str = "correct horse";
/// By bcryptjs 3 for Node, `hashSync(PASSWORD, 10)`.
pub const BY_NODE: &str = "$2b$10$UrGUZLkZhv6ZNakkIfF46OVhWVbkKk9hhV7lhycjrrZrduzv3odWu";
/// By the bcrypt package for Python, of a cost of 4 and marked as OpenBSD once did: `$2a$`.
pub const BY_PYTHON: &str = "$2a$04$EUCAq2NpMgXfFFgG76xej.NJrOeGgNYlZUtjowMSe2tcjZVxgnzsC";
/// By `htpasswd -B` of Apache.
pub const BY_HTPASSWD: &str = "$2y$05$sI90MrfZiEHfbVKmuijt9uNjx7D7oWn7FqAggQU2pZL2Ta9gdZ.cy";
/// It takes too long to check, and nobody knows of what it is.
const TOO_DEAR: &str = "$2b$16$abcdefghijklmnopqrstuuJ2B5P9m6pVJ1Y0T3iD6iTnU1a2b3c4e";

/// The tables as the old backend makes them.
pub const TABLES: &str = "
CREATE TABLE users (id CHAR(36) BINARY NOT NULL PRIMARY KEY, email VARCHAR(255), password VARCHAR(255),
  username VARCHAR(255), isOnline TINYINT(1) DEFAULT 0, createdAt DATETIME, updatedAt DATETIME);
CREATE TABLE rooms (id CHAR(36) BINARY NOT NULL PRIMARY KEY, name VARCHAR(255), description TEXT,
  isPrivate TINYINT(1), createdBy CHAR(36) BINARY, createdAt DATETIME, updatedAt DATETIME);
CREATE TABLE RoomMembers (id INTEGER AUTO_INCREMENT PRIMARY KEY, userId CHAR(36) BINARY, roomId CHAR(36) BINARY,
  createdAt DATETIME, updatedAt DATETIME);
CREATE TABLE room_invites (id INTEGER AUTO_INCREMENT PRIMARY KEY, roomId CHAR(36) BINARY, createdBy CHAR(36) BINARY,
  inviteCode VARCHAR(255), createdAt DATETIME);
CREATE TABLE messages (id INTEGER AUTO_INCREMENT PRIMARY KEY, userId CHAR(36) BINARY, roomId CHAR(36) BINARY,
  content TEXT, status ENUM('sent', 'delivered', 'read') DEFAULT 'sent', createdAt DATETIME, updatedAt DATETIME);
";

/// Messages of the room `TEA` that have nothing odd about them.
pub const PLAIN_MESSAGES: u32 = 900;
/// Rooms by the last part of their ids.
pub const TEA: u32 = 1;
pub const SECRET: u32 = 2;
pub const NAMELESS: u32 = 3;
pub const EMPTY: u32 = 4;
pub const UNKNOWN: u32 = 5;
/// People by the same.
pub const ADA: u32 = 1;
pub const ADA_L: u32 = 2;
pub const BOB: u32 = 3;
pub const BOB_AGAIN: u32 = 4;
pub const LI: u32 = 5;
pub const EMOJI: u32 = 6;
pub const SHORT: u32 = 7;
pub const LONG: u32 = 8;
pub const LOOK_ALIKE: u32 = 9;
pub const NO_PASSWORD: u32 = 10;
pub const PLAIN_PASSWORD: u32 = 11;
pub const DEAR: u32 = 12;
pub const ZERO: u32 = 13;
pub const FUTURE: u32 = 14;
/// Somebody who is not there any more.
pub const GONE: u32 = 99;

pub fn user(number: u32) -> String {
    format!("aaaaaaaa-0000-4000-8000-{number:012}")
}

pub fn room(number: u32) -> String {
    format!("bbbbbbbb-0000-4000-8000-{number:012}")
}

/// Fills a database.
pub fn fill(database: &mut Database) {
    database.run(TABLES);
    users(database);
    rooms(database);
    messages(database);
}

fn insert(database: &mut Database, into: &str, rows: Vec<Vec<Value>>) {
    let marks = vec!["?"; rows[0].len()].join(", ");
    let rows = rows.into_iter().map(Params::Positional);
    let sql = format!("INSERT INTO {into} VALUES ({marks})");
    database.conn.exec_batch(sql, rows).unwrap();
}

/// When people came of whom nothing else is said.
const CAME: Option<&str> = Some("2023-05-06 07:08:09");

/// A number, a username, an address, a hash and a time.
type Person = (
    u32,
    &'static str,
    Option<&'static str>,
    Option<&'static str>,
    Option<&'static str>,
);

#[rustfmt::skip]
const PEOPLE: [Person; 14] = [
    (ADA, "ada", Some("ada@example.org"), Some(BY_NODE), Some("2022-01-02 03:04:05")),
    (ADA_L, "Ada L.", Some("al@example.org"), Some(BY_PYTHON), CAME),
    (BOB, "bob", None, Some(BY_HTPASSWD), Some("2022-02-02 00:00:00")),
    (BOB_AGAIN, "BOB", Some("ADA@example.org"), Some(BY_NODE), CAME),
    (LI, "李小龍", Some("li@example.org"), Some(BY_NODE), CAME),
    (EMOJI, "😀 😀", Some("not an address"), Some(BY_NODE), CAME),
    (SHORT, "x", Some(""), Some(BY_NODE), CAME),
    (LONG, "Maximilian, the third of his name and the first of these tables", Some("long@example.org"), Some(BY_NODE), CAME),
    // The first letter is Cyrillic.
    (LOOK_ALIKE, "аda", Some("other@example.org"), Some(BY_NODE), CAME),
    (NO_PASSWORD, "nopassword", Some("no@example.org"), None, CAME),
    (PLAIN_PASSWORD, "plain", Some("plain@example.org"), Some("hunter2"), CAME),
    (DEAR, "dear", Some("dear@example.org"), Some(TOO_DEAR), CAME),
    (ZERO, "zero", Some("zero@example.org"), Some(BY_NODE), Some("0000-00-00 00:00:00")),
    (FUTURE, "future", Some("future@example.org"), Some(BY_NODE), Some("2199-01-01 00:00:00")),
];

fn users(database: &mut Database) {
    let odd = PEOPLE.map(|(number, name, email, password, at)| {
        vec![
            user(number).into(),
            name.into(),
            email.into(),
            password.into(),
            at.into(),
        ]
    });
    let plain = (20..60).map(|number| {
        let email = format!("user{number}@example.org");
        let name = format!("user{number}");
        vec![
            user(number).into(),
            name.into(),
            email.into(),
            BY_NODE.into(),
            CAME.into(),
        ]
    });
    let into = "users (id, username, email, password, createdAt)";
    insert(database, into, odd.into_iter().chain(plain).collect());
}

fn rooms(database: &mut Database) {
    let at = "2023-06-01 00:00:00";
    let (long_name, long_text) = ("Tea ".repeat(40), "description ".repeat(60));
    let rows = [
        (
            TEA,
            Some("Tea room"),
            Some("For tea."),
            Some(0),
            Some(user(ADA)),
            Some(at),
        ),
        (
            SECRET,
            Some("Secret"),
            None,
            Some(1),
            Some(user(BOB)),
            Some(at),
        ),
        (
            NAMELESS,
            Some(""),
            Some(long_text.as_str()),
            Some(0),
            Some(user(GONE)),
            Some("0000-00-00 00:00:00"),
        ),
        (
            EMPTY,
            Some(long_name.as_str()),
            Some(""),
            Some(0),
            None,
            None,
        ),
        (
            UNKNOWN,
            Some("Who may come?"),
            None,
            None,
            Some(user(LI)),
            Some(at),
        ),
    ];
    let rows = rows.map(|(number, name, text, is_private, by, at)| {
        vec![
            room(number).into(),
            name.into(),
            text.into(),
            is_private.into(),
            by.into(),
            at.into(),
        ]
    });
    let into = "rooms (id, name, description, isPrivate, createdBy, createdAt)";
    insert(database, into, rows.into());

    // The creator of the tea room is no member of it, as far as the table knows.
    let mut members = vec![
        (user(BOB), room(TEA)),
        (user(LI), room(TEA)),
        (user(LI), room(TEA)),
        (user(BOB), room(SECRET)),
        (user(ADA), room(SECRET)),
        (user(ADA_L), room(NAMELESS)),
        (user(GONE), room(TEA)),
        (user(ADA), room(GONE)),
    ];
    members.extend((20..60).map(|number| (user(number), room(TEA))));
    let members = members.into_iter();
    let rows = members.map(|(user, room)| vec![user.into(), room.into(), at.into()]);
    insert(
        database,
        "RoomMembers (userId, roomId, createdAt)",
        rows.collect(),
    );

    let invites = [
        (TEA, ADA, Some("tea-old"), "2023-06-02 00:00:00"),
        (TEA, ADA, Some("tea-2024"), "2024-06-02 00:00:00"),
        (SECRET, BOB, Some("S3cret.code_"), "2023-06-02 00:00:00"),
        (NAMELESS, GONE, Some("with space"), "2023-06-02 00:00:00"),
        (EMPTY, GONE, None, "2023-06-02 00:00:00"),
        (UNKNOWN, LI, Some("tea-old"), "2023-06-03 00:00:00"),
        (GONE, ADA, Some("nowhere"), "2023-06-02 00:00:00"),
    ];
    let rows = invites.map(|(place, by, code, at)| {
        vec![room(place).into(), user(by).into(), code.into(), at.into()]
    });
    let into = "room_invites (roomId, createdBy, inviteCode, createdAt)";
    insert(database, into, rows.into());
}

fn messages(database: &mut Database) {
    let row = |place: u32, by: Option<u32>, content: Option<&str>, at: Option<String>| {
        let by = by.map(user);
        vec![room(place).into(), by.into(), content.into(), at.into()]
    };
    // Ten a second, and stored from the newest to the oldest.
    let mut rows: Vec<_> = (0..PLAIN_MESSAGES)
        .rev()
        .map(|number| {
            let (minute, second) = (number / 600, number / 10 % 60);
            let at = format!("2024-01-01 00:{minute:02}:{second:02}");
            let by = [ADA, BOB, LI, 20 + number % 40][(number % 4) as usize];
            row(
                TEA,
                Some(by),
                Some(&format!("message {number:04}")),
                Some(at),
            )
        })
        .collect();
    let late = || Some("2024-02-01 00:00:00".to_owned());
    let paragraph = format!("{}\n", "word ".repeat(200));
    let odd = [
        (TEA, Some(ADA), Some("no time"), None),
        (
            TEA,
            Some(ADA),
            Some("zero time"),
            Some("0000-00-00 00:00:00".to_owned()),
        ),
        (
            TEA,
            Some(ADA),
            Some("to come"),
            Some("2199-01-01 00:00:00".to_owned()),
        ),
        (TEA, Some(GONE), Some("I was here"), late()),
        (TEA, None, Some("nobody's"), late()),
        (TEA, Some(BOB), None, late()),
        (TEA, Some(BOB), Some(" \u{200b} "), late()),
        (TEA, Some(LI), Some(&*paragraph.repeat(9)), late()),
        (TEA, Some(LI), Some("😀 <b>\u{7}\u{202e}</b>"), late()),
        (SECRET, Some(BOB), Some("psst"), late()),
        (NAMELESS, Some(ADA_L), Some("hello?"), late()),
        (GONE, Some(ADA), Some("in no room"), late()),
        (GONE, Some(ADA), Some("nor this"), late()),
    ];
    rows.extend(odd.map(|(place, by, content, at)| row(place, by, content, at)));
    insert(
        database,
        "messages (roomId, userId, content, createdAt)",
        rows,
    );
}
