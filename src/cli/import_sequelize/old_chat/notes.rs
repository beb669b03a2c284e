//! What could not be taken over as it was: grouped, counted, and told to whoever has to know.

use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write;

/// So many of a kind are told to people, and the others counted.
const SHOWN: usize = 5;
/// So many of a kind are kept for the report; beyond that they are only counted.
const KEPT: usize = 10_000;

/// What kind of thing it was, in the order in which they are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    UsernameChanged,
    EmailReplaced,
    PasswordUnusable,
    AccountDisabled,
    AccountLeftOut,
    RoomChanged,
    RoomLeftOut,
    MemberLeftOut,
    InviteLeftOut,
    MessageOfNobody,
    MessageEmpty,
    MessageSplit,
    MessageChanged,
    MessageLeftOut,
    TimeMended,
}

impl Kind {
    /// What a list of them begins with.
    fn heading(self) -> &'static str {
        match self {
            Self::UsernameChanged => {
                "Usernames that chatd does not allow were changed; their owners sign in with the new one or \
                 their e-mail address"
            }
            Self::EmailReplaced => {
                "E-mail addresses that cannot be kept were replaced; their owners sign in with the username"
            }
            Self::PasswordUnusable => {
                "Passwords that cannot be checked; set others with \"chatd user passwd\""
            }
            Self::AccountDisabled => "Accounts that are disabled",
            Self::AccountLeftOut => "Accounts that were left out",
            Self::RoomChanged => "Rooms that were changed",
            Self::RoomLeftOut => "Rooms that were left out",
            Self::MemberLeftOut => "Members that were left out",
            Self::InviteLeftOut => "Invites that were left out",
            Self::MessageOfNobody => "Messages whose author is gone, kept under a disabled account",
            Self::MessageEmpty => "Messages with nothing to see, kept as deleted ones",
            Self::MessageSplit => "Messages that are too long for one, and became several",
            Self::MessageChanged => "Messages that were changed",
            Self::MessageLeftOut => "Messages that were left out, since their room is",
            Self::TimeMended => "Times that cannot be right, replaced by the nearest that can",
        }
    }

    /// Whether it is about messages, which are read twice.
    fn is_of_messages(self) -> bool {
        matches!(
            self,
            Self::MessageOfNobody
                | Self::MessageEmpty
                | Self::MessageSplit
                | Self::MessageChanged
                | Self::MessageLeftOut
        )
    }
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Note {
    /// What it is about, with its old id: `user 12`.
    about: String,
    /// What was done, or why.
    what: String,
}

/// Those of a kind.
#[derive(Debug, Default)]
struct Group {
    count: u64,
    notes: Vec<Note>,
}

/// Those of a kind, in a report.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    kind: Kind,
    meaning: &'static str,
    count: u64,
    notes: &'a [Note],
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Notes {
    groups: BTreeMap<Kind, Group>,
    /// About the times of messages, which are read twice; told with the others.
    times: Group,
}

impl Group {
    fn add(&mut self, about: String, what: String) {
        self.count += 1;
        if self.notes.len() < KEPT {
            self.notes.push(Note { about, what });
        }
    }
}

impl Notes {
    /// Adds one about accounts, rooms and what belongs to them.
    pub fn add(&mut self, kind: Kind, about: impl Into<String>, what: impl Into<String>) {
        let group = self.groups.entry(kind).or_default();
        group.add(about.into(), what.into());
    }

    /// Adds one about the time of a message.
    pub fn add_time_of_message(&mut self, about: impl Into<String>, what: impl Into<String>) {
        self.times.add(about.into(), what.into());
    }

    /// Forgets what was said of messages, which are about to be read again.
    pub fn forget_messages(&mut self) {
        self.groups.retain(|kind, _| !kind.is_of_messages());
        self.times = Group::default();
    }

    /// Puts what was said of the times of messages to the others.
    pub fn close(&mut self) {
        let times = std::mem::take(&mut self.times);
        if times.count == 0 {
            return;
        }
        let group = self.groups.entry(Kind::TimeMended).or_default();
        group.count += times.count;
        let room = KEPT.saturating_sub(group.notes.len());
        group.notes.extend(times.notes.into_iter().take(room));
    }

    /// For people: each kind with its number and its first ones.
    pub fn words(&self) -> String {
        let mut text = String::new();
        for (kind, group) in &self.groups {
            // Writing to a text cannot fail.
            let _ = writeln!(text, "{}: {}", kind.heading(), group.count);
            for note in group.notes.iter().take(SHOWN) {
                let _ = writeln!(text, "  {}: {}", note.about, note.what);
            }
            let told = group.notes.len().min(SHOWN) as u64;
            if group.count > told {
                let _ = writeln!(
                    text,
                    "  … and {} more; --json tells them",
                    group.count - told
                );
            }
        }
        text
    }

    /// For programs: all of them.
    pub fn report(&self) -> impl Serialize {
        let groups = self.groups.iter();
        let shown = groups.map(|(kind, group)| Shown {
            kind: *kind,
            meaning: kind.heading(),
            count: group.count,
            notes: &group.notes,
        });
        shown.collect::<Vec<_>>()
    }
}

/// A text of somebody's, in a sentence for people: without what would move the cursor or turn the
/// direction of writing around, and not for pages.
pub(super) fn quoted(text: &str) -> String {
    /// Characters.
    const MOST: usize = 60;
    let mut shown = String::new();
    for c in text.chars().take(MOST) {
        match c {
            '"' | '\'' | '\\' => shown.push(c),
            _ => shown.extend(c.escape_debug()),
        }
    }
    if text.chars().count() > MOST {
        shown.push('…');
    }
    format!("\"{shown}\"")
}
