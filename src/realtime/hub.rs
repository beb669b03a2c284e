//! Who is connected, and who has which room open. Only the fan-out changes it, in its turn, so
//! membership and subscription have one order.

use super::connection::Recipient;
use crate::chat::Counts;
use crate::model::{ConnectionId, Person, RoomId, SessionId, UserId};
use indexmap::IndexMap;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// In a room with more people connected than this, comings and goings are not told.
const QUIET_ROOM_PEOPLE: usize = 200;

/// Somebody who is online, or was a moment ago.
pub(super) struct Online {
    pub person: Person,
    pub connections: Vec<Arc<Recipient>>,
    /// All rooms they are a member of.
    pub rooms: HashSet<RoomId>,
    /// Rooms that a connection left open as it went away, and which absence that was; told when its
    /// grace is over.
    pub left_open: HashMap<RoomId, u64>,
    /// Counts how often a connection went away, so that each has a grace of its own.
    pub absences: u64,
}

/// A room that somebody connected is in.
#[derive(Default)]
struct LiveRoom {
    subscribers: IndexMap<ConnectionId, Arc<Recipient>>,
    members: HashSet<UserId>,
}

/// Who is there.
#[derive(Default)]
pub(super) struct Hub {
    /// Signed in, and not attached yet.
    arriving: HashMap<ConnectionId, Arc<Recipient>>,
    attached: HashMap<ConnectionId, Arc<Recipient>>,
    sessions: HashMap<SessionId, Vec<ConnectionId>>,
    pub users: HashMap<UserId, Online>,
    rooms: HashMap<RoomId, LiveRoom>,
    /// Rooms that a connection has open, and how often any has one open.
    open_rooms: usize,
    subscriptions: usize,
}

impl Hub {
    /// Shows how many are there to whoever looks inside.
    pub fn show(&self, counts: &Counts) {
        counts.sockets.set(self.attached.len());
        counts.people.set(self.users.len());
        counts.rooms.set(self.open_rooms);
        counts.subscriptions.set(self.subscriptions);
    }

    /// A connection is signed in, unless it is gone already: then nobody says so any more. A client
    /// that goes away in the very moment of its CONNECT may be taken for connected by the library
    /// after its end was signalled.
    pub fn arrive(&mut self, recipient: Arc<Recipient>) {
        if recipient.socket.connected() && !recipient.connection.is_gone() {
            self.arriving.insert(recipient.connection.id, recipient);
        }
    }

    /// A connection takes its place. Nothing if it is gone by now.
    pub fn attach(
        &mut self,
        id: ConnectionId,
        person: Person,
        rooms: Vec<RoomId>,
    ) -> Option<Arc<Recipient>> {
        let recipient = self.arriving.remove(&id)?;
        let user = recipient.connection.user();
        self.attached.insert(id, recipient.clone());
        self.sessions
            .entry(recipient.connection.session())
            .or_default()
            .push(id);
        for room in &rooms {
            self.rooms.entry(*room).or_default().members.insert(user);
        }
        let online = self.users.entry(user).or_insert_with(|| Online {
            person: person.clone(),
            connections: Vec::new(),
            rooms: rooms.into_iter().collect(),
            left_open: HashMap::new(),
            absences: 0,
        });
        online.person = person;
        online.connections.push(recipient.clone());
        Some(recipient)
    }

    /// A connection is gone. Says which it was and which rooms it had open.
    pub fn detach(&mut self, id: ConnectionId) -> Option<(Arc<Recipient>, Vec<RoomId>)> {
        self.arriving.remove(&id);
        let recipient = self.attached.remove(&id)?;
        let session = recipient.connection.session();
        if let Some(ids) = self.sessions.get_mut(&session) {
            ids.retain(|other| *other != id);
            if ids.is_empty() {
                self.sessions.remove(&session);
            }
        }
        let rooms: Vec<_> = recipient.connection.rooms().drain().collect();
        for room in &rooms {
            self.forget_subscriber(*room, id);
        }
        if let Some(online) = self.users.get_mut(&recipient.connection.user()) {
            online.connections.retain(|other| other.connection.id != id);
        }
        Some((recipient, rooms))
    }

    /// Somebody stayed away: they are in no room any more.
    pub fn forget_user(&mut self, user: UserId) -> Option<Online> {
        let online = self.users.remove(&user)?;
        for room in &online.rooms {
            self.forget_member(*room, user);
        }
        Some(online)
    }

