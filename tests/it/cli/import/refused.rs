//! What is no export, half of one, damaged, or in the way: one sentence, and nothing is changed.

use super::super::{Place, Ran, place};
use super::{ATTIC, TEA, odd_export, one_room};
use rusqlite::{Connection, OpenFlags, types};
use rustix::process::geteuid;
use serde_json::Value;
use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;

/// All rows of all tables.
fn rows(place: &Place) -> Vec<String> {
    let path = place.data.join("chatd.db");
    // It is not to be made here.
    let database = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE).unwrap();
    let texts = |sql: &str| -> Vec<String> {
        let mut statement = database.prepare(sql).unwrap();
        let columns = statement.column_count();
        let rows = statement.query_map([], |row| {
            let values = (0..columns).map(|column| row.get::<_, types::Value>(column).unwrap());
            Ok(format!("{:?}", values.collect::<Vec<_>>()))
        });
        rows.unwrap().map(Result::unwrap).collect()
    };
    let mut tables = database
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")
        .unwrap();
    let tables = tables.query_map([], |row| row.get::<_, String>(0)).unwrap();
    let tables: Vec<_> = tables.map(Result::unwrap).collect();
    assert!(tables.len() > 6, "{tables:?}");
    let rows = tables.iter().flat_map(|table| {
        let rows = texts(&format!("SELECT * FROM {table}"));
        rows.into_iter().map(move |row| format!("{table}: {row}"))
    });
    rows.collect()
}

/// Imports into a place, and asserts that nothing is changed by it.
#[track_caller]
fn refuse(place: &Place, export: impl AsRef<[u8]>, code: i32, said: &[&str]) {
    let before = rows(place);
    let refused = place.run_with("import - --skip-existing", export.as_ref());
    refused.ended(code, said);
    assert_eq!(
        refused.stderr.trim_end().lines().count(),
        1,
        "{}",
        refused.stderr
    );
    assert_eq!(rows(place), before);
}

/// The line of an export that has these words, in another form.
fn with(export: &str, words: &[&str], change: impl Fn(&str) -> String) -> String {
    let mut found = 0;
    let text = export.lines().map(|line| {
        let is_it = found == 0 && words.iter().all(|word| line.contains(word));
        found += usize::from(is_it);
        let line = if is_it { change(line) } else { line.to_owned() };
        if line.is_empty() { line } else { line + "\n" }
    });
    let text: String = text.collect();
    assert_eq!(found, 1, "{words:?}");
    text
}

/// The line of an export that has these words.
fn line_of<'a>(export: &'a str, words: &[&str]) -> &'a str {
    let mut lines = export.lines();
    let is_it = |line: &&str| words.iter().all(|word| line.contains(word));
    lines.find(is_it).unwrap()
}

fn replaced(export: &str, words: &[&str], from: &str, to: &str) -> String {
    with(export, words, |line| {
        assert!(line.contains(from), "{line}");
        line.replacen(from, to, 1)
    })
}

/// An export, and a place that has one of its rooms already.
fn prepared() -> (String, Place) {
    let (export, place) = (odd_export(), place());
    let attic = one_room(&export, ATTIC);
    place.run_with("import -", attic).ended(0, &["Imported"]);
    (export, place)
}

/// What tells a message of the tea room from the other lines.
fn message(seq: &'static str) -> [&'static str; 3] {
    ["\"type\":\"message\"", TEA, seq]
}

