//! The guard around one client's stream.
//!
//! Neither hyper nor the Socket.IO engine protects itself from a peer that does not read: the
//! engine's writer waits for its flush for good, and what the peer goes on sending is answered into
//! buffers without a bound. The guard sits below both and keeps what one peer costs small:
//!
//! - while a write is pending, nothing is read, so a peer that does not drain is not answered either;
//! - a write that has been pending for the stall timeout ends the connection;
//! - reading is held to a rate, and stops altogether while [`Transport::set_reading`] says so;
//! - what a WebSocket's client sends beside events is held to a lower rate, and ends the connection when
//!   it goes on;
//! - [`Transport::cut`] ends both directions from outside.
//!
//! A guard that is dropped while its peer may still be sending leaves the connection to
//! [`Guard::on_part`], unless it was cut: closing with unread bytes resets a connection, and what the
//! kernel still holds for the peer would be lost.
//!
//! An idle connection owns no timer: each exists only while something waits for it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::connections::Slot;
use super::limits::GuardLimits;
use crate::realtime::chatter::{Chatter, TooMuch};
use crate::realtime::read_budget::ReadBudget;
use crate::realtime::transport::Transport;

/// A stream that protects the server from its peer. See the module's text.
#[derive(Debug)]
pub struct Guard<S> {
    // Dropped first: a connection's place is given back only when its socket is closed.
    stream: S,
    transport: Arc<Transport>,
    stall: Option<Stall>,
    stall_timeout: Duration,
    on_stall: fn(&S),
    on_read: fn(&S),
    on_part: fn(&S, Arc<Transport>, Option<Slot>),
    budget: ReadBudget,
    chatter: Chatter,
    /// Whether the peer sends nothing more.
    heard_out: bool,
    slot: Option<Slot>,
}

/// A pending write, and when it will have been pending for too long.
#[derive(Debug)]
struct Stall {
    operation: Operation,
    deadline: Pin<Box<Sleep>>,
}

/// What is pending. Only its own progress ends a stall: a plain socket's flush is always done, even
/// while a write to it is stuck, and a TLS stream takes a write into its buffer while its flush is
/// stuck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Write,
    Flush,
}

impl<S> Guard<S> {
    /// Guards `stream`, under the handle `transport`.
    pub fn new(stream: S, transport: Arc<Transport>, limits: GuardLimits) -> Self {
        Self {
            stream,
            transport,
            stall: None,
            stall_timeout: limits.stall_timeout,
            on_stall: |_| {},
            on_read: |_| {},
            on_part: |_, _, _| {},
            budget: ReadBudget::new(limits.read_bytes_per_second, limits.read_burst_bytes),
            chatter: Chatter::new(limits.chatter),
            heard_out: false,
            slot: None,
        }
    }

    /// Keeps the connection's place among the counted ones until the guard is dropped, wherever it
    /// is moved to.
    #[must_use]
    pub fn with_slot(mut self, slot: Slot) -> Self {
        self.slot = Some(slot);
        self
    }

    /// Does this to the stream, too, when its peer has not drained it for too long.
    #[must_use]
    pub fn on_stall(mut self, on_stall: fn(&S)) -> Self {
        self.on_stall = on_stall;
        self
    }

    /// Does this to the stream, too, each time that its peer was read from.
    #[must_use]
    pub fn on_read(mut self, on_read: fn(&S)) -> Self {
        self.on_read = on_read;
        self
    }

    /// Does this to the stream, too, when the guard is dropped while its peer may still be sending. It is
    /// given what the guard had of the connection.
    #[must_use]
    pub fn on_part(mut self, on_part: fn(&S, Arc<Transport>, Option<Slot>)) -> Self {
        self.on_part = on_part;
        self
    }

    /// The stream inside.
    pub fn get_ref(&self) -> &S {
        &self.stream
    }

