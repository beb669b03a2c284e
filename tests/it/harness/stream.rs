//! A WebSocket client in two halves, for tests that send without waiting while they receive.

use futures_util::stream::SplitStream;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, client_async};

type Stream = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// What a server sends on the namespace `/`, but CONNECT.
#[derive(Debug, Clone, PartialEq)]
pub enum Packet {
    Event(String, Value),
    Ack(u64, Value),
    Disconnect,
}

impl Packet {
    /// Reads a packet of the engine; nothing if it is none that Socket.IO looks at.
    pub fn read(text: &str) -> Option<Self> {
        if text.starts_with("41") {
            return Some(Self::Disconnect);
        }
        if let Some(event) = text.strip_prefix("42") {
            let mut event: Value = serde_json::from_str(event).unwrap();
            let name = event[0].as_str().unwrap().to_owned();
            return Some(Self::Event(name, event[1].take()));
        }
        let ack = text.strip_prefix("43")?;
        let (id, payload) = ack.split_at(ack.find('[').unwrap());
        let mut payload: Value = serde_json::from_str(payload).unwrap();
        Some(Self::Ack(id.parse().unwrap(), payload[0].take()))
    }
}

/// The half that sends. Nothing waits for the server: what it does not read yet waits here.
pub struct Sending {
    queue: UnboundedSender<String>,
    next_ack: u64,
}

/// The half that receives. It answers pings.
pub struct Receiving {
    stream: SplitStream<Stream>,
    queue: UnboundedSender<String>,
}

/// Connects to `http://…` with a token.
pub async fn connect(url: &str, token: &str) -> (Sending, Receiving) {
    let address = url.strip_prefix("http://").unwrap();
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    connect_over(stream, url, token).await
}

/// The same over a connection that is open already.
pub async fn connect_over(stream: TcpStream, url: &str, token: &str) -> (Sending, Receiving) {
    let address = url.replacen("http", "ws", 1);
    let request = format!("{address}/socket.io/?EIO=4&transport=websocket");
    let request = request.into_client_request().unwrap();
    let (mut stream, _) = client_async(request, MaybeTlsStream::Plain(stream))
        .await
        .unwrap();
    let hello = format!("40{}", json!({ "token": token }));
    stream.send(Message::text(hello)).await.unwrap();
    let (sink, stream) = stream.split();
    let (queue, waiting) = unbounded_channel();
    tokio::spawn(pump(waiting, sink));
    let mut receiving = Receiving {
        stream,
        queue: queue.clone(),
    };
    let welcome = super::soon("CONNECT", receiving.text_with("40")).await;
    assert!(welcome.is_some(), "the server accepts the token");
    (Sending { queue, next_ack: 0 }, receiving)
}

/// Sends what waits until both halves are gone or the connection is.
async fn pump(mut waiting: UnboundedReceiver<String>, mut sink: impl SinkExt<Message> + Unpin) {
    while let Some(text) = waiting.recv().await {
        if sink.feed(Message::text(text)).await.is_err() {
            return;
        }
        if waiting.is_empty() && sink.flush().await.is_err() {
            return;
        }
    }
}

impl Sending {
    /// Queues an event without an ack.
    pub fn emit(&self, event: &str, payload: &Value) {
        self.send(format!("42{}", json!([event, payload])));
    }

    /// Queues an event with an ack and gives the ack's number; they count from 0.
    pub fn emit_for_ack(&mut self, event: &str, payload: &Value) -> u64 {
        let id = self.next_ack;
        self.next_ack += 1;
        self.send(format!("42{id}{}", json!([event, payload])));
        id
    }

    fn send(&self, text: String) {
        // A connection that was cut is seen by the half that receives.
        let _ = self.queue.send(text);
    }
}

impl Receiving {
    /// The next packet; nothing when the transport is closed.
    pub async fn next(&mut self) -> Option<Packet> {
        loop {
            if let Some(packet) = Packet::read(&self.text().await?) {
                return Some(packet);
            }
        }
    }

    /// The next ack of any number, past everything else.
    pub async fn ack(&mut self) -> Option<(u64, Value)> {
        loop {
            if let Packet::Ack(id, ack) = self.next().await? {
                return Some((id, ack));
            }
        }
    }

    async fn text_with(&mut self, start: &str) -> Option<String> {
        loop {
            let text = self.text().await?;
            if text.starts_with(start) {
                return Some(text);
            }
        }
    }

    async fn text(&mut self) -> Option<String> {
        loop {
            match self.stream.next().await? {
                Ok(Message::Text(text)) if text.as_str() == "2" => {
                    let _ = self.queue.send("3".to_owned());
                }
                Ok(Message::Text(text)) => return Some(text.to_string()),
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }
}
