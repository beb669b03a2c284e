//! Bringing in what an export holds. Only the command line asks for it, so nobody is checked here.
//!
//! A room comes in hidden, its messages in the order of their numbers, and is shown when it is whole. It
//! is hidden as a deleted room is, but until later, so that one which nobody finishes is purged by itself.

use super::{Chat, Code, Command, Error};
use crate::model::{
    Entry, Event, Imported, MessageEntry, NewUser, Person, Role, Room, RoomId, Time, UserId,
};
use crate::store::import::{self as table, Progress};
use crate::store::messages::MessageRow;
use crate::store::sql::Tx;
use crate::store::{self, Events, Unique, invites, members, messages, rooms, users};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::Instant;

/// A room that is brought in is purged unless it is whole after so long.
const UNFINISHED: Duration = Duration::from_hours(24);
/// What is left of a room is removed for so long at a time, so that whoever waits hears of it.
const CLEARING: Duration = Duration::from_secs(2);
/// What else to do about what cannot be beside what is here.
const ELSEWHERE: &str = "or import into another data folder";

/// What an import would find.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImportCheck {
    /// How many of the accounts are not here.
    pub new_users: u64,
    /// How many of these are admins of the server.
    pub new_admins: u64,
    /// How many are here already, by their ids.
    pub known_users: u64,
    /// Which of the rooms are here already.
    pub known_rooms: Vec<RoomId>,
    /// In how many rooms those of the accounts are that are in some here.
    pub in_rooms: Vec<InRooms>,
    /// Which rooms are in the way of which something is left that nobody sees: they were deleted, or an
    /// import of them was not finished.
    pub left_rooms: Vec<RoomId>,
    /// Whether any messages are here, so that those of the export may be among them.
    pub has_messages: bool,
}

/// In how many rooms somebody is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InRooms {
    /// Who.
    pub id: UserId,
    /// How many.
    pub rooms: i64,
}

/// A room of which everything was brought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FinishedRoom {
    /// Which.
    pub id: RoomId,
    /// How many members it should have.
    pub members: i64,
    /// How many messages it should have.
    pub messages: i64,
}

impl Chat {
    /// Looks what of some accounts, rooms, invites and messages is here already. Of other entries nothing is
    /// said.
    ///
    /// # Errors
    /// [`Code::AlreadyExists`] names both sides where an account, an invite or a message cannot be brought.
    pub async fn check_import(&self, entries: Vec<Entry>) -> Result<ImportCheck, Error> {
        let entries = checked(entries)?;
        self.store
            .query(move |tx| {
                let mut found = ImportCheck {
                    has_messages: table::has_messages(tx)?,
                    ..ImportCheck::default()
                };
                for entry in &entries {
                    look_for(tx, entry, &mut found)?;
                }
                Ok(found)
            })
            .await
    }

