//! `chatd import-sequelize`, on a real MariaDB.

mod address;
mod fixture;
mod in_the_way;
mod killed;
mod kinds;
mod mariadb;
mod other_names;
mod tls;
mod way;

use super::{Place, Ran, Running, Value, json, place};
use fixture::{
    ADA, ADA_L, BOB, EMOJI, EMPTY, LI, LOOK_ALIKE, NAMELESS, PASSWORD, PLAIN_MESSAGES, SECRET,
    SHORT, TEA, UNKNOWN, room, user,
};
use mariadb::{Database, MariaDb};
use rusqlite::Connection;
use std::cmp::Reverse;

/// Messages of the fixture in rooms that are there.
const MESSAGES: u64 = PLAIN_MESSAGES as u64 + 11;
/// One of them becomes three.
const MORE: u64 = 2;
/// Accounts of the fixture, and one for those who are gone.
const ACCOUNTS: u64 = 54 + 1;
const ROOMS: u64 = 5;

impl Place {
    /// Takes a database over.
    fn take_over(&self, url: &str, args: &str) -> Ran {
        let args = args.split(' ').filter(|arg| !arg.is_empty());
        let args = ["import-sequelize", url].into_iter().chain(args);
        self.command(args).output().unwrap().into()
    }

    /// Everything that the data folder knows, to see whether something has changed.
    fn rows(&self) -> Vec<String> {
        let database = Connection::open(self.data.join("chatd.db")).unwrap();
        let mut rows = Vec::new();
        for table in ["users", "rooms", "room_members", "room_invites", "messages"] {
            let mut statement = database
                .prepare(&format!("SELECT * FROM {table} ORDER BY 1, 2"))
                .unwrap();
            let columns = statement.column_count();
            let mut found = statement.query([]).unwrap();
            while let Some(row) = found.next().unwrap() {
                let values = (0..columns).map(|at| format!("{:?}", row.get_ref(at).unwrap()));
                rows.push(format!("{table} {}", values.collect::<Vec<_>>().join(" ")));
            }
        }
        rows
    }

    fn password_of(&self, name: &str) -> String {
        let database = Connection::open(self.data.join("chatd.db")).unwrap();
        let sql = "SELECT password FROM users WHERE username = ?1";
        database.query_row(sql, [name], |row| row.get(0)).unwrap()
    }
}

impl Running {
    /// Signs somebody in whose token it is.
    fn token(&self, name: &str, password: &str) -> String {
        let body = json!({ "username": name, "password": password });
        let answer = self.request("POST /api/auth/login", None, Some(&body));
        assert_eq!(answer.status, 200, "{name}: {}", answer.body);
        answer.body["token"].as_str().unwrap().to_owned()
    }

    /// All messages of a room.
    fn history(&self, token: &str, room: &str) -> Vec<Value> {
        let mut all: Vec<Value> = Vec::new();
        loop {
            let last = all.last().map_or(0, |last| last["seq"].as_i64().unwrap());
            let line = format!("GET /api/rooms/{room}/messages?after={last}&limit=200");
            let page = self.request(&line, Some(token), None);
            assert_eq!(page.status, 200, "{}", page.body);
            all.extend(page.body["messages"].as_array().unwrap().iter().cloned());
            if page.body["hasAfter"] != true {
                return all;
            }
        }
    }
}

fn filled(name: &str) -> Database {
    let mut database = MariaDb::get().database(name);
    fixture::fill(&mut database);
    database
}

/// What a report says of a kind of thing: how many there are, and what was said of each.
fn notes<'a>(report: &'a Value, kind: &str) -> (u64, Vec<&'a str>) {
    let groups = report["notes"].as_array().unwrap();
    let group = groups.iter().find(|group| group["kind"] == kind);
    let group = group.unwrap_or_else(|| panic!("no {kind}: {report}"));
    let notes = group["notes"].as_array().unwrap().iter();
    let told = notes.map(|note| note["what"].as_str().unwrap()).collect();
    (group["count"].as_u64().unwrap(), told)
}

fn contents(messages: &[Value]) -> Vec<&str> {
    let content = |message: &'_ Value| message["content"].as_str().map(|_| ());
    assert!(messages.iter().all(|message| content(message).is_some()));
    messages
        .iter()
        .map(|message| message["content"].as_str().unwrap())
        .collect()
}

#[test]
fn people_sign_in_with_their_old_passwords_which_are_then_kept_in_the_new_way() {
    let (place, database) = (place(), filled("passwords"));
    place.take_over(&database.url(), "").ended(0, &["Imported"]);
    for (name, mark) in [("ada", "$2b$"), ("ada_l", "$2a$"), ("bob", "$2y$")] {
        let hash = place.password_of(name);
        assert!(hash.starts_with(mark), "{name}: {hash}");
    }
    let server = place.serve();
    for name in ["ada", "ada_l", "bob"] {
        assert_eq!(server.sign_in(name, "wrong horse"), 401, "{name}");
        server.token(name, PASSWORD);
        let hash = place.password_of(name);
        assert!(hash.starts_with("$argon2id$"), "{name}: {hash}");
        server.token(name, PASSWORD);
    }
    // By the old address as well, and not at all where there is no password that can be checked.
    server.token("al@example.org", PASSWORD);
    for name in ["nopassword", "plain", "dear", "former_member"] {
        for password in [PASSWORD, "hunter2", "!", ""] {
            assert_eq!(server.sign_in(name, password), 401, "{name}");
        }
    }
    server.stop();
}

