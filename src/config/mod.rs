//! The configuration: one struct a section, with the defaults.
//!
//! A key exists by being a field here; its rule stands beside it and lives in `check`. [`load()`]
//! merges the file, the environment and the flags, and remembers where each value came from.

mod check;
mod file;
mod load;
mod names;
mod rules;

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};

pub use load::{ConfigError, ConfigErrors, Flags, Loaded, Origin, Sources, load, read_value};

/// The port to listen on when nothing else is said.
const DEFAULT_PORT: u16 = 5000;
/// The port that is advised for an address of the metrics' own.
const METRICS_PORT: u16 = 9464;
/// Whom to ask for certificates when nothing else is said: Let's Encrypt.
const DEFAULT_DIRECTORY: &str = "https://acme-v02.api.letsencrypt.org/directory";
/// How long a token lives when nothing else is said: 30 days.
const DEFAULT_TOKEN_TTL: Duration = Duration::from_hours(30 * 24);

/// Everything that can be set, one field a section.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where the server listens, and whom it lets connect.
    pub server: Server,
    /// How people come by https://.
    pub tls: Tls,
    /// Where the server keeps what it must not lose.
    pub data: Data,
    /// Who may have an account, and for how long a sign-in is good.
    pub accounts: Accounts,
    /// What the people in a room may do.
    pub rooms: Rooms,
    /// How often things may be done.
    pub limits: Limits,
    /// What the server tells its operator.
    pub log: Log,
    /// The numbers that it shows to monitors.
    pub metrics: Metrics,
}

/// `[server]`: where the server listens, and whom it lets connect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// The address and port to listen on; port 0 lets the system choose one.
    #[serde(deserialize_with = "check::listen")]
    pub listen: SocketAddr,
    /// The base of invite links, without a slash at its end; its origin is the server's own. Empty:
    /// `http://` and `listen`, and with TLS `https://` and the first of `tls.domains`, or `listen`.
    #[serde(deserialize_with = "check::public_url")]
    pub public_url: String,
    /// Web origins allowed beside the server's own, in the form that browsers send: lower case,
    /// without the scheme's default port.
    #[serde(deserialize_with = "check::origins")]
    pub allowed_origins: Vec<String>,
    /// Proxies whose forwarded client address is believed.
    #[serde(deserialize_with = "check::networks")]
    pub trusted_proxies: Vec<IpNet>,
    /// Clients that the limits per address do not count.
    #[serde(deserialize_with = "check::networks")]
    pub exempt_addresses: Vec<IpNet>,
    /// Open connections in all, 1 to 1,000,000.
    #[serde(deserialize_with = "check::max_connections")]
    pub max_connections: u32,
    /// Open connections of one address, at least 1.
    #[serde(deserialize_with = "check::limit")]
    pub max_connections_per_address: u32,
    /// Open connections of one address that have not signed in, at least 1.
    #[serde(deserialize_with = "check::limit")]
    pub max_unauthenticated_per_address: u32,
}

/// `[tls]`: how people come by https://. It is on with the two files, or with domains.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tls {
    /// The file with the certificate and those that vouch for it, in PEM; empty without one.
    #[serde(deserialize_with = "check::file")]
    pub certificate: PathBuf,
    /// The file with its private key, in PEM; empty without one.
    #[serde(deserialize_with = "check::file")]
    pub key: PathBuf,
    /// The names to get a certificate for by itself, in lower case.
    #[serde(deserialize_with = "check::domains")]
    pub domains: Vec<String>,
    /// The e-mail address that the authority which signs it may write to; empty without one.
    #[serde(deserialize_with = "check::contact")]
    pub contact: String,
    /// The ACME directory of that authority (RFC 8555, section 7.1.1).
    #[serde(deserialize_with = "check::directory")]
    pub directory: String,
    /// Where HTTP is answered with the way to https://; nowhere when none, which is written as an empty
    /// text.
    #[serde(
        deserialize_with = "check::redirect_from",
        serialize_with = "check::write_address"
    )]
    pub redirect_from: Option<SocketAddr>,
}

/// `[data]`: where the server keeps what it must not lose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Data {
    /// The data folder, absolute or relative to the working directory; never empty.
    #[serde(deserialize_with = "check::folder")]
    pub dir: PathBuf,
}

/// `[accounts]`: who may have an account, and for how long a sign-in is good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Accounts {
    /// Who may make an account.
    #[serde(deserialize_with = "check::registration")]
    pub registration: Registration,
    /// How long a token is good, 1 minute to 3,650 days; written as `30d`, `12h`, `90m` or `600s`.
    #[serde(
        deserialize_with = "check::token_ttl",
        serialize_with = "check::write_duration"
    )]
    pub token_ttl: Duration,
    /// The fewest characters that a password may have, 8 to 256.
    #[serde(deserialize_with = "check::min_password")]
    pub min_password: u16,
}

