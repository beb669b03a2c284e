//! What programs choose or pass on, checked once: kinds of messages, clients' own ids, tokens.

use super::Invalid;
use super::names::{refuse, text, within};
use serde::Serialize;
use std::fmt;

/// The message type that only the server may use.
pub const SYSTEM_MESSAGE: &str = "system";

text!(
    /// A word of `a-z 0-9 _ -`, `text` by default; `system` is the server's.
    MessageType
);
text!(
    /// Visible ASCII characters, chosen by a client so that a retry is known as one.
    ClientId
);
text!(
    /// What an invite's link ends in.
    InviteToken
);

impl MessageType {
    /// The most characters that it may have.
    pub const MAX_CHARS: usize = 32;

    /// Checks a type that a client asks for.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        const FIELD: &str = "messageType";
        within(FIELD, text, 1, Self::MAX_CHARS)?;
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
    /// The most characters that it may have.
    pub const MAX_CHARS: usize = 64;

    /// Checks an id that a client chose.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        const FIELD: &str = "clientId";
        within(FIELD, text, 1, Self::MAX_CHARS)?;
        if !text.bytes().all(|b| b.is_ascii_graphic()) {
            return refuse(FIELD, "may have visible ASCII characters only");
        }
        Ok(Self(text.to_owned()))
    }
}

impl InviteToken {
    /// The longest one that may come from elsewhere, in bytes; ours have 24.
    pub const MAX_BYTES: usize = 128;
    /// What clients of URLs take out of a path (RFC 3986, section 5.2.4).
    const NO_SEGMENTS: [&str; 2] = [".", ".."];

    /// Checks a token: it is a part of a link's path, with what is unreserved there (RFC 3986, section 2.3).
    pub fn new(text: &str) -> Result<Self, Invalid> {
        let unreserved = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
        let fits = (1..=Self::MAX_BYTES).contains(&text.len());
        if !fits || !text.bytes().all(unreserved) || Self::NO_SEGMENTS.contains(&text) {
            return refuse(
                "token",
                format!(
                    "must have 1 to {} letters, digits, '-', '.', '_' and '~', and may not be '.' or '..'",
                    Self::MAX_BYTES
                ),
            );
        }
        Ok(Self(text.to_owned()))
    }
}
