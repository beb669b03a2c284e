//! The fan-out: tells what was committed, in commit order, and gives each command's reply after that
//! command's events. It is one task, and the only one that sends.

use super::connection::Recipient;
use super::hub::Hub;
use super::typing::{Change, Typing};
use super::wire::{
    MemberUpdated, MessagesRead, Passage, RoomDeleted, Stay, UserStatus, UserTyping, raw,
};
use super::{Signal, Signals};
use crate::chat::{Chat, Outbox};
use crate::model::{ConnectionId, Event, Message, Person, RoomId, RoomJoined, Time, UserId};
use serde_json::value::RawValue;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::time::Instant;

/// After so many recipients of one event others get a turn on the processor.
const RECIPIENTS_A_TURN: usize = 64;
/// Somebody whose last connection went away has so long to come back unnoticed.
const GRACE: Duration = Duration::from_secs(3);

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
}

/// Tells the outbox until it ends.
pub async fn run(chat: Arc<Chat>, mut outbox: Outbox, mut signals: Signals) {
    let mut fanout = Fanout {
        chat,
        hub: Hub::default(),
        typing: Typing::default(),
        timers: BinaryHeap::new(),
    };
    loop {
        tokio::select! {
            biased;
            signal = signals.0.recv() => if let Some(signal) = signal {
                fanout.hear(signal).await;
            },
            batch = outbox.recv() => {
                let Some(batch) = batch else { break };
                for told in batch {
                    // Whoever attaches in this batch said so before it was queued.
                    while let Ok(signal) = next(&mut signals) {
                        fanout.hear(signal).await;
                    }
                    for event in &told.events {
                        fanout.chat.apply(event);
                        fanout.tell(event).await;
                    }
                    told.finish();
                }
            },
            () = sleep_until(fanout.timers.peek()) => fanout.ring().await,
        }
    }
}

fn next(signals: &mut Signals) -> Result<Signal, TryRecvError> {
    signals.0.try_recv()
}

async fn sleep_until(first: Option<&Reverse<(Instant, Timer)>>) {
    match first {
        Some(Reverse((at, _))) => tokio::time::sleep_until(*at).await,
        None => std::future::pending().await,
    }
}

impl Fanout {
    async fn hear(&mut self, signal: Signal) {
        match signal {
            Signal::Opened(recipient) => self.hub.arrive(recipient),
            Signal::Closed(id) => self.closed(id).await,
        }
    }

    async fn tell(&mut self, event: &Event) {
        match event {
            Event::MessagePosted(message) => {
                let payload = raw(message);
                self.to_room(message.room_id, "receive_message", &payload, |_| true)
                    .await;
            }
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
            Event::SessionsEnded(sessions) => {
                for session in sessions {
                    for recipient in self.hub.of_session(*session) {
                        recipient.disconnect();
                    }
                }
            }
            Event::ServerRoleChanged { .. } => {}
        }
    }

    async fn attached(&mut self, id: ConnectionId, person: &Person, rooms: &[RoomId], at: Time) {
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

    async fn closed(&mut self, id: ConnectionId) {
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
        online.left_open.extend(rooms);
        // A room left open is told after the grace, whether or not other connections stay.
        online.absences += 1;
        let timer = Timer::Absence(user, online.absences);
        self.timers.push(Reverse((Instant::now() + GRACE, timer)));
    }

    async fn ring(&mut self) {
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
    async fn grace_over(&mut self, user: UserId, absence: u64) {
        let Some(online) = self.hub.users.get_mut(&user) else {
            return;
        };
        if online.absences != absence {
            return;
        }
        let person = online.person.clone();
        let left = std::mem::take(&mut online.left_open);
        let gone = online.connections.is_empty();
        let open: HashSet<RoomId> = online
            .connections
            .iter()
            .flat_map(|recipient| recipient.connection.rooms().clone())
            .collect();
        let now = self.chat.now();
        for room in left.difference(&open) {
            self.passage(*room, &person, "user_left", Stay::Temporary, None, now)
                .await;
        }
        if gone && self.chat.set_online(user, false) {
            self.chat.note_last_seen(user, now);
            self.status(&person, "offline", now).await;
            self.hub.forget_user(user);
        }
    }

    async fn subscribed(
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
        }
        recipient.send("room_joined", &raw(joined));
        let Some(online) = self.hub.users.get_mut(&recipient.connection.user()) else {
            return;
        };
        // Who comes back within the grace was never announced as gone.
        let came_back = online.left_open.remove(&room);
        let person = online.person.clone();
        if first && !quiet && !came_back {
            self.passage(room, &person, "user_joined", Stay::Temporary, None, at)
                .await;
        }
    }

    async fn unsubscribed(&mut self, id: ConnectionId, room: RoomId, at: Time) {
        let Some(recipient) = self.hub.connection(id).cloned() else {
            return;
        };
        let user = recipient.connection.user();
        let last = self.hub.unsubscribe(room, &recipient);
        if self.typing.end_on(room, &recipient) {
            self.tell_typing(room, user, false, at).await;
        }
        if let Some(online) = self.hub.users.get(&user).filter(|_| last) {
            let person = online.person.clone();
            self.passage(room, &person, "user_left", Stay::Temporary, None, at)
                .await;
        }
    }

    async fn typed(&mut self, id: ConnectionId, room: RoomId, is_typing: bool, at: Time) {
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

    async fn typing_changed(
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

    async fn tell_typing(&self, room: RoomId, user: UserId, is_typing: bool, at: Time) {
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
    async fn member_left(&mut self, room: RoomId, person: &Person, by: Option<UserId>, at: Time) {
        self.typing.end(room, person.user_id);
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

    /// Tells a room's others that somebody came or went.
    async fn passage(
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
    async fn status(&self, person: &Person, status: &'static str, at: Time) {
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
        for (turn, user) in people.into_iter().enumerate() {
            self.to_user(user, "user_status", &payload);
            breathe(turn).await;
        }
    }

    /// The room's others, and the reader's own other connections wherever they are.
    async fn read(
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

    async fn to_room(
        &self,
        room: RoomId,
        event: &str,
        payload: &RawValue,
        is_for: impl Fn(&Recipient) -> bool,
    ) {
        for (turn, recipient) in self.hub.subscribers(room).enumerate() {
            if is_for(recipient) {
                recipient.send(event, payload);
            }
            breathe(turn).await;
        }
    }

    async fn to_members(&self, room: RoomId, event: &str, payload: &RawValue) {
        for (turn, user) in self.hub.members(room).into_iter().enumerate() {
            self.to_user(user, event, payload);
            breathe(turn).await;
        }
    }

    fn to_user(&self, user: UserId, event: &str, payload: &RawValue) {
        for recipient in self.hub.of_user(user) {
            recipient.send(event, payload);
        }
    }
}

/// Lets others have the processor now and then.
async fn breathe(turn: usize) {
    if turn % RECIPIENTS_A_TURN == RECIPIENTS_A_TURN - 1 {
        tokio::task::yield_now().await;
    }
}
