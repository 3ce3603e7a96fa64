//! What a producer sends (records of data) and what a learner sees (events of values).

use crate::feedback::Feedback;
use crate::schema::Schema;
use serde::{Deserialize, Serialize};
use surmise_state::{Persist, State, StateError};

/// One item as its producer sent it: names and values that are not bound to a schema yet.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    /// The key: which of the stream's sequences the record belongs to.
    pub key: Option<Box<str>>,
    /// The time that the producer gave it, in microseconds since 1970.
    pub time_us: Option<i64>,
    /// When the daemon received it, in microseconds since 1970. It takes the place of a time that the producer did not
    /// give.
    pub arrival_us: Option<i64>,
    /// The values.
    pub data: Data,
    /// Whether the key ends with the record.
    pub end: bool,
}

impl Record {
    /// How many offsets the record's event takes: one for its values, of bytes in a stream of bytes one each, and one
    /// for the end of its key.
    pub fn offsets(&self, is_bytes: bool) -> u64 {
        let data = match &self.data {
            Data::None => 0,
            Data::One(Datum::Bytes(run)) if is_bytes => run.len() as u64,
            Data::One(Datum::Text(run)) if is_bytes => run.len() as u64,
            Data::One(_) | Data::Fields(_) => 1,
            // it ends no key
            Data::Feedback(_) => return 1,
        };
        data + u64::from(self.end)
    }
}

/// The values of a record.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Data {
    /// No values: the record only ends its key.
    #[default]
    None,
    /// One value without a name: the field [`VALUE`](crate::VALUE).
    One(Datum),
    /// Named values, in the order in which they were sent.
    Fields(Vec<(Box<str>, Datum)>),
    /// No values, but what a person says of an incident of the stream.
    Feedback(Box<Feedback>),
}

/// One value as a producer wrote it, which the schema makes a [`Value`].
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
    /// A vector: it becomes as many number fields, named `name[0]`, `name[1]`, ….
    Numbers(Vec<f64>),
    /// Bytes that need not be UTF-8. They come from recordings only, as JSON cannot carry them.
    #[serde(skip)]
    Bytes(Box<[u8]>),
}

impl Datum {
    /// Describes the value for people.
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

impl Record {
    /// The first field that a schema does not have; a closed schema refuses such a record by itself.
    pub fn unknown_field(&self, schema: &Schema) -> Option<&str> {
        match &self.data {
            Data::Fields(fields) if !schema.closed => {
                fields.iter().map(|(name, _)| &**name).find(|name| schema.position(name).is_none())
            }
            Data::Fields(_) | Data::One(_) | Data::None | Data::Feedback(_) => None,
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

/// One event: a record that is bound to a schema, as a learner observes it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Event {
    /// The key: which sequence of the stream the event belongs to.
    pub key: Option<Box<str>>,
    /// The event's time in microseconds since 1970, where the stream has times.
    pub time_us: Option<i64>,
    /// `[fields]`: one value per field, in schema order; empty if the event only ends its key.
    pub values: Vec<Value>,
    /// Whether the key ends with the event.
    pub end: bool,
    /// What a person says of an incident, in the place of values.
    pub feedback: Option<Box<Feedback>>,
}

/// One value of an event, as the schema makes it of a [`Datum`].
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    /// No value: null, or absent from the record.
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
    pub fn offsets(&self, schema: &Schema) -> u64 {
        // an event that only ends its key has no values
        let data = match self.values.as_slice() {
            [] => u64::from(self.feedback.is_some()),
            [Value::Bytes(b)] if schema.is_bytes() => b.len() as u64,
            _ => 1,
        };
        data + u64::from(self.end)
    }
}

/// A text that may be absent, of a walk over a state.
fn persist_text(s: &mut State<'_>, name: &'static str, text: &mut Option<Box<str>>) -> Result<(), StateError> {
    let mut known = text.is_some();
    s.bool(name, &mut known)?;
    let mut spelled = String::from(text.take().unwrap_or_default());
    let result = if known { s.string(name, &mut spelled) } else { Ok(()) };
    *text = known.then(|| spelled.into());
    result
}

impl Persist for Value {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        let mut code = match self {
            Value::Missing => 0,
            Value::Symbol(_) => 1,
            Value::Number(_) => 2,
            Value::Bytes(_) => 3,
        };
        s.u8("value", &mut code)?;
        if s.is_reading() {
            *self = match code {
                0 => Value::Missing,
                1 => Value::Symbol(Box::default()),
                2 => Value::Number(0.0),
                3 => Value::Bytes(Box::default()),
                _ => return Err(StateError::Invalid("value")),
            };
        }
        match self {
            Value::Missing => Ok(()),
            Value::Symbol(text) => {
                let mut spelled = String::from(std::mem::take(text));
                let result = s.string("value", &mut spelled);
                *text = spelled.into();
                result
            }
            Value::Number(x) => s.f64("value", x),
            Value::Bytes(bytes) => {
                let mut spelled = Vec::from(std::mem::take(bytes));
                let result = s.u8s("value", &mut spelled);
                *bytes = spelled.into();
                result
            }
        }
    }
}

impl Persist for Event {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        persist_text(s, "event key", &mut self.key)?;
        let mut timed = self.time_us.is_some();
        s.bool("event time", &mut timed)?;
        let mut time_us = self.time_us.unwrap_or(0);
        if timed {
            s.i64("event time", &mut time_us)?;
        }
        self.time_us = timed.then_some(time_us);
        s.list("event values", &mut self.values, Value::default)?;
        s.bool("event end", &mut self.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_read_as_it_was_written() {
        let values =
            vec![Value::Missing, Value::Symbol("a".into()), Value::Number(-0.5), Value::Bytes([0, 255].into())];
        let keyed = Event { key: Some("k".into()), time_us: Some(-3), values, end: true, feedback: None };
        for mut event in [keyed, Event::default()] {
            let mut read = Event { key: Some("other".into()), ..Event::default() };
            read.decode(&event.encode()).unwrap();
            assert_eq!(read, event);
        }
    }
}
