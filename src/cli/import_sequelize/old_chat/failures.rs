//! Why the old database cannot be read, in sentences that say what to do about it.

use super::address::Address;
use crate::cli::Failure;
use mysql::{DriverError, Error, MySqlError};
use std::error::Error as _;
use std::io;

/// Refusals by what MySQL calls them (its manual, "Server Error Message Reference").
const UNKNOWN_DATABASE: u16 = 1049;
const WRONG_PASSWORD: [u16; 2] = [1045, 1698];
const NO_RIGHT: [u16; 4] = [1044, 1142, 1143, 1370];
/// What servers say that are only spoken to by TLS; not all of them have a number for it.
const ONLY_BY_TLS: [&str; 3] = [
    "require_secure_transport",
    "insecure transport",
    "SSL connection is required",
];

/// Why there is no connection.
pub(super) fn unreachable(address: &Address, error: &Error) -> Failure {
    let (user, database) = (address.user(), address.database());
    if let Some(why) = tls(error) {
        return Failure::failed(format!(
            "{address} cannot be reached by TLS: {why}; its certificate must be good for the name in the URL and \
             from an authority that --tls-ca names; or go to its machine through a tunnel of SSH, without --tls"
        ));
    }
    Failure::failed(match error {
        Error::MySqlError(error) if is_only_by_tls(error) => {
            format!("{address} is only spoken to by TLS; add --tls, and --tls-ca if it needs one")
        }
        Error::MySqlError(MySqlError { code, .. }) if WRONG_PASSWORD.contains(code) => {
            let or = if address.is_encrypted() {
                ""
            } else {
                ", and add --tls if that account has to be encrypted"
            };
            format!(
                "{address} does not let \"{user}\" in with this password; see which account the old backend \
                 uses, and give its password in the URL or in $CHATD_IMPORT_PASSWORD{or}"
            )
        }
        Error::MySqlError(MySqlError { code, .. }) if *code == UNKNOWN_DATABASE => format!(
            "there is no database \"{database}\" at {}; name the one that the old backend uses",
            address.server()
        ),
        Error::MySqlError(MySqlError { code, .. }) if NO_RIGHT.contains(code) => format!(
            "\"{user}\" may not read the database \"{database}\" at {}; let it: GRANT SELECT ON {database}.* TO …",
            address.server()
        ),
        Error::MySqlError(error) => format!("{address} refuses: {}", error.message),
        Error::DriverError(DriverError::TlsNotSupported) => format!(
            "{address} has no TLS; if nobody on the way can listen leave --tls out, and what the URL says of it, \
             else go to its machine through a tunnel of SSH"
        ),
        Error::DriverError(DriverError::UnknownAuthPlugin(name)) => format!(
            "{address} wants \"{user}\" to sign in by \"{name}\", which chatd does not know; use an account \
             with a password"
        ),
        error => format!(
            "MySQL cannot be reached at {}: {}; see that it runs and listens there",
            address.server(),
            plain(error)
        ),
    })
}

/// Why something cannot be read any more.
pub(super) fn lost(address: &Address, what: &str, error: &Error) -> Failure {
    Failure::failed(match error {
        Error::MySqlError(MySqlError { code, .. }) if NO_RIGHT.contains(code) => format!(
            "\"{}\" may not read {what} at {address}; nothing was changed there. Let it: GRANT SELECT ON {}.* TO …",
            address.user(),
            address.database()
        ),
        Error::MySqlError(error) => format!(
            "{address} refuses to tell {what}: {}; nothing was changed there",
            error.message
        ),
        error => format!(
            "the connection to {address} was lost while {what} was read: {}; nothing was changed there, so run \
             this again",
            plain(error)
        ),
    })
}

fn is_only_by_tls(error: &MySqlError) -> bool {
    ONLY_BY_TLS
        .iter()
        .any(|words| error.message.contains(words))
}

/// What is wrong about TLS, if something is. The driver shakes hands as it writes, so that most of it
/// comes as a failed write.
fn tls(error: &Error) -> Option<String> {
    if let Error::TlsError(error) = error {
        return Some(error.to_string());
    }
    let inner = of_system(error)?.get_ref()?;
    inner
        .downcast_ref::<rustls::Error>()
        .map(ToString::to_string)
}

/// What the system says.
fn of_system(error: &Error) -> Option<&io::Error> {
    match error {
        Error::IoError(error) => Some(error),
        Error::CodecError(error) => error.source()?.downcast_ref(),
        _ => None,
    }
}

/// What went wrong, without what the driver puts around it.
fn plain(error: &Error) -> String {
    if let Some(error) = of_system(error) {
        return error.to_string();
    }
    match error {
        Error::CodecError(error) => error.to_string(),
        Error::DriverError(DriverError::CouldNotConnect(Some((_, why, _)))) => why.clone(),
        Error::DriverError(error) => error.to_string(),
        error => error.to_string(),
    }
}
