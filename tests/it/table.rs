//! The table of bounds in README: each number is the one that the source or the configuration has, and
//! no constant is left out.

use chatd::config::Config;
use std::collections::BTreeMap;
use std::path::Path;

/// The folders whose constants are bounds, unless they are named below.
const FOLDERS: [&str; 5] = ["server", "realtime", "chat", "http", "store"];
/// Numbers that bound nothing which a client or an operator can use up: pauses and waits of the server's
/// own, parts of a bound that is in the table, formats, and what was measured to be quick.
const NO_BOUNDS: [&str; 78] = [
    "server/backup/archive.rs BLOCK_BYTES",
    "server/backup/archive.rs LEVEL",
    "server/backup/archive.rs MANIFEST_BYTES",
    "server/backup/kind.rs BYTES",
    "server/backup/kind.rs HEAD_BYTES",
    "server/backup/mod.rs FORMAT",
    "server/control/client.rs PATIENCE",
    "server/control/copies.rs BETWEEN_ORDERS",
    "server/control/copies.rs COPY_MODE",
    "server/control/copies.rs ORDER_WAIT",
    "server/control/imports.rs ENTRIES_BYTES",
    "server/control/listener.rs ACCEPT_RETRY",
    "server/control/listener.rs SOCKET_MODE",
    "server/control/listener.rs STOP_WAIT",
    "server/control/place.rs ADDRESS_BYTES",
    "server/data_folder.rs FILE_MODE",
    "server/data_folder.rs FOLDER_MODE",
    "server/data_folder/lock.rs HOLDER_TRIES",
    "server/data_folder/lock.rs HOLDER_WAIT",
    "server/data_folder.rs RIGHTS_OF_OTHERS",
    "server/data_folder/secret.rs OTHERS_READ",
    "server/data_folder/secret.rs OWNER_READS",
    "server/data_folder/secret.rs SECRET_MAX_BYTES",
    "server/descriptors.rs RESERVED_FILES",
    "server/metrics.rs BETWEEN_LOOKS",
    "server/metrics/process.rs RESIDENT",
    "server/listener.rs ACCEPT_PAUSE",
    "server/listener.rs ACCEPT_WARNING_INTERVAL",
    "server/mod.rs ENGINE_STOP_TIME",
    "server/mod.rs HOUSEKEEPING",
    "server/origin.rs PREFLIGHT_SECONDS",
    "server/refusal.rs RETRY_AFTER",
    "server/tls/mod.rs HANDSHAKE",
    "realtime/chatter.rs RECOVERED_PART",
    "realtime/connection.rs OPEN_YIELDS",
    "realtime/connection.rs PARTING",
    "realtime/connection.rs RESUME_AT",
    "realtime/entrance.rs FETCH_LOOK",
    "realtime/entrance.rs RETRY",
    "realtime/fanout/comings.rs GRACE",
    "realtime/fanout/mod.rs COMMANDS_A_ROUND",
    "realtime/fanout/send.rs MESSAGES_A_WRITE",
    "realtime/fanout/send.rs PACKETS_A_TURN",
    "realtime/handshake.rs BETWEEN_TRIES",
    "realtime/handshake.rs TRIES",
    "realtime/read_budget.rs REFILL_PART",
    "realtime/typing.rs BETWEEN_CHANGES",
    "realtime/visit.rs COUNTED_LOOK",
    "realtime/visit.rs COUNTED_WITHIN",
    "realtime/visit.rs FRAMING_BYTES",
    "server/witness.rs MOST_WATCHES",
    "chat/error.rs OVERLOAD_WAIT",
    "chat/import.rs CLEARING",
    "chat/invites.rs TOKEN_BYTES",
    "chat/limits.rs HOUR",
    "chat/limits.rs MINUTE",
    "chat/page.rs DEFAULT_ROWS",
    "chat/passwords.rs LANES",
    "chat/passwords.rs PASSES",
    "chat/readiness.rs ANSWER_TIME",
    "chat/sessions.rs TOUCH_MS",
    "chat/setup.rs TOKEN_BYTES",
    "chat/sessions.rs USER_AGENT_CHARS",
    "chat/sign_in.rs KNOWN_SESSIONS",
    "chat/sign_in.rs MAX_BYTES",
    "chat/sign_in.rs TRIES",
    "chat/tokens.rs SECRET_BYTES",
    "store/backup/contents.rs MOST_FAULTS",
    "store/backup/contents.rs STEPS_BETWEEN_LOOKS",
    "store/backup/upgrade.rs FILE_MODE",
    "store/backup/upgrade.rs FOLDER_MODE",
    "store/writer.rs COMMANDS_BETWEEN_CHECKPOINTS",
    "store/writer.rs PAGES_BETWEEN_CHECKPOINTS",
    "store/writer.rs BETWEEN_WARNINGS",
    "store/writer.rs ENDING",
    "store/writer.rs IDLE",
    "store/room_left.rs PROBE_MODE",
    "store/room_left.rs PROBE_BYTES",
];
/// The same for whole files: what a connection to SQLite is opened with, and how the writer idles.
const NO_BOUNDS_IN: [&str; 1] = ["store/sql/sqlite.rs"];

/// How much of something: a count, bytes, or milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Amount {
    Count(u64),
    Bytes(u64),
    Ms(u64),
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Reads `4,096`, `64 KiB` or `10 s`, as the table writes them.
fn written(text: &str) -> Option<Amount> {
    let (digits, unit) = text.split_once(' ').unwrap_or((text, ""));
    let number: u64 = digits.replace(',', "").parse().ok()?;
    Some(match unit {
        "" => Amount::Count(number),
        "bytes" => Amount::Bytes(number),
        "KiB" => Amount::Bytes(number << 10),
        "MiB" => Amount::Bytes(number << 20),
        "ms" => Amount::Ms(number),
        "s" => Amount::Ms(number * 1000),
        "h" => Amount::Ms(number * 3_600_000),
        _ => return None,
    })
}

