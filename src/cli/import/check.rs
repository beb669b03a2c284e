//! What an export must hold to be brought in: entries that are in order and name each other, each as
//! chatd would have made it.

use crate::chat::FinishedRoom;
use crate::model::{
    BanEntry, Entry, ExportEnd, Imported, Invalid, InviteEntry, MemberEntry, MessageEntry,
    MessageId, NewRoom, NewUser, RoomId, Secret, UserEntry, UserId,
};
use std::collections::{HashMap, HashSet};

/// What is to be brought, once all of it was looked at.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// The accounts, without their hashes.
    pub users: Vec<UserEntry>,
    /// How many of them may do everything on the server.
    pub admins: u64,
    /// The rooms, with what is in them.
    pub rooms: Vec<FinishedRoom>,
    /// The members of each of these, by where they stand among the accounts.
    pub members: Vec<Vec<u32>>,
    /// What else may be in the way of something here: rooms and invites.
    pub belongings: Vec<Entry>,
}

/// Looks at one entry after another.
#[derive(Debug, Default)]
pub(super) struct Checker {
    has_head: bool,
    has_ended: bool,
    messages: u64,
    /// The accounts, and where they stand among them.
    users: HashMap<UserId, u32>,
    /// Keys of the accounts: names, names as they look, and addresses.
    keys: [HashSet<String>; 3],
    rooms: HashSet<RoomId>,
    tokens: HashSet<String>,
    room: Option<OpenRoom>,
    plan: Plan,
}

/// The room whose entries come now.
#[derive(Debug)]
struct OpenRoom {
    id: RoomId,
    created_by: UserId,
    members: HashSet<UserId>,
    admins: HashSet<UserId>,
    bans: HashSet<UserId>,
    /// The last that anybody has read, and who.
    read: Option<(i64, UserId)>,
    messages: HashSet<MessageId>,
    last_seq: i64,
}

/// Why an entry is refused.
type Refused = Result<(), String>;

fn must(holds: bool, why: impl FnOnce() -> String) -> Refused {
    if holds { Ok(()) } else { Err(why()) }
}

impl Checker {
    /// Looks at the next entry.
    ///
    /// # Errors
    /// A sentence's part that says what is wrong.
    pub fn take(&mut self, entry: Entry) -> Refused {
        match entry {
            Entry::Export(_) => {
                must(!self.has_head, || {
                    "a second export begins here; put each into a file of its own, and import one after the other"
                        .to_owned()
                })?;
                self.has_head = true;
                return Ok(());
            }
            _ if !self.has_head => {
                return Err("the first line of the export is missing; export again".to_owned());
            }
            _ if self.has_ended => {
                return Err("something comes after the end of the export; remove that".to_owned());
            }
            Entry::End(end) => return self.end(&end),
            _ => {}
        }
        let account = account(&entry);
        let belonging = match &entry {
            Entry::Room(_) | Entry::Invite(_) => Some(entry.clone()),
            _ => None,
        };
        let imported = entry
            .checked()
            .map_err(|Invalid { field, why }| format!("'{field}' {why}"))?;
        match imported {
            Imported::User(user) => self.user(&user)?,
            Imported::Room(room) => self.room(&room)?,
            Imported::Member(member) => self.member(&member)?,
            Imported::Ban(ban) => self.ban(&ban)?,
            Imported::Invite(invite) => self.invite(invite)?,
            Imported::Message(message) => self.message(&message)?,
        }
        self.plan.users.extend(account);
        self.plan.belongings.extend(belonging);
        Ok(())
    }

    /// What is to be brought; nothing if the end has not come.
    pub fn plan(self) -> Option<Plan> {
        self.has_ended.then_some(self.plan)
    }

    fn user(&mut self, user: &NewUser) -> Refused {
        let place = u32::try_from(self.users.len()).map_err(|_| "it is one too many".to_owned())?;
        must(self.users.insert(user.id, place).is_none(), || {
            format!("the account {} comes twice", user.id)
        })?;
        let keys = [user.username.key(), user.username.look(), user.email.key()];
        for (known, key) in self.keys.iter_mut().zip(keys) {
            must(known.insert(key), || {
                format!(
                    "another account before has the name or the e-mail address of {:?}, or a name that looks like it",
                    user.username.as_str()
                )
            })?;
        }
        self.plan.admins += u64::from(user.is_admin);
        Ok(())
    }

