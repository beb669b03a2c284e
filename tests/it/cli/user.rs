//! `chatd user`, with and without a running server.

use super::{Place, Running, place};
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// An ended session is refused after so long at most.
const AT_ONCE: Duration = Duration::from_secs(1);

/// Makes an account and changes all there is to change, and looks at it after each step.
fn make_and_change_accounts(place: &Place) {
    let is = |name: &str, role: &str, disabled: bool| {
        let all = place.list();
        let found: Vec<_> = all
            .iter()
            .filter(|account| account["username"] == name)
            .collect();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0]["role"], role);
        assert_eq!(found[0]["disabled"], disabled);
    };
    place.add("ada", "longenough");
    is("ada", "user", false);
    place
        .run("user role ada admin")
        .ended(0, &["\"ada\"", "admin"]);
    is("ada", "admin", false);
    place
        .run("user disable ADA@example.org")
        .ended(0, &["\"ada\" is disabled"]);
    is("ada", "admin", true);
    place.run("user enable Ada").ended(0, &["\"ada\""]);
    place.run("user role ada user").ended(0, &["\"ada\""]);
    is("ada", "user", false);
    place
        .run("user add bob --email bob@example.org --admin")
        .ended(0, &["\"bob\""]);
    is("bob", "admin", false);
    refuse_what_is_wrong(place);
    assert_eq!(place.list().len(), 2);
}

fn refuse_what_is_wrong(place: &Place) {
    for command in [
        "passwd carol",
        "role carol admin",
        "disable carol",
        "enable carol",
    ] {
        let refused = place.run(&format!("user {command}"));
        refused.ended(3, &["no account \"carol\"", "chatd user list"]);
        assert_eq!(refused.stdout, "");
    }
    let taken = place.run("user add ADA --email other@example.org");
    taken.ended(4, &["username \"ADA\"", "taken"]);
    assert_eq!(taken.stdout, "");
    place
        .run("user add carol --email ADA@example.org")
        .ended(4, &["e-mail address \"ADA@example.org\""]);
    let long_name = format!("user disable {}", "x".repeat(70_000));
    assert!([1, 3].contains(&place.run(&long_name).code));
}

#[test]
fn accounts_are_made_and_changed_without_a_server() {
    let place = place();
    make_and_change_accounts(&place);
    assert!(!place.data.join("control.sock").exists());
    let server = place.serve();
    assert_eq!(server.sign_in("ada", "longenough"), 200);
    server.stop();
}

#[test]
fn accounts_are_made_and_changed_while_a_server_runs() {
    let place = place();
    let server = place.serve();
    make_and_change_accounts(&place);
    assert_eq!(server.sign_in("ada", "longenough"), 200);
    server.stop();
}

#[test]
fn the_command_line_makes_accounts_also_where_nobody_may_register() {
    let place = place();
    let server = place.serve_with(&[("CHATD_ACCOUNTS__REGISTRATION", "closed")]);
    place.add("ada", "longenough");
    assert_eq!(server.sign_in("ada", "longenough"), 200);
    server.stop();
}

#[track_caller]
fn is_refused_at_once(server: &Running, token: &str) {
    let since = Instant::now();
    while server.me(token) != 401 {
        assert!(since.elapsed() < AT_ONCE);
        std::thread::sleep(super::LOOK);
    }
}

#[test]
fn a_disabled_account_is_refused_within_a_second() {
    let place = place();
    let server = place.serve();
    let token = server.register("ada", "longenough");
    let other = server.register("bob", "longenough");
    assert_eq!(server.me(&token), 200);
    place.run("user disable ada").ended(0, &[]);
    is_refused_at_once(&server, &token);
    assert_eq!(server.sign_in("ada", "longenough"), 401);
    assert_eq!(server.me(&other), 200);
    place.run("user enable ada").ended(0, &[]);
    assert_eq!(server.me(&token), 401);
    assert_eq!(server.sign_in("ada", "longenough"), 200);
    server.stop();
}

#[test]
fn a_new_password_signs_its_owner_out_everywhere() {
    let place = place();
    let server = place.serve();
    let token = server.register("ada", "longenough");
    place
        .run_with("user passwd ada --password-stdin", "another-one\n")
        .ended(0, &["signed out everywhere"]);
    is_refused_at_once(&server, &token);
    assert_eq!(server.sign_in("ada", "longenough"), 401);
    assert_eq!(server.sign_in("ada", "another-one"), 200);
    server.stop();
}

