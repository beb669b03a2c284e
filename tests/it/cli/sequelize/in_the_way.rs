//! What keeps a database from being taken over.

use super::mariadb::{self, MariaDb};
use super::way::{End, Way};
use super::{fixture, place};
use std::net::TcpListener;

#[test]
fn what_is_in_the_way_is_said_in_one_sentence_and_nothing_is_changed() {
    let place = place();
    let mut database = MariaDb::get().database("in_the_way");
    let (url, port, reader) = (database.url(), database.port, mariadb::READER);
    let nobody = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let refused = |url: &str, args: &str, code: i32, said: &[&str]| {
        let ran = place.take_over(url, args);
        ran.ended(code, said);
        let text = format!("{}{}", ran.stdout, ran.stderr);
        for secret in [mariadb::PASSWORD, mariadb::PASSWORD_IN_URL, "s3cr3t"] {
            assert!(!text.contains(secret), "{text}");
        }
        assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
        assert!(!place.data.exists());
    };
    refused(
        "https://x:s3cr3t@example.org/",
        "",
        2,
        &["mysql://user:password@host:3306/database"],
    );
    refused("mysql://x:s3/cr3t@localhost/chat", "", 2, &["%2F"]);
    refused("mysql://localhost/chat", "", 2, &["names no user"]);
    refused("mysql://x:s3cr3t@localhost", "", 2, &["names no database"]);
    refused(
        &database.url_by(nobody),
        "",
        1,
        &["cannot be reached at 127.0.0.1", "see that it runs"],
    );
    let wrong = format!("mysql://{reader}:s3cr3t@127.0.0.1:{port}/in_the_way");
    refused(
        &wrong,
        "",
        1,
        &["does not let \"reader\" in", "CHATD_IMPORT_PASSWORD"],
    );
    let elsewhere = url.replace("/in_the_way", "/not_there");
    refused(&elsewhere, "", 1, &["\"not_there\""]);
    refused(&url, "--tls", 1, &["has no TLS", "--tls"]);
    refused(
        &url,
        "",
        1,
        &[
            "there is no table \"users\"",
            "no table \"messages\"",
            "GRANT SELECT",
        ],
    );
    database.run("CREATE TABLE users (id INTEGER, email TEXT, username TEXT)");
    refused(
        &url,
        "",
        1,
        &["the table \"users\" has no column \"password\""],
    );
    database.run("DROP TABLE users");
    fixture::fill(&mut database);
    database.run("CREATE TABLE Users (id INTEGER)");
    refused(&url, "", 1, &["two tables", "\"Users\"", "\"users\""]);
    database.run("DROP TABLE Users");
    // What it may not read is not there for it.
    database.run(&format!(
        "REVOKE SELECT ON in_the_way.* FROM {reader}@'%';\nGRANT SELECT ON in_the_way.users TO {reader}@'%'"
    ));
    refused(
        &url,
        "",
        1,
        &["no table \"rooms\"", "GRANT SELECT ON in_the_way.*"],
    );
    database.run(&format!("GRANT SELECT ON in_the_way.* TO {reader}@'%'"));
    let cut = Way::to(port, End::Cut(60_000));
    refused(
        &database.url_by(cut.port),
        "",
        1,
        &["was lost while messages", "nothing was changed"],
    );
    // All of that mended, it goes.
    place.take_over(&url, "").ended(0, &["Imported"]);
}
