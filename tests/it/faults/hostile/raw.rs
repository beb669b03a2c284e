//! A WebSocket as bytes, for what no library would send (RFC 6455).

use super::super::super::harness::{Person, soon};
use serde_json::json;
use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

pub const CONTINUATION: u8 = 0;
pub const TEXT: u8 = 1;
pub const PING: u8 = 9;
/// The frame is its message's last.
pub const FINAL: u8 = 0x80;
/// The frame is masked, as each of a client's must be. A mask of zeros changes nothing.
const MASKED: u8 = 0x80;
const LONGEST_SHORT: u8 = 125;
const LENGTH_IN_2_BYTES: u8 = 126;
const LENGTH_IN_8_BYTES: u8 = 127;
const MASK: [u8; 4] = [0; 4];

/// The head of a frame that says that it has so many bytes.
pub fn head(kind: u8, length: u64) -> Vec<u8> {
    let mut head = vec![kind];
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ ..=LONGEST_SHORT), _) => head.push(MASKED | short),
        (_, Ok(middle)) => {
            head.push(MASKED | LENGTH_IN_2_BYTES);
            head.extend(middle.to_be_bytes());
        }
        _ => {
            head.push(MASKED | LENGTH_IN_8_BYTES);
            head.extend(length.to_be_bytes());
        }
    }
    head.extend(MASK);
    head
}

/// A whole frame.
pub fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = head(kind, payload.len() as u64);
    frame.extend(payload);
    frame
}

/// A text message in one frame.
pub fn text(text: &str) -> Vec<u8> {
    frame(FINAL | TEXT, text.as_bytes())
}

/// A connection whose upgrade to a WebSocket was answered.
pub struct Raw {
    pub read: OwnedReadHalf,
    pub write: OwnedWriteHalf,
}

impl Raw {
    /// A session of the engine that has not signed in; an error if the server takes no connection.
    pub async fn open(url: &str) -> io::Result<Self> {
        let address = url.strip_prefix("http://").unwrap();
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (read, write) = stream.into_split();
        let mut raw = Self { read, write };
        let request = format!(
            "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {address}\r\n\
             Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        raw.write.write_all(request.as_bytes()).await?;
        raw.until("0{\"sid\"").await?;
        Ok(raw)
    }

    /// The same, signed in; an error if the server cut it instead.
    pub async fn sign_in(person: &Person) -> io::Result<Self> {
        let mut raw = Self::open(&person.url).await?;
        let connect = format!("40{}", json!({ "token": person.token }));
        raw.write.write_all(&text(&connect)).await?;
        raw.until("40{\"sid\"").await?;
        Ok(raw)
    }

    /// Reads until this was read.
    pub async fn until(&mut self, words: &str) -> io::Result<()> {
        let (mut seen, mut bytes) = (Vec::new(), [0; 1024]);
        soon(words, async {
            while !contains(&seen, words) {
                let read = self.read.read(&mut bytes).await?;
                if read == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                seen.extend(&bytes[..read]);
            }
            Ok(())
        })
        .await
    }
}

/// Reads until the server ends the connection, however long that takes.
pub async fn ended(mut read: OwnedReadHalf) {
    let mut bytes = vec![0; 64 * 1024];
    while let Ok(1..) = read.read(&mut bytes).await {}
}

fn contains(bytes: &[u8], words: &str) -> bool {
    bytes
        .windows(words.len())
        .any(|window| window == words.as_bytes())
}