#[test]
fn what_is_no_whole_export_is_found_out_and_nothing_is_changed() {
    let (export, place) = prepared();
    let half = &export[..export.len() / 2];
    let cut = ["it is cut off", "half-written", "export again", "line "];
    refuse(&place, half, 1, &cut);
    let (without_end, _) = export.trim_end().rsplit_once('\n').unwrap();
    let missing = ["the end is missing", "half-written"];
    refuse(&place, format!("{without_end}\n"), 1, &missing);
    let foreign = [
        "what was read from stdin is no export of chatd",
        "chatd export",
    ];
    refuse(&place, "", 1, &foreign);
    refuse(&place, vec![0xff; 100_000], 1, &foreign);
    refuse(&place, "{\"type\":\"user\"}\n", 1, &foreign);
    refuse(&place, "\n \n", 1, &foreign);
    let (_, headless) = export.split_once('\n').unwrap();
    refuse(
        &place,
        headless,
        1,
        &["line 1 ", "the first line of the export is missing"],
    );
    refuse(&place, &export[..40], 1, &cut);
    let second = ["a second export begins here", "a file of its own"];
    refuse(&place, export.repeat(2), 1, &second);
    refuse(&place, format!("{without_end}\n{export}"), 1, &second);
    let head = ["\"type\":\"export\""];
    for later in ["\"format\":2,\"new\":1", "\"format\":2"] {
        let future = replaced(&export, &head, "\"format\":1", later);
        let said = ["format 2 by \"chatd ", "knows format 1", "a later one"];
        refuse(&place, future, 1, &said);
    }
    let after = format!("{export}{}", export.lines().nth(1).unwrap());
    refuse(&place, format!("{after}\n"), 1, &["after the end"]);
    let counts = replaced(&export, &["\"type\":\"end\""], "5002", "5003");
    refuse(&place, counts, 1, &["5003 messages", "5002 came"]);
    // A server that runs changes nothing about it.
    let server = place.serve();
    refuse(&place, half, 1, &cut);
    server.stop();
    // Nor is a folder made for nothing.
    place
        .run_with("import - --data-dir other", half)
        .ended(1, &cut);
    assert!(!place.root.path().join("other").exists());
}

#[test]
fn lines_that_do_not_belong_together_are_named_and_nothing_is_changed() {
    let (export, place) = prepared();
    let nine = message("\"seq\":9,");
    let gap = with(&export, &nine, |_| String::new());
    refuse(&place, gap, 1, &["should have the seq 9, and has 10"]);
    let twice = with(&export, &nine, |line| format!("{line}\n{line}"));
    refuse(&place, twice, 1, &["should have the seq 10, and has 9"]);
    let no_such = "6f1c2a52-0d7e-4a4e-9c5b-0f6f1b1f7c11";
    let stranger = with(&export, &nine, |line| {
        let mut entry: Value = serde_json::from_str(line).unwrap();
        entry["userId"] = no_such.into();
        entry.to_string()
    });
    refuse(
        &place,
        stranger,
        1,
        &["no account before has the id", no_such],
    );
    let five = message("\"seq\":5,");
    let answer = replaced(&export, &five, "000000000002\"", "000000000009\"");
    let said = [
        "answers 7ea00000-0000-7000-8000-000000000009",
        "not come before",
    ];
    refuse(&place, answer, 1, &said);
    let elsewhere = replaced(&export, &nine, TEA, ATTIC);
    refuse(&place, elsewhere, 1, &["which is not the one before it"]);
    let seventeen = "\"readSeq\":17";
    let read = replaced(&export, &[seventeen], seventeen, "\"readSeq\":5001");
    refuse(
        &place,
        read,
        1,
        &["has read up to 5001", "last message is 5000"],
    );
    let other = named(&export, "lone", "lonE");
    refuse(
        &place,
        named(&other, "gone", "lone"),
        1,
        &["another account before has the name"],
    );
}

