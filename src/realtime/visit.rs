//! A visit: one session of the engine, from the request that opened it to its end. It outlives what
//! comes and goes within it, signing in and out and the change from polling to WebSocket, so what
//! bounds a client is counted here.

use super::CONNECT_TIMEOUT;
use super::entrance::Engine;
use super::gate::Ticket;
use super::transport::Transport;
use crate::chat::{Chat, EventRate};
use socketioxide::TransportType;
use socketioxide::extract::SocketRef;
use socketioxide::socket::Sid;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

/// A client that goes on after so many refusals for its rate is cut. Each event within its rate makes
/// up for one of them.
const REFUSALS_BEFORE_CUT: u32 = 100;
/// So many bytes may wait for a client that takes less than it is sent; then it is cut.
const MOST_OWED_BYTES: u64 = 4 * 1024 * 1024;
/// For a client that takes nothing at all so many may wait, and so long: in memory they are half as many
/// again, and are to stay below a mebibyte. It comes back with `since`.
const MOST_OWED_BYTES_STALLED: u64 = 512 * 1024;
const MOST_STALLED: Duration = Duration::from_secs(2);
/// What a WebSocket adds to an event, in bytes: the head of a frame with its mask (RFC 6455, section 5.2),
/// the types of two packets and the number of an ack.
const FRAMING_BYTES: usize = 40;

/// One session of the engine.
pub(super) struct Visit {
    ticket: Ticket,
    /// How often it may send events, however often it signs in and out.
    pub events: EventRate,
    /// How often it may have what it missed sent again.
    pub replays: EventRate,
    refusals: AtomicU32,
    /// How many connections it has: none before CONNECT and after DISCONNECT.
    connections: AtomicU32,
    /// How often a client left by DISCONNECT.
    departures: AtomicU32,
    /// The TCP connection of its WebSocket, or of the only one that it may try. It never has another.
    stream: OnceLock<Arc<Transport>>,
    /// Bytes that the client was sent, and those that it was given by polling.
    sent: AtomicU64,
    polled: AtomicU64,
    listed: OnceLock<(Weak<Visits>, Sid)>,
}

impl Visit {
    pub fn new(ticket: Ticket, chat: &Chat) -> Arc<Self> {
        Arc::new(Self {
            ticket,
            events: chat.event_rate(),
            replays: chat.replay_rate(),
            refusals: AtomicU32::new(0),
            connections: AtomicU32::new(0),
            departures: AtomicU32::new(0),
            stream: OnceLock::new(),
            sent: AtomicU64::new(0),
            polled: AtomicU64::new(0),
            listed: OnceLock::new(),
        })
    }

    /// The visit that a socket belongs to; each that came through the entrance has one.
    pub fn of(socket: &SocketRef) -> Option<Arc<Self>> {
        socket.req_parts().extensions.get().cloned()
    }

    /// Its user is known.
    pub fn signed_in(&self) {
        self.ticket.signed_in();
    }

    /// A connection begins.
    pub fn entered(&self) {
        self.connections.fetch_add(1, Ordering::AcqRel);
    }

    /// A connection ended. Where the client left by DISCONNECT and does not come back within
    /// [`CONNECT_TIMEOUT`], the session ends as that of a client does which never sends CONNECT.
    pub fn left(self: &Arc<Self>, sid: Sid, engine: &Engine, by_disconnect: bool) {
        self.connections.fetch_sub(1, Ordering::AcqRel);
        if !by_disconnect {
            return;
        }
        let departure = self.departures.fetch_add(1, Ordering::AcqRel) + 1;
        let (visit, engine) = (Arc::downgrade(self), engine.clone());
        tokio::spawn(async move {
            tokio::time::sleep(CONNECT_TIMEOUT).await;
            // A session that is over already is held by nobody.
            let Some(visit) = visit.upgrade() else {
                return;
            };
            let came_back = visit.connections.load(Ordering::Acquire) > 0
                || visit.departures.load(Ordering::Acquire) != departure;
            if !came_back {
                visit.cut_stream();
                engine.close(sid).await;
                visit.cut_stream();
            }
        });
    }

