//! The server, the people, their devices, and the model beside it; one round after another.

use super::after::After;
use super::check::may_hear;
use super::device::{Connection, Device};
use super::explain::{Evidence, explain};
use super::plan::{End, Plan, Planner, Scene};
use super::room::{Invite, Room};
use super::rules::Facts;
use super::terms::{Action, Link, Seen, Via, What, Who};
use super::wire::{self, Heard};
use crate::harness::stream::Packet;
use crate::harness::{Answer, App, PASSWORD, Person, Transport};
use futures_util::future::{join, join_all};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write;

const PEOPLE: usize = 5;
/// Who makes each room, and whether it is private.
const ROOMS: [(Who, bool); 4] = [(0, false), (1, true), (2, false), (0, true)];
/// Whose each device is, how it connects, and whether it has a session of its own.
const DEVICES: [(Who, Transport, bool); 8] = [
    (0, Transport::WebSocket, false),
    (0, Transport::Polling, true),
    (1, Transport::WebSocket, false),
    (1, Transport::WebSocket, true),
    (2, Transport::WebSocket, false),
    (2, Transport::Polling, false),
    (3, Transport::WebSocket, true),
    (4, Transport::WebSocket, false),
];

type Request = (usize, Method, String, Value);

pub struct World {
    pub app: App,
    pub people: Vec<Person>,
    pub ids: Vec<String>,
    pub rooms: Vec<Room>,
    devices: Vec<Device>,
    planner: Planner,
    next_link: Link,
    claims: HashMap<(Who, String), usize>,
}

/// What a device does in a round.
#[derive(Default)]
struct Part {
    packets: Vec<String>,
    /// Over polling, in one body.
    together: bool,
    end: Option<End>,
    retries: Vec<Request>,
}

/// Does it, and says what the retries were answered.
async fn play(device: &mut Device, part: Part, people: &[Person]) -> Vec<(usize, Answer)> {
    let Some(connection) = &mut device.connection else {
        return Vec::new();
    };
    connection.send(&part.packets, part.together).await;
    match part.end {
        None => {}
        Some(End::Drop) => device.connection = None,
        Some(End::HangUp) => {
            if let Some(connection) = device.connection.take() {
                connection.hang_up().await;
            }
        }
        Some(End::SignOut) => {
            let session = device.session.take().unwrap();
            let signed_out = session.post("/api/auth/logout", Value::Null).await;
            signed_out.expect(204);
            connection.hear_the_end().await;
            let me = session.get("/api/users/me").await;
            me.expect_error(401, "unauthorized");
        }
    }
    let mut answers = Vec::new();
    for (id, method, path, body) in part.retries {
        answers.push((id, people[device.who].send(method, &path, body).await));
    }
    answers
}

/// The connection of a device, unless it was signed out.
fn live(device: &mut Device) -> Option<&mut Connection> {
    device.session.as_ref()?;
    device.connection.as_mut()
}

impl World {
    pub async fn new(seed: u64) -> Self {
        let app = App::start().await;
        let names: Vec<_> = (0..PEOPLE).map(|who| format!("person{who}")).collect();
        let people = join_all(names.iter().map(|name| app.person(name))).await;
        let ids = people.iter().map(|person| person.id.clone()).collect();
        let mut rooms = Vec::new();
        for (creator, is_private) in ROOMS {
            let name = format!("Room {}", rooms.len());
            let id = people[creator].room(&name, is_private).await;
            let path = format!("/api/rooms/{id}/invites");
            let invite = people[creator].post(&path, json!({})).await.expect(201);
            let mut room = Room::new(id, is_private, creator);
            room.invites.push(Invite {
                token: invite["token"].as_str().unwrap().to_owned(),
                max_uses: None,
                uses: 0,
                revoked: false,
            });
            rooms.push(room);
        }
        let devices = DEVICES
            .into_iter()
            .map(|(who, transport, own)| Device::new(who, transport, own, ROOMS.len()))
            .collect();
        Self {
            app,
            people,
            ids,
            rooms,
            devices,
            planner: Planner::new(seed, PEOPLE),
            next_link: 0,
            claims: HashMap::new(),
        }
    }

