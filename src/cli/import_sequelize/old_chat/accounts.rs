//! Accounts: whoever was there, with names and addresses as chatd allows them.

use super::ids::{OldId, nobody};
use super::names::{Names, clean};
use super::notes::{Kind, Notes, quoted};
use super::old::OldUser;
use crate::chat::is_checkable;
use crate::model::{DisplayName, EmailAddress, Secret, Time, UserEntry, UserId, Username};
use std::collections::{HashMap, HashSet};

/// A hash that no password has.
const NO_PASSWORD: &str = "!";
/// The name of the account that keeps the messages of those who are gone.
const NOBODY: &str = "former_member";
/// What it shows.
const NOBODY_SHOWN: &str = "Former member";
/// Addresses at which there is nobody, and never will be (RFC 2606, section 2).
const NOWHERE: &str = "no-address.invalid";

/// All accounts that are taken over.
pub(super) struct Accounts {
    entries: Vec<UserEntry>,
    by_old: HashMap<OldId, UserId>,
    disabled: HashSet<UserId>,
    names: Names,
    has_nobody: bool,
    now: Time,
}

impl Accounts {
    /// Takes them over. Where two want the same name or address, the older account has it, and one that
    /// was deleted only what nobody else wants: its owner may have come back under another.
    pub fn take(mut old: Vec<OldUser>, now: Time, notes: &mut Notes) -> Self {
        // Accounts without a sensible time come last.
        let age = |user: &OldUser| {
            (
                user.deleted_at.is_set(),
                user.created_at.sensible(now).unwrap_or(now),
                user.id.clone(),
            )
        };
        old.sort_by_cached_key(age);
        let mut accounts = Self {
            entries: Vec::new(),
            by_old: HashMap::new(),
            disabled: HashSet::new(),
            names: Names::default(),
            has_nobody: false,
            now,
        };
        let mut kept = Vec::new();
        for user in old {
            let Some(id) = user.id.clone() else {
                let name = quoted(user.username.as_deref().unwrap_or_default());
                notes.add(Kind::AccountLeftOut, "a user", format!("{name} has no id"));
                continue;
            };
            if accounts.by_old.insert(id.clone(), id.user()).is_some() {
                let about = format!("user {id}");
                notes.add(Kind::AccountLeftOut, about, "another one has the same id");
                continue;
            }
            // A name that may stay is not given to somebody whose own may not.
            let name = Username::new(user.username.as_deref().unwrap_or_default()).ok();
            let name = name.filter(|name| accounts.names.claim(name));
            kept.push((id, name, user));
        }
        let mut addresses = HashSet::new();
        for (id, name, user) in kept {
            let entry = accounts.entry(&id, name, &user, &mut addresses, notes);
            accounts.entries.push(entry);
        }
        accounts
    }

    fn entry(
        &mut self,
        id: &OldId,
        name: Option<Username>,
        old: &OldUser,
        addresses: &mut HashSet<String>,
        notes: &mut Notes,
    ) -> UserEntry {
        let about = format!("user {id}");
        let old_name = old.username.as_deref().unwrap_or_default();
        let username = name.unwrap_or_else(|| {
            let name = self.names.derive(old_name);
            let change = format!("{} → \"{name}\"", quoted(old_name));
            notes.add(Kind::UsernameChanged, &about, change);
            name
        });
        let display_name = DisplayName::new(&clean(old_name, DisplayName::MAX_CHARS));
        let email = address(id, old, addresses, &about, notes);
        let password_hash = match old.password.as_deref().map(str::trim) {
            Some(hash) if is_checkable(hash) => hash.to_owned(),
            other => {
                let is_there = other.is_some_and(|hash| !hash.is_empty());
                let why = if is_there {
                    "its password is not a hash by bcrypt of a cost from 4 to 14"
                } else {
                    "it has no password"
                };
                notes.add(
                    Kind::PasswordUnusable,
                    &about,
                    format!("\"{username}\": {why}"),
                );
                NO_PASSWORD.to_owned()
            }
        };
        let is_disabled = old.deleted_at.is_set();
        if is_disabled {
            self.disabled.insert(id.user());
            let why = format!("\"{username}\" was deleted there");
            notes.add(Kind::AccountDisabled, &about, why);
        }
        let (created_at, wrong) = old.created_at.mended(self.now, self.now);
        if let Some(wrong) = wrong {
            notes.add(Kind::TimeMended, &about, format!("{wrong} → {created_at}"));
        }
        UserEntry {
            id: id.user(),
            display_name: display_name
                .unwrap_or_else(|_| DisplayName::from_username(&username))
                .to_string(),
            username: username.to_string(),
            email,
            password_hash: Secret(password_hash),
            is_admin: false,
            is_disabled,
            created_at,
            last_seen_at: None,
        }
    }

    /// The account of an old id; nothing if there is none.
    pub fn get(&self, old: Option<&OldId>) -> Option<UserId> {
        self.by_old.get(old?).copied()
    }

    /// Whether nobody signs in to an account any more.
    pub fn is_disabled(&self, user: UserId) -> bool {
        self.disabled.contains(&user)
    }

    /// The account that keeps what belongs to nobody any more. It is made once it is asked for.
    pub fn nobody(&mut self, notes: &mut Notes) -> UserId {
        let id = nobody();
        if self.has_nobody {
            return id;
        }
        self.has_nobody = true;
        let username = self.names.derive(NOBODY);
        let why = "made for what belongs to those who are gone";
        notes.add(Kind::AccountDisabled, format!("\"{username}\""), why);
        self.entries.push(UserEntry {
            id,
            username: username.to_string(),
            display_name: NOBODY_SHOWN.to_owned(),
            email: format!("{id}@{NOWHERE}"),
            password_hash: Secret(NO_PASSWORD.to_owned()),
            is_admin: false,
            is_disabled: true,
            created_at: self.now,
            last_seen_at: None,
        });
        id
    }

    /// All of them, as they are to be told.
    pub fn entries(&self) -> &[UserEntry] {
        &self.entries
    }
}

/// The address of an account: its own, or one at which nobody is.
fn address(
    id: &OldId,
    old: &OldUser,
    taken: &mut HashSet<String>,
    about: &str,
    notes: &mut Notes,
) -> String {
    let text = old.email.as_deref().unwrap_or_default();
    let read = EmailAddress::new(text);
    let why = match &read {
        Ok(address) if taken.insert(address.key()) => return address.to_string(),
        Ok(_) => "another account has it",
        Err(_) if text.trim().is_empty() => "there is none",
        Err(_) => "it is none",
    };
    let placeholder = format!("{}@{NOWHERE}", id.user());
    let change = format!("{} → {placeholder}, since {why}", quoted(text));
    notes.add(Kind::EmailReplaced, about, change);
    placeholder
}
