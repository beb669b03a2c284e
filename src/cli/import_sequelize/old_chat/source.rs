//! The old database as a source of an import: accounts and rooms are held, messages stream by.

use super::accounts::Accounts;
use super::database::Database;
use super::ids::OldId;
use super::messages;
use super::notes::{Kind, Notes, quoted};
use super::old::{OldAuthor, OldMessage};
use super::rooms::{OldRooms, Rooms, Talk};
use crate::cli::Failure;
use crate::cli::import::Source;
use crate::model::{EXPORT_FORMAT, Entry, ExportEnd, ExportHead, Time};
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

/// Messages that are read before they are wanted.
const AHEAD: usize = 256;

/// What the thread that reads messages tells.
enum Told {
    Message(OldMessage),
    /// There are no more.
    All,
    Lost(Failure),
}

/// How far the entries are told.
#[derive(Debug, Clone, Copy)]
enum Stage {
    Head,
    /// The account that is next.
    Accounts(usize),
    Messages,
    /// The room that is looked at next, of those without messages.
    Quiet(usize),
    Done,
}

/// The old database, translated.
pub(super) struct OldChat {
    accounts: Accounts,
    rooms: Rooms,
    notes: Arc<Mutex<Notes>>,
    now: Time,
    /// Where the thread that reads messages is told to begin anew.
    begin: Sender<SyncSender<Told>>,
    messages: Option<Receiver<Told>>,
    stage: Stage,
    /// What is told next.
    ready: VecDeque<Entry>,
    /// The rooms that were told, by where they stand.
    told_rooms: HashSet<usize>,
    /// The room whose messages come, and its last number.
    current: Option<(usize, i64)>,
    /// What the entry that came last was made of.
    place: String,
    done: u64,
    all: u64,
    counts: ExportEnd,
}

impl OldChat {
    /// Reads everything but the messages.
    pub fn read(
        mut database: Database,
        now: Time,
        notes: Arc<Mutex<Notes>>,
    ) -> Result<Self, Failure> {
        let mut kept = notes.lock().unwrap_or_else(PoisonError::into_inner);
        let mut accounts = Accounts::take(database.users()?, now, &mut kept);
        let talk = talk(&mut database, now)?;
        let all = talk.values().map(|talk| talk.messages).sum::<i64>();
        let invites = database.invites()?.unwrap_or_else(|| {
            let about = "all invites".to_owned();
            let why = "there is no table \"room_invites\", \"room_invite\" or \"invites\"";
            kept.add(Kind::InviteLeftOut, about, why);
            Vec::new()
        });
        let old = OldRooms {
            rooms: database.rooms()?,
            members: database.members()?,
            invites,
            talk,
        };
        let rooms = Rooms::take(old, &mut accounts, now, &mut kept);
        let authors = database.authors()?;
        let is_known = |author: &OldAuthor| accounts.get(author.user.as_ref()).is_some();
        if !authors.iter().all(is_known) {
            accounts.nobody(&mut kept);
        }
        drop(kept);
        let (begin, began) = channel();
        std::thread::spawn(move || read_messages(database, &began));
        Ok(Self {
            accounts,
            rooms,
            notes,
            now,
            begin,
            messages: None,
            stage: Stage::Head,
            ready: VecDeque::new(),
            told_rooms: HashSet::new(),
            current: None,
            place: String::new(),
            done: 0,
            all: u64::try_from(all).unwrap_or(0),
            counts: ExportEnd::default(),
        })
    }

    /// Makes the next entries ready.
    fn advance(&mut self) -> Result<(), Failure> {
        match self.stage {
            Stage::Head => {
                "the database".clone_into(&mut self.place);
                self.ready.push_back(Entry::Export(ExportHead {
                    format: EXPORT_FORMAT,
                    made_by: format!("chatd {}, of Sequelize's tables", env!("CARGO_PKG_VERSION")),
                    created_at: self.now,
                }));
                self.stage = Stage::Accounts(0);
            }
            Stage::Accounts(at) => match self.accounts.entries().get(at) {
                Some(user) => {
                    self.place = format!("user {}", quoted(&user.username));
                    self.ready.push_back(Entry::User(user.clone()));
                    self.counts.users += 1;
                    self.stage = Stage::Accounts(at + 1);
                }
                None => self.stage = Stage::Messages,
            },
            Stage::Messages => self.next_message()?,
            Stage::Quiet(at) if at < self.rooms.all().len() => {
                if !self.told_rooms.contains(&at) {
                    self.open(at)?;
                }
                self.stage = Stage::Quiet(at + 1);
            }
            Stage::Quiet(_) => {
                "the database".clone_into(&mut self.place);
                self.ready.push_back(Entry::End(self.counts.clone()));
                self.stage = Stage::Done;
            }
            Stage::Done => {}
        }
        Ok(())
    }

