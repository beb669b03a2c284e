//! All integration tests, in one binary. They act through the public face: HTTP, Socket.IO, the
//! command line; and assert on what a user could see.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod harness;

mod assets;
mod bad_events;
mod bounds;
mod cli;
mod config;
mod events;
mod faults;
mod gate;
mod guard;
mod health;
mod imports;
mod limits;
mod listener;
mod metrics;
mod names;
mod order;
mod plans;
mod presence;
mod property;
mod registration;
mod rest_accounts;
mod rest_errors;
mod rest_history;
mod rest_invites;
mod rest_members;
mod rest_messages;
mod rest_rooms;
mod sessions;
mod shutdown;
mod store;
mod story;
mod table;
mod tidy;
mod tokens;
mod told;
mod typing;
mod upgrade;
mod vital;
