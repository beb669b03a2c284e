//! A visit: one session of the engine, from the request that opened it to its end. It outlives what
//! comes and goes within it, signing in and out and the change from polling to WebSocket, so what
//! bounds a client is counted here.

use super::CONNECT_TIMEOUT;
use super::chatter::{Chatter, ChatterLimits, TooMuch};
use super::entrance::Engine;
use super::gate::Ticket;
use super::transport::Transport;
use crate::chat::{Chat, EventRate};
use socketioxide::TransportType;
use socketioxide::extract::SocketRef;
use socketioxide::socket::Sid;
use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

/// A client that goes on after so many refusals for its rate is cut. Each event within its rate makes
/// up for one of them.
const REFUSALS_BEFORE_CUT: u32 = 100;
/// So many bytes may wait for a client that takes less than it is sent; then it is cut.
const MOST_OWED_BYTES: u64 = 4 * 1024 * 1024;
/// For a client that takes nothing at all, or does not poll, so many may wait, and so long: in memory they
/// are half as many again, and are to stay below a mebibyte. It comes back with `since`.
const MOST_OWED_BYTES_STALLED: u64 = 512 * 1024;
const MOST_STALLED: Duration = Duration::from_secs(2);
/// What a client that polls again has taken is counted within this, and looked for so often.
const COUNTED_WITHIN: Duration = Duration::from_secs(1);
const COUNTED_LOOK: Duration = Duration::from_millis(10);
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
    /// Bytes that the client was sent.
    sent: AtomicU64,
    polls: Mutex<Polls>,
    /// Bytes of events that a client sent which polls, and their budget beside what is no event.
    earned: AtomicU64,
    chatter: tokio::sync::Mutex<Chatter>,
    listed: OnceLock<(Weak<Visits>, Sid)>,
}

/// What a client took by polling.
struct Polls {
    /// Bytes of the answers that it took as a whole.
    taken: u64,
    /// How many polls wait for something to tell.
    waiting: u32,
    /// When the last poll ended.
    ended: Instant,
    /// The last answer, which may be on its way.
    last: Option<Given>,
}

/// An answer that a client which polls was given.
struct Given {
    over: Arc<Transport>,
    /// How much the connection had written before.
    from: u64,
    bytes: u64,
}

impl Given {
    /// How much of it the kernel has taken for the client.
    fn taken(&self) -> u64 {
        self.bytes.min(self.over.written() - self.from)
    }

    fn is_taken(&self) -> bool {
        self.taken() == self.bytes
    }
}

impl Polls {
    fn new() -> Self {
        Self {
            taken: 0,
            waiting: 0,
            ended: Instant::now(),
            last: None,
        }
    }

    fn taken(&self) -> u64 {
        self.taken + self.last.as_ref().map_or(0, Given::taken)
    }

    /// Whether the client neither polls nor takes what it was given, for so long.
    fn stalled_for(&self) -> Duration {
        if self.waiting > 0 {
            return Duration::ZERO;
        }
        match &self.last {
            Some(given) if !given.is_taken() => given.over.stalled_for(),
            _ => self.ended.elapsed(),
        }
    }
}

/// A poll that waits for something to tell.
pub(super) struct Poll {
    visit: Arc<Visit>,
    over: Arc<Transport>,
}

impl Poll {
    /// It is answered with so many bytes.
    pub fn answered(self, bytes: u64) {
        let (over, from) = (self.over.clone(), self.over.written());
        self.visit.polls().last = Some(Given { over, from, bytes });
    }
}

impl Drop for Poll {
    fn drop(&mut self) {
        let mut polls = self.visit.polls();
        polls.waiting -= 1;
        polls.ended = Instant::now();
    }
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
            polls: Mutex::new(Polls::new()),
            earned: AtomicU64::new(0),
            chatter: tokio::sync::Mutex::new(Chatter::new(ChatterLimits::default())),
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
        let bytes = bytes + FRAMING_BYTES;
        if let Some(stream) = self.transport() {
            stream.earn(bytes);
        } else {
            self.earned.fetch_add(bytes as u64, Ordering::Relaxed);
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
        let taken = self.taken();
        // What was taken beyond what was counted is how it was packed; it pays for nothing to come.
        self.sent.fetch_max(taken, Ordering::Relaxed);
        let sent = self.sent.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let owed = sent - taken;
        owed > MOST_OWED_BYTES
            || owed > MOST_OWED_BYTES_STALLED && self.stalled_for() >= MOST_STALLED
    }

    /// Whether the client polls and has not fetched all that it was sent.
    pub fn has_to_fetch(&self) -> bool {
        self.transport().is_none() && self.sent.load(Ordering::Relaxed) > self.taken()
    }

    fn taken(&self) -> u64 {
        let streamed = self.transport().map_or(0, |stream| stream.written());
        self.polls().taken() + streamed
    }

    fn stalled_for(&self) -> Duration {
        match self.transport() {
            Some(stream) => stream.stalled_for(),
            None => self.polls().stalled_for(),
        }
    }

    fn polls(&self) -> MutexGuard<'_, Polls> {
        // Nothing under the lock can panic halfway through a change.
        self.polls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The client polls; nothing if it does not take what it was given the last time, so that what waits
    /// for it would be moved where nobody counts it.
    pub async fn poll(self: &Arc<Self>, over: &Arc<Transport>) -> Option<Poll> {
        let deadline = Instant::now() + COUNTED_WITHIN;
        loop {
            let poll = self.try_poll(over);
            if poll.is_some() || Instant::now() >= deadline {
                return poll;
            }
            // What the client has by now may be counted a moment later, where it polls over another
            // connection.
            tokio::time::sleep(COUNTED_LOOK).await;
        }
    }

    fn try_poll(self: &Arc<Self>, over: &Arc<Transport>) -> Option<Poll> {
        let mut polls = self.polls();
        if polls.last.as_ref().is_some_and(|given| !given.is_taken()) {
            return None;
        }
        polls.taken += polls.last.take().map_or(0, |given| given.bytes);
        polls.waiting += 1;
        Some(Poll {
            visit: self.clone(),
            over: over.clone(),
        })
    }

    /// Waits until a client that polls may send so much, as the guard does for a WebSocket.
    pub async fn hear(&self, bytes: usize) -> Result<(), TooMuch> {
        let mut chatter = self.chatter.lock().await;
        poll_fn(|cx| chatter.poll_ready(cx, self.earned.swap(0, Ordering::Relaxed))).await?;
        chatter.spend(bytes);
        Ok(())
    }

    /// Ends the session of a client that polls, and does so against the rules.
    pub async fn end_polling(&self, sid: Sid, engine: &Engine) {
        engine.close(sid).await;
        // It may have become a WebSocket meanwhile, which the engine does not close that way.
        self.cut_stream();
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
                visit.end_polling(sid, &engine).await;
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

    /// Whether somebody who polls has not fetched all that they were sent.
    pub fn have_to_fetch(&self) -> bool {
        let visits: Vec<_> = self.open().values().filter_map(Weak::upgrade).collect();
        visits.iter().any(|visit| visit.has_to_fetch())
    }

    fn open(&self) -> MutexGuard<'_, HashMap<Sid, Weak<Visit>>> {
        // Nothing under the lock can panic halfway through a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
