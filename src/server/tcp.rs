//! What a connection is asked of the system, and how it is closed.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt, sink};
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::time::sleep;

use super::connections::Slot;
use crate::realtime::transport::Transport;

/// What the kernel may queue for one peer, in bytes. (Linux doubles it for its own accounting.)
const SEND_BUFFER_BYTES: usize = 256 * 1024;

/// How long sent bytes may go without the peer's acknowledgement, or without room at the peer's,
/// before the kernel ends the connection.
#[cfg(target_os = "linux")]
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a client that may still be sending is read from when the server ends its connection. What it
/// has not taken by then is thrown away.
const PARTING_TIME: Duration = Duration::from_secs(5);

/// How much of that is read, in bytes.
const PARTING_BYTES: u64 = 1024 * 1024;

pub(super) fn tune(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    socket.set_send_buffer_size(SEND_BUFFER_BYTES)?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(TCP_USER_TIMEOUT))?;
    Ok(())
}

/// Ends a connection whose client may still be sending: says that nothing more comes, and reads on until
/// the client closes, too. Closing at once would reset the connection, and what the client has not read
/// yet might be lost: the last that it is told, its acknowledgements among it.
pub(super) fn part(stream: &TcpStream, transport: Arc<Transport>, slot: Option<Slot>) {
    if transport.written() == 0 {
        // It was told nothing that could be lost.
        return;
    }
    // Closing the original leaves the connection to its copy.
    let copy = SockRef::from(stream).try_clone();
    let (Ok(copy), Ok(runtime)) = (copy, Handle::try_current()) else {
        return;
    };
    runtime.spawn(async move {
        let mut stream = TcpStream::from_std(copy.into())?;
        stream.shutdown().await?;
        let (mut rest, mut nowhere) = ((&mut stream).take(PARTING_BYTES), sink());
        tokio::select! {
            _ = tokio::io::copy(&mut rest, &mut nowhere) => {}
            () = poll_fn(|cx| transport.poll_cut(cx)) => {}
            () = sleep(PARTING_TIME) => forget_unsent(&stream),
        }
        // Its place is free when it is closed.
        drop(stream);
        drop(slot);
        io::Result::Ok(())
    });
}

/// Makes closing throw away what the kernel still holds for the peer, which would not take it.
pub(super) fn forget_unsent(stream: &TcpStream) {
    if let Err(error) = stream.set_zero_linger() {
        tracing::debug!(%error, "cannot set the options of a connection");
    }
}

/// Has the kernel acknowledge what was read without a delay. A client that leaves Nagle's algorithm on
/// (RFC 896) holds back each second small message until the first one is acknowledged, so that a delay
/// of ours would be one of its messages, and would split what it sent in one go. Linux forgets the
/// option, so it is set again after each read.
#[cfg_attr(not(target_os = "linux"), expect(unused_variables))]
pub(super) fn acknowledge_at_once(stream: &TcpStream) {
    #[cfg(target_os = "linux")]
    if let Err(error) = stream.set_quickack(true) {
        tracing::debug!(%error, "cannot set the options of a connection");
    }
}
