//! Tells a service manager how the service is (`sd_notify(3)`): systemd waits for it with `Type=notify`.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::{env, io};

/// The variable that names the service manager's socket.
const SOCKET: &str = "NOTIFY_SOCKET";
/// The service is ready.
pub(super) const READY: &str = "READY=1";
/// The service is ending.
pub(super) const STOPPING: &str = "STOPPING=1";

/// Whether a service manager wants to be told.
pub(super) fn is_wanted() -> bool {
    env::var_os(SOCKET).is_some()
}

/// Tells it, if there is one. That it cannot be told is logged: the service runs all the same, until the
/// manager loses its patience.
pub(super) fn tell(state: &str) {
    if let Err(error) = send(state) {
        tracing::warn!(%error, "the service manager could not be told {state}");
    }
}

fn send(state: &str) -> io::Result<()> {
    let Some(path) = env::var_os(SOCKET) else {
        return Ok(());
    };
    // A name that begins with @ is one in the abstract namespace (unix(7)).
    let address = match path.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(&path)?,
    };
    UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address)?;
    Ok(())
}
