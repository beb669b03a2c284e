//! A copy of the database, which a running server makes in its data folder, or we where none runs.

use super::blocking;
use crate::cli::Failure;
use crate::cli::door::{Door, unexpected};
use crate::cli::progress::Progress;
use crate::config::Config;
use crate::server::control::{Answer, CopyState, Request};
use std::path::Path;
use std::time::Duration;
use tokio::time::sleep;

/// Between two questions how far the copy is.
const BETWEEN_QUESTIONS: Duration = Duration::from_millis(100);

/// A copy of the database, as whoever makes it tells of it.
pub(in crate::cli) struct Copying {
    door: Door,
    number: Option<u64>,
}

impl Copying {
    /// A copy of what the configuration names, which is yet to be made.
    pub fn new(config: Config) -> Result<Self, Failure> {
        Ok(Self {
            door: Door::new(config, false)?,
            number: None,
        })
    }

    /// Has the copy made, and opens it by `open`, which is given the data folder.
    pub async fn make<T: Send + 'static>(
        &mut self,
        folder: &Path,
        open: impl FnOnce(&Path) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let mut progress = Progress::new();
        let mut copy = self.ask(&Request::BeginCopy).await?;
        let number = copy.number;
        self.number = Some(number);
        while !copy.is_ready {
            sleep(BETWEEN_QUESTIONS).await;
            copy = self.ask(&Request::AskCopy { number }).await?;
            progress.show("copying", copy.done, copy.pages);
        }
        let folder = folder.to_owned();
        let opened = blocking(move || open(&folder));
        tokio::pin!(opened);
        // Counting the rows takes a while, in which the copy is not to be taken for abandoned.
        loop {
            tokio::select! {
                opened = &mut opened => return opened,
                () = sleep(BETWEEN_QUESTIONS) => {}
            }
            self.ask(&Request::AskCopy { number }).await?;
        }
    }

    async fn ask(&mut self, request: &Request) -> Result<CopyState, Failure> {
        match self.door.ask(request).await? {
            Answer::Copy(copy) => Ok(copy),
            _ => Err(unexpected()),
        }
    }

    /// Has the copy removed, and gives the folder back.
    pub async fn end(mut self) {
        if let Some(number) = self.number {
            // Whoever made it removes what nobody asks about.
            let _ = self.door.ask(&Request::EndCopy { number }).await;
        }
        self.door.close().await;
    }
}
