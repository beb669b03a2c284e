//! What `/metrics` shows: the numbers that the parts count, in the text format that Prometheus reads
//! (version 0.0.4), put together at each request.

mod exposition;
mod process;

use super::connections::Connections;
use super::listener::ConnectionLimits;
use crate::chat::{Chat, Error, Refused};
use crate::config;
use crate::model::Histogram;
use crate::store::Store;
use axum::routing::{any, get};
use axum::{Json, Router};
use exposition::{Exposition, Kind};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde_json::json;
use std::future::ready;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval};

/// The path that monitors ask by default.
pub const PATH: &str = "/metrics";
/// What the text is.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
/// Between two looks at how late a timer is.
const BETWEEN_LOOKS: Duration = Duration::from_millis(250);
/// Microseconds that a timer may be late. It is never more precise than a millisecond.
const LATE: &[u64] = &[
    1_000, 2_000, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
];
/// Microseconds of a second.
const MICROSECONDS: f64 = 1e6;
/// Connections at once to an address that shows nothing else, where a monitor or two ask now and then.
const MAX_MONITORS: usize = 32;

/// Everything that is shown.
pub(super) struct Metrics {
    chat: Arc<Chat>,
    store: Store,
    /// What the listener counts, once there is one.
    connections: OnceLock<Connections>,
    delays: Histogram,
}

impl Metrics {
    pub fn new(chat: Arc<Chat>, store: Store) -> Arc<Self> {
        Arc::new(Self {
            chat,
            store,
            connections: OnceLock::new(),
            delays: Histogram::new(LATE),
        })
    }

    /// From now on these connections are shown, too.
    pub fn watch_connections(&self, connections: &Connections) {
        // There is one listener that serves clients.
        let _ = self.connections.set(connections.clone());
    }

    /// The route that shows everything.
    pub fn route(self: &Arc<Self>) -> Router {
        let metrics = self.clone();
        let show = move || ready(([(CONTENT_TYPE, TEXT)], metrics.text()));
        Router::new().route(PATH, get(show))
    }

    /// Measures how late timers are until the server stops: whatever keeps the threads that serve
    /// everybody shows there.
    pub async fn watch_delays(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let mut looks = interval(BETWEEN_LOOKS);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let due = tokio::select! {
                due = looks.tick() => due,
                _ = stop.wait_for(|stop| *stop) => return,
            };
            let late = Instant::now().saturating_duration_since(due).as_micros();
            self.delays.note(u64::try_from(late).unwrap_or(u64::MAX));
        }
    }

    fn text(&self) -> String {
        let mut to = Exposition::default();
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        to.family(
            "chatd_build_info",
            Kind::Gauge,
            "The version of chatd that runs.",
        );
        to.sample(&version, 1);
        self.connections(&mut to);
        self.talk(&mut to);
        self.store(&mut to);
        to.family(
            "chatd_event_loop_delay_seconds",
            Kind::Histogram,
            "How late timers are, looked at four times a second.",
        );
        to.histogram(&self.delays, MICROSECONDS);
        process::show(&mut to);
        to.finish()
    }

    fn connections(&self, to: &mut Exposition) {
        let Some(connections) = self.connections.get() else {
            return;
        };
        let (chat, listener) = (self.chat.counts(), connections.counts());
        to.gauge(
            "chatd_connections",
            "Open TCP connections.",
            connections.open(),
        );
        to.counter(
            "chatd_connections_accepted_total",
            "TCP connections that were let in.",
            listener.accepted.get(),
        );
        to.family(
            "chatd_connections_refused_total",
            Kind::Counter,
            "Connections that were not let in: since there were too many (full), too many of the address \
             (address), or too many of it that were not signed in (unauthenticated).",
        );
        let of_address = listener.of_address.get() + chat.sessions_refused.get();
        to.sample(&[("reason", "full")], listener.full.get());
        to.sample(&[("reason", "address")], of_address);
        to.sample(
            &[("reason", "unauthenticated")],
            chat.unauthenticated_refused.get(),
        );
        to.gauge(
            "chatd_sockets",
            "Socket.IO connections that are signed in.",
            chat.sockets.get(),
        );
        to.gauge(
            "chatd_people_online",
            "People who are connected, or were seconds ago.",
            chat.people.get(),
        );
        to.gauge(
            "chatd_rooms_open",
            "Rooms that a connection has open.",
            chat.rooms.get(),
        );
        to.gauge(
            "chatd_rooms_subscribed",
            "Rooms that connections have open, each once a connection.",
            chat.subscriptions.get(),
        );
    }

    fn talk(&self, to: &mut Exposition) {
        let chat = self.chat.counts();
        to.counter(
            "chatd_messages_total",
            "Messages that were written.",
            chat.messages.get(),
        );
        to.counter(
            "chatd_messages_delivered_total",
            "Messages that were handed to connections.",
            chat.delivered.get(),
        );
        to.family(
            "chatd_refusals_total",
            Kind::Counter,
            "What was refused to HTTP requests (http) and to events and connections of Socket.IO (socket), by code.",
        );
        let refused = [
            ("http", &chat.requests_refused),
            ("socket", &chat.events_refused),
        ];
        for (via, refused) in refused {
            show_refused(to, via, refused);
        }
    }

    fn store(&self, to: &mut Exposition) {
        let counts = self.store.counts();
        to.gauge(
            "chatd_writer_queue_commands",
            "Commands that wait to be written.",
            counts.waiting.get(),
        );
        to.gauge(
            "chatd_outbox_batches",
            "Commits that wait to be told.",
            self.store.untold(),
        );
        to.family(
            "chatd_commit_commands",
            Kind::Histogram,
            "Commands of each commit.",
        );
        to.histogram(&counts.commands, 1.0);
        to.family(
            "chatd_commit_seconds",
            Kind::Histogram,
            "How long commits take until they are on disk.",
        );
        to.histogram(&counts.microseconds, MICROSECONDS);
        // A file that cannot be looked at is no reason to show nothing.
        if let Ok(size) = self.store.size() {
            to.gauge(
                "chatd_database_bytes",
                "Size of the database.",
                size.database,
            );
            to.gauge(
                "chatd_database_log_bytes",
                "Size of its write-ahead log.",
                size.log,
            );
        }
    }
}

/// The same path where nothing is shown: monitors must not take the web UI for an answer.
pub(super) fn nothing_here() -> Router {
    let refuse = || {
        let error = Error::not_found("such route");
        ready((StatusCode::NOT_FOUND, Json(json!({ "error": error }))))
    };
    Router::new().route(PATH, any(refuse))
}

/// What the address of the metrics' own allows.
pub(super) fn limits(server: &config::Server) -> ConnectionLimits {
    ConnectionLimits {
        max_connections: MAX_MONITORS,
        max_connections_per_address: MAX_MONITORS,
        ..server.into()
    }
}

fn show_refused(to: &mut Exposition, via: &str, refused: &Refused) {
    for (code, times) in refused.by_code() {
        to.sample(&[("via", via), ("code", &code.name())], times);
    }
}