    /// Plays a round and checks it; says how many steps it had.
    pub async fn round(&mut self, story: &mut String) -> usize {
        let new = self.connect_some().await;
        let scene = Scene {
            rooms: &self.rooms,
            devices: &self.devices,
            new: &new,
        };
        let mut plan = self.planner.plan(&scene);
        story.clear();
        for action in plan.actions.iter().filter(|one| one.what != What::Attach) {
            writeln!(story, "  {action:?}").unwrap();
        }
        writeln!(story, "  {:?}", plan.partings).unwrap();
        self.perform(&mut plan, story).await;
        self.settle(&plan).await;
        let afterwards = self.fetch(&plan).await;
        let sights = self.observe(&mut plan);
        self.explain_all(&plan, &sights, &afterwards);
        self.remember(&sights);
        let done = plan.actions.iter().filter(|one| one.what != What::Attach);
        done.count() + plan.partings.len() + new.len()
    }

    async fn connect_some(&mut self) -> Vec<Link> {
        let mut coming = Vec::new();
        for device in &mut self.devices {
            if device.connection.is_none() && self.planner.dice.chance(35) {
                coming.push((self.next_link, device));
                self.next_link += 1;
            }
        }
        let (app, people) = (&self.app, &self.people);
        let coming = coming.into_iter().map(|(link, device)| async move {
            let owner = &people[device.who];
            if device.session.is_none() {
                device.session = Some(owner.clone());
                if device.has_own_session {
                    let body = json!({ "username": owner.name, "password": PASSWORD });
                    let answer = app.stranger().post("/api/auth/login", body).await;
                    device.session = Some(Person::new(app, &owner.name, answer.expect(200)));
                }
            }
            device.connect(link).await;
            link
        });
        join_all(coming).await
    }

    /// Everything at once; what one device sends keeps its order.
    async fn perform(&mut self, plan: &mut Plan, story: &mut String) {
        let mut parts: Vec<Part> = self.devices.iter().map(|_| Part::default()).collect();
        let mut requests = Vec::new();
        let retries: Vec<usize> = plan
            .partings
            .iter()
            .flat_map(|p| p.retries.clone())
            .collect();
        for action in plan.actions.iter().filter(|one| one.what != What::Attach) {
            if action.via == Via::Rest {
                if !retries.contains(&action.id) {
                    requests.push((action.who, self.request(action)));
                }
                continue;
            }
            let room = &self.rooms[action.room].id;
            let (event, payload) = wire::event(action, room);
            let mut devices = self.devices.iter_mut().zip(&mut parts);
            let own = devices.find(|(device, _)| device.link() == action.via.link());
            if let Some((device, part)) = own
                && let Some(connection) = &mut device.connection
            {
                let has_ack = matches!(action.via, Via::Ack(_) | Via::Aside(_));
                let ack = has_ack.then_some(action.id);
                part.packets.push(connection.packet(event, &payload, ack));
            }
        }
        for parting in &plan.partings {
            let part = &mut parts[parting.device];
            part.end = Some(parting.end);
            let retries = parting.retries.iter();
            part.retries = retries.map(|id| self.request(&plan.actions[*id])).collect();
        }
        for (device, part) in self.devices.iter().zip(&mut parts) {
            part.together = device.transport == Transport::Polling && self.planner.dice.chance(50);
        }
        let people = &self.people;
        let devices = self.devices.iter_mut().zip(parts);
        let devices = devices.map(|(device, part)| play(device, part, people));
        let rest = requests
            .into_iter()
            .map(|(who, (id, method, path, body))| async move {
                (id, people[who].send(method, &path, body).await)
            });
        let (answered, rest) = join(join_all(devices), join_all(rest)).await;
        for (id, answer) in answered.into_iter().flatten().chain(rest) {
            writeln!(story, "  {id}: {} {}", answer.status, answer.body).unwrap();
            let reply = wire::answer(&plan.actions[id].what, &answer, &self.ids);
            plan.actions[id].reply = Some(reply);
        }
    }

    fn request(&self, action: &Action) -> Request {
        let room = &self.rooms[action.room];
        let id = |seq| match room.message(seq) {
            Some(message) => message["id"].as_str().unwrap().to_owned(),
            // No message has the id of a room.
            None => room.id.clone(),
        };
        let (method, path, body) = wire::request(action, &room.id, &self.ids, id);
        (action.id, method, path, body)
    }

    /// Waits until the server has done everything that it was sent, and has told everybody.
    async fn settle(&mut self, plan: &Plan) {
        let asked: BTreeSet<Link> = plan
            .actions
            .iter()
            .filter_map(|one| one.via.link())
            .collect();
        // Whoever sent something first: what it did is then told before the others are asked.
        for everybody in [false, true] {
            let live = self.devices.iter_mut().filter_map(live);
            let settling = live.filter(|one| everybody || asked.contains(&one.link));
            for settled in join_all(settling.map(Connection::settle)).await {
                settled.unwrap();
            }
        }
    }

