//! Chooses what happens in a round: a few things at once, mostly in one room, by people who may and by
//! people who may not.

use super::device::Device;
use super::dice::Dice;
use super::room::Room;
use super::terms::{Action, Link, Via, What, Who};

/// Things that happen in a round at most, beside connections that come and go.
const AT_ONCE: usize = 8;
/// Messages that a connection sends at most with its last breath.
const LAST_WORDS: usize = 3;

/// How a connection ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum End {
    /// Its transport is closed in order: what was sent before has arrived.
    HangUp,
    /// It is gone: what was sent before may have arrived or not.
    Drop,
    /// Its session is signed out.
    SignOut,
}

#[derive(Debug)]
pub struct Parting {
    pub device: usize,
    pub link: Link,
    pub end: End,
    /// Posts that are tried again once it is gone, one after another.
    pub retries: Vec<usize>,
}

#[derive(Default)]
pub struct Plan {
    pub actions: Vec<Action>,
    pub partings: Vec<Parting>,
    /// Memberships that stay as they are, because it is not known when what was sent arrives.
    frozen: Vec<(Who, usize)>,
}

#[derive(Clone, Copy)]
enum Kind {
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

const KINDS: [(usize, Kind); 19] = [
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

/// A message with a `clientId` that was sent some time ago.
#[derive(Clone)]
struct Sent {
    who: Who,
    room: usize,
    client_id: String,
    content: String,
}

pub struct Planner {
    pub dice: Dice,
    people: usize,
    posts: usize,
    sent: Vec<Sent>,
}

/// What there is to plan with.
pub struct Scene<'a> {
    pub rooms: &'a [Room],
    pub devices: &'a [Device],
    /// Connections that were made in this round.
    pub new: &'a [Link],
}

impl Planner {
    pub fn new(seed: u64, people: usize) -> Self {
        Self {
            dice: Dice::new(seed),
            people,
            posts: 0,
            sent: Vec::new(),
        }
    }

    pub fn plan(&mut self, scene: &Scene) -> Plan {
        let mut plan = Plan::default();
        self.welcome(scene, &mut plan);
        for (device, state) in scene.devices.iter().enumerate() {
            let is_new = state.link().is_none_or(|link| scene.new.contains(&link));
            if !is_new && self.dice.chance(4) {
                self.part(scene, device, &mut plan);
            }
        }
        let hot = self.dice.below(scene.rooms.len());
        for _ in 0..=self.dice.below(AT_ONCE) {
            let room = if self.dice.chance(70) {
                hot
            } else {
                self.dice.below(scene.rooms.len())
            };
            let kind = self.dice.weighted(&KINDS);
            self.choose(scene, room, kind, &mut plan);
        }
        plan
    }

    /// New connections come to be, and open the rooms that their device had open or could open.
    fn welcome(&mut self, scene: &Scene, plan: &mut Plan) {
        for device in scene.devices {
            let Some(link) = device.link().filter(|link| scene.new.contains(link)) else {
                continue;
            };
            for room in 0..scene.rooms.len() {
                plan.push(room, device.who, Via::Lost(link), What::Attach);
            }
            for (room, state) in scene.rooms.iter().enumerate() {
                if state.members.contains_key(&device.who) && self.dice.chance(80) {
                    self.open(room, device, link, plan);
                }
            }
        }
    }

    fn open(&mut self, room: usize, device: &Device, link: Link, plan: &mut Plan) {
        let since = match self.dice.below(10) {
            0 => None,
            1 => Some(i64::try_from(self.dice.below(50)).unwrap()),
            _ => Some(device.seen[room]),
        };
        let quiet = self.dice.chance(30);
        let via = self.by(link);
        plan.push(room, device.who, via, What::Open { since, quiet });
    }

    fn by(&mut self, link: Link) -> Via {
        if self.dice.chance(75) {
            Via::Ack(link)
        } else {
            Via::NoAck(link)
        }
    }

