//! The domain: every rule, every limit, every notification.
//!
//! What changes something is a [`Command`]: its limits are charged and its ids are chosen when it is
//! made, and it happens when it is awaited or given a reply. Whoever calls has checked who is asking.

mod accounts;
mod clock;
mod counts;
mod error;
mod import;
mod input;
mod invites;
mod limits;
mod live;
mod members;
mod messages;
mod operator;
mod page;
mod passwords;
mod presence;
mod readiness;
mod rooms;
mod sessions;
mod setup;
mod sign_in;
mod tokens;

pub use accounts::{AccountChange, NewAccount, PasswordChange, Registration};
pub use clock::Clock;
pub use counts::{Counts, Refused};
pub use error::{Code, Error, OVERLOAD_WAIT};
pub use import::{FinishedRoom, ImportCheck, InRooms};
pub use input::Input;
pub use invites::{InviteRequest, InvitedTo};
pub use limits::EventRate;
pub use live::{Opening, RoomUser, RoomUsers};
pub use messages::{Around, History, NewMessage, Posted, ReadUpTo, Receipt};
pub use operator::Totals;
pub use page::{DEFAULT_ROWS, List, MAX_ROWS, Page, Search};
pub use passwords::is_checkable;
pub use rooms::{Joined, MOST_ROOMS, NewRoomRequest, RoomChange};
pub use sessions::{Device, SignedIn, Token, Who};
pub use setup::{SETUP_TIME, SetupRequest};
pub use sign_in::Login;
pub use tokens::SECRET_BYTES;

// What the shells need of the store reaches them through the domain.
pub use crate::store::{Outbox, Told};

use crate::config::Config;
use crate::model::{ClientAddress, Event, Time, UserId};
use crate::store::{self, Store};
use limits::Limits;
use passwords::Passwords;
use presence::Presence;
use readiness::Readiness;
use sessions::Sessions;
use setup::Setup;
use sign_in::Failures;
use std::sync::Arc;
use tokens::Tokens;

/// A command of the domain.
pub type Command<T> = store::Command<T, Error>;

/// The domain, cheap to share.
pub struct Chat {
    store: Store,
    counts: Counts,
    config: Arc<Config>,
    clock: Clock,
    limits: Limits,
    passwords: Passwords,
    failures: Failures,
    tokens: Tokens,
    sessions: Sessions,
    setup: Setup,
    presence: Presence,
    readiness: Readiness,
}

impl Chat {
    /// A domain on a store; `secret` signs its tokens.
    pub fn new(
        store: Store,
        config: Arc<Config>,
        clock: Clock,
        secret: &[u8],
    ) -> Result<Self, Error> {
        Ok(Self {
            limits: Limits::new(&config.limits),
            passwords: Passwords::new()?,
            failures: Failures::default(),
            tokens: Tokens::new(secret),
            sessions: Sessions::default(),
            setup: Setup::default(),
            presence: Presence::default(),
            readiness: Readiness::default(),
            store,
            counts: Counts::default(),
            config,
            clock,
        })
    }

    /// The time by the domain's clock.
    pub fn now(&self) -> Time {
        self.clock.now()
    }

    /// How many password hashes were computed since the start.
    pub fn hashes_computed(&self) -> u64 {
        self.passwords.computed()
    }

    /// Counts a REST request of a user.
    pub fn charge_request(&self, user: UserId) -> Result<(), Error> {
        self.limits.request(user)
    }

    /// Counts a REST request of somebody who need not be signed in for it.
    pub fn charge_unsigned_request(&self, address: ClientAddress) -> Result<(), Error> {
        self.limits.unsigned_request(address)
    }

    /// The rate of a new connection's events.
    pub fn event_rate(&self) -> EventRate {
        self.limits.events()
    }

    /// How often a connection may have what it missed sent again.
    pub fn replay_rate(&self) -> EventRate {
        self.limits.replays()
    }

    /// Notes that somebody came or went; the fan-out says so. Says whether that is news.
    pub fn set_online(&self, user: UserId, online: bool) -> bool {
        self.presence.set(user, online)
    }

    /// Brings what is held in memory up to an event that was committed. The fan-out calls this
    /// before it tells the event, so that nobody acts on an answer before memory knows of it.
    pub fn apply(&self, event: &Event) {
        match event {
            Event::SessionsEnded(ids) => self.sessions.forget(ids),
            Event::ServerRoleChanged { user, role } => self.sessions.set_role(*user, *role),
            _ => {}
        }
    }
}
