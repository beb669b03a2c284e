//! The rules of a room, one after another: what each action is answered, and what is told of it.

use super::after::After;
use super::room::{Invite, Room};
use super::terms::{Action, Link, Reply, Seen, Via, What, Who};
use serde_json::{Value, json};
use std::collections::HashMap;

/// Missed messages that `join_room` tells at most.
const REPLAY: i64 = 100;
/// Messages that are asked for at once.
pub const PAGE: usize = 200;

/// What the model is told, because it cannot know it: ids, and which of several orders was taken.
pub struct Facts<'a> {
    pub after: &'a After,
    /// Everybody's id.
    pub ids: &'a [String],
    /// In which room each person's `clientId` was used before the round.
    pub claims: &'a HashMap<(Who, String), usize>,
}

/// What follows from an action, if it happens now.
pub struct Outcome {
    pub told: Vec<(Link, Seen)>,
    /// An ack that other messages may overtake: the server tells messages that follow each other in
    /// one go, and then acknowledges them.
    pub late: Option<(Link, Seen)>,
    /// Whether it changed nothing, and could not have changed anything later either.
    pub is_idle: bool,
}

type Ruling = Result<Reply, &'static str>;

impl Room {
    /// Does an action. Nothing if it cannot have happened now, because its answer would be another.
    pub fn apply(&mut self, action: &Action, facts: &Facts) -> Option<Outcome> {
        let (mut told, mut late) = (Vec::new(), None);
        let (ruling, changes) = self.rule(action, facts, &mut told)?;
        let reply = ruling.unwrap_or_else(|code| Reply::Refused(code.to_owned()));
        let is_refused = matches!(reply, Reply::Refused(_));
        let is_evident = match action.via {
            Via::Lost(_) => false,
            Via::NoAck(_) => is_refused,
            Via::Rest | Via::Ack(_) | Via::Aside(_) => true,
        };
        // These are answered alike whether they changed something or not.
        let is_ambiguous = matches!(
            action.what,
            What::Open { .. } | What::SetAdmin(..) | What::Ban(_)
        );
        let is_idle = !changes && is_evident && (is_refused || !is_ambiguous);
        match action.via {
            Via::Lost(_) => {}
            _ if action.what == What::Attach => {}
            Via::Rest | Via::Aside(_) => {
                if action.reply.as_ref() != Some(&reply) {
                    return None;
                }
            }
            Via::Ack(link) => {
                let ack = (link, Seen::Ack(action.id, reply));
                if changes && matches!(action.what, What::Post { .. }) {
                    late = Some(ack);
                } else {
                    told.push(ack);
                }
            }
            Via::NoAck(link) => {
                if let Reply::Refused(code) = reply {
                    told.push((link, Seen::Error(action.what.event().to_owned(), code)));
                }
            }
        }
        Some(Outcome {
            told,
            late,
            is_idle,
        })
    }

