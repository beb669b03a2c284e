//! Whom the server takes for the client of a request, for a command line that wants to know how the server is
//! reached.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// So many requests are looked out for at once.
const MOST_WATCHES: usize = 8;

/// Looks out for requests by a word in their query that nobody else knows. A clone is the same.
#[derive(Debug, Clone, Default)]
pub struct Witness(Arc<Mutex<VecDeque<Watch>>>);

#[derive(Debug)]
struct Watch {
    word: String,
    seen: Option<Seen>,
}

/// Where a request came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// The other end of its connection.
    pub peer: IpAddr,
    /// Whom the server takes for the client: the same, or whom a trusted proxy names.
    pub client: IpAddr,
    /// Whether the other end names somebody for whom it speaks, who may be itself.
    pub is_forwarded: bool,
}

impl Witness {
    /// Where the request with this word came from. The first question has the server look out for it.
    pub fn ask(&self, word: &str) -> Option<Seen> {
        let mut watches = self.lock();
        if let Some(watch) = watches.iter().find(|watch| watch.word == word) {
            return watch.seen;
        }
        watches.truncate(MOST_WATCHES - 1);
        watches.push_front(Watch {
            word: word.to_owned(),
            seen: None,
        });
        None
    }

    /// Looks at a request with this query.
    pub(super) fn see(&self, query: &str, seen: Seen) {
        let mut watches = self.lock();
        if let Some(watch) = watches.iter_mut().find(|watch| watch.word == query) {
            watch.seen = Some(seen);
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Watch>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
