//! Upgrades: a database of each schema that was ever released comes up, and what it was before is kept.

use super::{Place, Value, json, mode, place};
use rusqlite::Connection;
use rustix::process::geteuid;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};

/// The passwords of the accounts in the databases of earlier schemas.
const PASSWORD: &str = "correct horse battery";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The numbers of all migrations.
fn schemas() -> Vec<u32> {
    let folder = root().join("src/store/migrations/sqlite");
    let mut numbers: Vec<u32> = folder
        .read_dir()
        .unwrap()
        .map(|file| {
            let name = file.unwrap().file_name().into_string().unwrap();
            let number = name.strip_prefix('V').unwrap().split_once("__").unwrap().0;
            number.parse().unwrap()
        })
        .collect();
    numbers.sort_unstable();
    numbers
}

/// Makes the data folder of a database that is written down as SQL.
fn make(place: &Place, sql: &str) -> PathBuf {
    std::fs::create_dir(&place.data).unwrap();
    let path = place.data.join("chatd.db");
    let database = Connection::open(&path).unwrap();
    database
        .execute_batch("PRAGMA journal_mode = WAL; PRAGMA foreign_keys = OFF")
        .unwrap();
    database.execute_batch(sql).unwrap();
    database.close().unwrap();
    path
}

/// The copies that are kept, by name.
fn kept(place: &Place) -> Vec<PathBuf> {
    let entries = place.data.join("backups").read_dir();
    let mut kept: Vec<_> = entries
        .map(|entries| entries.map(|entry| entry.unwrap().path()).collect())
        .unwrap_or_default();
    kept.sort();
    kept
}

#[test]
fn a_database_of_each_schema_comes_up_with_all_that_is_in_it() {
    for schema in schemas() {
        // Written down by a chatd of that time: whoever adds a migration adds one more, and changes none.
        let name = format!("tests/it/cli/upgrade/schema-{schema}.sql");
        let sql = std::fs::read_to_string(root().join(&name));
        let sql = sql.unwrap_or_else(|_| panic!("there is no {name}"));
        let place = place();
        make(&place, &sql);
        let server = place.serve();
        let newest = *schemas().last().unwrap();
        assert_eq!(kept(&place).len(), usize::from(schema < newest));
        let body = json!({ "username": "ada", "password": PASSWORD });
        let ada = server.request("POST /api/auth/login", None, Some(&body));
        assert_eq!(ada.status, 200, "{}", ada.body);
        let token = ada.body["token"].as_str();
        let rooms = server.request("GET /api/rooms?scope=mine", token, None);
        let rooms = rooms.body["rooms"].as_array().unwrap().clone();
        let room = |name: &str| {
            let room = rooms.iter().find(|room| room["name"] == name).unwrap();
            room["id"].as_str().unwrap().to_owned()
        };
        let (tea, attic) = (room("Tea room"), room("Attic"));
        let get = |path: String| server.request(&format!("GET /api/rooms/{path}"), token, None);
        let history = get(format!("{tea}/messages")).body;
        let messages = history["messages"].as_array().unwrap();
        let content: Vec<_> = messages.iter().map(|one| &one["content"]).collect();
        assert_eq!(
            content,
            ["Hello, Bob!", "Hello, Ada. «Grüße» 🫖", "typo", ""]
        );
        assert_eq!(messages[1]["replyTo"], messages[0]["id"]);
        assert_ne!(messages[2]["editedAt"], Value::Null);
        assert_ne!(messages[3]["deletedAt"], Value::Null);
        assert_eq!(get(format!("{tea}/bans")).status, 200);
        assert_eq!(get(format!("{attic}/invites")).status, 200);
        server.stop();
        place
            .run("backup chat.backup")
            .ended(0, &["3 accounts, 2 rooms, 5 messages"]);
        place
            .run("backup --verify chat.backup")
            .ended(0, &["sound"]);
    }
}

/// A database from before the first schema, with something in it.
const OLD: &str = "CREATE TABLE keepsake (text TEXT NOT NULL);
    INSERT INTO keepsake VALUES ('a pressed flower');
    CREATE TABLE refinery_schema_history (version int4 PRIMARY KEY, name VARCHAR(255), applied_on VARCHAR(255),
      checksum VARCHAR(255));";

#[test]
fn what_a_database_was_before_its_upgrade_is_kept_three_times_at_most() {
    let place = place();
    let path = make(&place, OLD);
    let original = std::fs::read(&path).unwrap();
    let mut all = Vec::new();
    for round in 1..=5 {
        std::fs::write(&path, &original).unwrap();
        place.run("user list").ended(0, &["no accounts"]);
        let kept = kept(&place);
        assert_eq!(kept.len(), round.min(3), "{kept:?}");
        let newest = kept.last().unwrap().clone();
        assert!(!all.contains(&newest));
        all.push(newest);
        assert_eq!(kept, all[all.len() - kept.len()..]);
    }
    assert_eq!(mode(&place.data.join("backups")), 0o700);
    for copy in kept(&place) {
        assert_eq!(mode(&copy), 0o600);
        let copy = Connection::open(copy).unwrap();
        let text: String = copy
            .query_row("SELECT text FROM keepsake", [], |row| row.get(0))
            .unwrap();
        assert_eq!(text, "a pressed flower");
        assert!(!copy.table_exists(None, "users").unwrap());
    }
}

#[test]
fn a_new_database_and_one_that_is_up_to_date_need_no_copy() {
    let place = place();
    place.add("ada", "longenough");
    place.add("bob", "longenough");
    assert!(!place.data.join("backups").exists());
}

#[test]
fn an_upgrade_that_fails_changes_nothing_and_pushes_no_copy_out() {
    let place = place();
    // A table that the migration wants to make is there already.
    let path = make(&place, &format!("{OLD} CREATE TABLE rooms (door TEXT);"));
    let folder = place.data.join("backups");
    std::fs::create_dir(&folder).unwrap();
    for year in 2021..=2023 {
        let name = format!("schema-0-{year}0102T030405.678Z.db");
        std::fs::write(folder.join(name), "what was before").unwrap();
    }
    let before = kept(&place);
    for _ in 0..2 {
        let failed = place.run("serve --listen 127.0.0.1:0");
        failed.ended(1, &["could not be brought up to date"]);
        assert_eq!(kept(&place), before);
        let database = Connection::open(&path).unwrap();
        assert!(!database.table_exists(None, "users").unwrap());
        assert!(database.table_exists(None, "keepsake").unwrap());
    }
}

#[test]
fn no_upgrade_happens_where_no_copy_can_be_kept() {
    let place = place();
    let path = make(&place, OLD);
    std::fs::write(place.data.join("backups"), "no folder").unwrap();
    let refused = place.run("user list");
    refused.ended(1, &["brought up to date", "could not be kept", "backups"]);
    let database = Connection::open(&path).unwrap();
    assert!(!database.table_exists(None, "users").unwrap());
}

#[test]
fn what_root_keeps_of_a_services_database_belongs_to_the_services_own_user() {
    /// Somebody who is not root.
    const SERVICE: u32 = 4711;
    if !geteuid().is_root() {
        return;
    }
    let place = place();
    let database = make(&place, OLD);
    for path in [&place.data, &database] {
        chown(path, Some(SERVICE), Some(SERVICE)).unwrap();
    }
    place.run("user list").ended(0, &[]);
    let kept = kept(&place);
    assert_eq!(kept.len(), 1);
    for path in kept.iter().chain([&place.data.join("backups")]) {
        assert_eq!(path.metadata().unwrap().uid(), SERVICE, "{path:?}");
    }
}
