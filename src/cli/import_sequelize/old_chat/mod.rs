//! The chat that is taken over: read, translated, and handed to the importer.
//!
//! `address` and `tls` say how to get there. `database` reads rows of `old` from tables that `schema` finds;
//! `accounts`, `rooms` and `messages` make entries of them and say in `notes` what could not stay as it was;
//! `source` tells the entries.

mod accounts;
mod address;
mod database;
mod failures;
mod ids;
mod messages;
mod names;
mod notes;
mod old;
mod rooms;
mod schema;
mod source;
mod tls;

use super::ImportSequelize;
use crate::chat::Clock;
use crate::cli::backup::{blocking, interruptible};
use crate::cli::import::bring_in;
use crate::cli::{Failure, Places, block_on, print, say};
use address::Address;
use database::Database;
use notes::Notes;
use serde::Serialize;
use source::OldChat;
use std::sync::{Arc, Mutex, PoisonError};

/// What programs are told.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<N: Serialize> {
    dry_run: bool,
    users: u64,
    known_users: u64,
    rooms: u64,
    known_rooms: u64,
    messages: u64,
    notes: N,
}

/// Does what the command line asks for.
pub(super) fn take_over(asked: ImportSequelize, places: Places) -> Result<(), Failure> {
    let address = Address::read(&asked.url.0, asked.tls, asked.tls_ca)?;
    let config = places.load_quietly()?;
    let options = asked.options;
    if !address.is_encrypted() && !address.is_here() {
        say(&format!(
            "The connection to {} is not encrypted; --tls has it so.",
            address.server()
        ));
    }
    let notes = Arc::new(Mutex::new(Notes::default()));
    let noted = notes.clone();
    let now = Clock::default().now();
    let summary = block_on(async {
        let old = blocking(move || OldChat::read(Database::open(address)?, now, noted));
        let old = interruptible(old).await?;
        bring_in(config, old, options).await
    })?;
    let mut notes = notes.lock().unwrap_or_else(PoisonError::into_inner);
    notes.close();
    say(&format!("{}{}", notes.words(), summary.words(options)));
    if asked.json {
        let report = Report {
            dry_run: options.dry_run,
            users: summary.users,
            known_users: summary.known_users,
            rooms: summary.rooms,
            known_rooms: summary.known_rooms,
            messages: summary.messages,
            notes: notes.report(),
        };
        let text = serde_json::to_string(&report).map_err(Failure::failed)?;
        return print(&format!("{text}\n"));
    }
    Ok(())
}
