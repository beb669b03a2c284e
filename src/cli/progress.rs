//! How far something is, on a line that is written over, for people who look at a terminal.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// Between two changes of the line.
const BETWEEN: Duration = Duration::from_millis(100);
/// Back to the line's start, and away with what is on it (ECMA-48, sections 8.3.15 and 8.3.41).
const CLEAR: &str = "\r\x1b[K";

/// A line that is gone when the value is.
pub(super) struct Progress {
    is_shown: bool,
    last: Option<Instant>,
}

impl Progress {
    pub fn new() -> Self {
        Self {
            is_shown: std::io::stderr().is_terminal(),
            last: None,
        }
    }

    /// Says that so much of something is done.
    pub fn show(&mut self, what: &str, done: u64, all: u64) {
        let is_soon = |last: Instant| last.elapsed() < BETWEEN;
        if !self.is_shown || self.last.is_some_and(is_soon) {
            return;
        }
        self.last = Some(Instant::now());
        let percent = u128::from(done) * 100 / u128::from(all.max(1));
        // Without a terminal there is nobody to tell.
        let _ = write!(std::io::stderr(), "{CLEAR}{what}: {percent} %");
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.last.is_some() {
            let _ = write!(std::io::stderr(), "{CLEAR}");
        }
    }
}
