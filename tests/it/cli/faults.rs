//! Faults of the server: its log says what is wrong, and nobody else is told.

use super::{Place, place};
use rusqlite::Connection;

/// Takes a table away behind the server's back.
fn drop_table(place: &Place, table: &str) {
    let database = Connection::open(place.data.join("chatd.db")).unwrap();
    let drop = format!("PRAGMA foreign_keys = OFF; DROP TABLE {table}");
    database.execute_batch(&drop).unwrap();
}

#[test]
fn why_a_command_failed_is_in_the_servers_log_and_nowhere_else() {
    let place = place();
    let server = place.serve();
    place.add("ada", "longenough");
    drop_table(&place, "users");
    for command in ["list", "disable ada"] {
        let before = server.log().matches("no such table").count();
        let failed = place.run(&format!("user {command}"));
        failed.ended(1, &["the server's log"]);
        assert!(!failed.stderr.contains("table"), "{}", failed.stderr);
        let log = server.log();
        assert_eq!(
            log.matches("no such table: users").count(),
            before + 1,
            "{log}"
        );
    }
    server.stop();
}

#[test]
fn why_a_command_failed_without_a_server_is_said_by_the_command() {
    let place = place();
    place.add("ada", "longenough");
    drop_table(&place, "users");
    let failed = place.run("user list");
    failed.ended(1, &["no such table: users"]);
}

#[test]
fn why_housekeeping_failed_is_in_the_log() {
    let place = place();
    place.add("ada", "longenough");
    drop_table(&place, "sessions");
    let server = place.serve();
    let line = server.logged(&["housekeeping"]);
    assert!(line.contains("no such table: sessions"), "{line}");
    server.stop();
}
