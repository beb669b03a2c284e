//! How a command ends.

use crate::config::ConfigErrors;
use crate::server::control::Refusal;
use crate::server::data_folder::FolderError;
use std::fmt;
use std::process::ExitCode;

/// How a command ends, by its exit code. The numbers never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Everything was done.
    Done = 0,
    /// Something failed.
    Failed = 1,
    /// The command line is wrong; the parser itself ends with this one.
    Usage = 2,
    /// There is no such account, room, session or data folder.
    NotFound = 3,
    /// The name or e-mail address is taken, or what is brought in is here already.
    Exists = 4,
    /// The configuration file or the environment is wrong; `EX_CONFIG` of `sysexits.h`.
    Config = 78,
    /// Somebody interrupted it, by Ctrl+C; what shells say of a process that SIGINT has ended.
    Interrupted = 130,
    /// It was told to stop; what shells say of a process that SIGTERM has ended.
    Stopped = 143,
}

/// All of them with what `--help` says about each.
const TABLE: [(Exit, &str); 8] = [
    (Exit::Done, "done"),
    (Exit::Failed, "failed; stderr says why"),
    (Exit::Usage, "the command line is wrong"),
    (
        Exit::NotFound,
        "there is no such account, room, session or data folder",
    ),
    (
        Exit::Exists,
        "the name or address is taken, or what is brought in is here already",
    ),
    (
        Exit::Config,
        "the configuration file or a variable is wrong",
    ),
    (Exit::Interrupted, "interrupted, as by Ctrl+C"),
    (Exit::Stopped, "told to stop, by SIGTERM"),
];

/// What `--help` says about the exit codes.
pub(super) fn table() -> String {
    let lines = TABLE.map(|(exit, meaning)| format!("  {:>3}  {meaning}", exit as u8));
    format!("Exit codes:\n{}", lines.join("\n"))
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// For programs.
    pub exit: Exit,
    /// For people: what is wrong and the way out.
    pub message: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

impl Failure {
    pub(super) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
        }
    }

    pub(super) fn failed(message: impl fmt::Display) -> Self {
        Self::new(Exit::Failed, message.to_string())
    }
}

impl From<ConfigErrors> for Failure {
    fn from(errors: ConfigErrors) -> Self {
        let exit = if errors.0.iter().all(|error| error.is_flag) {
            Exit::Usage
        } else {
            Exit::Config
        };
        let count = errors.0.len();
        let head = if count > 1 {
            format!("the configuration has {count} mistakes:\n")
        } else {
            String::new()
        };
        Self::new(exit, format!("{head}{errors}"))
    }
}

impl From<FolderError> for Failure {
    fn from(error: FolderError) -> Self {
        Self::failed(error)
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let exit = match refusal.code.as_str() {
            "not_found" => Exit::NotFound,
            "already_exists" => Exit::Exists,
            _ => Exit::Failed,
        };
        Self::new(exit, refusal.message)
    }
}