/// The value of a constant's expression: a product of numbers, perhaps of a unit of time.
fn value(name: &str, expression: &str) -> Option<Amount> {
    let product = |text: &str| {
        let factors = text.split('*').map(|factor| factor.trim().replace('_', ""));
        let numbers: Option<Vec<u64>> = factors.map(|factor| factor.parse().ok()).collect();
        Some(numbers?.into_iter().product::<u64>())
    };
    for (start, ms) in [
        ("Duration::from_millis(", 1),
        ("Duration::from_secs(", 1000),
        ("Duration::from_mins(", 60_000),
        ("Duration::from_hours(", 3_600_000),
    ] {
        if let Some(rest) = expression.strip_prefix(start) {
            return Some(Amount::Ms(product(rest.strip_suffix(')')?)? * ms));
        }
    }
    let inner = expression.strip_prefix("NonZeroU32::new(");
    let plain = inner.map_or(expression, |rest| {
        rest.split(')').next().unwrap_or_default()
    });
    let number = product(plain)?;
    Some(if name.ends_with("_KIB") {
        Amount::Bytes(number << 10)
    } else if name.contains("BYTES") {
        Amount::Bytes(number)
    } else if name.ends_with("_SECONDS") {
        Amount::Ms(number * 1000)
    } else {
        Amount::Count(number)
    })
}

/// The constants of a file that are numbers or times, with their expressions.
fn constants(source: &str) -> Vec<(String, String)> {
    const TYPES: [&str; 9] = [
        "usize",
        "u8",
        "u16",
        "u32",
        "u64",
        "i32",
        "i64",
        "Duration",
        "NonZeroU32",
    ];
    let parts = source.split("const ").skip(1);
    let read = parts.filter_map(|part| {
        let (name, rest) = part.split_once(": ")?;
        let (of_type, rest) = rest.split_once('=')?;
        let is_one = TYPES.contains(&of_type.trim()) && !name.contains(char::is_whitespace);
        let expression = rest.split(';').next()?.trim();
        is_one.then(|| (name.to_owned(), expression.to_owned()))
    });
    read.collect()
}

fn sources(folder: &Path, found: &mut Vec<String>) {
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            let inside = path.strip_prefix(root().join("src")).unwrap();
            found.push(inside.to_str().unwrap().to_owned());
        }
    }
}

/// What the rows of README's table say, as pairs of a place and an amount.
fn table() -> Vec<(String, String)> {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let (_, after) = readme
        .split_once("| What | How much | Where it is set |\n")
        .unwrap();
    let rows = after
        .lines()
        .skip(1)
        .take_while(|line| line.starts_with('|'));
    let mut pairs = Vec::new();
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [_, amounts, places] = cells[..] else {
            panic!("{row}");
        };
        let (amounts, places) = (amounts.split(" · "), places.split(" · "));
        assert_eq!(amounts.clone().count(), places.clone().count(), "{row}");
        let mut file = "";
        for (amount, place) in amounts.zip(places) {
            let place = place.trim_matches('`');
            let place = match place.split_once(' ') {
                Some((named, _)) => {
                    file = named;
                    place.to_owned()
                }
                // A key of the configuration, or another constant of the same file.
                None if place.contains('.') => place.to_owned(),
                None => format!("{file} {place}"),
            };
            pairs.push((place, amount.to_owned()));
        }
    }
    pairs
}

#[test]
fn each_number_in_the_table_of_bounds_is_the_one_that_is_used() {
    let config = toml::Table::try_from(Config::default()).unwrap();
    let pairs = table();
    assert!(pairs.len() > 50, "only {} bounds were found", pairs.len());
    for (place, amount) in pairs {
        let said = written(&amount).unwrap_or_else(|| panic!("{place}: {amount} is no amount"));
        let used = if let Some((file, name)) = place.split_once(' ') {
            let source = std::fs::read_to_string(root().join("src").join(file));
            let source = source.unwrap_or_else(|error| panic!("{place}: {error}"));
            let found = constants(&source)
                .into_iter()
                .find(|(known, _)| known == name);
            let (_, expression) = found.unwrap_or_else(|| panic!("there is no {place}"));
            value(name, &expression)
        } else {
            let (section, key) = place.split_once('.').unwrap();
            let number = config[section][key].as_integer();
            number.map(|number| Amount::Count(u64::try_from(number).unwrap()))
        };
        assert_eq!(Some(said), used, "{place} in README.md");
    }
}

#[test]
fn every_bound_in_the_source_stands_in_the_table() {
    let listed: BTreeMap<_, _> = table().into_iter().collect();
    let mut files = Vec::new();
    for folder in FOLDERS {
        sources(&root().join("src").join(folder), &mut files);
    }
    let (mut seen, mut excused) = (0, 0);
    for file in &files {
        let source = std::fs::read_to_string(root().join("src").join(file)).unwrap();
        for (name, _) in constants(&source) {
            let place = format!("{file} {name}");
            let is_excused =
                NO_BOUNDS.contains(&place.as_str()) || NO_BOUNDS_IN.contains(&file.as_str());
            assert!(
                listed.contains_key(&place) != is_excused,
                "{place} belongs either into README's table of bounds or among those that are none"
            );
            seen += 1;
            excused += usize::from(is_excused && !NO_BOUNDS_IN.contains(&file.as_str()));
        }
    }
    assert!(seen > 90, "only {seen} constants were found");
    assert_eq!(
        excused,
        NO_BOUNDS.len(),
        "some of those that are none are gone"
    );
}
