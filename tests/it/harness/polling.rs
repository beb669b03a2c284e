//! HTTP long-polling, as Engine.IO 4 does it.

use std::collections::VecDeque;

const SEPARATOR: char = '\x1e';

/// A polling session.
pub struct Polling {
    http: reqwest::Client,
    url: String,
    packets: VecDeque<String>,
}

impl Polling {
    pub async fn open(url: &str) -> Self {
        let http = reqwest::Client::new();
        let url = format!("{url}/socket.io/?EIO=4&transport=polling");
        let open = http.get(&url).send().await.unwrap().text().await.unwrap();
        let open: serde_json::Value = serde_json::from_str(&open[1..]).unwrap();
        let sid = open["sid"].as_str().unwrap();
        Self {
            url: format!("{url}&sid={sid}"),
            http,
            packets: VecDeque::new(),
        }
    }

    /// Where the same session goes on as a WebSocket.
    pub fn upgrade_url(&self) -> String {
        let url = self.url.replacen("http", "ws", 1);
        url.replace("transport=polling", "transport=websocket")
    }

    /// The next packet of the last answer, without another poll.
    pub fn held(&mut self) -> Option<String> {
        self.packets.pop_front()
    }

    /// Sends one packet, or several that are separated already; says whether they were taken. A session
    /// that was closed is also seen when it is read from.
    pub async fn send(&self, packets: &str) -> bool {
        let sent = self
            .http
            .post(&self.url)
            .header("content-type", "text/plain;charset=UTF-8")
            .body(packets.to_owned())
            .send()
            .await;
        sent.is_ok_and(|answer| answer.status().is_success())
    }

    /// The next packet; nothing when the session is closed.
    pub async fn next(&mut self) -> Option<String> {
        loop {
            if let Some(packet) = self.packets.pop_front() {
                return Some(packet).filter(|packet| packet != "1");
            }
            let answer = self.http.get(&self.url).send().await.ok()?;
            if !answer.status().is_success() {
                return None;
            }
            let body = answer.text().await.ok()?;
            if body.is_empty() {
                return None;
            }
            self.packets
                .extend(body.split(SEPARATOR).map(str::to_owned));
        }
    }
}
