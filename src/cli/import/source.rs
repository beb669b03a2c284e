//! Where an import's entries come from: a file of lines, or another program's database.

use crate::cli::Failure;
use crate::model::Entry;

/// Tells entries, twice: once to be checked, once to be brought in. It may block.
///
/// The first entry is the head and the last one the end, with its counts; what is between stands after
/// what it names: accounts, then each room with its members, bans, invites and messages.
pub(in crate::cli) trait Source: Send {
    /// Begins again with the first entry.
    fn rewind(&mut self) -> Result<(), Failure>;
    /// The next entry; nothing after the last.
    fn next(&mut self) -> Result<Option<Entry>, Failure>;
    /// Where the entry that came last stood, as a sentence names it: `line 12`.
    fn place(&self) -> String;
    /// How much of it was told, and how much there is, in whatever unit.
    fn progress(&self) -> (u64, u64);
}
