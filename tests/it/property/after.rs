//! What REST says of a room after a round. Where several orders explain what everybody saw, it says
//! which of them it was; and whichever it was must agree with it.

use super::room::Room;
use super::rules::PAGE;
use super::terms::{Action, Message, Reply, What, Who};
use super::wire;
use crate::harness::Person;
use std::collections::BTreeSet;

#[derive(Default)]
pub struct After {
    /// The new messages, in their order.
    pub fresh: Vec<Message>,
    /// Messages that were edited or deleted, as they are now.
    changed: Vec<Message>,
    /// Nothing of a room that nobody did anything in.
    members: Option<Reply>,
    banned: Option<BTreeSet<Who>>,
    /// The token of the good invite, and how often it was used.
    invite: Option<(String, i64)>,
}

impl After {
    /// Asks as the room's creator, who is always in it, for what the round's actions touched.
    pub async fn fetch(creator: &Person, room: &Room, actions: &[Action], ids: &[String]) -> Self {
        let mut after = Self::default();
        let has = |kind: fn(&What) -> bool| actions.iter().any(|one| kind(&one.what));
        if !has(|what| *what != What::Attach) {
            return after;
        }
        let at = |rest: String| format!("/api/rooms/{}{rest}", room.id);
        let users = creator.get(&at("/users?limit=200".into())).await;
        after.members = Some(wire::answer(&What::Members, &users, ids));
        if has(|what| matches!(what, What::Post { .. })) {
            let path = format!("/messages?after={}&limit={PAGE}", room.last_seq());
            let page = creator.get(&at(path)).await.expect(200);
            assert_eq!(page["hasAfter"], false, "{page}");
            after.fresh = wire::messages(&page["messages"]);
        }
        if has(|what| matches!(what, What::Ban(_) | What::Unban(_))) {
            let bans = creator.get(&at("/bans?limit=200".into())).await.expect(200);
            let bans = bans["bans"].as_array().unwrap().iter();
            after.banned = Some(bans.map(|ban| wire::who(&ban["userId"], ids)).collect());
        }
        if has(|what| matches!(what, What::Invite { .. } | What::Accept(_))) {
            let invite = creator.get(&at("/invites".into())).await.expect(200);
            let token = invite["token"].as_str().unwrap().to_owned();
            after.invite = Some((token, invite["uses"].as_i64().unwrap()));
        }
        let changed: BTreeSet<i64> = actions
            .iter()
            .filter_map(|one| match one.what {
                What::Edit(seq, _) | What::Delete(seq) => Some(seq),
                _ => None,
            })
            .collect();
        for seq in changed {
            let path = format!("/messages?after={}&limit=1", seq - 1);
            let page = creator.get(&at(path)).await.expect(200);
            after.changed.extend(wire::messages(&page["messages"]));
        }
        after
    }

    /// Whether a room is as REST says.
    pub fn agrees_with(&self, room: &Room) -> bool {
        let good = room.invites.iter().rfind(|invite| !invite.revoked);
        let good = good.map(|invite| (&invite.token, invite.uses));
        let members = self.members.as_ref();
        room.fresh() == self.fresh.len()
            && members.is_none_or(|members| *members == room.everybody())
            && self
                .banned
                .as_ref()
                .is_none_or(|banned| *banned == room.banned)
            && self
                .invite
                .as_ref()
                .is_none_or(|(token, uses)| good == Some((token, *uses)))
            && self
                .changed
                .iter()
                .all(|message| room.message(message.seq()) == Some(message))
    }
}
