//! What the listener and the guards allow. What an operator may change comes from the configuration;
//! the rest is named here.

use std::time::Duration;

use ipnet::IpNet;

use crate::config;
use crate::realtime::chatter::ChatterLimits;

/// How long a request's head may take from its first byte, or a connection's first head from the
/// accept. It is a little less than the 10 s within which a silent client is gone.
pub const HEADER_TIMEOUT: Duration = Duration::from_secs(9);

/// How long a kept-alive connection may wait for its next request.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(75);

/// How long a request with a body may take until its answer begins; a little less than the 30 s within
/// which a client that dawdles is gone.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(29);

/// The largest request head, in bytes; hyper answers 431 beyond it. Also the largest read at once.
pub const MAX_HEAD_BYTES: usize = 16 * 1024;

/// How long a write may be pending before its connection is cut.
pub const STALL_TIMEOUT: Duration = Duration::from_secs(10);

/// What one connection may send in the long run, in bytes a second.
pub const READ_BYTES_PER_SECOND: u32 = 1024 * 1024;

/// What one connection may send at once, in bytes. After a pause it may be twice this, since the
/// bucket is looked at only when it is empty.
pub const READ_BURST_BYTES: u32 = 1024 * 1024;

/// What a guard allows its peer.
#[derive(Debug, Clone, Copy)]
pub struct GuardLimits {
    /// How long a write may be pending; [`STALL_TIMEOUT`] by default.
    pub stall_timeout: Duration,
    /// Bytes a second, at least 1; [`READ_BYTES_PER_SECOND`] by default.
    pub read_bytes_per_second: u32,
    /// Bytes at once, at least 1; [`READ_BURST_BYTES`] by default.
    pub read_burst_bytes: u32,
    /// Of a WebSocket's client, beside events.
    pub chatter: ChatterLimits,
}

impl Default for GuardLimits {
    fn default() -> Self {
        Self {
            stall_timeout: STALL_TIMEOUT,
            read_bytes_per_second: READ_BYTES_PER_SECOND,
            read_burst_bytes: READ_BURST_BYTES,
            chatter: ChatterLimits::default(),
        }
    }
}

/// What the listener allows.
#[derive(Debug, Clone)]
pub struct ConnectionLimits {
    /// Connections in all; beyond it the answer is 503.
    pub max_connections: usize,
    /// Connections from one peer address; beyond it the answer is 429.
    pub max_connections_per_address: usize,
    /// Peers that are not counted by address.
    pub exempt_addresses: Vec<IpNet>,
    /// Proxies. They are not counted either, since they bring many clients, who are counted by
    /// forwarded address.
    pub trusted_proxies: Vec<IpNet>,
    /// For a request's head, [`HEADER_TIMEOUT`].
    pub header_timeout: Duration,
    /// For the next request on a kept-alive connection, [`IDLE_TIMEOUT`].
    pub idle_timeout: Duration,
    /// For a request with a body until its answer begins, [`BODY_TIMEOUT`].
    pub body_timeout: Duration,
    /// What each connection's guard allows.
    pub guard: GuardLimits,
}

impl From<&config::Server> for ConnectionLimits {
    fn from(server: &config::Server) -> Self {
        Self {
            max_connections: server.max_connections as usize,
            max_connections_per_address: server.max_connections_per_address as usize,
            exempt_addresses: server.exempt_addresses.clone(),
            trusted_proxies: server.trusted_proxies.clone(),
            header_timeout: HEADER_TIMEOUT,
            idle_timeout: IDLE_TIMEOUT,
            body_timeout: BODY_TIMEOUT,
            guard: GuardLimits::default(),
        }
    }
}