    /// Cuts the connection if a write has been pending for too long, and fails if the connection is
    /// cut.
    ///
    /// The deadline wakes both the reader and the writer, and either looks at it, so that it counts
    /// even when the task that began the write is gone.
    fn check(&mut self) -> io::Result<()> {
        if let Some(stall) = &mut self.stall {
            let waker = Waker::from(Arc::clone(&self.transport));
            if stall
                .deadline
                .as_mut()
                .poll(&mut Context::from_waker(&waker))
                .is_ready()
            {
                self.stall = None;
                (self.on_stall)(&self.stream);
                self.transport.cut();
                return Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    "the peer does not drain",
                ));
            }
        }
        self.transport.check()
    }

    fn count(&self, written: &Poll<io::Result<usize>>) {
        if let Poll::Ready(Ok(bytes)) = written {
            self.transport.wrote(*bytes);
        }
    }

    /// Keeps the account of pending writes with the outcome of one.
    fn account<T>(
        &mut self,
        cx: &mut Context<'_>,
        operation: Operation,
        outcome: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            if self
                .stall
                .as_ref()
                .is_some_and(|stall| stall.operation == operation)
            {
                self.stall = None;
                self.transport.write_ended();
            }
            return outcome;
        }
        if self.stall.is_none() {
            self.transport.write_stalled();
            self.stall = Some(Stall {
                operation,
                deadline: Box::pin(sleep(self.stall_timeout)),
            });
        }
        // Registering comes before looking, or a cut between the two would wake nobody.
        let _ = self.transport.poll_cut(cx);
        self.check()?;
        Poll::Pending
    }

    /// Waits as the reader: woken by a cut, the end of a stall, or reading being allowed again.
    fn hold<T>(&mut self, cx: &mut Context<'_>, paused: bool) -> Poll<io::Result<T>> {
        self.transport.register_reader(cx);
        self.check()?;
        if paused && self.transport.is_reading() {
            // It was allowed again between the first look and the registration, whose wake came too
            // early.
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

impl<S> Drop for Guard<S> {
    fn drop(&mut self) {
        if !self.heard_out && !self.transport.is_cut() {
            (self.on_part)(&self.stream, Arc::clone(&self.transport), self.slot.take());
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guard<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.transport.check()?;
        if this.stall.is_some() {
            return this.hold(cx, false);
        }
        if !this.transport.is_reading() {
            return this.hold(cx, true);
        }
        if this.budget.poll_ready(cx).is_pending() {
            return this.hold(cx, false);
        }
        let is_websocket = this.transport.is_websocket();
        if is_websocket {
            match this.chatter.poll_ready(cx, this.transport.take_earned()) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(TooMuch)) => this.transport.cut(),
                Poll::Pending => return this.hold(cx, false),
            }
            this.transport.check()?;
        }
        let (before, room) = (buf.filled().len(), buf.remaining());
        match Pin::new(&mut this.stream).poll_read(cx, buf) {
            Poll::Ready(Ok(())) => {
                let read = buf.filled().len() - before;
                if read > 0 {
                    this.budget.spend(read);
                    if is_websocket {
                        this.chatter.spend(read);
                    }
                    this.transport.hear();
                    (this.on_read)(&this.stream);
                } else if room > 0 {
                    this.heard_out = true;
                }
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => {
                this.heard_out = true;
                Poll::Ready(Err(error))
            }
            Poll::Pending => this.hold(cx, false),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guard<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.transport.check()?;
        let outcome = Pin::new(&mut this.stream).poll_write(cx, buf);
        this.count(&outcome);
        this.account(cx, Operation::Write, outcome)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.transport.check()?;
        let outcome = Pin::new(&mut this.stream).poll_write_vectored(cx, bufs);
        this.count(&outcome);
        this.account(cx, Operation::Write, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.transport.check()?;
        let outcome = Pin::new(&mut this.stream).poll_flush(cx);
        this.account(cx, Operation::Flush, outcome)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.transport.check()?;
        let outcome = Pin::new(&mut this.stream).poll_shutdown(cx);
        this.account(cx, Operation::Flush, outcome)
    }
}
