//! The fan-out: tells what was committed, in commit order, and gives each command's reply after that
//! command's events. It is one task, so what it tells has one order.

mod comings;
mod send;

use super::hub::Hub;
use super::typing::Typing;
use super::wire::{MemberUpdated, MessagesRead, RoomDeleted, Stay, raw};
use super::{Signal, Signals};
use crate::chat::{Chat, Outbox, Told};
use crate::model::{Event, RoomId, UserId};
use indexmap::IndexMap;
use send::Turn;
use serde_json::value::RawValue;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use tokio::time::Instant;

/// So many commands are told in one round at most, before connections that came or went are seen to.
const COMMANDS_A_ROUND: usize = 1024;

/// What is to be looked at later.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Absence(UserId, u64),
    Typing(RoomId, UserId),
}

struct Fanout {
    chat: Arc<Chat>,
    hub: Hub,
    typing: Typing,
    timers: BinaryHeap<Reverse<(Instant, Timer)>>,
    turn: Turn,
}

/// Tells the outbox until it ends.
pub async fn run(chat: Arc<Chat>, mut outbox: Outbox, mut signals: Signals) {
    let mut fanout = Fanout {
        chat,
        hub: Hub::default(),
        typing: Typing::default(),
        timers: BinaryHeap::new(),
        turn: Turn::default(),
    };
    loop {
        tokio::select! {
            biased;
            signal = signals.0.recv() => if let Some(signal) = signal {
                fanout.hear(signal).await;
            },
            batch = outbox.recv() => {
                let Some(mut batch) = batch else { break };
                // What was committed meanwhile goes out with it: the more there is, the more of it
                // shares a write.
                while batch.len() < COMMANDS_A_ROUND && let Ok(more) = outbox.try_recv() {
                    batch.extend(more);
                }
                // Whoever attaches in this batch said so before it was queued.
                while let Ok(signal) = signals.0.try_recv() {
                    fanout.hear(signal).await;
                }
                fanout.tell_batch(batch).await;
                // However much there is to tell, nobody's time is forgotten over it.
                fanout.ring().await;
                // Lets the sockets write what they were given before the next round.
                tokio::task::yield_now().await;
            },
            () = sleep_until(fanout.timers.peek()) => fanout.ring().await,
        }
        fanout.hub.show(fanout.chat.counts());
    }
}

async fn sleep_until(first: Option<&Reverse<(Instant, Timer)>>) {
    match first {
        Some(Reverse((at, _))) => tokio::time::sleep_until(*at).await,
        None => std::future::pending().await,
    }
}

impl Fanout {
    /// Tells a batch in its order. Messages that follow each other go out room by room, all of a room
    /// to one recipient at a time, so that they share one write to its socket; the order of each room
    /// and that of the replies stay what they are.
    async fn tell_batch(&mut self, batch: Vec<Told>) {
        let mut batch = batch.into_iter().peekable();
        while let Some(first) = batch.next() {
            if first.only_message().is_some() {
                let mut run = vec![first];
                while let Some(next) = batch.next_if(|next| next.only_message().is_some()) {
                    run.push(next);
                }
                self.chat.counts().messages.add(run.len());
                self.tell_rooms(by_room(&run)).await;
                run.into_iter().for_each(Told::finish);
            } else {
                for event in &first.events {
                    self.chat.apply(event);
                    self.tell(event).await;
                }
                first.finish();
            }
        }
    }

    async fn hear(&mut self, signal: Signal) {
        match signal {
            Signal::Opened(recipient) => self.hub.arrive(recipient),
            Signal::Closed(id) => self.closed(id).await,
        }
    }

    async fn tell(&mut self, event: &Event) {
        match event {
            Event::MessageUpdated(message) => {
                let payload = raw(message);
                self.to_room(message.room_id, "message_updated", &payload, |_| true)
                    .await;
            }
            Event::Attached {
                connection,
                person,
                rooms,
                at,
            } => self.attached(*connection, person, rooms, *at).await,
            Event::Subscribed {
                connection,
                replay,
                joined,
                quiet,
                at,
            } => {
                self.subscribed(*connection, replay, joined, *quiet, *at)
                    .await;
            }
            Event::Unsubscribed {
                connection,
                room,
                at,
            } => self.unsubscribed(*connection, *room, *at).await,
            Event::Typing {
                connection,
                room,
                is_typing,
                at,
            } => self.typed(*connection, *room, *is_typing, *at).await,
            Event::MessagesRead {
                room,
                person,
                seq,
                message_id,
                from,
                at,
            } => {
                let payload = raw(&MessagesRead {
                    room_id: *room,
                    user_id: person.user_id,
                    username: &person.username,
                    seq: *seq,
                    message_id: *message_id,
                    read_at: *at,
                    timestamp: *at,
                });
                self.read(*room, person.user_id, *from, &payload).await;
            }
            Event::MemberJoined { room, person, at } => {
                self.hub.add_member(room.id, person.user_id);
                self.passage(room.id, person, "user_joined", Stay::Permanent, None, *at)
                    .await;
                self.to_user(person.user_id, "room_added", &raw(room));
            }
            Event::MemberLeft {
                room,
                person,
                by,
                at,
            } => self.member_left(*room, person, *by, *at).await,
            Event::MemberUpdated { room, user, role } => {
                let payload = raw(&MemberUpdated {
                    room_id: *room,
                    user_id: *user,
                    role: *role,
                });
                self.to_members(*room, "member_updated", &payload).await;
            }
            Event::RoomUpdated(room) => {
                self.to_members(room.id, "room_updated", &raw(room)).await;
            }
            Event::RoomDeleted(room) => {
                let payload = raw(&RoomDeleted { room_id: *room });
                self.to_members(*room, "room_deleted", &payload).await;
                for member in self.hub.members(*room) {
                    self.hub.remove_member(*room, member);
                }
                self.typing.forget(*room);
            }
            Event::PersonChanged(person) => self.hub.rename(person),
            Event::SessionsEnded(sessions) => {
                for session in sessions {
                    for recipient in self.hub.of_session(*session) {
                        recipient.disconnect();
                    }
                }
            }
            // Messages come alone, in runs; of roles memory knows already.
            Event::MessagePosted(_) | Event::ServerRoleChanged { .. } => {}
        }
    }
}

/// The payloads of messages by room, in order.
fn by_room(run: &[Told]) -> IndexMap<RoomId, Vec<Box<RawValue>>> {
    let mut rooms: IndexMap<_, Vec<_>> = IndexMap::new();
    for message in run.iter().filter_map(Told::only_message) {
        rooms.entry(message.room_id).or_default().push(raw(message));
    }
    rooms
}
