//! Merges the file, the environment and the flags over the defaults, one value at a time: the
//! configuration is sound before each step, so a refusal belongs to the value just set, and can
//! say where that one stands. A value that is refused is left out, so that all of them are found. What
//! only the whole can be wrong about comes last.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::file::File;
use super::{Config, names, rules};

/// The environment variable that names the file when no flag does.
const ENV_FILE: &str = "CHATD_CONFIG";
/// A file with more than this is none of one value.
const MOST_VALUE_BYTES: u64 = 64 * 1024;

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
    /// Where each value stands that somebody set, as a mistake names it, by `section.key`.
    pub places: BTreeMap<String, String>,
    /// The file that was read, if one was named.
    pub file: Option<PathBuf>,
}

impl Loaded {
    /// What was looked at, in words.
    pub fn sources(&self) -> String {
        match &self.file {
            Some(file) => format!("\"{}\", the environment and the flags", file.display()),
            None => "the environment and the flags alone, since no file is named".to_owned(),
        }
    }
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

/// Why there is no configuration: each mistake that was found, in the order of the sources and from the
/// top of the file; never empty.
#[derive(Debug, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl std::error::Error for ConfigErrors {}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, error) in self.0.iter().enumerate() {
            let newline = if number > 0 { "\n" } else { "" };
            write!(to, "{newline}{error}")?;
        }
        Ok(())
    }
}

impl From<ConfigError> for ConfigErrors {
    fn from(error: ConfigError) -> Self {
        Self(vec![error])
    }
}

/// One mistake of a configuration, for the operator to read.
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
/// [`ConfigErrors`] for every value, key or variable that is not right, and for a file that is named
/// but cannot be read.
pub fn load(sources: &Sources) -> Result<Loaded, ConfigErrors> {
    let mut merge = Merge::of_defaults();
    if let Some(path) = &sources.file {
        merge.file(path, "--config");
    } else if let Some((_, path)) = sources.env.iter().rfind(|(name, _)| name == ENV_FILE)
        && !path.is_empty()
    {
        merge.file(Path::new(path), ENV_FILE);
    }
    for (name, text) in &sources.env {
        merge.variable(name, text);
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
            merge.text(key, text, Origin::Flag(flag));
        }
    }
    merge.look_at_the_whole();
    if merge.errors.is_empty() {
        Ok(merge.loaded)
    } else {
        Err(ConfigErrors(merge.errors))
    }
}

