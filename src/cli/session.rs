//! `chatd session`: everybody's sign-ins, whether or not the server runs.

use super::door::{Door, unexpected};
use super::table::{lines_of_json, table};
use super::{Failure, Places, block_on, print, say};
use crate::model::SessionId;
use crate::server::control::{Answer, Request, Session as Shown};
use clap::{Args, Subcommand};

/// A table shows so many characters of what a client calls itself that is no browser.
const CLIENT_CHARS: usize = 40;

/// What a browser is known by, and its name. Most claim to be others as well, so that the more particular
/// come first. The UI's list of devices, in static/src/ui/device.ts, says the same.
type Names = [(&'static [&'static str], &'static str)];
const BROWSERS: &Names = &[
    (&["Edg/", "EdgA/", "EdgiOS/", "Edge/"], "Edge"),
    (&["OPR/"], "Opera"),
    (&["SamsungBrowser/"], "Samsung Internet"),
    (&["Firefox/", "FxiOS/"], "Firefox"),
    (&["Chrome/", "Chromium/", "CriOS/"], "Chrome"),
    (&["Safari/"], "Safari"),
];
const SYSTEMS: &Names = &[
    (&["Android"], "Android"),
    (&["iPhone", "iPad"], "iOS"),
    (&["Windows"], "Windows"),
    (&["Mac OS X"], "macOS"),
    (&["CrOS"], "ChromeOS"),
    (&["Linux"], "Linux"),
];

const EXAMPLES: &str = "\
Examples:
  chatd session list --user ada
  chatd session end 0b8f5d0e-93a4-4c1b-8a3c-5a8f6c1f2d3e

\"chatd user disable\" ends all sessions of an account and lets it begin no others.";

const LIST_EXAMPLES: &str = "\
Examples:
  chatd session list
  chatd session list --user ada@example.org
  chatd session list --json | jq -r '.[] | select(.username == \"bob\").id'

With --json it is one array of {id, username, createdAt, lastSeenAt, address, userAgent}, the one that \
was used last first.";

const END_EXAMPLES: &str = "\
Examples:
  chatd session end 0b8f5d0e-93a4-4c1b-8a3c-5a8f6c1f2d3e

Its tokens are refused from then on, and its connections end within a second.";

/// See and end sign-ins, whether or not the server runs
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Session {
    #[command(subcommand)]
    command: SessionCommand,
}

#[derive(Debug, Subcommand)]
enum SessionCommand {
    /// Show who is signed in, from where
    #[command(after_help = LIST_EXAMPLES)]
    List {
        /// Only those of this username or e-mail address
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Sign somebody out on one device
    #[command(after_help = END_EXAMPLES)]
    End {
        /// The session's id, as "chatd session list" shows it
        #[arg(value_parser = session_id)]
        id: SessionId,
    },
}

fn session_id(text: &str) -> Result<SessionId, String> {
    super::id(text, "chatd session list")
}

impl Session {
    pub(super) fn run(self, places: Places) -> Result<(), Failure> {
        let door = Door::new(places.load_quietly()?, false)?;
        match self.command {
            SessionCommand::List { user, json } => {
                let sessions = block_on(all(door, user.clone()))?;
                if json {
                    return print(&lines_of_json(&sessions)?);
                }
                if sessions.is_empty() {
                    say(&user.map_or_else(
                        || "Nobody is signed in.".to_owned(),
                        |name| format!("{name:?} is signed in nowhere."),
                    ));
                    return Ok(());
                }
                print(&as_table(&sessions))
            }
            SessionCommand::End { id } => {
                let session = block_on(end(door, id))?;
                say(&format!(
                    "{:?} was signed out of the session that began {}.",
                    session.username, session.created_at
                ));
                Ok(())
            }
        }
    }
}

async fn end(mut door: Door, id: SessionId) -> Result<Shown, Failure> {
    let answer = door.ask(&Request::EndSession { id }).await;
    door.close().await;
    match answer? {
        Answer::Session(session) => Ok(session),
        _ => Err(unexpected()),
    }
}

/// The sessions, the one that was used last first.
async fn all(mut door: Door, user: Option<String>) -> Result<Vec<Shown>, Failure> {
    let sessions = pages(&mut door, user).await;
    door.close().await;
    let mut sessions = sessions?;
    sessions.sort_by(|a, b| (&b.last_seen_at, &b.id).cmp(&(&a.last_seen_at, &a.id)));
    Ok(sessions)
}

async fn pages(door: &mut Door, user: Option<String>) -> Result<Vec<Shown>, Failure> {
    let mut sessions = Vec::new();
    let mut cursor = None;
    loop {
        let user = user.clone();
        let Answer::Sessions {
            sessions: more,
            next_cursor,
        } = door.ask(&Request::ListSessions { user, cursor }).await?
        else {
            return Err(unexpected());
        };
        sessions.extend(more);
        if next_cursor.is_none() {
            return Ok(sessions);
        }
        cursor = next_cursor;
    }
}

fn as_table(sessions: &[Shown]) -> String {
    let head = ["ID", "USERNAME", "LAST USED", "BEGAN", "ADDRESS", "CLIENT"];
    let rows = sessions.iter().map(|session| {
        let client = session.user_agent.as_deref().unwrap_or_default();
        [
            session.id.clone(),
            session.username.clone(),
            session.last_seen_at.clone(),
            session.created_at.clone(),
            session.address.clone(),
            client_name(client),
        ]
    });
    table(
        &std::iter::once(head.map(str::to_owned))
            .chain(rows)
            .collect::<Vec<_>>(),
    )
}

/// A browser and its system in short, as in "Firefox on Linux"; what is no browser as it calls itself.
fn client_name(agent: &str) -> String {
    let named = |names: &Names| {
        let found = names
            .iter()
            .find(|(marks, _)| marks.iter().any(|mark| agent.contains(mark)));
        found.map(|(_, name)| *name)
    };
    match (named(BROWSERS), named(SYSTEMS)) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(browser), None) => browser.to_owned(),
        (None, _) if agent.chars().count() > CLIENT_CHARS => {
            let start: String = agent.chars().take(CLIENT_CHARS).collect();
            format!("{}…", start.trim_end())
        }
        (None, _) => agent.to_owned(),
    }
}
