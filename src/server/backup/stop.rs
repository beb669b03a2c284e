//! The wish that work on a backup ends before it is done.

use super::BackupError;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether somebody wants the work to end. It is looked at until what is there is about to be replaced;
/// whoever wants it waits until the work has ended, and is told what became of it.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// From now on it is wanted.
    pub fn want(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it is wanted.
    pub fn is_wanted(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Goes on only while it is not wanted.
    pub(super) fn look(&self) -> Result<(), BackupError> {
        if self.is_wanted() {
            Err(BackupError::Stopped)
        } else {
            Ok(())
        }
    }

    /// Whatever made the work fail, an end that is wanted is the reason.
    pub(super) fn reason(&self, error: BackupError) -> BackupError {
        if self.is_wanted() {
            BackupError::Stopped
        } else {
            error
        }
    }
}
