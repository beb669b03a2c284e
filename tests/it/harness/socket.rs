//! A Socket.IO client in plain frames (Engine.IO 4, Socket.IO 5), so that tests can also send what no
//! library would.

use super::polling::Polling;
use super::soon;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::collections::VecDeque;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// How a client talks to the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    WebSocket,
    Polling,
    /// Polling first and then a WebSocket, as stock clients do unless they are told otherwise.
    Upgraded,
}

impl Transport {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::WebSocket, Self::Polling, Self::Upgraded];
}

enum Wire {
    WebSocket(Box<WebSocketStream<MaybeTlsStream<TcpStream>>>),
    Polling(Box<Polling>),
}

/// A connected client. Events and acks wait in it until a test takes them.
pub struct Socket {
    wire: Wire,
    events: VecDeque<(String, Value)>,
    acks: VecDeque<(u64, Value)>,
    next_ack: u64,
    /// Whether the server sent a DISCONNECT packet.
    pub disconnected: bool,
    /// Whether the transport is closed.
    pub closed: bool,
}

impl Socket {
    /// Connects with `auth`; the error is the payload of `connect_error`.
    pub async fn connect(url: &str, auth: Value, transport: Transport) -> Result<Self, Value> {
        let mut socket = Self::open(url, transport).await;
        socket.send_text(&format!("40{auth}")).await;
        loop {
            let packet = socket.packet().await.expect("an answer to CONNECT");
            if packet.starts_with("40") {
                if transport == Transport::Upgraded {
                    socket.upgrade().await;
                }
                return Ok(socket);
            }
            if let Some(refused) = packet.strip_prefix("44") {
                return Err(serde_json::from_str(refused).unwrap());
            }
        }
    }

    /// Where a session that polls may go on as a WebSocket.
    pub fn upgrade_url(&self) -> String {
        let Wire::Polling(polling) = &self.wire else {
            panic!("only polling is upgraded");
        };
        polling.upgrade_url()
    }

    /// Goes on over a WebSocket, without another poll.
    pub async fn upgrade(&mut self) {
        self.upgrade_amid(async {}).await;
    }

    /// The same, while something happens between the server's consent and the change.
    pub async fn upgrade_amid(&mut self, happens: impl Future<Output = ()>) {
        while let Wire::Polling(polling) = &mut self.wire
            && let Some(packet) = polling.held()
        {
            if packet == "2" {
                self.send_text("3").await;
            } else {
                self.take(&packet);
            }
        }
        let (mut stream, _) = connect_async(self.upgrade_url()).await.unwrap();
        stream.send(Message::text("2probe")).await.unwrap();
        let probed = soon("a probe", stream.next()).await.unwrap().unwrap();
        assert_eq!(probed, Message::text("3probe"));
        happens.await;
        stream.send(Message::text("5")).await.unwrap();
        self.wire = Wire::WebSocket(Box::new(stream));
    }

    /// Opens a session of the engine without CONNECT; one that is to be upgraded polls until then.
    pub async fn open(url: &str, transport: Transport) -> Self {
        let wire = match transport {
            Transport::WebSocket => {
                let address = url.replacen("http", "ws", 1);
                let path = "/socket.io/?EIO=4&transport=websocket";
                let (stream, _) = connect_async(format!("{address}{path}")).await.unwrap();
                Wire::WebSocket(Box::new(stream))
            }
            Transport::Polling | Transport::Upgraded => {
                Wire::Polling(Box::new(Polling::open(url).await))
            }
        };
        let mut socket = Self {
            wire,
            events: VecDeque::new(),
            acks: VecDeque::new(),
            next_ack: 0,
            disconnected: false,
            closed: false,
        };
        if transport == Transport::WebSocket {
            let open = socket.packet().await.expect("an open packet");
            assert!(open.starts_with('0'), "{open}");
        }
        socket
    }

    /// Sends a frame as it is.
    pub async fn send_text(&mut self, text: &str) {
        match &mut self.wire {
            Wire::WebSocket(stream) => {
                // A connection that was cut is seen when it is read from.
                let _ = stream.send(Message::text(text)).await;
            }
            Wire::Polling(polling) => {
                polling.send(text).await;
            }
        }
    }

