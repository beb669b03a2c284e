//! The house's own rules, as far as a machine can check them: which way the arrows between the
//! folders run, how long a file may be, what may stand at the top.

mod lexer;
mod paths;

use paths::{Named, paths};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Each folder of `src` and what it may name beside itself:
/// `model, config ← store ← chat ← realtime, http ← server ← cli`. The shells never name each other,
/// nor the store.
const ARROWS: [(&str, &[&str]); 8] = [
    ("model", &[]),
    ("config", &["model"]),
    ("store", &["model", "config"]),
    ("chat", &["model", "config", "store"]),
    ("realtime", &["model", "config", "chat"]),
    ("http", &["model", "config", "chat"]),
    (
        "server",
        &["model", "config", "store", "chat", "realtime", "http"],
    ),
    (
        "cli",
        &[
            "model", "config", "store", "chat", "realtime", "http", "server",
        ],
    ),
];
/// What may stand at the top, beside names that begin with a dot.
const TOP: [&str; 12] = [
    "Cargo.toml",
    "Cargo.lock",
    "config.example.toml",
    "install.sh",
    "README.md",
    "CHANGELOG.md",
    "LICENSE",
    "build.rs",
    "benches",
    "src",
    "static",
    "tests",
];
/// No file of ours is longer, in lines.
const FILE_LINES: usize = 500;
/// `main` parses, dispatches and turns an error into an exit code: fewer lines than this.
const MAIN_LINES: usize = 60;
/// What tools write, in folders that may stand beside ours.
const NOT_OURS: [&str; 5] = [
    "target",
    "node_modules",
    "chatd-data",
    "__pycache__",
    "package-lock.json",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What git has of these paths, and what it would take; nothing where there is no git.
fn git_files(options: &[&str]) -> Option<Vec<PathBuf>> {
    let listed = Command::new("git")
        .current_dir(root())
        .args(["ls-files", "-z"])
        .args(options)
        .output()
        .ok()
        .filter(|done| root().join(".git").exists() && done.status.success())?;
    let names = String::from_utf8(listed.stdout).unwrap();
    Some(names.split_terminator('\0').map(PathBuf::from).collect())
}

fn is_ours(path: &Path) -> bool {
    !path
        .components()
        .any(|part| NOT_OURS.iter().any(|name| part.as_os_str() == *name))
}

/// All files below a folder.
fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in folder.read_dir().into_iter().flatten() {
        let path = entry.unwrap().path();
        let inside = path.strip_prefix(root()).unwrap().to_owned();
        if path.is_dir() && is_ours(&inside) {
            walk(&path, found);
        } else if path.is_file() {
            found.push(inside);
        }
    }
}

/// Our files in a folder, those among them that git does not have yet.
fn files_in(folder: &str) -> Vec<PathBuf> {
    let options = ["--cached", "--others", "--exclude-standard", "--", folder];
    let mut files = git_files(&options).unwrap_or_else(|| {
        let mut found = Vec::new();
        walk(&root().join(folder), &mut found);
        found
    });
    files.retain(|path| is_ours(path) && root().join(path).is_file());
    files.sort();
    files
}

/// Where a file's code is in the crate: `["server", "control"]` for `src/server/control.rs`.
fn module_of(file: &Path) -> Vec<&str> {
    let inside = file.strip_prefix("src").unwrap().with_extension("");
    let depth = inside.components().count();
    let is_parent = ["mod", "lib", "main"].map(|name| inside.ends_with(name));
    let kept = depth - usize::from(is_parent.contains(&true));
    let parts = file.strip_prefix("src").unwrap().iter().take(kept);
    parts
        .map(|part| part.to_str().unwrap().trim_end_matches(".rs"))
        .collect()
}

