//! `chatd serve`: the server, until it is told to stop.
//!
//! Why it does not start is written by `main`, for people, and only in JSON is it in the log as well:
//! whoever collects that reads nothing else.

use super::door::take_from_commands;
use super::{Exit, Failure, Places, block_on_until, log};
use crate::chat::{Clock, SETUP_TIME};
use crate::config::{Config, LogFormat, LogLevel};
use crate::server::{STOP_TIME, Server, descriptors};
use clap::Args;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;
use tokio::time::Instant;

const EXAMPLES: &str = "\
Examples:
  chatd serve                                 on http://127.0.0.1:5000, data in ./chatd-data
  chatd serve --listen 0.0.0.0:8080           for everybody who reaches port 8080
  chatd serve --config /etc/chatd.toml --log-format json
  CHATD_LOG__LEVEL=debug chatd serve          any key of the configuration can be a variable

A flag wins over the environment, and that over the configuration file.

SIGTERM, Ctrl-C and a closed terminal stop it, once what it accepted is on disk; that takes 10
seconds at most. A second signal, more than a second after the first, ends it at once.";

/// Signals that come so soon after the first are the same wish, told twice: a wrapper passes on what
/// the whole group was sent, or a shell repeats it.
const SAME_SIGNAL: Duration = Duration::from_secs(1);

/// Run the server until it is told to stop
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Serve {
    /// The address and port to listen on, 127.0.0.1:5000 by default; port 0 takes a free one
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// How the log on stderr looks, pretty by default
    #[arg(long, value_name = "FORMAT", value_parser = ["pretty", "compact", "json"])]
    log_format: Option<String>,
}

impl Serve {
    pub(super) fn run(self, places: Places) -> Result<(), Failure> {
        let format = match self.log_format.as_deref() {
            Some("compact") => LogFormat::Compact,
            Some("json") => LogFormat::Json,
            _ => LogFormat::Pretty,
        };
        let config = match places.load(self.listen, self.log_format) {
            Ok(loaded) => loaded.config,
            Err(errors) => {
                // There is no configuration to ask how the log is to look.
                log::start(LogLevel::default(), format);
                if format == LogFormat::Json {
                    for error in &errors.0 {
                        tracing::error!(place = %error.place, problem = %error.problem, "the configuration is refused");
                    }
                }
                return Err(errors.into());
            }
        };
        log::start(config.log.level, config.log.format);
        block_on_until(serve(config))
    }
}

/// Serves until it is told to stop, and says until when the process may take to end.
async fn serve(config: Config) -> (Result<(), Failure>, Option<Instant>) {
    let mut stop = match stop_signal() {
        Ok(stop) => stop,
        Err(error) => {
            let text = format!("signals cannot be received: {error}");
            return (Err(Failure::failed(text)), None);
        }
    };
    descriptors::raise();
    let format = config.log.format;
    let started = tokio::select! {
        biased;
        // The sender lives until the first signal.
        _ = &mut stop => {
            tracing::info!("stopped before it was ready");
            return (Ok(()), None);
        }
        started = start(config) => started,
    };
    let mut server = match started {
        Ok(server) => server,
        Err(failure) => {
            if format == LogFormat::Json {
                tracing::error!(%failure, "the server does not start");
            }
            return (Err(failure), None);
        }
    };
    let ended = tokio::select! {
        _ = &mut stop => {
            tracing::info!("stopping; a second signal, more than a second from now, stops at once");
            Ok(())
        }
        lost = server.lost() => {
            tracing::error!(%lost, "nobody can be served any more; stopping");
            Err(Failure::failed(format!("nobody can be served any more: {lost}; start it again")))
        }
    };
    let deadline = Instant::now() + STOP_TIME;
    server.stop_by(deadline).await;
    tracing::info!("stopped");
    (ended, Some(deadline))
}

async fn start(config: Config) -> Result<Server, Failure> {
    let folder = take_from_commands(&config.data.dir).await?;
    let path = folder.path().to_owned();
    let connections = config.server.max_connections;
    let server = Server::start(Arc::new(config), folder, Clock::default())
        .await
        .map_err(Failure::failed)?;
    descriptors::tell_if_few(connections);
    let setup = server.chat().setup_link().await.map_err(Failure::failed)?;
    announce(server.address(), &path, setup.as_deref());
    Ok(server)
}

/// Says where to go, for people and for whoever started us on a port of the system's choice.
fn announce(address: SocketAddr, folder: &Path, setup: Option<&str>) {
    let everywhere = if address.ip().is_unspecified() {
        " (every address of this machine)"
    } else {
        ""
    };
    let folder = folder.display();
    let setup = setup.map_or_else(String::new, |link| {
        let minutes = SETUP_TIME.as_secs() / 60;
        format!(
            "There is no admin yet. Make the first one in a browser within {minutes} minutes:\n  {link}\n\
             or at any time by this command:\n  \
             chatd user add NAME --email ADDRESS --admin --data-dir \"{folder}\"\n"
        )
    });
    let text = format!(
        "chatd {} is ready: http://{address}{everywhere}\ndata folder: {folder}\n{setup}",
        env!("CARGO_PKG_VERSION"),
    );
    let mut stdout = std::io::stdout().lock();
    // A server whose stdout is closed serves all the same.
    let _ = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush());
}

/// Resolves at the first stop signal from now on; a later one, unless it comes with the first, ends
/// the process.
fn stop_signal() -> std::io::Result<oneshot::Receiver<()>> {
    let mut signals = StopSignals {
        terminate: signal(SignalKind::terminate())?,
        interrupt: signal(SignalKind::interrupt())?,
        hangup: if is_hangup_ignored() {
            None
        } else {
            Some(signal(SignalKind::hangup())?)
        },
    };
    let (first, stop) = oneshot::channel();
    tokio::spawn(async move {
        signals.next().await;
        let together = Instant::now() + SAME_SIGNAL;
        let _ = first.send(());
        signals.next().await;
        while Instant::now() < together {
            signals.next().await;
        }
        tracing::warn!("stopped at once by a second signal");
        std::process::exit(Exit::Failed as i32);
    });
    Ok(stop)
}

/// The signals that ask for a stop.
struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
    /// The terminal was closed; nothing where that is to be ignored.
    hangup: Option<Signal>,
}

impl StopSignals {
    async fn next(&mut self) {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            _ = hangup => {}
        }
    }
}

/// Whether whoever started this process had it ignore SIGHUP, as `nohup` does, which a handler would
/// undo. Where there is no `proc_pid_status(5)` nobody can tell, and the signal is taken.
fn is_hangup_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok());
    let bit = SignalKind::hangup().as_raw_value() - 1;
    ignored.is_some_and(|ignored| ignored >> bit & 1 == 1)
}
