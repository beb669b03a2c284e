//! Who gets what: a room, its members, a person.

use super::super::connection::Recipient;
use super::super::wire::{Passage, Stay, UserStatus, raw};
use super::Fanout;
use crate::model::{ConnectionId, Person, RoomId, Time, UserId};
use indexmap::IndexMap;
use serde_json::value::RawValue;
use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};

/// After so many packets others get a turn on the processor.
const PACKETS_A_TURN: usize = 64;
/// Messages of one room that a recipient gets at a time, so that its channel keeps up.
const MESSAGES_A_WRITE: usize = 32;

impl Fanout {
    /// Tells messages: all of a room to one recipient, then to the next.
    pub(super) async fn tell_rooms(&self, rooms: IndexMap<RoomId, Vec<Box<RawValue>>>) {
        for (room, payloads) in rooms {
            for some in payloads.chunks(MESSAGES_A_WRITE) {
                let mut delivered = 0;
                for recipient in self.hub.subscribers(room) {
                    for payload in some {
                        recipient.send("receive_message", payload);
                    }
                    delivered += some.len();
                    self.turn.took(some.len()).await;
                }
                self.chat.counts().delivered.add(delivered);
            }
        }
    }

    /// Tells a room's others that somebody came or went.
    pub(super) async fn passage(
        &self,
        room: RoomId,
        person: &Person,
        event: &str,
        stay: Stay,
        by: Option<UserId>,
        at: Time,
    ) {
        if matches!(stay, Stay::Temporary) && self.hub.is_quiet(room) {
            return;
        }
        let payload = raw(&Passage {
            person,
            room_id: room,
            r#type: stay,
            by,
            timestamp: at,
        });
        self.to_room(room, event, &payload, |to| {
            to.connection.user() != person.user_id
        })
        .await;
    }

    /// Tells whoever shares a room with somebody, each connection once.
    pub(super) async fn status(&self, person: &Person, status: &'static str, at: Time) {
        let Some(online) = self.hub.users.get(&person.user_id) else {
            return;
        };
        let people: HashSet<UserId> = online
            .rooms
            .iter()
            .filter(|room| !self.hub.is_quiet(**room))
            .flat_map(|room| self.hub.members(*room))
            .filter(|user| *user != person.user_id)
            .collect();
        let payload = raw(&UserStatus {
            person,
            status,
            timestamp: at,
        });
        for user in people {
            self.to_user(user, "user_status", &payload);
            self.turn.took(1).await;
        }
    }

    /// The room's others, and the reader's own other connections wherever they are.
    pub(super) async fn read(
        &self,
        room: RoomId,
        reader: UserId,
        from: Option<ConnectionId>,
        payload: &RawValue,
    ) {
        for own in self.hub.of_user(reader) {
            if Some(own.connection.id) != from {
                own.send("messages_read", payload);
            }
        }
        self.to_room(room, "messages_read", payload, |to| {
            to.connection.user() != reader
        })
        .await;
    }

    pub(super) async fn to_room(
        &self,
        room: RoomId,
        event: &str,
        payload: &RawValue,
        is_for: impl Fn(&Recipient) -> bool,
    ) {
        for recipient in self.hub.subscribers(room) {
            if is_for(recipient) {
                recipient.send(event, payload);
            }
            self.turn.took(1).await;
        }
    }

    pub(super) async fn to_members(&self, room: RoomId, event: &str, payload: &RawValue) {
        for user in self.hub.members(room) {
            self.to_user(user, event, payload);
            self.turn.took(1).await;
        }
    }

    pub(super) fn to_user(&self, user: UserId, event: &str, payload: &RawValue) {
        for recipient in self.hub.of_user(user) {
            recipient.send(event, payload);
        }
    }
}

/// Lets others have the processor now and then.
#[derive(Default)]
pub(super) struct Turn(AtomicUsize);

impl Turn {
    pub(super) async fn took(&self, packets: usize) {
        if self.0.fetch_add(packets, Ordering::Relaxed) + packets >= PACKETS_A_TURN {
            self.0.store(0, Ordering::Relaxed);
            tokio::task::yield_now().await;
        }
    }
}