    /// The TCP connection of its WebSocket, or of its try to become one.
    pub fn transport(&self) -> Option<&Arc<Transport>> {
        self.stream.get()
    }

    /// The engine goes on over this connection as a WebSocket, if the client keeps it.
    pub fn upgraded(&self, over: &Arc<Transport>) {
        over.set_websocket();
        // Whoever has one is not let in to try another.
        let _ = self.stream.set(over.clone());
    }

    /// The TCP connection of its WebSocket; nothing while it polls.
    pub fn stream(&self, socket: &SocketRef) -> Option<&Arc<Transport>> {
        let is_websocket = socket.transport_type() == TransportType::Websocket;
        self.transport().filter(|_| is_websocket)
    }

    /// Counts a refusal for the rate; says whether the client keeps on and is to be cut.
    pub fn refused(&self) -> bool {
        self.refusals.fetch_add(1, Ordering::Relaxed) >= REFUSALS_BEFORE_CUT
    }

    /// The client keeps to its rate, with an event of so many bytes.
    pub fn behaved(&self, bytes: usize) {
        if let Some(stream) = self.transport() {
            stream.earn(bytes + FRAMING_BYTES);
        }
        let less = |refusals: u32| refusals.checked_sub(1);
        // Nothing to make up for is the usual case.
        let _ = self
            .refusals
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }

    /// Counts bytes that are sent; says whether too many wait for the client now.
    pub fn owes(&self, bytes: usize) -> bool {
        let bytes = bytes as u64;
        let polled = self.polled.load(Ordering::Relaxed);
        let taken = polled + self.transport().map_or(0, |stream| stream.written());
        // What was taken beyond what was counted is how it was packed; it pays for nothing to come.
        self.sent.fetch_max(taken, Ordering::Relaxed);
        let sent = self.sent.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let owed = sent - taken;
        let takes_nothing = || {
            self.transport()
                .is_some_and(|stream| stream.stalled_for() >= MOST_STALLED)
        };
        owed > MOST_OWED_BYTES || owed > MOST_OWED_BYTES_STALLED && takes_nothing()
    }

    /// The client, which polls, is given an answer of so many bytes.
    pub fn took(&self, bytes: u64) {
        self.polled.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Ends the session without a word of Socket.IO, so that the client comes back by itself. Its
    /// WebSocket is cut at once, a polling session ends when the future does.
    pub fn end(
        self: &Arc<Self>,
        socket: &SocketRef,
        engine: &Engine,
    ) -> impl Future<Output = ()> + use<> {
        let polls = self.stream(socket).is_none();
        let (visit, engine, sid) = (self.clone(), engine.clone(), socket.id);
        visit.cut_stream();
        async move {
            if polls {
                engine.close(sid).await;
                // It may have become a WebSocket meanwhile, which the engine does not close that way.
                visit.cut_stream();
            }
        }
    }

    fn cut_stream(&self) {
        if let Some(transport) = self.transport() {
            transport.cut();
        }
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        if let Some((visits, sid)) = self.listed.get()
            && let Some(visits) = visits.upgrade()
        {
            visits.open().remove(sid);
        }
    }
}

/// The visits that began by polling, by the engine's ids: their further requests find them here.
#[derive(Default)]
pub(super) struct Visits(Mutex<HashMap<Sid, Weak<Visit>>>);

impl Visits {
    /// Lists a visit until it ends.
    pub fn list(self: &Arc<Self>, sid: Sid, visit: &Arc<Visit>) {
        self.open().insert(sid, Arc::downgrade(visit));
        let _ = visit.listed.set((Arc::downgrade(self), sid));
    }

    /// The visit with this id, unless it is over.
    pub fn find(&self, sid: Sid) -> Option<Arc<Visit>> {
        self.open().get(&sid)?.upgrade()
    }

    fn open(&self) -> MutexGuard<'_, HashMap<Sid, Weak<Visit>>> {
        // Nothing under the lock can panic halfway through a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