    fn room(&mut self, room: &NewRoom) -> Refused {
        self.close()?;
        let id = room.id;
        must(self.rooms.insert(id), || {
            format!("the room {id} comes twice")
        })?;
        self.must_know(room.created_by)?;
        self.room = Some(OpenRoom {
            id,
            created_by: room.created_by,
            members: HashSet::new(),
            admins: HashSet::new(),
            bans: HashSet::new(),
            read: None,
            messages: HashSet::new(),
            last_seq: 0,
        });
        Ok(())
    }

    fn member(&mut self, member: &MemberEntry) -> Refused {
        self.must_know(member.user_id)?;
        let (id, room) = (member.user_id, self.open(member.room_id)?);
        must(room.members.insert(id), || {
            format!("the member {id} comes twice in the room {}", room.id)
        })?;
        must(!room.bans.contains(&id), || is_both(id))?;
        if member.is_admin {
            room.admins.insert(id);
        }
        let read = (member.read_seq, id);
        room.read = room.read.max(Some(read));
        Ok(())
    }

    fn ban(&mut self, ban: &BanEntry) -> Refused {
        self.must_know(ban.user_id)?;
        self.must_know(ban.banned_by)?;
        let (id, room) = (ban.user_id, self.open(ban.room_id)?);
        must(room.bans.insert(id), || {
            format!("the ban of {id} comes twice in the room {}", room.id)
        })?;
        must(!room.members.contains(&id), || is_both(id))
    }

    fn invite(&mut self, invite: InviteEntry) -> Refused {
        self.must_know(invite.created_by)?;
        self.open(invite.room_id)?;
        must(self.tokens.insert(invite.token), || {
            "the token of the invite comes twice".to_owned()
        })
    }

    fn message(&mut self, message: &MessageEntry) -> Refused {
        self.must_know(message.user_id)?;
        let room = self.open(message.room_id)?;
        let next = room.last_seq + 1;
        must(message.seq == next, || {
            format!(
                "the message of the room {} should have the seq {next}, and has {}",
                room.id, message.seq
            )
        })?;
        if let Some(answered) = message.reply_to {
            must(room.messages.contains(&answered), || {
                format!("the message answers {answered}, which does not come before it in its room")
            })?;
        }
        must(room.messages.insert(message.id), || {
            format!("the message {} comes twice", message.id)
        })?;
        room.last_seq = next;
        self.messages += 1;
        Ok(())
    }

    fn end(&mut self, end: &ExportEnd) -> Refused {
        self.close()?;
        let there = ExportEnd {
            users: self.plan.users.len() as u64,
            rooms: self.plan.rooms.len() as u64,
            messages: self.messages,
        };
        must(there == *end, || {
            format!(
                "the end says {} accounts, {} rooms and {} messages, and {}, {} and {} came; export again",
                end.users, end.rooms, end.messages, there.users, there.rooms, there.messages
            )
        })?;
        self.has_ended = true;
        Ok(())
    }

    fn must_know(&self, user: UserId) -> Refused {
        must(self.users.contains_key(&user), || {
            format!("no account before has the id {user}")
        })
    }

    /// The room of an entry, which must be the one that came last.
    fn open(&mut self, id: RoomId) -> Result<&mut OpenRoom, String> {
        let room = self.room.as_mut().filter(|room| room.id == id);
        room.ok_or_else(|| format!("it belongs to the room {id}, which is not the one before it"))
    }

    /// Everything of the last room has come.
    fn close(&mut self) -> Refused {
        let Some(room) = self.room.take() else {
            return Ok(());
        };
        let (id, creator) = (room.id, room.created_by);
        must(room.admins.contains(&creator), || {
            format!("the room {id} before has a creator, {creator}, who is not one of its admins")
        })?;
        if let Some((read, who)) = room.read {
            must(read <= room.last_seq, || {
                format!(
                    "in the room {id} before {who} has read up to {read}, and its last message is {}",
                    room.last_seq
                )
            })?;
        }
        let members = room.members.iter().filter_map(|id| self.users.get(id));
        let members: Vec<u32> = members.copied().collect();
        self.plan.rooms.push(FinishedRoom {
            id,
            members: i64::try_from(members.len()).unwrap_or(i64::MAX),
            messages: room.last_seq,
        });
        self.plan.members.push(members);
        Ok(())
    }
}

fn is_both(id: UserId) -> String {
    format!("{id} is a member of the room and banned from it")
}

/// What is kept of an account.
fn account(entry: &Entry) -> Option<UserEntry> {
    let Entry::User(user) = entry else {
        return None;
    };
    Some(UserEntry {
        password_hash: Secret(String::new()),
        ..user.clone()
    })
}
