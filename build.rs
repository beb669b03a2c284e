//! Builds the web UI in `OUT_DIR`, where rust-embed takes it from; the source tree stays clean.
//!
//! Without Node, or when npm or the bundler fails, the binary gets a plain page instead and cargo a
//! warning, unless `CHATD_REQUIRE_UI=1` asks for an error.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};
use std::{env, fs, io};

/// What of `static/` the build reads, and cargo watches.
const SOURCES: [&str; 11] = [
    ".npmrc",
    "build.mjs",
    "icon-maskable.svg",
    "icon-unread.svg",
    "icon.svg",
    "index.html",
    "manifest.webmanifest",
    "package-lock.json",
    "package.json",
    "src",
    "tsconfig.json",
];
/// What the binary gets where there is no UI: the file in `static/`, and its name in the binary.
const PLAIN: [(&str, &str); 3] = [
    ("plain.html", "index.html"),
    ("plain.css", "plain.css"),
    ("icon.svg", "icon.svg"),
];
/// The oldest Node on which the bundler runs.
const NODE_MAJOR: u32 = 18;
/// So much of a failed program's output is told, in lines.
const TOLD_LINES: usize = 12;
const NPM: &str = if cfg!(windows) { "npm.cmd" } else { "npm" };

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-env=CHATD_BUILT={}", built());
    if env::var_os("CARGO_FEATURE_UI").is_none() {
        return Ok(());
    }
    println!("cargo:rerun-if-env-changed=CHATD_REQUIRE_UI");
    for file in SOURCES.iter().chain(PLAIN.iter().map(|(file, _)| file)) {
        println!("cargo:rerun-if-changed=static/{file}");
    }
    let folder = |name| env::var_os(name).map(PathBuf::from).unwrap_or_default();
    let source = folder("CARGO_MANIFEST_DIR").join("static");
    let out = folder("OUT_DIR");
    let ui = out.join("ui");
    let Err(why) = build(&source, &out.join("static"), &ui) else {
        return Ok(());
    };
    if env::var("CHATD_REQUIRE_UI").is_ok_and(|value| value == "1") {
        return Err(io::Error::other(format!("the web UI is required: {why}")));
    }
    for line in why.lines() {
        println!("cargo:warning={line}");
    }
    println!("cargo:warning=The binary will have no web UI; 'touch build.rs' to try again.");
    plain_page(&source, &ui)
}

/// When this is built, in seconds since 1970; whoever wants the same binary twice says when
/// (reproducible-builds.org/specs/source-date-epoch).
fn built() -> u64 {
    println!("cargo:rerun-if-env-changed=SOURCE_DATE_EPOCH");
    let said = env::var("SOURCE_DATE_EPOCH")
        .ok()
        .and_then(|text| text.parse().ok());
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    said.unwrap_or(since.as_secs())
}

/// Bundles a copy of `source`, which is made at `copy`, into `ui`.
fn build(source: &Path, copy: &Path, ui: &Path) -> Result<(), String> {
    check_node()?;
    copy_sources(source, copy).map_err(|error| format!("static/ cannot be copied: {error}"))?;
    install(copy)?;
    let bundler = Command::new("node")
        .current_dir(copy)
        .arg("build.mjs")
        .arg(ui)
        .output();
    succeed("node build.mjs", bundler)
}

fn check_node() -> Result<(), String> {
    let wanted = format!("the web UI needs Node {NODE_MAJOR} or later");
    let Ok(asked) = Command::new("node").arg("--version").output() else {
        return Err(format!("{wanted}, and there is no node"));
    };
    let version = String::from_utf8_lossy(&asked.stdout).trim().to_owned();
    let major = version.trim_start_matches('v').split('.').next();
    match major.and_then(|major| major.parse::<u32>().ok()) {
        Some(major) if major >= NODE_MAJOR => Ok(()),
        _ => Err(format!("{wanted}, and this one is {version}")),
    }
}

fn copy_sources(source: &Path, copy: &Path) -> io::Result<()> {
    // What was removed there must not live on here; what npm installed may.
    remove(&copy.join("src"))?;
    fs::create_dir_all(copy)?;
    for file in SOURCES {
        copy_all(&source.join(file), &copy.join(file))?;
    }
    Ok(())
}

fn copy_all(from: &Path, to: &Path) -> io::Result<()> {
    if !from.is_dir() {
        return fs::copy(from, to).map(drop);
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        copy_all(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Installs what the lock file names, unless that was done already.
fn install(copy: &Path) -> Result<(), String> {
    let lock = fs::read(copy.join("package-lock.json"))
        .map_err(|error| format!("package-lock.json cannot be read: {error}"))?;
    let stamp = copy.join("node_modules/.installed-lock.json");
    if fs::read(&stamp).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    let quiet = ["--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund"];
    let npm = Command::new(NPM)
        .current_dir(copy)
        .arg("ci")
        .args(quiet)
        .output();
    succeed("npm ci", npm)?;
    fs::write(stamp, lock).map_err(|error| format!("npm's folder cannot be written: {error}"))
}

/// Whether a program did its work; if not, what it said last.
fn succeed(name: &str, ran: io::Result<std::process::Output>) -> Result<(), String> {
    let output = ran.map_err(|error| format!("{name} cannot be run: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let lines: Vec<_> = said.lines().collect();
    let last = lines[lines.len().saturating_sub(TOLD_LINES)..].join("\n");
    Err(format!("{name} failed ({}):\n{last}", output.status))
}

fn plain_page(source: &Path, ui: &Path) -> io::Result<()> {
    remove(ui)?;
    fs::create_dir_all(ui)?;
    for (file, name) in PLAIN {
        fs::copy(source.join(file), ui.join(name))?;
    }
    Ok(())
}
