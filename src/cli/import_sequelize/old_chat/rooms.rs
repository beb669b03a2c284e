//! Rooms with their members and invites.

use super::accounts::Accounts;
use super::ids::OldId;
use super::names::clean;
use super::notes::{Kind, Notes, quoted};
use super::old::{OldInvite, OldMember, OldRoom, OldTime};
use crate::model::{
    Description, Entry, InviteEntry, InviteToken, MemberEntry, RoomEntry, RoomId, RoomName, Time,
    UserId,
};
use std::collections::{HashMap, HashSet};

/// What a room is called that has no name.
const NAMELESS: &str = "Room";
/// The last millisecond of the year 9999, after which there are no times (RFC 3339, section 1).
const LAST_MS: i64 = 253_402_300_799_999;
/// What members are called who may change a room.
const ADMIN_ROLES: [&str; 3] = ["admin", "owner", "creator"];

/// What is known of a room's messages before they are read.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Talk {
    /// How many there will be.
    pub messages: i64,
    /// When the first was written.
    pub first: Option<Time>,
}

/// A room that is taken over.
#[derive(Debug)]
pub(super) struct Room {
    pub entry: RoomEntry,
    members: Vec<MemberEntry>,
    invites: Vec<InviteEntry>,
    pub talk: Talk,
}

impl Room {
    /// The room and what belongs to it, but for its messages.
    pub fn entries(&self) -> impl Iterator<Item = Entry> {
        let members = self.members.iter().cloned().map(Entry::Member);
        let invites = self.invites.iter().cloned().map(Entry::Invite);
        std::iter::once(Entry::Room(self.entry.clone()))
            .chain(members)
            .chain(invites)
    }
}

/// All rooms that are taken over.
pub(super) struct Rooms {
    rooms: Vec<Room>,
    by_old: HashMap<OldId, usize>,
}

/// The rows that rooms are made of.
pub(super) struct OldRooms {
    pub rooms: Vec<OldRoom>,
    pub members: Vec<OldMember>,
    pub invites: Vec<OldInvite>,
    pub talk: HashMap<OldId, Talk>,
}

impl Rooms {
    /// Takes them over.
    pub fn take(old: OldRooms, accounts: &mut Accounts, now: Time, notes: &mut Notes) -> Self {
        let mut taken = Self {
            rooms: Vec::new(),
            by_old: HashMap::new(),
        };
        let mut owners = Vec::new();
        for room in old.rooms {
            let Some(id) = taken.admit(&room, notes) else {
                continue;
            };
            let talk = old.talk.get(&id).copied().unwrap_or_default();
            taken.by_old.insert(id.clone(), taken.rooms.len());
            taken.rooms.push(new_room(&id, &room, talk, now, notes));
            owners.push((id, accounts.get(room.created_by.as_ref())));
        }
        let mut there = HashSet::new();
        for member in &old.members {
            taken.add_member(member, accounts, &mut there, now, notes);
        }
        for (room, (id, owner)) in taken.rooms.iter_mut().zip(owners) {
            own(room, &id, owner, accounts, notes);
        }
        taken.add_invites(old.invites, accounts, now, notes);
        taken
    }

    /// The id of a room that is to be taken over.
    fn admit(&self, room: &OldRoom, notes: &mut Notes) -> Option<OldId> {
        let name = quoted(room.name.as_deref().unwrap_or_default());
        let Some(id) = room.id.clone() else {
            notes.add(Kind::RoomLeftOut, "a room", format!("{name} has no id"));
            return None;
        };
        let why = if room.deleted_at.is_set() {
            format!("{name} was deleted there")
        } else if self.by_old.contains_key(&id) {
            format!("{name} has the id of another one")
        } else {
            return Some(id);
        };
        notes.add(Kind::RoomLeftOut, format!("room {id}"), why);
        None
    }

    fn add_member(
        &mut self,
        old: &OldMember,
        accounts: &Accounts,
        there: &mut HashSet<(RoomId, UserId)>,
        now: Time,
        notes: &mut Notes,
    ) {
        if old.deleted_at.is_set() {
            return;
        }
        let id = |id: &Option<OldId>| {
            id.as_ref()
                .map_or_else(|| "NULL".to_owned(), OldId::to_string)
        };
        let about = format!("user {} in room {}", id(&old.user), id(&old.room));
        let room = old.room.as_ref().and_then(|room| self.by_old.get(room));
        let why = match (room, accounts.get(old.user.as_ref())) {
            (None, _) => "there is no such room",
            (_, None) => "there is no such user",
            (Some(room), Some(user)) => {
                let room = &mut self.rooms[*room];
                if there.insert((room.entry.id, user)) {
                    let role = old.role.as_deref().unwrap_or_default().to_lowercase();
                    let joined = old.joined_at.sensible(now);
                    room.members.push(MemberEntry {
                        room_id: room.entry.id,
                        user_id: user,
                        is_admin: ADMIN_ROLES.contains(&role.as_str()),
                        joined_at: joined.unwrap_or(room.entry.created_at),
                        read_seq: room.talk.messages,
                    });
                    return;
                }
                "it stands there twice"
            }
        };
        notes.add(Kind::MemberLeftOut, about, why);
    }

