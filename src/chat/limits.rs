//! How often somebody may do something. Charges happen before a command is queued, so that running
//! it again costs nothing.

use super::error::Error;
use crate::config;
use crate::model::{ClientAddress, RoomId, UserId};
use governor::clock::{Clock as _, MonotonicClock};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);
/// So many rooms at once have what was missed in them sent again to one connection, 100 messages each
/// at most, so that all of it may wait for a client; one more each second. Whoever missed more fetches
/// it.
const REPLAYS_BURST: u32 = 8;
/// So often at once somebody may connect, from wherever, since each time all of their rooms are read;
/// then so often a second.
const CONNECTS_BURST: u32 = 30;
const CONNECTS_PER_SECOND: u32 = 2;

type Keyed<K> = RateLimiter<K, DashMapStateStore<K>, MonotonicClock, NoOpMiddleware<Instant>>;

/// All rates that are counted a user or a client's network; nothing of them when they are off.
pub struct Limits(Option<Rates>);

struct Rates {
    messages: Keyed<(UserId, RoomId)>,
    requests: Keyed<UserId>,
    connects: Keyed<UserId>,
    unsigned_requests: Keyed<IpAddr>,
    sign_in_networks: Keyed<IpAddr>,
    sign_in_accounts: Keyed<String>,
    sign_in_homes: Keyed<(UserId, IpAddr)>,
    passwords: Keyed<UserId>,
    registrations: Keyed<IpAddr>,
    events: Quota,
    replays: Quota,
}

/// How often one connection may do something.
pub struct EventRate(
    Option<RateLimiter<NotKeyed, InMemoryState, MonotonicClock, NoOpMiddleware<Instant>>>,
);

impl EventRate {
    /// Counts it once.
    pub fn charge(&self) -> Result<(), Error> {
        let Some(limiter) = &self.0 else {
            return Ok(());
        };
        limiter
            .check()
            .map_err(|refused| wait(refused.wait_time_from(MonotonicClock.now())))
    }
}

fn wait(time: Duration) -> Error {
    Error::rate_limited(time)
}

/// So many at once, and so many in each `period` from then on.
fn quota(burst: u32, count: u32, period: Duration) -> Quota {
    let at_least_one = |number: u32| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
    Quota::with_period(period / at_least_one(count).get())
        .unwrap_or(Quota::per_second(at_least_one(count)))
        .allow_burst(at_least_one(burst))
}

fn keyed<K: Hash + Eq + Clone>(quota: Quota) -> Keyed<K> {
    RateLimiter::new(quota, DashMapStateStore::default(), MonotonicClock)
}

fn charge<K: Hash + Eq + Clone>(limiter: &Keyed<K>, key: &K) -> Result<(), Error> {
    limiter
        .check_key(key)
        .map_err(|refused| wait(refused.wait_time_from(MonotonicClock.now())))
}

impl Limits {
    /// The rates of a configuration.
    pub fn new(limits: &config::Limits) -> Self {
        let second = Duration::from_secs(1);
        let sign_in = quota(limits.sign_in_burst, limits.sign_in_per_minute, MINUTE);
        let requests = quota(limits.requests_burst, limits.requests_per_second, second);
        Self(limits.enabled.then(|| Rates {
            messages: keyed(quota(
                limits.messages_burst,
                limits.messages_per_second,
                second,
            )),
            requests: keyed(requests),
            connects: keyed(quota(CONNECTS_BURST, CONNECTS_PER_SECOND, second)),
            unsigned_requests: keyed(requests),
            sign_in_networks: keyed(sign_in),
            sign_in_accounts: keyed(sign_in),
            sign_in_homes: keyed(sign_in),
            passwords: keyed(sign_in),
            registrations: keyed(quota(
                limits.registrations_per_hour,
                limits.registrations_per_hour,
                HOUR,
            )),
            events: quota(limits.events_burst, limits.events_per_second, second),
            replays: quota(REPLAYS_BURST, 1, second),
        }))
    }

    /// A new connection's own rate of events.
    pub fn events(&self) -> EventRate {
        self.direct(|rates| rates.events)
    }

    /// A new connection's own rate of replays.
    pub fn replays(&self) -> EventRate {
        self.direct(|rates| rates.replays)
    }

    fn direct(&self, quota: impl Fn(&Rates) -> Quota) -> EventRate {
        let rates = self.0.as_ref();
        EventRate(rates.map(|rates| RateLimiter::direct_with_clock(quota(rates), MonotonicClock)))
    }

    /// Counts a connection of a user.
    pub fn connect(&self, user: UserId) -> Result<(), Error> {
        self.0
            .as_ref()
            .map_or(Ok(()), |rates| charge(&rates.connects, &user))
    }

    /// Counts a message of a user in a room.
    pub fn message(&self, user: UserId, room: RoomId) -> Result<(), Error> {
        self.0
            .as_ref()
            .map_or(Ok(()), |rates| charge(&rates.messages, &(user, room)))
    }

    /// Counts a REST request of a user.
    pub fn request(&self, user: UserId) -> Result<(), Error> {
        self.0
            .as_ref()
            .map_or(Ok(()), |rates| charge(&rates.requests, &user))
    }

    /// Counts a REST request of somebody who need not be signed in for it, by where it comes from.
    pub fn unsigned_request(&self, address: ClientAddress) -> Result<(), Error> {
        self.0.as_ref().map_or(Ok(()), |rates| {
            charge(&rates.unsigned_requests, &address.network())
        })
    }

    /// Counts a try to sign in by where it comes from.
    pub fn sign_in_from(&self, address: ClientAddress) -> Result<(), Error> {
        self.0.as_ref().map_or(Ok(()), |rates| {
            charge(&rates.sign_in_networks, &address.network())
        })
    }

    /// Counts a try to sign in by the account that it names.
    pub fn sign_in_to(&self, account: &str) -> Result<(), Error> {
        self.0.as_ref().map_or(Ok(()), |rates| {
            charge(&rates.sign_in_accounts, &account.to_owned())
        })
    }

    /// Counts a try to sign in by the account that it names and where that one's owner is signed in
    /// already.
    pub fn sign_in_at_home(&self, owner: UserId, address: ClientAddress) -> Result<(), Error> {
        self.0.as_ref().map_or(Ok(()), |rates| {
            charge(&rates.sign_in_homes, &(owner, address.network()))
        })
    }

    /// Counts a try of somebody's own password on a session of theirs.
    pub fn password(&self, user: UserId) -> Result<(), Error> {
        self.0
            .as_ref()
            .map_or(Ok(()), |rates| charge(&rates.passwords, &user))
    }

    /// Counts a registration.
    pub fn registration(&self, address: ClientAddress) -> Result<(), Error> {
        self.0.as_ref().map_or(Ok(()), |rates| {
            charge(&rates.registrations, &address.network())
        })
    }

    /// Forgets everybody who is back at a full allowance.
    pub fn forget_idle(&self) {
        if let Some(rates) = &self.0 {
            rates.messages.retain_recent();
            rates.requests.retain_recent();
            rates.connects.retain_recent();
            rates.unsigned_requests.retain_recent();
            rates.sign_in_networks.retain_recent();
            rates.sign_in_accounts.retain_recent();
            rates.sign_in_homes.retain_recent();
            rates.passwords.retain_recent();
            rates.registrations.retain_recent();
        }
    }
}
