//! Where the old database is, and who reads it. The password is never told.

use super::tls;
use crate::cli::{Exit, Failure};
use crate::config::read_value;
use mysql::{Opts, OptsBuilder, UrlError};
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
    /// Reads a URL, and the password from the environment if there is one. The connection is to be encrypted
    /// if `tls` says so or the URL does; `authority` may then vouch for the server's certificate, too.
    pub fn read(url: &str, tls: bool, authority: Option<PathBuf>) -> Result<Self, Failure> {
        let [scheme, other] = SCHEMES;
        let url = url
            .strip_prefix(other)
            .map_or_else(|| url.to_owned(), |rest| format!("{scheme}{rest}"));
        let refused = |why: String| Failure::new(Exit::Usage, why);
        let wrong = |why: &str| {
            refused(format!(
                "{why}; it is mysql://user:password@host:3306/database. In a password @ is written %40, : %3A, \
                 / %2F, # %23, ? %3F and % %25; or give it in ${PASSWORD}"
            ))
        };
        let no_address = |_| wrong("the URL is not the address of a database");
        let (place, query) = url.split_once('?').unwrap_or((&url, ""));
        let options = Opts::from_url(place).map_err(no_address)?;
        // Before that is known, what seems to be a query may be a part of the password.
        if options.get_user().is_none() {
            return Err(wrong("the URL names no user"));
        }
        let asked = tls::Asked::read(query).map_err(refused)?;
        let with_query = Opts::from_url(&format!("{place}?{}", asked.query));
        let options = with_query.map_err(|error| match error {
            UrlError::UnknownParameter(name) => {
                refused(format!("\"{name}\" in the URL is not known; leave it out"))
            }
            UrlError::InvalidValue(name, _) | UrlError::FeatureRequired(_, name) => refused(
                format!("\"{name}\" in the URL cannot be what it is there; leave it out"),
            ),
            other => no_address(other),
        })?;
        if options.get_db_name().is_none() {
            return Err(wrong("the URL names no database"));
        }
        let mut builder = OptsBuilder::from_opts(options.clone());
        if let Some(password) = password()? {
            builder = builder.pass(Some(password));
        }
        let ssl = tls::options(&options, tls || asked.is_encrypted, authority)?;
        Ok(Self {
            options: builder.ssl_opts(ssl).into(),
        })
    }

    /// Whether nobody on the way can listen.
    pub fn is_encrypted(&self) -> bool {
        self.options.get_socket().is_none() && self.options.get_ssl_opts().is_some()
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
