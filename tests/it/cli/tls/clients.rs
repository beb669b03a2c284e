//! Clients within TLS that stay.

use super::super::{Running, START, place};
use super::{Authority, serve};
use futures_util::{SinkExt, StreamExt};
use rustix::process::Signal;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use serde_json::json;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

type Socket = WebSocketStream<TlsStream<TcpStream>>;

/// Asks for something within TLS; gives the answer's body.
async fn post(server: &Running, trust: &Arc<ClientConfig>, path: &str, body: String) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = secure(server, trust).await;
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    // Fails unless the end of what is said is said, too.
    stream.read_to_string(&mut answer).await.unwrap();
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}

async fn secure(server: &Running, trust: &Arc<ClientConfig>) -> TlsStream<TcpStream> {
    let stream = TcpStream::connect(server.address).await.unwrap();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let connector = TlsConnector::from(Arc::clone(trust));
    connector.connect(name, stream).await.unwrap()
}

/// The next packet of the engine.
async fn next(socket: &mut Socket) -> String {
    let packet = timeout(START, socket.next()).await.unwrap();
    packet.unwrap().unwrap().into_text().unwrap().to_string()
}

#[tokio::test]
async fn a_websocket_within_tls_carries_events_and_outlives_a_new_certificate() {
    let (place, authority) = (place(), Authority::new());
    let server = serve(&place, &authority.pair(), &[]);
    let trust = authority.trust(&["http/1.1"]);
    let account = json!({"username": "ada", "email": "ada@example.org", "password": "longenough"});
    let signed_in = post(&server, &trust, "/api/auth/register", account.to_string()).await;
    let signed_in: serde_json::Value = serde_json::from_str(&signed_in).unwrap();

    let url = format!(
        "wss://{}/socket.io/?EIO=4&transport=websocket",
        server.address
    );
    let (mut socket, _) = client_async(url, secure(&server, &trust).await)
        .await
        .unwrap();
    let open = next(&mut socket).await;
    assert!(open.starts_with("0{"), "{open}");
    let hello = format!("40{}", json!({"token": signed_in["token"]}));
    socket.send(Message::text(hello)).await.unwrap();
    // A ping may come before the answer.
    while !next(&mut socket).await.starts_with("40{") {}

    super::written(&place, &authority.pair());
    server.signal(Signal::HUP);
    let deadline = tokio::time::Instant::now() + START;
    while server.log().matches("the certificate is in use").count() < 2 {
        assert!(tokio::time::Instant::now() < deadline, "{}", server.log());
        tokio::task::yield_now().await;
    }
    // Larger than a TLS record, and than what is read at once.
    let query = "x".repeat(40_000);
    let event = json!(["get_room_users", {"roomId": query}]);
    socket
        .send(Message::text(format!("427{event}")))
        .await
        .unwrap();
    let ack = loop {
        let packet = next(&mut socket).await;
        if packet.starts_with("43") {
            break packet;
        }
    };
    assert!(ack.starts_with("437[{\"ok\":false"), "{ack}");
    server.stop();
}
