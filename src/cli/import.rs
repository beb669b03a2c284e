//! `chatd import`: brings what `chatd export` has written into a chat, whether or not its server runs.

mod source;

pub(super) use source::Source;

use super::Failure;
use crate::config::Config;

/// How an import is done.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Options {
    /// Rooms that are there already are left out, with what is in them; else they are refused.
    pub skip_existing: bool,
    /// Only says what would happen.
    pub dry_run: bool,
}

/// What an import has brought, or would bring.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Summary {
    /// Accounts that were not there.
    pub users: u64,
    /// Accounts that were there already, and were left as they are.
    pub known_users: u64,
    /// Rooms.
    pub rooms: u64,
    /// Rooms that were there already, and were left out.
    pub known_rooms: u64,
    /// Messages of the rooms that were brought.
    pub messages: u64,
}

/// Checks all that `source` tells, and brings it in.
///
/// # Errors
/// A sentence that names the place of what is wrong, or what is in the way. Rooms are brought all or
/// none.
pub(super) async fn bring_in(
    config: Config,
    source: impl Source + 'static,
    options: Options,
) -> Result<Summary, Failure> {
    let _ = (config, source, options);
    Err(Failure::failed("nothing is brought in yet"))
}
