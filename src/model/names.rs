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

fn refuse<T>(field: &'static str, why: impl Into<String>) -> Result<T, Invalid> {
    Err(Invalid {
        field,
        why: why.into(),
    })
}

/// Counts characters as people do who count code points.
fn within(field: &'static str, text: &str, least: usize, most: usize) -> Result<(), Invalid> {
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

text!(
    /// 3 to 30 letters, digits, `_`, `.` and `-`, of one script.
    Username
);
text!(
    /// 1 to 60 characters that show something, none of them a control character or one that turns text.
    DisplayName
);
text!(
    /// An address with one `@`; nothing is promised about who reads it.
    EmailAddress
);
text!(
    /// 1 to 80 characters that show something, none of them a control character or one that turns text.
    RoomName
);
text!(
    /// Up to 500 characters of free text.
    Description
);
text!(
    /// 1 to 4,000 characters after trimming that show something, kept as typed otherwise.
    Content
);
text!(
    /// 1 to 32 of `a-z 0-9 _ -`, `text` by default; `system` is the server's.
    MessageType
);
text!(
    /// 1 to 64 visible ASCII characters, chosen by a client so that a retry is known as one.
    ClientId
);

impl Username {
    /// Checks a name. Letters of several scripts in one name, and names of another script that look
    /// like plain ASCII, are refused by the rules of Unicode Technical Standard 39, section 5.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        const FIELD: &str = "username";
        let name: String = text.nfc().collect();
        within(FIELD, &name, 3, 30)?;
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
    /// Checks and trims a name.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        line("displayName", text, 60).map(Self)
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
    /// Checks and trims a name.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        line("name", text, 80).map(Self)
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

    /// Checks the form only.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        let text = text.trim();
        let good = text.split_once('@').is_some_and(|(local, domain)| {
            (1..=64).contains(&local.len()) && !domain.is_empty() && !domain.contains('@')
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
    /// Checks and trims a description.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        within("description", text.trim(), 0, 500)?;
        Ok(Self(text.trim().to_owned()))
    }
}

impl Content {
    /// Checks and trims what a message says; everything inside stays as it was typed.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        let text = text.trim();
        within("content", text, 1, 4000)?;
        seen("content", text)?;
        Ok(Self(text.to_owned()))
    }
}

/// The message type that only the server may use.
pub const SYSTEM_MESSAGE: &str = "system";

impl MessageType {
    /// Checks a type that a client asks for.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        const FIELD: &str = "messageType";
        within(FIELD, text, 1, 32)?;
        if text == SYSTEM_MESSAGE {
            return refuse(FIELD, "'system' is for the server's own messages");
        }
        let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
        if !text.bytes().all(good) {
            return refuse(FIELD, "may have a-z, 0-9, '_' and '-' only");
        }
        Ok(Self(text.to_owned()))
    }
}

impl Default for MessageType {
    fn default() -> Self {
        Self("text".to_owned())
    }
}

impl ClientId {
    /// Checks an id that a client chose.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        within("clientId", text, 1, 64)?;
        if !text.bytes().all(|b| b.is_ascii_graphic()) {
            return refuse("clientId", "may have visible ASCII characters only");
        }
        Ok(Self(text.to_owned()))
    }
}

/// A password that somebody chose; it is never shown, not even by a debugger's format.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// The most characters that a password may have.
    pub const MAX_CHARS: usize = 256;

    /// Checks a new password; `least` is what the server's owner asks for, in characters.
    pub fn new(field: &'static str, text: &str, least: usize) -> Result<Self, Invalid> {
        within(field, text, least, Self::MAX_CHARS)?;
        Ok(Self(text.to_owned()))
    }

    /// The text itself, for hashing.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}
