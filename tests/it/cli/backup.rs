//! `chatd backup` and `chatd restore`: what comes back, and what is refused.

mod amid;
mod damaged;
mod in_the_way;
mod interrupted;

use super::{Place, Ran, Running, Value, json, mode, place};
use rusqlite::Connection;
use rustix::process::geteuid;
use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// A server with ada, who has said something in a room.
struct Told {
    server: Running,
    token: String,
    room: String,
}

fn told(place: &Place) -> Told {
    let server = place.serve();
    let token = server.register("ada", "longenough");
    let room = json!({ "name": "Tea room" });
    let room = server.request("POST /api/rooms", Some(&token), Some(&room));
    assert_eq!(room.status, 201, "{}", room.body);
    let room = room.body["id"].as_str().unwrap().to_owned();
    let told = Told {
        server,
        token,
        room,
    };
    told.say("kept");
    told
}

impl Told {
    fn say(&self, content: &str) {
        let line = format!("POST /api/rooms/{}/messages", self.room);
        let body = json!({ "content": content });
        let said = self.server.request(&line, Some(&self.token), Some(&body));
        assert_eq!(said.status, 201, "{}", said.body);
    }
}

/// What is said in a room, as a server of later has it for the token of before.
fn said(server: &Running, token: &str, room: &str) -> Vec<String> {
    let line = format!("GET /api/rooms/{room}/messages");
    let history = server.request(&line, Some(token), None);
    assert_eq!(history.status, 200, "{}", history.body);
    let messages = history.body["messages"].as_array().unwrap();
    let content = |message: &Value| message["content"].as_str().unwrap().to_owned();
    messages.iter().map(content).collect()
}

/// What is in a folder, by name.
fn names(folder: &Path) -> Vec<String> {
    let entries = folder.read_dir().unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Everything in a folder and what is in it, to see whether something has changed.
fn bytes(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let read = |name: String| {
        let bytes = std::fs::read(folder.join(&name)).unwrap();
        (name, bytes)
    };
    names(folder).into_iter().map(read).collect()
}

/// Adds so many messages of about 500 bytes to a room of ada's, beside any server.
fn fill(place: &Place, messages: u32) {
    let database = Connection::open(place.data.join("chatd.db")).unwrap();
    database
        .execute_batch(&format!(
            "BEGIN;
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {messages})
             INSERT INTO messages SELECT r.id, r.last_seq + i, randomblob(16), r.created_by, hex(randomblob(220)),
               'text', NULL, NULL, 1700000000000 + i, NULL, NULL FROM rooms r, n;
             UPDATE rooms SET last_seq = last_seq + {messages};
             COMMIT;"
        ))
        .unwrap();
    database.close().unwrap();
}

/// Takes a backup of what `told` says, and stops the server.
fn taken(place: &Place) -> (PathBuf, String, String) {
    let told = told(place);
    place.run("backup chat.backup").ended(0, &["Wrote"]);
    told.server.stop();
    (place.root.path().join("chat.backup"), told.token, told.room)
}

#[test]
fn what_was_backed_up_comes_back_with_those_who_were_signed_in() {
    let place = place();
    let told = told(&place);
    let ran = place.run("backup chat.backup");
    ran.ended(
        0,
        &[
            "Wrote \"chat.backup\"",
            "KiB",
            "1 account, 1 room, 1 message",
            " s.",
        ],
    );
    assert_eq!(ran.stdout, "");
    assert_eq!(mode(&place.root.path().join("chat.backup")), 0o600);
    told.say("lost");
    let checked = place.run("backup --verify chat.backup");
    checked.ended(
        0,
        &["sound", "1 account, 1 room, 1 message,", "without a gap"],
    );
    // Nobody takes its place from a server that runs.
    place
        .run("restore --force chat.backup")
        .ended(1, &["in use by process", "stop that first"]);
    told.server.stop();
    // Nor what is there, unless that is asked for.
    let before = bytes(&place.data);
    let refused = place.run("restore chat.backup");
    refused.ended(1, &[place.data.to_str().unwrap(), "--force", ".before-"]);
    assert_eq!(bytes(&place.data), before);
    let restored = place.run("restore --force chat.backup");
    restored.ended(
        0,
        &["Restored 1 account, 1 room, 1 message", "before is in"],
    );
    let names = names(place.root.path());
    let aside = names.iter().find(|name| name.starts_with("data.before-"));
    let aside = place.root.path().join(aside.unwrap());
    assert_eq!(bytes(&aside), before);
    assert!(restored.stderr.contains(aside.to_str().unwrap()));
    assert!(
        !names.iter().any(|name| name.ends_with(".restoring")),
        "{names:?}"
    );
    assert_eq!(mode(&place.data), 0o700);
    assert_eq!(mode(&place.data.join("jwt.secret")), 0o600);
    assert_eq!(mode(&place.data.join("chatd.db")), 0o600);
    let server = place.serve();
    assert_eq!(said(&server, &told.token, &told.room), ["kept"]);
    server.stop();
}

