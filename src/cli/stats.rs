//! `chatd stats`: how much there is.

use super::door::{Door, unexpected};
use super::table::table;
use super::{Failure, Places, block_on, print};
use crate::model::size;
use crate::server::control::{Answer, Live, Request, Stats as Shown};
use clap::Args;

const EXAMPLES: &str = "\
Examples:
  chatd stats
  chatd stats --json | jq .messages

With --json it is one object of {accounts, sessions, rooms, privateRooms, messages, databaseBytes, \
logBytes, live}; live is {peopleOnline, sockets, version} while a server runs, and null otherwise. What \
a monitor should see all the time is in /metrics: \"chatd config default\" says how to turn it on.";

/// Show how much there is: accounts, rooms, messages, connections, bytes
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Stats {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Stats {
    pub(super) fn run(self, places: Places) -> Result<(), Failure> {
        let door = Door::new(places.load_quietly()?, false)?;
        let stats = block_on(ask(door))?;
        if self.json {
            let text = serde_json::to_string(&stats).map_err(Failure::failed)?;
            return print(&format!("{text}\n"));
        }
        print(&as_table(&stats))
    }
}

async fn ask(mut door: Door) -> Result<Shown, Failure> {
    let answer = door.ask(&Request::Stats).await;
    let is_served = door.is_served();
    door.close().await;
    match answer? {
        Answer::Stats(stats) => Ok(Shown {
            live: stats.live.filter(|_| is_served),
            ..stats
        }),
        _ => Err(unexpected()),
    }
}

fn as_table(stats: &Shown) -> String {
    let running = |number: fn(&Live) -> u64| {
        let number = stats.live.as_ref().map(|live| number(live).to_string());
        number.unwrap_or_else(|| "no server runs".to_owned())
    };
    let rows = [
        ("accounts", stats.accounts.to_string()),
        ("sessions", stats.sessions.to_string()),
        (
            "rooms",
            format!("{} ({} private)", stats.rooms, stats.private_rooms),
        ),
        ("messages", stats.messages.to_string()),
        ("people online", running(|live| live.people_online)),
        ("sockets", running(|live| live.sockets)),
        ("database", size(stats.database_bytes)),
        ("its log", size(stats.log_bytes)),
    ];
    table(&rows.map(|(name, value)| [name.to_owned(), value]))
}
