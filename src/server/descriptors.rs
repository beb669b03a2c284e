//! How many files this process may have open: each connection is one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Open files that are no client's connection: the database's, the control socket's, and those of
/// clients that are refused, while they are told so.
const RESERVED_FILES: u64 = 512;

/// Takes all the open files that the system grants, since the soft limit is often 1,024 for the sake
/// of programs of long ago.
pub fn raise() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = Rlimit {
        current: maximum,
        maximum,
    };
    if current != maximum
        && let Err(error) = setrlimit(Resource::Nofile, wanted)
    {
        tracing::debug!(%error, "the limit of open files could not be raised");
    }
}

/// Too few open files.
#[derive(Debug)]
pub struct Shortage {
    /// What is too few for what.
    pub what: String,
    /// What to do.
    pub fix: String,
}

/// Whether the open files that this process may have are too few for so many connections.
pub fn shortage(connections: u32) -> Option<Shortage> {
    let needed = u64::from(connections) + RESERVED_FILES;
    // None is no limit.
    let limit = getrlimit(Resource::Nofile).current?;
    (limit < needed).then(|| Shortage {
        what: format!(
            "only {limit} files may be open, too few for server.max_connections = {connections}"
        ),
        fix: format!(
            "allow {needed} by \"ulimit -n {needed}\" or, in systemd's unit, LimitNOFILE={needed}; \
             or set server.max_connections lower"
        ),
    })
}

/// Tells when they are too few.
pub fn tell_if_few(connections: u32) {
    if let Some(Shortage { what, fix }) = shortage(connections) {
        tracing::warn!("{what}: {fix}");
    }
}
