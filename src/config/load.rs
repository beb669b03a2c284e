//! Merges the file, the environment and the flags over the defaults, one value at a time: the
//! configuration is sound before each step, so a refusal belongs to the value just set, and can
//! say where that one stands.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::file::File;
use super::{Config, names};

/// The environment variable that names the file when no flag does.
const ENV_FILE: &str = "CHATD_CONFIG";

/// Where a configuration comes from, the weakest source first.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The file that `--config` names. Without it `CHATD_CONFIG` names one, if set and not empty.
    pub file: Option<PathBuf>,
    /// The environment as names and values; whatever does not concern the configuration is left
    /// alone. Where a name comes twice, the later one holds.
    pub env: Vec<(String, String)>,
    /// The flags of the command line.
    pub flags: Flags,
}

/// The flags that set a key, as they were typed.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// `--listen`, which sets `server.listen`.
    pub listen: Option<String>,
    /// `--data-dir`, which sets `data.dir`.
    pub data_dir: Option<String>,
    /// `--log-format`, which sets `log.format`.
    pub log_format: Option<String>,
}

/// A checked configuration.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The values that hold.
    pub config: Config,
    /// Where each value came from, by `section.key`; every key is present.
    pub origins: BTreeMap<String, Origin>,
}

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// The configuration file.
    File {
        /// The file, as it was named.
        path: PathBuf,
        /// The line of the key, from 1.
        line: usize,
    },
    /// The environment variable of this name.
    Env(String),
    /// The flag of this name, with its dashes.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => to.write_str("default"),
            Self::File { path, line } => write!(to, "{}:{line}", path.display()),
            Self::Env(name) => to.write_str(name),
            Self::Flag(name) => to.write_str(name),
        }
    }
}

/// Why there is no configuration, for the operator to read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct ConfigError {
    /// `path:line:column`, the path alone, or the name of the variable or flag.
    pub place: String,
    /// What is wrong, and what would be right.
    pub problem: String,
    /// Whether it is the value of a flag, and so the command line that is wrong.
    pub is_flag: bool,
}

impl ConfigError {
    pub(super) fn new(place: impl fmt::Display, problem: impl Into<String>) -> Self {
        Self {
            place: place.to_string(),
            problem: problem.into(),
            is_flag: false,
        }
    }
}

/// Merges the sources over the defaults: the file, then the environment, then the flags.
///
/// # Errors
/// [`ConfigError`] for the first value, key or variable that is not right, and for a file that is
/// named but cannot be read.
pub fn load(sources: &Sources) -> Result<Loaded, ConfigError> {
    let mut merge = Merge::of_defaults();
    if let Some(path) = &sources.file {
        merge.file(path, "--config")?;
    } else if let Some((_, path)) = sources.env.iter().rfind(|(name, _)| name == ENV_FILE)
        && !path.is_empty()
    {
        merge.file(Path::new(path), ENV_FILE)?;
    }
    for (name, text) in &sources.env {
        merge.variable(name, text)?;
    }
    let Flags {
        listen,
        data_dir,
        log_format,
    } = &sources.flags;
    let flags = [
        ("server.listen", "--listen", listen),
        ("data.dir", "--data-dir", data_dir),
        ("log.format", "--log-format", log_format),
    ];
    for (key, flag, text) in flags {
        if let Some(text) = text {
            let merged = merge.text(key, text, Origin::Flag(flag));
            merged.map_err(|error| ConfigError {
                is_flag: true,
                ..error
            })?;
        }
    }
    Ok(merge.loaded)
}

/// What has been merged so far.
struct Merge {
    /// The same values as `loaded.config`, by section and key.
    values: Table,
    loaded: Loaded,
}

impl Merge {
    fn of_defaults() -> Self {
        let config = Config::default();
        let values = Table::try_from(&config)
            .expect("the defaults are plain texts, numbers, switches and lists");
        let mut origins = BTreeMap::new();
        for (section, keys) in &values {
            for key in keys.as_table().into_iter().flat_map(Table::keys) {
                origins.insert(names::join(section, key), Origin::Default);
            }
        }
        Self {
            values,
            loaded: Loaded { config, origins },
        }
    }

