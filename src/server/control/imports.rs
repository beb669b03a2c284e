//! The steps of an import, each a request of its own: the command line sends what it has read in parts.

use super::{Answer, LINE_BYTES};
use crate::chat::{Chat, Error, FinishedRoom};
use crate::model::{Entry, RoomId};
use serde::{Deserialize, Serialize};

/// So many bytes of JSON may the entries or rooms of a step have, with what is between them; around them
/// there is less than the rest. The longest message, with each of its characters escaped, fits twice.
pub const ENTRIES_BYTES: usize = LINE_BYTES - 1024;

/// A part of an import.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum ImportStep {
    /// Say what of these accounts, rooms, invites and messages is here already, and change nothing.
    Check {
        /// The accounts, rooms, invites and messages.
        entries: Vec<Entry>,
    },
    /// Remove some of what is left of a room that nobody sees.
    Clear {
        /// Which.
        room: RoomId,
    },
    /// Bring entries in, all or none.
    Bring {
        /// In the order in which they stand.
        entries: Vec<Entry>,
    },
    /// Show rooms of which everything was brought, all or none.
    Finish {
        /// Which, and what should be in them.
        rooms: Vec<FinishedRoom>,
    },
    /// Leave rooms that were not finished to be purged.
    GiveUp {
        /// Which.
        rooms: Vec<RoomId>,
    },
}

pub(super) async fn perform(chat: &Chat, step: ImportStep) -> Result<Answer, Error> {
    match step {
        ImportStep::Check { entries } => {
            return Ok(Answer::ImportCheck(chat.check_import(entries).await?));
        }
        ImportStep::Clear { room } => {
            let is_gone = chat.clear_import(room).await?;
            return Ok(Answer::Cleared { is_gone });
        }
        ImportStep::Bring { entries } => chat.import(entries).await?,
        ImportStep::Finish { rooms } => {
            let count = rooms.len();
            chat.finish_import(rooms).await?;
            tracing::info!(rooms = count, "rooms imported from the command line");
        }
        ImportStep::GiveUp { rooms } => chat.give_up_import(rooms).await?,
    }
    Ok(Answer::Done)
}