    /// Removes some of what is left of a room that nobody sees; says whether nothing is left.
    pub async fn clear_import(&self, room: RoomId) -> Result<bool, Error> {
        let began = Instant::now();
        self.give_up_import(vec![room]).await?;
        let now = self.now();
        while began.elapsed() < CLEARING {
            if self.purge_step(room, now).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Brings entries in: accounts, unless they are here, and rooms with what is in them. The same entries
    /// once more are no harm: whoever asks a server that is killed does not know how far it came.
    pub fn import(&self, entries: Vec<Entry>) -> Command<()> {
        let entries = match checked(entries) {
            Ok(entries) => entries,
            Err(error) => return Command::refused(error),
        };
        let now = self.now();
        self.store.command(move |tx, _| {
            let mut bringing = Bringing {
                now,
                rooms: HashMap::new(),
            };
            for entry in &entries {
                bringing.bring(tx, entry)?;
            }
            for (room, progress) in bringing.rooms {
                table::set_progress(tx, room, progress)?;
            }
            Ok(())
        })
    }

    /// Shows rooms, of which everything was brought, to their members. What is shown stays as it is.
    pub fn finish_import(&self, finished: Vec<FinishedRoom>) -> Command<()> {
        let now = self.now();
        self.store.command(move |tx, events| {
            for room in &finished {
                finish(tx, events, room, now)?;
            }
            Ok(())
        })
    }

    /// Leaves rooms that were not finished to be purged.
    pub fn give_up_import(&self, rooms: Vec<RoomId>) -> Command<()> {
        let now = self.now();
        self.store.command(move |tx, _| {
            for room in &rooms {
                table::give_up(tx, *room, now)?;
            }
            Ok(())
        })
    }
}

fn checked(entries: Vec<Entry>) -> Result<Vec<Imported>, Error> {
    let checked: Result<_, _> = entries.into_iter().map(Entry::checked).collect();
    Ok(checked?)
}

fn look_for(tx: &mut Tx<'_>, entry: &Imported, found: &mut ImportCheck) -> Result<(), Error> {
    match entry {
        Imported::User(user) => {
            if !is_known(tx, user)? {
                found.new_users += 1;
                found.new_admins += u64::from(user.is_admin);
                return Ok(());
            }
            found.known_users += 1;
            let (id, rooms) = (user.id, members::count_rooms(tx, user.id)?);
            if rooms > 0 {
                found.in_rooms.push(InRooms { id, rooms });
            }
        }
        Imported::Room(room) => match table::is_hidden(tx, room.id)? {
            Some(false) => found.known_rooms.push(room.id),
            Some(true) => found.leave(room.id),
            None => {}
        },
        Imported::Invite(invite) => {
            let other = table::invited_to(tx, &invite.token)?;
            let Some(other) = other.filter(|other| *other != invite.room_id) else {
                return Ok(());
            };
            if table::is_hidden(tx, other)? == Some(true) {
                found.leave(other);
                return Ok(());
            }
            return Err(exists(format!(
                "the token {} of an invite to the room {} is one to the room {other} here; \
                 take the invite out of the export",
                invite.token, invite.room_id
            )));
        }
        Imported::Message(message) => {
            let other = table::room_of_message(tx, message.id)?;
            let Some(other) = other.filter(|other| *other != message.room_id) else {
                return Ok(());
            };
            if table::is_hidden(tx, other)? == Some(true) {
                found.leave(other);
                return Ok(());
            }
            return Err(is_elsewhere(message, other));
        }
        _ => {}
    }
    Ok(())
}

impl ImportCheck {
    /// What is left of a room is in the way.
    fn leave(&mut self, room: RoomId) {
        if !self.left_rooms.contains(&room) {
            self.left_rooms.push(room);
        }
    }
}

fn is_elsewhere(message: &MessageEntry, other: RoomId) -> Error {
    exists(format!(
        "the message {}, number {} of the room {}, is here already, in the room {other}; delete that room with \
         \"chatd room delete\" if it is a copy, {ELSEWHERE}",
        message.id, message.seq, message.room_id
    ))
}

/// Whether the account is here already, as the same one.
fn is_known(tx: &mut Tx<'_>, user: &NewUser) -> Result<bool, Error> {
    let known = table::known(tx, user)?;
    let (name, id) = (&user.username, user.id);
    if let Some(same) = known.iter().find(|known| known.id == id) {
        if same.username_key == user.username.key() {
            return Ok(true);
        }
        let there = &same.username;
        return Err(exists(format!(
            "the account {id} is called {:?} in the export and {there:?} here; name it {there:?} in the export, \
             {ELSEWHERE}",
            name.as_str()
        )));
    }
    let Some(other) = known.first() else {
        return Ok(false);
    };
    let (other_id, there) = (other.id, &other.username);
    let (taken, what) = if other.username_key == name.key() || other.username_look == name.look() {
        let taken = format!(
            "the username {:?}, or one that looks like it,",
            name.as_str()
        );
        (taken, "username")
    } else {
        let (email, name) = (user.email.as_str(), name.as_str());
        (
            format!("the e-mail address {email:?} of {name:?}"),
            "address",
        )
    };
    Err(exists(format!(
        "{taken} belongs to another account here: {there:?}, with the id {other_id} and not {id}; give the account \
         another {what} in the export, where it stands once, {ELSEWHERE}"
    )))
}

fn exists(message: String) -> Error {
    Error::new(Code::AlreadyExists, message)
}

/// What one command brings.
struct Bringing {
    now: Time,
    /// How far the rooms are of which it brings something.
    rooms: HashMap<RoomId, Progress>,
}

impl Bringing {
    fn bring(&mut self, tx: &mut Tx<'_>, entry: &Imported) -> Result<(), Error> {
        match entry {
            Imported::User(user) => {
                if !is_known(tx, user)? {
                    users::insert(tx, user)?;
                }
            }
            Imported::Room(room) => {
                let ms = i64::try_from(UNFINISHED.as_millis()).unwrap_or(i64::MAX);
                match table::is_hidden(tx, room.id)? {
                    None => rooms::insert(tx, room, Some(self.now.plus_ms(ms)))?,
                    Some(_) => {
                        self.room(tx, room.id)?;
                    }
                }
            }
            Imported::Member(member) => {
                let room = self.room(tx, member.room_id)?;
                match members::insert(tx, member) {
                    Err(store::Error::Unique(Unique::Member)) => {}
                    inserted => {
                        inserted?;
                        room.member_count += 1;
                    }
                }
            }
            Imported::Ban(ban) => {
                self.room(tx, ban.room_id)?;
                let (room, at) = (ban.room_id, ban.created_at);
                match members::ban(tx, room, ban.user_id, ban.banned_by, at) {
                    Err(store::Error::Unique(Unique::Ban)) => {}
                    banned => banned?,
                }
            }
            Imported::Invite(invite) => {
                self.room(tx, invite.room_id)?;
                if table::invited_to(tx, &invite.token)? != Some(invite.room_id) {
                    invites::insert(tx, invite)?;
                }
            }
            Imported::Message(message) => {
                let room = self.room(tx, message.room_id)?;
                if message.seq == room.last_seq + 1 {
                    room.last_seq = message.seq;
                    insert(tx, message)?;
                } else if !table::has_message(tx, message)? {
                    return Err(Error::field("seq", "must be the one after the last"));
                }
            }
        }
        Ok(())
    }

    /// A room that is brought in now.
    fn room(&mut self, tx: &mut Tx<'_>, id: RoomId) -> Result<&mut Progress, Error> {
        Ok(match self.rooms.entry(id) {
            std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::hash_map::Entry::Vacant(place) => {
                place.insert(table::progress(tx, id, self.now)?.ok_or_else(|| lost(id))?)
            }
        })
    }
}

/// What a client called its message does not matter any more where its sender has called another one the
/// same here.
fn insert(tx: &mut Tx<'_>, message: &MessageEntry) -> Result<(), Error> {
    let row = MessageRow::from(message);
    let unnamed = MessageRow {
        client_id: None,
        ..row
    };
    let inserted = match messages::insert(tx, row) {
        Err(store::Error::Unique(Unique::ClientId)) => messages::insert(tx, unnamed),
        inserted => inserted,
    };
    inserted.map_err(|error| match error {
        // Those that were here were found before.
        store::Error::Unique(Unique::Message) => exists(format!(
            "the message {}, number {} of the room {}, comes twice in the export, the other time in another room; \
             export again",
            message.id, message.seq, message.room_id
        )),
        other => other.into(),
    })
}

fn lost(room: RoomId) -> Error {
    Error::new(
        Code::InvalidInput,
        format!("the room {room} is not being imported any more; run the import again"),
    )
}

fn finish(
    tx: &mut Tx<'_>,
    events: &mut Events,
    finished: &FinishedRoom,
    now: Time,
) -> Result<(), Error> {
    let id = finished.id;
    if table::is_hidden(tx, id)? == Some(false) {
        return Ok(());
    }
    let there = table::progress(tx, id, now)?.ok_or_else(|| lost(id))?;
    if (there.member_count, there.last_seq) != (finished.members, finished.messages) {
        return Err(Error::new(
            Code::InvalidInput,
            format!(
                "of the room {id} {} members and {} messages came, not {} and {}; run the import again",
                there.member_count, there.last_seq, finished.members, finished.messages
            ),
        ));
    }
    table::show(tx, id)?;
    // As if each of them had just been added: whoever is connected sees the room come.
    let nobody = UserId(uuid::Uuid::nil());
    let room = rooms::get(tx, id, nobody)?.ok_or_else(|| lost(id))?;
    for (person, role) in table::people(tx, id)? {
        events.push(joined(&room, person, role, now));
    }
    Ok(())
}

fn joined(room: &Room, person: Person, role: Role, at: Time) -> Event {
    let role = Some(role);
    let room = Room {
        role,
        ..room.clone()
    };
    Event::MemberJoined { room, person, at }
}
