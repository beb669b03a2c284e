//! The handle of one client's TCP connection.
//!
//! The listener makes one `Transport` a connection, gives it to the guard around the stream, and
//! puts it into the extensions of every request that comes over it. Whoever holds it can end the
//! connection or stop reading from it, from any thread, without knowing which task owns the stream
//! at that moment: hyper's before an upgrade, the engine's two after it. It is a few words of
//! atomics, because each of the many idle connections has one.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, Wake};

use futures_util::task::AtomicWaker;
use tokio::time::{Duration, Instant};

/// What a connection's guard shares with the rest of the server, held in an `Arc`.
#[derive(Debug)]
pub struct Transport {
    opened: Instant,
    written: AtomicU64,
    /// Since when a write has been pending, in milliseconds after `opened` and one; 0 while none is.
    stalled: AtomicU64,
    earned: AtomicU64,
    websocket: AtomicBool,
    cut: AtomicBool,
    paused: AtomicBool,
    deaf: AtomicBool,
    heard: AtomicBool,
    reader: AtomicWaker,
    writer: AtomicWaker,
}

impl Transport {
    /// The handle of a connection that was opened now.
    pub fn new() -> Self {
        Self {
            opened: Instant::now(),
            written: AtomicU64::new(0),
            stalled: AtomicU64::new(0),
            earned: AtomicU64::new(0),
            websocket: AtomicBool::new(false),
            cut: AtomicBool::new(false),
            paused: AtomicBool::new(false),
            deaf: AtomicBool::new(false),
            heard: AtomicBool::new(false),
            reader: AtomicWaker::new(),
            writer: AtomicWaker::new(),
        }
    }

    /// Ends the connection at once: what waits to read or to write wakes with an error, and the
    /// stream is dropped. Bytes that the kernel has already taken may still reach the peer. Cutting
    /// again does nothing.
    pub fn cut(&self) {
        self.cut.store(true, Ordering::Release);
        self.wake_both();
    }

    /// Whether the connection was cut, by [`Transport::cut`] or because its peer did not drain.
    pub fn is_cut(&self) -> bool {
        self.cut.load(Ordering::Acquire)
    }

    /// With `false` nothing more is read from the peer until it is set to `true` again. What was
    /// read before is not held back, and the end of the connection goes unnoticed meanwhile unless
    /// it is written to.
    pub fn set_reading(&self, reading: bool) {
        self.paused.store(!reading, Ordering::Release);
        if reading {
            self.reader.wake();
        }
    }

    /// Nothing more is read from the peer, whatever [`Transport::set_reading`] says.
    pub fn stop_reading(&self) {
        self.deaf.store(true, Ordering::Release);
    }

    /// Whether the peer is read from.
    pub fn is_reading(&self) -> bool {
        !self.paused.load(Ordering::Acquire) && !self.deaf.load(Ordering::Acquire)
    }

    /// How many bytes the kernel has taken for the peer.
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// From now on it is a WebSocket, whose client is to send events above all.
    pub(super) fn set_websocket(&self) {
        self.websocket.store(true, Ordering::Release);
    }

    /// Whether it is a WebSocket.
    pub(crate) fn is_websocket(&self) -> bool {
        self.websocket.load(Ordering::Acquire)
    }

    /// Notes so many bytes of what the client sent as those of an event that its rate allows.
    pub(super) fn earn(&self, bytes: usize) {
        self.earned.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// The bytes of events since this was last asked.
    pub(crate) fn take_earned(&self) -> u64 {
        self.earned.swap(0, Ordering::Relaxed)
    }

    /// When the connection was accepted.
    pub(crate) fn opened(&self) -> Instant {
        self.opened
    }

    /// Ready once the connection is cut. The task is woken then, as long as it is the one that
    /// writes.
    pub(crate) fn poll_cut(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.writer.register(cx.waker());
        if self.is_cut() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    /// Wakes this task when reading may be possible again, or is over. Whoever calls it looks at
    /// the state afterwards.
    pub(crate) fn register_reader(&self, cx: &Context<'_>) {
        self.reader.register(cx.waker());
    }

    /// An error when the connection was cut.
    pub(crate) fn check(&self) -> io::Result<()> {
        if self.is_cut() {
            return Err(io::Error::new(
                io::ErrorKind::ConnectionAborted,
                "the server cut the connection",
            ));
        }
        Ok(())
    }

    /// Notes that the kernel took so many bytes.
    pub(crate) fn wrote(&self, bytes: usize) {
        self.written.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// A write is pending from now on.
    pub(crate) fn write_stalled(&self) {
        self.stalled.store(self.age_ms() + 1, Ordering::Relaxed);
    }

    /// How long the peer has taken nothing of what is written; nothing while it takes everything.
    pub(super) fn stalled_for(&self) -> Duration {
        let since = self.stalled.load(Ordering::Relaxed);
        let ms = (since > 0).then(|| (self.age_ms() + 1).saturating_sub(since));
        Duration::from_millis(ms.unwrap_or(0))
    }

    fn age_ms(&self) -> u64 {
        u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX - 1)
    }

    /// A pending write went on: the reader may too.
    pub(crate) fn write_ended(&self) {
        self.stalled.store(0, Ordering::Relaxed);
        self.reader.wake();
    }

    /// Notes that the peer sent something.
    pub(crate) fn hear(&self) {
        if !self.heard.load(Ordering::Relaxed) {
            self.heard.store(true, Ordering::Relaxed);
        }
    }

    /// Whether the peer sent something since this was last asked.
    pub(crate) fn take_heard(&self) -> bool {
        self.heard.swap(false, Ordering::Relaxed)
    }

    fn wake_both(&self) {
        self.reader.wake();
        self.writer.wake();
    }
}

impl Default for Transport {
    fn default() -> Self {
        Self::new()
    }
}

/// As a waker it wakes both who reads and who writes: a deadline on a write must be noticed by
/// either, because the one that began the write may no longer care about it.
impl Wake for Transport {
    fn wake(self: Arc<Self>) {
        self.wake_both();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.wake_both();
    }
}
