//! What can go wrong below the domain.

use super::sql::Value;

/// A promise of the tables that a command broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unique {
    /// One account a name.
    Username,
    /// One account an e-mail address.
    Email,
    /// One message a sender and `clientId`.
    ClientId,
    /// One membership a room and user.
    Member,
    /// One ban a room and user.
    Ban,
    /// One message an id.
    Message,
}

/// What can go wrong below the domain.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// A row like this is there already.
    #[error("{0:?} is taken")]
    Unique(Unique),
    /// No room on the disk; nothing was written.
    #[error("the disk is full")]
    Full,
    /// The disk does not take what is written; nothing was. The writer finds out whether there is no
    /// room, or the disk failed.
    #[error("the disk failed: {0}")]
    Unwritten(String),
    /// The disk failed; what is on it is unknown.
    #[error("the disk failed: {0}")]
    Disk(String),
    /// What is in the database's file cannot be made out.
    #[error(
        "the database is damaged ({0}); put a backup in its place with \"chatd restore --force\" while no server runs"
    )]
    Damaged(String),
    /// The database's file may not be opened or written to.
    #[error(
        "the database may not be used ({0}); run this as the user who owns it, on a disk that may be written to"
    )]
    Denied(String),
    /// The database's file was removed or replaced while it is in use.
    #[error(
        "the database's file was removed or replaced while the server uses it, and what is written now is lost when \
         the server ends; take it all out with \"chatd backup\" before you stop the server, then restore that"
    )]
    Displaced,
    /// Too many commands or queries are waiting; nothing was done.
    #[error("too much is waiting")]
    Overloaded,
    /// A query took longer than it may.
    #[error("the query took too long")]
    TooSlow,
    /// The store is closed.
    #[error("the store is closed")]
    Closed,
    /// A command panicked; nothing of it was kept.
    #[error("a command panicked")]
    Panicked,
    /// Everything that should not happen.
    #[error("{0}")]
    Database(String),
}

impl Error {
    pub(crate) fn unexpected(wanted: &str, found: &Value<'_>) -> Self {
        let kind = match found {
            Value::Null => "nothing",
            Value::Int(_) => "a number",
            Value::Text(_) => "text",
            Value::Blob(_) => "bytes",
        };
        Self::Database(format!("a column has {kind} where {wanted} belongs"))
    }
}
