//! What a WebSocket's client sends beside events.

use std::task::{Context, Poll};

use tokio::time::{Duration, Instant};

use super::limits::GuardLimits;
use super::read_budget::ReadBudget;
use crate::realtime::transport::Transport;

/// A client whose budget is this part full again has stopped.
const RECOVERED_PART: i64 = 2;

/// The budget of whatever is no event: pings, answers to pings that nobody sent, packets of namespaces
/// that do not exist. The engine answers each of them by itself, with a write of its own, so that they
/// cost the server most and are counted by no limit of events. A client that keeps on is cut.
#[derive(Debug)]
pub(crate) struct Chatter {
    budget: ReadBudget,
    burst: i64,
    timeout: Duration,
    /// Since when it has had to wait.
    dry_since: Option<Instant>,
}

impl Chatter {
    pub(crate) fn new(limits: GuardLimits) -> Self {
        let (per_second, burst) = (limits.chatter_bytes_per_second, limits.chatter_burst_bytes);
        Self {
            budget: ReadBudget::new(per_second, burst),
            burst: burst.into(),
            timeout: limits.chatter_timeout,
            dry_since: None,
        }
    }

    /// Ready when something may be read. It cuts the connection of a client that has had to wait for too
    /// long, though it was told nothing but to wait.
    pub(crate) fn poll_ready(&mut self, cx: &mut Context<'_>, transport: &Transport) -> Poll<()> {
        self.budget.earn(transport.take_earned());
        let ready = self.budget.poll_ready(cx);
        if self.budget.left() >= self.burst / RECOVERED_PART {
            self.dry_since = None;
        }
        if ready.is_pending() {
            let since = *self.dry_since.get_or_insert_with(Instant::now);
            if since.elapsed() >= self.timeout {
                transport.cut();
            }
        }
        ready
    }

    /// Counts what was read.
    pub(crate) fn spend(&mut self, bytes: usize) {
        self.budget.spend(bytes);
    }
}
