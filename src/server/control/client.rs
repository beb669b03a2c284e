//! The command line's end of the control socket.

use super::{Answer, Code, DEADLINE, LINE_BYTES, Outcome, Refusal, Request, Whereabouts, place};
use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::time::timeout;

/// A server that has not answered after so long will not: a request may wait once for its turn and
/// once for its own deadline.
const PATIENCE: Duration = DEADLINE.saturating_mul(2);

/// Why a running server was not asked, or gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Nobody listens, or whoever did stopped before it took the request.
    #[error("no server runs on this data folder")]
    Nobody,
    /// It took too long.
    #[error(
        "the server did not answer within {} s, and it is unknown whether this was done; its log may say more",
        PATIENCE.as_secs()
    )]
    TooSlow,
    /// The answer makes no sense.
    #[error(
        "the running server's answer is not understood; it may be another version of chatd, so restart it"
    )]
    Strange,
    /// The system refused the connection.
    #[error(
        "the data folder or its control socket cannot be used: {0}; run this as the user whom the data folder belongs to"
    )]
    System(#[source] io::Error),
}

impl From<io::Error> for AskError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::NotFound
            | ErrorKind::NotADirectory
            | ErrorKind::ConnectionRefused
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe => Self::Nobody,
            _ => Self::System(error),
        }
    }
}

/// Asks the server that runs on `folder` to perform a request.
///
/// # Errors
/// [`AskError::Nobody`] when no server runs there; then nothing was done, unless the server was
/// killed just before it answered.
pub async fn ask(folder: &Path, request: &Request) -> Result<Outcome, AskError> {
    let mut line = serde_json::to_vec(request).map_err(io::Error::from)?;
    line.push(b'\n');
    if line.len() > LINE_BYTES {
        let text = format!("what was given is too long: a request has {LINE_BYTES} bytes at most");
        return Ok(Err(Refusal::new(Code::InvalidInput, text)));
    }
    timeout(PATIENCE, exchange(folder, &line))
        .await
        .unwrap_or(Err(AskError::TooSlow))
}

/// Whether a server takes requests for `folder` now. One that is starting or stopping does not, nor
/// does a command that has the folder for itself.
pub async fn is_served(folder: &Path) -> bool {
    connect(folder).await.is_ok()
}

/// Where the server of a folder is; nothing if it is of another version, which does not say.
///
/// # Errors
/// [`AskError::Nobody`] when no server runs there.
pub async fn whereabouts(folder: &Path) -> Result<Option<Whereabouts>, AskError> {
    match ask(folder, &Request::Whereabouts).await? {
        Ok(Answer::Whereabouts(found)) => Ok(found),
        _ => Ok(None),
    }
}

async fn connect(folder: &Path) -> io::Result<UnixStream> {
    let handle = File::open(folder)?;
    UnixStream::connect(place::socket(folder, &handle)).await
}

async fn exchange(folder: &Path, line: &[u8]) -> Result<Outcome, AskError> {
    let mut stream = connect(folder).await?;
    stream.write_all(line).await?;
    let mut answer = Vec::new();
    BufReader::new(stream.take(LINE_BYTES as u64))
        .read_until(b'\n', &mut answer)
        .await?;
    if answer.is_empty() {
        return Err(AskError::Nobody);
    }
    serde_json::from_slice(&answer).map_err(|_| AskError::Strange)
}
