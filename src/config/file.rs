//! The configuration file: its text, what it sets, and where.

use std::io::ErrorKind;
use std::path::Path;

use serde::Deserialize;
use toml::Value;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::{ConfigError, names};

/// Of a file that is not TOML so many mistakes are told: mostly one makes the others.
const MOST_MISTAKES: usize = 20;
/// What the parser says of a key or section that a file sets twice.
const DUPLICATE: &str = "duplicate key";

/// A file that has been read, with the name that the operator gave it.
pub(super) struct File<'a> {
    path: &'a Path,
    text: String,
}

/// One value that a file sets, its places in bytes from the start of the file.
pub(super) struct Entry {
    /// `section.key`, known or not; the section alone where that is not a table or not known.
    pub(super) name: String,
    pub(super) name_start: usize,
    pub(super) value: Value,
    pub(super) value_start: usize,
}

impl<'a> File<'a> {
    /// Reads the file that the flag or variable `named_by` names.
    pub(super) fn read(path: &'a Path, named_by: &str) -> Result<Self, ConfigError> {
        let bytes = std::fs::read(path).map_err(|error| {
            if error.kind() == ErrorKind::NotFound {
                ConfigError::new(
                    named_by,
                    format!(
                        "the file \"{}\" does not exist; name one that does, or none",
                        path.display()
                    ),
                )
            } else {
                let fix = match error.kind() {
                    ErrorKind::IsADirectory => "it is a folder, so name a file in it",
                    ErrorKind::PermissionDenied => "let this user read it, or name another",
                    _ => "name another, or none",
                };
                ConfigError::new(path.display(), format!("cannot be read: {error}; {fix}"))
            }
        })?;
        String::from_utf8(bytes)
            .map(|text| Self { path, text })
            .map_err(|error| {
                let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
                let place = Self { path, text }.place(error.utf8_error().valid_up_to());
                ConfigError::new(place, "not UTF-8; save the file as UTF-8 text")
            })
    }

    /// What the file sets, from its top to its end; or everywhere that it is not TOML, since what the rest
    /// of it would then set is a guess.
    pub(super) fn entries(
        &self,
        is_section: impl Fn(&str) -> bool,
    ) -> Result<Vec<Entry>, Vec<ConfigError>> {
        let (document, errors) = DeTable::parse_recoverable(&self.text);
        if !errors.is_empty() {
            let tell = |error: toml::de::Error| {
                let span = error.span().unwrap_or_default();
                let place = self.place(span.start);
                match (error.message(), self.text.get(span)) {
                    // The parser does not say which.
                    (DUPLICATE, Some(key)) => ConfigError::new(
                        place,
                        format!(
                            "{DUPLICATE} {key:?}; it stands further up already, so have it once"
                        ),
                    ),
                    (message, _) => ConfigError::new(place, message),
                }
            };
            return Err(errors.into_iter().take(MOST_MISTAKES).map(tell).collect());
        }
        let mut entries = Vec::new();
        let mut add = |name: String, name_start, value: &toml::Spanned<DeValue<'_>>| {
            let value_start = value.span().start;
            // A number that does not fit 64 bits is too large for any key.
            let value = Value::deserialize(ValueDeserializer::from(value.clone()))
                .unwrap_or(Value::Float(f64::INFINITY));
            entries.push(Entry {
                name,
                name_start,
                value,
                value_start,
            });
        };
        for (section, content) in document.get_ref() {
            let start = section.span().start;
            let section = section.get_ref().as_ref();
            match content.get_ref() {
                DeValue::Table(keys) if is_section(section) => {
                    for (key, value) in keys {
                        add(names::join(section, key.get_ref()), key.span().start, value);
                    }
                }
                _ => add(section.to_owned(), start, content),
            }
        }
        // The parser sorts by name, but people read from the top.
        entries.sort_by_key(|entry| entry.name_start);
        Ok(entries)
    }

    /// `path:line:column` of a byte.
    pub(super) fn place(&self, offset: usize) -> String {
        let before = &self.text[..self.text.floor_char_boundary(offset)];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let column = 1 + before[line_start..].chars().count();
        format!("{}:{}:{column}", self.path.display(), self.line(offset))
    }

    /// The line of a byte, from 1.
    pub(super) fn line(&self, offset: usize) -> usize {
        let before = self.text.bytes().take(offset);
        1 + before.filter(|byte| *byte == b'\n').count()
    }
}
