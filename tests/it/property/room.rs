//! A room as the model has it.

use super::terms::{Link, Message, Seen, Who};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// A member.
#[derive(Debug, Clone, Copy, Hash)]
pub struct Member {
    pub is_admin: bool,
    pub read_seq: i64,
}

/// An invite, good or not.
#[derive(Debug, Clone, Hash)]
pub struct Invite {
    pub token: String,
    pub max_uses: Option<i64>,
    pub uses: i64,
    pub revoked: bool,
}

/// What was said before the current round. Shared, since a room is copied at each guess.
#[derive(Debug, Clone, Default)]
struct Log {
    messages: Vec<Message>,
    client_ids: HashMap<(String, String), i64>,
}

#[derive(Clone)]
pub struct Room {
    pub id: String,
    pub is_private: bool,
    pub creator: Who,
    pub members: BTreeMap<Who, Member>,
    pub banned: BTreeSet<Who>,
    pub invites: Vec<Invite>,
    /// All connections, whoever has the room open.
    pub links: BTreeMap<Link, Who>,
    pub open: BTreeSet<Link>,
    log: Arc<Log>,
    /// What the round brought, and what it changed.
    fresh: Vec<Message>,
    changed: BTreeMap<i64, Message>,
}

/// What can be different about a room within a round.
impl Hash for Room {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.members, &self.banned, &self.invites).hash(state);
        (&self.links, &self.open, self.fresh.len()).hash(state);
        for (seq, message) in &self.changed {
            (seq, message.to_string()).hash(state);
        }
    }
}

impl Room {
    pub fn new(id: String, is_private: bool, creator: Who) -> Self {
        let first = Member {
            is_admin: true,
            read_seq: 0,
        };
        Self {
            id,
            is_private,
            creator,
            members: BTreeMap::from([(creator, first)]),
            banned: BTreeSet::new(),
            invites: Vec::new(),
            links: BTreeMap::new(),
            open: BTreeSet::new(),
            log: Arc::default(),
            fresh: Vec::new(),
            changed: BTreeMap::new(),
        }
    }

    pub fn last_seq(&self) -> i64 {
        i64::try_from(self.log.messages.len() + self.fresh.len()).unwrap()
    }

    /// How many messages the round brought so far.
    pub fn fresh(&self) -> usize {
        self.fresh.len()
    }

    pub fn message(&self, seq: i64) -> Option<&Message> {
        let at = usize::try_from(seq - 1).ok()?;
        let before = self.log.messages.len();
        self.changed.get(&seq).or_else(|| {
            let fresh = at.checked_sub(before).and_then(|at| self.fresh.get(at));
            fresh.or_else(|| self.log.messages.get(at))
        })
    }

    /// Up to `limit` messages after a number.
    pub fn after(&self, seq: i64, limit: usize) -> Vec<Message> {
        let from = seq.saturating_add(1).max(1);
        (from..=self.last_seq())
            .take(limit)
            .filter_map(|seq| self.message(seq).cloned())
            .collect()
    }

    /// The message that somebody's `clientId` brought.
    pub fn by_client_id(&self, user: &str, client_id: &str) -> Option<&Message> {
        let known = self
            .log
            .client_ids
            .get(&(user.to_owned(), client_id.to_owned()));
        let fresh = || {
            let found = self
                .fresh
                .iter()
                .find(|message| message["userId"] == user && message["clientId"] == client_id);
            found.map(Message::seq)
        };
        known
            .copied()
            .or_else(fresh)
            .and_then(|seq| self.message(seq))
    }

    pub fn push(&mut self, message: Message) {
        self.fresh.push(message);
    }

    pub fn change(&mut self, message: Message) {
        self.changed.insert(message.seq(), message);
    }

    /// The round is over: what it brought is the past.
    pub fn settle(&mut self) {
        let log = Arc::make_mut(&mut self.log);
        for message in self.fresh.drain(..) {
            if let (Some(user), Some(id)) =
                (message["userId"].as_str(), message["clientId"].as_str())
            {
                log.client_ids
                    .insert((user.to_owned(), id.to_owned()), message.seq());
            }
            log.messages.push(message);
        }
        for (seq, message) in std::mem::take(&mut self.changed) {
            log.messages[usize::try_from(seq).unwrap() - 1] = message;
        }
    }

    /// A connection is gone.
    pub fn forget(&mut self, link: Link) {
        self.links.remove(&link);
        self.open.remove(&link);
    }

    pub fn links_of(&self, who: Who) -> Vec<Link> {
        let own = self.links.iter().filter(|(_, owner)| **owner == who);
        own.map(|(link, _)| *link).collect()
    }

    /// What everybody who has the room open sees.
    pub fn tell_open(&self, seen: &Seen, out: &mut Vec<(Link, Seen)>) {
        out.extend(self.open.iter().map(|link| (*link, seen.clone())));
    }

    /// What those see who have it open and are not `who`.
    pub fn tell_others(&self, who: Who, seen: &Seen, out: &mut Vec<(Link, Seen)>) {
        let others = self.open.iter().filter(|link| self.links[link] != who);
        out.extend(others.map(|link| (*link, seen.clone())));
    }

    /// What somebody sees on all connections but one.
    pub fn tell_user(&self, who: Who, but: Option<Link>, seen: &Seen, out: &mut Vec<(Link, Seen)>) {
        let own = self.links_of(who).into_iter();
        let own = own.filter(|link| Some(*link) != but);
        out.extend(own.map(|link| (link, seen.clone())));
    }

    /// Somebody comes in.
    pub fn enter(&mut self, who: Who, out: &mut Vec<(Link, Seen)>) {
        let member = Member {
            is_admin: false,
            read_seq: self.last_seq(),
        };
        self.members.insert(who, member);
        self.tell_others(who, &Seen::Came(who), out);
        self.tell_user(who, None, &Seen::Added(self.count()), out);
    }

    /// Somebody is gone: what they had open is closed before anybody is told.
    pub fn remove(&mut self, who: Who, by: Option<Who>, out: &mut Vec<(Link, Seen)>) {
        self.members.remove(&who);
        for link in self.links_of(who) {
            self.open.remove(&link);
        }
        let left = Seen::Left { who, by };
        self.tell_user(who, None, &left, out);
        self.tell_open(&left, out);
    }

    pub fn count(&self) -> i64 {
        i64::try_from(self.members.len()).unwrap()
    }
}
