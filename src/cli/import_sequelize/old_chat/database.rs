//! The old database: found, read in one snapshot, never written to.

use super::address::Address;
use super::failures::{lost, unreachable};
use super::old::{
    Cell, MESSAGE_CONTENT, MESSAGE_ID, MESSAGE_ROOM, MESSAGE_TIME, MESSAGE_USER, OldAuthor,
    OldCount, OldInvite, OldMember, OldMessage, OldRoom, OldUser, Row,
};
use super::schema::{Found, Table, Tables};
use crate::cli::Failure;
use crate::model::Content;
use mysql::prelude::Queryable;
use mysql::{Conn, Error, LocalInfileHandler, OptsBuilder, Value};
use std::time::Duration;

/// A connection is made within this time.
const CONNECT: Duration = Duration::from_secs(10);
/// Between two answers it is waited no longer. Putting all messages in order is done before the first.
const READ: Duration = Duration::from_mins(10);
/// The server waits so long for this end, in seconds: what is read is brought in meanwhile.
const PATIENCE_SECONDS: u32 = 3600;
/// The first time of a table that can be meant, and the same where times are texts, of a date or a number.
const FIRST_TIME: &str = "'1970-01-01 00:00:01'";
const FIRST_TEXT: &str = "'0001'";

/// The old database, as of one moment.
pub(super) struct Database {
    snapshot: Snapshot,
    tables: Tables,
}

/// A connection within a transaction.
struct Snapshot {
    conn: Conn,
    address: Address,
}

impl Database {
    /// Connects, begins a snapshot, and finds the tables.
    pub fn open(address: Address) -> Result<Self, Failure> {
        // Whoever runs the server could otherwise ask for any file of this machine.
        let no_files = LocalInfileHandler::new(|_, _| {
            Err(std::io::Error::other("no file of this machine is told"))
        });
        let options = OptsBuilder::from_opts(address.options.clone())
            .prefer_socket(false)
            .tcp_connect_timeout(Some(CONNECT))
            .read_timeout(Some(READ))
            .local_infile_handler(Some(no_files));
        let conn = Conn::new(options).map_err(|error| unreachable(&address, &error))?;
        let mut snapshot = Snapshot { conn, address };
        snapshot.begin()?;
        let tables = snapshot.find_tables()?;
        Ok(Self { snapshot, tables })
    }

    /// Reads all rows of a table.
    fn all<T>(
        &mut self,
        table: &Table,
        what: &str,
        read: impl Fn(Row) -> T,
    ) -> Result<Vec<T>, Failure> {
        let sql = format!("SELECT {} FROM {}", table.list(), table.quoted());
        let mut rows = Vec::new();
        self.snapshot.each(&sql, &table.is_binary(), what, |row| {
            rows.push(read(row));
            true
        })?;
        Ok(rows)
    }

    /// All users.
    pub fn users(&mut self) -> Result<Vec<OldUser>, Failure> {
        self.all(&self.tables.users.clone(), "users", OldUser::read)
    }

    /// All rooms.
    pub fn rooms(&mut self) -> Result<Vec<OldRoom>, Failure> {
        self.all(&self.tables.rooms.clone(), "rooms", OldRoom::read)
    }

    /// Who is in which room.
    pub fn members(&mut self) -> Result<Vec<OldMember>, Failure> {
        self.all(&self.tables.members.clone(), "members", OldMember::read)
    }

    /// All invites; nothing where there is no table of them.
    pub fn invites(&mut self) -> Result<Option<Vec<OldInvite>>, Failure> {
        let Some(table) = self.tables.invites.clone() else {
            return Ok(None);
        };
        self.all(&table, "invites", OldInvite::read).map(Some)
    }

    /// Whoever has written something.
    pub fn authors(&mut self) -> Result<Vec<OldAuthor>, Failure> {
        let table = self.tables.messages.clone();
        let author = table.column(MESSAGE_USER);
        let sql = format!("SELECT DISTINCT {author} FROM {}", table.quoted());
        let is_binary = [table.is_binary()[MESSAGE_USER]];
        let mut authors = Vec::new();
        self.snapshot.each(&sql, &is_binary, "messages", |row| {
            authors.push(OldAuthor::read(row));
            true
        })?;
        Ok(authors)
    }

