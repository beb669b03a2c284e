//! One signed-in connection: how much it has in flight, which rooms it opened, how it is cut.

use super::entrance::Engine;
use super::transport::Transport;
use crate::chat::{EventRate, Who};
use crate::model::{ConnectionId, RoomId, SessionId, UserId};
use serde_json::value::RawValue;
use socketioxide::extract::SocketRef;
use socketioxide::socket::Sid;
use socketioxide::{SendError, TransportType};
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

/// With so many of its events on the way a connection is not read from any more.
const PAUSE_AT: u32 = 32;
/// It is read from again when so few are left.
const RESUME_AT: u32 = 16;
/// What was buffered when reading stopped is admitted up to so many events, then refused.
pub(super) const MOST_IN_FLIGHT: u32 = 256;
/// A client that goes on after so many refusals for its rate is cut.
const REFUSALS_BEFORE_CUT: u32 = 100;
/// So often an event's thread lets others run while its connection is being opened.
const OPEN_YIELDS: u32 = 100_000;
/// A client whose session ended has so long to take its DISCONNECT and go.
pub(super) const PARTING: Duration = Duration::from_millis(500);
/// The index of upgraded connections is swept of those that are gone when it has grown this far.
const UPGRADES_BEFORE_SWEEP: usize = 1024;

/// What the handlers of a connection share. It does not hold the socket, which holds them.
pub(super) struct Connection {
    pub id: ConnectionId,
    /// Who signed in, as they were then.
    pub who: Who,
    pub rate: EventRate,
    sid: Sid,
    /// The TCP connection that the session was opened over; a WebSocket's unless it is upgraded.
    opened_over: Option<Arc<Transport>>,
    /// The WebSocket's TCP connection, once it is known.
    stream: OnceLock<Arc<Transport>>,
    in_flight: AtomicU32,
    paused: AtomicBool,
    refusals: AtomicU32,
    /// Whether what it sends finds its place: its `Attached` is queued.
    open: AtomicBool,
    /// Whether the end of it was signalled, be it before its beginning.
    gone: AtomicBool,
    /// Cut: nothing is sent to it any more.
    dead: AtomicBool,
    /// Its session ended, and DISCONNECT is the last that it is sent.
    ended: AtomicBool,
    rooms: Mutex<HashSet<RoomId>>,
    cutter: Arc<Cutter>,
}

impl Connection {
    pub fn new(socket: &SocketRef, who: Who, rate: EventRate, cutter: Arc<Cutter>) -> Self {
        Self {
            id: ConnectionId::new(),
            who,
            rate,
            sid: socket.id,
            opened_over: socket.req_parts().extensions.get().cloned(),
            stream: OnceLock::new(),
            in_flight: AtomicU32::new(0),
            paused: AtomicBool::new(false),
            refusals: AtomicU32::new(0),
            open: AtomicBool::new(false),
            gone: AtomicBool::new(false),
            dead: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            rooms: Mutex::new(HashSet::new()),
            cutter,
        }
    }

    /// Whose it is.
    pub fn user(&self) -> UserId {
        self.who.user
    }

    /// By which session it lives.
    pub fn session(&self) -> SessionId {
        self.who.session
    }

    pub fn set_open(&self) {
        self.open.store(true, Ordering::Release);
    }

    pub fn set_gone(&self) {
        self.gone.store(true, Ordering::Release);
    }

