//! The Socket.IO shell: who connects, what they send, what they are told.
//!
//! - [`entrance`]: what a request to the engine passes first; [`gate`] counts it, and `visit` is what is
//!   known of a session from then on.
//! - [`handshake`]: a token becomes a connection.
//! - [`inbound`]: events are admitted in the order of their bytes; [`events`] maps each to a command.
//! - [`fanout`]: tells what was committed, in commit order; [`hub`] knows who is to be told.
//! - [`wire`]: the shapes of payloads.

pub mod chatter;
mod connection;
pub mod entrance;
mod events;
mod fanout;
pub mod gate;
mod handshake;
mod hub;
mod inbound;
pub(crate) mod read_budget;
pub mod transport;
mod typing;
mod visit;
mod wire;

pub use entrance::{Engine, Entrance};
pub use fanout::run as run_fanout;

use crate::chat::Chat;
use crate::model::ConnectionId;
use connection::Recipient;
use socketioxide::SocketIo;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;

/// The largest payload that a client may send, in bytes: one packet over WebSocket, one body over
/// polling.
pub const PAYLOAD_BYTES: usize = 64 * 1024;
/// The engine's limit of one answer to a poll, in bytes: more than may ever wait for a client, since the
/// engine keeps the packet that fits no more, and forgets it if the client upgrades before its next poll.
/// What a client sends in one body is limited by the entrance.
const POLL_BYTES: u64 = 16 * 1024 * 1024;
/// Packets that may wait for one client; when they are too many it is cut.
const BUFFERED_PACKETS: usize = 1024;
/// A client has so long to send CONNECT, also after DISCONNECT: a little less than the 10 s within which
/// one that does not is gone.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(9);
/// Between two pings of an idle connection.
const PING_INTERVAL: Duration = Duration::from_secs(25);
/// A ping is to be answered within this.
const PING_TIMEOUT: Duration = Duration::from_secs(20);
/// What the WebSocket reader holds for each connection, in bytes.
const READ_BUFFER_BYTES: usize = 1024;
/// Attachments of one event; none is expected, so more than a few are not waited for.
const ATTACHMENTS: usize = 4;

/// What happens to connections outside of the outbox.
enum Signal {
    /// A client is signed in; its `Attached` is on the way through the writer.
    Opened(Arc<Recipient>),
    /// A connection is gone.
    Closed(ConnectionId),
}

/// What the handlers of all connections share.
pub struct Realtime {
    chat: Arc<Chat>,
    signals: mpsc::UnboundedSender<Signal>,
    engine: Engine,
    stopping: AtomicBool,
}

/// What the fan-out needs of the shell.
pub struct Signals(mpsc::UnboundedReceiver<Signal>);

impl Realtime {
    /// The shell of a domain, what closes its engine, and the signals that its fan-out listens to.
    pub fn new(chat: Arc<Chat>) -> (Arc<Self>, SocketIo, Signals) {
        let (signals, heard) = mpsc::unbounded_channel();
        let (service, io) = SocketIo::builder()
            .max_payload(POLL_BYTES)
            .ws_max_message_size(PAYLOAD_BYTES)
            .ws_max_frame_size(PAYLOAD_BYTES)
            .ws_read_buffer_size(READ_BUFFER_BYTES)
            .max_buffer_size(BUFFERED_PACKETS)
            .connect_timeout(CONNECT_TIMEOUT)
            .upgrade_timeout(CONNECT_TIMEOUT)
            .ping_interval(PING_INTERVAL)
            .ping_timeout(PING_TIMEOUT)
            .with_parser(
                socketioxide::ParserConfig::common()
                    .max_incoming_binaries(ATTACHMENTS)
                    .max_incoming_binary_buf_size(PAYLOAD_BYTES),
            )
            .build_svc();
        let shell = Arc::new(Self {
            chat,
            signals,
            engine: Engine::new(service),
            stopping: AtomicBool::new(false),
        });
        handshake::listen(&io, &shell);
        (shell, io, Signals(heard))
    }

    /// Takes no session and no event from now on, for a stop: no event is done, and none is answered.
    pub fn stop_admitting(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    fn signal(&self, signal: Signal) {
        // The fan-out is gone only when the process stops.
        let _ = self.signals.send(signal);
    }
}
