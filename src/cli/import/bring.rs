//! Bringing in what was checked: what is here already is found out first, of messages too, then come the
//! entries, and at the end the rooms are shown.

use super::check::Plan;
use super::crowded::Crowded;
use super::parts::{Reading, in_parts};
use super::{Options, Source, Summary};
use crate::chat::{FinishedRoom, ImportCheck};
use crate::cli::backup::{counted, interruptible, interruptible_with};
use crate::cli::door::{Door, unexpected};
use crate::cli::progress::Progress;
use crate::cli::{Exit, Failure};
use crate::model::{Entry, RoomId, UserId};
use crate::server::control::{Answer, ImportStep, Request};
use std::collections::{HashMap, HashSet};

/// Rooms with so many members together are shown at once, unless a single one has more.
const MEMBERS_A_STEP: i64 = 20_000;

/// What would be brought where nothing is.
pub(super) fn all_new(plan: &Plan) -> Summary {
    let nothing = ImportCheck {
        new_users: plan.users.len() as u64,
        new_admins: plan.admins,
        ..ImportCheck::default()
    };
    summary(plan, &nothing, Crowded::of(plan))
}

fn summary(plan: &Plan, found: &ImportCheck, crowded: Crowded) -> Summary {
    let known: HashSet<_> = found.known_rooms.iter().collect();
    let new = plan.rooms.iter().filter(|room| !known.contains(&room.id));
    let messages = new.map(|room| room.messages);
    let known_rooms = found.known_rooms.len() as u64;
    Summary {
        admins: found.new_admins,
        users: found.new_users,
        known_users: found.known_users,
        rooms: plan.rooms.len() as u64 - known_rooms,
        known_rooms,
        messages: u64::try_from(messages.sum::<i64>()).unwrap_or(0),
        crowded,
    }
}

/// Why not all was brought in.
pub(super) struct Failed {
    pub failure: Failure,
    /// What was brought in by then; nothing before anything was.
    pub left: Option<Left>,
}

/// What is there of an import that failed: so many rooms, and at any rate accounts.
pub(super) struct Left(usize);

impl Failed {
    /// Whether nothing of it can be seen, so that what was made for it may go.
    pub fn has_nothing(&self) -> bool {
        self.left.as_ref().is_none_or(|left| left.0 == 0)
    }

    /// The sentence. `is_gone` says that what was brought has been removed.
    pub fn told(self, is_gone: bool) -> Failure {
        let is_interrupted = matches!(self.failure.exit, Exit::Interrupted | Exit::Stopped);
        let when = if is_interrupted {
            ""
        } else {
            " when that is mended"
        };
        let left = match self.left {
            None => return self.failure,
            Some(_) if is_gone => "nothing was changed".to_owned(),
            Some(Left(0)) => {
                format!(
                    "no room was brought in, and accounts that were made stay; run it again{when}"
                )
            }
            Some(Left(shown)) => format!(
                "{} came in whole, the others not at all; run it again with --skip-existing{when}",
                counted(shown as u64, "room")
            ),
        };
        let why = self.failure.message.trim_end_matches('.');
        Failure::new(self.failure.exit, format!("{why}; {left}"))
    }
}

impl From<Failure> for Failed {
    fn from(failure: Failure) -> Self {
        Self {
            failure,
            left: None,
        }
    }
}

/// Brings in what was checked, all of it or no room.
pub(super) async fn bring(
    door: &mut Door,
    source: impl Source + 'static,
    mut plan: Plan,
    options: Options,
) -> Result<Summary, Failed> {
    let (mut found, crowded) = interruptible(look(door, &mut plan)).await?;
    if let Some(known) = found.known_rooms.first()
        && !options.skip_existing
    {
        let text = format!(
            "{} of the export {} here already, such as {known}; --skip-existing leaves them out, with their \
             messages",
            counted(found.known_rooms.len() as u64, "room"),
            if found.known_rooms.len() == 1 {
                "is"
            } else {
                "are"
            }
        );
        return Err(Failure::new(Exit::Exists, text).into());
    }
    let skipped: HashSet<RoomId> = found.known_rooms.iter().copied().collect();
    let source = if found.has_messages {
        let looked = look_for_messages(door, source, &skipped, &mut found.left_rooms);
        interruptible(looked).await?
    } else {
        source
    };
    let summary = summary(&plan, &found, crowded);
    if options.dry_run {
        return Ok(summary);
    }
    interruptible(clear(door, &found.left_rooms)).await?;
    let rooms = plan.rooms.iter().filter(|room| !skipped.contains(&room.id));
    let rooms: Vec<_> = rooms.cloned().collect();
    let mut shown = 0;
    let brought = async {
        send(door, source, skipped).await?;
        show(door, &rooms, &mut shown).await
    };
    match interruptible_with(brought, "").await {
        Ok(()) => Ok(summary),
        Err(failure) => {
            give_up(door, rooms.get(shown..).unwrap_or_default()).await;
            let left = Some(Left(shown));
            Err(Failed { failure, left })
        }
    }
}