#[test]
fn a_backup_without_a_server_is_one_as_well_and_goes_through_pipes() {
    let place = place();
    place.add("ada", "longenough");
    let mut taking = place.command(["backup", "-"]);
    let taken = taking.output().unwrap();
    assert!(taken.status.success());
    assert!(String::from_utf8_lossy(&taken.stderr).contains("Wrote to stdout"));
    place
        .run_with("backup --verify -", &taken.stdout)
        .ended(0, &["sound: 1 account"]);
    let elsewhere = place.root.path().join("elsewhere");
    let args = format!("restore - --data-dir {}", elsewhere.display());
    let restored = place.run_with(&args, &taken.stdout);
    restored.ended(0, &["Restored 1 account", elsewhere.to_str().unwrap()]);
    assert!(!restored.stderr.contains("before is in"));
    assert_eq!(names(&elsewhere), ["chatd.db", "jwt.secret"]);
    let secret = |folder: &Path| std::fs::read(folder.join("jwt.secret")).unwrap();
    assert_eq!(secret(&elsewhere), secret(&place.data));
    let listed = place.run(&format!(
        "user list --json --data-dir {}",
        elsewhere.display()
    ));
    assert!(
        listed.stdout.contains("ada@example.org"),
        "{}",
        listed.stderr
    );
    // An empty folder is as good as none.
    let empty = place.root.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    let args = format!("restore - --data-dir {}", empty.display());
    place.run_with(&args, &taken.stdout).ended(0, &["Restored"]);
    assert_eq!(names(&empty), ["chatd.db", "jwt.secret"]);
}

#[test]
fn a_file_that_is_there_is_kept_unless_it_is_to_be_replaced() {
    let place = place();
    let path = place.root.path().join("chat.backup");
    std::fs::write(&path, "precious").unwrap();
    place.add("ada", "longenough");
    place
        .run("backup chat.backup")
        .ended(1, &["\"chat.backup\" is there already", "--force"]);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
    place.run("backup --force chat.backup").ended(0, &["Wrote"]);
    place
        .run("backup --verify chat.backup")
        .ended(0, &["sound"]);
    assert_eq!(names(place.root.path()), ["chat.backup", "data"]);
}

#[test]
fn nothing_is_written_into_a_data_folder() {
    let place = place();
    place.add("ada", "longenough");
    place.run("export --all --output e.jsonl").ended(0, &[]);
    std::fs::create_dir(place.data.join("backups")).unwrap();
    let content = |name: &str| std::fs::read(place.data.join(name)).unwrap();
    let before = (content("chatd.db"), content("jwt.secret"));
    let there = names(&place.data);
    for args in [
        "backup --force data/chatd.db",
        "backup --force data/jwt.secret",
        "backup data/x",
        "backup data/backups/x",
        "export --all --force --output data/chatd.db",
        "export --all --force --output data/jwt.secret",
    ] {
        let refused = place.run(args);
        refused.ended(1, &["the data folder", "name a file elsewhere"]);
    }
    assert_eq!((content("chatd.db"), content("jwt.secret")), before);
    assert_eq!(names(&place.data), there);
}

