//! The composition root: puts the parts together, starts them, and stops them in order.

pub mod address;
pub mod backup;
mod chatter;
pub mod connections;
pub mod control;
pub mod data_folder;
pub mod descriptors;
mod front;
pub mod guard;
mod head_timer;
mod headers;
pub mod limits;
pub mod listener;
mod origin;
mod read_budget;
mod refusal;
pub mod vital;

use crate::chat::{Chat, Clock, Error as ChatError};
use crate::config::Config;
use crate::realtime::gate::{Gate, GateLimits};
use crate::realtime::{Entrance, Realtime, run_fanout};
use crate::store::{Error as StoreError, OpenError, Outbox, Store};
use connections::Connections;
use control::{Control, Copies};
use data_folder::DataFolder;
use socketioxide::SocketIo;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use vital::{Lost, Vital};

/// A stop takes so long at most, whatever the clients do. It is a little less than the 10 s that are
/// promised, since the process has to end after it.
pub const STOP_TIME: Duration = Duration::from_secs(8);
/// Of that, clients have so long to take what the engine holds for them; then they are cut.
const ENGINE_STOP_TIME: Duration = Duration::from_secs(3);
/// Between two rounds of housekeeping.
const HOUSEKEEPING: Duration = Duration::from_mins(1);

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {error}; {}", listen_hint(.error))]
    Listen {
        /// Which address.
        address: SocketAddr,
        /// What the system says.
        error: io::Error,
    },
    /// The database.
    #[error("\"{}\": {error}{}", database.display(), database_hint(.error))]
    Store {
        /// Its file.
        database: PathBuf,
        /// What is wrong with it.
        error: OpenError,
    },
    /// A file of the data folder.
    #[error("cannot use the data folder: {0}")]
    Folder(#[from] io::Error),
    /// The domain.
    #[error("cannot start: {}", why(.0))]
    Chat(#[from] ChatError),
}

fn listen_hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => "stop what uses it, or choose another with --listen",
        io::ErrorKind::AddrNotAvailable => {
            "it is no address of this machine, so choose another with --listen, such as 0.0.0.0 for all of them"
        }
        io::ErrorKind::PermissionDenied => {
            "choose a port from 1024 on with --listen, or allow this one: in systemd's unit by \
             AmbientCapabilities=CAP_NET_BIND_SERVICE"
        }
        _ => "choose another with --listen",
    }
}

fn database_hint(error: &OpenError) -> &'static str {
    match error {
        OpenError::Database(StoreError::Full) => "; make room on its disk",
        OpenError::Database(_) => {
            "; if it is damaged put it back from a backup, or name another folder with --data-dir"
        }
        // These say by themselves what to do.
        _ => "",
    }
}

/// A running server.
pub struct Server {
    address: SocketAddr,
    chat: Arc<Chat>,
    store: Store,
    realtime: Arc<Realtime>,
    io: SocketIo,
    connections: Connections,
    stop: watch::Sender<bool>,
    vital: Vital,
    housekeeping: JoinHandle<()>,
    control: Control,
    copies: Copies,
    /// Last, so that the folder stays locked until everything else is gone.
    _folder: DataFolder,
}

impl Server {
    /// Opens the store, binds the address and serves.
    pub async fn start(
        config: Arc<Config>,
        folder: DataFolder,
        clock: Clock,
    ) -> Result<Self, StartError> {
        let wanted = config.server.listen;
        let in_use = |error| StartError::Listen {
            address: wanted,
            error,
        };
        let listener = TcpListener::bind(wanted).await.map_err(in_use)?;
        let address = listener.local_addr().map_err(in_use)?;
        if config.server.public_url.is_empty() && address.ip().is_unspecified() {
            tracing::warn!(
                "set server.public_url to the address that people use: links of invites would begin \
                 with http://{address}, which leads nowhere"
            );
        }
        let config = with_public_url(config, address);
        let (store, outbox, chat) = open(&folder, &config, clock).await?;
        let (realtime, engine, io, signals) = Realtime::new(chat.clone());
        let gate = Gate::new(gate_limits(&config));
        let entrance = Entrance::new(engine, gate, chat.clone());
        let service = front::service(&config, entrance, crate::http::router(chat.clone()));
        let copies = Copies::new(&folder, store.clone())?;
        let control = Control::open(&folder, chat.clone(), copies.clone())?;
        let (stop, stopping) = watch::channel(false);
        let limits = (&config.server).into();
        let (connections, accepting) = listener::serve(listener, limits, service, stopping);
        let mut vital = Vital::default();
        vital.spawn("the fan-out", run_fanout(chat.clone(), outbox, signals));
        vital.spawn("the listener", accepting);
        let housekeeping = tokio::spawn(housekeep(chat.clone()));
        tracing::info!(
            %address,
            folder = %folder.path().display(),
            version = env!("CARGO_PKG_VERSION"),
            "listening"
        );
        Ok(Self {
            address,
            chat,
            store,
            realtime,
            io,
            connections,
            stop,
            vital,
            housekeeping,
            control,
            copies,
            _folder: folder,
        })
    }