    fn file(&mut self, path: &Path, named_by: &str) -> Result<(), ConfigError> {
        let file = File::read(path, named_by)?;
        for entry in file.entries(|name| self.values.contains_key(name))? {
            if !self.loaded.origins.contains_key(&entry.name) {
                let problem = self.unknown(&entry.name, &entry.value);
                return Err(ConfigError::new(file.place(entry.name_start), problem));
            }
            let origin = Origin::File {
                path: path.to_owned(),
                line: file.line(entry.name_start),
            };
            let refused = |problem| ConfigError::new(file.place(entry.value_start), problem);
            self.set(&entry.name, entry.value, origin)
                .map_err(refused)?;
        }
        Ok(())
    }

    fn variable(&mut self, variable: &str, text: &str) -> Result<(), ConfigError> {
        let known: Vec<&str> = self.loaded.origins.keys().map(String::as_str).collect();
        let Some(name) = names::key_of_variable(variable) else {
            return names::meant_by(&known, variable).map_or(Ok(()), |key| {
                let problem = format!("unknown variable; did you mean {}?", names::variable(key));
                Err(ConfigError::new(variable, problem))
            });
        };
        if self.loaded.origins.contains_key(&name) && names::variable(&name) == variable {
            return self.text(&name, text, Origin::Env(variable.to_owned()));
        }
        let hint = names::hint(&known, &name, names::variable);
        let problem = format!("unknown variable; {hint}");
        Err(ConfigError::new(variable, problem))
    }

    /// Sets a key from text, which its current value tells how to read. What cannot be read so
    /// stays text, and is then refused as a wrong value in the file is.
    fn text(&mut self, name: &str, text: &str, origin: Origin) -> Result<(), ConfigError> {
        let value = match self.slot(name) {
            Some(Value::Integer(_)) => text.parse().ok().map(Value::Integer),
            Some(Value::Boolean(_)) => text.parse().ok().map(Value::Boolean),
            Some(Value::Array(_)) => {
                let entries = text.split(',').map(str::trim);
                let entries = entries.filter(|entry| !entry.is_empty());
                Some(Value::Array(entries.map(Value::from).collect()))
            }
            _ => None,
        };
        let place = origin.to_string();
        self.set(name, value.unwrap_or_else(|| Value::from(text)), origin)
            .map_err(|problem| ConfigError::new(place, problem))
    }

    /// Sets a known key, or says why it cannot have this value.
    fn set(&mut self, name: &str, value: Value, origin: Origin) -> Result<(), String> {
        // serde would hand a date on as text.
        if value.is_datetime() {
            return Err(format!("{name:?} cannot be a date; put text in quotes"));
        }
        if let Some(slot) = self.slot(name) {
            *slot = value;
        }
        let merged: Result<Config, toml::de::Error> = self.values.clone().try_into();
        self.loaded.config = merged.map_err(|error| format!("{name:?} {}", error.message()))?;
        self.loaded.origins.insert(name.to_owned(), origin);
        Ok(())
    }

    fn slot(&mut self, name: &str) -> Option<&mut Value> {
        let (section, key) = name.split_once('.')?;
        self.values.get_mut(section)?.get_mut(key)
    }

    /// Says what is wrong with a name in the file that is no key.
    fn unknown(&self, name: &str, value: &Value) -> String {
        if self.values.contains_key(name) {
            return format!("{name:?} is a section; write [{name}] on a line of its own");
        }
        let is_section = value.is_table() && !name.contains('.');
        let kind = if is_section { "section" } else { "key" };
        let known = self.loaded.origins.keys().chain(self.values.keys());
        let known: Vec<&str> = known.map(String::as_str).collect();
        let hint = names::hint(&known, name, |name| format!("{name:?}"));
        format!("unknown {kind} {name:?}; {hint}")
    }
}
