//! One signed-in connection: how much it has in flight, which rooms it opened, how it is cut.

use super::entrance::Engine;
use super::visit::Visit;
use crate::chat::Who;
use crate::model::{ConnectionId, RoomId, SessionId, UserId};
use serde_json::value::RawValue;
use socketioxide::SendError;
use socketioxide::extract::SocketRef;
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// With so many of its events on the way a connection is not read from any more.
const PAUSE_AT: u32 = 32;
/// It is read from again when so few are left.
const RESUME_AT: u32 = 16;
/// What was buffered when reading stopped is admitted up to so many events, then refused.
pub(super) const MOST_IN_FLIGHT: u32 = 256;
/// Rooms in which somebody may be typing at once as far as the end of it beyond the rate is concerned.
const MOST_TYPING_ROOMS: usize = 64;
/// So often an event's thread lets others run while its connection is being opened.
const OPEN_YIELDS: u32 = 100_000;
/// A client whose session ended has so long to take its DISCONNECT and go.
pub(super) const PARTING: Duration = Duration::from_millis(500);

/// What the handlers of a connection share. It does not hold the socket, which holds them.
pub(super) struct Connection {
    pub id: ConnectionId,
    /// Who signed in, as they were then.
    pub who: Who,
    pub visit: Arc<Visit>,
    in_flight: AtomicU32,
    paused: AtomicBool,
    /// Whether what it sends finds its place: its `Attached` is queued.
    open: AtomicBool,
    /// Whether the end of it was signalled, be it before its beginning.
    gone: AtomicBool,
    /// Cut: nothing is sent to it any more.
    dead: AtomicBool,
    /// Its session ended, and DISCONNECT is the last that it is sent.
    ended: AtomicBool,
    rooms: Mutex<HashSet<RoomId>>,
    /// Where it said last that its user types; of so many rooms at most, more than anybody types in.
    typing: Mutex<HashSet<RoomId>>,
    /// Held while a query of it runs.
    pub queries: tokio::sync::Mutex<()>,
    engine: Engine,
}

impl Connection {
    pub fn new(who: Who, visit: Arc<Visit>, engine: Engine) -> Self {
        Self {
            id: ConnectionId::new(),
            who,
            visit,
            in_flight: AtomicU32::new(0),
            paused: AtomicBool::new(false),
            open: AtomicBool::new(false),
            gone: AtomicBool::new(false),
            dead: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            rooms: Mutex::new(HashSet::new()),
            typing: Mutex::new(HashSet::new()),
            queries: tokio::sync::Mutex::new(()),
            engine,
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
            && let Some(stream) = self.visit.stream(socket)
        {
            // In this order: who finishes the last event undoes the first only if they see the second.
            stream.set_reading(false);
            self.paused.store(true, Ordering::SeqCst);
            self.resume_if_drained();
        }
        Some(place)
    }

    /// Reads on when little is left in flight. Both who pauses and who finishes look, so that neither
    /// misses what the other did.
    fn resume_if_drained(&self) {
        if self.paused.load(Ordering::SeqCst)
            && self.in_flight.load(Ordering::SeqCst) <= RESUME_AT
            && let Some(stream) = self.visit.transport()
        {
            self.paused.store(false, Ordering::SeqCst);
            stream.set_reading(true);
        }
    }

    /// Counts a refusal for the rate; a client that keeps on is cut.
    pub fn refused(&self, socket: &SocketRef) {
        if self.visit.refused() {
            self.cut(socket);
        }
    }

    /// Notes that its user types in a room, or that they stopped.
    pub fn types(&self, room: RoomId, is_typing: bool) {
        let mut typing = self.typing.lock().unwrap_or_else(PoisonError::into_inner);
        if !is_typing {
            typing.remove(&room);
        } else if typing.len() < MOST_TYPING_ROOMS {
            typing.insert(room);
        }
    }

    /// Whether its user types in a room, by what it said last.
    pub fn is_typing(&self, room: RoomId) -> bool {
        let typing = self.typing.lock().unwrap_or_else(PoisonError::into_inner);
        typing.contains(&room)
    }

    /// Ends the connection without a DISCONNECT packet, so that the client comes back by itself.
    /// Nothing is sent to it any more.
    pub fn cut(&self, socket: &SocketRef) {
        if self.dead.swap(true, Ordering::AcqRel) {
            return;
        }
        tokio::spawn(self.visit.end(socket, &self.engine));
    }

    /// Whether it may be sent so many bytes more. A client that takes too little is cut.
    pub fn may_take(&self, socket: &SocketRef, bytes: usize) -> bool {
        if !self.is_over() && self.visit.owes(bytes) {
            self.cut(socket);
        }
        !self.is_over()
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
        if !self.connection.may_take(&self.socket, payload.get().len()) {
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
