//! How the command line reaches the data: through the server that runs on the folder or, when none
//! runs, by itself.

use super::{Exit, Failure, say};
use crate::config::Config;
use crate::server::control::{self, Answer, AskError, Outcome, Refusal, Request};
use crate::server::data_folder::{DataFolder, FolderError, absolute};
use crate::server::{Offline, offline};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// A server that is starting or stopping, or another command, holds the folder's lock but takes no
/// requests. It is given so long.
const PATIENCE: Duration = Duration::from_secs(5);
/// The time between two tries.
const RETRY: Duration = Duration::from_millis(50);
/// A server that stops amid many requests is given so long to come back: as long as a stop may take, and as
/// much again.
const RETURN_PATIENCE: Duration = Duration::from_secs(20);
/// A server that is too busy is asked again for so long.
const BUSY_PATIENCE: Duration = Duration::from_mins(2);
/// Between two such questions.
const BUSY_RETRY: Duration = Duration::from_millis(500);

/// Takes a folder for a server. A command that has it for itself is waited for, and so is a server
/// that stops.
pub(super) async fn take_from_commands(path: &Path) -> Result<DataFolder, FolderError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match take(path).await {
            Err(FolderError::InUse { .. })
                if Instant::now() < deadline && !control::is_served(path).await =>
            {
                sleep(RETRY).await;
            }
            taken => return taken,
        }
    }
}

async fn take(path: &Path) -> Result<DataFolder, FolderError> {
    let folder = path.to_owned();
    let opened = tokio::task::spawn_blocking(move || DataFolder::open(&folder)).await;
    opened.unwrap_or_else(|error| {
        Err(FolderError::System {
            folder: absolute(path),
            doing: "opened",
            source: error.into(),
        })
    })
}

/// The way to the data of one folder.
pub(super) struct Door {
    config: Arc<Config>,
    offline: Option<Offline>,
    /// Whether a server has answered.
    has_answered: bool,
}

fn no_data(folder: &Path) -> String {
    let path = absolute(folder).display().to_string();
    if DataFolder::has_secret(folder) {
        return format!(
            "the data folder \"{path}\" has lost its chatd.db; put that back, restore a backup with \"chatd restore \
             --force\", or begin a new chat with \"chatd serve\""
        );
    }
    format!(
        "there is no chatd data in the folder \"{path}\"; name the right one with --data-dir, or make the first \
         account with \"chatd user add\""
    )
}

/// What came of a try.
enum Way {
    /// The server has answered.
    Answered(Outcome),
    /// There is no server; the folder is ours.
    Ours(Offline),
}

impl Door {
    /// A door to the folder of the configuration. With `create` it is made if it is not there.
    pub fn new(config: Config, create: bool) -> Result<Self, Failure> {
        let folder = &config.data.dir;
        if !create && !DataFolder::has_database(folder)? {
            return Err(Failure::new(Exit::NotFound, no_data(folder)));
        }
        Ok(Self {
            config: Arc::new(config),
            offline: None,
            has_answered: false,
        })
    }

    /// Has a request performed.
    pub async fn ask(&mut self, request: &Request) -> Result<Answer, Failure> {
        Ok(self.outcome(request, None).await??)
    }

    /// The same for one of many requests that do no harm when they are performed twice: it is asked again while
    /// the server is too busy. A server that has answered before is given time to come back, or it would find
    /// its folder taken.
    pub async fn ask_again(&mut self, request: &Request) -> Result<Answer, Failure> {
        let deadline = Instant::now() + BUSY_PATIENCE;
        loop {
            let back_by = self.has_answered.then(|| Instant::now() + RETURN_PATIENCE);
            match self.outcome(request, back_by).await? {
                Err(refusal) if refusal.is_busy() && Instant::now() < deadline => {
                    sleep(BUSY_RETRY).await;
                }
                outcome => return Ok(outcome?),
            }
        }
    }

    async fn outcome(
        &mut self,
        request: &Request,
        back_by: Option<Instant>,
    ) -> Result<Outcome, Failure> {
        let offline = match &self.offline {
            Some(offline) => offline,
            None => match self.knock(request, back_by).await? {
                Way::Answered(outcome) => {
                    self.has_answered = true;
                    return Ok(outcome);
                }
                Way::Ours(offline) => self.offline.insert(offline),
            },
        };
        Ok(control::perform(offline.desk(), request).await)
    }

    /// Asks the running server, or takes the folder when there is none, and none comes back in time.
    async fn knock(&self, request: &Request, back_by: Option<Instant>) -> Result<Way, Failure> {
        let deadline = back_by.unwrap_or_else(Instant::now) + PATIENCE;
        loop {
            match control::ask(&self.config.data.dir, request).await {
                Ok(outcome) => return Ok(Way::Answered(outcome)),
                Err(AskError::Nobody) if back_by.is_some_and(|by| Instant::now() < by) => {
                    sleep(RETRY).await;
                    continue;
                }
                Err(AskError::Nobody) => {}
                Err(error @ AskError::TooSlow) => {
                    return Ok(Way::Answered(Err(Refusal::busy(error.to_string()))));
                }
                Err(error) => return Err(Failure::failed(error)),
            }
            let dir = &self.config.data.dir;
            let is_new = !DataFolder::has_database(dir)? && !DataFolder::has_secret(dir);
            match take(dir).await {
                Ok(folder) => {
                    let path = folder.path().to_owned();
                    let offline = offline(folder, self.config.clone())
                        .await
                        .map_err(Failure::failed)?;
                    if is_new {
                        // Somebody who ran this in the wrong place would look for the account elsewhere.
                        say(&format!("This made a new data folder: {}", path.display()));
                    }
                    return Ok(Way::Ours(offline));
                }
                Err(FolderError::InUse { folder, pid }) if Instant::now() >= deadline => {
                    let owner = pid.map_or_else(String::new, |pid| format!(" (process {pid})"));
                    return Err(Failure::failed(format!(
                        "another chatd{owner} owns the data folder \"{}\" but takes no requests; \
                         it may be starting or stopping, so try again soon",
                        folder.display()
                    )));
                }
                Err(FolderError::InUse { .. }) => sleep(RETRY).await,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Whether what was asked went to a running server.
    pub fn is_served(&self) -> bool {
        self.offline.is_none()
    }

    /// Gives the folder back as it was when it was taken, if there was no data in it; says whether it did.
    pub async fn discard(self) -> bool {
        match self.offline {
            Some(offline) => offline.discard().await,
            None => false,
        }
    }

    /// Gives the folder back, if it was taken.
    pub async fn close(self) {
        if let Some(offline) = self.offline {
            offline.close().await;
        }
    }
}

/// An answer that does not belong to the request.
pub(super) fn unexpected() -> Failure {
    Failure::failed(
        "the running server answered something else; restart it, if it is another version",
    )
}
