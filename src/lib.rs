//! chatd: a self-hosted chat server. REST and Socket.IO in front, SQLite inside, one process.
//!
//! A command is a function from a transaction and an input to a reply and events. Commands run one
//! after another on the writer, many to a commit. After the commit the fan-out tells their events in
//! commit order, and gives each reply after its own command's events. Queries run beside it.
//!
//! The arrows between the folders run one way (`tests/it/tidy.rs` holds this):
//!
//! ```text
//! model, config ← store ← chat ← realtime, http ← server ← cli ← main
//! ```
//!
//! - [`model`]: ids, validated names, records, events, counters. Plain data.
//! - [`config`]: what may be configured, with defaults; file < environment < flag.
//! - [`store`]: everything durable: the writer with its group commit, the readers, the queries.
//! - [`chat`]: the domain. Every rule, limit and notification is here.
//! - [`realtime`]: the Socket.IO shell: handshake, admission in order, events, fan-out.
//! - [`http`]: the REST shell and the web UI's files.
//! - [`server`]: puts the parts together; the listener, TLS, the data folder, backups, start and stop.
//! - [`cli`]: the command line.

pub mod chat;
pub mod cli;
pub mod config;
pub mod http;
pub mod model;
pub mod realtime;
pub mod server;
pub mod store;
