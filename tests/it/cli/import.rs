//! `chatd import`: what comes back, and what is refused.

mod amid;
mod at_once;
mod crowded;
mod foreign;
mod made;
mod refused;
mod steps;

use super::export::{ATTIC, INVITE, MANY, TEA, VOID, all, lines, odd};
use super::{Running, Value, json, mode, place};
use crate::harness::{Socket, Transport};
use std::os::unix::fs::FileTypeExt;
use tokio::runtime::Runtime;

/// Everything odd that there may be, exported from a place of its own.
fn odd_export() -> String {
    let place = place();
    odd(&place);
    all(&place)
}

/// What somebody signs in with.
fn signed_in(server: &Running, name: &str) -> String {
    let body = json!({ "username": name, "password": "longenough" });
    let answer = server.request("POST /api/auth/login", None, Some(&body));
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body["token"].as_str().unwrap().to_owned()
}

/// The messages of a room after a number.
fn history(server: &Running, token: &str, room: &str, after: i64) -> Vec<Value> {
    let line = format!("GET /api/rooms/{room}/messages?after={after}&limit=200");
    let answer = server.request(&line, Some(token), None);
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body["messages"].as_array().unwrap().clone()
}

#[test]
fn what_was_exported_comes_back_as_it_was() {
    let export = odd_export();
    let place = place();
    let would = place.run_with("import - --dry-run", &export);
    would.ended(
        0,
        &[
            "This would import 5 accounts, 3 rooms, 5,002 messages.",
            "Admins of the server among the accounts: 1. Nothing was changed.",
        ],
    );
    assert!(!place.data.exists());
    // What editors and shells do to the lines' ends is no harm.
    let end = export.trim_end();
    for other in [
        end.to_owned(),
        format!("{end}\n\n  \n"),
        end.replace('\n', "\r\n"),
    ] {
        place.run_with("import - --dry-run", &other).ended(
            0,
            &["This would import 5 accounts, 3 rooms, 5,002 messages."],
        );
    }
    let imported = place.run_with("import -", &export);
    imported.ended(
        0,
        &[
            "made a new data folder",
            "Imported 5 accounts, 3 rooms, 5,002 messages.",
            "Admins of the server among the accounts: 1.",
        ],
    );
    assert_eq!(imported.stdout, "");
    assert_eq!(mode(&place.data), 0o700);
    assert_eq!(lines(&all(&place)), lines(&export));
    // Nothing is wrong with what is there, by the rules for backups.
    place.run("backup chat.backup").ended(0, &["Wrote"]);
    place
        .run("backup --verify chat.backup")
        .ended(0, &["sound: 5 accounts, 3 rooms, 5,002 messages"]);
    let server = place.serve();
    let ada = signed_in(&server, "ada");
    assert_eq!(server.sign_in("eve", "longenough"), 401);
    assert_eq!(server.sign_in("lone", "longenough"), 401);
    let messages = history(&server, &ada, TEA, 0);
    assert_eq!(messages[0]["content"], "number 1 of many");
    assert_eq!(messages[3]["content"], "");
    assert!(messages[3]["deletedAt"].is_string());
    // The invite has let one in, and lets four more in; what was over is over.
    let zed = server.register("zed", "longenough");
    let join = |token: &str| {
        let line = format!("POST /api/rooms/invites/{token}/join");
        server.request(&line, Some(&zed), None)
    };
    assert_eq!(join("revoked-1").status, 410);
    assert_eq!(join("expired_2").status, 410);
    assert_eq!(join(INVITE).body["room"]["memberCount"], 3);
    let body = json!({ "content": "next" });
    let said = server.request(
        &format!("POST /api/rooms/{TEA}/messages"),
        Some(&ada),
        Some(&body),
    );
    assert_eq!(said.body["seq"], MANY + 1, "{}", said.body);
    server.stop();
}

/// Connects somebody.
async fn connected(server: &Running, token: &str) -> Socket {
    let url = format!("http://{}", server.address);
    Socket::connect(&url, json!({ "token": token }), Transport::WebSocket)
        .await
        .unwrap()
}

#[test]
fn whoever_is_connected_sees_the_rooms_come_that_they_are_in() {
    let export = odd_export();
    let target = place();
    // The server has one of the rooms already, and the accounts of it.
    let args = "import -";
    let first = one_room(&export, ATTIC);
    target
        .run_with(args, &first)
        .ended(0, &["4 accounts, 1 room, 2 messages"]);
    let server = target.serve();
    let bob = signed_in(&server, "bob");
    let runtime = Runtime::new().unwrap();
    let mut socket = runtime.block_on(connected(&server, &bob));
    let refused = target.run_with(args, &export);
    refused.ended(
        4,
        &[
            "1 room of the export is here already",
            ATTIC,
            "--skip-existing",
        ],
    );
    let imported = target.run_with("import - --skip-existing", &export);
    imported.ended(
        0,
        &["Imported 1 account (4 more there already), 2 rooms (1 more there already), 5,000 messages."],
    );
    runtime.block_on(async {
        let added = socket.next("room_added").await;
        assert_eq!(
            (&added["id"], &added["role"]),
            (&json!(TEA), &json!("member"))
        );
        assert_eq!(added["memberCount"], 3);
        // The other new room is none of theirs.
        let seen = socket.seen().await;
        assert!(
            !seen.iter().any(|(event, _)| event == "room_added"),
            "{seen:?}"
        );
        let joined = socket
            .ask("join_room", json!({ "roomId": TEA }))
            .await
            .unwrap();
        assert_eq!(
            (&joined["lastSeq"], &joined["readSeq"]),
            (&json!(MANY), &json!(17))
        );
        let message = json!({ "roomId": TEA, "content": "here I am" });
        let sent = socket.ask("send_message", message).await.unwrap();
        assert_eq!(sent["message"]["seq"], MANY + 1, "{sent}");
        assert_eq!(socket.next("receive_message").await["content"], "here I am");
        socket.close().await;
    });
    let last = history(&server, &bob, TEA, MANY - 1);
    assert_eq!(last[0]["content"], format!("number {MANY} of many"));
    let void = server.request(&format!("GET /api/rooms/{VOID}"), Some(&bob), None);
    assert_eq!(void.body["memberCount"], 1, "{}", void.body);
    server.stop();
}

