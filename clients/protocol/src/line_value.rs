//! Values of the keys of a line: numbers, times and ids.

use crate::datum::{FieldSeed, NamedData};
use crate::wording::KeyFault;
use serde::de::{DeserializeSeed, Deserializer, Error, Visitor};
use std::fmt;
use surmise_event::{Datum, TimeError, parse_time, time_of_number, time_of_whole_number};

/// What its sender calls an event, so that it is recognised when it is sent again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SentId {
    /// Within what the id is one event's alone; empty for the ids of lines, which are their stream's.
    pub source: Box<str>,
    /// The id.
    pub id: Box<str>,
}

/// The time of an event of the protocol, in microseconds since 1970.
pub(crate) fn protocol_time(value: &Datum) -> Result<i64, KeyFault> {
    let time = match value {
        Datum::Number(x) => time_of_number(*x).ok_or_else(|| beyond_calendar(x)),
        Datum::Text(text) => parse_time(text).map_err(|e| e.to_string()),
        other => Err(TimeError(other.describe()).to_string()),
    };
    time.map_err(KeyFault::BadTime)
}

/// The key of an event's id.
pub(crate) const ID: &str = "id";

/// The id of an event: a text, or a whole number, which is what it is written as.
pub(crate) fn sent_id(value: Datum) -> Result<SentId, KeyFault> {
    let id = match value {
        Datum::Text(text) if !text.is_empty() => text,
        Datum::Number(number) if number.fract() == 0.0 => format!("{number}").into(),
        _ => return Err(KeyFault::BadId),
    };
    Ok(SentId { source: Box::default(), id })
}

/// Reads the value of a key of a plain line, which may turn out to be a field.
pub(crate) struct LooseValue(pub(crate) &'static str);

impl<'de> DeserializeSeed<'de> for LooseValue {
    type Value = Datum;
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<Datum, D::Error> {
        let mut fields = NamedData::default();
        FieldSeed { fields: &mut fields, name: self.0.into(), depth: 0 }.deserialize(d)?;
        Ok(fields.items.pop().map_or(Datum::Null, |(_, value)| value))
    }
}

/// Reads a sequence number.
pub(crate) struct WholeNumber;

impl<'de> DeserializeSeed<'de> for WholeNumber {
    type Value = u64;
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<u64, D::Error> {
        d.deserialize_any(self)
    }
}

impl Visitor<'_> for WholeNumber {
    type Value = u64;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number from 0")
    }
    fn visit_u64<E: Error>(self, v: u64) -> Result<u64, E> {
        Ok(v)
    }
}

/// Reads a time stamp, in microseconds since 1970: text in one of many forms, or a number since 1970.
pub(crate) struct TimeStamp;

fn beyond_calendar(number: impl fmt::Display) -> String {
    format!("{number} is beyond any calendar, as seconds, ms, us or ns since 1970")
}

impl<'de> DeserializeSeed<'de> for TimeStamp {
    type Value = i64;
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<i64, D::Error> {
        d.deserialize_any(self)
    }
}

impl Visitor<'_> for TimeStamp {
    type Value = i64;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a time such as \"2026-11-23T12:00:00Z\", or a number of seconds (or ms, us, ns) since 1970")
    }
    fn visit_str<E: Error>(self, s: &str) -> Result<i64, E> {
        parse_time(s).map_err(E::custom)
    }
    fn visit_f64<E: Error>(self, number: f64) -> Result<i64, E> {
        time_of_number(number).ok_or_else(|| E::custom(beyond_calendar(number)))
    }
    fn visit_u64<E: Error>(self, number: u64) -> Result<i64, E> {
        time_of_whole_number(number.into()).ok_or_else(|| E::custom(beyond_calendar(number)))
    }
    fn visit_i64<E: Error>(self, number: i64) -> Result<i64, E> {
        time_of_whole_number(number.into()).ok_or_else(|| E::custom(beyond_calendar(number)))
    }
}
