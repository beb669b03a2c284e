//! A chat whose tables have other names and other ids.

use super::fixture::{BY_NODE, PASSWORD};
use super::mariadb::{self, MariaDb};
use super::{Ran, contents, json, place};

/// The same chat as another project writes it: other names, numbers and bytes for ids, no more than
/// what is needed, and messages that are deleted by a mark.
const OTHER_TABLES: &str = "
CREATE TABLE Users (id INTEGER AUTO_INCREMENT PRIMARY KEY, Username VARCHAR(40), email VARCHAR(100),
  password_hash CHAR(60), created_at DATETIME(3));
CREATE TABLE Rooms (id BINARY(16) PRIMARY KEY, name VARCHAR(100), is_private BIT(1), created_by INTEGER);
CREATE TABLE room_members (user_id INTEGER, room_id BINARY(16), role VARCHAR(10), joined_at TIMESTAMP);
CREATE TABLE Messages (id BIGINT PRIMARY KEY, user_id INTEGER, room_id BINARY(16), content TEXT CHARACTER SET latin1,
  message_type VARCHAR(20), created_at DATETIME(6), deleted_at DATETIME);
INSERT INTO Users VALUES (7, 'ada', 'ada@example.org', '@@', '2022-01-02 03:04:05.678'),
  (8, 'bob', 'bob@example.org', '@@', '2022-01-02 03:04:05.679');
INSERT INTO Rooms VALUES (UNHEX('0123456789ABCDEF0123456789ABCDEF'), 'Tea room', b'1', 7);
INSERT INTO room_members VALUES (8, UNHEX('0123456789ABCDEF0123456789ABCDEF'), 'admin', '2022-02-02 00:00:00');
INSERT INTO Messages VALUES
  (3, 8, UNHEX('0123456789ABCDEF0123456789ABCDEF'), 'grüezi', 'Text', '2022-03-03 00:00:00.000002', NULL),
  (4, 7, UNHEX('0123456789ABCDEF0123456789ABCDEF'), 'hello', 'image', '2022-03-03 00:00:00.000001', NULL),
  (5, 7, UNHEX('0123456789ABCDEF0123456789ABCDEF'), 'oh no', NULL, '2022-03-04 00:00:00', '2022-03-05 00:00:00');
";

#[test]
fn other_names_and_other_ids_come_over_the_same_way_each_time() {
    let mut database = MariaDb::get().database("other_names");
    database.run(&OTHER_TABLES.replace("@@", BY_NODE));
    let (place, other) = (place(), super::place());
    let ran = place.take_over(&database.url(), "");
    ran.ended(
        0,
        &[
            "no table \"room",
            "Imported 2 accounts, 1 room, 3 messages.",
        ],
    );
    // By its socket, and with the password beside the URL.
    let socket = MariaDb::get().socket();
    let url = format!(
        "mysql://{}@localhost/other_names?socket={}",
        mariadb::READER,
        socket.display()
    );
    let mut command = other.command(["import-sequelize", &url]);
    std::fs::write(
        other.root.path().join("password"),
        format!("{}\n", mariadb::PASSWORD),
    )
    .unwrap();
    let ran = Ran::from(
        command
            .env("CHATD_IMPORT_PASSWORD__FILE", "password")
            .output()
            .unwrap(),
    );
    ran.ended(0, &["Imported 2 accounts"]);
    assert_eq!(place.rows(), other.rows());

    let server = place.serve();
    let (ada, bob) = (server.token("ada", PASSWORD), server.token("bob", PASSWORD));
    let tea = "01234567-89ab-cdef-0123-456789abcdef";
    let all = server.history(&bob, tea);
    assert_eq!(contents(&all), ["hello", "grüezi", ""]);
    assert_eq!(all[2]["deletedAt"], "2022-03-05T00:00:00.000Z");
    assert_eq!(
        (&all[0]["messageType"], &all[1]["messageType"]),
        (&json!("image"), &json!("text"))
    );
    let me = server.request("GET /api/users/me", Some(&ada), None).body;
    assert_eq!(me["createdAt"], "2022-01-02T03:04:05.678Z");
    let line = format!("GET /api/rooms/{tea}");
    let room = server.request(&line, Some(&bob), None).body;
    assert_eq!(
        (&room["role"], &room["isPrivate"]),
        (&json!("admin"), &json!(true))
    );
    assert_eq!(room["createdBy"], me["id"]);
    server.stop();
}
