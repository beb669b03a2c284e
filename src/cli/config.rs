//! `chatd config`: what the configuration is, and what is wrong with it.

use super::{Failure, Places, print, say};
use crate::config::{ConfigError, ConfigErrors, Loaded};
use crate::server::tls::files::{Files, FilesError};
use clap::{Args, Subcommand};
use serde_json::json;
use std::fmt::Write;
use toml::Table;

/// Values are told where they come from in this column, unless they reach beyond it.
const ORIGIN_COLUMN: usize = 50;
/// Every key with its default and what it is for.
const EXAMPLE: &str = include_str!("../../config.example.toml");

const EXAMPLES: &str = "\
Examples:
  chatd config default > chatd.toml        begin a configuration file
  chatd config check --config chatd.toml   find every mistake in it
  chatd config show --config chatd.toml    see what holds, and from where

A flag wins over the environment, and that over the configuration file.";

const CHECK_EXAMPLES: &str = "\
Examples:
  chatd config check --config chatd.toml && systemctl restart chatd
  CHATD_SERVER__LISTEN=0.0.0.0:5000 chatd config check

It ends with 78 if there is a mistake, and names the place of each. A certificate that is not for \
server.public_url is a warning: the server starts with it.";

const DEFAULT_EXAMPLES: &str = "\
Examples:
  chatd config default > chatd.toml";

const SHOW_EXAMPLES: &str = "\
Examples:
  chatd config show
  chatd config show --json | jq -r '.\"server.listen\".value'

What is printed is a configuration file itself, with the origin of each value behind it. With \
--json it is one object of {value, origin} by key.";

/// Show and check the configuration
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Config {
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Find every mistake in the configuration file, the environment and the flags; and whether the
    /// certificate that they name can be used
    #[command(after_help = CHECK_EXAMPLES)]
    Check,
    /// Show what holds, and where each value comes from
    #[command(after_help = SHOW_EXAMPLES)]
    Show {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print a configuration file that has every key with its default and says what it is for
    #[command(after_help = DEFAULT_EXAMPLES)]
    Default,
}

impl Config {
    pub(super) fn run(self, places: Places) -> Result<(), Failure> {
        match self.command {
            ConfigCommand::Check => {
                let loaded = places.load(None, None)?;
                let faults = Files::faults(&loaded.config);
                let (warnings, mistakes): (Vec<_>, Vec<_>) =
                    faults.iter().partition(|fault| fault.is_warning());
                for warning in warnings {
                    say(&format!("warning: {}", mistake(warning, &loaded)));
                }
                if !mistakes.is_empty() {
                    let mistakes = mistakes.iter().map(|fault| mistake(fault, &loaded));
                    return Err(ConfigErrors(mistakes.collect()).into());
                }
                say(&format!(
                    "The configuration is sound: {}.",
                    loaded.sources()
                ));
                Ok(())
            }
            ConfigCommand::Show { json } => {
                let loaded = places.load(None, None)?;
                let values = Table::try_from(&loaded.config).map_err(Failure::failed)?;
                print(&if json {
                    as_json(&loaded, &values)
                } else {
                    as_toml(&loaded, &values)
                })
            }
            ConfigCommand::Default => print(EXAMPLE),
        }
    }
}

/// A fault of the certificate's files as a mistake of the key that names the file.
fn mistake(fault: &FilesError, loaded: &Loaded) -> ConfigError {
    let place = loaded.places.get(fault.key()).cloned();
    ConfigError {
        place: place.unwrap_or_else(|| fault.key().to_owned()),
        problem: fault.to_string(),
        is_flag: false,
    }
}

fn as_toml(loaded: &Loaded, values: &Table) -> String {
    let mut text = String::new();
    for (section, keys) in values {
        let newline = if text.is_empty() { "" } else { "\n" };
        // Writing to a text cannot fail.
        let _ = writeln!(text, "{newline}[{section}]");
        for (key, value) in keys.as_table().into_iter().flatten() {
            let line = format!("{key} = {value}");
            let origin = &loaded.origins[&format!("{section}.{key}")];
            let _ = writeln!(text, "{line:<ORIGIN_COLUMN$}  # {origin}");
        }
    }
    text
}

fn as_json(loaded: &Loaded, values: &Table) -> String {
    let mut keys = serde_json::Map::new();
    for (name, origin) in &loaded.origins {
        if let Some((section, key)) = name.split_once('.') {
            let value = &values[section][key];
            let shown = json!({ "value": value, "origin": origin.to_string() });
            keys.insert(name.clone(), shown);
        }
    }
    format!("{:#}\n", serde_json::Value::Object(keys))
}