    /// How many messages each room has.
    pub fn counts(&mut self) -> Result<Vec<OldCount>, Failure> {
        let table = self.tables.messages.clone();
        let (room, time) = (table.column(MESSAGE_ROOM), table.column(MESSAGE_TIME));
        let first = if table.is_text(MESSAGE_TIME) {
            FIRST_TEXT
        } else {
            FIRST_TIME
        };
        let sql = format!(
            "SELECT {room}, COUNT(*), MIN(CASE WHEN {time} >= {first} THEN {time} END)
             FROM {} GROUP BY {room}",
            table.quoted()
        );
        let is_binary = [table.is_binary()[MESSAGE_ROOM], false, false];
        let mut counts = Vec::new();
        self.snapshot.each(&sql, &is_binary, "messages", |row| {
            counts.push(OldCount::read(row));
            true
        })?;
        Ok(counts)
    }

    /// The messages that may become several.
    pub fn long_messages(&mut self, tell: impl FnMut(OldMessage)) -> Result<(), Failure> {
        let table = self.tables.messages.clone();
        let sql = format!(
            "SELECT {} FROM {} WHERE CHAR_LENGTH({}) > {}",
            table.list(),
            table.quoted(),
            table.column(MESSAGE_CONTENT),
            Content::MAX_CHARS
        );
        let mut tell = tell;
        self.snapshot
            .each(&sql, &table.is_binary(), "messages", |row| {
                tell(OldMessage::read(row));
                true
            })
    }

    /// All messages, each room's together and by time, for as long as they are wanted. Those of a room
    /// come together whatever the case in which its id is written.
    pub fn messages(&mut self, mut tell: impl FnMut(OldMessage) -> bool) -> Result<(), Failure> {
        let table = self.tables.messages.clone();
        let sql = format!(
            "SELECT {} FROM {} ORDER BY LOWER({}), {}, {}",
            table.list(),
            table.quoted(),
            table.column(MESSAGE_ROOM),
            table.column(MESSAGE_TIME),
            table.column(MESSAGE_ID)
        );
        self.snapshot
            .each(&sql, &table.is_binary(), "messages", |row| {
                tell(OldMessage::read(row))
            })
    }
}

impl Snapshot {
    /// Begins the snapshot in which all is read.
    fn begin(&mut self) -> Result<(), Failure> {
        let statements = [
            "SET time_zone = '+00:00'".to_owned(),
            format!("SET net_write_timeout = {PATIENCE_SECONDS}"),
            format!("SET wait_timeout = {PATIENCE_SECONDS}"),
            "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ".to_owned(),
            "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY".to_owned(),
        ];
        for statement in statements {
            let done = self.conn.query_drop(statement);
            done.map_err(|error| lost(&self.address, "its settings", &error))?;
        }
        Ok(())
    }

    fn find_tables(&mut self) -> Result<Tables, Failure> {
        let sql = "SELECT table_name, column_name, data_type FROM information_schema.columns
                   WHERE table_schema = DATABASE() ORDER BY table_name, ordinal_position";
        let mut found = Vec::new();
        self.each(sql, &[], "the list of its tables", |mut row| {
            let mut text = || row.text().unwrap_or_default();
            found.push(Found {
                table: text(),
                column: text(),
                data_type: text(),
            });
            true
        })?;
        Tables::find(&found).map_err(|missing| {
            let account = self.address.user();
            Failure::failed(format!(
                "{} is not the database of such a chat, as far as \"{account}\" may read it: {missing}. Name \
                 another database, or let the account read it: GRANT SELECT ON {}.* TO …",
                self.address,
                self.address.database()
            ))
        })
    }

    /// Reads rows one after the other, for as long as they are wanted.
    fn each(
        &mut self,
        sql: &str,
        is_binary: &[bool],
        what: &str,
        mut tell: impl FnMut(Row) -> bool,
    ) -> Result<(), Failure> {
        let address = &self.address;
        let failed = |error: Error| lost(address, what, &error);
        let rows = self.conn.query_iter(sql).map_err(failed)?;
        for row in rows {
            let cells = row.map_err(failed)?.unwrap().into_iter().map(cell);
            if !tell(Row::new(cells.collect(), is_binary)) {
                break;
            }
        }
        Ok(())
    }
}

/// A cell as the text protocol has it; it has nothing but bytes and NULL.
fn cell(value: Value) -> Cell {
    match value {
        Value::NULL => None,
        Value::Bytes(bytes) => Some(bytes),
        other => Some(other.as_sql(true).into_bytes()),
    }
}
