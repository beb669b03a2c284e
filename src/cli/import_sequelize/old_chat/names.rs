//! Names as chatd allows them, made of names as they were.

use crate::model::{DisplayName, Username};
use std::collections::HashSet;
use unicode_normalization::UnicodeNormalization;

/// What a name is called of which nothing can be kept, and what is put before one that is too short.
const USER: &str = "user";
/// What else may be in a name.
const MARKS: [char; 3] = ['_', '.', '-'];

/// The usernames that are taken, and what may be mistaken for them.
#[derive(Debug, Default)]
pub(super) struct Names {
    keys: HashSet<String>,
    looks: HashSet<String>,
}

impl Names {
    /// Takes a name, unless it or one that looks like it is taken.
    pub fn claim(&mut self, name: &Username) -> bool {
        let (key, look) = (name.key(), name.look());
        if self.keys.contains(&key) || self.looks.contains(&look) {
            return false;
        }
        self.keys.insert(key);
        self.looks.insert(look);
        true
    }

    /// Makes a name of one that cannot be kept, and takes it: the same for the same names before it.
    pub fn derive(&mut self, old: &str) -> Username {
        let base = base(old);
        let mut number = 1_u64;
        loop {
            let end = if number == 1 {
                String::new()
            } else {
                format!("_{number}")
            };
            let room = Username::MAX_CHARS - end.chars().count();
            let start: String = base.chars().take(room).collect();
            let name = Username::new(&format!("{}{end}", start.trim_end_matches(MARKS)));
            let name = name.or_else(|_| Username::new(&format!("{USER}{end}")));
            match name {
                Ok(name) if self.claim(&name) => return name,
                _ => number += 1,
            }
        }
    }
}

/// What a derived name begins with: the letters and digits of the old one, or its plain ones where
/// those of several alphabets are mixed.
fn base(old: &str) -> String {
    let plain: String = old.nfkd().filter(char::is_ascii).collect();
    let bases = [letters(old), letters(&plain)].map(|letters| match letters.chars().count() {
        0 => USER.to_owned(),
        count if count < Username::MIN_CHARS => format!("{USER}_{letters}"),
        _ => letters,
    });
    let mut bases = bases.into_iter();
    let usable = bases.find(|base| {
        let start: String = base.chars().take(Username::MAX_CHARS - 2).collect();
        Username::new(&start).is_ok()
    });
    usable.unwrap_or_else(|| USER.to_owned())
}

/// Letters and digits in small, with one underscore for all that stood between them.
fn letters(old: &str) -> String {
    let mut text = String::new();
    for c in old.nfkc().flat_map(char::to_lowercase) {
        if c.is_alphanumeric() || MARKS.contains(&c) {
            text.push(c);
        } else if !text.ends_with(MARKS) {
            text.push('_');
        }
    }
    text.trim_matches(MARKS).to_owned()
}

/// A line of text without what no name may have, and no longer than so many characters.
pub(super) fn clean(text: &str, most: usize) -> String {
    // Names of people and of rooms have the same rule.
    let may_stand = |c: &char| DisplayName::new(&format!("x{c}")).is_ok();
    let kept: String = text.chars().filter(may_stand).collect();
    let cut: String = kept.trim().chars().take(most).collect();
    cut.trim_end().to_owned()
}