#[test]
fn a_place_that_takes_no_backup_is_named_with_the_way_out() {
    let place = place();
    place.add("ada", "longenough");
    for (args, said) in [
        ("backup data", "\"data\" is a folder; name a file in it"),
        ("backup --force /dev/null", "\"/dev/null\" is no file"),
        ("backup nowhere/x", "(os error 2); make its folder first"),
        ("backup nowhere/x", "\"nowhere/x\" cannot be written"),
        ("backup /proc/x", "\"/proc/x\" cannot be written"),
        (
            "backup /proc/x",
            "(os error 2); name a folder that you may write to",
        ),
        ("backup --verify nowhere", "\"nowhere\" cannot be read"),
        (
            "backup --verify data",
            "\"data\": the backup cannot be read",
        ),
        ("restore nowhere", "\"nowhere\" cannot be read"),
        ("restore data --data-dir other", "nothing was changed"),
    ] {
        place.run(args).ended(1, &[said]);
    }
    place
        .run("backup --verify --force x")
        .ended(2, &["--force"]);
    let nowhere = place.run("backup x --data-dir other");
    nowhere.ended(3, &["there is no chatd data", "other"]);
    assert_eq!(names(place.root.path()), ["data"]);
    let unfinished = place
        .root
        .path()
        .canonicalize()
        .unwrap()
        .join("x.unfinished");
    for (args, call, error, said) in [
        (
            "backup",
            "openat",
            "EROFS",
            "name a folder that you may write to",
        ),
        (
            "backup",
            "write",
            "ENOSPC",
            "make room on its disk, or name a file on another",
        ),
        (
            "export --all --output",
            "write",
            "ENOSPC",
            "make room on its disk",
        ),
    ] {
        let (trace, inject) = (
            format!("trace={call}"),
            format!("inject={call}:error={error}"),
        );
        let path = unfinished.to_str().unwrap();
        let words = [
            "-f",
            "-o",
            "/dev/null",
            "-P",
            path,
            "-e",
            &trace,
            "-e",
            &inject,
        ];
        let file = path.trim_end_matches(".unfinished");
        let chatd = [env!("CARGO_BIN_EXE_chatd")]
            .into_iter()
            .chain(args.split(' '));
        let words = words.into_iter().chain(chatd).chain([file]);
        let ran: Ran = place.command_of("strace", words).output().unwrap().into();
        ran.ended(1, &[&format!("\"{file}\" cannot be written"), said]);
        assert_eq!(names(place.root.path()), ["data"]);
    }
    // A terminal is for reading.
    let chatd = env!("CARGO_BIN_EXE_chatd");
    let shell = format!("{chatd} backup -; echo code $?");
    let script = place
        .command_of("script", ["-qec", &shell, "/dev/null"])
        .output()
        .unwrap();
    let shown = String::from_utf8_lossy(&script.stdout);
    assert!(shown.contains("nothing to read on a terminal"), "{shown}");
    assert!(shown.contains("code 1"), "{shown}");
}

#[test]
fn a_reader_that_goes_away_makes_a_backup_fail() {
    let place = place();
    place.add("ada", "longenough");
    fill_first_room(&place);
    let mut taking = place.command(["backup", "-"]);
    let mut child = taking
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let ran: Ran = child.wait_with_output().unwrap().into();
    ran.ended(1, &["stdout did not take it all"]);
    assert!(!place.data.join("backup.copy").exists());
}

#[test]
fn a_database_that_is_damaged_is_named_and_not_its_copy() {
    let place = place();
    place.add("ada", "longenough");
    fill_first_room(&place);
    // Its pages but the first ones, which a start looks at.
    let path = place.data.join("chatd.db");
    let mut content = std::fs::read(&path).unwrap();
    let kept = content.len() / 2;
    content[kept..].fill(0xa5);
    std::fs::write(&path, content).unwrap();
    for args in ["backup x", "export --all --output x"] {
        let refused = place.run(args);
        refused.ended(1, &["the database is damaged", "chatd restore --force"]);
        for words in ["backup.copy", "backup --verify"] {
            assert!(!refused.stderr.contains(words), "{}", refused.stderr);
        }
    }
    assert_eq!(names(place.root.path()), ["data"]);
}

/// Gives a folder with an account of ada's a room with more in it than a pipe holds.
fn fill_first_room(place: &Place) {
    let database = Connection::open(place.data.join("chatd.db")).unwrap();
    database
        .execute_batch(
            "INSERT INTO rooms (id, name, name_key, is_private, created_by, created_at)
             SELECT randomblob(16), 'Tea room', 'tea room', 0, id, 1 FROM users",
        )
        .unwrap();
    database.close().unwrap();
    fill(place, 1000);
}

