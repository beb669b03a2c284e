//! Who types where. Clients say so on every key; the others hear of changes, once a second at most.

use super::connection::Recipient;
use crate::model::{RoomId, UserId};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Silence that ends somebody's typing.
const SILENCE: Duration = Duration::from_secs(6);
/// That somebody types is told at most once in this time.
const BETWEEN_CHANGES: Duration = Duration::from_secs(1);

/// Somebody who types in a room, or did a moment ago.
struct Typist {
    on: Arc<Recipient>,
    typing: bool,
    told: bool,
    told_at: Option<Instant>,
    silent_at: Instant,
}

/// What to do about somebody's typing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// Tell the others.
    Tell(bool),
    /// Nothing to tell.
    Nothing,
}

/// Everybody who types.
#[derive(Default)]
pub(super) struct Typing(HashMap<(RoomId, UserId), Typist>);

impl Typing {
    /// Somebody says that they type, or stopped. Says what to tell, and when to look again.
    pub fn set(
        &mut self,
        room: RoomId,
        on: &Arc<Recipient>,
        typing: bool,
        now: Instant,
    ) -> (Change, Option<Instant>) {
        let key = (room, on.connection.user());
        let is_new = !self.0.contains_key(&key);
        if !typing && is_new {
            return (Change::Nothing, None);
        }
        let typist = self.0.entry(key).or_insert_with(|| Typist {
            on: on.clone(),
            typing: false,
            told: false,
            told_at: None,
            silent_at: now,
        });
        if !typing {
            typist.typing = false;
            return (
                typist.tell(now),
                typist.told_at.map(|at| at + BETWEEN_CHANGES),
            );
        }
        typist.on = on.clone();
        let wakes = typist.typing;
        typist.typing = true;
        typist.silent_at = now + SILENCE;
        let change = typist.tell(now);
        // While somebody goes on typing, the timer of their first key finds the later ones.
        (change, (!wakes).then(|| typist.next()))
    }

    /// Looks at somebody again, as was asked for. Says what to tell, and when to look once more.
    pub fn look(&mut self, room: RoomId, user: UserId, now: Instant) -> (Change, Option<Instant>) {
        let Some(typist) = self.0.get_mut(&(room, user)) else {
            return (Change::Nothing, None);
        };
        if typist.typing && typist.silent_at <= now {
            typist.typing = false;
        }
        let change = typist.tell(now);
        if typist.typing {
            return (change, Some(typist.next()));
        }
        if typist.told_at.is_none_or(|at| at + BETWEEN_CHANGES <= now) {
            self.0.remove(&(room, user));
        }
        (change, None)
    }

    /// Ends somebody's typing in a room at once; says whether the others were told that they type.
    /// When that was is kept for a moment, so that whoever comes and goes tells it no more often; the
    /// timer that waits for it forgets it.
    pub fn end(&mut self, room: RoomId, user: UserId) -> bool {
        let Some(typist) = self.0.get_mut(&(room, user)) else {
            return false;
        };
        typist.typing = false;
        std::mem::take(&mut typist.told)
    }

    /// Ends what was typed on one connection in a room; says the same.
    pub fn end_on(&mut self, room: RoomId, on: &Recipient) -> bool {
        let here = self
            .0
            .get(&(room, on.connection.user()))
            .is_some_and(|typist| typist.on.connection.id == on.connection.id);
        here && self.end(room, on.connection.user())
    }

    /// Forgets a room.
    pub fn forget(&mut self, room: RoomId) {
        self.0.retain(|(at, _), _| *at != room);
    }
}

impl Typist {
    /// What to tell now, as if it were told.
    fn tell(&mut self, now: Instant) -> Change {
        let soon = self
            .told_at
            .is_some_and(|at| now.duration_since(at) < BETWEEN_CHANGES);
        if self.typing == self.told || self.typing && soon {
            return Change::Nothing;
        }
        self.told = self.typing;
        if self.typing {
            self.told_at = Some(now);
        }
        Change::Tell(self.typing)
    }

    /// When to look again: when what was held back may be told, or when silence ends it.
    fn next(&self) -> Instant {
        match self.told_at {
            Some(at) if !self.told => at + BETWEEN_CHANGES,
            _ => self.silent_at,
        }
    }
}
