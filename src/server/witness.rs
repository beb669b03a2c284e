//! Whom the server takes for the client of a request, for a command line that wants to know how the server is
//! reached.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Looks out for one request at a time, by a word in its query that nobody else knows. A clone is the same.
#[derive(Debug, Clone, Default)]
pub struct Witness(Arc<Mutex<Option<Watch>>>);

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
}

impl Witness {
    /// Where the request with this word came from. Whoever asks for another word than the last one has the
    /// server look out for that from now on.
    pub fn ask(&self, word: &str) -> Option<Seen> {
        let mut watch = self.lock();
        match &*watch {
            Some(watch) if watch.word == word => watch.seen,
            _ => {
                let (word, seen) = (word.to_owned(), None);
                *watch = Some(Watch { word, seen });
                None
            }
        }
    }

    /// Looks at a request with this query.
    pub(super) fn see(&self, query: &str, seen: Seen) {
        if let Some(watch) = &mut *self.lock()
            && watch.word == query
        {
            watch.seen = Some(seen);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Watch>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
