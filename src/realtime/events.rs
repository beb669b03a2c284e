//! What clients may send: one function an event, each of them who, one call, one answer.

use super::inbound::Asked;
use super::wire::Nothing;
use crate::chat::{Command, Error, Input, NewMessage, Opening, ReadUpTo};
use crate::model::{Message, RoomId};
use serde::Serialize;

/// The event that is never refused for its rate.
pub(super) const TYPING: &str = "typing";

#[derive(Serialize)]
struct Sent {
    message: Message,
}

/// Hands an event to its function.
pub(super) fn dispatch(asked: Asked, input: Input) {
    match asked.event() {
        "join_room" => join_room(asked, input),
        "leave_room" => leave_room(asked, input),
        "send_message" => send_message(asked, input),
        TYPING => typing(asked, input),
        "get_room_users" => get_room_users(asked, input),
        "message_read" => message_read(asked, input),
        _ => {
            let unknown = Error::field("event", "is none that this server knows");
            asked.answer::<Nothing>(Err(unknown));
        }
    }
}

fn room(input: &mut Input) -> Result<RoomId, Error> {
    let room = input.id("roomId");
    room.ok_or_else(|| input.refusal())
}

fn reply<T: Serialize + Send + 'static>(asked: Asked, command: Result<Command<T>, Error>) {
    match command {
        Ok(command) => command.then(move |done| asked.answer(done)),
        Err(refused) => asked.answer::<T>(Err(refused)),
    }
}

/// The fan-out sends what was missed and `room_joined` before this gives the ack.
fn join_room(asked: Asked, mut input: Input) {
    let command = (|| {
        let room = input.id("roomId");
        let since = input.optional_number("since", 0, i64::MAX);
        let quiet = input.optional_bool("quiet").unwrap_or(false);
        input.check()?;
        let room = room.ok_or_else(|| input.refusal())?;
        let replays = &asked.connection.visit.replays;
        let opening = Opening {
            since,
            may_replay: since.is_none() || replays.charge().is_ok(),
            quiet,
        };
        let chat = &asked.shell.chat;
        Ok(chat.open_room(asked.who, asked.connection.id, room, opening))
    })();
    reply(asked, command);
}

fn leave_room(asked: Asked, mut input: Input) {
    let command = room(&mut input).map(|room| {
        let command = asked.shell.chat.close_room(asked.connection.id, room);
        command.map(|()| Nothing {})
    });
    reply(asked, command);
}

fn send_message(asked: Asked, mut input: Input) {
    let command = (|| {
        let room = input.id("roomId");
        let new = NewMessage::read(&mut input)?;
        let room = room.ok_or_else(|| input.refusal())?;
        let command = asked.shell.chat.post_message(asked.who, room, new);
        Ok(command.map(|posted| Sent {
            message: posted.message,
        }))
    })();
    reply(asked, command);
}

/// Whether the room is open is known when the event has had its turn. Beyond the rate only the end of
/// typing takes a turn; more of the same would change nothing.
fn typing(asked: Asked, mut input: Input) {
    let read = (|| {
        let room = input.id("roomId");
        let is_typing = input.bool("isTyping");
        input.check()?;
        room.zip(is_typing).ok_or_else(|| input.refusal())
    })();
    let (room, is_typing) = match read {
        Ok(read) => read,
        Err(refused) => return asked.answer::<Nothing>(Err(refused)),
    };
    let (shell, connection) = (asked.shell.clone(), asked.connection.clone());
    if asked.is_over_rate() && (is_typing || !connection.is_typing(room)) {
        return typed(asked, room, Ok(()));
    }
    connection.types(room, is_typing);
    let command = shell.chat.typing(connection.id, room, is_typing);
    command.then(move |done| typed(asked, room, done));
}

fn typed(asked: Asked, room: RoomId, done: Result<(), Error>) {
    let is_open = asked.connection.has_open(room);
    asked.answer(done.and_then(|()| {
        is_open
            .then_some(Nothing {})
            .ok_or_else(Error::room_not_open)
    }));
}

fn get_room_users(asked: Asked, mut input: Input) {
    let room = match room(&mut input) {
        Ok(room) => room,
        Err(refused) => return asked.answer::<Nothing>(Err(refused)),
    };
    tokio::spawn(async move {
        let (shell, who, connection) = (asked.shell.clone(), asked.who, asked.connection.clone());
        // One after the other, so that the readers are never all of one client.
        let _turn = connection.queries.lock().await;
        match shell.chat.room_users(who, room).await {
            // It takes its turn, since nobody is to see who is in a room after their membership's end.
            Ok(users) => shell.chat.still_member(who, room).then(move |still| {
                asked.answer_with_event("room_users", still.map(|()| users));
            }),
            Err(refused) => asked.answer::<Nothing>(Err(refused)),
        }
    });
}

fn message_read(asked: Asked, mut input: Input) {
    let command = (|| {
        let room = input.id("roomId");
        let up_to = ReadUpTo::read(&mut input)?;
        let room = room.ok_or_else(|| input.refusal())?;
        let from = Some(asked.connection.id);
        Ok(asked.shell.chat.mark_read(asked.who, room, up_to, from))
    })();
    reply(asked, command);
}
