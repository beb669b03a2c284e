//! `chatd import-sequelize`: takes over the database of the chat backends that are made with Node, Express,
//! Sequelize and MySQL.

#[cfg(feature = "mysql")]
mod old_chat;

use super::import::Options;
use super::{Failure, Places};
use clap::Args;
use std::fmt;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  chatd import-sequelize mysql://chat@localhost:3306/chat --dry-run
  CHATD_IMPORT_PASSWORD__FILE=password.txt \\
    chatd import-sequelize mysql://chat@localhost/chat
  chatd import-sequelize 'mysql://chat:p%40ss@db.example.org/chat' \\
    --tls --json > report.json
  chatd import-sequelize \\
    'mysql://chat@localhost/chat?socket=/run/mysqld/mysqld.sock'

It reads the tables users, rooms, RoomMembers, room_invites and messages, whatever the case and \
the underscores of their names, in one snapshot, and changes nothing there. Stop the old backend \
first, so that nothing is written that is not taken over, and begin with a data folder without \
accounts. The account needs SELECT on the database. The password is in the URL, in \
$CHATD_IMPORT_PASSWORD, or in the file that $CHATD_IMPORT_PASSWORD__FILE names. With --tls, or with \
\"ssl-mode=required\" in the URL, nothing is told to a server without TLS and a certificate that is \
good for its name.

- Ids are kept where they are UUIDs; of the others UUIDs are made, the same each time.
- Passwords by bcrypt work at the next sign-in, and are kept by argon2id from then on.
- The messages of a room are numbered by their time. All count as read by all members. One that is
  longer than 4,000 characters becomes several, and one with nothing to see a deleted one.
- Invites keep working, with their old codes. A new one in a room ends all of that room.
- Nobody is an admin of the server afterwards; \"chatd user role ada admin\" makes one.

What cannot be kept as it was is told, the first five of each kind, and with --json all: one \
object of {dryRun, users, knownUsers, rooms, knownRooms, messages, notes}, where notes is an array \
of {kind, meaning, count, notes: [{about, what}]}.";

/// Take over the database of a chat made with Node, Express, Sequelize and MySQL
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ImportSequelize {
    #[arg(
        value_name = "URL",
        help = "The database: mysql://user:password@host:3306/database"
    )]
    url: Url,
    #[command(flatten)]
    options: Options,
    /// Encrypt the connection to MySQL, and check its certificate
    #[arg(long)]
    tls: bool,
    /// Trust this authority for the certificate, too
    #[arg(long, value_name = "FILE", requires = "tls")]
    tls_ca: Option<PathBuf>,
    /// Print a report as JSON
    #[arg(long)]
    json: bool,
}

/// A URL that may have a password in it; it is never shown, not even by a debugger's format.
#[derive(Clone)]
struct Url(String);

impl From<String> for Url {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Url(…)")
    }
}

impl ImportSequelize {
    #[cfg(feature = "mysql")]
    pub(super) fn run(self, places: Places) -> Result<(), Failure> {
        old_chat::take_over(self, places)
    }

    #[cfg(not(feature = "mysql"))]
    pub(super) fn run(self, _: Places) -> Result<(), Failure> {
        let _ = (self.url.0, self.options);
        let _ = (self.tls, self.tls_ca, self.json);
        Err(Failure::failed(
            "this chatd was built without the driver for MySQL; install.sh builds one with it, and so does \
             \"cargo build --release --features mysql\"",
        ))
    }
}