    /// A connection ends, perhaps while it is sending.
    fn part(&mut self, scene: &Scene, device: usize, plan: &mut Plan) {
        let state = &scene.devices[device];
        let Some(link) = state.link() else {
            return;
        };
        let end = if state.has_own_session && self.dice.chance(30) {
            End::SignOut
        } else if self.dice.chance(50) {
            End::HangUp
        } else {
            End::Drop
        };
        let words = if end == End::SignOut {
            0
        } else {
            self.dice.below(LAST_WORDS + 1)
        };
        let mut retries = Vec::new();
        for _ in 0..words {
            let room = self.dice.below(scene.rooms.len());
            let is_member = scene.rooms[room].members.contains_key(&state.who);
            if end == End::Drop && !is_member {
                // It could arrive after they have become one.
                continue;
            }
            let what = self.message(room, state.who, true);
            let last = plan.push(room, state.who, Via::Lost(link), what.clone());
            plan.actions[last].may_be_lost = end == End::Drop;
            if end == End::Drop {
                plan.frozen.push((state.who, room));
            }
            if end == End::Drop || self.dice.chance(50) {
                retries.push(plan.push(room, state.who, Via::Rest, what));
            }
        }
        plan.partings.push(Parting {
            device,
            link,
            end,
            retries,
        });
    }

    fn message(&mut self, room: usize, who: Who, with_client_id: bool) -> What {
        self.posts += 1;
        let content = format!("message {}", self.posts);
        let client_id = with_client_id.then(|| format!("client-{}", self.posts));
        if let Some(client_id) = client_id.clone() {
            let content = content.clone();
            self.sent.push(Sent {
                who,
                room,
                client_id,
                content,
            });
        }
        What::Post { content, client_id }
    }

    /// Somebody for a room: mostly a member.
    fn somebody(&mut self, room: &Room) -> Who {
        let member = self.dice.pick(room.members.keys().copied());
        member
            .filter(|_| self.dice.chance(75))
            .unwrap_or_else(|| self.dice.below(self.people))
    }

    /// A live connection that stays, of one person or of anybody.
    fn link(&mut self, scene: &Scene, who: Option<Who>, plan: &Plan) -> Option<(usize, Link)> {
        let parts = |device| plan.partings.iter().any(|parting| parting.device == device);
        let devices = scene.devices.iter().enumerate();
        let stay =
            devices.filter(|(at, device)| !parts(*at) && who.is_none_or(|who| device.who == who));
        let links: Vec<_> = stay
            .filter_map(|(at, device)| Some((at, device.link()?)))
            .collect();
        self.dice.pick(links)
    }

    /// How somebody sends a message: by a connection, if there is one, or by REST.
    fn way(&mut self, scene: &Scene, who: Who, plan: &Plan) -> Via {
        match self.link(scene, Some(who), plan) {
            Some((_, link)) if self.dice.chance(70) => self.by(link),
            _ => Via::Rest,
        }
    }

    fn choose(&mut self, scene: &Scene, room: usize, kind: Kind, plan: &mut Plan) {
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
            Kind::Open => self.open(room, device, link, plan),
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

impl Plan {
    /// What happens in a room.
    pub fn actions_in(&self, room: usize) -> Vec<Action> {
        let here = self.actions.iter().filter(|one| one.room == room);
        here.cloned().collect()
    }

    fn push(&mut self, room: usize, who: Who, via: Via, what: What) -> usize {
        let id = self.actions.len();
        self.actions.push(Action {
            id,
            room,
            who,
            via,
            what,
            reply: None,
            may_be_lost: false,
        });
        id
    }

    fn push_unless_frozen(&mut self, room: usize, who: Who, what: What) {
        let touched = match &what {
            What::Kick(target) | What::Ban(target) | What::Unban(target) => *target,
            _ => who,
        };
        let moves = !matches!(
            what,
            What::Edit(..) | What::Delete(_) | What::History { .. } | What::Members
        );
        if !(moves && self.frozen.contains(&(touched, room))) {
            self.push(room, who, Via::Rest, what);
        }
    }
}
