//! What only live connections do: being there, opening and closing rooms, typing, asking who is in.

use super::rooms::as_member;
use super::sessions::Who;
use super::{Chat, Command, Error};
use crate::model::{ConnectionId, Event, Member, RoomId, RoomJoined, Time, UserId};
use crate::store::{members, messages, users};
use serde::Serialize;

/// At most so many missed messages are told by `join_room`; more are fetched by REST.
const REPLAY_MESSAGES: i64 = 100;
/// The answer to `get_room_users` names so many at most.
const ROOM_USERS: usize = 1000;
/// Who comes first among those is sought among so many.
const ROOM_USERS_LOOKED_AT: i64 = 20_000;

/// The answer to `get_room_users`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RoomUsers {
    /// The room.
    pub room_id: RoomId,
    /// Up to 1,000 members, those who are online first.
    pub users: Vec<Member>,
    /// How many members there are.
    pub total: usize,
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
            let complete = missed <= most;
            let replay = match since {
                Some(since) if complete && missed > 0 => {
                    messages::after(tx, room, since, REPLAY_MESSAGES)?
                }
                _ => Vec::new(),
            };
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

    /// Who is in a room, those online first.
    pub async fn room_users(&self, who: Who, room: RoomId) -> Result<RoomUsers, Error> {
        let mut users = self
            .store
            .query(move |tx| {
                as_member(tx, who, room)?;
                let start = (Time(i64::MIN), UserId(uuid::Uuid::nil()));
                Ok::<_, Error>(members::list(tx, room, start, ROOM_USERS_LOOKED_AT)?)
            })
            .await?;
        let total = users.len();
        for user in &mut users {
            user.is_online = self.presence.is_online(user.user_id);
        }
        users.sort_by_key(|user| !user.is_online);
        users.truncate(ROOM_USERS);
        Ok(RoomUsers {
            room_id: room,
            users,
            total,
        })
    }
}
