//! The log: one line an event, to stderr.
//!
//! Which events are written depends on the configuration alone. Other crates never say more than
//! warnings, since at lower levels some write down headers and payloads, and with them tokens and
//! what people say to each other. `RUST_LOG` could change that, so it is not read.

use crate::chat::Clock;
use crate::config::{LogFormat, LogLevel};
use std::fmt;
use std::io::IsTerminal;
use std::panic::PanicHookInfo;
use tracing::field::{Field, display};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::{FormatFields, Writer, debug_fn};
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

/// What the names of our own events begin with.
const OURS: &str = "chatd";
/// Other crates say this much at most.
const OTHERS_AT_MOST: LevelFilter = LevelFilter::WARN;

/// Times in the log look as they do in the API: RFC 3339, UTC, milliseconds.
struct Utc;

impl FormatTime for Utc {
    fn format_time(&self, to: &mut Writer<'_>) -> fmt::Result {
        write!(to, "{}", Clock::default().now())
    }
}

/// Starts the log of this process. Only the first call has an effect.
pub(super) fn start(level: LogLevel, format: LogFormat) {
    let level = match level {
        LogLevel::Off => LevelFilter::OFF,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let filter = Targets::new()
        .with_default(level.min(OTHERS_AT_MOST))
        .with_target(OURS, level);
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_timer(Utc)
        .with_ansi(has_colours());
    let lines = match format {
        LogFormat::Pretty => lines
            .with_target(false)
            .fmt_fields(fields())
            .with_filter(filter)
            .boxed(),
        LogFormat::Compact => lines
            .fmt_fields(fields())
            .compact()
            .with_filter(filter)
            .boxed(),
        LogFormat::Json => lines
            .json()
            .flatten_event(true)
            .with_span_list(false)
            .with_filter(filter)
            .boxed(),
    };
    // There is a log already when several servers run in one process.
    if tracing_subscriber::registry()
        .with(lines)
        .try_init()
        .is_ok()
    {
        std::panic::set_hook(Box::new(tell_panic));
    }
}

/// A panic is a line of the log like any other, and not text of its own amid JSON.
fn tell_panic(panic: &PanicHookInfo<'_>) {
    let thread = std::thread::current();
    let thread = thread.name().unwrap_or("without a name");
    let words = panic.payload_as_str().unwrap_or("without a word");
    let place = panic.location().map(display);
    tracing::error!(thread, place, words, "a thread panicked");
}

/// Colours are for people who look at a terminal and have not asked for none (no-color.org).
fn has_colours() -> bool {
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    std::io::stderr().is_terminal() && !unwanted
}

/// The message, then `name=value`. What a stranger chose, such as a name, must not look like a line
/// of its own, nor move the cursor of whoever reads the log.
fn fields() -> impl for<'writer> FormatFields<'writer> + Send + Sync + 'static {
    use tracing_subscriber::field::MakeExt;
    debug_fn(
        |to: &mut Writer<'_>, field: &Field, value: &dyn fmt::Debug| {
            if field.name() != "message" {
                write!(to, "{field}=")?;
            }
            for c in format!("{value:?}").chars() {
                if c.is_control() {
                    write!(to, "{}", c.escape_default())?;
                } else {
                    write!(to, "{c}")?;
                }
            }
            Ok(())
        },
    )
    .delimited(" ")
}