/// Of a whole export the lines that one room would have.
fn one_room(export: &str, room: &str) -> String {
    let entries: Vec<Value> = export
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let text = entries
        .iter()
        .filter(|entry| entry["roomId"] == room || entry["id"] == room);
    let body: Vec<String> = text.map(Value::to_string).collect();
    let names = |user: &Value| {
        body.iter()
            .any(|line| line.contains(user["id"].as_str().unwrap()))
    };
    let users: Vec<&Value> = entries
        .iter()
        .filter(|entry| entry["type"] == "user" && names(entry))
        .collect();
    let messages = body
        .iter()
        .filter(|line| line.contains("\"type\":\"message\""))
        .count();
    let end = json!({ "type": "end", "users": users.len(), "rooms": 1, "messages": messages });
    let users = users.into_iter().map(Value::to_string);
    let lines = std::iter::once(entries[0].to_string())
        .chain(users)
        .chain(body.clone())
        .chain([end.to_string()]);
    lines.map(|line| line + "\n").collect()
}

#[test]
fn a_running_server_takes_all_of_an_export_and_gives_it_back() {
    let export = odd_export();
    let place = place();
    let server = place.serve();
    let link = [server.line(), server.line()];
    let (_, token) = link[1].split_once('#').unwrap();
    let would = place.run_with("import - --dry-run", &export);
    would.ended(
        0,
        &["This would import 5 accounts, 3 rooms, 5,002 messages"],
    );
    assert_eq!(place.list().len(), 0);
    place
        .run_with("import -", &export)
        .ended(0, &["Imported 5 accounts, 3 rooms, 5,002 messages."]);
    server.logged(&["rooms imported from the command line", "rooms=3"]);
    assert_eq!(lines(&all(&place)), lines(&export));
    // A setup link that was printed before is good for nobody now.
    let body = json!({
        "token": token, "username": "eve2", "email": "eve2@example.org", "password": "longenough",
    });
    let refused = server.request("POST /api/setup", None, Some(&body));
    assert_eq!(refused.status, 403, "{}", refused.body);
    assert_eq!(server.sign_in("ada", "longenough"), 200);
    server.stop();
    assert_eq!(lines(&all(&place)), lines(&export));
}

#[test]
fn a_room_that_was_deleted_comes_back() {
    let place = place();
    odd(&place);
    let export = all(&place);
    let server = place.serve();
    place.run(&format!("room delete {TEA} --yes")).ended(0, &[]);
    place
        .run(&format!("room delete {VOID} --yes"))
        .ended(0, &[]);
    let would = place.run_with("import - --skip-existing --dry-run", &export);
    would.ended(
        0,
        &["0 accounts (5 more there already), 2 rooms (1 more there already), 5,000 messages"],
    );
    place
        .run_with("import - --skip-existing", &export)
        .ended(0, &["Imported 0 accounts"]);
    assert_eq!(lines(&all(&place)), lines(&export));
    server.stop();
}

#[test]
fn an_export_may_come_through_a_pipe_with_a_name() {
    let place = place();
    let path = place.root.path().join("pipe");
    let made = place.command_of("mkfifo", [&path]).status().unwrap();
    assert!(made.success() && path.metadata().unwrap().file_type().is_fifo());
    let export = odd_export();
    let import = place
        .command(["import", "pipe"])
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::fs::write(&path, export).unwrap();
    let ran = super::Ran::from(import.wait_with_output().unwrap());
    ran.ended(0, &["Imported 5 accounts"]);
}

#[test]
fn what_a_client_called_a_message_is_left_out_where_its_sender_has_called_another_so() {
    let export = odd_export();
    let place = place();
    place
        .run_with("import -", one_room(&export, ATTIC))
        .ended(0, &["Imported"]);
    let other = "b0b00000-0000-4000-8000-000000000009";
    let moved = one_room(&export, ATTIC)
        .replace(ATTIC, other)
        .replace("a771c000-0000-7000-8000", "b0b00000-0000-7000-8000")
        .replace("revoked-1", "revoked-3")
        .replace(INVITE, "another");
    place.run_with("import -", &moved).ended(
        0,
        &["Imported 0 accounts (4 more there already), 1 room, 2"],
    );
    let there = all(&place);
    assert_eq!(there.matches("\"clientId\":\"c-1\"").count(), 2);
    assert_eq!(there.matches("\"content\":\"dust\"").count(), 2);
}
