//! Who is connected. The fan-out says so, since it knows when the grace after a disconnect is over.

use crate::model::UserId;
use std::collections::HashSet;
use std::sync::{PoisonError, RwLock};

/// The people who are online.
#[derive(Debug, Default)]
pub struct Presence(RwLock<HashSet<UserId>>);

impl Presence {
    /// Whether somebody is online.
    pub fn is_online(&self, user: UserId) -> bool {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(&user)
    }

    /// Everybody who is online at this moment.
    pub fn everybody(&self) -> HashSet<UserId> {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Notes that somebody came or went; says whether that is news.
    pub fn set(&self, user: UserId, online: bool) -> bool {
        let mut people = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if online {
            people.insert(user)
        } else {
            people.remove(&user)
        }
    }
}
