//! How actions are sent, and how answers and events are read.

use super::terms::{Action, Message, Reply, Seen, What, Who};
use crate::harness::Answer;
use reqwest::Method;
use serde_json::{Value, json};

impl What {
    /// The event that does it.
    pub fn event(&self) -> &'static str {
        match self {
            Self::Open { .. } => "join_room",
            Self::Close => "leave_room",
            Self::Typing(_) => "typing",
            Self::Post { .. } => "send_message",
            Self::Read(_) => "message_read",
            Self::Members => "get_room_users",
            _ => unreachable!("{self:?} is done by REST"),
        }
    }
}

fn post(content: &str, client_id: Option<&String>) -> Value {
    let mut body = json!({ "content": content });
    if let Some(client_id) = client_id {
        body["clientId"] = client_id.as_str().into();
    }
    body
}

/// The event and payload of an action.
pub fn event(action: &Action, room: &str) -> (&'static str, Value) {
    let mut payload = match &action.what {
        What::Open { since, quiet } => {
            let mut payload = json!({ "quiet": quiet });
            if let Some(since) = since {
                payload["since"] = (*since).into();
            }
            payload
        }
        What::Typing(typing) => json!({ "isTyping": typing }),
        What::Post { content, client_id } => post(content, client_id.as_ref()),
        What::Read(Some(seq)) => json!({ "seq": seq }),
        _ => json!({}),
    };
    payload["roomId"] = room.into();
    (action.what.event(), payload)
}

/// The REST request of an action.
pub fn request(
    action: &Action,
    room: &str,
    ids: &[String],
    message_id: impl Fn(i64) -> String,
) -> (Method, String, Value) {
    let at = |rest: String| format!("/api/rooms/{room}{rest}");
    let message = |seq: i64| at(format!("/messages/{}", message_id(seq)));
    match &action.what {
        What::Join => (Method::POST, at("/join".into()), json!({})),
        What::Accept(token) => (
            Method::POST,
            format!("/api/rooms/invites/{token}/join"),
            json!({}),
        ),
        What::Invite { max_uses } => (
            Method::POST,
            at("/invites".into()),
            json!({ "maxUses": max_uses }),
        ),
        What::Leave => (Method::POST, at("/leave".into()), json!({})),
        What::Kick(who) => (
            Method::DELETE,
            at(format!("/users/{}", ids[*who])),
            Value::Null,
        ),
        What::Ban(who) => (Method::PUT, at(format!("/bans/{}", ids[*who])), Value::Null),
        What::Unban(who) => (
            Method::DELETE,
            at(format!("/bans/{}", ids[*who])),
            Value::Null,
        ),
        What::SetAdmin(who, admin) => {
            let role = if *admin { "admin" } else { "member" };
            let path = at(format!("/users/{}", ids[*who]));
            (Method::PATCH, path, json!({ "role": role }))
        }
        What::Post { content, client_id } => (
            Method::POST,
            at("/messages".into()),
            post(content, client_id.as_ref()),
        ),
        What::Edit(seq, content) => (Method::PATCH, message(*seq), json!({ "content": content })),
        What::Delete(seq) => (Method::DELETE, message(*seq), Value::Null),
        What::Read(up_to) => (
            Method::POST,
            at("/messages/read".into()),
            json!({ "seq": up_to }),
        ),
        What::History { after } => (
            Method::GET,
            at(format!("/messages?after={after}&limit=200")),
            Value::Null,
        ),
        What::Members => (Method::GET, at("/users?limit=200".into()), Value::Null),
        What::Attach | What::Open { .. } | What::Close | What::Typing(_) => {
            unreachable!("{action:?} is done by a connection")
        }
    }
}

/// The messages of a list.
pub fn messages(list: &Value) -> Vec<Message> {
    let list = list.as_array().unwrap().iter();
    list.map(|message| Message::new(message.clone())).collect()
}

fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or_else(|| panic!("{value}"))
}

/// Which person an id is.
pub fn who(id: &Value, ids: &[String]) -> Who {
    let place = ids.iter().position(|known| *id == **known);
    place.unwrap_or_else(|| panic!("nobody is {id}"))
}