#[test]
fn rooms_come_with_their_messages_by_time_and_stay_as_private_as_they_were() {
    let (place, database) = (place(), filled("rooms_and_messages"));
    place.take_over(&database.url(), "").ended(0, &[]);
    let server = place.serve();
    let (ada, user20) = (
        server.token("ada", PASSWORD),
        server.token("user20", PASSWORD),
    );

    let all = server.history(&ada, &room(TEA));
    let seqs: Vec<_> = all
        .iter()
        .map(|message| message["seq"].as_u64().unwrap())
        .collect();
    assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>());
    let times: Vec<_> = all
        .iter()
        .map(|message| message["createdAt"].as_str().unwrap())
        .collect();
    assert!(times.is_sorted(), "{times:?}");
    // What has no time stands first, with the time of the first that has one; within a second the
    // number in the table decides.
    let mut plain: Vec<_> = (0..PLAIN_MESSAGES).collect();
    plain.sort_by_key(|number| (number / 10, Reverse(*number)));
    let plain: Vec<_> = plain
        .iter()
        .map(|number| format!("message {number:04}"))
        .collect();
    let said = contents(&all);
    assert_eq!(said[..2], ["no time", "zero time"]);
    assert_eq!(said[2..2 + plain.len()], plain);
    assert_eq!(times[0], "2024-01-01T00:00:00.000Z");
    let late = &all[2 + plain.len()..];
    let long = "word ".repeat(200);
    let piece = format!("{long}\n{long}\n{}", long.trim_end());
    let empty = "";
    let expected: [&str; 9] = [
        "I was here",
        "nobody's",
        empty,
        empty,
        &piece,
        &piece,
        &piece,
        "😀 <b>\u{7}\u{202e}</b>",
        "to come",
    ];
    assert_eq!(contents(late), expected);
    assert_eq!(late[0]["displayName"], "Former member");
    assert_eq!(late[1]["username"], "former_member");
    for empty in &late[2..4] {
        assert!(empty["deletedAt"].is_string(), "{empty}");
    }
    assert!(times[times.len() - 1] < "2199", "{times:?}");

    // Everything counts as read, and goes on from there.
    let rooms = server.request("GET /api/rooms", Some(&user20), None);
    let tea = &rooms.body["rooms"][0];
    assert_eq!((&tea["id"], &tea["unread"]), (&json!(room(TEA)), &json!(0)));
    let line = format!("POST /api/rooms/{}/messages", room(TEA));
    let said = server.request(&line, Some(&user20), Some(&json!({ "content": "new" })));
    assert_eq!(said.body["seq"], all.len() + 1, "{}", said.body);

    // Private rooms are there for their members only, and so is one of which it cannot be known.
    let status = |token: &str, number: u32| {
        let line = format!("GET /api/rooms/{}", room(number));
        server.request(&line, Some(token), None).status
    };
    assert_eq!((status(&ada, SECRET), status(&user20, SECRET)), (200, 404));
    assert_eq!(
        (status(&ada, UNKNOWN), status(&user20, UNKNOWN)),
        (404, 404)
    );
    assert_eq!(contents(&server.history(&ada, &room(SECRET))), ["psst"]);
    let public = server.request("GET /api/rooms?scope=public", Some(&user20), None);
    assert_eq!(
        public.body["rooms"].as_array().unwrap().len(),
        3,
        "{}",
        public.body
    );

    // Each room has an owner, who is in it.
    let owner = |number: u32| {
        let line = format!("GET /api/rooms/{}", room(number));
        let body = server.request(&line, Some(&user20), None).body;
        body["createdBy"].as_str().unwrap().to_owned()
    };
    assert_eq!((owner(TEA), owner(NAMELESS)), (user(ADA), user(ADA_L)));
    assert_ne!(owner(EMPTY), user(ADA));
    let line = format!("GET /api/rooms/{}", room(TEA));
    let tea = server.request(&line, Some(&ada), None).body;
    assert_eq!(
        (&tea["role"], &tea["memberCount"]),
        (&json!("admin"), &json!(43))
    );
    server.stop();
}

