//! What is wrong with a line of an export that is no entry, in words for people.

use crate::model::Entry;
use serde_json::{Map, Value};

/// Of a value that is wrong so many characters are shown.
const SHOWN_CHARS: usize = 40;

/// A sentence's part about a line that cannot be read.
pub(super) fn damage(line: &[u8], error: &serde_json::Error) -> String {
    if error.is_data() {
        return format!("it is damaged: {}; export again", fault(line, error));
    }
    // What is missing at the end is found missing after it.
    let end = line.trim_ascii_end().len();
    let at = if error.line() > 1 {
        end
    } else {
        error.column().min(end)
    };
    // People count characters, not bytes.
    let column = String::from_utf8_lossy(&line[..at]).chars().count().max(1);
    format!("it is damaged at column {column}; export again")
}

/// What of a line of JSON is not as it should be.
fn fault(line: &[u8], error: &serde_json::Error) -> String {
    let said = error.to_string();
    let name = said.split('`').nth(1).unwrap_or_default();
    if said.starts_with("missing field") {
        return format!("'{name}' is missing");
    }
    if said.starts_with("unknown field") {
        return format!("'{name}' does not belong there");
    }
    if said.starts_with("duplicate field") {
        return format!("'{name}' is there twice");
    }
    let entry: Result<Map<String, Value>, _> = serde_json::from_slice(line);
    let Ok(entry) = entry else {
        return "it is no entry".to_owned();
    };
    // Without its type nothing is an entry, so that comes last.
    let mut fields = entry.iter().filter(|(name, _)| *name != "type");
    let at_fault = fields.find(|(name, _)| is_at_fault(&entry, name));
    match at_fault.or_else(|| entry.get_key_value("type")) {
        Some((name, value)) => format!("'{name}' may not be {}", shown(value)),
        None => "it is no entry".to_owned(),
    }
}

/// Whether without this field the entry is one, or lacks it only.
fn is_at_fault(entry: &Map<String, Value>, name: &str) -> bool {
    let mut rest = entry.clone();
    rest.remove(name);
    match serde_json::from_value::<Entry>(rest.into()) {
        Ok(_) => true,
        Err(error) => error.to_string().starts_with("missing field"),
    }
}

fn shown(value: &Value) -> String {
    let text = value.to_string();
    let mut start: String = text.chars().take(SHOWN_CHARS).collect();
    if start.len() < text.len() {
        start.push('…');
    }
    start
}
