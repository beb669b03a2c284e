//! The composition root: puts the parts together, starts them, and stops them in order.

pub mod address;
pub mod backup;
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
mod metrics;
mod origin;
mod redirect;
mod refusal;
mod start_error;
mod tcp;
pub mod tls;
pub mod vital;
pub mod witness;

use crate::chat::{Chat, Clock, Error as ChatError};
use crate::config::Config;
use crate::realtime::gate::{Gate, GateLimits};
use crate::realtime::{Entrance, Realtime, run_fanout};
use crate::store::{Outbox, Store};
use connections::Connections;
use control::{Control, Copies, Desk, Whereabouts};
use data_folder::DataFolder;
use limits::ConnectionLimits;
use listener::serve_in;
use metrics::Metrics;
use redirect::Redirect;
use socketioxide::SocketIo;
pub use start_error::{ListenError, StartError};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tls::Tls;
use tls::files::FilesError;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use vital::{Lost, Vital};
use witness::Witness;

/// A stop takes so long at most, whatever the clients do. It is a little less than the 10 s that are
/// promised, since the process has to end after it.
pub const STOP_TIME: Duration = Duration::from_secs(8);
/// Of that, clients have so long to take what the engine holds for them; then they are cut.
const ENGINE_STOP_TIME: Duration = Duration::from_secs(3);
/// The task that tells what was committed.
const FANOUT: &str = "the fan-out";
/// Between two rounds of housekeeping.
const HOUSEKEEPING: Duration = Duration::from_mins(1);

/// Listens on an address that the flag or key `setting` has set.
async fn bind(
    address: SocketAddr,
    setting: &'static str,
) -> Result<(TcpListener, SocketAddr), StartError> {
    let refused = |error| ListenError {
        address,
        setting,
        error,
    };
    let listener = TcpListener::bind(address).await.map_err(refused)?;
    let real = listener.local_addr().map_err(refused)?;
    Ok((listener, real))
}

