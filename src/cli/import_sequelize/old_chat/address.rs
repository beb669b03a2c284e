//! Where the old database is, and who reads it. The password is never told.

use crate::cli::{Exit, Failure};
use crate::config::read_value;
use mysql::{Opts, OptsBuilder};
use std::env::VarError;
use std::fmt;
use std::path::PathBuf;

/// The variable with the password, which every user of the machine could read in the arguments.
const PASSWORD: &str = "CHATD_IMPORT_PASSWORD";
/// The variable that names a file with the password.
const PASSWORD_FILE: &str = "CHATD_IMPORT_PASSWORD__FILE";
/// How databases are called in URLs, the first being what the driver knows.
const SCHEMES: [&str; 2] = ["mysql://", "mariadb://"];

/// A database of a MySQL server.
#[derive(Clone)]
pub(super) struct Address {
    pub options: Opts,
}

impl Address {
    /// Reads a URL, and the password from the environment if there is one.
    pub fn read(url: &str) -> Result<Self, Failure> {
        let [scheme, other] = SCHEMES;
        let url = url
            .strip_prefix(other)
            .map_or_else(|| url.to_owned(), |rest| format!("{scheme}{rest}"));
        let wrong = |why: &str| {
            Failure::new(
                Exit::Usage,
                format!(
                    "{why}; it is mysql://user:password@host:3306/database. In a password @ is written %40, : %3A, \
                     / %2F, # %23, ? %3F and % %25; or give it in ${PASSWORD}"
                ),
            )
        };
        let mut options =
            Opts::from_url(&url).map_err(|_| wrong("the URL is not the address of a database"))?;
        if options.get_user().is_none() {
            return Err(wrong("the URL names no user"));
        }
        if options.get_db_name().is_none() {
            return Err(wrong("the URL names no database"));
        }
        if let Some(password) = password()? {
            options = OptsBuilder::from_opts(options).pass(Some(password)).into();
        }
        Ok(Self { options })
    }

    /// Who reads.
    pub fn user(&self) -> &str {
        self.options.get_user().unwrap_or_default()
    }

    /// The name of the database.
    pub fn database(&self) -> &str {
        self.options.get_db_name().unwrap_or_default()
    }

    /// Where the server is.
    pub fn server(&self) -> String {
        self.options.get_socket().map_or_else(
            || {
                let host = self.options.get_ip_or_hostname();
                format!("{host}:{}", self.options.get_tcp_port())
            },
            str::to_owned,
        )
    }

    /// Whether what is read does not leave this machine.
    pub fn is_here(&self) -> bool {
        self.options.get_socket().is_some() || self.options.addr_is_loopback()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mysql://{}/{}", self.server(), self.database())
    }
}

/// The password of the environment; nothing where there is none.
fn password() -> Result<Option<String>, Failure> {
    let wrong = |what: String| Failure::new(Exit::Config, what);
    let file = std::env::var_os(PASSWORD_FILE);
    match std::env::var(PASSWORD) {
        Ok(_) if file.is_some() => {
            return Err(wrong(format!(
                "{PASSWORD_FILE}: {PASSWORD} sets the same; leave out either"
            )));
        }
        Ok(password) => return Ok(Some(password)),
        Err(VarError::NotPresent) => {}
        Err(VarError::NotUnicode(_)) => {
            return Err(wrong(format!("{PASSWORD}: not UTF-8; use a value that is")));
        }
    }
    let Some(path) = file.map(PathBuf::from) else {
        return Ok(None);
    };
    let text = read_value(&path).map_err(|error| {
        let path = path.display();
        wrong(format!(
            "{PASSWORD_FILE}: the file \"{path}\" cannot be read: {error}; name one that this user may read"
        ))
    })?;
    Ok(Some(text))
}
