//! The gate: how many Socket.IO sessions each client address has.
//!
//! A session of the engine needs no sign-in to exist, so it is counted before the engine hears of
//! it: by the client's address, or its network where that is IPv6, and those not signed in yet on
//! their own, by a lower limit.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ipnet::IpNet;

use crate::model::ClientAddress;

/// What the gate allows each client address.
#[derive(Debug, Clone)]
pub struct GateLimits {
    /// Sessions of one address.
    pub max_connections_per_address: usize,
    /// Those of them that are not signed in.
    pub max_unauthenticated_per_address: usize,
    /// Addresses that are not counted.
    pub exempt_addresses: Vec<IpNet>,
}

/// Counts the sessions of each client address. A clone is the same gate.
#[derive(Debug, Clone)]
pub struct Gate {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    limits: GateLimits,
    counts: Mutex<HashMap<IpAddr, Count>>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Count {
    all: usize,
    unauthenticated: usize,
}

/// Why an address may not open another session now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// It has as many sessions as it may.
    TooMany,
    /// It has as many sessions that are not signed in as it may.
    TooManyUnauthenticated,
}

impl Gate {
    /// A gate that nobody has passed.
    pub fn new(limits: GateLimits) -> Self {
        Self {
            inner: Arc::new(Inner {
                limits,
                counts: Mutex::default(),
            }),
        }
    }

    /// Counts a session of `address`, not signed in yet, until its ticket is dropped.
    pub fn enter(&self, address: IpAddr) -> Result<Ticket, Refused> {
        let address = address.to_canonical();
        let limits = &self.inner.limits;
        if limits
            .exempt_addresses
            .iter()
            .any(|net| net.contains(&address))
        {
            return Ok(Ticket {
                counted: None,
                signed_in: AtomicBool::new(false),
            });
        }
        let address = ClientAddress(address).network();
        let mut counts = self.inner.lock();
        // Looked up before it is inserted, so that a refused address leaves nothing behind.
        let count = counts.get(&address).copied().unwrap_or_default();
        if count.all >= limits.max_connections_per_address {
            return Err(Refused::TooMany);
        }
        if count.unauthenticated >= limits.max_unauthenticated_per_address {
            return Err(Refused::TooManyUnauthenticated);
        }
        counts.insert(
            address,
            Count {
                all: count.all + 1,
                unauthenticated: count.unauthenticated + 1,
            },
        );
        drop(counts);
        Ok(Ticket {
            counted: Some((Arc::clone(&self.inner), address)),
            signed_in: AtomicBool::new(false),
        })
    }

    /// How many sessions the network of `address` has; exempt ones are not counted.
    pub fn count(&self, address: IpAddr) -> usize {
        self.inner
            .lock()
            .get(&ClientAddress(address).network())
            .map_or(0, |count| count.all)
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, Count>> {
        // Nothing under the lock can panic halfway through a change.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One session's place at the gate; dropping it gives the place back.
#[derive(Debug)]
pub struct Ticket {
    /// `None` for an exempt address.
    counted: Option<(Arc<Inner>, IpAddr)>,
    signed_in: AtomicBool,
}

impl Ticket {
    /// The session's user is known: it no longer counts as unauthenticated. Saying so again does
    /// nothing.
    pub fn signed_in(&self) {
        if self.signed_in.swap(true, Ordering::Relaxed) {
            return;
        }
        if let Some((gate, address)) = &self.counted
            && let Some(count) = gate.lock().get_mut(address)
        {
            count.unauthenticated -= 1;
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let Some((gate, address)) = &self.counted else {
            return;
        };
        if let Entry::Occupied(mut entry) = gate.lock().entry(*address) {
            let count = entry.get_mut();
            count.all -= 1;
            if !*self.signed_in.get_mut() {
                count.unauthenticated -= 1;
            }
            if count.all == 0 {
                entry.remove();
            }
        }
    }
}
