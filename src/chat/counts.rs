//! What the domain and its shells count while they work, for whoever looks inside.

use super::{Chat, Code};
use crate::model::{Counter, Gauge};

/// What is counted since the start.
#[derive(Debug, Default)]
pub struct Counts {
    /// Messages that were written; a repeated `clientId` writes none.
    pub messages: Counter,
    /// Messages that were handed to sockets.
    pub delivered: Counter,
    /// Sockets that are signed in.
    pub sockets: Gauge,
    /// People who have one of them, or had one a moment ago.
    pub people: Gauge,
    /// Rooms that a socket has open.
    pub rooms: Gauge,
    /// The same, where each socket that has a room open counts.
    pub subscriptions: Gauge,
    /// Sessions of Socket.IO that were refused since their address had too many.
    pub sessions_refused: Counter,
    /// The same for sessions that are not signed in.
    pub unauthenticated_refused: Counter,
    /// What HTTP requests were refused.
    pub requests_refused: Refused,
    /// What events of sockets were refused.
    pub events_refused: Refused,
}

/// How often something was refused, by the code of the refusal.
#[derive(Debug, Default)]
pub struct Refused([Counter; Code::ALL.len()]);

impl Refused {
    /// Counts a refusal.
    pub fn one(&self, code: Code) {
        self.0[code as usize].one();
    }

    /// Each code with how often it was told.
    pub fn by_code(&self) -> impl Iterator<Item = (Code, u64)> {
        let counts = self.0.iter().map(Counter::get);
        Code::ALL.into_iter().zip(counts)
    }
}

impl Chat {
    /// What is counted while the server works.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }
}
