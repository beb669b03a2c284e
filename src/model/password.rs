//! Passwords that somebody chose.

use super::Invalid;
use super::names::within;
use std::fmt;

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
