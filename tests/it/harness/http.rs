//! REST, as a person uses it.

use super::{App, Socket, Transport};
use reqwest::Method;
use serde_json::{Value, json};

/// What a request was answered.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    /// `null` where there is no JSON.
    pub body: Value,
}

impl Answer {
    /// The error's code; empty when there is none.
    pub fn code(&self) -> &str {
        self.body["error"]["code"].as_str().unwrap_or_default()
    }

    /// Checks the status and hands the body on.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        self.body
    }

    /// Checks that it was refused like this.
    #[track_caller]
    pub fn expect_error(self, status: u16, code: &str) -> Value {
        assert_eq!((self.status, self.code()), (status, code), "{self:?}");
        assert!(self.headers.contains_key("x-request-id"), "{self:?}");
        self.body["error"].clone()
    }
}

/// Somebody who uses a server.
#[derive(Clone)]
pub struct Person {
    pub name: String,
    pub id: String,
    pub token: String,
    pub url: String,
    http: reqwest::Client,
}

impl Person {
    pub fn new(app: &App, name: &str, signed_in: Value) -> Self {
        Self::at(&app.url(), &app.http, name, signed_in)
    }

    /// Somebody who was given this answer by the server at `url`.
    pub fn at(url: &str, http: &reqwest::Client, name: &str, mut signed_in: Value) -> Self {
        let text = |value: &mut Value| match value.take() {
            Value::String(text) => text,
            _ => String::new(),
        };
        Self {
            name: name.to_owned(),
            id: text(&mut signed_in["user"]["id"]),
            token: text(&mut signed_in["token"]),
            url: url.to_owned(),
            http: http.clone(),
        }
    }

    /// The same person with another token.
    pub fn with_token(&self, token: &str) -> Self {
        Self {
            token: token.to_owned(),
            ..self.clone()
        }
    }

    /// Sends a request; a token is sent if there is one, a body unless it is `null`.
    pub async fn send(&self, method: Method, path: &str, body: Value) -> Answer {
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        if !body.is_null() {
            request = request.json(&body);
        }
        Self::answer(request.send().await.unwrap()).await
    }

    /// Sends bytes as they are.
    pub async fn send_raw(&self, method: Method, path: &str, kind: &str, body: Vec<u8>) -> Answer {
        let request = self
            .http
            .request(method, format!("{}{path}", self.url))
            .bearer_auth(&self.token)
            .header("content-type", kind)
            .body(body);
        Self::answer(request.send().await.unwrap()).await
    }

    /// Reads an answer.
    pub async fn answer(response: reqwest::Response) -> Answer {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.text().await.unwrap();
        Answer {
            status,
            headers,
            body: serde_json::from_str(&body).unwrap_or(Value::Null),
        }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, Value::Null).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, body).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PATCH, path, body).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PUT, path, body).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, Value::Null).await
    }

    /// Makes a room and gives its id.
    pub async fn room(&self, name: &str, is_private: bool) -> String {
        let body = json!({ "name": name, "isPrivate": is_private });
        let room = self.post("/api/rooms", body).await.expect(201);
        room["id"].as_str().unwrap().to_owned()
    }

    /// Joins a public room.
    pub async fn join(&self, room: &str) {
        let path = format!("/api/rooms/{room}/join");
        self.post(&path, json!({})).await.expect(200);
    }

    /// Posts a message and gives it.
    pub async fn say(&self, room: &str, content: &str) -> Value {
        let path = format!("/api/rooms/{room}/messages");
        let body = json!({ "content": content });
        self.post(&path, body).await.expect(201)
    }

    /// Connects over WebSocket.
    pub async fn connect(&self) -> Socket {
        self.connect_by(Transport::WebSocket).await
    }

    /// Connects, and waits until the server has the connection in its place: whatever happens from
    /// then on is told to it.
    pub async fn connect_by(&self, transport: Transport) -> Socket {
        let mut socket = Socket::connect(&self.url, json!({ "token": self.token }), transport)
            .await
            .expect("the server accepts the token");
        let nowhere = json!({ "roomId": uuid::Uuid::new_v4() });
        socket.ask("leave_room", nowhere).await.unwrap();
        socket
    }

    /// Connects and opens a room.
    pub async fn connect_to(&self, room: &str) -> Socket {
        let mut socket = self.connect().await;
        socket
            .ask("join_room", json!({ "roomId": room }))
            .await
            .expect("the room opens");
        socket.next("room_joined").await;
        socket
    }
}
