//! What people type, checked once: a value of these types is valid by being there.

use super::visible::{is_visible, turns_text};
use serde::Serialize;
use std::fmt;
use unicode_normalization::UnicodeNormalization;
use unicode_security::{
    GeneralSecurityProfile, RestrictionLevel, RestrictionLevelDetection, skeleton,
};

/// Why a value was refused: the request's field and a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// The field as the request names it.
    pub field: &'static str,
    /// What would be right.
    pub why: String,
}

pub(super) fn refuse<T>(field: &'static str, why: impl Into<String>) -> Result<T, Invalid> {
    Err(Invalid {
        field,
        why: why.into(),
    })
}

/// Counts characters as people do who count code points.
pub(super) fn within(
    field: &'static str,
    text: &str,
    least: usize,
    most: usize,
) -> Result<(), Invalid> {
    let count = text.chars().count();
    if (least..=most).contains(&count) {
        Ok(())
    } else {
        refuse(
            field,
            format!("must have {least} to {most} characters, not {count}"),
        )
    }
}

/// Refuses what looks like nothing at all.
fn seen(field: &'static str, text: &str) -> Result<(), Invalid> {
    if is_visible(text) {
        Ok(())
    } else {
        refuse(field, "must have at least one character that can be seen")
    }
}

macro_rules! text {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The text itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

pub(super) use text;

text!(
    /// Letters, digits, `_`, `.` and `-`, of one script.
    Username
);
text!(
    /// Characters that show something, none of them a control character or one that turns text.
    DisplayName
);
text!(
    /// An address with one `@`; nothing is promised about who reads it.
    EmailAddress
);
text!(
    /// Characters that show something, none of them a control character or one that turns text.
    RoomName
);
text!(
    /// Free text, or none.
    Description
);
text!(
    /// Characters that show something, trimmed, and kept as typed otherwise.
    Content
);

impl Username {
    /// The fewest characters that it may have.
    pub const MIN_CHARS: usize = 3;
    /// The most.
    pub const MAX_CHARS: usize = 30;

    /// Checks a name. Letters of several scripts in one name, and names of another script that look
    /// like plain ASCII, are refused by the rules of Unicode Technical Standard 39, section 5.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        const FIELD: &str = "username";
        let name: String = text.nfc().collect();
        within(FIELD, &name, Self::MIN_CHARS, Self::MAX_CHARS)?;
        let allowed =
            |c: char| matches!(c, '_' | '.' | '-') || c.is_alphanumeric() && c.identifier_allowed();
        if !name.chars().all(allowed) {
            return refuse(FIELD, "may have letters, digits, '_', '.' and '-' only");
        }
        let looks_ascii = || skeleton(&name).all(|c| c.is_ascii());
        if !name
            .as_str()
            .check_restriction_level(RestrictionLevel::SingleScript)
            || !name.is_ascii() && looks_ascii()
        {
            return refuse(
                FIELD,
                "has letters that look like others; use one alphabet only",
            );
        }
        Ok(Self(name))
    }

    /// What two names that a person may mistake for each other share (UTS 39, section 4).
    pub fn key(&self) -> String {
        Self::key_of(&self.0)
    }

    /// The same for names as they are written: a capital I looks like a small l there, while the key
    /// takes it for a small i.
    pub fn look(&self) -> String {
        skeleton(&self.0).flat_map(char::to_lowercase).collect()
    }

    /// The key of whatever somebody typed at sign-in.
    pub fn key_of(text: &str) -> String {
        let folded: String = text.nfkc().flat_map(char::to_lowercase).collect();
        skeleton(&folded).flat_map(char::to_lowercase).collect()
    }
}

impl DisplayName {
    /// The most characters that it may have.
    pub const MAX_CHARS: usize = 60;

    /// Checks and trims a name.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        line("displayName", text, Self::MAX_CHARS).map(Self)
    }

    /// The name that somebody shows who never chose another.
    pub fn from_username(name: &Username) -> Self {
        Self(name.0.clone())
    }

    /// What it is searched by.
    pub fn key(&self) -> String {
        Self::key_of(&self.0)
    }

    /// The key of whatever somebody searches for: its letters without regard to case.
    pub fn key_of(text: &str) -> String {
        text.nfkc().flat_map(char::to_lowercase).collect()
    }
}

impl RoomName {
    /// The most characters that it may have.
    pub const MAX_CHARS: usize = 80;

    /// Checks and trims a name.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        line("name", text, Self::MAX_CHARS).map(Self)
    }
}

fn line(field: &'static str, text: &str, most: usize) -> Result<String, Invalid> {
    let text = text.trim();
    within(field, text, 1, most)?;
    if text.chars().any(char::is_control) {
        return refuse(field, "may not have control characters");
    }
    if text.chars().any(turns_text) {
        return refuse(field, "may not have characters that turn the text around");
    }
    seen(field, text)?;
    Ok(text.to_owned())
}

impl EmailAddress {
    /// The longest address that can be delivered to: a path of 256 bytes without its brackets
    /// (RFC 5321, section 4.5.3.1).
    pub const MAX_BYTES: usize = 254;
    /// The same of what stands before the `@` (RFC 5321, section 4.5.3.1.1).
    const LOCAL_BYTES: usize = 64;

    /// Checks the form only.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        let text = text.trim();
        let good = text.split_once('@').is_some_and(|(local, domain)| {
            (1..=Self::LOCAL_BYTES).contains(&local.len())
                && !domain.is_empty()
                && !domain.contains('@')
        });
        let strange = |c: char| c.is_control() || c.is_whitespace();
        if !good || text.len() > Self::MAX_BYTES || text.chars().any(strange) {
            return refuse(
                "email",
                "must be an e-mail address, such as ada@example.org",
            );
        }
        Ok(Self(text.to_owned()))
    }

    /// What makes an address one with another: its letters without regard to case.
    pub fn key(&self) -> String {
        Self::key_of(&self.0)
    }

    /// The key of whatever somebody typed at sign-in.
    pub fn key_of(text: &str) -> String {
        text.trim().to_lowercase()
    }
}

impl Description {
    /// The most characters that it may have.
    pub const MAX_CHARS: usize = 500;

    /// Checks and trims a description.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        within("description", text.trim(), 0, Self::MAX_CHARS)?;
        Ok(Self(text.trim().to_owned()))
    }
}

impl Content {
    /// The most characters that it may have.
    pub const MAX_CHARS: usize = 4000;

    /// Checks and trims what a message says; everything inside stays as it was typed.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        let text = text.trim();
        within("content", text, 1, Self::MAX_CHARS)?;
        seen("content", text)?;
        Ok(Self(text.to_owned()))
    }
}
