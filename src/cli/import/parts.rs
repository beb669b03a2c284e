//! A source in parts, each as much as a request takes.

use super::Source;
use crate::cli::Failure;
use crate::cli::backup::Counted;
use crate::model::{Entry, RoomId};
use crate::server::control::ENTRIES_BYTES;
use serde::Serialize;
use std::collections::HashSet;
use std::io;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::{JoinHandle, spawn_blocking};

/// So many parts are read before they are wanted.
const PARTS_AHEAD: usize = 2;

/// A part on its way, and how much of the source is read with it, of how much.
type Part = (Vec<Entry>, (u64, u64));

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

/// Whether an entry is to be read.
pub(super) type IsWanted = fn(&Entry) -> bool;

/// A source that is read into parts, of which some are ahead.
pub(super) struct Reading<S> {
    pub parts: Receiver<Part>,
    reader: JoinHandle<Result<S, Failure>>,
}

impl<S: Source + 'static> Reading<S> {
    pub fn start(mut source: S, skipped: HashSet<RoomId>, is_wanted: IsWanted) -> Self {
        let (to, parts) = channel(PARTS_AHEAD);
        let reader = spawn_blocking(move || {
            read(&mut source, &skipped, is_wanted, &to)?;
            Ok(source)
        });
        Self { parts, reader }
    }

    /// Gives the source back once all parts were taken.
    pub async fn end(self) -> Result<S, Failure> {
        let read = self.reader.await;
        read.unwrap_or_else(|error| Err(Failure::failed(error)))
    }
}

/// Reads the source into parts, until nobody takes them any more.
fn read(
    source: &mut impl Source,
    skipped: &HashSet<RoomId>,
    is_wanted: IsWanted,
    to: &Sender<Part>,
) -> Result<(), Failure> {
    let mut parts = Parts::new();
    source.rewind()?;
    while let Some(entry) = source.next()? {
        let room = match &entry {
            Entry::Export(_) | Entry::End(_) => continue,
            Entry::User(_) => None,
            Entry::Room(room) => Some(room.id),
            Entry::Member(member) => Some(member.room_id),
            Entry::Ban(ban) => Some(ban.room_id),
            Entry::Invite(invite) => Some(invite.room_id),
            Entry::Message(message) => Some(message.room_id),
        };
        if room.is_some_and(|room| skipped.contains(&room)) || !is_wanted(&entry) {
            continue;
        }
        if let Some(full) = parts.add(entry)?
            && to.blocking_send((full, source.progress())).is_err()
        {
            return Ok(());
        }
    }
    if let Some(last) = parts.take() {
        // Whoever does not take it has failed, and says why.
        let _ = to.blocking_send((last, source.progress()));
    }
    Ok(())
}