#[test]
fn a_password_that_was_made_up_is_printed_once_and_signs_in() {
    let place = place();
    let made = place.run("user add ada --email ada@example.org");
    made.ended(0, &["made up", "--password-stdin"]);
    let first = made.stdout.strip_suffix('\n').unwrap();
    assert!(first.len() >= 20, "{first}");
    assert!(first.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    assert!(!made.stderr.contains(first));
    let server = place.serve();
    assert_eq!(server.sign_in("ada", first), 200);
    let made = place.run("user passwd ada --generate");
    let second = made.stdout.strip_suffix('\n').unwrap();
    assert_ne!(first, second);
    assert_eq!(server.sign_in("ada", first), 401);
    assert_eq!(server.sign_in("ada", second), 200);
    server.stop();
}

#[test]
fn a_password_that_is_made_up_is_as_long_as_the_configuration_asks() {
    let place = place();
    let mut command = place.command(["user", "add", "ada", "--email", "ada@example.org"]);
    let made = command.env("CHATD_ACCOUNTS__MIN_PASSWORD", "200").output();
    let made = super::Ran::from(made.unwrap());
    made.ended(0, &[]);
    assert_eq!(made.stdout.trim_end().len(), 200);
}

#[test]
fn a_password_is_one_line_of_stdin() {
    let place = place();
    place.add("ada", "longenough");
    let server = place.serve();
    for (stdin, password) in [
        ("without an end", "without an end"),
        ("with an end\n", "with an end"),
        ("with a long end\r\n", "with a long end"),
        ("  with spaces  \nand another line\n", "  with spaces  "),
    ] {
        place
            .run_with("user passwd ada --password-stdin", stdin)
            .ended(0, &[]);
        assert_eq!(server.sign_in("ada", password), 200, "{stdin:?}");
    }
    for (stdin, why) in [
        (&b""[..], "no password on stdin"),
        (b"\n", "no password on stdin"),
        (
            b"short\n",
            "chatd: the password must have 8 to 256 characters, not 5; choose another\n",
        ),
        (&[b'x'; 257], "8 to 256 characters, not 257"),
        (&[b'x'; 5000], "256 characters at most"),
        (b"\xff\xff\xff\xff\xff\xff\xff\xff\n", "stdin"),
    ] {
        let refused = place.run_with("user passwd ada --password-stdin", stdin);
        refused.ended(1, &[why]);
    }
    assert_eq!(server.sign_in("ada", "  with spaces  "), 200);
    server.stop();
}

#[test]
fn a_wrong_use_ends_with_2() {
    let place = place();
    for args in [
        "",
        "user",
        "nonsense",
        "user add",
        "user add ada",
        "user add ada ada@example.org",
        "user add ada --email nonsense",
        "user add a --email ada@example.org",
        "user add ada --email ada@example.org --password longenough",
        "user add ada --email ada@example.org --password-stdin --generate",
        "user role ada king",
    ] {
        let refused = place.command(args.split_whitespace()).output().unwrap();
        super::Ran::from(refused).ended(2, &[]);
    }
    assert!(!place.data.exists());
}

#[test]
fn only_add_makes_a_data_folder() {
    let place = place();
    for command in [
        "list",
        "passwd ada",
        "role ada admin",
        "disable ada",
        "enable ada",
    ] {
        let refused = place.run(&format!("user {command}"));
        let folder = place.data.to_str().unwrap();
        refused.ended(3, &[folder, "--data-dir", "chatd user add"]);
    }
    assert!(!place.data.exists());
    place.run("serve --help").ended(0, &[]);
    place.run("--version").ended(0, &[]);
    assert!(!place.data.exists());
}

#[test]
fn the_list_is_a_table_or_json() {
    let place = place();
    place.add("ada", "longenough");
    place.add("Bartholomew", "longenough");
    place.run("user disable ada").ended(0, &[]);
    let table = place.run("user list");
    table.ended(0, &[]);
    let lines: Vec<_> = table.stdout.lines().collect();
    assert_eq!(lines.len(), 3);
    let column = lines[0].find("E-MAIL").unwrap();
    assert!(lines[0].starts_with("USERNAME"));
    assert!(lines[1][column..].starts_with("ada@example.org"));
    assert!(lines[1].contains(" disabled "));
    assert!(lines[2][column..].starts_with("Bartholomew@example.org"));
    let all = place.list();
    let keys: Vec<_> = all[1].as_object().unwrap().keys().cloned().collect();
    let expected = [
        "id",
        "username",
        "displayName",
        "email",
        "role",
        "disabled",
        "createdAt",
    ];
    assert_eq!(
        keys.iter().map(String::as_str).collect::<BTreeSet<_>>(),
        expected.into()
    );
    assert_eq!(all[1]["displayName"], "Bartholomew");
    assert_eq!(all[1]["disabled"], false);
    assert!(all[1]["createdAt"].as_str().unwrap().ends_with('Z'));
}

#[test]
fn the_list_has_all_pages() {
    let place = place();
    let server = place.serve();
    let names: Vec<_> = (0..110).map(|number| format!("user-{number:03}")).collect();
    std::thread::scope(|scope| {
        for part in names.chunks(28) {
            let server = &server;
            scope.spawn(move || {
                for name in part {
                    server.register(name, "longenough");
                }
            });
        }
    });
    let listed = |all: Vec<Value>| -> Vec<String> {
        all.iter()
            .map(|account| account["username"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(listed(place.list()), names);
    server.stop();
    assert_eq!(listed(place.list()), names);
    assert_eq!(place.run("user list").stdout.lines().count(), 111);
}

#[test]
fn a_list_of_nobody_is_empty() {
    let place = place();
    let server = place.serve();
    assert_eq!(place.list(), Vec::<Value>::new());
    let table = place.run("user list");
    table.ended(0, &["no accounts yet"]);
    assert_eq!(table.stdout, "");
    server.stop();
}

#[test]
fn whoever_takes_the_last_admin_away_is_told_and_the_next_start_gives_a_link() {
    let place = place();
    place.add("ada", "longenough");
    place.add("bob", "longenough");
    let none = "Nobody is an admin of the server now";
    place.run("user role ada admin").ended(0, &[]);
    place.run("user role bob admin").ended(0, &[]);
    for harmless in ["user disable bob", "user role bob user"] {
        let ran = place.run(harmless);
        ran.ended(0, &[]);
        assert!(!ran.stderr.contains(none), "{}", ran.stderr);
    }
    place
        .run("user disable ada")
        .ended(0, &[none, "chatd user role NAME admin"]);
    let server = place.serve();
    assert_eq!(
        server.line(),
        "There is no admin. Make one in a browser within 30 minutes:"
    );
    server.stop();
    place.run("user enable ada").ended(0, &[]);
    place.run("user role ada user").ended(0, &[none]);
}
