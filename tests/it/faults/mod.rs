//! The promises at the head of the design, held under faults: in a short form here, in full by
//! `tests/run faults`, which sets `CHATD_FAULTS=full` and prints the figures.

mod clock;
mod departures;
mod disk;
mod floods;
mod headers;
mod hostile;
mod leak;
mod never_reads;
mod parsers;
mod passwords;
mod revocation;
mod silent;
mod stop;
mod strangers;
mod too_many;

use std::fmt::Display;
use std::fs::OpenOptions;
use std::io::Write;

/// Whether the full form is asked for.
pub fn full() -> bool {
    std::env::var("CHATD_FAULTS").is_ok_and(|form| form == "full")
}

/// How much of something there is: so much in full, so much in short.
pub fn either<T>(in_full: T, in_short: T) -> T {
    if full() { in_full } else { in_short }
}

/// Puts a row's figure into the report, which is the file that `CHATD_FAULTS_REPORT` names.
pub fn report(promise: &str, figure: impl Display) {
    let line = format!("{promise}: {figure}\n");
    print!("{line}");
    if let Some(path) = std::env::var_os("CHATD_FAULTS_REPORT") {
        let mut file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(path)
            .unwrap();
        file.write_all(line.as_bytes()).unwrap();
    }
}
