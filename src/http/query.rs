//! What comes behind the `?` of an address.

use super::error::Refusal;
use crate::chat::{Error, MAX_ROWS, Page, Search};
use ::http::request::Parts;
use axum::extract::{FromRequestParts, Query};

/// The parameters of a request. Unknown ones are ignored; of one that is repeated the first counts.
pub(super) struct Parameters(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Parameters {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        match Query::try_from_uri(&parts.uri) {
            Ok(Query(pairs)) => Ok(Self(pairs)),
            Err(error) => Err(Error::field("parameters", error.body_text()).into()),
        }
    }
}

impl Parameters {
    /// A parameter as it was sent.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find_map(|(known, value)| (known == name).then_some(value.as_str()))
    }

    /// A whole number of `least` to `most`.
    pub fn number(&self, name: &str, least: i64, most: i64) -> Result<Option<i64>, Error> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        match text.parse() {
            Ok(number) if (least..=most).contains(&number) => Ok(Some(number)),
            _ => Err(Error::field(
                name,
                format!("must be a whole number from {least} to {most}"),
            )),
        }
    }

    /// `query`: what is searched for; empty when it is not given.
    pub fn search(&self) -> Result<Search, Error> {
        Search::new(self.text("query").unwrap_or_default())
    }

    /// `limit` and `cursor`.
    pub fn page(&self) -> Result<Page, Error> {
        let limit = self.number("limit", 1, MAX_ROWS)?;
        Page::new(limit, self.text("cursor"))
    }
}
