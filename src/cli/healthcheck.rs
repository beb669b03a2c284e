//! `chatd healthcheck`: whether a server serves, for containers and monitors.

use super::web::{Reply, Site};
use super::{Exit, Failure, Places, block_on, say};
use crate::server::control::{self, AskError};
use crate::server::data_folder::absolute;
use clap::Args;
use http::StatusCode;
use serde_json::Value;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// An answer takes so long at most, and the process a second more: monitors wait for five, or longer.
const PATIENCE: Duration = Duration::from_secs(4);

/// What is asked.
const READY: &str = "/readyz";
/// About a server that takes a request of the command line and does not answer it.
const SILENT: &str =
    "the server that runs on the data folder is not ready: it does not answer; look at its log";

/// What to do about a server that answers that it is not ready. One that is stopped at once may lose what only
/// it still has.
pub(super) const SEE_LOG: &str = "its log says why, and what to do before it is stopped";

const EXAMPLES: &str = "\
Examples:
  chatd healthcheck                                 the one on this machine
  chatd healthcheck --data-dir /srv/chat            the one of this folder
  chatd healthcheck --url https://chat.example.org  any other
  HEALTHCHECK CMD chatd healthcheck                 in a Dockerfile

It asks /readyz, which asks the database, and waits for 4 seconds at most: it ends with 0 if the server is \
ready, with 1 if it is not, and in any case with one line on stderr.";

/// Ask whether a server is ready
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Healthcheck {
    /// Where the server is; without it where the one is that runs on the data folder, or else
    /// server.listen of the configuration, on this machine
    #[arg(long, value_name = "URL")]
    url: Option<Site>,
}

impl Healthcheck {
    pub(super) fn run(self, places: Places) -> Result<(), Failure> {
        let site = block_on(async {
            let deadline = Instant::now() + PATIENCE;
            let (site, otherwise) = if let Some(site) = self.url {
                (site, "look whether a server runs there, and at its log")
            } else {
                let site = timeout_at(deadline, find(places)).await;
                (
                    site.unwrap_or_else(|_| Err(Failure::failed(SILENT)))?,
                    "start the server, or name its configuration by --config, its data folder by --data-dir or its \
                     address by --url",
                )
            };
            check(&site, deadline, otherwise).await?;
            Ok(site)
        })?;
        say(&format!("{site} is ready"));
        Ok(())
    }
}

/// Where the server is that runs on the data folder, or else on the address of the configuration, as one whose
/// folder this user may not see. Whoever names a folder means no other server than the one of that.
async fn find(places: Places) -> Result<Site, Failure> {
    let has_named = places.data_dir.is_some();
    let config = places.load(None, None)?.config;
    match control::whereabouts(&config.data.dir).await {
        Ok(Some(found)) => Site::at(found.address, found.is_https, &config),
        Err(AskError::Nobody) if has_named => {
            return Err(Failure::failed(format!(
                "no server runs on the data folder \"{}\"; start it, or name another folder by --data-dir",
                absolute(&config.data.dir).display()
            )));
        }
        Err(error) if has_named => return Err(Failure::failed(error)),
        _ => Site::of(&config),
    }
    .ok_or_else(|| {
        Failure::new(
            Exit::Usage,
            "server.listen leaves the port to the system; name the server by --url, or its data folder by --data-dir",
        )
    })
}

/// Asks whether a server is ready; what there is to do about it, unless something else is known.
async fn check(site: &Site, deadline: Instant, otherwise: &str) -> Result<(), Failure> {
    let asked = timeout_at(deadline, async {
        let answer = site.get(READY).await;
        match &answer {
            Ok(reply) if reply.status.is_success() && reply.body == "ok\n" => None,
            Ok(reply) if is_unready(reply) => Some((
                format!("it answers {}", reply.status),
                Some(SEE_LOG.to_owned()),
            )),
            _ => Some(site.explain(READY, &answer).await),
        }
    });
    let silent = || format!("no answer within {} s", PATIENCE.as_secs());
    let Some((why, fix)) = asked.await.unwrap_or_else(|_| Some((silent(), None))) else {
        return Ok(());
    };
    let fix = fix.as_deref().unwrap_or(otherwise);
    Err(Failure::failed(format!(
        "{site} is not ready: {why}; {fix}"
    )))
}

/// Whether it is a chatd that says that it is not ready, and not a proxy before it.
fn is_unready(reply: &Reply) -> bool {
    let is_refusal = || {
        let body: Result<Value, _> = serde_json::from_slice(&reply.body);
        body.is_ok_and(|body| body["error"]["code"].is_string())
    };
    reply.status == StatusCode::SERVICE_UNAVAILABLE
        || reply.status.is_server_error() && is_refusal()
}
