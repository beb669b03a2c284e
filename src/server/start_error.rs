//! Why a server did not start, and what to do about it.

use super::tls::files::FilesError;
use super::why;
use crate::chat::Error as ChatError;
use crate::store::{Error as StoreError, OpenError};
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address cannot be listened on.
    #[error(transparent)]
    Listen(#[from] ListenError),
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
    /// The certificate's files.
    #[error("cannot speak TLS: {0}")]
    Tls(#[from] FilesError),
    /// The domain.
    #[error("cannot start: {}", why(.0))]
    Chat(#[from] ChatError),
}

/// Why an address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("{}; {}", self.what(), self.fix())]
pub struct ListenError {
    /// Which address.
    pub address: SocketAddr,
    /// The flag or key that sets it.
    pub setting: &'static str,
    /// What the system says.
    pub error: io::Error,
}

impl ListenError {
    /// What is wrong.
    pub fn what(&self) -> String {
        format!("cannot listen on {}: {}", self.address, self.error)
    }

    /// What to do about it.
    pub fn fix(&self) -> String {
        let setting = self.setting;
        match self.error.kind() {
            io::ErrorKind::AddrInUse => {
                format!("stop what uses it, or choose another with {setting}")
            }
            io::ErrorKind::AddrNotAvailable => format!(
                "it is no address of this machine, so choose another with {setting}, such as 0.0.0.0 for all of them"
            ),
            io::ErrorKind::PermissionDenied => format!(
                "choose a port from 1024 on with {setting}, or allow this one: in systemd's unit by \
                 AmbientCapabilities=CAP_NET_BIND_SERVICE"
            ),
            _ => format!("choose another with {setting}"),
        }
    }
}

fn database_hint(error: &OpenError) -> &'static str {
    match error {
        OpenError::Database(StoreError::Full) => "; make room on its disk",
        OpenError::Migration(_)
        | OpenError::Database(StoreError::Unwritten(_) | StoreError::Disk(_)) => {
            "; see to its disk, which may be full, read-only or failing, and start again"
        }
        OpenError::Database(StoreError::Damaged(_)) => ", or name another folder with --data-dir",
        OpenError::Database(StoreError::Database(_)) => "; name another folder with --data-dir",
        // These say by themselves what to do.
        _ => "",
    }
}