#[test]
fn what_chatd_would_not_have_written_is_named_and_nothing_is_changed() {
    let (export, place) = prepared();
    let nine = message("\"seq\":9,");
    let damaged = with(&export, &nine, |line| line[..line.len() - 3].to_owned());
    let said = format!(
        "it is damaged at column {}; export again",
        line_of(&export, &nine).len() - 3
    );
    refuse(&place, damaged, 1, &["line ", &said]);
    let umlauts = replaced(&export, &nine, "number 9 of many\"", "äöü\"x");
    let at = line_of(&umlauts, &["äöü"]);
    let at = at[..at.find("\"x").unwrap()].chars().count() + 2;
    refuse(
        &place,
        umlauts,
        1,
        &[&format!("it is damaged at column {at}; export again")],
    );
    for (from, to, said) in [
        ("\"seq\":9", "\"seq\":\"9\"", "'seq' may not be \"9\""),
        ("\"seq\":9,", "", "'seq' is missing"),
        ("\"seq\":9,", "\"seq\":9,\"seq\":9,", "'seq' is there twice"),
        ("\"userId\":\"", "\"userId\":\"x", "'userId' may not be \"x"),
        (
            "\"message\"",
            "\"massage\"",
            "'type' may not be \"massage\"",
        ),
    ] {
        let damaged = replaced(&export, &nine, from, to);
        let said = format!("it is damaged: {said}");
        refuse(&place, damaged, 1, &["line ", &said, "; export again"]);
    }
    let long = "x".repeat(70_000);
    let long = replaced(&export, &nine, "number", &long);
    refuse(&place, long, 1, &["longer than any entry"]);
    let unknown = replaced(&export, &nine, "\"seq\":9", "\"seq\":9,\"mood\":\"good\"");
    refuse(
        &place,
        unknown,
        1,
        &["damaged", "'mood' does not belong there"],
    );
    let empty = replaced(&export, &nine, "number 9 of many", " ");
    refuse(&place, empty, 1, &["'content' must have"]);
    let four = message("\"seq\":4,");
    let undeleted = replaced(&export, &four, "\"content\":\"\"", "\"content\":\"x\"");
    refuse(&place, undeleted, 1, &["'content' must be empty"]);
    let wolf = named(&export, "lone", "lone wolf");
    refuse(&place, wolf, 1, &["line ", "'username' may have letters"]);
    let room = replaced(
        &export,
        &["\"type\":\"room\"", "Attic"],
        "Attic",
        "a\\u202e",
    );
    refuse(&place, room, 1, &["'name' may not"]);
    let hash = replaced(&export, &["nobody's"], "nobody's", &"x".repeat(513));
    refuse(&place, hash, 1, &["'passwordHash'", "512 bytes"]);
    // Nobody's browser would ask for such a link.
    let token = replaced(&export, &["revoked-1"], "revoked-1", "..");
    refuse(
        &place,
        token,
        1,
        &["'token' must have 1 to 128 letters", "'..'"],
    );
}

/// The same export with somebody under another name.
fn named(export: &str, name: &str, other: &str) -> String {
    let username = |name: &str| format!("\"username\":\"{name}\"");
    replaced(
        export,
        &[&username(name)],
        &username(name),
        &username(other),
    )
}

/// Does something in a place without a server, and in another one beside a server.
fn both_ways(act: impl Fn(&Place)) {
    act(&place());
    let place = place();
    let server = place.serve();
    act(&place);
    server.stop();
}

#[test]
fn what_is_in_the_way_is_named_on_both_sides_and_nothing_is_changed() {
    let export = odd_export();
    both_ways(|place| meet_what_is_in_the_way(place, &export));
}

fn meet_what_is_in_the_way(place: &Place, export: &str) {
    place.add("LONE", "longenough");
    refuse(
        place,
        export,
        4,
        &[
            "the username \"lone\"",
            "\"LONE\"",
            "belongs to another account here",
            "give the account another username in the export",
        ],
    );
    let looks = named(export, "lone", "l0ne");
    refuse(
        place,
        looks,
        4,
        &["\"l0ne\", or one that looks like it,", "\"LONE\""],
    );
    let renamed = named(export, "lone", "mine");
    refuse(
        place,
        &renamed,
        4,
        &[
            "the e-mail address \"lone@example.org\" of \"mine\"",
            "\"LONE\"",
            "another address in the export",
        ],
    );
    let free = renamed.replace("lone@example.org", "mine@example.org");
    place
        .run_with("import -", &free)
        .ended(0, &["Imported 5 accounts"]);
    // The same id with another name is another account.
    let other = named(export, "lone", "other");
    refuse(
        place,
        other,
        4,
        &["is called \"other\" in the export and \"mine\" here; name it \"mine\" in the export"],
    );
    let before = rows(place);
    place.run_with("import -", &free).ended(
        4,
        &["3 rooms of the export are here already", "--skip-existing"],
    );
    // All that is there already is all there is to bring.
    let nothing = place.run_with("import - --skip-existing", &free);
    nothing.ended(
        0,
        &["0 accounts (5 more there already), 0 rooms (3 more there already), 0 messages"],
    );
    assert_eq!(rows(place), before);
    // An invite's token leads into one room.
    let room = one_room(&free, ATTIC).replace(ATTIC, "b0b00000-0000-4000-8000-000000000009");
    refuse(
        place,
        room,
        4,
        &["the token revoked-1", ATTIC, "take the invite out"],
    );
}

