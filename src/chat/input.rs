//! Requests as they come in: a JSON object whose fields are read one by one, so that every wrong one
//! can be named. Unknown fields are ignored; `null` is the same as nothing.

use super::error::Error;
use crate::model::Invalid;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::str::FromStr;

/// A request's fields, and what was wrong with those that were read.
#[derive(Debug, Default)]
pub struct Input {
    fields: Map<String, Value>,
    wrong: BTreeMap<String, String>,
}

impl Input {
    /// Reads a JSON object.
    pub fn parse(body: &[u8]) -> Result<Self, Error> {
        let value = serde_json::from_slice(body)
            .map_err(|error| Error::field("body", format!("is not JSON ({error})")))?;
        Self::from_value(value)
    }

    /// Takes a JSON value that must be an object.
    pub fn from_value(value: Value) -> Result<Self, Error> {
        match value {
            Value::Object(fields) => Ok(Self {
                fields,
                wrong: BTreeMap::new(),
            }),
            _ => Err(Error::field("body", "must be a JSON object")),
        }
    }

    fn refuse<T>(&mut self, name: &str, why: impl Into<String>) -> Option<T> {
        self.wrong.insert(name.to_owned(), why.into());
        None
    }

    /// Whether the request has the field, be it `null`.
    pub fn has(&self, name: &str) -> bool {
        self.fields.contains_key(name)
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        self.fields.remove(name).filter(|value| !value.is_null())
    }

    /// A text that may be missing.
    pub fn optional_text<T>(
        &mut self,
        name: &str,
        check: impl FnOnce(&str) -> Result<T, Invalid>,
    ) -> Option<T> {
        match self.take(name)? {
            Value::String(text) => match check(&text) {
                Ok(value) => Some(value),
                Err(invalid) => self.refuse(name, invalid.why),
            },
            _ => self.refuse(name, "must be a string"),
        }
    }

    /// A text that must be there.
    pub fn text<T>(
        &mut self,
        name: &str,
        check: impl FnOnce(&str) -> Result<T, Invalid>,
    ) -> Option<T> {
        self.must_have(name)?;
        self.optional_text(name, check)
    }

    fn must_have(&mut self, name: &str) -> Option<()> {
        if self.fields.get(name).is_none_or(Value::is_null) {
            return self.refuse(name, "is missing");
        }
        Some(())
    }

    /// An id that may be missing.
    pub fn optional_id<T: FromStr>(&mut self, name: &str) -> Option<T> {
        match self.take(name)? {
            Value::String(text) => match text.parse() {
                Ok(id) => Some(id),
                Err(_) => self.refuse(name, "must be a UUID"),
            },
            _ => self.refuse(name, "must be a UUID"),
        }
    }

    /// An id that is looked at and left for whoever reads it, if it is one.
    pub fn peek_id<T: FromStr>(&self, name: &str) -> Option<T> {
        self.fields.get(name)?.as_str()?.parse().ok()
    }

    /// An id that must be there.
    pub fn id<T: FromStr>(&mut self, name: &str) -> Option<T> {
        self.must_have(name)?;
        self.optional_id(name)
    }

    /// A whole number of `least` to `most` that may be missing.
    pub fn optional_number(&mut self, name: &str, least: i64, most: i64) -> Option<i64> {
        match self.take(name)?.as_i64() {
            Some(number) if (least..=most).contains(&number) => Some(number),
            _ => self.refuse(
                name,
                format!("must be a whole number from {least} to {most}"),
            ),
        }
    }

    /// A truth value that may be missing.
    pub fn optional_bool(&mut self, name: &str) -> Option<bool> {
        match self.take(name)? {
            Value::Bool(value) => Some(value),
            _ => self.refuse(name, "must be true or false"),
        }
    }

    /// A truth value that must be there.
    pub fn bool(&mut self, name: &str) -> Option<bool> {
        self.must_have(name)?;
        self.optional_bool(name)
    }

    /// Says so if any field that was read was wrong.
    pub fn check(&mut self) -> Result<(), Error> {
        if self.wrong.is_empty() {
            Ok(())
        } else {
            Err(self.refusal())
        }
    }

    /// The error about all the fields that were wrong.
    pub fn refusal(&mut self) -> Error {
        Error::fields(std::mem::take(&mut self.wrong))
    }
}