    /// Sends a binary frame as it is (WebSocket only).
    pub async fn send_binary(&mut self, bytes: Vec<u8>) {
        let Wire::WebSocket(stream) = &mut self.wire else {
            panic!("binary frames go over WebSocket");
        };
        let _ = stream.send(Message::binary(bytes)).await;
    }

    /// Sends an event without an ack.
    pub async fn emit(&mut self, event: &str, payload: Value) {
        self.send_text(&format!("42{}", json!([event, payload])))
            .await;
    }

    /// Sends an event with an ack and gives the ack's number.
    pub async fn emit_for_ack(&mut self, event: &str, payload: Value) -> u64 {
        let id = self.next_ack;
        self.next_ack += 1;
        self.send_text(&format!("42{id}{}", json!([event, payload])))
            .await;
        id
    }

    /// Sends an event and waits for its ack: the whole of an `ok` one, or the error.
    pub async fn ask(&mut self, event: &str, payload: Value) -> Result<Value, Value> {
        let id = self.emit_for_ack(event, payload).await;
        let ack = self.ack(id).await;
        if ack["ok"] == true {
            Ok(ack)
        } else {
            Err(ack["error"].clone())
        }
    }

    /// Waits for the ack of that number.
    pub async fn ack(&mut self, id: u64) -> Value {
        soon("an ack", async {
            loop {
                if let Some(at) = self.acks.iter().position(|(other, _)| *other == id) {
                    return self.acks.remove(at).unwrap().1;
                }
                assert!(self.step().await, "closed while waiting for an ack");
            }
        })
        .await
    }

    /// Waits for the next event of a name; earlier events of other names stay.
    pub async fn next(&mut self, event: &str) -> Value {
        soon(event, async {
            loop {
                if let Some(at) = self.events.iter().position(|(name, _)| name == event) {
                    return self.events.remove(at).unwrap().1;
                }
                assert!(self.step().await, "closed while waiting for {event}");
            }
        })
        .await
    }

    /// Everything that was received up to now: whatever the server sent before it answered this.
    pub async fn seen(&mut self) -> Vec<(String, Value)> {
        let _ = self.ask("no_such_event", json!({})).await;
        self.events.drain(..).collect()
    }

    /// Waits until the server ended the connection; says whether by a DISCONNECT packet.
    pub async fn ended(&mut self) -> bool {
        soon("the end of the connection", async {
            while !self.disconnected && self.step().await {}
        })
        .await;
        self.disconnected
    }

    /// Takes one packet; `false` when the transport is closed.
    pub async fn step(&mut self) -> bool {
        match self.packet().await {
            Some(packet) => self.take(&packet),
            None => self.closed = true,
        }
        !self.closed
    }

    fn take(&mut self, packet: &str) {
        if packet == "41" {
            self.disconnected = true;
        } else if let Some(event) = packet.strip_prefix("42") {
            let event: Value = serde_json::from_str(event).unwrap();
            let name = event[0].as_str().unwrap().to_owned();
            self.events.push_back((name, event[1].clone()));
        } else if let Some(ack) = packet.strip_prefix("43") {
            let digits = ack.find('[').unwrap();
            let payload: Value = serde_json::from_str(&ack[digits..]).unwrap();
            self.acks
                .push_back((ack[..digits].parse().unwrap(), payload[0].clone()));
        } else if packet == "1" {
            self.closed = true;
        }
    }

    /// The next packet but pings, which are answered; nothing when the transport is closed.
    pub async fn packet(&mut self) -> Option<String> {
        loop {
            let packet = match &mut self.wire {
                Wire::WebSocket(stream) => match stream.next().await {
                    Some(Ok(Message::Text(text))) => text.to_string(),
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                    Some(Ok(_)) => continue,
                },
                Wire::Polling(polling) => polling.next().await?,
            };
            if packet == "2" {
                self.send_text("3").await;
            } else {
                return Some(packet);
            }
        }
    }

    /// Closes the transport without a word.
    pub async fn close(self) {
        match self.wire {
            Wire::WebSocket(mut stream) => {
                let _ = stream.close().await;
            }
            Wire::Polling(polling) => {
                polling.send("1").await;
            }
        }
    }
}
