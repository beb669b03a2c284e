//! The seam between queries and a database: what a statement takes and what a row gives.
//!
//! Queries are written once, in SQL that SQLite and MySQL both read, with `?` for each value.

pub(crate) mod sqlite;

use super::Error;
use crate::model::{MessageId, RoomId, SessionId, Time, UserId};

/// A value on its way into a statement or out of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// Nothing.
    Null,
    /// A number, a truth value or a time.
    Int(i64),
    /// Text.
    Text(&'a str),
    /// Bytes, such as an id.
    Blob(&'a [u8]),
}

/// What may be given to a statement.
pub trait ToValue {
    /// The value as the database takes it.
    fn to_value(&self) -> Value<'_>;
}

impl ToValue for i64 {
    fn to_value(&self) -> Value<'_> {
        Value::Int(*self)
    }
}

impl ToValue for bool {
    fn to_value(&self) -> Value<'_> {
        Value::Int(i64::from(*self))
    }
}

impl ToValue for Time {
    fn to_value(&self) -> Value<'_> {
        Value::Int(self.0)
    }
}

impl ToValue for str {
    fn to_value(&self) -> Value<'_> {
        Value::Text(self)
    }
}

impl ToValue for String {
    fn to_value(&self) -> Value<'_> {
        Value::Text(self)
    }
}

impl<T: ToValue + ?Sized> ToValue for &T {
    fn to_value(&self) -> Value<'_> {
        (*self).to_value()
    }
}

impl<T: ToValue> ToValue for Option<T> {
    fn to_value(&self) -> Value<'_> {
        self.as_ref().map_or(Value::Null, ToValue::to_value)
    }
}

/// What a column may be read as.
pub trait FromValue: Sized {
    /// Reads the value; an error means that the row does not hold what its table says.
    fn from_value(value: Value<'_>) -> Result<Self, Error>;
}

impl FromValue for i64 {
    fn from_value(value: Value<'_>) -> Result<Self, Error> {
        match value {
            Value::Int(number) => Ok(number),
            other => Err(Error::unexpected("a number", &other)),
        }
    }
}

impl FromValue for bool {
    fn from_value(value: Value<'_>) -> Result<Self, Error> {
        i64::from_value(value).map(|number| number != 0)
    }
}

impl FromValue for Time {
    fn from_value(value: Value<'_>) -> Result<Self, Error> {
        i64::from_value(value).map(Time)
    }
}

impl FromValue for String {
    fn from_value(value: Value<'_>) -> Result<Self, Error> {
        match value {
            Value::Text(text) => Ok(text.to_owned()),
            other => Err(Error::unexpected("text", &other)),
        }
    }
}

impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: Value<'_>) -> Result<Self, Error> {
        match value {
            Value::Null => Ok(None),
            value => T::from_value(value).map(Some),
        }
    }
}

macro_rules! id_value {
    ($($name:ident),*) => {$(
        impl ToValue for $name {
            fn to_value(&self) -> Value<'_> {
                Value::Blob(self.0.as_bytes())
            }
        }

        impl FromValue for $name {
            fn from_value(value: Value<'_>) -> Result<Self, Error> {
                match value {
                    Value::Blob(bytes) => uuid::Uuid::from_slice(bytes)
                        .map(Self)
                        .map_err(|_| Error::unexpected("an id", &value)),
                    other => Err(Error::unexpected("an id", &other)),
                }
            }
        }
    )*};
}

id_value!(UserId, RoomId, MessageId, SessionId);

/// The columns of one row, while the database stands on it.
pub trait Columns {
    /// The value of the column at `index`, counted from 0.
    fn value(&self, index: usize) -> Result<Value<'_>, Error>;
}

/// One row of an answer.
pub struct Row<'a>(pub(crate) &'a dyn Columns);

impl Row<'_> {
    /// Reads the column at `index`, counted from 0.
    pub fn get<T: FromValue>(&self, index: usize) -> Result<T, Error> {
        T::from_value(self.0.value(index)?)
    }
}

/// What each row of an answer is handed to.
pub(crate) type EachRow<'a> = &'a mut dyn FnMut(&Row<'_>) -> Result<(), Error>;

/// One connection to a database.
pub trait Connection {
    /// Runs a statement and says how many rows it changed.
    fn execute(&mut self, sql: &'static str, values: &[Value<'_>]) -> Result<usize, Error>;
    /// Runs a query and hands each row on.
    fn query(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
        each: EachRow<'_>,
    ) -> Result<(), Error>;
}

/// A transaction that somebody else began and will end.
pub struct Tx<'a> {
    connection: &'a mut dyn Connection,
    broken: Option<Error>,
}

impl<'a> Tx<'a> {
    pub(crate) fn new(connection: &'a mut dyn Connection) -> Self {
        Self {
            connection,
            broken: None,
        }
    }

    /// What went wrong with the database itself, whatever the command made of it.
    pub(crate) fn broken(self) -> Option<Error> {
        self.broken
    }

    fn note<T>(&mut self, done: Result<T, Error>) -> Result<T, Error> {
        if let Err(error @ (Error::Disk(_) | Error::Unwritten(_) | Error::Full)) = &done {
            self.broken = Some(error.clone());
        }
        done
    }

    /// Runs a statement and says how many rows it changed.
    pub fn execute(&mut self, sql: &'static str, values: &[Value<'_>]) -> Result<usize, Error> {
        let done = self.connection.execute(sql, values);
        self.note(done)
    }

    /// All rows of an answer.
    pub fn all<T>(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
        read: impl Fn(&Row<'_>) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        let mut rows = Vec::new();
        let done = self.connection.query(sql, values, &mut |row| {
            rows.push(read(row)?);
            Ok(())
        });
        self.note(done)?;
        Ok(rows)
    }

    /// The row of an answer that has one at most.
    pub fn one<T>(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
        read: impl Fn(&Row<'_>) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        Ok(self.all(sql, values, read)?.pop())
    }
}

/// The values of a statement, in the order of its `?`.
macro_rules! values {
    ($($value:expr),* $(,)?) => {
        &[$($crate::store::sql::ToValue::to_value(&$value)),*]
    };
}
pub(crate) use values;