    /// The address that is really listened on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The domain.
    pub fn chat(&self) -> &Arc<Chat> {
        &self.chat
    }

    /// Resolves when the server can serve nobody any more though nobody stopped it, and says why. It
    /// is to be stopped then.
    pub async fn lost(&mut self) -> Lost {
        self.vital.lost().await
    }

    /// Stops within [`STOP_TIME`].
    pub async fn stop(self) {
        self.stop_by(Instant::now() + STOP_TIME).await;
    }

    /// Stops: takes no more connections and events, finishes what was accepted, tells it, and lets
    /// go of the clients, who come back to the next process by themselves. No step goes on after the
    /// deadline.
    pub async fn stop_by(mut self, deadline: Instant) {
        self.stop.send_replace(true);
        self.realtime.stop_admitting();
        self.chat.note_all_seen();
        self.housekeeping.abort();
        self.control.close(deadline).await;
        self.copies.end_all();
        // The writer finishes its queue, then the outbox ends, then the fan-out.
        if timeout_at(deadline, self.store.close()).await.is_err() {
            tracing::warn!(
                "the disk is too slow: some of what was accepted is not done, and was not acknowledged"
            );
        }
        let _ = timeout_at(deadline, self.vital.ended()).await;
        let patience = deadline.min(Instant::now() + ENGINE_STOP_TIME);
        // Without its namespace the engine would refuse who connects now, and stock clients would take
        // that for good.
        self.connections.stop_reading();
        let _ = timeout_at(patience, self.io.close()).await;
        let _ = timeout_at(patience, self.connections.wait_idle()).await;
        self.connections.cut_all();
        let _ = timeout_at(deadline, self.connections.wait_idle()).await;
    }
}

/// The domain without a listener, for a command line that works on a folder by itself.
pub struct Offline {
    chat: Arc<Chat>,
    store: Store,
    copies: Copies,
    outbox: JoinHandle<()>,
    _folder: DataFolder,
}

/// Opens a folder's database without serving it.
pub async fn offline(folder: DataFolder, config: Arc<Config>) -> Result<Offline, StartError> {
    let address = config.server.listen;
    let config = with_public_url(config, address);
    let (store, mut outbox, chat) = open(&folder, &config, Clock::default()).await?;
    let outbox = tokio::spawn(async move {
        while let Some(batch) = outbox.recv().await {
            // Nobody is connected, so replies are all there is to give.
            batch.into_iter().for_each(crate::store::Told::finish);
        }
    });
    let copies = Copies::new(&folder, store.clone())?;
    Ok(Offline {
        chat,
        store,
        copies,
        outbox,
        _folder: folder,
    })
}

impl Offline {
    /// The domain.
    pub fn chat(&self) -> &Arc<Chat> {
        &self.chat
    }

    /// The copies that are made for backups.
    pub fn copies(&self) -> &Copies {
        &self.copies
    }

    /// Waits until everything is on disk.
    pub async fn close(self) {
        self.copies.end_all();
        self.store.close().await;
        let _ = self.outbox.await;
    }
}

async fn open(
    folder: &DataFolder,
    config: &Arc<Config>,
    clock: Clock,
) -> Result<(Store, Outbox, Arc<Chat>), StartError> {
    let secret = folder.secret()?;
    let (database, config) = (folder.database(), config.clone());
    let opened = tokio::task::spawn_blocking(move || {
        let (store, outbox) = Store::open(&database, Box::new(give_up))
            .map_err(|error| StartError::Store { database, error })?;
        let chat = Chat::new(store.clone(), config, clock, &secret)?;
        Ok((store, outbox, Arc::new(chat)))
    });
    opened.await.map_err(io::Error::other)?
}

/// What is on a disk that failed is unknown, and what nobody hears of is worth nothing, so nothing more
/// is promised on top of it. Clients send what was not acknowledged again, with its `clientId`, to the
/// next process.
fn give_up(why: &str) {
    tracing::error!(
        why,
        "stopping at once, since nothing can be promised any more"
    );
    std::process::exit(1);
}

/// An unset public address is the one that is listened on.
fn with_public_url(config: Arc<Config>, address: SocketAddr) -> Arc<Config> {
    if !config.server.public_url.is_empty() {
        return config;
    }
    let mut config = Arc::unwrap_or_clone(config);
    config.server.public_url = format!("http://{address}");
    Arc::new(config)
}

fn gate_limits(config: &Config) -> GateLimits {
    let server = &config.server;
    GateLimits {
        max_connections_per_address: server.max_connections_per_address as usize,
        max_unauthenticated_per_address: server.max_unauthenticated_per_address as usize,
        exempt_addresses: server.exempt_addresses.clone(),
    }
}

/// What an error has to say to whoever runs the server: others are not told the causes of faults.
fn why(error: &ChatError) -> &str {
    error.cause.as_deref().unwrap_or(&error.message)
}

async fn housekeep(chat: Arc<Chat>) {
    let mut rounds = tokio::time::interval(HOUSEKEEPING);
    loop {
        rounds.tick().await;
        if let Err(error) = chat.housekeeping().await {
            tracing::warn!(error = why(&error), "housekeeping waits for its next round");
        }
    }
}
