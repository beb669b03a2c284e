//! `chatd serve`: the server, until it is told to stop.
//!
//! Why it does not start is written by `main`, for people, and only in JSON is it in the log as well:
//! whoever collects that reads nothing else.

use super::door::take_from_commands;
use super::{Exit, Failure, Places, block_on_until, log, notify};
use crate::chat::{Clock, SETUP_TIME};
use crate::config::{Config, LogFormat, LogLevel, Tls};
use crate::server::tls::files::Files;
use crate::server::{STOP_TIME, Server, StartError, descriptors};
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
  chatd serve                                 127.0.0.1:5000, ./chatd-data
  chatd serve --listen 0.0.0.0:8080           for all who reach port 8080
  chatd serve --config /etc/chatd.toml --log-format json
  CHATD_LOG__LEVEL=debug chatd serve          any key can be a variable

A flag wins over the environment, and that over the configuration file.

SIGTERM, Ctrl-C and a closed terminal stop it, once what it accepted is on disk; that takes 10 \
seconds at most. A second signal, more than a second after the first, ends it at once.

With tls.certificate, or started by systemd, a SIGHUP stops nothing, also that of a closed terminal: the \
certificate and its key are read again, for connections from then on. \"kill -HUP\" is what a renewal \
ends with.";

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
    let signals = reload_signal(&config.tls).and_then(|reload| {
        let stop = stop_signal(reload.is_none())?;
        Ok((stop, reload))
    });
    let (mut stop, mut reload) = match signals {
        Ok(signals) => signals,
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
    let ended = loop {
        tokio::select! {
            _ = &mut stop => {
                tracing::info!("stopping; a second signal, more than a second from now, stops at once");
                break Ok(());
            }
            () = received(reload.as_mut()) => {
                if let Err(error) = server.reload_certificate() {
                    tracing::error!(%error, "the certificate stays the one that it was");
                }
            }
            lost = server.lost() => {
                tracing::error!(%lost, "nobody can be served any more; stopping");
                break Err(Failure::failed(format!("nobody can be served any more: {lost}; start it again")));
            }
        }
    };
    notify::tell(notify::STOPPING);
    let deadline = Instant::now() + STOP_TIME;
    server.stop_by(deadline).await;
    tracing::info!("stopped");
    (ended, Some(deadline))
}

async fn start(config: Config) -> Result<Server, Failure> {
    // Before anything is made in a folder.
    Files::check(&config.tls)
        .map_err(StartError::from)
        .map_err(Failure::failed)?;
    let folder = take_from_commands(&config.data.dir).await?;
    let path = folder.path().to_owned();
    let connections = config.server.max_connections;
    let server = Server::start(Arc::new(config), folder, Clock::default())
        .await
        .map_err(Failure::failed)?;
    descriptors::tell_if_few(connections);
    let setup = server.chat().setup_link().await;
    let setup = setup.map_err(StartError::from).map_err(Failure::failed)?;
    announce(&server, &path, setup.as_deref());
    notify::tell(notify::READY);
    Ok(server)
}

/// Says where to go, for people and for whoever started us on a port of the system's choice.
fn announce(server: &Server, folder: &Path, setup: Option<&str>) {
    let address = server.address();
    let scheme = if server.has_tls() { "https" } else { "http" };
    let everywhere = if address.ip().is_unspecified() {
        " (every address of this machine)"
    } else {
        ""
    };
    let folder = folder.display();
    let setup = setup.map_or_else(String::new, |link| {
        let minutes = SETUP_TIME.as_secs() / 60;
        let hint = reached_otherwise(link, address);
        format!(
            "There is no admin. Make one in a browser within {minutes} minutes:\n  {link}\n{hint}\
             or at any time by this command:\n  \
             chatd user add NAME --email ADDRESS --admin --data-dir \"{folder}\"\n"
        )
    });
    let redirect = server.redirect_address().map_or_else(String::new, |from| {
        format!("http://{from} leads to https\n")
    });
    let text = format!(
        "chatd {} is ready: {scheme}://{address}{everywhere}\ndata folder: {folder}\n{redirect}{setup}",
        env!("CARGO_PKG_VERSION"),
    );
    let mut stdout = std::io::stdout().lock();
    // A server whose stdout is closed serves all the same.
    let _ = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush());
}

/// What a browser on another machine needs that a link to this address does not say.
fn reached_otherwise(link: &str, address: SocketAddr) -> String {
    let ip = address.ip();
    if !link.contains(&format!("//{address}/")) {
        return String::new();
    }
    if ip.is_unspecified() {
        return format!("  with this machine's name or address in place of {ip},\n");
    }
    if ip.is_loopback() {
        let port = address.port();
        return format!("  from another machine after: ssh -L {port}:{address} THIS-MACHINE\n");
    }
    String::new()
}

/// The signal to read the certificate's files again, where there are any, or a service manager, whose
/// services have no terminal that could be closed.
fn reload_signal(tls: &Tls) -> std::io::Result<Option<Signal>> {
    (tls.has_files() || notify::is_wanted())
        .then(|| signal(SignalKind::hangup()))
        .transpose()
}

/// Resolves when a signal has come; never without one to wait for.
async fn received(signal: Option<&mut Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

/// Resolves at the first stop signal from now on; a later one, unless it comes with the first, ends
/// the process. SIGHUP is one of them unless it has another meaning.
fn stop_signal(takes_hangup: bool) -> std::io::Result<oneshot::Receiver<()>> {
    let mut signals = StopSignals {
        terminate: signal(SignalKind::terminate())?,
        interrupt: signal(SignalKind::interrupt())?,
        hangup: if takes_hangup && !is_hangup_ignored() {
            Some(signal(SignalKind::hangup())?)
        } else {
            None
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
    /// The terminal was closed; nothing where that is to be ignored or means something else.
    hangup: Option<Signal>,
}

impl StopSignals {
    async fn next(&mut self) {
        let hangup = received(self.hangup.as_mut());
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            () = hangup => {}
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