    pub fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }

    /// Waits for another thread to leave the few instructions between the answer to CONNECT, which a
    /// quick client may have acted on already, and [`Connection::set_open`]. Says whether it did.
    pub fn wait_until_open(&self) -> bool {
        (0..OPEN_YIELDS).any(|_| {
            let open = self.open.load(Ordering::Acquire);
            if !open {
                std::thread::yield_now();
            }
            open
        })
    }

    /// Counts an event in, until the guard is dropped; nothing if there are too many.
    pub fn admit(self: &Arc<Self>, socket: &SocketRef) -> Option<InFlight> {
        let before = self.in_flight.fetch_add(1, Ordering::AcqRel);
        let place = InFlight(self.clone());
        if before >= MOST_IN_FLIGHT {
            return None;
        }
        if before + 1 >= PAUSE_AT
            && let Some(stream) = self.stream(socket)
        {
            self.paused.store(true, Ordering::SeqCst);
            stream.set_reading(false);
            self.resume_if_drained();
        }
        Some(place)
    }

    /// Reads on when little is left in flight. Both who pauses and who finishes look, so that neither
    /// misses what the other did.
    fn resume_if_drained(&self) {
        if self.paused.load(Ordering::SeqCst)
            && self.in_flight.load(Ordering::SeqCst) <= RESUME_AT
            && let Some(stream) = self.stream.get()
        {
            self.paused.store(false, Ordering::SeqCst);
            stream.set_reading(true);
        }
    }

    /// The stream of a WebSocket; nothing while the client polls.
    fn stream(&self, socket: &SocketRef) -> Option<&Arc<Transport>> {
        if let Some(stream) = self.stream.get() {
            return Some(stream);
        }
        if socket.transport_type() != TransportType::Websocket {
            return None;
        }
        let stream = self
            .cutter
            .upgraded(self.sid)
            .or_else(|| self.opened_over.clone())?;
        Some(self.stream.get_or_init(|| stream))
    }

    /// Counts a refusal for the rate; a client that keeps on is cut.
    pub fn refused(&self, socket: &SocketRef) {
        if self.refusals.fetch_add(1, Ordering::Relaxed) >= REFUSALS_BEFORE_CUT {
            self.cut(socket);
        }
    }

    /// The client keeps to its rate again.
    pub fn behaved(&self) {
        if self.refusals.load(Ordering::Relaxed) != 0 {
            self.refusals.store(0, Ordering::Relaxed);
        }
    }

    /// Ends the connection without a DISCONNECT packet, so that the client comes back by itself.
    /// Nothing is sent to it any more.
    pub fn cut(&self, socket: &SocketRef) {
        if self.dead.swap(true, Ordering::AcqRel) {
            return;
        }
        match self.stream(socket) {
            Some(stream) => stream.cut(),
            None => self.cutter.close(self.sid),
        }
    }

    /// Whether its session ended, so that DISCONNECT is the last that it is sent.
    pub fn is_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// Whether nothing is to be sent any more.
    pub fn is_over(&self) -> bool {
        self.dead.load(Ordering::Acquire) || self.is_ended()
    }

    /// What was sent did not go through: a live socket gets everything or is cut. After DISCONNECT
    /// nothing goes through, and a cut could overtake it.
    pub fn send_failed(&self, socket: &SocketRef) {
        if !self.is_ended() {
            self.cut(socket);
        }
    }

    pub fn has_open(&self, room: RoomId) -> bool {
        self.rooms().contains(&room)
    }

    pub fn rooms(&self) -> std::sync::MutexGuard<'_, HashSet<RoomId>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One event on its way.
pub(super) struct InFlight(Arc<Connection>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::SeqCst);
        self.0.resume_if_drained();
    }
}

/// A connection as the fan-out has it: with its socket.
pub(super) struct Recipient {
    pub connection: Arc<Connection>,
    pub socket: SocketRef,
}

impl Recipient {
    /// Sends an event, or cuts the connection: a live socket gets everything.
    pub fn send(&self, event: &str, payload: &RawValue) {
        if self.connection.is_over() {
            return;
        }
        match self.socket.emit(event, payload) {
            Ok(()) => {}
            Err(SendError::Socket(_)) => self.connection.send_failed(&self.socket),
            Err(SendError::Serialize(error)) => {
                tracing::error!(%error, event, "an event could not be told");
                self.connection.cut(&self.socket);
            }
        }
    }

    /// Ends the connection because its session ended: with a DISCONNECT packet, after which stock
    /// clients stay away. A client that stays all the same is cut a little later.
    pub fn disconnect(&self) {
        // Before the socket is closed: whoever fails to send because of it looks here.
        self.connection.ended.store(true, Ordering::Release);
        if self.socket.clone().disconnect().is_err() {
            self.connection.cut(&self.socket);
            return;
        }
        let (connection, socket) = (self.connection.clone(), self.socket.clone());
        tokio::spawn(async move {
            tokio::time::sleep(PARTING).await;
            connection.cut(&socket);
        });
    }
}

/// Finds the TCP connection of an upgraded session, and ends polling sessions.
pub struct Cutter {
    engine: Engine,
    upgrades: Mutex<HashMap<String, Weak<Transport>>>,
}

impl Cutter {
    pub(super) fn new(engine: Engine) -> Self {
        Self {
            engine,
            upgrades: Mutex::new(HashMap::new()),
        }
    }

    /// Notes over which TCP connection a session wants to go on as a WebSocket.
    pub(super) fn note_upgrade(&self, sid: &str, over: &Arc<Transport>) {
        let mut upgrades = self.upgrades.lock().unwrap_or_else(PoisonError::into_inner);
        if upgrades.len() >= UPGRADES_BEFORE_SWEEP && upgrades.len() == upgrades.capacity() {
            upgrades.retain(|_, transport| transport.strong_count() > 0);
        }
        upgrades.insert(sid.to_owned(), Arc::downgrade(over));
    }

    fn upgraded(&self, sid: Sid) -> Option<Arc<Transport>> {
        let upgrades = self.upgrades.lock().unwrap_or_else(PoisonError::into_inner);
        upgrades.get(&sid.to_string())?.upgrade()
    }

    /// Ends a session that has no TCP connection of its own, as its client would by itself.
    pub(super) fn close(&self, sid: Sid) {
        let engine = self.engine.clone();
        tokio::spawn(async move { engine.close(sid).await });
    }
}
