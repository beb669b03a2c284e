//! Messages: posting, changing, reading.

use super::page::fitting;
use super::rooms::{as_member, visible};
use super::sessions::Who;
use super::{Chat, Command, Error, Input};
use crate::model::{
    ClientId, ConnectionId, Content, Event, Message, MessageId, MessageType, Role, RoomId,
};
use crate::store::{Unique, members, messages, sql::Tx, users};
use serde::Serialize;

/// A message that somebody wants to post.
#[derive(Debug, Clone)]
pub struct NewMessage {
    content: Content,
    message_type: MessageType,
    client_id: Option<ClientId>,
    reply_to: Option<MessageId>,
}

/// A message that was posted, now or before.
#[derive(Debug, Clone)]
pub struct Posted {
    /// The message.
    pub message: Message,
    /// Whether its `clientId` had brought it before.
    pub repeated: bool,
}

/// Which messages of a room are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Around {
    /// The newest ones.
    Newest,
    /// Those before a number.
    Before(i64),
    /// Those after a number.
    After(i64),
    /// Those on both sides of a number, and itself.
    Seq(i64),
}

/// A part of a room's messages, oldest first.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct History {
    /// The messages.
    pub messages: Vec<Message>,
    /// Whether there are earlier ones.
    pub has_before: bool,
    /// Whether there are later ones.
    pub has_after: bool,
    /// The newest message's number.
    pub last_seq: i64,
}

/// Up to where somebody has read.
#[derive(Debug, Clone, Copy)]
pub enum ReadUpTo {
    /// Everything.
    All,
    /// A message's number.
    Seq(i64),
    /// A message.
    Message(MessageId),
}

/// The answer to reading: up to where somebody has read now.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    /// The number of the last message that they have read.
    pub read_seq: i64,
}

impl NewMessage {
    /// Reads `{content, messageType?, clientId?, replyTo?}`.
    pub fn read(input: &mut Input) -> Result<Self, Error> {
        let content = input.text("content", Content::new);
        let message_type = input.optional_text("messageType", MessageType::new);
        let client_id = input.optional_text("clientId", ClientId::new);
        let reply_to = input.optional_id("replyTo");
        input.check()?;
        let Some(content) = content else {
            return Err(input.refusal());
        };
        Ok(Self {
            content,
            message_type: message_type.unwrap_or_default(),
            client_id,
            reply_to,
        })
    }
}

impl ReadUpTo {
    /// Reads `{seq?}` or `{messageId?}`.
    pub fn read(input: &mut Input) -> Result<Self, Error> {
        let seq = input.optional_number("seq", 0, i64::MAX);
        let message = input.optional_id("messageId");
        input.check()?;
        Ok(match (seq, message) {
            (Some(_), Some(_)) => {
                return Err(Error::field("seq", "and 'messageId' exclude each other"));
            }
            (Some(seq), None) => Self::Seq(seq),
            (None, Some(id)) => Self::Message(id),
            (None, None) => Self::All,
        })
    }
}

/// As many of the messages after `seq` as a page takes, oldest first.
fn after(tx: &mut Tx<'_>, room: RoomId, seq: i64, limit: i64) -> Result<Vec<Message>, Error> {
    let mut messages = messages::after(tx, room, seq, limit)?;
    messages.truncate(fitting(
        messages.iter().map(|message| message.content.len()),
    ));
    Ok(messages)
}

/// As many of the messages before `seq` as a page takes, oldest first.
fn before(tx: &mut Tx<'_>, room: RoomId, seq: i64, limit: i64) -> Result<Vec<Message>, Error> {
    let mut messages = messages::before(tx, room, seq, limit)?;
    let newest_first = messages.iter().rev().map(|message| message.content.len());
    let left_out = messages.len().saturating_sub(fitting(newest_first));
    Ok(messages.split_off(left_out))
}

fn no_message() -> Error {
    Error::not_found("such message")
}

/// The same message again, for a retry: only if it is the same.
fn repeated(tx: &mut Tx<'_>, message: &Message) -> Result<Posted, Error> {
    let client_id = message.client_id.as_deref().unwrap_or_default();
    let first = messages::by_client_id(tx, message.user_id, client_id)?
        .ok_or_else(Error::client_id_conflict)?;
    // What was edited or deleted since cannot be compared any more, and is still the same message.
    let changed = first.edited_at.is_some() || first.deleted_at.is_some();
    let same = first.room_id == message.room_id
        && (changed || first.content == message.content)
        && first.message_type == message.message_type
        && first.reply_to == message.reply_to;
    if !same {
        return Err(Error::client_id_conflict());
    }
    Ok(Posted {
        message: first,
        repeated: true,
    })
}

