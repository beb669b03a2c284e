//! The rate at which one connection is read.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// What a connection over its rate waits to gather, as a part of what a second gives: a twentieth
/// is 50 ms.
const REFILL_PART: i64 = 20;

/// A token bucket of bytes that is filled up only when it runs dry, so that most reads cost it one
/// subtraction.
///
/// A read may take more than is left, by at most its buffer: that is a debt, which the next one
/// waits for.
#[derive(Debug)]
pub(crate) struct ReadBudget {
    left: i64,
    per_second: u32,
    burst: u32,
    filled: Instant,
    pause: Option<Pin<Box<Sleep>>>,
}

impl ReadBudget {
    pub(crate) fn new(per_second: u32, burst: u32) -> Self {
        let burst = burst.max(1);
        Self {
            left: burst.into(),
            per_second: per_second.max(1),
            burst,
            filled: Instant::now(),
            pause: None,
        }
    }

    /// Ready when something may be read.
    pub(crate) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.left <= 0 {
            if let Some(pause) = &mut self.pause {
                ready!(pause.as_mut().poll(cx));
                self.pause = None;
            }
            self.refill();
            if self.left <= 0 {
                self.pause = Some(Box::pin(sleep_until(self.filled + self.time_to_gather())));
            }
        }
        Poll::Ready(())
    }

    /// Takes what was read out of the bucket.
    pub(crate) fn spend(&mut self, bytes: usize) {
        self.left = self
            .left
            .saturating_sub(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    /// Gives something back, up to a full bucket.
    pub(crate) fn earn(&mut self, bytes: u64) {
        let earned = i64::try_from(bytes).unwrap_or(i64::MAX);
        self.left = self.left.saturating_add(earned).min(self.burst.into());
    }

    /// Bytes that are left, as far as was looked.
    pub(crate) fn left(&self) -> i64 {
        self.left
    }

    fn refill(&mut self) {
        let now = Instant::now();
        let gained = (now - self.filled).as_micros() * u128::from(self.per_second) / 1_000_000;
        let gained = i64::try_from(gained).unwrap_or(i64::MAX);
        self.left = self.left.saturating_add(gained).min(self.burst.into());
        self.filled = now;
    }

    /// How long it takes to be out of debt and to have a little to spend.
    fn time_to_gather(&self) -> Duration {
        let (per_second, burst) = (i64::from(self.per_second), i64::from(self.burst));
        let wanted = (per_second / REFILL_PART)
            .clamp(1, burst)
            .saturating_sub(self.left);
        let micros = wanted.saturating_mul(1_000_000) / per_second + 1;
        Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }
}
