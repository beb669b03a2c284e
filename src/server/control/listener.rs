//! The server's end of the control socket.

use super::super::data_folder::DataFolder;
use super::{DEADLINE, Desk, LINE_BYTES, Outcome, Refusal, Request, perform, place};
use crate::chat::Code;
use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};

/// So many connections are open at once; further ones wait in the kernel's queue.
const CONNECTIONS: u32 = 16;
/// The rights of the socket: its owner's only.
const SOCKET_MODE: u32 = 0o600;
/// After a failed accept, as when there are no file descriptors left, the next try waits so long.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);
/// At the end requests that are being performed get so long to finish.
const STOP_WAIT: Duration = Duration::from_secs(5);

/// A control socket that takes requests until it is closed or dropped.
#[derive(Debug)]
pub struct Control {
    socket: PathBuf,
    connections: Arc<Semaphore>,
    stop: watch::Sender<bool>,
    accepting: JoinHandle<()>,
}

impl Control {
    /// Takes requests for `chat` from now on. Must be called within a Tokio runtime.
    ///
    /// # Errors
    /// What the system says when the socket cannot be made.
    pub fn open(folder: &DataFolder, desk: Desk) -> io::Result<Self> {
        let socket = folder.control_socket();
        // Whoever owns the folder's lock knows that a socket which is there is a dead one's.
        remove(&socket)?;
        let address = place::socket(folder.path(), folder.handle());
        let listener = UnixListener::bind(&address)?;
        // The folder keeps others out until this is done.
        std::fs::set_permissions(&address, Permissions::from_mode(SOCKET_MODE))?;
        let connections = Arc::new(Semaphore::new(CONNECTIONS as usize));
        let (stop, stopping) = watch::channel(false);
        let accepting = tokio::spawn(accept(listener, connections.clone(), desk, stopping));
        Ok(Self {
            socket,
            connections,
            stop,
            accepting,
        })
    }

    /// Takes no more requests, lets those that are being performed finish, for at most 5 s and not
    /// beyond `deadline`, and removes the socket. To be called while the store is still open and the
    /// folder locked.
    pub async fn close(mut self, deadline: Instant) {
        let deadline = deadline.min(Instant::now() + STOP_WAIT);
        self.stop.send_replace(true);
        // The task's panic was told where it happened.
        let _ = timeout_at(deadline, &mut self.accepting).await;
        let all = self.connections.acquire_many(CONNECTIONS);
        if timeout_at(deadline, all).await.is_err() {
            tracing::warn!("a request of the command line did not finish in time");
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.accepting.abort();
        if let Err(error) = remove(&self.socket) {
            tracing::warn!(%error, "the control socket could not be removed");
        }
    }
}

fn remove(socket: &PathBuf) -> io::Result<()> {
    match std::fs::remove_file(socket) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

async fn accept(
    listener: UnixListener,
    connections: Arc<Semaphore>,
    desk: Desk,
    mut stopping: watch::Receiver<bool>,
) {
    loop {
        let next = async {
            let place = connections.clone().acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            next = next => next,
            _ = stopping.wait_for(|stop| *stop) => return,
        };
        match accepted {
            Ok((stream, _)) => {
                let (desk, stopping) = (desk.clone(), stopping.clone());
                tokio::spawn(async move {
                    let _place = place;
                    if let Err(error) = serve(stream, &desk, stopping).await {
                        tracing::debug!(%error, "a connection to the control socket failed");
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "the control socket could not take a connection");
                tokio::time::sleep(ACCEPT_RETRY).await;
            }
        }
    }
}

/// One request, one answer. A stop ends a connection whose request has not come as a whole; one
/// that has is performed and answered.
async fn serve(
    stream: UnixStream,
    desk: &Desk,
    mut stopping: watch::Receiver<bool>,
) -> io::Result<()> {
    let deadline = Instant::now() + DEADLINE;
    let (from, mut to) = stream.into_split();
    let mut line = Vec::new();
    let mut from = BufReader::new(from.take(LINE_BYTES as u64));
    tokio::select! {
        read = timeout_at(deadline, from.read_until(b'\n', &mut line)) => { read??; }
        _ = stopping.wait_for(|stop| *stop) => return Ok(()),
    }
    if line.is_empty() {
        return Ok(());
    }
    let outcome = match timeout_at(deadline, answer(desk, &line)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(Refusal::new(
            Code::Overloaded,
            "the server is too busy, and it is unknown whether this was done; look before you try again",
        )),
    };
    let mut text = serde_json::to_vec(&outcome)?;
    text.push(b'\n');
    timeout(DEADLINE, to.write_all(&text)).await?
}

async fn answer(desk: &Desk, line: &[u8]) -> Outcome {
    if !line.ends_with(b"\n") {
        let text = format!("a request must be one line of at most {LINE_BYTES} bytes");
        return Err(Refusal::new(Code::InvalidInput, text));
    }
    // What the parser has to say would quote the request, and with it perhaps a password.
    let Ok(request) = serde_json::from_slice::<Request>(line) else {
        return Err(Refusal::new(
            Code::InvalidInput,
            "the running server does not know this request; it may be another version of chatd, so restart it",
        ));
    };
    perform(desk, &request).await
}
