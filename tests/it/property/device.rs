//! A device of somebody's: it connects, sends, notes what it is sent, and goes away.

use super::terms::{Link, Who};
use crate::harness::stream::Packet;
use crate::harness::{Person, Socket, Transport, soon};
use serde_json::{Value, json};
use std::collections::HashMap;

/// A room that nobody made: closing it only takes its turn.
const NOWHERE: &str = "00000000-0000-4000-8000-000000000000";

/// A live connection.
pub struct Connection {
    pub link: Link,
    pub socket: Socket,
    /// What came in this round.
    pub heard: Vec<Packet>,
    /// The action that each ack answers; nothing for the device's own.
    pub asked: HashMap<u64, Option<usize>>,
    next_ack: u64,
}

pub struct Device {
    pub who: Who,
    pub transport: Transport,
    /// A sign-in of this device's own, which may end; else it uses its owner's.
    pub has_own_session: bool,
    /// Whose token it connects with.
    pub session: Option<Person>,
    pub connection: Option<Connection>,
    /// For each room, up to which message it has seen all.
    pub seen: Vec<i64>,
}

impl Device {
    pub fn new(who: Who, transport: Transport, has_own_session: bool, rooms: usize) -> Self {
        Self {
            who,
            transport,
            has_own_session,
            session: None,
            connection: None,
            seen: vec![0; rooms],
        }
    }

    pub fn link(&self) -> Option<Link> {
        self.connection.as_ref().map(|connection| connection.link)
    }

    /// Connects with the token of its session.
    pub async fn connect(&mut self, link: Link) {
        let session = self.session.as_ref().unwrap();
        let auth = json!({ "token": session.token });
        let socket = soon(
            "a connection",
            Socket::connect(&session.url, auth, self.transport),
        );
        self.connection = Some(Connection {
            link,
            socket: socket.await.expect("the server accepts the token"),
            heard: Vec::new(),
            asked: HashMap::new(),
            next_ack: 0,
        });
    }
}

impl Connection {
    /// The packet of an event, with an ack for an action or without.
    pub fn packet(&mut self, event: &str, payload: &Value, action: Option<usize>) -> String {
        let Some(action) = action else {
            return format!("42{}", json!([event, payload]));
        };
        let id = self.ask(Some(action));
        format!("42{id}{}", json!([event, payload]))
    }

    fn ask(&mut self, action: Option<usize>) -> u64 {
        let id = self.next_ack;
        self.next_ack += 1;
        self.asked.insert(id, action);
        id
    }

    /// Sends packets, over polling in one body if they are to be `together`.
    pub async fn send(&mut self, packets: &[String], together: bool) {
        if together {
            self.socket.send_text(&packets.join("\x1e")).await;
        } else {
            for packet in packets {
                self.socket.send_text(packet).await;
            }
        }
    }

    /// A round trip behind everything that the server has to do: notes what comes until everything
    /// that was asked is answered. An error if the connection ends instead.
    pub async fn settle(&mut self) -> Result<(), String> {
        let id = self.ask(None);
        let barrier = json!(["leave_room", { "roomId": NOWHERE }]);
        self.socket.send_text(&format!("42{id}{barrier}")).await;
        let mut waiting: Vec<u64> = self.asked.keys().copied().collect();
        for heard in &self.heard {
            if let Packet::Ack(id, _) = heard {
                waiting.retain(|other| other != id);
            }
        }
        while !waiting.is_empty() {
            let text = soon("a round trip", self.socket.packet()).await;
            let text = text.ok_or_else(|| format!("link {} was cut", self.link))?;
            let Some(packet) = Packet::read(&text) else {
                continue;
            };
            if let Packet::Ack(id, _) = &packet {
                waiting.retain(|other| other != id);
            }
            if packet == Packet::Disconnect {
                return Err(format!("link {} was disconnected", self.link));
            }
            self.heard.push(packet);
        }
        Ok(())
    }

    /// Says goodbye to the engine, but not to Socket.IO, and waits until the server has seen it, and
    /// so everything that was sent before. What comes meanwhile is lost.
    pub async fn hang_up(mut self) {
        self.socket.send_text("1").await;
        soon("the end", async {
            while self.socket.packet().await.is_some() {}
        })
        .await;
    }

    /// Notes what comes until the server ends the session.
    pub async fn hear_the_end(&mut self) {
        loop {
            let text = soon("DISCONNECT", self.socket.packet()).await;
            match Packet::read(&text.expect("DISCONNECT comes before the end")) {
                Some(Packet::Disconnect) => return,
                Some(packet) => self.heard.push(packet),
                None => {}
            }
        }
    }
}
