//! `chatd healthcheck`: whether a server serves, for containers and monitors.

use super::web::Site;
use super::{Exit, Failure, Places, block_on, say};
use clap::Args;
use std::time::Duration;
use tokio::time::timeout;

/// An answer takes so long at most, and the process a second more: monitors wait for five, or longer.
const PATIENCE: Duration = Duration::from_secs(4);

const EXAMPLES: &str = "\
Examples:
  chatd healthcheck                                 the one on this machine
  chatd healthcheck --url https://chat.example.org  any other
  HEALTHCHECK CMD chatd healthcheck                 in a Dockerfile

It asks /readyz, which asks the database, and waits for 4 seconds at most: it ends with 0 if the server is \
ready, with 1 if it is not, and in any case with one line on stderr.";

/// Ask whether a server is ready
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Healthcheck {
    /// Where the server is; without it server.listen of the configuration, on this machine
    #[arg(long, value_name = "URL")]
    url: Option<Site>,
}

impl Healthcheck {
    pub(super) fn run(self, places: Places) -> Result<(), Failure> {
        let site = match self.url {
            Some(site) => site,
            None => Site::of(&places.load(None, None)?.config).ok_or_else(|| {
                Failure::new(
                    Exit::Usage,
                    "server.listen leaves the port to the system; name the server by --url",
                )
            })?,
        };
        block_on(check(&site))?;
        say(&format!("{site} is ready"));
        Ok(())
    }
}

async fn check(site: &Site) -> Result<(), Failure> {
    let asked = timeout(PATIENCE, site.get("/readyz")).await;
    let reply = asked.unwrap_or_else(|_| Err(format!("no answer within {} s", PATIENCE.as_secs())));
    let why = match reply {
        Ok(reply) if reply.status.is_success() && reply.body == "ok\n" => return Ok(()),
        Ok(reply) if reply.status.is_success() => "what answers there is no chatd".to_owned(),
        Ok(reply) => format!("it answers {}", reply.status),
        Err(why) => why,
    };
    Err(Failure::failed(format!("{site} is not ready: {why}")))
}
