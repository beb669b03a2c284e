//! What only live connections do: being there, opening and closing rooms, typing, asking who is in.

use super::rooms::as_member;
use super::sessions::Who;
use super::{Chat, Command, Error};
use crate::model::{ConnectionId, Event, Member, Role, RoomId, RoomJoined, Time, UserId};
use crate::store::sql::Tx;
use crate::store::{members, messages, users};
use serde::Serialize;
use std::collections::HashSet;

/// At most so many missed messages are told by `join_room`; more are fetched by REST.
const REPLAY_MESSAGES: i64 = 100;
/// At most so many bytes of content, so that the replays of several rooms fit into what may wait for a
/// client.
const REPLAY_BYTES: usize = 256 * 1024;
/// The answer to `get_room_users` names so many people at most.
const ROOM_USERS: usize = 1000;

/// The answer to `get_room_users`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RoomUsers {
    /// The room.
    pub room_id: RoomId,
    /// Up to 1,000 members, those who are online first, and then who joined first.
    pub users: Vec<RoomUser>,
    /// How many members there are.
    pub total: i64,
}

/// A member, as `room_users` names them.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RoomUser {
    /// Who.
    pub user_id: UserId,
    /// Their name.
    pub username: String,
    /// The name to show.
    pub display_name: String,
    /// Whether they are connected now.
    pub is_online: bool,
    /// What they may do in the room.
    pub role: Role,
}

impl From<Member> for RoomUser {
    fn from(member: Member) -> Self {
        Self {
            user_id: member.user_id,
            username: member.username,
            display_name: member.display_name,
            is_online: member.is_online,
            role: member.role,
        }
    }
}

/// How a connection opens a room.
#[derive(Debug, Clone, Copy)]
pub struct Opening {
    /// The `seq` of the last message that the client has.
    pub since: Option<i64>,
    /// Whether what it missed may be sent again; else it is to be fetched.
    pub may_replay: bool,
    /// Whether the others are not to hear of it.
    pub quiet: bool,
}

impl Chat {
    /// A connection is there. Its event tells the fan-out whose it is and which rooms they are in.
    pub fn attach(&self, who: Who, connection: ConnectionId) -> Command<()> {
        if let Err(refused) = self.limits.connect(who.user) {
            return Command::refused(refused);
        }
        let now = self.now();
        self.store.command(move |tx, events| {
            let person = users::person(tx, who.user)?.ok_or_else(Error::unauthorized)?;
            events.push(Event::Attached {
                connection,
                person,
                rooms: members::rooms_of(tx, who.user)?,
                at: now,
            });
            Ok(())
        })
    }

    /// A connection opens a room, and gets what it missed, if that is not too much.
    pub fn open_room(
        &self,
        who: Who,
        connection: ConnectionId,
        room: RoomId,
        opening: Opening,
    ) -> Command<RoomJoined> {
        let now = self.now();
        self.store.command(move |tx, events| {
            let (access, member) = as_member(tx, who, room)?;
            let since = opening.since;
            let missed = since.map_or(0, |since| (access.last_seq - since).max(0));
            let most = if opening.may_replay {
                REPLAY_MESSAGES
            } else {
                0
            };
            let replay = match since {
                Some(since) if (1..=most).contains(&missed) => {
                    messages::after(tx, room, since, REPLAY_MESSAGES)?
                }
                _ => Vec::new(),
            };
            let bytes: usize = replay.iter().map(|message| message.content.len()).sum();
            let replay = if bytes > REPLAY_BYTES {
                Vec::new()
            } else {
                replay
            };
            let complete = missed == 0 || !replay.is_empty();
            let joined = RoomJoined {
                room_id: room,
                role: member.role,
                last_seq: access.last_seq,
                read_seq: member.read_seq,
                replayed: replay.len(),
                complete,
            };
            events.push(Event::Subscribed {
                connection,
                replay,
                joined: joined.clone(),
                quiet: opening.quiet,
                at: now,
            });
            Ok(joined)
        })
    }

    /// A connection closes a room; membership stays. It touches no row: it only takes its turn.
    pub fn close_room(&self, connection: ConnectionId, room: RoomId) -> Command<()> {
        let now = self.now();
        self.store.command(move |_, events| {
            events.push(Event::Unsubscribed {
                connection,
                room,
                at: now,
            });
            Ok(())
        })
    }

    /// Somebody types, or stops. It touches no row: it only takes its turn.
    pub fn typing(&self, connection: ConnectionId, room: RoomId, is_typing: bool) -> Command<()> {
        let now = self.now();
        self.store.command(move |_, events| {
            events.push(Event::Typing {
                connection,
                room,
                is_typing,
                at: now,
            });
            Ok(())
        })
    }

    /// Writes down when somebody was last connected.
    pub fn note_last_seen(&self, user: UserId, at: Time) {
        // Losing one of these to a full queue costs a time that people see, nothing else.
        self.store
            .command(move |tx, _| Ok::<_, Error>(users::set_last_seen(tx, user, at)?))
            .then(|_| ());
    }

    /// Writes down that everybody who is online was there until now, before a stop: nobody is left who
    /// would say that they went.
    pub fn note_all_seen(&self) {
        let (now, online) = (self.now(), self.presence.everybody());
        self.store
            .command(move |tx, _| {
                for user in &online {
                    users::set_last_seen(tx, *user, now)?;
                }
                Ok::<_, Error>(())
            })
            .then(|_| ());
    }

    /// Whether somebody is a member of a room, told in its turn: an answer that is given by this never
    /// comes after the event that ended a membership. It changes nothing, and tells nobody.
    pub fn still_member(&self, who: Who, room: RoomId) -> Command<()> {
        self.store.command(move |tx, _| {
            as_member(tx, who, room)?;
            Ok(())
        })
    }

    /// Who is in a room, those online first.
    pub async fn room_users(&self, who: Who, room: RoomId) -> Result<RoomUsers, Error> {
        let online = self.presence.everybody();
        self.store
            .query(move |tx| {
                let total = as_member(tx, who, room)?.0.member_count;
                let mut users = first_members(tx, room, total, &online)?;
                for user in &mut users {
                    user.is_online = online.contains(&user.user_id);
                }
                users.sort_by_key(|user| !user.is_online);
                users.truncate(ROOM_USERS);
                Ok(RoomUsers {
                    room_id: room,
                    users: users.into_iter().map(RoomUser::from).collect(),
                    total,
                })
            })
            .await
    }
}

/// The members who may be among the first of `room_users`, in the order in which they joined: the
/// earliest, and of those who are online the earliest. It costs what the answer and the number of
/// people online cost, however many members the room has.
fn first_members(
    tx: &mut Tx<'_>,
    room: RoomId,
    total: i64,
    online: &HashSet<UserId>,
) -> Result<Vec<Member>, Error> {
    let most = i64::try_from(ROOM_USERS).unwrap_or(i64::MAX);
    let start = (Time(i64::MIN), UserId(uuid::Uuid::nil()));
    let mut found = members::list(tx, room, start, most)?;
    let Some(last) = found.last().filter(|_| total > most) else {
        return Ok(found);
    };
    let listed = (last.joined_at, last.user_id);
    let mut later = Vec::new();
    for user in online {
        if let Some(at) = members::joined_at(tx, room, *user)? {
            later.push((at, *user));
        }
    }
    later.retain(|place| *place > listed);
    later.sort_unstable();
    later.truncate(ROOM_USERS);
    for (_, user) in later {
        found.extend(members::get(tx, room, user)?);
    }
    Ok(found)
}