/// A running server.
pub struct Server {
    address: SocketAddr,
    metrics_address: Option<SocketAddr>,
    redirect: Option<SocketAddr>,
    tls: Option<Tls>,
    chat: Arc<Chat>,
    store: Store,
    realtime: Arc<Realtime>,
    entrance: Entrance,
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
        mut folder: DataFolder,
        clock: Clock,
    ) -> Result<Self, StartError> {
        let (tls, renewal) = tls::open(&config.tls, &folder)?;
        let (listener, address) = bind(config.server.listen, "--listen").await?;
        let redirect = match config.tls.redirect_from {
            Some(from) => Some(bind(from, "tls.redirect_from").await?),
            None => None,
        };
        let monitored = match config.metrics.listen {
            Some(at) => Some(bind(at, "metrics.listen").await?),
            None => None,
        };
        let is_unnamed = config.server.public_url.is_empty();
        let config = with_public_url(config, address);
        if is_unnamed {
            warn_of_links(&config, address);
        }
        let (store, outbox, chat) = open(&folder, &config, clock, true).await?;
        let (realtime, io, signals) = Realtime::new(chat.clone());
        let gate = Gate::new(gate_limits(&config));
        let entrance = Entrance::new(realtime.clone(), gate);
        let metrics = Metrics::new(chat.clone(), store.clone());
        let is_shown = config.metrics.enabled && monitored.is_none();
        let shown = if is_shown {
            metrics.route()
        } else {
            metrics::nothing_here()
        };
        let router = crate::http::router(chat.clone()).merge(shown);
        let copies = Copies::new(&folder, store.clone())?;
        let desk = Desk {
            chat: chat.clone(),
            copies: copies.clone(),
            witness: Witness::default(),
            whereabouts: Some(Whereabouts::of(&config, address)),
        };
        let service = front::service(&config, entrance.clone(), router, &desk);
        let control = Control::open(&folder, desk)?;
        let (stop, stopping) = watch::channel(false);
        let limits = ConnectionLimits::from(&config.server);
        let connections = Connections::of(&limits);
        metrics.watch_connections(&connections);
        let mut vital = Vital::default();
        vital.spawn(FANOUT, run_fanout(chat.clone(), outbox, signals));
        let metrics_address = monitored.as_ref().map(|(_, address)| *address);
        if let Some((listener, address)) = monitored {
            let limits = metrics::limits(&config.server);
            let (_, accepting) =
                listener::serve(listener, limits, metrics.route(), stopping.clone());
            vital.spawn("the listener for metrics", accepting);
            tracing::info!(%address, "showing metrics");
        }
        if is_shown || metrics_address.is_some() {
            vital.spawn("the look at timers", metrics.watch_delays(stopping.clone()));
        }
        if let Some(renewal) = renewal {
            vital.spawn("the renewal of certificates", renewal.run(stopping.clone()));
        }
        let redirect = redirect.map(|(listener, from)| {
            let to = Redirect::to(config.server.public_origin().unwrap_or_default());
            let (limits, stopping) = (limits.clone(), stopping.clone());
            let accepting = serve_in(&connections, listener, None, limits, to, stopping);
            vital.spawn("the listener for HTTP", accepting);
            from
        });
        let accepting = serve_in(
            &connections,
            listener,
            tls.clone(),
            limits,
            service,
            stopping,
        );
        vital.spawn("the listener", accepting);
        let housekeeping = tokio::spawn(housekeep(chat.clone()));
        folder.keep();
        tracing::info!(
            %address,
            folder = %folder.path().display(),
            version = env!("CARGO_PKG_VERSION"),
            "listening"
        );
        Ok(Self {
            address,
            metrics_address,
            redirect,
            tls,
            chat,
            store,
            realtime,
            entrance,
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

    /// The address that shows metrics and nothing else, if there is one.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics_address
    }

    /// The address whose HTTP leads to `https://`, if there is one.
    pub fn redirect_address(&self) -> Option<SocketAddr> {
        self.redirect
    }

    /// Whether the server speaks TLS.
    pub fn has_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// Reads the files of the certificate again, if it is in files.
    ///
    /// # Errors
    /// [`FilesError`] when they cannot be used; new connections get what they got before.
    pub fn reload_certificate(&self) -> Result<(), FilesError> {
        self.tls.as_ref().map_or(Ok(()), Tls::reload)
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

    /// Stops: takes no more sessions and events, finishes what was accepted, tells it, and lets go of
    /// the clients, who come back to the next process by themselves. No step goes on after the deadline.
    pub async fn stop_by(mut self, deadline: Instant) {
        self.realtime.stop_admitting();
        self.chat.note_all_seen();
        if let Err(error) = self.store.in_place() {
            tracing::error!(%error, "what is in no backup is gone with this process");
        }
        self.housekeeping.abort();
        self.control.close(deadline).await;
        self.copies.end_all();
        // The writer finishes its queue, then the outbox ends, then the fan-out.
        if timeout_at(deadline, self.store.close()).await.is_err() {
            tracing::warn!(
                "the disk is too slow: some of what was accepted is not done, and was not acknowledged"
            );
        }
        let _ = timeout_at(deadline, self.vital.ended(FANOUT)).await;
        let patience = deadline.min(Instant::now() + ENGINE_STOP_TIME);
        // Who polls has to come for what they are told, so until then connections are accepted.
        let _ = timeout_at(patience, self.entrance.all_fetched()).await;
        self.stop.send_replace(true);
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
    desk: Desk,
    store: Store,
    outbox: JoinHandle<()>,
    folder: DataFolder,
}

/// Opens a folder's database without serving it.
pub async fn offline(mut folder: DataFolder, config: Arc<Config>) -> Result<Offline, StartError> {
    let address = config.server.listen;
    let config = with_public_url(config, address);
    // Nobody signs in here, so a secret that is gone is not made anew.
    let makes_secret = folder.is_fresh();
    let clock = Clock::default();
    let (store, mut outbox, chat) = open(&folder, &config, clock, makes_secret).await?;
    let outbox = tokio::spawn(async move {
        while let Some(batch) = outbox.recv().await {
            // Nobody is connected, so replies are all there is to give.
            batch.into_iter().for_each(crate::store::Told::finish);
        }
    });
    let desk = Desk {
        chat,
        copies: Copies::new(&folder, store.clone())?,
        witness: Witness::default(),
        whereabouts: None,
    };
    folder.keep();
    Ok(Offline {
        desk,
        store,
        outbox,
        folder,
    })
}

impl Offline {
    /// What requests are about.
    pub fn desk(&self) -> &Desk {
        &self.desk
    }

    /// Waits until everything is on disk.
    pub async fn close(self) {
        self.end().await;
    }

    /// Gives the folder back as it was when it was opened, if there was no data in it; says whether it did.
    pub async fn discard(self) -> bool {
        self.end().await.discard()
    }

    async fn end(self) -> DataFolder {
        self.desk.copies.end_all();
        self.store.close().await;
        let _ = self.outbox.await;
        self.folder
    }
}

async fn open(
    folder: &DataFolder,
    config: &Arc<Config>,
    clock: Clock,
    makes_secret: bool,
) -> Result<(Store, Outbox, Arc<Chat>), StartError> {
    let kept = folder.secret().map_err(io::Error::from)?;
    if folder.has_lost_its_database() {
        tracing::warn!(
            folder = %folder.path().display(),
            "a new chat begins, though the data folder was used before: its chatd.db is gone or empty; if that is a \
             mistake, stop, and put a backup in its place with \"chatd restore --force\""
        );
    }
    let database = folder.database();
    let (store, outbox) = aside(move || {
        Store::open(&database, Box::new(give_up))
            .map_err(|error| StartError::Store { database, error })
    })
    .await?;
    let is_new = kept.is_none() && makes_secret;
    // After the database, so that a start which comes to no end leaves no secret without one.
    let secret = match kept {
        Some(secret) => secret,
        None if makes_secret => folder.make_secret().map_err(io::Error::from)?,
        None => data_folder::random_secret()?,
    };
    let (known, config) = (store.clone(), config.clone());
    let chat = aside(move || Ok(Chat::new(known, config, clock, &secret)?)).await?;
    let signed_out = if is_new {
        chat.totals().await?.sessions
    } else {
        0
    };
    if signed_out > 0 {
        tracing::warn!(
            folder = %folder.path().display(),
            signed_out,
            "everybody has to sign in anew, since the data folder had no jwt.secret and got a new one; if that is a \
             mistake, stop, and put the old file back"
        );
    }
    Ok((store, outbox, Arc::new(chat)))
}

/// Does what waits for the disk, or computes for long, where nobody else waits for it.
async fn aside<T: Send + 'static>(
    what: impl FnOnce() -> Result<T, StartError> + Send + 'static,
) -> Result<T, StartError> {
    let done = tokio::task::spawn_blocking(what).await;
    done.map_err(io::Error::other)?
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

/// An unset public address is the first name of the certificate that is got by ACME, whose port has to be
/// 443, or else the address that is listened on.
fn with_public_url(config: Arc<Config>, address: SocketAddr) -> Arc<Config> {
    if !config.server.public_url.is_empty() {
        return config;
    }
    let mut config = Arc::unwrap_or_clone(config);
    config.server.public_url = match config.tls.domains.first() {
        Some(domain) => format!("https://{domain}"),
        None if config.tls.is_on() => format!("https://{address}"),
        None => format!("http://{address}"),
    };
    Arc::new(config)
}

/// Warns of links that lead nowhere.
fn warn_of_links(config: &Config, address: SocketAddr) {
    if address.ip().is_unspecified() && config.tls.domains.is_empty() {
        let public_url = &config.server.public_url;
        tracing::warn!(
            "set server.public_url to the address that people use: links of invites would begin with \
             {public_url}, which leads nowhere"
        );
    }
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
        if let Err(error) = chat.ready().await {
            tracing::error!(error = why(&error), "the server is not ready");
        }
    }
}
