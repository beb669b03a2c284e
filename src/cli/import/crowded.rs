//! Who comes to be in more rooms than anybody may come into. They are brought all the same: the bound keeps
//! people from piling up rooms, while what somebody has elsewhere is to be moved, be it a program that is in
//! every room. But whoever imports is told.

use super::check::Plan;
use crate::chat::MOST_ROOMS;
use crate::cli::backup::counted;
use crate::model::RoomId;
use std::collections::HashSet;
use std::fmt::Write;

/// So many are named.
const SHOWN: usize = 5;

/// Those who are in too many rooms.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::cli) struct Crowded(Vec<(i64, String)>);

impl Crowded {
    /// Looks at somebody who is in some rooms of the export and in some that are here.
    pub(super) fn look(&mut self, username: &str, brought: i64, here: i64) {
        let rooms = brought.saturating_add(here);
        if brought > 0 && rooms > MOST_ROOMS {
            self.0.push((rooms, username.to_owned()));
        }
    }

    /// Those who are so by an export alone.
    pub(super) fn of(plan: &Plan) -> Self {
        let mut crowded = Self::default();
        let brought = plan.rooms_of_each(&HashSet::new());
        for (user, brought) in plan.users.iter().zip(brought) {
            crowded.look(&user.username, brought, 0);
        }
        crowded
    }

    /// A sentence about them; nothing where there are none.
    pub fn words(&self) -> String {
        if self.0.is_empty() {
            return String::new();
        }
        let mut most: Vec<_> = self.0.iter().collect();
        most.sort_by(|(rooms, name), (other, after)| other.cmp(rooms).then(name.cmp(after)));
        let number = |rooms: i64| counted(rooms.unsigned_abs(), "room");
        let mut text = format!(
            " In more than the {} that anybody may come into:",
            number(MOST_ROOMS)
        );
        for (at, (rooms, name)) in most.iter().take(SHOWN).enumerate() {
            let comma = if at > 0 { "," } else { "" };
            // Writing to a text cannot fail.
            let _ = write!(text, "{comma} {name:?} ({})", number(*rooms));
        }
        if let Some(others) = most.len().checked_sub(SHOWN).filter(|others| *others > 0) {
            let _ = write!(text, " and {others} more");
        }
        text + "; they stay in them, and come into no other before they have left some."
    }
}

impl Plan {
    /// In how many rooms of the export each account is, in the accounts' order, but for rooms that are left
    /// out.
    pub fn rooms_of_each(&self, left_out: &HashSet<RoomId>) -> Vec<i64> {
        let mut rooms = vec![0; self.users.len()];
        for (room, members) in self.rooms.iter().zip(&self.members) {
            if left_out.contains(&room.id) {
                continue;
            }
            for member in members {
                if let Some(rooms) = rooms.get_mut(*member as usize) {
                    *rooms += 1;
                }
            }
        }
        rooms
    }
}
