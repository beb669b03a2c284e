//! The command line: one file a family of commands.
//!
//! Data goes to stdout, words to stderr. What went wrong is a [`Failure`], whose [`Exit`] becomes the
//! exit code.

mod backup;
mod config;
mod confirm;
mod doctor;
mod door;
mod exit;
mod export;
mod healthcheck;
mod import;
mod import_sequelize;
mod log;
mod notify;
mod pages;
mod password;
mod progress;
mod prompt;
mod restore;
mod room;
mod serve;
mod session;
mod stats;
mod table;
mod user;
mod web;

pub use exit::{Exit, Failure};

use crate::config::{Config, ConfigError, ConfigErrors, Flags, Loaded, LogLevel, Sources};
use crate::model::RoomId;
use clap::{Args, Parser, Subcommand};
use rustix::process::Signal;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;

/// So many threads at most do what blocks: queries, password hashes, files.
const BLOCKING_THREADS: usize = 64;
/// At the end threads that still block are left alone after so long.
const LAST_WAIT: Duration = Duration::from_secs(1);
/// What the names of our environment variables begin with.
const ENV_PREFIX: &str = "CHATD_";

const EXAMPLES: &str = "\
Examples:
  chatd serve                                          run a server
  chatd serve --listen 0.0.0.0:5000 --data-dir /srv/chat
  chatd user add ada --email ada@example.org --admin   make an account
  chatd user list                                      see all accounts
  chatd backup /mnt/usb/chat.backup                    also while it runs
  chatd config default > chatd.toml                    a file to begin with
  chatd doctor                                         look for what breaks

\"chatd help serve\" and the like say more.";

/// A self-hosted chat server: REST, Socket.IO and its database in one program.
#[derive(Debug, Parser)]
#[command(name = "chatd", version, max_term_width = 100, after_help = format!("{EXAMPLES}\n\n{}", exit::table()))]
pub struct Cli {
    #[command(flatten)]
    places: Places,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(Debug, Args)]
struct Places {
    /// The data folder; without it data.dir of the configuration, which is "chatd-data" by default
    #[arg(long, global = true, value_name = "DIR", display_order = 100)]
    data_dir: Option<String>,
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        display_order = 101,
        help = "The configuration file; without it the one that $CHATD_CONFIG names, or none"
    )]
    config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server until it is told to stop
    Serve(serve::Serve),
    /// Make and change accounts, whether or not the server runs
    User(user::User),
    /// Put all that must not be lost into one file, also while the server runs
    Backup(backup::Backup),
    /// Make a data folder of a backup
    Restore(restore::Restore),
    /// Write everything, or one room, as lines of JSON or as a page to read
    Export(export::Export),
    /// Bring in what "chatd export" has written, whether or not the server runs
    Import(import::Import),
    /// Take over the database of a chat made with Node, Express, Sequelize and MySQL
    ImportSequelize(import_sequelize::ImportSequelize),
    /// See and delete rooms, whether or not the server runs
    Room(room::Room),
    /// See and end sign-ins, whether or not the server runs
    Session(session::Session),
    /// Show how much there is: accounts, rooms, messages, connections, bytes
    Stats(stats::Stats),
    /// Show and check the configuration
    Config(config::Config),
    /// Look for what commonly breaks, and say what to do about it
    Doctor(doctor::Doctor),
    /// Ask whether a server is ready
    Healthcheck(healthcheck::Healthcheck),
    /// Print what a shell needs to complete commands and their flags
    Completions(pages::Completions),
    /// Print the manual page, or write one a command into a folder
    Man(pages::Man),
}

impl Cli {
    /// Reads the arguments of this process. Help ends the process with exit code 0, a wrong use of
    /// the command line with 2.
    pub fn read() -> Self {
        Self::parse()
    }

