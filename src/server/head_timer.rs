//! The clock that hyper reads a request's head by.
//!
//! hyper has one timeout from the moment it begins to wait for a head to its last byte, so it would
//! also end idle keep-alive connections, after the short time that a head may take. This timer
//! tells the two apart: hyper is given the long idle timeout, and from the first byte of a head on
//! (for the first head of a connection, from its opening) the short one counts.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use crate::realtime::transport::Transport;

/// A timer for one connection: hyper's head timeout, which is its only use of a timer, ends earlier
/// once a head began.
#[derive(Debug)]
pub(crate) struct HeadTimer {
    transport: Arc<Transport>,
    /// How long a head may take.
    limit: Duration,
    /// Whether the next head is the connection's first.
    first: AtomicBool,
}

impl HeadTimer {
    pub(crate) fn new(transport: Arc<Transport>, limit: Duration) -> Self {
        Self {
            transport,
            limit,
            first: AtomicBool::new(true),
        }
    }
}

impl hyper::rt::Timer for HeadTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn hyper::rt::Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn hyper::rt::Sleep>> {
        let first = self.first.swap(false, Ordering::Relaxed);
        self.transport.take_heard();
        let deadline = tokio::time::Instant::from_std(deadline);
        let deadline = if first {
            deadline.min(self.transport.opened() + self.limit)
        } else {
            deadline
        };
        Box::pin(HeadSleep {
            transport: Arc::clone(&self.transport),
            limit: self.limit,
            began: first,
            sleep: Box::pin(tokio::time::sleep_until(deadline)),
        })
    }

    fn now(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }
}

struct HeadSleep {
    transport: Arc<Transport>,
    limit: Duration,
    /// Whether the head's first byte has come, so that `sleep` ends when the head must be complete.
    began: bool,
    sleep: Pin<Box<tokio::time::Sleep>>,
}

impl hyper::rt::Sleep for HeadSleep {}

impl Future for HeadSleep {
    type Output = ();

    /// hyper polls it after each read that leaves the head incomplete.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        if !this.began && this.transport.take_heard() {
            this.began = true;
            let deadline = tokio::time::Instant::now() + this.limit;
            if deadline < this.sleep.deadline() {
                this.sleep.as_mut().reset(deadline);
            }
        }
        this.sleep.as_mut().poll(cx)
    }
}
