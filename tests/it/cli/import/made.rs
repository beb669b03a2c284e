//! Exports of many accounts and rooms, made up.

use std::fmt::Write;

/// When everything in them was made.
const AT: &str = "2026-01-02T03:04:05.678Z";

/// A room of such an export: what it is known by, and how many of the accounts are in it, the first ones.
#[derive(Clone, Copy)]
pub(super) struct MadeRoom {
    pub number: usize,
    pub members: usize,
}

impl MadeRoom {
    /// Its id.
    pub fn id(self) -> String {
        format!("400b0000-0000-4000-8000-{:012x}", self.number)
    }
}

/// The id of an account, counted from 1.
fn account(number: usize) -> String {
    format!("acc00000-0000-4000-8000-{number:012x}")
}

/// An export of so many accounts, `user1`, `user2` …, and of these rooms, which the first one owns.
pub(super) fn made(accounts: usize, rooms: &[MadeRoom]) -> String {
    let mut text = format!(
        "{{\"type\":\"export\",\"format\":1,\"madeBy\":\"a test\",\"createdAt\":\"{AT}\"}}\n"
    );
    for number in 1..=accounts {
        let id = account(number);
        writeln!(
            text,
            "{{\"type\":\"user\",\"id\":\"{id}\",\"username\":\"user{number}\",\"displayName\":\"user{number}\",\
             \"email\":\"user{number}@example.org\",\"passwordHash\":\"none\",\"isAdmin\":false,\"isDisabled\":false,\
             \"createdAt\":\"{AT}\",\"lastSeenAt\":null}}"
        )
        .unwrap();
    }
    let owner = account(1);
    for room in rooms {
        let id = room.id();
        writeln!(
            text,
            "{{\"type\":\"room\",\"id\":\"{id}\",\"name\":\"Room {}\",\"description\":null,\"isPrivate\":false,\
             \"createdBy\":\"{owner}\",\"createdAt\":\"{AT}\"}}",
            room.number
        )
        .unwrap();
        for member in 1..=room.members {
            let member = account(member);
            let is_admin = member == owner;
            writeln!(
                text,
                "{{\"type\":\"member\",\"roomId\":\"{id}\",\"userId\":\"{member}\",\"isAdmin\":{is_admin},\
                 \"joinedAt\":\"{AT}\",\"readSeq\":0}}"
            )
            .unwrap();
        }
    }
    let rooms = rooms.len();
    writeln!(
        text,
        "{{\"type\":\"end\",\"users\":{accounts},\"rooms\":{rooms},\"messages\":0}}"
    )
    .unwrap();
    text
}
