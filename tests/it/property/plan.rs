//! Chooses what happens in a round: a few things at once, mostly in one room, by people who may and by
//! people who may not.

use super::choose::KINDS;
use super::device::Device;
use super::dice::Dice;
use super::room::Room;
use super::terms::{Action, Link, Via, What, Who};

/// Things that happen in a round at most, beside connections that come and go.
const AT_ONCE: usize = 8;
/// The same in a round now and then, so that many share a commit.
const MANY_AT_ONCE: usize = 32;
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

/// A message with a `clientId` that was sent some time ago.
#[derive(Clone)]
pub struct Sent {
    pub who: Who,
    pub room: usize,
    pub client_id: String,
    pub content: String,
}

pub struct Planner {
    pub dice: Dice,
    pub people: usize,
    pub posts: usize,
    pub sent: Vec<Sent>,
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
        let most = if self.dice.chance(8) {
            MANY_AT_ONCE
        } else {
            AT_ONCE
        };
        for _ in 0..=self.dice.below(most) {
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
                    self.open(scene, room, device, link, plan);
                }
            }
        }
    }

    pub fn open(
        &mut self,
        scene: &Scene,
        room: usize,
        device: &Device,
        link: Link,
        plan: &mut Plan,
    ) {
        let since = match self.dice.below(10) {
            0 => None,
            1 => Some(i64::try_from(self.dice.below(50)).unwrap()),
            // Just as much as is replayed, or a little less or more.
            2 => {
                let missed = i64::try_from(self.dice.below(4)).unwrap() + 98;
                Some((scene.rooms[room].last_seq() - missed).max(0))
            }
            _ => Some(device.seen[room]),
        };
        let quiet = self.dice.chance(30);
        let via = self.by(link);
        plan.push(room, device.who, via, What::Open { since, quiet });
    }

    pub fn by(&mut self, link: Link) -> Via {
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

    pub fn message(&mut self, room: usize, who: Who, with_client_id: bool) -> What {
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
    pub fn somebody(&mut self, room: &Room) -> Who {
        let member = self.dice.pick(room.members.keys().copied());
        member
            .filter(|_| self.dice.chance(75))
            .unwrap_or_else(|| self.dice.below(self.people))
    }

    /// A live connection that stays, of one person or of anybody.
    pub fn link(&mut self, scene: &Scene, who: Option<Who>, plan: &Plan) -> Option<(usize, Link)> {
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
    pub fn way(&mut self, scene: &Scene, who: Who, plan: &Plan) -> Via {
        match self.link(scene, Some(who), plan) {
            Some((_, link)) if self.dice.chance(70) => self.by(link),
            _ => Via::Rest,
        }
    }
}

impl Plan {
    /// What happens in a room.
    pub fn actions_in(&self, room: usize) -> Vec<Action> {
        let here = self.actions.iter().filter(|one| one.room == room);
        here.cloned().collect()
    }

    pub fn push(&mut self, room: usize, who: Who, via: Via, what: What) -> usize {
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

    pub fn push_unless_frozen(&mut self, room: usize, who: Who, what: What) {
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
