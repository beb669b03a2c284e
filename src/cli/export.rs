//! `chatd export`: all that there is, or one room, as lines of JSON; or a room as a page to read.

mod page;
mod text;

use super::backup::{Copying, Counted, FillError, Target, counted, interruptible, written_to};
use super::progress::Progress;
use super::{Exit, Failure, Places, block_on, say};
use crate::chat::Clock;
use crate::config::Config;
use crate::model::{EXPORT_FORMAT, Entry, ExportEnd, ExportHead, RoomId, Time, size};
use crate::server::backup::{open_export, unread_copy};
use crate::store::backup::{Export as Database, ExportError, Scope};
use clap::{ArgGroup, Args, ValueEnum};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

const EXAMPLES: &str = "\
Examples:
  chatd export --all --output chat.jsonl      also while the server runs
  chatd export --all | gzip > chat.jsonl.gz
  chatd export --room 6f1c2a52-0d7e-4a4e-9c5b-0f6f1b1f7c11 \\
    --format html --output room.html

An export has a JSON object a line, whose \"type\" is export, user, room, member, ban, invite, \
message or end, and \"chatd import\" brings it into another chat. It holds everything that was \
acknowledged before it began: also what is private, and everybody's e-mail addresses and \
password hashes, so keep it safe. That of a room has the accounts which the room names: its \
creator, members, authors, who was banned and by whom, each with its hash and none as the \
server's admin. Sessions, the secret that tokens are signed with and rooms that were deleted are \
not in it; \"chatd backup\" is for a server's own safety.

A page (--format html) is for people: it opens in any browser, prints, and loads nothing from \
anywhere. It has neither e-mail addresses nor hashes nor invites.

The server goes on meanwhile; its disk needs room for a copy of the database until that is read.";

/// How an export is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Lines of JSON
    Jsonl,
    /// A page of one room, to read and to print
    Html,
}

/// Write everything, or one room, as lines of JSON or as a page to read
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, group(ArgGroup::new("scope").required(true).args(["all", "room"])))]
pub(super) struct Export {
    /// Everything
    #[arg(long)]
    all: bool,
    /// One room, as "chatd room list" shows its id
    #[arg(long, value_name = "ID", value_parser = super::room_id)]
    room: Option<RoomId>,
    /// How it is written
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "jsonl")]
    format: Format,
    /// The file to make; stdout without it
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace the file if it is there
    #[arg(long, requires = "output")]
    force: bool,
}

impl Export {
    pub(super) fn run(self, places: Places) -> Result<(), Failure> {
        if self.format == Format::Html && self.room.is_none() {
            return Err(Failure::new(
                Exit::Usage,
                "a page is of one room: name it with --room instead of --all",
            ));
        }
        let config = places.load_quietly()?;
        let output = self.output.as_deref().unwrap_or(Path::new("-"));
        let target = Target::open(output, self.force)?;
        let scope = match self.room {
            Some(id) if !self.all => Scope::Room(id),
            _ => Scope::All,
        };
        block_on(write(config, scope, self.format, target))
    }
}

/// Writes an export of what the configuration names.
async fn write(
    config: Config,
    scope: Scope,
    format: Format,
    target: Target,
) -> Result<(), Failure> {
    let began = Instant::now();
    let folder = config.data.dir.clone();
    let mut copy = Copying::new(config)?;
    let opened = interruptible(copy.make(&folder, move |folder| open(folder, scope))).await;
    // The copy is open, or of no use; either way it need not have a name any more.
    copy.end().await;
    let mut source = opened?;
    let written = target.fill(move |to| {
        let mut to = Counted { to, bytes: 0 };
        let end = match format {
            Format::Jsonl => lines(&mut source, &mut to)?,
            Format::Html => page::write(&mut source, &mut to)?,
        };
        Ok((end, to.bytes))
    });
    let ((end, bytes), path) = written.await?;
    say(&format!(
        "Wrote {}: {}, with {}, in {:.1} s.",
        written_to(path.as_deref()),
        size(bytes),
        summary(&end),
        began.elapsed().as_secs_f64()
    ));
    Ok(())
}

/// How much an export holds, in a few words.
fn summary(end: &ExportEnd) -> String {
    format!(
        "{}, {}, {}",
        counted(end.users, "account"),
        counted(end.rooms, "room"),
        counted(end.messages, "message")
    )
}

/// A copy of the database, and what of it is exported.
struct Source {
    copy: Database,
    scope: Scope,
    made_at: Time,
    /// How many messages there are to tell.
    messages: u64,
    progress: Progress,
}

fn open(folder: &Path, scope: Scope) -> Result<Source, Failure> {
    let copy = open_export(folder).map_err(Failure::failed)?;
    let messages = copy
        .messages(scope)
        .map_err(|error| Failure::failed(unread_copy(&error)))?;
    let messages = match (messages, scope) {
        (Some(messages), _) => messages,
        (None, Scope::All) => 0,
        (None, Scope::Room(id)) => {
            let text =
                format!("there is no room {id}; \"chatd room list\" shows all that there are");
            return Err(Failure::new(Exit::NotFound, text));
        }
    };
    Ok(Source {
        copy,
        scope,
        made_at: Clock::default().now(),
        messages,
        progress: Progress::new(),
    })
}

impl Source {
    /// Tells all entries but the head and the end, and says how much that was.
    fn tell(
        &mut self,
        mut told: impl FnMut(&Database, Entry) -> io::Result<()>,
    ) -> Result<ExportEnd, FillError> {
        let Self {
            copy,
            scope,
            messages,
            progress,
            ..
        } = self;
        let mut done = 0;
        let all = copy.tell(*scope, &mut |entry| {
            if matches!(entry, Entry::Message(_)) {
                done += 1;
                progress.show("exporting", done, *messages);
            }
            told(copy, entry)
        });
        all.map_err(|error| match error {
            ExportError::Database(error) => FillError::Source(Failure::failed(unread_copy(&error))),
            ExportError::Told(error) => FillError::Target(error),
        })
    }
}

/// Writes a line an entry.
fn lines(source: &mut Source, to: &mut impl Write) -> Result<ExportEnd, FillError> {
    let head = ExportHead {
        format: EXPORT_FORMAT,
        made_by: made_by(),
        created_at: source.made_at,
    };
    line(to, &Entry::Export(head))?;
    let end = source.tell(|_, entry| line(to, &entry))?;
    line(to, &Entry::End(end.clone()))?;
    Ok(end)
}

fn line(to: &mut impl Write, entry: &Entry) -> io::Result<()> {
    serde_json::to_writer(&mut *to, entry)?;
    to.write_all(b"\n")
}

/// What made an export.
fn made_by() -> String {
    format!("chatd {}", env!("CARGO_PKG_VERSION"))
}
