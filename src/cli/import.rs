//! `chatd import`: brings what `chatd export` has written into a chat, whether or not its server runs.

mod bring;
mod check;
mod crowded;
mod damage;
mod file;
mod parts;
mod source;

pub(super) use source::Source;

use super::backup::{blocking, counted, interruptible};
use super::door::Door;
use super::progress::Progress;
use super::{Failure, Places, block_on, say};
use crate::config::Config;
use crate::server::data_folder::DataFolder;
use check::{Checker, Plan};
use clap::Args;
use crowded::Crowded;
use file::Lines;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  chatd import chat.jsonl --dry-run             says what would happen
  chatd import chat.jsonl                       also while the server runs
  gunzip < chat.jsonl.gz | chatd import - --data-dir /srv/chat
  chatd import chat.jsonl --skip-existing       leaves out known rooms

The whole export is read and checked before anything is changed. What is in it comes with its ids, \
times and numbers, people sign in with the passwords that they had, and invites stay good. Rooms \
are brought hidden and shown when all of them are whole; whoever is connected then sees them come. \
Whoever was an admin of the server is one there, too, unless the export is of one room. An account \
that is there already, with the same id and name, is left as it is. One whose name or e-mail \
address belongs to somebody else there is refused, and so is a message that is in another room \
there, and a room that is there already, unless it is to be left out. When an import fails or is \
killed no room of it stays; run it again. Only where there are more than 20,000 members or some \
600 rooms, rooms are shown in several steps, each of them whole. Somebody who comes to be in more \
than 1,000 rooms stays in them, and is named. Only one import into a data folder runs at a time.

A data folder that is not there yet is made. An export that is piped in is kept in $TMPDIR \
meanwhile. To check it takes memory: some 50 MB for each million messages of the largest room.";

/// Bring in what "chatd export" has written, whether or not the server runs
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Import {
    /// The file that "chatd export" has made; "-" for stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    options: Options,
}

/// How an import is done.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(super) struct Options {
    /// Leave out rooms that are there already, with what is in them
    #[arg(long)]
    pub skip_existing: bool,
    /// Only check, and say what would happen
    #[arg(long)]
    pub dry_run: bool,
}

impl Import {
    pub(super) fn run(self, places: Places) -> Result<(), Failure> {
        let config = places.load_quietly()?;
        block_on(async {
            let path = self.file;
            let source = interruptible(blocking(move || Lines::open(&path))).await?;
            let summary = bring_in(config, source, self.options).await?;
            say(&summary.words(self.options));
            Ok(())
        })
    }
}

/// What an import has brought, or would bring.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Summary {
    /// How many of the accounts that were not there are admins of the server.
    pub admins: u64,
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
    /// Those who are in more rooms than anybody may come into.
    pub crowded: Crowded,
}

impl Summary {
    /// The same for people.
    pub fn words(&self, options: Options) -> String {
        let there = |number: u64| match number {
            0 => String::new(),
            number => format!(" ({number} more there already)"),
        };
        let (begin, end) = if options.dry_run {
            ("This would import", " Nothing was changed.")
        } else {
            ("Imported", "")
        };
        let admins = match self.admins {
            0 => String::new(),
            admins => format!(" Admins of the server among the accounts: {admins}."),
        };
        format!(
            "{begin} {}{}, {}{}, {}.{admins}{}{end}",
            counted(self.users, "account"),
            there(self.known_users),
            counted(self.rooms, "room"),
            there(self.known_rooms),
            counted(self.messages, "message"),
            self.crowded.words()
        )
    }
}

/// Checks all that `source` tells, and brings it in.
///
/// # Errors
/// A sentence that names the place of what is wrong, or what is in the way. Rooms are brought all or
/// none, and not while another import into the folder runs.
pub(super) async fn bring_in(
    config: Config,
    source: impl Source + 'static,
    options: Options,
) -> Result<Summary, Failure> {
    let folder = config.data.dir.clone();
    // Before what may take long; a folder that is not there is only made for an export that is sound.
    let place = if options.dry_run {
        None
    } else {
        DataFolder::place_for_import(&folder)?
    };
    let (source, plan) = interruptible(blocking(move || checked(source))).await?;
    if options.dry_run && !DataFolder::has_database(&folder)? {
        return Ok(bring::all_new(&plan));
    }
    let place = match place {
        None if !options.dry_run => Some(DataFolder::make_for_import(&folder)?),
        place => place,
    };
    let mut door = Door::new(config, true)?;
    let brought = bring::bring(&mut door, source, plan, options).await;
    let brought = match brought {
        // What was made where nothing was is of no use to anybody.
        Err(failed) if failed.has_nothing() => Err(failed.told(door.discard().await)),
        Err(failed) => {
            door.close().await;
            Err(failed.told(false))
        }
        Ok(summary) => {
            door.close().await;
            Ok(summary)
        }
    };
    drop(place);
    brought
}

/// Looks at all that a source tells. Gives it back with what is to be brought.
fn checked<S: Source>(mut source: S) -> Result<(S, Plan), Failure> {
    let mut checker = Checker::default();
    let mut progress = Progress::new();
    source.rewind()?;
    while let Some(entry) = source.next()? {
        checker.take(entry).map_err(|why| wrong(&source, &why))?;
        let (done, all) = source.progress();
        progress.show("checking", done, all);
    }
    let plan = checker.plan().ok_or_else(|| {
        wrong(
            &source,
            "the end is missing, so that the export is a half-written one; export again",
        )
    })?;
    Ok((source, plan))
}

fn wrong(source: &impl Source, why: &str) -> Failure {
    Failure::failed(format!("{}: {why}", source.place()))
}
