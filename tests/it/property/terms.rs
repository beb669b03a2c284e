//! What people do, what they are answered, and what their connections see, in few words.

use serde_json::Value;
use std::fmt::{Debug, Formatter};
use std::ops::Deref;
use std::sync::Arc;

/// A person, by their place among all.
pub type Who = usize;
/// A connection; each has a number of its own, and a reconnect is another one.
pub type Link = u64;

/// A message as the server tells it. It is the same from everywhere.
#[derive(Clone, PartialEq)]
pub struct Message(Arc<Value>);

impl Message {
    pub fn new(message: Value) -> Self {
        Self(Arc::new(message))
    }

    pub fn seq(&self) -> i64 {
        self.0["seq"].as_i64().unwrap_or_default()
    }

    pub fn is_edited(&self) -> bool {
        self.0["editedAt"].is_string()
    }

    pub fn is_deleted(&self) -> bool {
        self.0["deletedAt"].is_string()
    }
}

impl Deref for Message {
    type Target = Value;

    fn deref(&self) -> &Value {
        &self.0
    }
}

impl Debug for Message {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let (seq, content, id) = (&self["seq"], &self["content"], &self["clientId"]);
        write!(f, "#{seq} {content} {id}")
    }
}

/// What somebody does in a room.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// A connection comes to be; told by nothing, and before whatever else it does.
    Attach,
    /// By the public door.
    Join,
    /// By an invite's token.
    Accept(String),
    Invite {
        max_uses: Option<i64>,
    },
    Leave,
    Kick(Who),
    Ban(Who),
    Unban(Who),
    SetAdmin(Who, bool),
    Open {
        since: Option<i64>,
        quiet: bool,
    },
    Close,
    Typing(bool),
    Post {
        content: String,
        client_id: Option<String>,
    },
    Edit(i64, String),
    Delete(i64),
    /// Up to a number, or everything.
    Read(Option<i64>),
    History {
        after: i64,
    },
    Members,
}

/// How somebody does it, and so where the answer is seen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Via {
    Rest,
    /// By an event with an ack.
    Ack(Link),
    /// By an event without one.
    NoAck(Link),
    /// By an event whose answer is not in order with the others'.
    Aside(Link),
    /// By an event of a connection that ended at once: nobody sees the answer.
    Lost(Link),
}

impl Via {
    pub fn link(self) -> Option<Link> {
        match self {
            Self::Rest => None,
            Self::Ack(link) | Self::NoAck(link) | Self::Aside(link) | Self::Lost(link) => {
                Some(link)
            }
        }
    }
}

/// One step.
#[derive(Debug, Clone)]
pub struct Action {
    pub id: usize,
    pub room: usize,
    pub who: Who,
    pub via: Via,
    pub what: What,
    /// Where it was answered outside of a connection's order: what.
    pub reply: Option<Reply>,
    /// Whether it may never have reached the server.
    pub may_be_lost: bool,
}

impl Action {
    /// Whether this one is to happen after an earlier one: what one connection sends keeps its order.
    pub fn follows(&self, earlier: &Self) -> bool {
        let ordered = |via: Via| via.link().filter(|_| !matches!(via, Via::Aside(_)));
        match (ordered(earlier.via), ordered(self.via)) {
            (Some(one), Some(other)) => one == other,
            // What is answered aside comes after its connection all the same.
            (Some(one), None) => earlier.what == What::Attach && self.via.link() == Some(one),
            (None, _) => false,
        }
    }
}

/// An answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    Done,
    /// With a code.
    Refused(String),
    Joined {
        already: bool,
        members: i64,
    },
    /// The token.
    Invited(String),
    Posted {
        message: Message,
        /// REST tells by its status whether a `clientId` was repeated.
        repeated: Option<bool>,
    },
    Changed(Message),
    /// `room_joined`, or the ack without its `ok`.
    Opened(Value),
    ReadUpTo(i64),
    History {
        messages: Vec<Message>,
        has_before: bool,
        has_after: bool,
        last_seq: i64,
    },
    /// Who, whether an admin, and up to where they have read, which only REST says.
    Members(Vec<(Who, bool, Option<i64>)>),
}

/// What a connection sees of a room, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Seen {
    Message(Message),
    Updated(Message),
    Opened(Value),
    Came(Who),
    Left {
        who: Who,
        by: Option<Who>,
    },
    /// The room was added, with so many members.
    Added(i64),
    SetAdmin(Who, bool),
    Read {
        who: Who,
        seq: i64,
        id: Value,
    },
    /// The ack of an action.
    Ack(usize, Reply),
    /// An `error` event: which event was refused, and the code.
    Error(String, String),
}
