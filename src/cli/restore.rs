//! `chatd restore`: a data folder of a backup.

use super::backup::{read, shown, stoppable, stopped, summary};
use super::{Failure, Places, block_on, say};
use crate::chat::Clock;
use crate::server::backup::{BackupError, RestoreError, restore};
use clap::Args;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  chatd restore /mnt/usb/chat.backup --data-dir /srv/chat
  chatd restore --force /mnt/usb/chat.backup   moves the old folder aside
  ssh nas 'cat chat.backup' | chatd restore -

Stop the server first. The backup is unpacked beside the data folder and checked before anything \
is changed, which takes as much room as the database. Whoever was signed in when the backup was \
made is signed in again, and messages that are newer than it are not in it.";

/// Make a data folder of a backup
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Restore {
    /// The backup; "-" for stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Move the data folder that is there aside
    #[arg(long)]
    force: bool,
}

impl Restore {
    pub(super) fn run(self, places: Places) -> Result<(), Failure> {
        let config = places.load_quietly()?;
        let work = stoppable(move |stop| {
            let from = read(&self.file, stop)?;
            let now = Clock::default().now();
            let restored = restore(from, &config.data.dir, self.force, now, stop);
            restored.map_err(|error| match error {
                RestoreError::Backup(BackupError::Stopped) => stopped(error),
                RestoreError::Backup(_) => {
                    Failure::failed(format!("{}: {error}", shown(&self.file)))
                }
                other => Failure::failed(other),
            })
        });
        let restored = block_on(work)?;
        let folder = restored.folder.display();
        say(&format!(
            "Restored {} to \"{folder}\", as of {}.",
            summary(&restored.manifest),
            restored.manifest.created_at
        ));
        if let Some(before) = restored.before {
            let before = before.display();
            say(&format!(
                "What was there before is in \"{before}\"; remove it once you do not need it."
            ));
        }
        Ok(())
    }
}