fn members(list: &Value, ids: &[String]) -> Reply {
    let list = list.as_array().unwrap().iter();
    let mut members: Vec<_> = list
        .map(|member| {
            let is_admin = member["role"] == "admin";
            (
                who(&member["userId"], ids),
                is_admin,
                member.get("readSeq").map(number),
            )
        })
        .collect();
    members.sort_unstable();
    Reply::Members(members)
}

/// What REST answered.
pub fn answer(what: &What, answer: &Answer, ids: &[String]) -> Reply {
    let body = &answer.body;
    if answer.status >= 400 {
        return Reply::Refused(answer.code().to_owned());
    }
    match what {
        What::Join | What::Accept(_) => Reply::Joined {
            already: body["already"] == true,
            members: number(&body["room"]["memberCount"]),
        },
        What::Invite { .. } => Reply::Invited(body["token"].as_str().unwrap().to_owned()),
        What::Post { .. } => Reply::Posted {
            message: Message::new(body.clone()),
            repeated: Some(answer.status == 200),
        },
        What::Edit(..) | What::Delete(_) => Reply::Changed(Message::new(body.clone())),
        What::Read(_) => Reply::ReadUpTo(number(&body["readSeq"])),
        What::History { .. } => Reply::History {
            messages: messages(&body["messages"]),
            has_before: body["hasBefore"] == true,
            has_after: body["hasAfter"] == true,
            last_seq: number(&body["lastSeq"]),
        },
        What::Members => members(&body["users"], ids),
        _ => Reply::Done,
    }
}

/// What an ack says.
pub fn ack(what: &What, mut ack: Value, ids: &[String]) -> Reply {
    if ack["ok"] != true {
        let code = ack["error"]["code"].as_str();
        return Reply::Refused(code.unwrap_or_else(|| panic!("{ack}")).to_owned());
    }
    match what {
        What::Post { .. } => Reply::Posted {
            message: Message::new(ack["message"].take()),
            repeated: None,
        },
        What::Open { .. } => {
            ack.as_object_mut().unwrap().remove("ok");
            Reply::Opened(ack)
        }
        What::Read(_) => Reply::ReadUpTo(number(&ack["readSeq"])),
        What::Members => members(&ack["users"], ids),
        _ => Reply::Done,
    }
}

/// An event, in words.
pub enum Heard {
    /// Something that follows from actions, in the room of this id.
    Exact(String, Seen),
    /// Something that time has a say in: about whom, and in which room if in one.
    Loose(Who, Option<String>),
    /// The event beside an ack that says the same.
    Aside,
}

pub fn heard(name: &str, payload: Value, ids: &[String]) -> Heard {
    let about = |key: &str| who(&payload[key], ids);
    let is_permanent = payload["type"] == "permanent";
    let room = payload["roomId"].as_str().map(str::to_owned);
    let seen = match name {
        "receive_message" => Seen::Message(Message::new(payload)),
        "message_updated" => Seen::Updated(Message::new(payload)),
        "room_joined" => Seen::Opened(payload),
        "user_joined" if is_permanent => Seen::Came(about("userId")),
        "user_left" if is_permanent => Seen::Left {
            who: about("userId"),
            by: payload.get("by").map(|by| who(by, ids)),
        },
        "user_joined" | "user_left" | "user_typing" => {
            return Heard::Loose(about("userId"), room);
        }
        "user_status" => return Heard::Loose(about("userId"), None),
        "room_users" => return Heard::Aside,
        "room_added" => {
            let added = Seen::Added(number(&payload["memberCount"]));
            return Heard::Exact(payload["id"].as_str().unwrap().to_owned(), added);
        }
        "member_updated" => Seen::SetAdmin(about("userId"), payload["role"] == "admin"),
        "messages_read" => Seen::Read {
            who: about("userId"),
            seq: number(&payload["seq"]),
            id: payload["messageId"].clone(),
        },
        "error" => {
            let text = |key: &str| payload[key].as_str().unwrap_or_default().to_owned();
            Seen::Error(text("event"), text("code"))
        }
        _ => panic!("nobody knows of {name} {payload}"),
    };
    Heard::Exact(room.unwrap_or_else(|| panic!("{name} is in no room")), seen)
}