#[test]
fn old_invites_let_people_in() {
    let (place, database) = (place(), filled("invites"));
    place.take_over(&database.url(), "").ended(0, &[]);
    let server = place.serve();
    let user20 = server.token("user20", PASSWORD);
    let join = |code: &str| {
        let line = format!("POST /api/rooms/invites/{code}/join");
        server.request(&line, Some(&user20), None)
    };
    let joined = join("S3cret.code_");
    assert_eq!(joined.status, 200, "{}", joined.body);
    assert_eq!(joined.body["room"]["id"], room(SECRET));
    assert_eq!(contents(&server.history(&user20, &room(SECRET))), ["psst"]);
    // A room may have had several.
    let join = |name: &str, code: &str| {
        let token = server.register(name, "longenough");
        let line = format!("POST /api/rooms/invites/{code}/join");
        server.request(&line, Some(&token), None).status
    };
    assert_eq!(join("eve", "nowhere"), 404);
    assert_eq!(join("fay", "tea-old"), 200);
    assert_eq!(join("gil", "tea-2024"), 200);
    server.stop();
}

#[test]
fn what_cannot_be_kept_as_it_was_is_told() {
    let (place, database) = (place(), filled("told"));
    let ran = place.take_over(&database.url(), "--json");
    ran.ended(
        0,
        &[
            "Usernames that chatd does not allow were changed",
            "\"Ada L.\" → \"ada_l\"",
            "and 1 more; --json tells them",
            "Imported 55 accounts, 5 rooms, 913 messages.",
        ],
    );
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    let count = |of: &str| report[of].as_u64().unwrap();
    assert_eq!(
        (count("users"), count("rooms"), count("messages")),
        (ACCOUNTS, ROOMS, MESSAGES + MORE)
    );
    let (changed, names) = notes(&report, "username_changed");
    assert_eq!(changed, 6);
    for name in [
        "\"BOB\" → \"bob_2\"",
        "\"x\" → \"user_x\"",
        "\"😀 😀\" → \"user\"",
        "\"аda\" → \"user_da\"",
    ] {
        assert!(names.contains(&name), "{name}: {names:?}");
    }
    for (kind, number) in [
        ("email_replaced", 4),
        ("password_unusable", 3),
        ("account_disabled", 1),
        ("room_changed", 8),
        ("member_left_out", 3),
        ("invite_left_out", 4),
        ("message_of_nobody", 2),
        ("message_empty", 2),
        ("message_split", 1),
        ("message_left_out", 2),
        ("time_mended", 7),
    ] {
        let (count, told) = notes(&report, kind);
        assert_eq!(count, number, "{kind}: {told:?}");
    }
    // The old name is what others see, as far as it may be.
    let accounts = place.list();
    let shown = |number: u32| {
        let mut accounts = accounts.iter();
        let found = accounts.find(|account| account["id"] == user(number));
        found.unwrap()["displayName"].as_str().unwrap()
    };
    assert_eq!(
        [ADA_L, EMOJI, SHORT, LOOK_ALIKE, LI, BOB].map(shown),
        ["Ada L.", "😀 😀", "x", "аda", "李小龍", "bob"]
    );
    // What it tells shows no password, nor what is kept of one.
    for text in [&ran.stdout, &ran.stderr] {
        for secret in [
            mariadb::PASSWORD,
            mariadb::PASSWORD_IN_URL,
            "$2b$",
            "hunter2",
        ] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}

#[test]
fn a_dry_run_tells_the_same_and_changes_nothing() {
    let (place, database) = (place(), filled("dry_run"));
    let dry = place.take_over(&database.url(), "--dry-run --json");
    dry.ended(
        0,
        &[
            "Ada L.",
            "This would import 55 accounts, 5 rooms, 913 messages.",
        ],
    );
    assert!(!place.data.exists());
    let did = place.take_over(&database.url(), "--json");
    let [dry, did] = [dry, did].map(|ran| serde_json::from_str::<Value>(&ran.stdout).unwrap());
    assert_eq!(
        (&dry["dryRun"], &did["dryRun"]),
        (&json!(true), &json!(false))
    );
    // Times that are yet to come become the time of the run.
    for kind in ["username_changed", "message_split", "room_changed"] {
        assert_eq!(notes(&dry, kind), notes(&did, kind));
    }
    let before = place.rows();
    place
        .take_over(&database.url(), "--dry-run")
        .ended(4, &["already", "--skip-existing"]);
    place
        .take_over(&database.url(), "--dry-run --skip-existing")
        .ended(0, &["Nothing was changed"]);
    assert_eq!(place.rows(), before);
}

#[test]
fn a_second_run_is_refused_or_changes_nothing() {
    let (place, database) = (place(), filled("second_run"));
    // The server may run meanwhile.
    let server = place.serve();
    place.take_over(&database.url(), "").ended(0, &[]);
    server.token("ada", PASSWORD);
    let before = place.rows();
    place
        .take_over(&database.url(), "")
        .ended(4, &["5 rooms", "already", "--skip-existing"]);
    let again = place.take_over(&database.url(), "--skip-existing --json");
    again.ended(0, &["Imported 0 accounts (55 more there already), 0 rooms (5 more there already), 0 messages."]);
    let report: Value = serde_json::from_str(&again.stdout).unwrap();
    assert_eq!(
        (&report["knownUsers"], &report["knownRooms"]),
        (&json!(55), &json!(5))
    );
    assert_eq!(place.rows(), before);
    server.stop();
}