/// What is wrong with a path that a folder's file names; nothing if it may.
fn wrong(folder: &str, named: &Named) -> Option<String> {
    let Some(target) = named.path.first().filter(|name| *name != "*") else {
        return Some(
            "names the root of the crate, so nobody sees which folder is meant".to_owned(),
        );
    };
    if target == folder {
        return None;
    }
    let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == folder) else {
        return Some(format!("'{folder}' has no place in the arrows yet"));
    };
    (!allowed.contains(&target.as_str()))
        .then(|| format!("{folder} must not name {}", named.path.join("::")))
}

/// The faults of a file, one a line.
fn faults(file: &Path, source: &str) -> String {
    let module = module_of(file);
    let mut faults = String::new();
    for named in paths(source, &module) {
        let fault = match module.first() {
            Some(folder) => wrong(folder, &named),
            // `main` may name everything; the map in `lib.rs` names folders and nothing in them.
            None if file.ends_with("main.rs") => None,
            None => Some("the map imports nothing".to_owned()),
        };
        if let Some(fault) = fault {
            writeln!(faults, "{}:{}: {fault}", file.display(), named.line).unwrap();
        }
    }
    faults
}

#[test]
fn the_arrows_between_the_folders_run_one_way() {
    let sources = files_in("src");
    let rust = sources
        .iter()
        .filter(|file| file.extension().is_some_and(|end| end == "rs"));
    let mut seen = 0;
    let mut all = String::new();
    for file in rust {
        let source = std::fs::read_to_string(root().join(file)).unwrap();
        all.push_str(&faults(file, &source));
        seen += 1;
    }
    assert!(seen > ARROWS.len(), "only {seen} files were found");
    assert!(all.is_empty(), "\n{all}");
}

#[test]
fn no_file_is_longer_than_the_limit() {
    let mut long = String::new();
    for folder in ["src", "tests", "static", "benches"] {
        for file in files_in(folder) {
            // What is no text has no lines.
            let Ok(text) = std::fs::read_to_string(root().join(&file)) else {
                continue;
            };
            let lines = text.lines().count();
            if lines > FILE_LINES {
                writeln!(long, "{}: {lines} lines", file.display()).unwrap();
            }
        }
    }
    assert!(long.is_empty(), "longer than {FILE_LINES} lines:\n{long}");
    let main = std::fs::read_to_string(root().join("src/main.rs")).unwrap();
    let lines = main.lines().count();
    assert!(lines < MAIN_LINES, "src/main.rs has {lines} lines");
}

#[test]
fn nothing_else_stands_at_the_top() {
    let at_the_top = |path: PathBuf| path.iter().next().unwrap().to_str().unwrap().to_owned();
    let names: Vec<String> = git_files(&["--cached"]).map_or_else(
        || {
            let entries = root().read_dir().unwrap();
            let names = entries.map(|entry| PathBuf::from(entry.unwrap().file_name()));
            names.filter(|name| is_ours(name)).map(at_the_top).collect()
        },
        |files| files.into_iter().map(at_the_top).collect(),
    );
    assert!(names.iter().any(|name| name == "Cargo.toml"), "{names:?}");
    for name in names {
        let allowed = name.starts_with('.') || TOP.contains(&name.as_str());
        assert!(allowed, "'{name}' has no place at the top");
    }
}

/// The paths in a snippet of `src/realtime/inbound.rs`, joined.
fn named(source: &str) -> Vec<String> {
    let found = paths(source, &["realtime", "inbound"]);
    found.iter().map(|named| named.path.join("::")).collect()
}

#[test]
fn imports_are_found_in_nested_groups() {
    assert_eq!(
        named(
            "pub(crate) use crate::{\n  chat::{self, Chat as C, page::*},\n  store::sql::{Tx, values},\n};"
        ),
        [
            "chat",
            "chat::Chat",
            "chat::page::*",
            "store::sql::Tx",
            "store::sql::values"
        ]
    );
    assert_eq!(named("use crate::http;"), ["http"]);
    assert_eq!(named("use crate::*;"), ["*"]);
    assert_eq!(
        named("use {crate::http as web, serde::Serialize};"),
        ["http"]
    );
    assert_eq!(
        named("use ::chatd::http; use ::http::Uri; use http::Uri;"),
        [""; 0]
    );
}

