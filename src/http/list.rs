//! Lists as they are answered.

use crate::chat::List;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// A list under its plural name, with `nextCursor` where there is more.
pub(super) struct Plural<T>(pub &'static str, pub List<T>);

impl<T: Serialize> Serialize for Plural<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Self(name, list) = self;
        let mut map = to.serialize_map(None)?;
        map.serialize_entry(name, &list.items)?;
        if let Some(cursor) = &list.next_cursor {
            map.serialize_entry("nextCursor", cursor)?;
        }
        map.end()
    }
}