    fn rule(
        &mut self,
        action: &Action,
        facts: &Facts,
        out: &mut Vec<(Link, Seen)>,
    ) -> Option<(Ruling, bool)> {
        let who = action.who;
        let ruled = match &action.what {
            What::Attach => {
                self.links.insert(action.via.link()?, who);
                (Ok(Reply::Done), true)
            }
            What::Join => self.join(who, None, out),
            What::Accept(token) => self.join(who, Some(token), out),
            What::Invite { max_uses } => return self.invite(action, *max_uses),
            What::Leave => match self.access(who) {
                Err(code) => (Err(code), false),
                Ok(()) if who == self.creator => (Err("forbidden"), false),
                Ok(()) => {
                    self.remove(who, None, out);
                    (Ok(Reply::Done), true)
                }
            },
            What::Kick(target) => self.kick(who, *target, false, out),
            What::Ban(target) => self.kick(who, *target, true, out),
            What::Unban(target) => match self.as_admin(who) {
                Err(code) => (Err(code), false),
                Ok(()) if self.banned.remove(target) => (Ok(Reply::Done), true),
                Ok(()) => (Err("not_found"), false),
            },
            What::SetAdmin(target, admin) => self.set_admin(who, *target, *admin, out),
            What::Open { since, .. } => self.opens(action, *since, out),
            What::Close => {
                let was_open = self.open.remove(&action.via.link()?);
                (Ok(Reply::Done), was_open)
            }
            What::Typing(_) => {
                let is_open = self.open.contains(&action.via.link()?);
                (is_open.then_some(Reply::Done).ok_or("forbidden"), false)
            }
            What::Post { content, client_id } => {
                return self.post(action, content, client_id.as_deref(), facts, out);
            }
            What::Edit(seq, content) => return self.edit(action, *seq, content, facts, out),
            What::Delete(seq) => return self.delete(action, *seq, facts, out),
            What::Read(up_to) => self.read(action, *up_to, out),
            What::History { after } => (self.access(who).map(|()| self.history(*after)), false),
            What::Members if action.via == Via::Rest => {
                (self.access(who).map(|()| self.everybody()), false)
            }
            What::Members => (self.access(who).map(|()| self.room_users()), false),
        };
        Some(ruled)
    }

