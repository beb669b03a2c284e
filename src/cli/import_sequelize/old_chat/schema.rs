//! Which of a database's tables and columns are those that are looked for. Sequelize writes their names
//! as each project tells it to, so that case and underscores count for nothing.

use super::old::{INVITES, MEMBERS, MESSAGES, ROOMS, USERS, Wanted};

/// Types of columns that have bytes, not text.
const BINARY: [&str; 6] = [
    "binary",
    "varbinary",
    "tinyblob",
    "blob",
    "mediumblob",
    "longblob",
];

/// Types of columns that have text, which is put in order letter by letter.
const TEXT: [&str; 7] = [
    "char",
    "varchar",
    "tinytext",
    "text",
    "mediumtext",
    "longtext",
    "enum",
];

/// A column as the database tells of it.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub table: String,
    pub column: String,
    pub data_type: String,
}

/// A table that was found, with its columns in the order in which they are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    name: String,
    columns: Vec<Option<Place>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    name: String,
    is_binary: bool,
    is_text: bool,
}

/// The tables that were found.
#[derive(Debug, Clone)]
pub(super) struct Tables {
    pub users: Table,
    pub rooms: Table,
    pub members: Table,
    pub messages: Table,
    pub invites: Option<Table>,
}

impl Tables {
    /// Finds them. An error is all that is missing, as a sentence goes on.
    pub fn find(all: &[Found]) -> Result<Self, String> {
        let mut missing = Vec::new();
        let mut find = |wanted| {
            let found = Table::find(wanted, all);
            found.unwrap_or_else(|problem| {
                missing.push(problem);
                None
            })
        };
        let (users, rooms) = (find(&USERS), find(&ROOMS));
        let (members, messages) = (find(&MEMBERS), find(&MESSAGES));
        let invites = find(&INVITES);
        if let (Some(users), Some(rooms), Some(members), Some(messages), []) =
            (users, rooms, members, messages, missing.as_slice())
        {
            return Ok(Self {
                users,
                rooms,
                members,
                messages,
                invites,
            });
        }
        Err(missing.join("; "))
    }
}

impl Table {
    /// Finds the table; nothing if there is none and it is not needed.
    fn find(wanted: &Wanted, all: &[Found]) -> Result<Option<Self>, String> {
        let mut names: Vec<&str> = Vec::new();
        for called in wanted.names {
            let of_it = all.iter().filter(|found| plain(&found.table) == *called);
            names.extend(of_it.map(|found| found.table.as_str()));
            names.dedup();
            if !names.is_empty() {
                break;
            }
        }
        let name = match names.as_slice() {
            [] if wanted.is_needed => {
                return Err(format!("there is no table {}", any_of(wanted.names)));
            }
            [] => return Ok(None),
            [name] => *name,
            [first, second, ..] => {
                return Err(format!(
                    "there are two tables that may be meant, \"{first}\" and \"{second}\"; \
                     rename the one that is not used"
                ));
            }
        };
        let here: Vec<_> = all.iter().filter(|found| found.table == name).collect();
        let mut columns = Vec::new();
        for column in wanted.columns {
            let of_name = |called| here.iter().find(|found| plain(&found.column) == called);
            let place = column.names.iter().find_map(|called| of_name(*called));
            if place.is_none() && column.is_needed {
                let called = any_of(column.names);
                return Err(format!("the table \"{name}\" has no column {called}"));
            }
            columns.push(place.map(|found| {
                let data_type = found.data_type.to_ascii_lowercase();
                Place {
                    name: found.column.clone(),
                    is_binary: BINARY.contains(&data_type.as_str()),
                    is_text: TEXT.contains(&data_type.as_str()),
                }
            }));
        }
        Ok(Some(Self {
            name: name.to_owned(),
            columns,
        }))
    }

    /// The table as a statement names it.
    pub fn quoted(&self) -> String {
        quote(&self.name)
    }

    /// A wanted column as a statement names it.
    pub fn column(&self, at: usize) -> String {
        let place = self.columns.get(at).and_then(Option::as_ref);
        place.map_or_else(|| "NULL".to_owned(), |place| quote(&place.name))
    }

    /// Whether a wanted column has text.
    pub fn is_text(&self, at: usize) -> bool {
        let place = self.columns.get(at).and_then(Option::as_ref);
        place.is_some_and(|place| place.is_text)
    }

    /// All wanted columns, for a statement that reads whole rows.
    pub fn list(&self) -> String {
        let columns: Vec<_> = (0..self.columns.len()).map(|at| self.column(at)).collect();
        columns.join(", ")
    }

    /// Of each wanted column whether it has bytes, not text.
    pub fn is_binary(&self) -> Vec<bool> {
        let columns = self.columns.iter();
        columns
            .map(|place| place.as_ref().is_some_and(|place| place.is_binary))
            .collect()
    }
}

/// A name as names are compared.
fn plain(name: &str) -> String {
    name.replace('_', "").to_lowercase()
}

/// An identifier of MySQL, whatever is in it.
fn quote(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// Names in a sentence: `"users" or "user"`.
fn any_of(names: &[&str]) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("\"{name}\"")).collect();
    quoted.join(" or ")
}