    fn next_message(&mut self) -> Result<(), Failure> {
        let gone = || Failure::failed("the thread that reads messages is gone; run this again");
        let told = self.messages.as_ref().and_then(|told| told.recv().ok());
        let old = match told.ok_or_else(gone)? {
            Told::Message(old) => old,
            Told::Lost(failure) => return Err(failure),
            Told::All => {
                self.stage = Stage::Quiet(0);
                return Ok(());
            }
        };
        self.done += 1;
        let notes = self.notes.clone();
        let mut notes = notes.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(room) = self.rooms.get(old.room.as_ref()) else {
            let room = old
                .room
                .as_ref()
                .map_or("NULL".to_owned(), ToString::to_string);
            let why = format!("there is no room {room}");
            notes.add(Kind::MessageLeftOut, old.about(), why);
            return Ok(());
        };
        let last = match self.current {
            Some((current, last)) if current == room => last,
            _ => {
                self.open(room)?;
                0
            }
        };
        self.place = old.about();
        let rooms = self.rooms.all();
        let taken = messages::take(
            &old,
            &rooms[room],
            last,
            &self.accounts,
            self.now,
            &mut notes,
        );
        let last = taken.last().map_or(last, |message| message.seq);
        self.current = Some((room, last));
        self.counts.messages += taken.len() as u64;
        self.ready.extend(taken.into_iter().map(Entry::Message));
        Ok(())
    }

    /// Tells a room before its messages.
    fn open(&mut self, at: usize) -> Result<(), Failure> {
        let room = &self.rooms.all()[at];
        self.place = format!("room {}", room.entry.id);
        if !self.told_rooms.insert(at) {
            return Err(Failure::failed(format!(
                "the messages of {} do not come together; their ids differ in a way that MySQL sorts apart",
                self.place
            )));
        }
        self.counts.rooms += 1;
        self.ready.extend(room.entries());
        Ok(())
    }
}

impl Source for OldChat {
    fn rewind(&mut self) -> Result<(), Failure> {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        notes.forget_messages();
        drop(notes);
        let (tell, told) = sync_channel(AHEAD);
        // A thread that is gone is found out when nothing comes.
        let _ = self.begin.send(tell);
        self.messages = Some(told);
        self.stage = Stage::Head;
        self.ready.clear();
        self.told_rooms.clear();
        self.current = None;
        self.done = 0;
        self.counts = ExportEnd::default();
        Ok(())
    }

    fn next(&mut self) -> Result<Option<Entry>, Failure> {
        loop {
            if let Some(entry) = self.ready.pop_front() {
                return Ok(Some(entry));
            }
            if matches!(self.stage, Stage::Done) {
                return Ok(None);
            }
            self.advance()?;
        }
    }

    fn place(&self) -> String {
        self.place.clone()
    }

    fn progress(&self) -> (u64, u64) {
        (self.done, self.all)
    }
}

/// How many messages each room will have, counting those that become several.
fn talk(database: &mut Database, now: Time) -> Result<HashMap<OldId, Talk>, Failure> {
    let mut talk: HashMap<_, Talk> = HashMap::new();
    for count in database.counts()? {
        let Some(room) = count.room else { continue };
        let talk = talk.entry(room).or_default();
        talk.messages += count.messages.unwrap_or(0);
        let first = count.first.sensible(now);
        talk.first = talk.first.into_iter().chain(first).min();
    }
    database.long_messages(|old| {
        let room = old.room.as_ref().and_then(|room| talk.get_mut(room));
        if let Some(room) = room {
            room.messages += old.parts() - 1;
        }
    })?;
    Ok(talk)
}

/// Reads all messages each time that somebody wants them.
fn read_messages(mut database: Database, began: &Receiver<SyncSender<Told>>) {
    for tell in began {
        let read = database.messages(|old| tell.send(Told::Message(old)).is_ok());
        let last = read.map_or_else(Told::Lost, |()| Told::All);
        // Whoever listens no longer has begun anew, or is gone.
        let _ = tell.send(last);
    }
}
