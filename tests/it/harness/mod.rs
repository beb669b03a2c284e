//! A real server in this process, with a folder, a port and a clock of its own; and people who use it.

pub mod executable;
pub mod forge;
mod http;
pub mod polling;
pub mod small_disk;
mod socket;
pub mod stream;

pub use executable::Executable;
pub use http::{Answer, Person};
pub use socket::{Socket, Transport};

use chatd::chat::{Clock, NewAccount};
use chatd::config::Config;
use chatd::model::{EmailAddress, ServerRole, Username};
use chatd::server::Server;
use chatd::server::data_folder::{DataFolder, FolderError};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// Whatever a test waits for comes within this, or the test fails.
pub const DEADLINE: Duration = Duration::from_secs(10);
pub const PASSWORD: &str = "correct horse battery";

/// A server of a test's own.
pub struct App {
    pub server: Server,
    pub clock: Clock,
    pub http: reqwest::Client,
    pub folder: Arc<TempDir>,
}

impl App {
    /// A server with rates off.
    pub async fn start() -> Self {
        Self::with(|config| config.limits.enabled = false).await
    }

    /// A server with a changed configuration; rates are on unless `change` turns them off.
    pub async fn with(change: impl FnOnce(&mut Config)) -> Self {
        Self::on(Arc::new(tempfile::tempdir().unwrap()), change).await
    }

    /// A server on a folder that an earlier one used.
    pub async fn on(folder: Arc<TempDir>, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::default();
        config.server.listen = "127.0.0.1:0".parse().unwrap();
        config.data.dir = folder.path().to_owned();
        change(&mut config);
        let clock = Clock::default();
        let locked = soon("the folder's lock", lock(&config.data.dir)).await;
        let server = Server::start(Arc::new(config), locked, clock.clone())
            .await
            .unwrap();
        Self {
            server,
            clock,
            http: reqwest::Client::new(),
            folder,
        }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.server.address())
    }

    /// Somebody without a token.
    pub fn stranger(&self) -> Person {
        Person::new(self, "stranger", Value::Null)
    }

    /// Registers somebody.
    pub async fn person(&self, name: &str) -> Person {
        let body = json!({
            "username": name, "email": format!("{name}@example.org"), "password": PASSWORD,
        });
        let answer = self.stranger().post("/api/auth/register", body).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        Person::new(self, name, answer.body)
    }

    /// Makes an admin of the server, as `chatd user add --admin` does, and signs them in.
    pub async fn server_admin(&self, name: &str) -> Person {
        let chat = self.server.chat();
        let account = NewAccount {
            username: Username::new(name).unwrap(),
            email: EmailAddress::new(&format!("{name}@example.org")).unwrap(),
            password: chat.new_password("password", PASSWORD).unwrap(),
            role: ServerRole::Admin,
        };
        chat.add_user(account).await.unwrap();
        self.sign_in(name).await
    }

    /// Signs somebody in who has an account: another session of theirs.
    pub async fn sign_in(&self, name: &str) -> Person {
        let body = json!({ "username": name, "password": PASSWORD });
        let answer = self.stranger().post("/api/auth/login", body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        Person::new(self, name, answer.body)
    }
}

/// Takes a data folder's lock. That of an earlier server of this process may be held a moment longer
/// by a child that another test is just starting.
async fn lock(folder: &Path) -> DataFolder {
    loop {
        match DataFolder::open(folder) {
            Ok(locked) => return locked,
            Err(FolderError::InUse { .. }) => tokio::task::yield_now().await,
            Err(other) => panic!("{other}"),
        }
    }
}

/// A server with a public room of ada's, in which bob is as well.
pub struct Lounge {
    pub app: App,
    pub ada: Person,
    pub bob: Person,
    pub room: String,
}

impl Lounge {
    /// Starts the server with rates off.
    pub async fn start() -> Self {
        Self::of(App::start().await).await
    }

    /// Furnishes a server.
    pub async fn of(app: App) -> Self {
        let (ada, bob) = tokio::join!(app.person("ada"), app.person("bob"));
        let room = ada.room("lounge", false).await;
        bob.join(&room).await;
        Self {
            app,
            ada,
            bob,
            room,
        }
    }

    /// The room's path.
    pub fn path(&self) -> String {
        format!("/api/rooms/{}", self.room)
    }

    /// The path of its messages.
    pub fn messages(&self) -> String {
        format!("{}/messages", self.path())
    }

    /// The path of one of them.
    pub fn message(&self, message: &Value) -> String {
        format!("{}/{}", self.messages(), message["id"].as_str().unwrap())
    }
}

/// Waits, but not for ever.
pub async fn soon<T>(what: &str, waiting: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, waiting)
        .await
        .unwrap_or_else(|_| panic!("{what} did not happen in {DEADLINE:?}"))
}

/// The names of what a socket was told, in order.
pub fn names(seen: &[(String, Value)]) -> Vec<&str> {
    seen.iter().map(|(name, _)| name.as_str()).collect()
}

/// The payloads of one event among what a socket was told.
pub fn payloads<'a>(seen: &'a [(String, Value)], event: &str) -> Vec<&'a Value> {
    seen.iter()
        .filter_map(|(name, payload)| (name == event).then_some(payload))
        .collect()
}
