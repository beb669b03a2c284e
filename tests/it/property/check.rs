//! What holds at any time: what time alone tells goes to those it concerns, and REST agrees with the
//! model in everything.

use super::plan::Plan;
use super::room::Room;
use super::rules::PAGE;
use super::terms::{Link, What, Who};
use super::wire;
use super::world::World;
use crate::harness::Person;
use serde_json::Value;
use std::collections::BTreeMap;

/// Whether a connection may hear in this round that somebody opened or closed a room, types, came
/// online or went away. When exactly they hear it is time's choice.
pub fn may_hear(
    rooms: &[Room],
    plan: &Plan,
    who: Who,
    link: Link,
    about: Who,
    room: Option<&str>,
) -> bool {
    let entered = |room: usize, who: Who| {
        let mut actions = plan.actions.iter();
        actions.any(|one| {
            let enters = matches!(one.what, What::Join | What::Accept(_));
            enters && (one.room, one.who) == (room, who)
        })
    };
    let is_in = |room: usize, who| rooms[room].members.contains_key(&who) || entered(room, who);
    let opens = |room: usize| {
        let mut actions = plan.actions.iter();
        actions.any(|one| {
            let opens = matches!(one.what, What::Open { .. });
            opens && one.room == room && one.via.link() == Some(link)
        })
    };
    let mut places = (0..rooms.len()).filter(|at| room.is_none_or(|id| rooms[*at].id == id));
    about != who
        && match room {
            Some(_) => places.any(|at| rooms[at].open.contains(&link) || opens(at)),
            None => places.any(|at| is_in(at, who) && is_in(at, about)),
        }
}

/// Asks REST for everything, as everybody.
pub async fn everything(world: &World) {
    for room in &world.rooms {
        history(&world.people[room.creator], room).await;
        for (who, person) in world.people.iter().enumerate() {
            let path = format!("/api/rooms/{}/users?limit=200", room.id);
            let users = person.get(&path).await;
            let Err(code) = room.access(who) else {
                let listed = wire::answer(&What::Members, &users, &world.ids);
                assert_eq!(listed, room.everybody());
                continue;
            };
            let status = if room.is_private { 404 } else { 403 };
            users.expect_error(status, code);
            let messages = format!("/api/rooms/{}/messages?after=0", room.id);
            person.get(&messages).await.expect_error(status, code);
            let shown = person.get(&format!("/api/rooms/{}", room.id)).await;
            if room.is_private {
                shown.expect_error(404, "not_found");
            } else {
                assert_eq!(shown.expect(200).get("role"), None);
            }
        }
    }
    for (who, person) in world.people.iter().enumerate() {
        own_rooms(world, who, person).await;
    }
}

/// A room's history has every number once and is what everybody was told.
async fn history(person: &Person, room: &Room) {
    let mut last = 0;
    loop {
        let path = format!("/api/rooms/{}/messages?after={last}&limit={PAGE}", room.id);
        let page = person.get(&path).await.expect(200);
        assert_eq!(page["lastSeq"], room.last_seq());
        for message in page["messages"].as_array().unwrap() {
            last += 1;
            assert_eq!(message["seq"], last);
            assert_eq!(Some(message), room.message(last).map(|known| &**known));
        }
        if page["hasAfter"] == false {
            break;
        }
    }
    assert_eq!(last, room.last_seq());
}

/// The list of somebody's own rooms, with how far they have read.
async fn own_rooms(world: &World, who: Who, person: &Person) {
    let page = person.get("/api/rooms?scope=mine&limit=200").await;
    let page = page.expect(200);
    let listed: BTreeMap<_, _> = page["rooms"]
        .as_array()
        .unwrap()
        .iter()
        .map(|room| {
            let numbers = ["lastSeq", "readSeq", "unread"].map(|key| room[key].clone());
            (
                room["id"].as_str().unwrap(),
                (numbers, room["lastMessage"]["id"].clone()),
            )
        })
        .collect();
    let member_of = world.rooms.iter().filter_map(|room| {
        let read = room.members.get(&who)?.read_seq;
        let last = room.last_seq();
        let numbers = [last, read, last - read].map(Value::from);
        let message = room
            .message(last)
            .map_or(Value::Null, |one| one["id"].clone());
        Some((room.id.as_str(), (numbers, message)))
    });
    assert_eq!(listed, member_of.collect());
}
