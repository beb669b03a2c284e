//! Rooms: making, finding, changing, joining, leaving, deleting.

use super::invites::{self, Entry};
use super::page::{List, Page, Search, place};
use super::sessions::Who;
use super::{Chat, Command, Error, Input};
use crate::model::{
    Description, Event, MemberEntry, NewRoom, Role, Room, RoomId, RoomName, RoomSummary, Time,
    UserId,
};
use crate::store::members::{self, Access, Membership};
use crate::store::sql::Tx;
use crate::store::{rooms, users};
use serde::Serialize;

/// Rows of a deleted room that one command removes, so that others get their turn between.
const PURGE_ROWS: i64 = 1000;

/// Nobody comes into more rooms: each time that somebody connects all of theirs are read, and people there
/// are told. An import may bring somebody into more, and says so: what they have is not taken from them.
pub const MOST_ROOMS: i64 = 1000;

/// A room that somebody asks for.
#[derive(Debug, Clone)]
pub struct NewRoomRequest {
    name: RoomName,
    description: Option<Description>,
    is_private: bool,
}

/// What somebody changes about a room.
#[derive(Debug, Clone)]
pub struct RoomChange {
    name: Option<RoomName>,
    description: Option<DescriptionChange>,
    is_private: Option<bool>,
    created_by: Option<UserId>,
}

#[derive(Debug, Clone)]
enum DescriptionChange {
    Set(Description),
    Remove,
}

/// The answer to joining.
#[derive(Debug, Clone, Serialize)]
pub struct Joined {
    /// The room, as a member sees it.
    pub room: Room,
    /// Whether they were a member before.
    pub already: bool,
}

impl NewRoomRequest {
    /// Reads `{name, description?, isPrivate?}`.
    pub fn read(mut input: Input) -> Result<Self, Error> {
        let name = input.text("name", RoomName::new);
        let description = input.optional_text("description", Description::new);
        let is_private = input.optional_bool("isPrivate");
        input.check()?;
        let Some(name) = name else {
            return Err(input.refusal());
        };
        Ok(Self {
            name,
            description: description.filter(|text| !text.as_str().is_empty()),
            is_private: is_private.unwrap_or(false),
        })
    }
}

impl RoomChange {
    /// Reads `{name?, description?, isPrivate?, createdBy?}`; a `description` of `null` removes it.
    pub fn read(mut input: Input) -> Result<Self, Error> {
        let has_description = input.has("description");
        let name = input.optional_text("name", RoomName::new);
        let description = input
            .optional_text("description", Description::new)
            .filter(|text| !text.as_str().is_empty());
        let is_private = input.optional_bool("isPrivate");
        let created_by = input.optional_id("createdBy");
        input.check()?;
        Ok(Self {
            name,
            description: match description {
                Some(text) => Some(DescriptionChange::Set(text)),
                None => has_description.then_some(DescriptionChange::Remove),
            },
            is_private,
            created_by,
        })
    }
}

/// The room from the asker's side; `not_found` if there is none that they may know of.
pub(super) fn visible(tx: &mut Tx<'_>, who: Who, room: RoomId) -> Result<Access, Error> {
    members::access(tx, room, who.user)?
        .filter(|access| !access.is_private || access.member.is_some() || who.is_server_admin())
        .ok_or_else(|| Error::not_found("such room"))
}

/// The same for a member of it.
pub(super) fn as_member(
    tx: &mut Tx<'_>,
    who: Who,
    room: RoomId,
) -> Result<(Access, Membership), Error> {
    let access = members::access(tx, room, who.user)?
        .filter(|access| !access.is_private || access.member.is_some())
        .ok_or_else(|| Error::not_found("such room"))?;
    let member = access.member.ok_or_else(Error::not_a_member)?;
    Ok((access, member))
}

/// The same for one of its admins.
pub(super) fn as_admin(tx: &mut Tx<'_>, who: Who, room: RoomId) -> Result<Access, Error> {
    let (access, member) = as_member(tx, who, room)?;
    if member.role == Role::Admin {
        Ok(access)
    } else {
        Err(Error::forbidden("Only this room's admins may do this."))
    }
}

/// The same for its creator.
pub(super) fn as_creator(tx: &mut Tx<'_>, who: Who, room: RoomId) -> Result<Access, Error> {
    let (access, _) = as_member(tx, who, room)?;
    if access.created_by == who.user {
        Ok(access)
    } else {
        Err(Error::forbidden("Only this room's creator may do this."))
    }
}

pub(super) fn get(tx: &mut Tx<'_>, room: RoomId, asker: UserId) -> Result<Room, Error> {
    rooms::get(tx, room, asker)?.ok_or_else(|| Error::not_found("such room"))
}

/// Makes somebody a member, unless they are in as many rooms as anybody may come into.
pub(super) fn become_member(tx: &mut Tx<'_>, member: &MemberEntry) -> Result<(), Error> {
    if members::count_rooms(tx, member.user_id)? >= MOST_ROOMS {
        return Err(Error::forbidden(
            "Nobody may come into more than 1,000 rooms; leave some first.",
        ));
    }
    Ok(members::add(tx, member)?)
}

impl Chat {
    /// Makes a room; who makes it is in it by that, as its creator and admin.
    pub fn create_room(&self, who: Who, request: NewRoomRequest) -> Command<Room> {
        let now = self.now();
        let room = NewRoom {
            id: RoomId::new(),
            name: request.name,
            description: request.description,
            is_private: request.is_private,
            created_by: who.user,
            created_at: now,
        };
        let creator = MemberEntry {
            room_id: room.id,
            user_id: who.user,
            is_admin: true,
            joined_at: now,
            read_seq: 0,
        };
        self.store.command(move |tx, events| {
            rooms::insert(tx, &room, None)?;
            become_member(tx, &creator)?;
            let person = users::person(tx, who.user)?.ok_or_else(Error::unauthorized)?;
            let room = get(tx, room.id, who.user)?;
            events.push(Event::MemberJoined {
                room: room.clone(),
                person,
                at: now,
            });
            Ok(room)
        })
    }

