//! What is never shown.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A password on its way, or the hash of one; it is never shown, not even by a debugger's format.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
