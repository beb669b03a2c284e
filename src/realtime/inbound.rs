//! Admission: events are taken in the order of their bytes, refused before they cost anything, and
//! queued at once.

use super::connection::{Connection, InFlight, MOST_IN_FLIGHT};
use super::wire::{Done, ErrorEvent, Refused, raw};
use super::{Realtime, events};
use crate::chat::{Code, Error, Input, OVERLOAD_WAIT, Who};
use crate::model::RoomId;
use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;
use socketioxide::adapter::LocalAdapter;
use socketioxide::extract::{AckSender, SocketRef};
use socketioxide::handler::{FromMessageParts, MessageHandler};
use socketioxide::socket::Socket;
use socketioxide_core::Value;
use std::borrow::Cow;
use std::sync::Arc;

/// The handler of all events of one connection. It runs in the loop that reads, so it must not wait.
pub(super) struct Inbound {
    pub shell: Arc<Realtime>,
    pub connection: Arc<Connection>,
}

/// An event on its way, and how to answer it.
pub(super) struct Asked {
    pub shell: Arc<Realtime>,
    pub connection: Arc<Connection>,
    pub who: Who,
    answer: Answer,
}

/// Where the answer to an event goes.
struct Answer {
    socket: SocketRef,
    connection: Arc<Connection>,
    shell: Arc<Realtime>,
    ack: AckSender,
    wants_ack: bool,
    event: String,
    room: Option<RoomId>,
    /// It is more than the rate allows, and was let through all the same.
    over_rate: bool,
    /// Held until the answer is given.
    _place: Option<InFlight>,
}

impl MessageHandler<LocalAdapter, ()> for Inbound {
    fn call(&self, socket: Arc<Socket<LocalAdapter>>, mut value: Value, ack_id: Option<i64>) {
        if self.shell.is_stopping() {
            // Not accepted, and not refused either: stock clients take any answer for the last one,
            // and send again what got none when they come back.
            return;
        }
        if !self.connection.wait_until_open() {
            self.connection.cut(&SocketRef::from(socket));
            return;
        }
        let Ok(ack) = AckSender::from_message_parts(&socket, &mut value, &ack_id);
        let socket = SocketRef::from(socket);
        let place = self.connection.admit(&socket);
        let is_admitted = place.is_some();
        let mut answer = Answer {
            socket,
            connection: self.connection.clone(),
            shell: self.shell.clone(),
            ack,
            wants_ack: ack_id.is_some(),
            event: String::new(),
            room: None,
            over_rate: false,
            _place: place,
        };
        match self.read(&value, &mut answer, is_admitted) {
            Ok((who, input)) => {
                let asked = Asked {
                    shell: self.shell.clone(),
                    connection: self.connection.clone(),
                    who,
                    answer,
                };
                events::dispatch(asked, input);
            }
            Err(refused) => answer.give::<()>(Err(refused)),
        }
    }
}

impl Inbound {
    /// Reads an event and checks whether it may go on.
    fn read(
        &self,
        value: &Value,
        answer: &mut Answer,
        is_admitted: bool,
    ) -> Result<(Who, Input), Error> {
        let Value::Str(text, attachments) = value else {
            return Err(Error::field("payload", "must be JSON"));
        };
        let arguments: Vec<&RawValue> = serde_json::from_str(text)
            .map_err(|error| Error::field("payload", format!("is not JSON ({error})")))?;
        let name = arguments.first().map_or("", |name| name.get());
        answer.event = serde_json::from_str::<Cow<'_, str>>(name)
            .unwrap_or_default()
            .into_owned();
        if !is_admitted {
            return Err(Error::overloaded_for(
                OVERLOAD_WAIT,
                format!(
                    "More than {MOST_IN_FLIGHT} events of this connection are waiting; this one was not done."
                ),
            ));
        }
        match self.connection.visit.events.charge() {
            Ok(()) => self.connection.visit.behaved(text.len()),
            // Clients send it on every key. It is let through, and costs nothing if it says nothing new.
            Err(_) if answer.event == events::TYPING => answer.over_rate = true,
            Err(refused) => return Err(refused),
        }
        let who = self.shell.chat.still(self.connection.session())?;
        if attachments.as_ref().is_some_and(|parts| !parts.is_empty()) {
            return Err(Error::field("payload", "may not have binary parts"));
        }
        let input = match arguments.get(1) {
            Some(argument) => Input::parse(argument.get().as_bytes())?,
            None => Input::default(),
        };
        answer.room = input.peek_id("roomId");
        Ok((who, input))
    }
}

impl Asked {
    /// The event's name.
    pub fn event(&self) -> &str {
        &self.answer.event
    }

    /// Whether it is more than the rate allows.
    pub fn is_over_rate(&self) -> bool {
        self.answer.over_rate
    }

    /// Gives the answer.
    pub fn answer<T: Serialize>(self, result: Result<T, Error>) {
        self.answer.give(result);
    }

    /// Sends the answering event as well as the ack.
    pub fn answer_with_event<T: Serialize>(self, event: &str, result: Result<T, Error>) {
        if let Ok(payload) = &result {
            self.answer.emit(event, payload);
        }
        self.answer.give(result);
    }
}

impl Answer {
    /// Acknowledges the event; or, without an ack, tells what went wrong by `error`.
    fn give<T: Serialize>(self, result: Result<T, Error>) {
        if let Err(error) = &result
            && error.code == Code::Overloaded
            && self.shell.is_stopping()
        {
            return;
        }
        if let Err(error) = &result {
            self.shell.chat.counts().events_refused.one(error.code);
        }
        if let Err(error) = &result
            && (error.code == Code::RateLimited || self.over_rate)
        {
            self.connection.refused(&self.socket);
        }
        match result.map_err(|error| self.log_fault(error)) {
            Ok(answer) => self.acknowledge(&Done { ok: true, answer }),
            Err(error) if self.wants_ack => self.acknowledge(&Refused {
                ok: false,
                error: &error,
            }),
            Err(error) => self.emit(
                "error",
                &ErrorEvent {
                    error: &error,
                    event: &self.event,
                    room_id: self.room,
                    timestamp: self.shell.chat.now(),
                },
            ),
        }
    }

    /// Logs a fault of the server, and tells the id that it has in the log.
    fn log_fault(&self, error: Error) -> Error {
        let Some(cause) = &error.cause else {
            return error;
        };
        let id = uuid::Uuid::new_v4();
        tracing::error!(request = %id, event = self.event, %cause, "an event failed by the server's fault");
        error.with(json!({ "requestId": id }))
    }

    fn acknowledge(self, payload: &impl Serialize) {
        // An ack after a lost event would let the client take what it has for complete.
        let payload = raw(payload);
        if self.wants_ack && self.may_send(&payload) && self.ack.send(&payload).is_err() {
            self.connection.send_failed(&self.socket);
        }
    }

    fn emit(&self, event: &str, payload: &impl Serialize) {
        let payload = raw(payload);
        if self.may_send(&payload) && self.socket.emit(event, &payload).is_err() {
            self.connection.send_failed(&self.socket);
        }
    }

    fn may_send(&self, payload: &RawValue) -> bool {
        let bytes = payload.get().len();
        self.connection.may_take(&self.socket, bytes)
    }
}
