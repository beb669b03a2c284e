//! What happens to an import that is killed in its midst.

use super::mariadb::MariaDb;
use super::way::{End, Way};
use super::{Place, fixture, place};
use crate::cli::{LOOK, START};
use rusqlite::{Connection, OpenFlags};
use std::process::Stdio;
use std::time::Instant;

/// Messages of a room, more than are on their way at once.
const MESSAGES: u32 = 6000;
const MANY: &str = "
INSERT INTO users (id, username, email, password, createdAt)
  VALUES ('@user', 'ada', 'ada@example.org', '@@', '2023-01-01 00:00:00');
INSERT INTO rooms (id, name, isPrivate, createdBy, createdAt)
  VALUES ('@room', 'Tea room', 0, '@user', '2023-01-01 00:00:00');
INSERT INTO messages (userId, roomId, content, createdAt)
  WITH RECURSIVE numbers AS (SELECT 1 AS number UNION ALL SELECT number + 1 FROM numbers WHERE number < @count)
  SELECT '@user', '@room', CONCAT(number, REPEAT(' word', 40)), '2024-01-01 00:00:00' FROM numbers;
";

/// How many messages are in the database, whoever sees them.
fn brought(place: &Place) -> i64 {
    let path = place.data.join("chatd.db");
    // It is not to be made here.
    let Ok(database) = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE) else {
        return 0;
    };
    let count = "SELECT count(*) FROM messages";
    database.query_row(count, [], |row| row.get(0)).unwrap_or(0)
}

#[test]
fn an_import_that_is_killed_shows_nothing_and_brings_everything_in_once_when_it_runs_again() {
    let mut database = MariaDb::get().database("killed");
    database.run(fixture::TABLES);
    let statements = MANY
        .replace("@@", fixture::BY_NODE)
        .replace("@user", &fixture::user(1))
        .replace("@room", &fixture::room(1))
        .replace("@count", &MESSAGES.to_string());
    database.run("SET max_recursive_iterations = 100000");
    database.run(&statements);
    let whole = place();
    let told = ["Imported 1 account, 1 room, 6,000 messages."];
    whole.take_over(&database.url(), "").ended(0, &told);

    // It reads all messages twice; the second time it gets no further than half of them.
    let dry = Way::to(database.port, End::Never);
    let elsewhere = place();
    let ran = elsewhere.take_over(&database.url_by(dry.port), "--dry-run");
    ran.ended(0, &["This would import"]);
    let half = dry.answered() * 3 / 2;

    for is_served in [false, true] {
        let place = place();
        let server = is_served.then(|| place.serve());
        let way = Way::to(database.port, End::StandStill(half));
        let mut command = place.command(["import-sequelize", &database.url_by(way.port)]);
        let mut child = command.stderr(Stdio::null()).spawn().unwrap();
        let deadline = Instant::now() + START;
        while brought(&place) == 0 {
            assert!(Instant::now() < deadline, "nothing comes");
            assert!(child.try_wait().unwrap().is_none(), "it has ended");
            std::thread::sleep(LOOK);
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let amid = brought(&place);
        assert!((1..i64::from(MESSAGES)).contains(&amid), "{amid}");
        let listed = place.run("room list --json");
        assert_eq!(listed.stdout.trim(), "[]", "{}", listed.stderr);

        // The account that was made is known by then.
        let again = place.take_over(&database.url(), "");
        again.ended(
            0,
            &["0 accounts (1 more there already), 1 room, 6,000 messages."],
        );
        assert_eq!(place.rows(), whole.rows());
        if let Some(server) = server {
            server.token("ada", fixture::PASSWORD);
            server.stop();
        }
    }
}
