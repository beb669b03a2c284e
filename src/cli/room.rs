//! `chatd room`: everybody's rooms, whether or not the server runs.

use super::confirm::confirm;
use super::door::{Door, unexpected};
use super::table::{lines_of_json, table};
use super::{Failure, Places, block_on, print, say};
use crate::model::RoomId;
use crate::server::control::{Answer, Request, Room as Shown};
use clap::{Args, Subcommand};

const EXAMPLES: &str = "\
Examples:
  chatd room list
  chatd room show 6f1c2a52-0d7e-4a4e-9c5b-0f6f1b1f7c11
  chatd room delete 6f1c2a52-0d7e-4a4e-9c5b-0f6f1b1f7c11 --yes

While a server runs on the data folder the commands go through it and hold at once; otherwise they \
change the folder themselves. Run them as the same user of the machine as the server.";

const LIST_EXAMPLES: &str = "\
Examples:
  chatd room list
  chatd room list --json | jq -r '.[] | select(.messages == 0) | .id'

With --json it is one array of {id, name, isPrivate, createdBy, createdAt, members, messages}, the \
oldest room first.";

const SHOW_EXAMPLES: &str = "\
Examples:
  chatd room show 6f1c2a52-0d7e-4a4e-9c5b-0f6f1b1f7c11
  chatd room show 6f1c2a52-0d7e-4a4e-9c5b-0f6f1b1f7c11 --json | jq .members";

const DELETE_EXAMPLES: &str = "\
Examples:
  chatd room delete 6f1c2a52-0d7e-4a4e-9c5b-0f6f1b1f7c11         asks first
  chatd room delete 6f1c2a52-0d7e-4a4e-9c5b-0f6f1b1f7c11 --yes   does not

The room is gone for everybody at once, with all that was written in it, and nothing brings it back \
but a backup. Its members are told.";

/// See and delete rooms, whether or not the server runs
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Room {
    #[command(subcommand)]
    command: RoomCommand,
}

#[derive(Debug, Subcommand)]
enum RoomCommand {
    /// Show all rooms
    #[command(after_help = LIST_EXAMPLES)]
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show one room
    #[command(after_help = SHOW_EXAMPLES)]
    Show {
        /// The room's id, as "chatd room list" shows it
        #[arg(value_parser = super::room_id)]
        id: RoomId,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Delete a room with all that was written in it
    #[command(after_help = DELETE_EXAMPLES)]
    Delete {
        /// The room's id, as "chatd room list" shows it
        #[arg(value_parser = super::room_id)]
        id: RoomId,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

impl Room {
    pub(super) fn run(self, places: Places) -> Result<(), Failure> {
        let config = places.load_quietly()?;
        let mut door = Door::new(config.clone(), false)?;
        match self.command {
            RoomCommand::List { json } => {
                let rooms = block_on(all(door))?;
                print(&if json {
                    lines_of_json(&rooms)?
                } else {
                    as_table(&rooms)
                })
            }
            RoomCommand::Show { id, json } => {
                let room = block_on(one(door, Request::ShowRoom { id }))?;
                print(&if json {
                    let text = serde_json::to_string(&room).map_err(Failure::failed)?;
                    format!("{text}\n")
                } else {
                    in_full(&room)
                })
            }
            RoomCommand::Delete { id, yes } => {
                if !yes {
                    let room = block_on(one(door, Request::ShowRoom { id }))?;
                    confirm(&format!(
                        "Delete the room {:?} of {:?} for everybody (members: {}, messages: {})?",
                        room.name, room.created_by, room.members, room.messages
                    ))?;
                    // The folder is not kept from a server while somebody thinks about it.
                    door = Door::new(config, false)?;
                }
                let room = block_on(one(door, Request::DeleteRoom { id }))?;
                say(&format!("The room {:?} was deleted.", room.name));
                Ok(())
            }
        }
    }
}

async fn one(mut door: Door, request: Request) -> Result<Shown, Failure> {
    let answer = door.ask(&request).await;
    door.close().await;
    match answer? {
        Answer::Room(room) => Ok(room),
        _ => Err(unexpected()),
    }
}

/// All rooms, the oldest first.
async fn all(mut door: Door) -> Result<Vec<Shown>, Failure> {
    let rooms = pages(&mut door).await;
    door.close().await;
    let mut rooms = rooms?;
    rooms.sort_by(|a, b| (&a.created_at, &a.id).cmp(&(&b.created_at, &b.id)));
    Ok(rooms)
}

async fn pages(door: &mut Door) -> Result<Vec<Shown>, Failure> {
    let mut rooms = Vec::new();
    let mut cursor = None;
    loop {
        let Answer::Rooms {
            rooms: more,
            next_cursor,
        } = door.ask(&Request::ListRooms { cursor }).await?
        else {
            return Err(unexpected());
        };
        rooms.extend(more);
        if next_cursor.is_none() {
            return Ok(rooms);
        }
        cursor = next_cursor;
    }
}

fn kind(room: &Shown) -> &'static str {
    if room.is_private { "private" } else { "public" }
}

fn as_table(rooms: &[Shown]) -> String {
    if rooms.is_empty() {
        say("There are no rooms yet; people make them in the web UI.");
        return String::new();
    }
    let head = [
        "ID", "NAME", "KIND", "CREATOR", "MEMBERS", "MESSAGES", "CREATED",
    ];
    let rows = rooms.iter().map(|room| {
        [
            room.id.clone(),
            room.name.clone(),
            kind(room).to_owned(),
            room.created_by.clone(),
            room.members.to_string(),
            room.messages.to_string(),
            room.created_at.clone(),
        ]
    });
    table(
        &std::iter::once(head.map(str::to_owned))
            .chain(rows)
            .collect::<Vec<_>>(),
    )
}

fn in_full(room: &Shown) -> String {
    let description = room.description.clone().unwrap_or_default();
    let rows = [
        ("id", room.id.clone()),
        ("name", room.name.clone()),
        ("description", description),
        ("kind", kind(room).to_owned()),
        ("creator", room.created_by.clone()),
        ("created", room.created_at.clone()),
        ("members", room.members.to_string()),
        ("messages", room.messages.to_string()),
    ];
    table(&rows.map(|(name, value)| [name.to_owned(), value]))
}
