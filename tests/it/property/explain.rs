//! Explains what everybody saw of a room in a round: by an order of the round's actions, one after
//! another, that brings each answer and each event, for each connection in its order, and no other.
//! If there is no such order, somebody saw what they should not, or missed what they should have seen.

use super::room::Room;
use super::rules::Facts;
use super::terms::{Action, Link, Seen, What};
use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::fmt::Write;
use std::hash::{DefaultHasher, Hash, Hasher};

/// So many guesses are made at most. A round has a few actions, most of which fit in one place.
const GUESSES: usize = 200_000;

/// What a round brought.
pub struct Evidence<'a> {
    pub actions: &'a [Action],
    /// What each live connection saw of the room.
    pub seen: &'a BTreeMap<Link, Vec<Seen>>,
    /// Connections that the server ended in this round: what they saw is the beginning of it.
    pub ended: &'a BTreeSet<Link>,
    pub facts: Facts<'a>,
}

/// A guess: some actions happened, and each connection's sights up to a place follow from them.
#[derive(Clone)]
struct Guess {
    room: Room,
    done: Vec<bool>,
    at: BTreeMap<Link, usize>,
    /// Acks that are still to come, after messages only.
    late: BTreeMap<Link, VecDeque<Seen>>,
}

struct Search<'a> {
    evidence: &'a Evidence<'a>,
    guesses: usize,
    /// Guesses that led nowhere, by their hashes. Different orders often come to the same.
    tried: HashSet<u64>,
    /// The guess that explained the most.
    best: Guess,
}

/// The room after the round; or, if nothing explains it, how far an explanation went.
pub fn explain(room: &Room, evidence: &Evidence) -> Result<Room, String> {
    let start = Guess {
        room: room.clone(),
        done: vec![false; evidence.actions.len()],
        at: BTreeMap::new(),
        late: BTreeMap::new(),
    };
    let mut search = Search {
        evidence,
        guesses: 0,
        tried: HashSet::new(),
        best: start.clone(),
    };
    match search.go(start) {
        Some(room) => Ok(room),
        None => Err(search.report()),
    }
}

impl Search<'_> {
    fn go(&mut self, mut guess: Guess) -> Option<Room> {
        let mut next = self.candidates(&guess);
        // What is idle and fits now can be taken now.
        while let Some(at) = next.iter().position(|(_, is_idle)| *is_idle) {
            guess = next.swap_remove(at).0;
            next = self.candidates(&guess);
        }
        if guess.size() > self.best.size() {
            self.best = guess.clone();
        }
        if self.is_explained(&guess) {
            return Some(guess.room);
        }
        if !self.tried.insert(guess.mark()) {
            return None;
        }
        next.into_iter().find_map(|(guess, _)| {
            self.guesses += 1;
            (self.guesses < GUESSES).then(|| self.go(guess))?
        })
    }

    /// Each action that can have happened next, and whether it is idle.
    fn candidates(&self, guess: &Guess) -> Vec<(Guess, bool)> {
        let actions = self.evidence.actions;
        let waits = |at: usize| {
            let earlier = actions[..at].iter().zip(&guess.done);
            let mut open = earlier.filter(|(_, done)| !**done);
            open.any(|(earlier, _)| actions[at].follows(earlier))
        };
        (0..actions.len())
            .filter(|at| !guess.done[*at] && !waits(*at))
            .filter_map(|at| self.with(guess, at))
            .collect()
    }

    /// The guess with one more action.
    fn with(&self, guess: &Guess, at: usize) -> Option<(Guess, bool)> {
        let mut guess = guess.clone();
        let action = &self.evidence.actions[at];
        let outcome = guess.room.apply(action, &self.evidence.facts)?;
        guess.done[at] = true;
        for (link, told) in &outcome.told {
            // Only messages overtake an ack.
            let waits = guess.late.get(link).is_some_and(|late| !late.is_empty());
            if waits && !matches!(told, Seen::Message(_)) || !self.sees(&mut guess, *link, told) {
                return None;
            }
            self.catch_up(&mut guess, *link);
        }
        if let Some((link, ack)) = outcome.late {
            guess.late.entry(link).or_default().push_back(ack);
            self.catch_up(&mut guess, link);
        }
        Some((guess, outcome.is_idle))
    }

    /// Whether a connection's next sight is this one, or would have been had it not ended.
    fn sees(&self, guess: &mut Guess, link: Link, told: &Seen) -> bool {
        let seen = self.evidence.seen.get(&link).map_or(&[][..], Vec::as_slice);
        let place = guess.at.entry(link).or_default();
        match seen.get(*place) {
            Some(seen) if seen == told => *place += 1,
            None if self.evidence.ended.contains(&link) => {}
            _ => return false,
        }
        true
    }

    /// Takes the acks that come next from those that are still to come.
    fn catch_up(&self, guess: &mut Guess, link: Link) {
        while let Some(ack) = guess.late.get_mut(&link).and_then(VecDeque::pop_front) {
            if !self.sees(guess, link, &ack) {
                guess.late.entry(link).or_default().push_front(ack);
                return;
            }
        }
    }

    fn is_explained(&self, guess: &Guess) -> bool {
        let mut left = self.evidence.actions.iter().zip(&guess.done);
        let all_done = left.all(|(action, done)| *done || action.may_be_lost);
        let mut sights = self.evidence.seen.iter();
        let all_seen = sights
            .all(|(link, seen)| guess.at.get(link).copied().unwrap_or_default() == seen.len());
        let all_acked = guess.late.values().all(VecDeque::is_empty);
        all_done && all_seen && all_acked && self.evidence.facts.after.agrees_with(&guess.room)
    }

    fn report(&self) -> String {
        let mut text = format!("no order explains it ({} guesses)\n", self.guesses);
        let best = &self.best;
        for (action, done) in self.evidence.actions.iter().zip(&best.done) {
            if action.what != What::Attach {
                let mark = if *done { "fits" } else { "????" };
                writeln!(text, "  {mark} {action:?}").unwrap();
            }
        }
        for (link, seen) in self.evidence.seen {
            let at = best.at.get(link).copied().unwrap_or_default();
            for (place, seen) in seen.iter().enumerate() {
                let mark = if place < at { "fits" } else { "????" };
                writeln!(text, "  {mark} link {link} saw {seen:?}").unwrap();
            }
        }
        let fresh = &self.evidence.facts.after.fresh;
        for (place, message) in fresh.iter().enumerate() {
            let mark = if place < best.room.fresh() {
                "fits"
            } else {
                "????"
            };
            writeln!(text, "  {mark} kept {message:?}").unwrap();
        }
        let room = &best.room;
        writeln!(text, "  members {:?}", room.members).unwrap();
        writeln!(
            text,
            "  banned {:?}, open {:?}, links {:?}",
            room.banned, room.open, room.links
        )
        .unwrap();
        writeln!(
            text,
            "  invites {:?}, last seq {}",
            room.invites,
            room.last_seq()
        )
        .unwrap();
        text
    }
}

impl Guess {
    /// The same for all guesses that can go on alike. Which acks are late follows from the rest.
    fn mark(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (&self.room, &self.done, &self.at).hash(&mut hasher);
        hasher.finish()
    }

    fn size(&self) -> usize {
        self.done.iter().filter(|done| **done).count() + self.at.values().sum::<usize>()
    }
}