impl Chat {
    /// Posts a message into a room that somebody is a member of.
    pub fn post_message(&self, who: Who, room: RoomId, new: NewMessage) -> Command<Posted> {
        let charged = self.limits.message(who.user, room);
        if let Err(refused) = &charged
            && new.client_id.is_none()
        {
            return Command::refused(refused.clone());
        }
        let now = self.now();
        let draft = Message {
            id: MessageId::new(),
            room_id: room,
            user_id: who.user,
            username: String::new(),
            display_name: String::new(),
            content: new.content.to_string(),
            message_type: new.message_type.to_string(),
            created_at: now,
            timestamp: now,
            seq: 0,
            client_id: new.client_id.map(|id| id.to_string()),
            reply_to: new.reply_to,
            edited_at: None,
            deleted_at: None,
        };
        self.store.command(move |tx, events| {
            let Some(author) = messages::author(tx, room, who.user)? else {
                // Tells a room that one is not in from one that is not there.
                as_member(tx, who, room)?;
                return Err(Error::not_a_member());
            };
            if let Some(answered) = draft.reply_to
                && messages::get(tx, room, answered)?.is_none()
            {
                return Err(Error::field("replyTo", "is no message of this room"));
            }
            let message = Message {
                username: author.username,
                display_name: author.display_name,
                seq: author.last_seq + 1,
                ..draft.clone()
            };
            if let Err(refused) = &charged {
                // A retry of what is kept already is not one more.
                let client_id = message.client_id.as_deref().unwrap_or_default();
                return match messages::by_client_id(tx, who.user, client_id)? {
                    Some(_) => repeated(tx, &message),
                    None => Err(refused.clone()),
                };
            }
            match messages::append(tx, &message) {
                Err(crate::store::Error::Unique(Unique::ClientId)) => {
                    return repeated(tx, &message);
                }
                done => done?,
            }
            members::follow(tx, room, who.user, message.seq)?;
            events.push(Event::MessagePosted(message.clone()));
            Ok(Posted {
                message,
                repeated: false,
            })
        })
    }

    /// Changes what a message says: its author.
    pub fn edit_message(
        &self,
        who: Who,
        room: RoomId,
        id: MessageId,
        content: Content,
    ) -> Command<Message> {
        let now = self.now();
        self.store.command(move |tx, events| {
            as_member(tx, who, room)?;
            let message = messages::get(tx, room, id)?
                .filter(|message| message.deleted_at.is_none())
                .ok_or_else(no_message)?;
            if message.user_id != who.user {
                return Err(Error::forbidden("Only its author may edit a message."));
            }
            messages::set_content(tx, id, content.as_str(), now)?;
            let message = Message {
                content: content.to_string(),
                edited_at: Some(now),
                ..message
            };
            events.push(Event::MessageUpdated(message.clone()));
            Ok(message)
        })
    }

    /// Deletes what a message said: its author, the room's admins, or the server's. Deleting again
    /// is harmless.
    pub fn delete_message(&self, who: Who, room: RoomId, id: MessageId) -> Command<Message> {
        let now = self.now();
        self.store.command(move |tx, events| {
            let is_admin = if who.is_server_admin() {
                visible(tx, who, room)?;
                true
            } else {
                as_member(tx, who, room)?.1.role == Role::Admin
            };
            let message = messages::get(tx, room, id)?.ok_or_else(no_message)?;
            if message.user_id != who.user && !is_admin {
                return Err(Error::forbidden(
                    "Only its author and the room's admins may delete a message.",
                ));
            }
            if message.deleted_at.is_some() {
                return Ok(message);
            }
            messages::erase(tx, id, now)?;
            let message = Message {
                content: String::new(),
                deleted_at: Some(now),
                ..message
            };
            events.push(Event::MessageUpdated(message.clone()));
            Ok(message)
        })
    }

    /// A part of a room's messages; `limit` of 1 to 200, or as many as a page takes.
    pub async fn history(
        &self,
        who: Who,
        room: RoomId,
        around: Around,
        limit: i64,
    ) -> Result<History, Error> {
        self.store
            .query(move |tx| {
                let (access, _) = as_member(tx, who, room)?;
                let messages = match around {
                    Around::Newest => before(tx, room, i64::MAX, limit)?,
                    Around::Before(seq) => before(tx, room, seq, limit)?,
                    Around::After(seq) => after(tx, room, seq, limit)?,
                    Around::Seq(seq) => {
                        let mut part = before(tx, room, seq, limit / 2)?;
                        let room_left = limit - i64::try_from(part.len()).unwrap_or(limit);
                        let from = seq.saturating_sub(1);
                        part.extend(after(tx, room, from, room_left)?);
                        part
                    }
                };
                let ends = messages.first().zip(messages.last());
                let (has_before, has_after) = match (ends, around) {
                    (Some((first, last)), _) => (first.seq > 1, last.seq < access.last_seq),
                    (None, Around::Before(_)) => (false, access.last_seq > 0),
                    (None, _) => (access.last_seq > 0, false),
                };
                Ok(History {
                    has_before,
                    has_after,
                    messages,
                    last_seq: access.last_seq,
                })
            })
            .await
    }

    /// Notes up to where somebody has read; it never moves back. `from` is the connection that said
    /// so, which need not be told.
    pub fn mark_read(
        &self,
        who: Who,
        room: RoomId,
        up_to: ReadUpTo,
        from: Option<ConnectionId>,
    ) -> Command<Receipt> {
        let now = self.now();
        self.store.command(move |tx, events| {
            let (access, member) = as_member(tx, who, room)?;
            let seq = match up_to {
                ReadUpTo::All => access.last_seq,
                ReadUpTo::Seq(seq) => seq.min(access.last_seq),
                ReadUpTo::Message(id) => messages::get(tx, room, id)?.ok_or_else(no_message)?.seq,
            };
            if seq <= member.read_seq {
                return Ok(Receipt {
                    read_seq: member.read_seq,
                });
            }
            members::set_read(tx, room, who.user, seq)?;
            events.push(Event::MessagesRead {
                room,
                person: users::person(tx, who.user)?.ok_or_else(Error::unauthorized)?,
                seq,
                message_id: messages::at(tx, room, seq)?.map(|message| message.id),
                from,
                at: now,
            });
            Ok(Receipt { read_seq: seq })
        })
    }
}
