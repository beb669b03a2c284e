//! `chatd config`: the configuration is shown and checked.

use super::{Ran, place};
use serde_json::Value;
use std::fs::write;

#[test]
fn what_is_printed_as_the_default_is_a_sound_file() {
    let place = place();
    let printed = place.run("config default");
    printed.ended(0, &[]);
    assert_eq!(printed.stdout, include_str!("../../../config.example.toml"));
    write(place.root.path().join("chatd.toml"), printed.stdout).unwrap();
    let checked = place.run("config check --config chatd.toml");
    checked.ended(0, &["sound"]);
    assert_eq!(checked.stdout, "");
}

#[test]
fn every_mistake_is_found_at_once() {
    let place = place();
    let file = "[server]\nlisten = 5\nlisen = 1\n[limit]\n";
    write(place.root.path().join("chatd.toml"), file).unwrap();
    let mut command = place.command(["config", "check", "--config", "chatd.toml"]);
    let checked = command.env("CHATD_LOG__LEVEL", "loud").output().unwrap();
    let checked = Ran::from(checked);
    checked.ended(
        78,
        &[
            "the configuration has 4 mistakes:\n",
            "\nchatd.toml:2:10: \"server.listen\" must be ",
            "\nchatd.toml:3:1: unknown key \"server.lisen\"; did you mean \"server.listen\"?",
            "\nchatd.toml:4:2: unknown section \"limit\"; did you mean \"limits\"?",
            "\nCHATD_LOG__LEVEL: ",
        ],
    );
    assert_eq!(checked.stdout, "");
    // A server that is to run with it says the same.
    let served = place.run("serve --config chatd.toml");
    served.ended(78, &["the configuration has 3 mistakes:\n"]);
}

#[test]
fn what_holds_is_shown_with_where_it_comes_from() {
    let place = place();
    let file = "server.max_connections = 7\n";
    write(place.root.path().join("chatd.toml"), file).unwrap();
    let shown = place.run("config show --config chatd.toml --data-dir elsewhere");
    shown.ended(0, &[]);
    let origin = |start: &str| {
        let line = shown.stdout.lines().find(|line| line.starts_with(start));
        line.unwrap().split_once("  # ").unwrap().1.to_owned()
    };
    assert_eq!(origin("max_connections = 7 "), "chatd.toml:1");
    assert_eq!(origin("dir = \"elsewhere\" "), "--data-dir");
    assert_eq!(origin("enabled = false "), "CHATD_LIMITS__ENABLED");
    assert_eq!(origin("level = \"info\" "), "default");
    // It is a configuration file itself.
    write(place.root.path().join("shown.toml"), &shown.stdout).unwrap();
    let again = place.run("config show --json --config shown.toml");
    let again: Value = serde_json::from_str(&again.stdout).unwrap();
    let key = &again["server.max_connections"];
    assert_eq!(key["value"], 7);
    let origin = key["origin"].as_str().unwrap();
    assert!(origin.starts_with("shown.toml:"), "{origin}");
}