async fn ask(door: &mut Door, step: ImportStep) -> Result<Answer, Failure> {
    // Each step may be performed twice.
    door.ask_again(&Request::Import { step }).await
}

async fn done(door: &mut Door, step: ImportStep) -> Result<(), Failure> {
    match ask(door, step).await? {
        Answer::Done => Ok(()),
        _ => Err(unexpected()),
    }
}

/// Finds out what is here already, and who comes to be in too many rooms. Of what was looked up nothing is
/// kept.
async fn look(door: &mut Door, plan: &mut Plan) -> Result<(ImportCheck, Crowded), Failure> {
    let mut found = ImportCheck::default();
    for entries in in_parts(std::mem::take(&mut plan.belongings))? {
        let some = check(door, entries).await?;
        found.known_rooms.extend(some.known_rooms);
        found.left_rooms.extend(some.left_rooms);
        found.has_messages |= some.has_messages;
    }
    let left_out = found.known_rooms.iter().copied().collect();
    let mut brought = plan.rooms_of_each(&left_out).into_iter();
    let mut crowded = Crowded::default();
    let users = std::mem::take(&mut plan.users).into_iter();
    for entries in in_parts(users.map(Entry::User))? {
        let people = entries.iter().filter_map(|entry| match entry {
            Entry::User(user) => Some((user.id, user.username.clone())),
            _ => None,
        });
        let people: Vec<_> = people.zip(brought.by_ref()).collect();
        let some = check(door, entries).await?;
        found.new_users += some.new_users;
        found.new_admins += some.new_admins;
        found.known_users += some.known_users;
        let here = some.in_rooms.into_iter().map(|here| (here.id, here.rooms));
        let here: HashMap<UserId, i64> = here.collect();
        for ((id, username), brought) in people {
            let here = here.get(&id).copied().unwrap_or(0);
            crowded.look(&username, brought, here);
        }
    }
    Ok((found, crowded))
}

async fn check(door: &mut Door, entries: Vec<Entry>) -> Result<ImportCheck, Failure> {
    match ask(door, ImportStep::Check { entries }).await? {
        Answer::ImportCheck(found) => Ok(found),
        _ => Err(unexpected()),
    }
}

/// Finds out whether messages are here already, in other rooms. What is left of such rooms that nobody sees
/// is to be removed.
async fn look_for_messages<S: Source + 'static>(
    door: &mut Door,
    source: S,
    skipped: &HashSet<RoomId>,
    left_rooms: &mut Vec<RoomId>,
) -> Result<S, Failure> {
    let is_message = |entry: &Entry| matches!(entry, Entry::Message(_));
    let mut reading = Reading::start(source, skipped.clone(), is_message);
    let mut progress = Progress::new();
    while let Some((entries, (read, all))) = reading.parts.recv().await {
        let some = check(door, entries).await?;
        for room in some.left_rooms {
            if !left_rooms.contains(&room) {
                left_rooms.push(room);
            }
        }
        progress.show("comparing", read, all);
    }
    reading.end().await
}

/// Removes what is left of rooms that nobody sees.
async fn clear(door: &mut Door, rooms: &[RoomId]) -> Result<(), Failure> {
    let mut progress = Progress::new();
    for (number, room) in rooms.iter().enumerate() {
        let clear = || ImportStep::Clear { room: *room };
        while ask(door, clear()).await? != (Answer::Cleared { is_gone: true }) {
            progress.show("clearing", number as u64, rooms.len() as u64);
        }
    }
    Ok(())
}

/// Sends all entries but those of rooms that are left out.
async fn send(
    door: &mut Door,
    source: impl Source + 'static,
    skipped: HashSet<RoomId>,
) -> Result<(), Failure> {
    let mut reading = Reading::start(source, skipped, |_| true);
    let mut progress = Progress::new();
    while let Some((entries, (read, all))) = reading.parts.recv().await {
        done(door, ImportStep::Bring { entries }).await?;
        progress.show("importing", read, all);
    }
    reading.end().await.map(drop)
}

/// Shows rooms that are whole, as many at once as may be. `shown` is how many are shown.
async fn show(door: &mut Door, rooms: &[FinishedRoom], shown: &mut usize) -> Result<(), Failure> {
    let mut members = rooms.first().map_or(0, |room| room.members);
    let crowds = rooms.chunk_by(|_, next| {
        members = members.saturating_add(next.members);
        let fits = members <= MEMBERS_A_STEP;
        if !fits {
            members = next.members;
        }
        fits
    });
    for crowd in crowds {
        for rooms in in_parts(crowd.iter().cloned())? {
            let count = rooms.len();
            done(door, ImportStep::Finish { rooms }).await?;
            *shown += count;
        }
    }
    Ok(())
}

/// Has rooms purged that were not shown. What cannot be told is purged later.
async fn give_up(door: &mut Door, rooms: &[FinishedRoom]) {
    let parts = in_parts(rooms.iter().map(|room| room.id));
    for rooms in parts.into_iter().flatten() {
        if done(door, ImportStep::GiveUp { rooms }).await.is_err() {
            return;
        }
    }
}
