//! The open connections: how many there are, from where, and a handle to end each.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use ipnet::IpNet;
use tokio::sync::Notify;

use super::limits::ConnectionLimits;
pub use super::refusal::Refusal;
use crate::model::{ClientAddress, Counter};
use crate::realtime::transport::Transport;

/// The open connections of the listeners that share it. A clone is the same book.
#[derive(Debug, Clone)]
pub struct Connections {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    max: usize,
    max_per_address: usize,
    uncounted: Vec<IpNet>,
    book: Mutex<Book>,
    idle: Notify,
    counts: Counts,
}

/// What a book counts.
#[derive(Debug, Default)]
pub struct Counts {
    /// Connections that were let in.
    pub accepted: Counter,
    /// Those that were not since there were too many in all.
    pub full: Counter,
    /// Those that were not since their address had too many.
    pub of_address: Counter,
}

#[derive(Debug)]
struct Book {
    live: HashMap<u64, Weak<Transport>>,
    next: u64,
    by_network: HashMap<IpAddr, usize>,
    listeners: usize,
}

impl Book {
    fn is_idle(&self) -> bool {
        self.listeners == 0 && self.live.is_empty()
    }
}

impl Connections {
    /// A book for at most `max` connections, and `max_per_address` from each address outside of
    /// `uncounted`.
    pub fn new(max: usize, max_per_address: usize, uncounted: Vec<IpNet>) -> Self {
        let book = Book {
            live: HashMap::new(),
            next: 0,
            by_network: HashMap::new(),
            listeners: 0,
        };
        let shared = Shared {
            max,
            max_per_address,
            uncounted,
            book: Mutex::new(book),
            idle: Notify::new(),
            counts: Counts::default(),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// The same with what the configuration allows.
    pub fn of(limits: &ConnectionLimits) -> Self {
        let uncounted = [
            limits.exempt_addresses.as_slice(),
            limits.trusted_proxies.as_slice(),
        ]
        .concat();
        Self::new(
            limits.max_connections,
            limits.max_connections_per_address,
            uncounted,
        )
    }

    /// How many connections are open, upgraded ones among them.
    pub fn open(&self) -> usize {
        self.shared.lock().live.len()
    }

    /// What was counted since the start.
    pub fn counts(&self) -> &Counts {
        &self.shared.counts
    }

    /// Waits until every listener has stopped accepting and every connection has ended.
    pub async fn wait_idle(&self) {
        loop {
            // Made before looking: it then hears of what happens after the look.
            let idle = self.shared.idle.notified();
            if self.shared.lock().is_idle() {
                return;
            }
            idle.await;
        }
    }

    /// Cuts every open connection.
    pub fn cut_all(&self) {
        self.live().iter().for_each(|transport| transport.cut());
    }

    /// Reads from no connection any more; what is written still goes out.
    pub fn stop_reading(&self) {
        for transport in self.live() {
            transport.stop_reading();
        }
    }

    fn live(&self) -> Vec<Arc<Transport>> {
        // Collected first: waking a task under the lock could make it wait for that lock.
        let book = self.shared.lock();
        book.live.values().filter_map(Weak::upgrade).collect()
    }

    /// Counts a connection from `address` until the slot is dropped. What is uncounted is told by the
    /// address itself; places are counted by its network.
    pub fn admit(&self, address: IpAddr, transport: &Arc<Transport>) -> Result<Slot, Refusal> {
        let address = address.to_canonical();
        let uncounted = &self.shared.uncounted;
        let counted = !uncounted.iter().any(|net| net.contains(&address));
        let network = ClientAddress(address).network();
        let mut book = self.shared.lock();
        if book.live.len() >= self.shared.max {
            self.shared.counts.full.one();
            return Err(Refusal::Full);
        }
        if counted {
            let open = book.by_network.get(&network).copied().unwrap_or(0);
            if open >= self.shared.max_per_address {
                self.shared.counts.of_address.one();
                return Err(Refusal::TooManyFromAddress);
            }
            book.by_network.insert(network, open + 1);
        }
        self.shared.counts.accepted.one();
        let key = book.next;
        book.next += 1;
        book.live.insert(key, Arc::downgrade(transport));
        Ok(Slot {
            shared: Arc::clone(&self.shared),
            key,
            network: counted.then_some(network),
        })
    }

    /// A listener accepts from now on.
    pub(crate) fn begin_listening(&self) {
        self.shared.lock().listeners += 1;
    }

    /// A listener accepts no more.
    pub(crate) fn stop_listening(&self) {
        let mut book = self.shared.lock();
        book.listeners -= 1;
        self.shared.tell_if_idle(&book);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Book> {
        // Nothing under the lock can panic halfway through a change.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell_if_idle(&self, book: &Book) {
        if book.is_idle() {
            self.idle.notify_waiters();
        }
    }
}

/// A connection's place in the book; dropping it gives the place back.
pub struct Slot {
    shared: Arc<Shared>,
    key: u64,
    network: Option<IpAddr>,
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot")
            .field("key", &self.key)
            .field("network", &self.network)
            .finish_non_exhaustive()
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut book = self.shared.lock();
        book.live.remove(&self.key);
        if let Some(network) = self.network
            && let Entry::Occupied(mut open) = book.by_network.entry(network)
        {
            *open.get_mut() -= 1;
            if *open.get() == 0 {
                open.remove();
            }
        }
        self.shared.tell_if_idle(&book);
    }
}