    /// Does what was asked for.
    pub fn run(self) -> Result<(), Failure> {
        match self.command {
            Command::Serve(serve) => serve.run(self.places),
            Command::User(user) => user.run(self.places),
            Command::Backup(backup) => backup.run(self.places),
            Command::Restore(restore) => restore.run(self.places),
            Command::Export(export) => export.run(self.places),
            Command::Import(import) => import.run(self.places),
            Command::ImportSequelize(import) => import.run(self.places),
            Command::Room(room) => room.run(self.places),
            Command::Session(session) => session.run(self.places),
            Command::Stats(stats) => stats.run(self.places),
            Command::Config(config) => config.run(self.places),
            Command::Doctor(doctor) => doctor.run(self.places),
            Command::Healthcheck(healthcheck) => healthcheck.run(self.places),
            Command::Completions(completions) => completions.run(),
            Command::Man(man) => man.run(),
        }
    }
}

impl Places {
    /// The configuration, for a command whose answer is not to stand amid what a server tells about its
    /// work; from then on the log says no more than warnings.
    fn load_quietly(self) -> Result<Config, ConfigErrors> {
        let config = self.load(None, None)?.config;
        log::start(config.log.level.min(LogLevel::Warn), config.log.format);
        Ok(config)
    }

    /// The configuration: the file, then the environment, then the flags.
    fn load(
        self,
        listen: Option<String>,
        log_format: Option<String>,
    ) -> Result<Loaded, ConfigErrors> {
        let mut env = Vec::new();
        for (name, value) in std::env::vars_os() {
            let Ok(name) = name.into_string() else {
                continue;
            };
            if name.starts_with(ENV_PREFIX) {
                let value = value.into_string().map_err(|_| ConfigError {
                    place: name.clone(),
                    problem: "not UTF-8; use a value that is".to_owned(),
                    is_flag: false,
                })?;
                env.push((name, value));
            }
        }
        crate::config::load(&Sources {
            file: self.config,
            env,
            flags: Flags {
                listen,
                data_dir: self.data_dir,
                log_format,
            },
        })
    }
}

/// Runs `work` to its end, and does not wait long for threads that still block.
fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    block_on_until(async { (work.await, None) })
}

/// The same for work that has a deadline at its end, beyond which nothing is waited for.
fn block_on_until<T>(
    work: impl Future<Output = (Result<T, Failure>, Option<Instant>)>,
) -> Result<T, Failure> {
    let runtime: Runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS)
        .build()
        .map_err(|error| {
            Failure::new(
                Exit::Failed,
                format!("no threads could be started: {error}"),
            )
        })?;
    let (done, deadline) = runtime.block_on(async {
        outlive_full_files();
        work.await
    });
    let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
    runtime.shutdown_timeout(left.unwrap_or(LAST_WAIT).min(LAST_WAIT));
    done
}

/// A file that is as long as the system lets this process make it is like a full disk: the write fails
/// and is told. Who does not take the signal that comes with it is ended by it.
fn outlive_full_files() {
    let full = SignalKind::from_raw(Signal::XFSZ.as_raw());
    // Its handler stays when the receiver goes.
    if let Err(error) = signal(full) {
        tracing::debug!(%error, "a file that becomes too long ends the process");
    }
}

/// Reads a room's id of the command line.
fn room_id(text: &str) -> Result<RoomId, String> {
    id(text, "chatd room list")
}

/// Reads an id of the command line, which `list` would show.
fn id<T: FromStr>(text: &str, list: &str) -> Result<T, String> {
    let read = text.to_ascii_lowercase().parse();
    read.map_err(|_| {
        format!("an id looks like 6f1c2a52-0d7e-4a4e-9c5b-0f6f1b1f7c11; \"{list}\" shows all that there are")
    })
}

/// Words for people.
fn say(text: &str) {
    // Without a stderr there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Data for people or programs. A reader that has seen enough, such as `head`, is no failure.
fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    match stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
    {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Failure::failed(format!(
            "nothing could be printed: {error}"
        ))),
        _ => Ok(()),
    }
}