    /// Adds the invites, the oldest first: the newest one of a room is the room's.
    fn add_invites(
        &mut self,
        mut old: Vec<OldInvite>,
        accounts: &Accounts,
        now: Time,
        notes: &mut Notes,
    ) {
        let age = |invite: &OldInvite| (invite.created_at.sensible(now), invite.code.clone());
        old.sort_by_cached_key(age);
        let mut codes = HashSet::new();
        for invite in old {
            let code = invite.code.as_deref().unwrap_or_default().trim();
            let room = invite.room.as_ref().and_then(|room| self.by_old.get(room));
            let about = format!("invite {}", quoted(code));
            let why = match room {
                None => "there is no such room",
                Some(_) if InviteToken::new(code).is_err() => "its code cannot stand in a link",
                // Its code may be another one's since.
                Some(_) if invite.deleted_at.is_set() => "it was deleted there",
                Some(_) if !codes.insert(code.to_owned()) => "another one has the same code",
                Some(room) => {
                    let room = &mut self.rooms[*room];
                    let entry = new_invite(&invite, code, &room.entry, accounts, now);
                    room.invites.push(entry);
                    continue;
                }
            };
            notes.add(Kind::InviteLeftOut, about, why);
        }
    }

    /// The room of an old id; nothing if there is none.
    pub fn get(&self, old: Option<&OldId>) -> Option<usize> {
        self.by_old.get(old?).copied()
    }

    /// All of them.
    pub fn all(&self) -> &[Room] {
        &self.rooms
    }
}

fn new_room(id: &OldId, old: &OldRoom, talk: Talk, now: Time, notes: &mut Notes) -> Room {
    let about = format!("room {id}");
    let old_name = old.name.as_deref().unwrap_or_default();
    let name = RoomName::new(old_name).map(|name| name.to_string());
    let name = name.unwrap_or_else(|_| {
        let cleaned = RoomName::new(&clean(old_name, RoomName::MAX_CHARS));
        let name = cleaned.map_or_else(|_| NAMELESS.to_owned(), |name| name.to_string());
        let change = format!("name {} → {}", quoted(old_name), quoted(&name));
        notes.add(Kind::RoomChanged, &about, change);
        name
    });
    let old_text = old.description.as_deref().unwrap_or_default().trim();
    let description = if Description::new(old_text).is_ok() {
        old_text.to_owned()
    } else {
        const MOST: usize = Description::MAX_CHARS;
        let what = format!("its description is cut at {MOST} characters");
        notes.add(Kind::RoomChanged, &about, what);
        old_text.chars().take(MOST).collect()
    };
    let is_private = old.is_private.unwrap_or_else(|| {
        let what = "whether it is private cannot be read; it is private now";
        notes.add(Kind::RoomChanged, &about, what);
        true
    });
    let (created_at, wrong) = old.created_at.mended(now, talk.first.unwrap_or(now));
    if let Some(wrong) = wrong {
        notes.add(Kind::TimeMended, &about, format!("{wrong} → {created_at}"));
    }
    Room {
        entry: RoomEntry {
            id: id.room(),
            name,
            description: Some(description).filter(|text| !text.is_empty()),
            is_private,
            // Who it is becomes known with the members.
            created_by: super::ids::nobody(),
            created_at,
        },
        members: Vec::new(),
        invites: Vec::new(),
        talk,
    }
}

/// Gives a room its owner, who is in it: its creator, else whoever has been in it longest. An account that
/// is disabled owns it only where there is no other.
fn own(
    room: &mut Room,
    id: &OldId,
    creator: Option<UserId>,
    accounts: &mut Accounts,
    notes: &mut Notes,
) {
    let about = format!("room {id}");
    let rank = |member: &&MemberEntry| (accounts.is_disabled(member.user_id), member.joined_at);
    let oldest = room.members.iter().min_by_key(rank);
    let has_other = oldest.is_some_and(|member| !accounts.is_disabled(member.user_id));
    let creator = creator.filter(|creator| !has_other || !accounts.is_disabled(*creator));
    let owner = creator.unwrap_or_else(|| {
        let (owner, who) = match oldest {
            Some(member) => (member.user_id, "its first member has it"),
            None => (
                accounts.nobody(notes),
                "nobody has it, since nobody is in it",
            ),
        };
        notes.add(
            Kind::RoomChanged,
            &about,
            format!("its creator is gone; {who}"),
        );
        owner
    });
    room.entry.created_by = owner;
    let of_owner = |member: &&mut MemberEntry| member.user_id == owner;
    if let Some(member) = room.members.iter_mut().find(of_owner) {
        member.is_admin = true;
        return;
    }
    if creator.is_some() {
        let why = "its creator had left it, and is in it again: somebody has to own it";
        notes.add(Kind::RoomChanged, &about, why);
    }
    room.members.push(MemberEntry {
        room_id: room.entry.id,
        user_id: owner,
        is_admin: true,
        joined_at: room.entry.created_at,
        read_seq: room.talk.messages,
    });
}

fn new_invite(
    old: &OldInvite,
    code: &str,
    room: &RoomEntry,
    accounts: &Accounts,
    now: Time,
) -> InviteEntry {
    let created_at = old.created_at.sensible(now).unwrap_or(room.created_at);
    let expires_at = match old.expires_at {
        // A number that is 0 is the default of a column which says that it does not end.
        OldTime::At(time) => Some(time).filter(|time| (1..=LAST_MS).contains(&time.0)),
        OldTime::None => None,
        // It was meant to end.
        OldTime::Zero | OldTime::Wrong => Some(created_at),
    };
    InviteEntry {
        token: code.to_owned(),
        room_id: room.id,
        created_by: accounts
            .get(old.created_by.as_ref())
            .unwrap_or(room.created_by),
        created_at,
        expires_at,
        max_uses: old.max_uses.filter(|most| *most > 0),
        uses: old.uses.unwrap_or(0).max(0),
        revoked_at: (old.is_active == Some(false)).then_some(now),
    }
}