    async fn fetch(&self, plan: &Plan) -> Vec<After> {
        let fetches = self.rooms.iter().enumerate().map(|(at, room)| async move {
            let actions = plan.actions_in(at);
            After::fetch(&self.people[room.creator], room, &actions, &self.ids).await
        });
        join_all(fetches).await
    }

    /// What each connection saw of each room.
    fn observe(&mut self, plan: &mut Plan) -> Vec<BTreeMap<Link, Vec<Seen>>> {
        let mut sights: Vec<BTreeMap<Link, Vec<Seen>>> = vec![BTreeMap::new(); self.rooms.len()];
        for device in &mut self.devices {
            let Some(connection) = &mut device.connection else {
                continue;
            };
            let link = connection.link;
            for room in &mut sights {
                room.entry(link).or_default();
            }
            for packet in connection.heard.drain(..) {
                match packet {
                    Packet::Ack(id, ack) => {
                        let Some(action) = connection.asked[&id] else {
                            continue;
                        };
                        let action = &mut plan.actions[action];
                        let reply = wire::ack(&action.what, ack, &self.ids);
                        if matches!(action.via, Via::Aside(_)) {
                            action.reply = Some(reply);
                        } else {
                            let seen = sights[action.room].entry(link).or_default();
                            seen.push(Seen::Ack(action.id, reply));
                        }
                    }
                    Packet::Event(name, payload) => {
                        match wire::heard(&name, payload.clone(), &self.ids) {
                            Heard::Exact(room, seen) => {
                                let at = self.rooms.iter().position(|one| one.id == room).unwrap();
                                sights[at].entry(link).or_default().push(seen);
                            }
                            Heard::Loose(about, room) => {
                                let room = room.as_deref();
                                let may =
                                    may_hear(&self.rooms, plan, device.who, link, about, room);
                                assert!(may, "link {link} heard {name} {payload}");
                            }
                            Heard::Aside => {}
                        }
                    }
                    Packet::Disconnect => unreachable!("it is not kept"),
                }
            }
            connection.asked.clear();
        }
        sights
    }

    fn explain_all(
        &mut self,
        plan: &Plan,
        sights: &[BTreeMap<Link, Vec<Seen>>],
        afterwards: &[After],
    ) {
        let of = |end: fn(End) -> bool| -> BTreeSet<Link> {
            let partings = plan.partings.iter().filter(|one| end(one.end));
            partings.map(|one| one.link).collect()
        };
        let (gone, ended) = (of(|end| end != End::SignOut), of(|end| end == End::SignOut));
        for (at, room) in self.rooms.iter_mut().enumerate() {
            for link in &gone {
                room.forget(*link);
            }
            let actions = plan.actions_in(at);
            let evidence = Evidence {
                actions: &actions,
                seen: &sights[at],
                ended: &ended,
                facts: Facts {
                    after: &afterwards[at],
                    ids: &self.ids,
                    claims: &self.claims,
                },
            };
            *room = explain(room, &evidence).unwrap_or_else(|why| panic!("room {at}: {why}"));
            room.settle();
            for link in &ended {
                room.forget(*link);
            }
        }
        for (at, after) in afterwards.iter().enumerate() {
            for message in &after.fresh {
                if let Some(id) = message["clientId"].as_str() {
                    let who = wire::who(&message["userId"], &self.ids);
                    self.claims.insert((who, id.to_owned()), at);
                }
            }
        }
    }

    /// Devices remember what they have seen, to come back with; those that were signed out are off.
    fn remember(&mut self, sights: &[BTreeMap<Link, Vec<Seen>>]) {
        for device in &mut self.devices {
            let Some(link) = device.link() else {
                continue;
            };
            for (room, last) in sights.iter().zip(&mut device.seen) {
                for seen in room.get(&link).into_iter().flatten() {
                    match seen {
                        Seen::Message(message) => *last = message.seq().max(*last),
                        // What was too much would be fetched.
                        Seen::Opened(joined) if joined["complete"] == false => {
                            *last = joined["lastSeq"].as_i64().unwrap();
                        }
                        _ => {}
                    }
                }
            }
            if device.session.is_none() {
                device.connection = None;
            }
        }
    }
}
