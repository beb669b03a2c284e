//! Lists a page at a time: a limit, and an opaque cursor to the next page.

use super::error::Error;
use crate::model::Time;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

/// Rows of a page unless the request says otherwise.
pub const DEFAULT_ROWS: i64 = 50;
/// Rows of a page at most.
pub const MAX_ROWS: i64 = 200;

/// A page has so many bytes of messages at most, unless it has one message only: who does not take it lets
/// it wait in the server's memory.
const PAGE_BYTES: usize = 256 * 1024;

/// How many of the rows with these sizes fit into a page.
pub(super) fn fitting(bytes: impl Iterator<Item = usize>) -> usize {
    let mut left = PAGE_BYTES;
    let fits = |bytes: usize| {
        let rest = left.checked_sub(bytes);
        left = rest.unwrap_or(0);
        rest.is_some()
    };
    bytes.map(fits).take_while(|fits| *fits).count().max(1)
}

/// Which part of a list is asked for.
#[derive(Debug, Clone)]
pub struct Page {
    limit: i64,
    cursor: Option<String>,
}

impl Page {
    /// Checks what a request asks for.
    pub fn new(limit: Option<i64>, cursor: Option<&str>) -> Result<Self, Error> {
        let limit = limit.unwrap_or(DEFAULT_ROWS);
        if !(1..=MAX_ROWS).contains(&limit) {
            return Err(Error::field(
                "limit",
                format!("must be a whole number from 1 to {MAX_ROWS}"),
            ));
        }
        let cursor = cursor
            .map(|text| {
                URL_SAFE_NO_PAD
                    .decode(text)
                    .ok()
                    .and_then(|bytes| String::from_utf8(bytes).ok())
                    .ok_or_else(bad_cursor)
            })
            .transpose()?;
        Ok(Self { limit, cursor })
    }

    /// One row more than the page has, to see whether there is another page.
    pub(super) fn rows(&self) -> i64 {
        self.limit + 1
    }

    /// The key that the page begins after; empty at the start.
    pub(super) fn after_key(&self) -> String {
        self.cursor.clone().unwrap_or_default()
    }

    /// The time and id that the page begins after.
    pub(super) fn after_place(&self) -> Result<(Time, Uuid), Error> {
        self.place_or((Time(i64::MIN), Uuid::nil()))
    }

    /// The same for a list whose newest rows come first.
    pub(super) fn before_place(&self) -> Result<(Time, Uuid), Error> {
        self.place_or((Time(i64::MAX), Uuid::max()))
    }

    fn place_or(&self, start: (Time, Uuid)) -> Result<(Time, Uuid), Error> {
        let Some(cursor) = &self.cursor else {
            return Ok(start);
        };
        cursor
            .split_once(' ')
            .and_then(|(ms, id)| Some((Time(ms.parse().ok()?), id.parse().ok()?)))
            .ok_or_else(bad_cursor)
    }

    /// The page made of one row more than it has; `key` says where a row is.
    pub(super) fn list<R, T>(
        &self,
        rows: Vec<R>,
        key: impl Fn(&R) -> String,
        item: impl Fn(R) -> T,
    ) -> List<T> {
        self.list_that_fits(rows, |_| 0, key, item)
    }

    /// The same of rows that have something large in them, of so many bytes.
    pub(super) fn list_that_fits<R, T>(
        &self,
        mut rows: Vec<R>,
        bytes: impl Fn(&R) -> usize,
        key: impl Fn(&R) -> String,
        item: impl Fn(R) -> T,
    ) -> List<T> {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let limit = limit.min(fitting(rows.iter().map(bytes)));
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = rows
            .last()
            .filter(|_| more)
            .map(|row| URL_SAFE_NO_PAD.encode(key(row)));
        List {
            items: rows.into_iter().map(item).collect(),
            next_cursor,
        }
    }
}

fn bad_cursor() -> Error {
    Error::field("cursor", "must be the nextCursor of an earlier answer")
}

/// What a place in a list of times and ids is called in a cursor.
pub(super) fn place(at: Time, id: Uuid) -> String {
    format!("{} {id}", at.0)
}

/// One page of a list.
#[derive(Debug, Clone)]
pub struct List<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Where the next page begins, if there is one.
    pub next_cursor: Option<String>,
}

/// What is searched for: up to 100 characters, since every row is held against them.
#[derive(Debug, Clone)]
pub struct Search(String);

impl Search {
    const MAX_CHARS: usize = 100;

    /// Checks what is searched for; empty finds everything.
    pub fn new(text: &str) -> Result<Self, Error> {
        if text.chars().count() > Self::MAX_CHARS {
            let why = format!("must have at most {} characters", Self::MAX_CHARS);
            return Err(Error::field("query", why));
        }
        Ok(Self(text.to_owned()))
    }

    /// A pattern that finds it anywhere in a key made by `fold`.
    pub(super) fn inside(&self, fold: impl Fn(&str) -> String) -> String {
        format!("%{}%", escape_like(&fold(&self.0)))
    }

    /// A pattern that finds it at the start of a key made by `fold`.
    pub(super) fn at_start(&self, fold: impl Fn(&str) -> String) -> String {
        format!("{}%", escape_like(&fold(&self.0)))
    }
}

/// A pattern for `LIKE … ESCAPE '!'` that finds `text` itself.
fn escape_like(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '!' | '%' | '_') {
            pattern.push('!');
        }
        pattern.push(c);
    }
    pattern
}