/// What has been merged so far.
struct Merge {
    /// The same values as `loaded.config`, by section and key.
    values: Table,
    loaded: Loaded,
    /// The keys of which a value was refused.
    refused: BTreeSet<String>,
    errors: Vec<ConfigError>,
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
            loaded: Loaded {
                config,
                origins,
                places: BTreeMap::new(),
                file: None,
            },
            refused: BTreeSet::new(),
            errors: Vec::new(),
        }
    }

    fn file(&mut self, path: &Path, named_by: &str) {
        let file = match File::read(path, named_by) {
            Ok(file) => file,
            Err(error) => return self.errors.push(error),
        };
        let entries = match file.entries(|name| self.values.contains_key(name)) {
            Ok(entries) => entries,
            Err(errors) => return self.errors.extend(errors),
        };
        self.loaded.file = Some(path.to_owned());
        for entry in entries {
            if !self.loaded.origins.contains_key(&entry.name) {
                let problem = self.unknown(&entry.name, &entry.value);
                self.refuse(file.place(entry.name_start), problem);
                continue;
            }
            let origin = Origin::File {
                path: path.to_owned(),
                line: file.line(entry.name_start),
            };
            let place = file.place(entry.value_start);
            if let Err(problem) = self.set(&entry.name, entry.value, origin, &place) {
                self.refuse(place, problem);
            }
        }
    }

    fn variable(&mut self, variable: &str, text: &str) {
        let known: Vec<&str> = self.loaded.origins.keys().map(String::as_str).collect();
        // The value of any key may be in a file of its own, as secrets are that a container is given.
        let (setting, is_path) = match variable.strip_suffix(names::FILE_SUFFIX) {
            Some(setting) => (setting, true),
            None => (variable, false),
        };
        let Some(name) = names::key_of_variable(setting) else {
            if let Some(key) = names::meant_by(&known, variable) {
                let problem = format!("unknown variable; did you mean {}?", names::variable(key));
                self.refuse(variable, problem);
            }
            return;
        };
        if !known.contains(&name.as_str()) || names::variable(&name) != setting {
            let hint = names::hint(&known, &name, names::variable);
            return self.refuse(variable, format!("unknown variable; {hint}"));
        }
        let origin = Origin::Env(variable.to_owned());
        if let Some(Origin::Env(other)) = self.loaded.origins.get(&name)
            && other != variable
        {
            let problem = format!("{other} sets the same; leave out either");
            return self.refuse(variable, problem);
        }
        if !is_path {
            return self.text(&name, text, origin);
        }
        match read_value(Path::new(text)) {
            Ok(content) => self.text(&name, &content, origin),
            Err(error) => self.refuse(
                variable,
                format!(
                    "the file \"{text}\" cannot be read: {error}; name one that this user may read"
                ),
            ),
        }
    }

    /// Sets a key from text, which its current value tells how to read. What cannot be read so
    /// stays text, and is then refused as a wrong value in the file is.
    fn text(&mut self, name: &str, text: &str, origin: Origin) {
        let value = match slot(&mut self.values, name) {
            Some(Value::Integer(_)) => text.parse().ok().map(Value::Integer),
            Some(Value::Boolean(_)) => text.parse().ok().map(Value::Boolean),
            Some(Value::Array(_)) => {
                let entries = text.split(',').map(str::trim);
                let entries = entries.filter(|entry| !entry.is_empty());
                Some(Value::Array(entries.map(Value::from).collect()))
            }
            _ => None,
        };
        let (place, is_flag) = (origin.to_string(), matches!(origin, Origin::Flag(_)));
        let value = value.unwrap_or_else(|| Value::from(text));
        if let Err(problem) = self.set(name, value, origin, &place) {
            self.errors.push(ConfigError {
                place,
                problem,
                is_flag,
            });
        }
    }

    fn refuse(&mut self, place: impl fmt::Display, problem: impl Into<String>) {
        self.errors.push(ConfigError::new(place, problem));
    }

    /// Adds what is wrong with the values together. A key of which a value was refused has another one
    /// than was meant, which says nothing.
    fn look_at_the_whole(&mut self) {
        for contradiction in rules::contradictions(&self.loaded.config) {
            let keys = contradiction.keys;
            if keys.iter().any(|key| self.refused.contains(*key)) {
                continue;
            }
            let places = keys.map(|key| {
                self.loaded
                    .places
                    .get(key)
                    .map_or("default", String::as_str)
            });
            let problem = (contradiction.tell)(places[1]);
            self.errors.push(ConfigError::new(places[0], problem));
        }
    }

    /// Sets a known key, or says why it cannot have this value.
    fn set(&mut self, name: &str, value: Value, origin: Origin, place: &str) -> Result<(), String> {
        let is_set = self.try_to_set(name, value, origin);
        if is_set.is_ok() {
            self.loaded.places.insert(name.to_owned(), place.to_owned());
        } else {
            self.refused.insert(name.to_owned());
        }
        is_set
    }

    fn try_to_set(&mut self, name: &str, value: Value, origin: Origin) -> Result<(), String> {
        // serde would hand a date on as text.
        if value.is_datetime() {
            return Err(format!("{name:?} cannot be a date; put text in quotes"));
        }
        let mut values = self.values.clone();
        if let Some(slot) = slot(&mut values, name) {
            *slot = value;
        }
        let merged: Result<Config, toml::de::Error> = values.clone().try_into();
        self.loaded.config = merged.map_err(|error| format!("{name:?} {}", error.message()))?;
        self.values = values;
        self.loaded.origins.insert(name.to_owned(), origin);
        Ok(())
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

/// Reads the file of one value, without the end of its line.
///
/// # Errors
/// What the system says, or that it is too long for one.
pub fn read_value(path: &Path) -> std::io::Result<String> {
    let mut content = String::new();
    let file = std::fs::File::open(path)?;
    file.take(MOST_VALUE_BYTES + 1)
        .read_to_string(&mut content)?;
    if content.len() as u64 > MOST_VALUE_BYTES {
        let text = format!("it has more than {MOST_VALUE_BYTES} bytes");
        return Err(std::io::Error::other(text));
    }
    content.truncate(content.trim_end_matches(['\r', '\n']).len());
    Ok(content)
}

/// Where the value of a key is.
fn slot<'a>(values: &'a mut Table, name: &str) -> Option<&'a mut Value> {
    let (section, key) = name.split_once('.')?;
    values.get_mut(section)?.get_mut(key)
}