#[test]
fn paths_are_found_anywhere_in_code() {
    assert_eq!(
        named("fn f(x: &crate::store::Told) { g::<crate::http::Fault>(x); crate::store::run(); }"),
        ["store::Told", "http::Fault", "store::run"]
    );
    assert_eq!(
        named("m!($crate::store::sql::ToValue)"),
        ["store::sql::ToValue"]
    );
    assert_eq!(
        named("let c = '\"'; let s = crate::store::A;"),
        ["store::A"]
    );
    assert_eq!(
        named("fn f<'a>(x: &'a u8) { crate::store::A }"),
        ["store::A"]
    );
    assert_eq!(
        named("b'\\'' ; '\\u{41}'; r#\"\"# ; crate::store::A"),
        ["store::A"]
    );
    assert_eq!(named("extern crate self as all;"), [""]);
}

#[test]
fn parents_are_followed_into_other_folders() {
    assert_eq!(named("use super::hub::Hub;"), ["realtime::hub::Hub"]);
    assert_eq!(named("super::super::store::run()"), ["store::run"]);
    assert_eq!(
        named("use super::{super::{http, store::A}, hub};"),
        ["http", "store::A", "realtime::hub"]
    );
    assert_eq!(named("use self::a::B;"), ["realtime::inbound::a::B"]);
    assert_eq!(
        named("mod tests { use super::super::super::http::F; } use super::super::store;"),
        ["http::F", "store"]
    );
    assert_eq!(
        named("pub(super) fn f(self) { self.x() } pub(in crate::a) struct B;"),
        ["a"]
    );
}

#[test]
fn comments_and_strings_name_nothing() {
    let source = r##"
        //! See `crate::store`.
        /// [`Tx`](crate::store::sql::Tx)
        /* use crate::http; /* nested */ crate::http::A */
        const A: &str = "crate::http::A \" crate::http::B";
        const B: &str = r#"use crate::http; " still"#;
        const C: &[u8] = b"crate::http::C";
        use crate::chat::Chat; // crate::http
    "##;
    assert_eq!(named(source), ["chat::Chat"]);
    assert_eq!(paths(source, &[])[0].line, 8);
    assert_eq!(
        named("fn f() -> impl Fn() + use<> { crate::store::A }"),
        ["store::A"]
    );
}

#[test]
fn arrows_that_run_the_wrong_way_are_faults() {
    let fault = |file: &str, source: &str| faults(Path::new(file), source);
    for (file, source) in [
        ("src/realtime/fanout.rs", "use crate::store::Outbox;"),
        ("src/realtime/mod.rs", "use super::http::Fault;"),
        ("src/http/mod.rs", "fn f() { crate::realtime::PATH }"),
        ("src/store/sql/mod.rs", "use super::super::chat::Chat;"),
        ("src/model/ids.rs", "use crate::config::Config;"),
        ("src/server/mod.rs", "use crate::cli::Exit;"),
        ("src/chat/rooms.rs", "use crate::{model::Room, *};"),
        ("src/extra/mod.rs", "use crate::model::Room;"),
        ("src/lib.rs", "pub use crate::chat::Chat;"),
    ] {
        let found = fault(file, source);
        assert!(
            found.starts_with(&format!("{file}:1: ")),
            "{file}: {found:?}"
        );
    }
    for (file, source) in [
        ("src/main.rs", "use chatd::cli::Cli;"),
        ("src/cli/user.rs", "use crate::server::control::Request;"),
        ("src/server/mod.rs", "fn f() { crate::http::router() }"),
        (
            "src/store/sql/mod.rs",
            "use crate::store::Error; use super::messages;",
        ),
        (
            "src/realtime/hub.rs",
            "use crate::model::RoomId; use super::connection;",
        ),
    ] {
        assert_eq!(fault(file, source), "");
    }
}
