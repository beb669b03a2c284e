//! What a client sends beside events.

use std::task::{Context, Poll, ready};

use tokio::time::{Duration, Instant};

use super::read_budget::ReadBudget;

/// What a client may send beside events in the long run, in bytes a second: some thousand pings, where
/// a client needs one in a minute.
pub const CHATTER_BYTES_PER_SECOND: u32 = 16 * 1024;

/// What a client may send beside events at once, in bytes. An event counts until all of it has come, so
/// this is as much as the largest, and its frames' heads.
pub const CHATTER_BURST_BYTES: u32 = 66 * 1024;

/// A client that has sent more than its rate beside events for so long is cut.
pub const CHATTER_TIMEOUT: Duration = Duration::from_secs(10);

/// A client whose budget is this part full again has stopped.
const RECOVERED_PART: i64 = 2;

/// What a client may send beside events.
#[derive(Debug, Clone, Copy)]
pub struct ChatterLimits {
    /// Bytes a second; [`CHATTER_BYTES_PER_SECOND`] by default.
    pub bytes_per_second: u32,
    /// Bytes at once; [`CHATTER_BURST_BYTES`] by default.
    pub burst_bytes: u32,
    /// How long a client may keep to the most of it; [`CHATTER_TIMEOUT`] by default.
    pub timeout: Duration,
}

impl Default for ChatterLimits {
    fn default() -> Self {
        Self {
            bytes_per_second: CHATTER_BYTES_PER_SECOND,
            burst_bytes: CHATTER_BURST_BYTES,
            timeout: CHATTER_TIMEOUT,
        }
    }
}

/// A client sent too much beside events for too long, and is to be cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooMuch;

/// The budget of whatever is no event: pings, answers to pings that nobody sent, packets of namespaces
/// that do not exist. The engine answers each of them by itself, with a write of its own, so that they
/// cost the server most and are counted by no limit of events.
#[derive(Debug)]
pub(crate) struct Chatter {
    budget: ReadBudget,
    limits: ChatterLimits,
    /// Since when it has had to wait.
    dry_since: Option<Instant>,
}

impl Chatter {
    pub(crate) fn new(limits: ChatterLimits) -> Self {
        Self {
            budget: ReadBudget::new(limits.bytes_per_second, limits.burst_bytes),
            limits,
            dry_since: None,
        }
    }

    /// Ready when something may be read, with the bytes of events given back that came since this was
    /// asked last; an error for a client that has had to wait for too long, though it was told nothing
    /// but to wait.
    pub(crate) fn poll_ready(
        &mut self,
        cx: &mut Context<'_>,
        earned: u64,
    ) -> Poll<Result<(), TooMuch>> {
        self.budget.earn(earned);
        let is_ready = self.budget.poll_ready(cx);
        if self.budget.left() >= i64::from(self.limits.burst_bytes) / RECOVERED_PART {
            self.dry_since = None;
        } else if is_ready.is_pending() {
            self.dry_since.get_or_insert_with(Instant::now);
        }
        let dry = self.dry_since.map(|since| since.elapsed());
        if dry.is_some_and(|dry| dry >= self.limits.timeout) {
            return Poll::Ready(Err(TooMuch));
        }
        ready!(is_ready);
        Poll::Ready(Ok(()))
    }

    /// Counts what was read.
    pub(crate) fn spend(&mut self, bytes: usize) {
        self.budget.spend(bytes);
    }
}
