//! Comings and goings: connections, rooms that are opened and closed, typing.

use super::super::typing::Change;
use super::super::wire::{Passage, Stay, UserTyping, raw};
use super::{Fanout, Timer};
use crate::model::{ConnectionId, Message, Person, RoomId, RoomJoined, Time, UserId};
use std::cmp::Reverse;
use std::collections::HashSet;
use std::time::Duration;
use tokio::time::Instant;

/// Somebody whose last connection went away has so long to come back unnoticed.
const GRACE: Duration = Duration::from_secs(3);

impl Fanout {
    pub(super) async fn attached(
        &mut self,
        id: ConnectionId,
        person: &Person,
        rooms: &[RoomId],
        at: Time,
    ) {
        let Some(recipient) = self.hub.attach(id, person.clone(), rooms.to_vec()) else {
            return;
        };
        // The session may have ended between the token's check and now.
        if self.chat.still(recipient.connection.session()).is_err() {
            recipient.disconnect();
            return;
        }
        if self.chat.set_online(person.user_id, true) {
            self.status(person, "online", at).await;
        }
    }

    pub(super) async fn closed(&mut self, id: ConnectionId) {
        let Some((recipient, rooms)) = self.hub.detach(id) else {
            return;
        };
        let now = self.chat.now();
        for room in &rooms {
            if self.typing.end_on(*room, &recipient) {
                self.tell_typing(*room, recipient.connection.user(), false, now)
                    .await;
            }
        }
        let user = recipient.connection.user();
        let Some(online) = self.hub.users.get_mut(&user) else {
            return;
        };
        // A room left open is told after the grace, whether or not other connections stay.
        online.absences += 1;
        let absence = online.absences;
        online
            .left_open
            .extend(rooms.into_iter().map(|room| (room, absence)));
        let timer = Timer::Absence(user, online.absences);
        self.timers.push(Reverse((Instant::now() + GRACE, timer)));
    }

    pub(super) async fn ring(&mut self) {
        let now = Instant::now();
        while let Some(Reverse((at, _))) = self.timers.peek() {
            if *at > now {
                break;
            }
            match self.timers.pop() {
                Some(Reverse((_, Timer::Absence(user, absence)))) => {
                    self.grace_over(user, absence).await;
                }
                Some(Reverse((_, Timer::Typing(room, user)))) => {
                    let (change, again) = self.typing.look(room, user, now);
                    let time = self.chat.now();
                    self.typing_changed(room, user, change, again, time).await;
                }
                None => {}
            }
        }
    }

    /// The grace after a connection's end is over: what stayed closed is told as closed, and who
    /// stayed away as gone.
    pub(super) async fn grace_over(&mut self, user: UserId, absence: u64) {
        let Some(online) = self.hub.users.get_mut(&user) else {
            return;
        };
        let person = online.person.clone();
        let left: Vec<_> = online
            .left_open
            .extract_if(|_, since| *since <= absence)
            .map(|(room, _)| room)
            .collect();
        // Another connection may have gone since, whose own grace is not over.
        let gone = online.connections.is_empty() && online.absences == absence;
        let open: HashSet<RoomId> = online
            .connections
            .iter()
            .flat_map(|recipient| recipient.connection.rooms().clone())
            .collect();
        let now = self.chat.now();
        for room in left.into_iter().filter(|room| !open.contains(room)) {
            self.passage(room, &person, "user_left", Stay::Temporary, None, now)
                .await;
        }
        if gone {
            // Who was turned away as they came was never online.
            if self.chat.set_online(user, false) {
                self.chat.note_last_seen(user, now);
                self.status(&person, "offline", now).await;
            }
            self.hub.forget_user(user);
        }
    }

    pub(super) async fn subscribed(
        &mut self,
        id: ConnectionId,
        replay: &[Message],
        joined: &RoomJoined,
        quiet: bool,
        at: Time,
    ) {
        let Some(recipient) = self.hub.connection(id).cloned() else {
            return;
        };
        let room = joined.room_id;
        let first = self.hub.subscribe(room, &recipient);
        for message in replay {
            recipient.send("receive_message", &raw(message));
            self.turn.took(1).await;
        }
        recipient.send("room_joined", &raw(joined));
        let Some(online) = self.hub.users.get_mut(&recipient.connection.user()) else {
            return;
        };
        // Who comes back within the grace was never announced as gone.
        let came_back = online.left_open.remove(&room).is_some();
        let person = online.person.clone();
        if first && !quiet && !came_back {
            self.passage(room, &person, "user_joined", Stay::Temporary, None, at)
                .await;
        }
    }

    pub(super) async fn unsubscribed(&mut self, id: ConnectionId, room: RoomId, at: Time) {
        let Some(recipient) = self.hub.connection(id).cloned() else {
            return;
        };
        let user = recipient.connection.user();
        let last = self.hub.unsubscribe(room, &recipient);
        if self.typing.end_on(room, &recipient) {
            self.tell_typing(room, user, false, at).await;
        }
        if let Some(online) = self.hub.users.get_mut(&user).filter(|_| last) {
            // It is told now, and not once more when the grace of another connection is over.
            online.left_open.remove(&room);
            let person = online.person.clone();
            self.passage(room, &person, "user_left", Stay::Temporary, None, at)
                .await;
        }
    }

    pub(super) async fn typed(
        &mut self,
        id: ConnectionId,
        room: RoomId,
        is_typing: bool,
        at: Time,
    ) {
        let Some(recipient) = self.hub.connection(id).cloned() else {
            return;
        };
        if !recipient.connection.has_open(room) {
            return;
        }
        let (change, again) = self.typing.set(room, &recipient, is_typing, Instant::now());
        self.typing_changed(room, recipient.connection.user(), change, again, at)
            .await;
    }

    pub(super) async fn typing_changed(
        &mut self,
        room: RoomId,
        user: UserId,
        change: Change,
        again: Option<Instant>,
        at: Time,
    ) {
        if let Some(again) = again {
            self.timers
                .push(Reverse((again, Timer::Typing(room, user))));
        }
        if let Change::Tell(is_typing) = change {
            self.tell_typing(room, user, is_typing, at).await;
        }
    }

    pub(super) async fn tell_typing(&self, room: RoomId, user: UserId, is_typing: bool, at: Time) {
        let Some(online) = self.hub.users.get(&user) else {
            return;
        };
        let payload = raw(&UserTyping {
            person: &online.person,
            room_id: room,
            is_typing,
            timestamp: at,
        });
        self.to_room(room, "user_typing", &payload, |to| {
            to.connection.user() != user
        })
        .await;
    }

    /// Whoever is removed hears of it on all their connections, and of nothing after it.
    pub(super) async fn member_left(
        &mut self,
        room: RoomId,
        person: &Person,
        by: Option<UserId>,
        at: Time,
    ) {
        if self.typing.end(room, person.user_id) {
            self.tell_typing(room, person.user_id, false, at).await;
        }
        self.hub.remove_member(room, person.user_id);
        let payload = raw(&Passage {
            person,
            room_id: room,
            r#type: Stay::Permanent,
            by,
            timestamp: at,
        });
        self.to_user(person.user_id, "user_left", &payload);
        self.to_room(room, "user_left", &payload, |_| true).await;
    }
}
