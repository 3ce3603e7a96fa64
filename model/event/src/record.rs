//! What a producer sends and what a learner sees.

use serde::{Deserialize, Serialize};

/// One item as its producer sent it: names and values, not yet held against a schema.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    /// Which of the stream's sequences it belongs to.
    pub key: Option<Box<str>>,
    /// Its own time, in microseconds since 1970.
    pub time_us: Option<i64>,
    /// When the daemon received it, in microseconds since 1970; counts where the record has no time of its own.
    pub arrival_us: Option<i64>,
    /// Its values.
    pub data: Data,
    /// Whether its key ends with it.
    pub end: bool,
}

/// The values of a record.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Data {
    /// None at all: an event that only ends its key.
    #[default]
    None,
    /// One value without a name: the field [`crate::VALUE`].
    One(Datum),
    /// Named values, in the order in which they were sent.
    Fields(Vec<(Box<str>, Datum)>),
}

/// One value as it was sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Datum {
    /// A missing value.
    Null,
    /// A truth value: the categories `true` and `false`.
    Bool(bool),
    /// A number.
    Number(f64),
    /// Text: a category, or text to be read byte by byte, as the schema says.
    Text(Box<str>),
    /// A vector: as many number fields, named `name[0]`, `name[1]`, ….
    Numbers(Vec<f64>),
    /// Bytes that need not be UTF-8; recordings only, as JSON cannot carry them.
    #[serde(skip)]
    Bytes(Box<[u8]>),
}

impl Datum {
    /// What it is, in words for people.
    pub fn describe(&self) -> String {
        match self {
            Datum::Null => "null".into(),
            Datum::Bool(b) => b.to_string(),
            Datum::Number(x) => x.to_string(),
            Datum::Text(s) => format!("{:?}", shorten(s)),
            Datum::Numbers(v) => format!("an array of {} numbers", v.len()),
            Datum::Bytes(b) => format!("{} bytes", b.len()),
        }
    }
}

/// The first characters of a text, with an ellipsis if there were more.
pub(crate) fn shorten(s: &str) -> String {
    match s.char_indices().nth(40) {
        Some((i, _)) => format!("{}…", &s[..i]),
        None => s.to_owned(),
    }
}

/// One event, bound to a schema: what a learner observes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Event {
    /// Which sequence of the stream it belongs to.
    pub key: Option<Box<str>>,
    /// Its time in microseconds since 1970, where the stream has times.
    pub time_us: Option<i64>,
    /// One value per field of the schema; empty if the event only ends its key.
    pub values: Vec<Value>,
    /// Whether its key ends with it.
    pub end: bool,
}

/// One value of an event.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    /// Null or absent.
    #[default]
    Missing,
    /// A symbol of an open vocabulary.
    Symbol(Box<str>),
    /// A finite number.
    Number(f64),
    /// Text that is predicted byte by byte; in a field of kind `byte`, a run of events of one byte each.
    Bytes(Box<[u8]>),
}

impl Event {
    /// How many offsets the event takes: one for its values (one per byte in a stream of single bytes) and one for
    /// its key's end.
    pub fn offsets(&self, schema: &crate::Schema) -> u64 {
        let data = match self.values.as_slice() {
            [] => 0,
            [Value::Bytes(b)] if schema.is_bytes() => b.len() as u64,
            _ => 1,
        };
        data + u64::from(self.end)
    }
}
