//! What every command says of itself, and what it says when it is used wrongly, word for word. A change
//! is made on purpose: `CHATD_RENEW_SNAPSHOTS=1 cargo test --test it snapshots` writes what is said now.

use super::{Place, place};
use chatd::cli::Cli;
use clap::{Command, CommandFactory};
use std::collections::BTreeMap;
use std::path::Path;

/// As wide as the widest help is.
const COLUMNS: usize = 100;
const NARROW: usize = 80;
/// An example has so many columns at most: a manual page on a narrow terminal indents it by five more.
const EXAMPLE_COLUMNS: usize = 75;
const RENEW: &str = "CHATD_RENEW_SNAPSHOTS";

/// Uses that end badly, each as it is typed. There is no data.
const WRONG: &[&str] = &[
    "",
    "nonsense",
    "serve --lisen x",
    "serve --listen localhost",
    "serve --log-format loud",
    "serve --config nowhere.toml",
    "user",
    "user add",
    "user add a --email ada@example.org",
    "user add ada --email nonsense",
    "user list",
    "user role ada king",
    "import-sequelize",
    "import-sequelize https://ada:s3cr3t@example.org/chat",
    "import-sequelize mysql://ada:s3cr3t@127.0.0.1:1/chat --data-dir data",
    "room show nonsense",
    "room delete 6f1c2a52-0d7e-4a4e-9c5b-0f6f1b1f7c11",
    "export",
    "export --all --format html",
    "export --room 6f1c2a52-0d7e-4a4e-9c5b-0f6f1b1f7c11",
    "import nowhere.jsonl",
    "session end 6f1c2a52-0d7e-4a4e-9c5b-0f6f1b1f7c11",
    "stats --data-dir file",
    "config check --config wrong.toml",
    "doctor --url nonsense",
    "healthcheck --url http://127.0.0.1:1",
    "completions tcsh",
    "man nowhere",
];

/// Compares with the file of this name, or writes it.
fn compare(name: &str, said: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/snapshots");
    let path = folder.join(format!("{name}.txt"));
    if std::env::var_os(RENEW).is_some() {
        std::fs::write(path, said).unwrap();
        return;
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    for (number, (kept, said)) in kept.lines().zip(said.lines()).enumerate() {
        assert_eq!(
            said,
            kept,
            "{name}.txt:{}; {RENEW}=1 writes it anew",
            number + 1
        );
    }
    assert!(
        kept == said,
        "{name}.txt has another length; {RENEW}=1 writes it anew"
    );
}

/// What a command says, without what differs from one place or version to another.
fn said(place: &Place, args: &str, columns: usize) -> String {
    let mut command = place.command(args.split_whitespace());
    let ran = command.env("COLUMNS", columns.to_string()).output();
    let ran = super::Ran::from(ran.unwrap());
    let root = place.root.path().canonicalize().unwrap();
    let text = format!("{}{}", ran.stdout, ran.stderr);
    let text = text
        .replace(root.to_str().unwrap(), "/place")
        .replace(place.root.path().to_str().unwrap(), "/place");
    format!("$ chatd {args}\n{text}→ {}\n\n", ran.code)
}

/// Examples are the same on a narrow terminal, and what explains is broken where the next word does not fit.
fn fits(wide: &str, narrow: &str) {
    let ending = |help: &str| help[help.find("\nExamples:\n").unwrap()..].to_owned();
    let (wide, narrow) = (ending(wide), ending(narrow));
    let examples = wide.split("\n\n").next().unwrap();
    assert!(narrow.starts_with(examples), "{narrow}");
    for line in examples.lines() {
        assert!(line.chars().count() <= EXAMPLE_COLUMNS, "too long: {line}");
    }
    let lines: Vec<_> = narrow[examples.len()..].lines().collect();
    for pair in lines.windows(2) {
        let word = pair[1].split(' ').next().unwrap();
        let is_told_on = !pair[0].is_empty() && !["", "-", "→"].contains(&word);
        let is_full = pair[0].chars().count() + 1 + word.chars().count() > NARROW;
        assert!(!is_told_on || is_full, "broken early: {pair:?}\n{narrow}");
    }
}

/// A command and all below it, by the words that call them.
fn all(command: &Command, words: &str, found: &mut Vec<String>) {
    found.push(words.to_owned());
    for below in command.get_subcommands() {
        let words = format!("{words} {}", below.get_name());
        all(below, words.trim_start(), found);
    }
}

#[test]
fn every_command_says_what_it_said_with_examples() {
    let place = place();
    let mut commands = Vec::new();
    all(&Cli::command(), "", &mut commands);
    assert!(commands.len() > 20, "{commands:?}");
    let mut families: BTreeMap<_, String> = BTreeMap::new();
    for command in commands {
        let args = format!("{command} --help");
        let text = said(&place, args.trim_start(), COLUMNS);
        assert!(text.contains("\nExamples:\n  "), "no examples:\n{text}");
        assert!(text.ends_with("→ 0\n\n"), "{text}");
        fits(&text, &said(&place, args.trim_start(), NARROW));
        let family = command.split(' ').next().unwrap().to_owned();
        *families.entry(family).or_default() += &text;
    }
    for (family, help) in families {
        let name = format!("help-{family}");
        compare(name.trim_end_matches('-'), &help);
    }
}

#[test]
fn every_wrong_use_is_answered_as_it_was() {
    let place = place();
    std::fs::write(
        place.root.path().join("wrong.toml"),
        "[server]\nlisten = 5\nx = 1\n",
    )
    .unwrap();
    std::fs::write(place.root.path().join("file"), "").unwrap();
    let errors: String = WRONG
        .iter()
        .map(|args| said(&place, args, COLUMNS))
        .collect();
    compare("errors", &errors);
}