#[test]
fn files_that_are_not_chatds_are_not_moved_aside() {
    let place = place();
    let (backup, ..) = taken(&place);
    let home = place.root.path().join("home");
    std::fs::create_dir(&home).unwrap();
    std::fs::write(home.join("thesis.odt"), "years of work").unwrap();
    let args = format!(
        "restore --force {} --data-dir {}",
        backup.display(),
        home.display()
    );
    let refused = place.run(&args);
    refused.ended(1, &["has files in it that are not chatd's", "--data-dir"]);
    assert_eq!(names(&home), ["thesis.odt"]);
}

#[test]
fn what_a_killed_restore_has_left_is_in_nobodys_way() {
    let place = place();
    let (_, token, room) = taken(&place);
    let left = place.root.path().join("data.restoring");
    std::fs::create_dir(&left).unwrap();
    std::fs::write(left.join("unfinished"), "").unwrap();
    std::fs::write(left.join("chatd.db"), [7; 100]).unwrap();
    place
        .run("restore --force chat.backup")
        .ended(0, &["Restored"]);
    assert!(!left.exists());
    let server = place.serve();
    assert_eq!(said(&server, &token, &room), ["kept"]);
    server.stop();
}

#[test]
fn the_certificates_of_the_machine_outlast_a_restore() {
    let place = place();
    let (..) = taken(&place);
    let kept = place.data.join("acme");
    std::fs::create_dir(&kept).unwrap();
    std::fs::write(kept.join("cached_cert"), "a certificate and its key").unwrap();
    place
        .run("restore --force chat.backup")
        .ended(0, &["Restored"]);
    assert_eq!(names(&place.data), ["acme", "chatd.db", "jwt.secret"]);
    assert_eq!(mode(&kept), 0o700);
    let certificate = kept.join("cached_cert");
    assert_eq!(mode(&certificate), 0o600);
    let text = std::fs::read_to_string(certificate).unwrap();
    assert_eq!(text, "a certificate and its key");
}

#[test]
fn a_folder_reached_by_a_link_is_replaced_where_it_is() {
    let place = place();
    let (..) = taken(&place);
    let link = place.root.path().join("link");
    std::os::unix::fs::symlink(&place.data, &link).unwrap();
    place
        .run("restore --force chat.backup --data-dir link")
        .ended(0, &["Restored"]);
    assert!(link.is_symlink());
    assert_eq!(names(&link), ["chatd.db", "jwt.secret"]);
}

/// Somebody who is not root.
const SERVICE: u32 = 4711;

#[test]
fn whoever_has_no_rights_is_told_whose_they_are() {
    if !geteuid().is_root() {
        return;
    }
    let place = place();
    let (..) = taken(&place);
    let root = place.root.path();
    // Nothing where the executable itself is in somebody's own folder.
    let run = |args: &str| {
        let mut command = place.command(args.split(' '));
        let ran = command.uid(SERVICE).gid(SERVICE).output();
        ran.map(Ran::from).ok()
    };
    set_permissions(root, Permissions::from_mode(0o755)).unwrap();
    let Some(refused) = run("backup other.backup") else {
        return;
    };
    refused.ended(
        1,
        &["cannot be written", "Permission denied", "may write to"],
    );
    let refused = run("backup --verify chat.backup").unwrap();
    refused.ended(1, &["cannot be read", "as the user whom it belongs to"]);
    set_permissions(root, Permissions::from_mode(0o777)).unwrap();
    let refused = run("backup other.backup").unwrap();
    refused.ended(
        1,
        &["data folder", "as the user whom the folder belongs to"],
    );
    set_permissions(root.join("chat.backup"), Permissions::from_mode(0o644)).unwrap();
    let refused = run("restore --force chat.backup").unwrap();
    refused.ended(1, &["data", "Permission denied"]);
    assert_eq!(names(root), ["chat.backup", "data", "log"]);
}

#[test]
fn what_root_restores_for_a_service_belongs_to_the_services_own_user() {
    if !geteuid().is_root() {
        return;
    }
    let place = place();
    taken(&place);
    chown(&place.data, Some(SERVICE), Some(SERVICE)).unwrap();
    place
        .run("restore --force chat.backup")
        .ended(0, &["Restored"]);
    let files = names(&place.data).into_iter();
    let paths = files.map(|name| place.data.join(name));
    for path in paths.chain([place.data.clone()]) {
        let owner = path.metadata().unwrap();
        assert_eq!((owner.uid(), owner.gid()), (SERVICE, SERVICE), "{path:?}");
    }
}
