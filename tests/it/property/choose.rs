//! Chooses what somebody does, and who.

use super::dice::Dice;
use super::plan::{Plan, Planner, Scene};
use super::terms::{Via, What, Who};

/// What somebody does.
#[derive(Clone, Copy)]
pub enum Kind {
    Post,
    Retry,
    Edit,
    Delete,
    Read,
    Join,
    Accept,
    Invite,
    Leave,
    Kick,
    Ban,
    Unban,
    SetAdmin,
    Open,
    Close,
    Typing,
    History,
    Members,
    RoomUsers,
}

/// How often each.
pub const KINDS: [(usize, Kind); 19] = [
    (34, Kind::Post),
    (7, Kind::Retry),
    (5, Kind::Edit),
    (3, Kind::Delete),
    (6, Kind::Read),
    (8, Kind::Join),
    (6, Kind::Accept),
    (2, Kind::Invite),
    (4, Kind::Leave),
    (5, Kind::Kick),
    (2, Kind::Ban),
    (4, Kind::Unban),
    (2, Kind::SetAdmin),
    (10, Kind::Open),
    (3, Kind::Close),
    (2, Kind::Typing),
    (3, Kind::History),
    (2, Kind::Members),
    (2, Kind::RoomUsers),
];

impl Planner {
    /// Adds what somebody does to a plan, if there is a way to do it.
    pub fn choose(&mut self, scene: &Scene, room: usize, kind: Kind, plan: &mut Plan) {
        let state = &scene.rooms[room];
        let who = self.somebody(state);
        let last = usize::try_from(state.last_seq()).unwrap();
        let some_seq = |dice: &mut Dice| {
            // The newest ones more often than others.
            let back = dice.below(last.max(1));
            let back = if dice.chance(70) { back.min(5) } else { back };
            i64::try_from(last.saturating_sub(back).max(1)).unwrap()
        };
        let what = match kind {
            Kind::Post => return self.post(scene, room, who, plan),
            Kind::Retry => return self.retry(scene, plan),
            Kind::Open | Kind::Close | Kind::Typing | Kind::RoomUsers => {
                return self.by_connection(scene, room, kind, plan);
            }
            Kind::Read => {
                let up_to = self.dice.chance(60).then(|| some_seq(&mut self.dice) + 1);
                let via = self.way(scene, who, plan);
                plan.push(room, who, via, What::Read(up_to));
                return;
            }
            Kind::Edit => {
                self.posts += 1;
                What::Edit(some_seq(&mut self.dice), format!("edit {}", self.posts))
            }
            Kind::Delete => What::Delete(some_seq(&mut self.dice)),
            Kind::Join => What::Join,
            Kind::Accept => {
                // Mostly the newest, which is the one that is good.
                let newest = state.invites.len().saturating_sub(1);
                let at = if self.dice.chance(85) {
                    newest
                } else {
                    self.dice.below(newest + 1)
                };
                match state.invites.get(at) {
                    Some(invite) => What::Accept(invite.token.clone()),
                    None => What::Invite { max_uses: None },
                }
            }
            Kind::Invite => What::Invite {
                max_uses: self
                    .dice
                    .chance(60)
                    .then(|| i64::try_from(self.dice.below(4)).unwrap() + 1),
            },
            Kind::Leave => What::Leave,
            Kind::Kick => What::Kick(self.somebody(state)),
            Kind::Ban => What::Ban(self.somebody(state)),
            Kind::Unban => {
                let banned = self.dice.pick(state.banned.iter().copied());
                What::Unban(banned.unwrap_or(who))
            }
            Kind::SetAdmin => What::SetAdmin(self.somebody(state), self.dice.chance(60)),
            Kind::History => What::History {
                after: some_seq(&mut self.dice) - 1,
            },
            Kind::Members => What::Members,
        };
        // Whoever may do it does it more often than others.
        let who = match &what {
            What::Join | What::Accept(_) => self.dice.below(self.people),
            What::Leave | What::History { .. } | What::Members => who,
            What::Edit(seq, _) | What::Delete(seq) if self.dice.chance(60) => {
                let author = state.message(*seq).map(|message| &message["username"]);
                let name = author.and_then(|name| name.as_str()?.strip_prefix("person"));
                name.and_then(|name| name.parse().ok()).unwrap_or(who)
            }
            _ if self.dice.chance(70) => state.creator,
            _ => who,
        };
        plan.push_unless_frozen(room, who, what);
    }

    fn post(&mut self, scene: &Scene, room: usize, who: Who, plan: &mut Plan) {
        let with_client_id = self.dice.chance(60);
        let what = self.message(room, who, with_client_id);
        let via = self.way(scene, who, plan);
        plan.push(room, who, via, what.clone());
        // Now and then a client loses patience and sends it again at once, by whatever way it has.
        if with_client_id && self.dice.chance(20) {
            let via = self.way(scene, who, plan);
            plan.push(room, who, via, what);
        }
    }

    /// A message is sent again, as it was or with another content.
    fn retry(&mut self, scene: &Scene, plan: &mut Plan) {
        let recent = self.sent.len().saturating_sub(40);
        let Some(mut sent) = self.dice.pick(self.sent[recent..].iter().cloned()) else {
            return;
        };
        if self.dice.chance(20) {
            sent.content.push_str(", or not");
        }
        let room = &scene.rooms[sent.room];
        let id = scene.devices.iter().find(|device| device.who == sent.who);
        let id = id
            .and_then(|device| device.session.as_ref())
            .map(|own| &own.id);
        let is_known = id.is_some_and(|id| room.by_client_id(id, &sent.client_id).is_some());
        if is_known && self.dice.chance(10) {
            // A known one belongs to its room; an unknown one could be taken in two at once.
            sent.room = self.dice.below(scene.rooms.len());
        }
        let via = self.way(scene, sent.who, plan);
        let what = What::Post {
            content: sent.content,
            client_id: Some(sent.client_id),
        };
        plan.push(sent.room, sent.who, via, what);
    }

    fn by_connection(&mut self, scene: &Scene, room: usize, kind: Kind, plan: &mut Plan) {
        let Some((device, link)) = self.link(scene, None, plan) else {
            return;
        };
        let device = &scene.devices[device];
        let via = self.by(link);
        match kind {
            Kind::Open => self.open(scene, room, device, link, plan),
            Kind::Close => drop(plan.push(room, device.who, via, What::Close)),
            Kind::RoomUsers => {
                plan.push(room, device.who, Via::Aside(link), What::Members);
            }
            _ => {
                let typing = What::Typing(self.dice.chance(50));
                plan.push(room, device.who, via, typing);
            }
        }
    }
}