    pub fn connection(&self, id: ConnectionId) -> Option<&Arc<Recipient>> {
        self.attached.get(&id)
    }

    pub fn of_session(&self, session: SessionId) -> Vec<Arc<Recipient>> {
        let ids = self.sessions.get(&session).map_or(&[][..], Vec::as_slice);
        ids.iter()
            .filter_map(|id| self.attached.get(id).cloned())
            .collect()
    }

    pub fn of_user(&self, user: UserId) -> &[Arc<Recipient>] {
        self.users
            .get(&user)
            .map_or(&[][..], |online| online.connections.as_slice())
    }

    /// Opens a room for a connection; says whether it is the first of that user's.
    pub fn subscribe(&mut self, room: RoomId, recipient: &Arc<Recipient>) -> bool {
        let first = !self.has_open(recipient.connection.user(), room);
        recipient.connection.rooms().insert(room);
        let subscribers = &mut self.rooms.entry(room).or_default().subscribers;
        self.open_rooms += usize::from(subscribers.is_empty());
        let id = recipient.connection.id;
        if subscribers.insert(id, recipient.clone()).is_none() {
            self.subscriptions += 1;
        }
        first
    }

    /// Closes a room for a connection; says whether it was open and the last of that user's.
    pub fn unsubscribe(&mut self, room: RoomId, recipient: &Recipient) -> bool {
        let was_open = recipient.connection.rooms().remove(&room);
        self.forget_subscriber(room, recipient.connection.id);
        was_open && !self.has_open(recipient.connection.user(), room)
    }

    fn has_open(&self, user: UserId, room: RoomId) -> bool {
        self.of_user(user)
            .iter()
            .any(|recipient| recipient.connection.has_open(room))
    }

    /// Somebody shows another name.
    pub fn rename(&mut self, person: &Person) {
        if let Some(online) = self.users.get_mut(&person.user_id) {
            online.person = person.clone();
        }
    }

    /// Somebody became a member.
    pub fn add_member(&mut self, room: RoomId, user: UserId) {
        if let Some(online) = self.users.get_mut(&user) {
            online.rooms.insert(room);
            self.rooms.entry(room).or_default().members.insert(user);
        }
    }

    /// Somebody is a member no more: what they had open is closed.
    pub fn remove_member(&mut self, room: RoomId, user: UserId) {
        for recipient in self.of_user(user).to_vec() {
            self.unsubscribe(room, &recipient);
        }
        if let Some(online) = self.users.get_mut(&user) {
            online.rooms.remove(&room);
            online.left_open.remove(&room);
        }
        self.forget_member(room, user);
    }

    /// Everybody connected who is a member.
    pub fn members(&self, room: RoomId) -> Vec<UserId> {
        self.rooms
            .get(&room)
            .map(|room| room.members.iter().copied().collect())
            .unwrap_or_default()
    }

    /// Whether so many are connected that comings and goings are not told.
    pub fn is_quiet(&self, room: RoomId) -> bool {
        self.rooms
            .get(&room)
            .is_some_and(|room| room.members.len() > QUIET_ROOM_PEOPLE)
    }

    /// Who has a room open.
    pub fn subscribers(&self, room: RoomId) -> impl Iterator<Item = &Arc<Recipient>> {
        self.rooms
            .get(&room)
            .into_iter()
            .flat_map(|room| room.subscribers.values())
    }

    fn forget_subscriber(&mut self, room: RoomId, id: ConnectionId) {
        if let Some(live) = self.rooms.get_mut(&room) {
            if live.subscribers.swap_remove(&id).is_some() {
                self.subscriptions -= 1;
                self.open_rooms -= usize::from(live.subscribers.is_empty());
            }
            self.forget_if_empty(room);
        }
    }

    fn forget_member(&mut self, room: RoomId, user: UserId) {
        if let Some(live) = self.rooms.get_mut(&room) {
            live.members.remove(&user);
            self.forget_if_empty(room);
        }
    }

    fn forget_if_empty(&mut self, room: RoomId) {
        let empty = self
            .rooms
            .get(&room)
            .is_some_and(|live| live.subscribers.is_empty() && live.members.is_empty());
        if empty {
            self.rooms.remove(&room);
        }
    }
}
