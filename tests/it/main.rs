//! All integration tests, in one binary. They act through the public face: HTTP, Socket.IO, the
//! command line; and assert on what a user could see.

mod harness;

mod cli;
mod config;
mod gate;
mod guard;
mod listener;
mod order;
mod tidy;