#[test]
fn a_message_that_is_here_in_another_room_is_found_out_before_anything_is_changed() {
    let export = odd_export();
    both_ways(|place| meet_a_message_of_another_room(place, &export));
}

fn meet_a_message_of_another_room(place: &Place, export: &str) {
    place
        .run_with("import -", one_room(export, ATTIC))
        .ended(0, &["Imported"]);
    let room = one_room(export, ATTIC)
        .replace(ATTIC, "b0b00000-0000-4000-8000-000000000009")
        .replace("revoked-1", "revoked-3")
        .replace(super::INVITE, "another")
        .replace("\"lone\"", "\"new\"");
    let said = [
        "the message a771c000",
        "number 1 of the room b0b00000",
        &format!("is here already, in the room {ATTIC}; delete that room"),
    ];
    refuse(place, &room, 4, &said);
    let before = rows(place);
    place.run_with("import - --dry-run", &room).ended(4, &said);
    assert_eq!(rows(place), before);
    // Twice in an export, it is found when it is brought.
    let (both, _) = export.trim_end().rsplit_once('\n').unwrap();
    let lines = room.lines().filter(|line| line.contains("b0b00000"));
    let copy: String = lines.map(|line| line.to_owned() + "\n").collect();
    let end = r#"{"type":"end","users":5,"rooms":4,"messages":5004}"#;
    place
        .run_with(
            "import - --data-dir other",
            format!("{both}\n{copy}{end}\n"),
        )
        .ended(4, &["comes twice in the export", "; nothing was changed"]);
    // What is left of a room that nobody sees is in nobody's way.
    let database = Connection::open(place.data.join("chatd.db")).unwrap();
    let hide = "UPDATE rooms SET deleted_at = 1000 * unixepoch('now', '+1 day')";
    database.execute(hide, []).unwrap();
    place
        .run_with("import - --dry-run", &room)
        .ended(0, &["1 room, 2 messages"]);
    place
        .run_with("import -", &room)
        .ended(0, &["1 room, 2 messages"]);
}

/// Somebody who is not root.
const SERVICE: u32 = 4711;

#[test]
fn files_that_cannot_be_read_are_named_with_the_way_out() {
    let place = place();
    place
        .run("import nowhere.jsonl")
        .ended(1, &["\"nowhere.jsonl\" cannot be read", "chatd export"]);
    place.add("ada", "longenough");
    place.run("import data").ended(1, &["\"data\" is a folder"]);
    let path = place.root.path().join("chat.jsonl");
    std::fs::write(&path, odd_export()).unwrap();
    if !geteuid().is_root() {
        return;
    }
    set_permissions(place.root.path(), Permissions::from_mode(0o755)).unwrap();
    set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    let run = |args: &str| {
        let mut command = place.command(args.split(' '));
        let ran = command.uid(SERVICE).gid(SERVICE).output();
        ran.map(Ran::from).ok()
    };
    // Nothing where the executable itself is in somebody's own folder.
    let Some(refused) = run("import chat.jsonl") else {
        return;
    };
    refused.ended(
        1,
        &[
            "\"chat.jsonl\" cannot be read",
            "as the user whom it belongs to",
        ],
    );
    set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    let refused = run("import chat.jsonl").unwrap();
    refused.ended(1, &["data folder"]);
    assert_eq!(place.list().len(), 1);
}