    /// Somebody's own rooms whose name contains what is searched for, in the order in which they joined.
    pub async fn my_rooms(
        &self,
        who: Who,
        search: Search,
        page: Page,
    ) -> Result<List<RoomSummary>, Error> {
        let ((at, id), rows) = (page.after_place()?, page.rows());
        let found = self
            .store
            .query(move |tx| {
                let name = search.inside(rooms::name_key);
                Ok::<_, Error>(rooms::mine(tx, who.user, &name, (at, RoomId(id)), rows)?)
            })
            .await?;
        let bytes = |(_, summary): &(_, RoomSummary)| {
            let last = summary.last_message.as_ref();
            last.map_or(0, |message| message.content.len())
        };
        let key = |(at, summary): &(_, RoomSummary)| place(*at, summary.room.id.0);
        Ok(page.list_that_fits(found, bytes, key, |(_, summary)| summary))
    }

    /// Public rooms whose name contains what is searched for, the oldest first.
    pub async fn public_rooms(
        &self,
        who: Who,
        search: Search,
        page: Page,
    ) -> Result<List<Room>, Error> {
        let ((at, id), rows) = (page.after_place()?, page.rows());
        let found = self
            .store
            .query(move |tx| {
                let name = search.inside(rooms::name_key);
                Ok::<_, Error>(rooms::public(tx, who.user, &name, (at, RoomId(id)), rows)?)
            })
            .await?;
        Ok(page.list(found, |room| place(room.created_at, room.id.0), |room| room))
    }

    /// One room.
    pub async fn room(&self, who: Who, room: RoomId) -> Result<Room, Error> {
        self.store
            .query(move |tx| {
                visible(tx, who, room)?;
                get(tx, room, who.user)
            })
            .await
    }

    /// Changes a room: its admins; who hands it over must be its creator.
    pub fn change_room(&self, who: Who, id: RoomId, change: RoomChange) -> Command<Room> {
        self.store.command(move |tx, events| {
            as_admin(tx, who, id)?;
            let mut room = get(tx, id, who.user)?;
            if let Some(name) = &change.name {
                room.name = name.to_string();
            }
            match &change.description {
                Some(DescriptionChange::Set(text)) => room.description = Some(text.to_string()),
                Some(DescriptionChange::Remove) => room.description = None,
                None => {}
            }
            if let Some(is_private) = change.is_private {
                room.is_private = is_private;
            }
            let heir = change.created_by.filter(|heir| *heir != room.created_by);
            if let Some(heir) = heir {
                as_creator(tx, who, id)?;
                let (_, role) = members::person(tx, id, heir)?
                    .ok_or_else(|| Error::field("createdBy", "must be a member of the room"))?;
                room.created_by = heir;
                if role != Role::Admin {
                    members::set_role(tx, id, heir, Role::Admin)?;
                    events.push(Event::MemberUpdated {
                        room: id,
                        user: heir,
                        role: Role::Admin,
                    });
                }
            }
            rooms::update(tx, &room)?;
            events.push(Event::RoomUpdated(Room {
                role: None,
                ..room.clone()
            }));
            Ok(room)
        })
    }

    /// Deletes a room: its creator, or an admin of the server. It is gone at once for everybody;
    /// what it held is purged by and by.
    pub fn delete_room(&self, who: Who, id: RoomId) -> Command<()> {
        let now = self.now();
        self.store.command(move |tx, events| {
            if who.is_server_admin() {
                visible(tx, who, id)?;
            } else {
                as_creator(tx, who, id)?;
            }
            rooms::hide(tx, id, now)?;
            events.push(Event::RoomDeleted(id));
            Ok(())
        })
    }

    /// Purges the rooms that were deleted, a step a command.
    pub(super) async fn purge_deleted_rooms(&self) -> Result<(), Error> {
        let now = self.now();
        let rooms = self
            .store
            .query(move |tx| Ok::<_, Error>(rooms::deleted(tx, now)?))
            .await?;
        for room in rooms {
            while !self.purge_step(room, now).await? {}
        }
        Ok(())
    }

    /// Removes some of what a room holds that was deleted by `now`. Says whether there is no such room,
    /// or not any more: an import may bring another one of the same id between two steps.
    pub(super) fn purge_step(&self, room: RoomId, now: Time) -> Command<bool> {
        self.store.command(move |tx, _| {
            let is_deleted = rooms::is_deleted(tx, room, now)?;
            Ok::<_, Error>(!is_deleted || rooms::purge(tx, room, PURGE_ROWS)?)
        })
    }

    /// Joins a public room; harmless for a member of any.
    pub fn join_room(&self, who: Who, room: RoomId) -> Command<Joined> {
        let now = self.now();
        self.store
            .command(move |tx, events| invites::enter(tx, events, who.user, Entry::Door(room), now))
    }

    /// Leaves a room for good.
    pub fn leave_room(&self, who: Who, room: RoomId) -> Command<()> {
        let now = self.now();
        self.store.command(move |tx, events| {
            let (access, _) = as_member(tx, who, room)?;
            if access.created_by == who.user {
                return Err(Error::forbidden(
                    "The creator can't leave: hand the room over or delete it.",
                ));
            }
            let person = users::person(tx, who.user)?.ok_or_else(Error::unauthorized)?;
            members::delete(tx, room, who.user)?;
            events.push(Event::MemberLeft {
                room,
                person,
                by: None,
                at: now,
            });
            Ok(())
        })
    }
}