    /// What somebody is refused who is not in the room.
    pub fn access(&self, who: Who) -> Result<(), &'static str> {
        if self.members.contains_key(&who) {
            Ok(())
        } else if self.is_private {
            Err("not_found")
        } else {
            Err("not_a_member")
        }
    }

    fn as_admin(&self, who: Who) -> Result<(), &'static str> {
        self.access(who)?;
        if self.members[&who].is_admin {
            Ok(())
        } else {
            Err("forbidden")
        }
    }

    fn join(
        &mut self,
        who: Who,
        token: Option<&String>,
        out: &mut Vec<(Link, Seen)>,
    ) -> (Ruling, bool) {
        let joined = |room: &Self, already| {
            let members = room.count();
            Ok(Reply::Joined { already, members })
        };
        if self.members.contains_key(&who) {
            return (joined(self, true), false);
        }
        if token.is_none() && self.is_private {
            return (Err("not_found"), false);
        }
        if self.banned.contains(&who) {
            return (Err("banned"), false);
        }
        if let Some(token) = token {
            let invites = &mut self.invites;
            let Some(invite) = invites.iter_mut().find(|invite| invite.token == *token) else {
                return (Err("not_found"), false);
            };
            if invite.revoked || invite.max_uses == Some(invite.uses) {
                return (Err("invite_expired"), false);
            }
            invite.uses += 1;
        }
        self.enter(who, out);
        (joined(self, false), true)
    }

    fn invite(&mut self, action: &Action, max_uses: Option<i64>) -> Option<(Ruling, bool)> {
        if let Err(code) = self.access(action.who) {
            return Some((Err(code), false));
        }
        if action.who != self.creator {
            return Some((Err("forbidden"), false));
        }
        let Some(Reply::Invited(token)) = &action.reply else {
            return None;
        };
        for invite in &mut self.invites {
            invite.revoked = true;
        }
        self.invites.push(Invite {
            token: token.clone(),
            max_uses,
            uses: 0,
            revoked: false,
        });
        Some((Ok(Reply::Invited(token.clone())), true))
    }

    fn kick(
        &mut self,
        who: Who,
        target: Who,
        ban: bool,
        out: &mut Vec<(Link, Seen)>,
    ) -> (Ruling, bool) {
        if let Err(code) = self.as_admin(who) {
            return (Err(code), false);
        }
        if target == self.creator {
            return (Err("forbidden"), false);
        }
        let is_member = self.members.contains_key(&target);
        if !ban && !is_member {
            return (Err("not_found"), false);
        }
        let is_news = ban && self.banned.insert(target);
        if is_member {
            self.remove(target, Some(who).filter(|by| *by != target), out);
        }
        (Ok(Reply::Done), is_news || is_member)
    }

    fn set_admin(
        &mut self,
        who: Who,
        target: Who,
        is_admin: bool,
        out: &mut Vec<(Link, Seen)>,
    ) -> (Ruling, bool) {
        if let Err(code) = self.access(who) {
            return (Err(code), false);
        }
        if who != self.creator || target == self.creator {
            return (Err("forbidden"), false);
        }
        let Some(member) = self.members.get_mut(&target) else {
            return (Err("not_found"), false);
        };
        let is_news = member.is_admin != is_admin;
        member.is_admin = is_admin;
        if is_news {
            for member in self.members.keys() {
                self.tell_user(*member, None, &Seen::SetAdmin(target, is_admin), out);
            }
        }
        (Ok(Reply::Done), is_news)
    }

    fn opens(
        &mut self,
        action: &Action,
        since: Option<i64>,
        out: &mut Vec<(Link, Seen)>,
    ) -> (Ruling, bool) {
        if let Err(code) = self.access(action.who) {
            return (Err(code), false);
        }
        let member = self.members[&action.who];
        let missed = since.map_or(0, |since| (self.last_seq() - since).max(0));
        let complete = missed <= REPLAY;
        let mut replay = Vec::new();
        if let Some(since) = since.filter(|_| complete) {
            replay = self.after(since, PAGE);
        }
        let joined = json!({
            "roomId": self.id,
            "role": if member.is_admin { "admin" } else { "member" },
            "lastSeq": self.last_seq(),
            "readSeq": member.read_seq,
            "replayed": replay.len(),
            "complete": complete,
        });
        let mut is_news = false;
        if let Some(link) = action.via.link() {
            is_news = self.open.insert(link);
            out.extend(replay.into_iter().map(|one| (link, Seen::Message(one))));
            out.push((link, Seen::Opened(joined.clone())));
        }
        (Ok(Reply::Opened(joined)), is_news)
    }

    fn read(
        &mut self,
        action: &Action,
        up_to: Option<i64>,
        out: &mut Vec<(Link, Seen)>,
    ) -> (Ruling, bool) {
        if let Err(code) = self.access(action.who) {
            return (Err(code), false);
        }
        let seq = up_to.unwrap_or(i64::MAX).min(self.last_seq());
        let before = self.members[&action.who].read_seq;
        if seq <= before {
            return (Ok(Reply::ReadUpTo(before)), false);
        }
        if let Some(member) = self.members.get_mut(&action.who) {
            member.read_seq = seq;
        }
        let id = self
            .message(seq)
            .map_or(Value::Null, |one| one["id"].clone());
        let who = action.who;
        let read = Seen::Read { who, seq, id };
        self.tell_user(who, action.via.link(), &read, out);
        self.tell_others(who, &read, out);
        (Ok(Reply::ReadUpTo(seq)), true)
    }

    fn history(&self, after: i64) -> Reply {
        let messages = self.after(after, PAGE);
        let last_seq = self.last_seq();
        let ends = messages.first().zip(messages.last());
        let (has_before, has_after) = ends.map_or((last_seq > 0, false), |(first, last)| {
            (first.seq() > 1, last.seq() < last_seq)
        });
        Reply::History {
            messages,
            has_before,
            has_after,
            last_seq,
        }
    }

    /// Everybody in it, as REST lists them.
    pub fn everybody(&self) -> Reply {
        let members = self.members.iter();
        Reply::Members(
            members
                .map(|(who, member)| (*who, member.is_admin, Some(member.read_seq)))
                .collect(),
        )
    }

    /// Everybody in it, as `get_room_users` is answered.
    fn room_users(&self) -> Reply {
        let members = self.members.iter();
        Reply::Members(
            members
                .map(|(who, member)| (*who, member.is_admin, None))
                .collect(),
        )
    }
}
