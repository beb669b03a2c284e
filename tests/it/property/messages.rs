//! The rules of messages.

use super::room::Room;
use super::rules::Facts;
use super::terms::{Action, Link, Message, Reply, Seen, Via};
use serde_json::Value;

type Ruled = Option<(Result<Reply, &'static str>, bool)>;

impl Room {
    pub fn post(
        &mut self,
        action: &Action,
        content: &str,
        client_id: Option<&str>,
        facts: &Facts,
        out: &mut Vec<(Link, Seen)>,
    ) -> Ruled {
        if let Err(code) = self.access(action.who) {
            return Some((Err(code), false));
        }
        let user = &facts.ids[action.who];
        let posted = |message: Message, repeated| Reply::Posted {
            message,
            repeated: (action.via == Via::Rest).then_some(repeated),
        };
        if let Some(client_id) = client_id {
            if let Some(first) = self.by_client_id(user, client_id) {
                let changed = first.is_edited() || first.is_deleted();
                return Some(if changed || first["content"] == content {
                    (Ok(posted(first.clone(), true)), false)
                } else {
                    (Err("client_id_conflict"), false)
                });
            }
            let key = (action.who, client_id.to_owned());
            if facts.claims.contains_key(&key) {
                return Some((Err("client_id_conflict"), false));
            }
        }
        // The order of new messages is the server's choice; they say what it was.
        let message = facts.after.fresh.get(self.fresh())?;
        let is_this = message["userId"] == *user
            && message["content"] == content
            && message["clientId"].as_str() == client_id
            && message["roomId"] == self.id
            && message.seq() == self.last_seq() + 1;
        if !is_this {
            return None;
        }
        self.push(message.clone());
        if let Some(member) = self.members.get_mut(&action.who)
            && member.read_seq == message.seq() - 1
        {
            member.read_seq += 1;
        }
        self.tell_open(&Seen::Message(message.clone()), out);
        Some((Ok(posted(message.clone(), false)), true))
    }

    pub fn edit(
        &mut self,
        action: &Action,
        seq: i64,
        content: &str,
        facts: &Facts,
        out: &mut Vec<(Link, Seen)>,
    ) -> Ruled {
        if let Err(code) = self.access(action.who) {
            return Some((Err(code), false));
        }
        let Some(before) = self.message(seq).filter(|one| !one.is_deleted()) else {
            return Some((Err("not_found"), false));
        };
        if before["userId"] != facts.ids[action.who] {
            return Some((Err("forbidden"), false));
        }
        let mut wanted = Value::clone(before);
        wanted["content"] = content.into();
        self.changed_into(action, wanted, "editedAt", out)
    }

    pub fn delete(
        &mut self,
        action: &Action,
        seq: i64,
        facts: &Facts,
        out: &mut Vec<(Link, Seen)>,
    ) -> Ruled {
        if let Err(code) = self.access(action.who) {
            return Some((Err(code), false));
        }
        let Some(before) = self.message(seq) else {
            return Some((Err("not_found"), false));
        };
        let is_admin = self.members[&action.who].is_admin;
        if before["userId"] != facts.ids[action.who] && !is_admin {
            return Some((Err("forbidden"), false));
        }
        if before.is_deleted() {
            return Some((Ok(Reply::Changed(before.clone())), false));
        }
        let mut wanted = Value::clone(before);
        wanted["content"] = "".into();
        self.changed_into(action, wanted, "deletedAt", out)
    }

    /// The answer is the message as it is wanted, and the time when it became so.
    fn changed_into(
        &mut self,
        action: &Action,
        mut wanted: Value,
        when: &str,
        out: &mut Vec<(Link, Seen)>,
    ) -> Ruled {
        let Some(Reply::Changed(message)) = &action.reply else {
            return None;
        };
        wanted[when] = message[when].clone();
        if wanted != **message || !message[when].is_string() {
            return None;
        }
        self.change(message.clone());
        self.tell_open(&Seen::Updated(message.clone()), out);
        Some((Ok(Reply::Changed(message.clone())), true))
    }
}
