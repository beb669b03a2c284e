//! As much as a request takes.

use crate::cli::Failure;
use crate::cli::backup::Counted;
use crate::server::control::ENTRIES_BYTES;
use serde::Serialize;
use std::io;

/// Gathers what is to be sent, part by part.
pub(super) struct Parts<T> {
    part: Vec<T>,
    bytes: usize,
}

impl<T: Serialize> Parts<T> {
    pub fn new() -> Self {
        Self {
            part: Vec::new(),
            bytes: 0,
        }
    }

    /// Puts one more in. Gives what came before it, if both do not go into one request.
    pub fn add(&mut self, item: T) -> Result<Option<Vec<T>>, Failure> {
        let mut counted = Counted {
            to: io::sink(),
            bytes: 0,
        };
        serde_json::to_writer(&mut counted, &item).map_err(Failure::failed)?;
        // With a comma.
        let bytes = usize::try_from(counted.bytes)
            .unwrap_or(usize::MAX)
            .saturating_add(1);
        let full = if self.bytes.saturating_add(bytes) > ENTRIES_BYTES {
            self.take()
        } else {
            None
        };
        self.part.push(item);
        self.bytes = self.bytes.saturating_add(bytes);
        Ok(full)
    }

    /// What was not given yet.
    pub fn take(&mut self) -> Option<Vec<T>> {
        self.bytes = 0;
        let part = std::mem::take(&mut self.part);
        (!part.is_empty()).then_some(part)
    }
}

/// All of them, in parts.
pub(super) fn in_parts<T: Serialize>(
    items: impl IntoIterator<Item = T>,
) -> Result<Vec<Vec<T>>, Failure> {
    let (mut parts, mut all) = (Parts::new(), Vec::new());
    for item in items {
        all.extend(parts.add(item)?);
    }
    all.extend(parts.take());
    Ok(all)
}