/// `[rooms]`: what the people in a room may do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rooms {
    /// Whether a room's admins, and not only its creator, may make, see and revoke its invite.
    #[serde(deserialize_with = "check::switch")]
    pub admins_may_invite: bool,
}

/// `[limits]`: how often things may be done. Every number is at least 1; a burst is what may be
/// done at once, and the rate is how fast that much comes back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Whether the rates of this section hold at all.
    #[serde(deserialize_with = "check::switch")]
    pub enabled: bool,
    /// Messages at once, per user and room.
    #[serde(deserialize_with = "check::limit")]
    pub messages_burst: u32,
    /// Messages a second, per user and room.
    #[serde(deserialize_with = "check::limit")]
    pub messages_per_second: u32,
    /// Socket.IO events at once, per connection.
    #[serde(deserialize_with = "check::limit")]
    pub events_burst: u32,
    /// Socket.IO events a second, per connection.
    #[serde(deserialize_with = "check::limit")]
    pub events_per_second: u32,
    /// Attempts to sign in at once, per address and per account.
    #[serde(deserialize_with = "check::limit")]
    pub sign_in_burst: u32,
    /// Attempts to sign in a minute, per address and per account.
    #[serde(deserialize_with = "check::limit")]
    pub sign_in_per_minute: u32,
    /// New accounts an hour, per address.
    #[serde(deserialize_with = "check::limit")]
    pub registrations_per_hour: u32,
    /// REST requests at once, per user, and per network of those who are not signed in.
    #[serde(deserialize_with = "check::limit")]
    pub requests_burst: u32,
    /// REST requests a second, per user, and per network of those who are not signed in.
    #[serde(deserialize_with = "check::limit")]
    pub requests_per_second: u32,
}

/// `[log]`: what the server tells its operator.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// The least severe lines that are still written.
    #[serde(deserialize_with = "check::level")]
    pub level: LogLevel,
    /// How a line looks.
    #[serde(deserialize_with = "check::format")]
    pub format: LogFormat,
}

/// `[metrics]`: the numbers that the server shows to monitors, as Prometheus reads them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Metrics {
    /// Whether `/metrics` shows them where everything else is.
    #[serde(deserialize_with = "check::switch")]
    pub enabled: bool,
    /// An address of their own, which then is the only one that shows them, whether or not they are
    /// enabled; empty for none.
    #[serde(
        deserialize_with = "check::metrics_listen",
        serialize_with = "check::write_address"
    )]
    pub listen: Option<SocketAddr>,
}

/// Who may make an account.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Registration {
    /// Anyone who reaches the server.
    #[default]
    Open,
    /// Whoever holds the invite of a room, which the new account then joins.
    Invite,
    /// Nobody, but for what the operator does on the command line.
    Closed,
}

/// The least severe lines that are still written to the log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Nothing at all.
    Off,
    /// What failed.
    Error,
    /// What may fail soon.
    Warn,
    /// What the server does.
    #[default]
    Info,
    /// What helps to find a fault.
    Debug,
    /// Every step.
    Trace,
}

/// How a line of the log looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people: one line an entry, without what only developers ask for.
    #[default]
    Pretty,
    /// For people, in one line an entry.
    Compact,
    /// For programs, one JSON object a line.
    Json,
}

impl Server {
    /// The origin of `public_url`, in the form that browsers send; none when that is empty.
    pub fn public_origin(&self) -> Option<String> {
        check::origin_of(&self.public_url)
    }
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, DEFAULT_PORT)),
            public_url: String::new(),
            allowed_origins: Vec::new(),
            trusted_proxies: Vec::new(),
            exempt_addresses: vec![
                Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8).into(),
                Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128).into(),
            ],
            max_connections: 20_000,
            max_connections_per_address: 256,
            max_unauthenticated_per_address: 32,
        }
    }
}

impl Tls {
    /// Whether the server speaks TLS.
    pub fn is_on(&self) -> bool {
        self.has_files() || !self.domains.is_empty()
    }

    /// Whether its certificate is a file of the operator's.
    pub fn has_files(&self) -> bool {
        !self.certificate.as_os_str().is_empty()
    }
}

impl Default for Tls {
    fn default() -> Self {
        Self {
            certificate: PathBuf::new(),
            key: PathBuf::new(),
            domains: Vec::new(),
            contact: String::new(),
            directory: DEFAULT_DIRECTORY.to_owned(),
            redirect_from: None,
        }
    }
}

impl Default for Data {
    fn default() -> Self {
        Self {
            dir: PathBuf::from("chatd-data"),
        }
    }
}

impl Default for Accounts {
    fn default() -> Self {
        Self {
            registration: Registration::default(),
            token_ttl: DEFAULT_TOKEN_TTL,
            min_password: check::MIN_PASSWORD_CHARS,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            enabled: true,
            messages_burst: 20,
            messages_per_second: 2,
            events_burst: 200,
            events_per_second: 50,
            sign_in_burst: 10,
            sign_in_per_minute: 1,
            registrations_per_hour: 5,
            requests_burst: 100,
            requests_per_second: 10,
        }
    }
}
