//! `chatd doctor`: what commonly breaks. Each part looks at one thing and changes nothing.

mod advice;
mod certificate;
mod data;
mod here;
mod machine;
mod outside;

use super::web::Site;
use super::{Failure, Places, block_on, print};
use crate::config::Config;
use clap::Args;
use serde::Serialize;

const EXAMPLES: &str = "\
Examples:
  chatd doctor --config /etc/chatd/config.toml     look at this machine
  chatd doctor --url https://chat.example.org      look from outside, too
  SSL_CERT_FILE=house.pem chatd doctor --url https://chat.lan   by your CA
  chatd doctor --json | jq '.[] | select(.state != \"ok\")'

Run it as the user who runs the server, with the server's configuration; the server may run meanwhile. \
Each line begins with \"ok\", \"warning\" or \"problem\", and below what is not ok stands what to do. It ends \
with 0 if there is no problem, with 1 if there is one. With --json it is one array of {state, what, fix}.";

/// Look for what commonly breaks, and say what to do about it
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Doctor {
    /// Where people reach the server, to look at it from outside
    #[arg(long, value_name = "URL")]
    url: Option<Site>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Ok,
    Warning,
    Problem,
}

/// What was found out about one thing.
#[derive(Debug, Serialize)]
struct Finding {
    state: State,
    what: String,
    /// What to do about it; nothing where all is well.
    fix: Option<String>,
}

/// The findings so far. People see each of them as it is made, since some take seconds.
struct Report {
    findings: Vec<Finding>,
    is_json: bool,
}

impl Report {
    fn ok(&mut self, what: impl Into<String>) {
        self.add(State::Ok, what.into(), None);
    }

    /// Something that may well break, or costs what it need not.
    fn warn(&mut self, what: impl Into<String>, fix: impl Into<String>) {
        self.add(State::Warning, what.into(), Some(fix.into()));
    }

    /// Something that does not work.
    fn problem(&mut self, what: impl Into<String>, fix: impl Into<String>) {
        self.add(State::Problem, what.into(), Some(fix.into()));
    }

    fn add(&mut self, state: State, what: String, fix: Option<String>) {
        let finding = Finding { state, what, fix };
        if !self.is_json {
            // Whoever reads no further has seen enough; how it ends is told all the same.
            let _ = print(&finding.shown());
        }
        self.findings.push(finding);
    }

    fn has_problem(&self) -> bool {
        let mut states = self.findings.iter().map(|finding| finding.state);
        states.any(|state| state == State::Problem)
    }
}

impl Finding {
    fn shown(&self) -> String {
        let state = match self.state {
            State::Ok => "ok",
            State::Warning => "warning",
            State::Problem => "problem",
        };
        let fix = self
            .fix
            .as_ref()
            .map_or_else(String::new, |fix| format!("  → {fix}\n"));
        format!("{state}: {}\n{fix}", self.what)
    }
}

impl Doctor {
    pub(super) fn run(self, places: Places) -> Result<(), Failure> {
        let mut report = Report {
            findings: Vec::new(),
            is_json: self.json,
        };
        let config = configuration(places, &mut report);
        block_on(async {
            machine::look(&mut report);
            if let Some(config) = &config {
                data::look(config, &mut report);
                machine::look_at_server(config, &mut report).await;
            }
            if let Some(site) = &self.url {
                outside::look(site, config.as_ref(), &mut report).await;
            }
            Ok(())
        })?;
        if self.json {
            let text = serde_json::to_string_pretty(&report.findings).map_err(Failure::failed)?;
            print(&format!("{text}\n"))?;
        }
        if report.has_problem() {
            return Err(Failure::failed("there is a problem"));
        }
        Ok(())
    }
}

/// The configuration, if it is sound.
fn configuration(places: Places, report: &mut Report) -> Option<Config> {
    match places.load(None, None) {
        Ok(loaded) => {
            report.ok(format!("the configuration is sound: {}", loaded.sources()));
            Some(loaded.config)
        }
        Err(errors) => {
            for error in errors.0 {
                report.problem(
                    format!("the configuration: {error}"),
                    "put it right; \"chatd config default\" shows every key with what it takes",
                );
            }
            None
        }
    }
}
