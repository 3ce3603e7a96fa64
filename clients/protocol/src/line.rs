//! Reading the lines that a producer sends.
//!
//! Each line is read once, strictly, without keeping track of places. Only a line that fails is read a second time by
//! [`crate::diagnose`], which finds out where and why.

use crate::datum::{DataSeed, DatumSeed, NamedData};
use crate::diagnose::{Scope, diagnose};
use crate::hello::Hello;
use crate::wording::{KeyFault, bad_utf8};
use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::fmt;
use surmise_event::{Data, Datum, Record, Refusal, RefusalCode, parse_time};

/// Bytes of the longest line that a daemon reads, unless its welcome gives another `line_bytes_max`.
pub const LINE_BYTES_MAX: usize = 1 << 20;

/// One line of a producer.
#[derive(Clone, Debug, PartialEq)]
pub enum ProducerLine {
    /// The name of the producer and what it asks for; only the first line of a connection may be one.
    Hello(Hello),
    /// An event.
    Event(EventLine),
}

/// An event as a producer sends it: a record with its number and its stream.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EventLine {
    /// The producer's own number of the event, by which a repetition is recognised.
    pub seq: Option<u64>,
    /// The name of the event's stream; without it the event belongs to the stream of the hello or of the listener.
    pub stream: Option<String>,
    /// The values, key and time of the event.
    pub record: Record,
}

/// Reads a line of a connection that began with a hello, or the hello itself: a JSON object of the protocol.
///
/// # Errors
/// A refusal that names the part of the line that is at fault.
pub fn parse_line(line: &[u8]) -> Result<ProducerLine, Refusal> {
    let seed = LineSeed { loose_fields: LooseFields::Refuse };
    let text = utf8(line, seed)?;
    read(text, seed)
}

/// Reads a line of a plain connection: one JSON value or one bare symbol.
///
/// An object with a key of the protocol is an event of the protocol, and any other object is the record itself. Other
/// JSON values are the event. A line that is no JSON and does not begin with `{` is a symbol.
///
/// # Errors
/// A refusal that names the part of the line that is at fault.
pub fn parse_plain(line: &[u8]) -> Result<ProducerLine, Refusal> {
    let seed = LineSeed { loose_fields: LooseFields::AreTheRecord };
    let text = utf8(line, seed)?.trim();
    if text.starts_with('{') {
        return read(text, seed);
    }
    if text.is_empty() {
        return Err(Refusal::new(RefusalCode::Empty, "line", "the line is empty"));
    }
    // Only text that begins as a JSON value can be one. What then fails as syntax ("[Sun Dec 04] notice", "2026-11-23")
    // is a symbol; what is JSON but no value of an event is refused.
    let like_json = text.starts_with(|c: char| c.is_ascii_digit() || "[\"-tfn".contains(c));
    let data = match like_json.then(|| parse_whole(text, DataSeed)) {
        Some(Ok(data)) => data,
        Some(Err(e)) if !e.is_syntax() && !e.is_eof() || e.to_string().starts_with("number out of range") => {
            return Err(diagnose(text.as_bytes(), DataSeed, Scope::Data));
        }
        _ => Data::One(Datum::Text(text.into())),
    };
    Ok(ProducerLine::Event(EventLine { record: Record { data, ..Record::default() }, ..EventLine::default() }))
}

/// Reads a line of a connection of bare lines: the line, without its line end, is the event.
///
/// # Errors
/// A refusal if it is not UTF-8.
pub fn parse_bare(line: &[u8]) -> Result<EventLine, Refusal> {
    let text = std::str::from_utf8(line).map_err(|e| bad_utf8("line", e.valid_up_to()))?;
    let data = Data::One(Datum::Text(text.trim_end_matches(['\r', '\n']).into()));
    Ok(EventLine { record: Record { data, ..Record::default() }, ..EventLine::default() })
}

/// The line as text, or a refusal that names the field whose bytes are not UTF-8.
fn utf8(line: &[u8], seed: LineSeed) -> Result<&str, Refusal> {
    std::str::from_utf8(line).map_err(|e| {
        let at = e.valid_up_to();
        let found = diagnose(line, seed, Scope::Line);
        bad_utf8(if found.code == RefusalCode::BadUtf8 { &found.field } else { "line" }, at)
    })
}

/// Reads a text from its beginning to its end as one JSON value.
fn parse_whole<'a, S: DeserializeSeed<'a>>(text: &'a str, seed: S) -> Result<S::Value, serde_json::Error> {
    let mut json = serde_json::Deserializer::from_str(text);
    let value = seed.deserialize(&mut json)?;
    json.end()?;
    Ok(value)
}

/// Reads a line, and reads it again for the reason if that fails.
fn read(text: &str, seed: LineSeed) -> Result<ProducerLine, Refusal> {
    parse_whole(text, seed).map_err(|_| diagnose(text.as_bytes(), seed, Scope::Line))
}

/// How a line's object is read that has fields outside `data`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LooseFields {
    /// Such fields are unknown keys, as on a connection with a hello.
    Refuse,
    /// An object that has no key of the protocol is the record itself, as on a plain connection.
    AreTheRecord,
}

/// Reads the object of a whole line.
#[derive(Clone, Copy)]
struct LineSeed {
    loose_fields: LooseFields,
}

impl<'de> DeserializeSeed<'de> for LineSeed {
    type Value = ProducerLine;
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<ProducerLine, D::Error> {
        d.deserialize_any(self)
    }
}

/// A key of a line's object.
enum LineKey {
    Hello,
    Seq,
    Stream,
    Key,
    Time,
    Data,
    End,
    Other(Box<str>),
}

impl<'de> Deserialize<'de> for LineKey {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<LineKey, D::Error> {
        struct KeyVisitor;
        impl Visitor<'_> for KeyVisitor {
            type Value = LineKey;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }
            fn visit_str<E: Error>(self, s: &str) -> Result<LineKey, E> {
                Ok(match s {
                    "hello" => LineKey::Hello,
                    "seq" => LineKey::Seq,
                    "stream" => LineKey::Stream,
                    "key" => LineKey::Key,
                    "time" => LineKey::Time,
                    "data" => LineKey::Data,
                    "end" => LineKey::End,
                    _ => LineKey::Other(s.into()),
                })
            }
        }
        d.deserialize_str(KeyVisitor)
    }
}

impl<'de> Visitor<'de> for LineSeed {
    type Value = ProducerLine;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object such as {\"data\":{\"page\":\"/cart\"}}")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<ProducerLine, A::Error> {
        Err(A::Error::custom("expected an object such as {\"data\":{\"page\":\"/cart\"}}, got an array"))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut a: A) -> Result<ProducerLine, A::Error> {
        let mut hello: Option<Hello> = None;
        let mut line = EventLine::default();
        let mut data: Option<Data> = None;
        let mut end: Option<bool> = None;
        let mut loose = NamedData::default();
        let mut has_protocol_key = false;
        while let Some(key) = a.next_key::<LineKey>()? {
            has_protocol_key |= !matches!(key, LineKey::Other(_));
            match key {
                LineKey::Hello => once(&mut hello, a.next_value()?, "hello"),
                LineKey::Seq => once(&mut line.seq, a.next_value_seed(WholeNumber)?, "seq"),
                LineKey::Stream => once(&mut line.stream, a.next_value::<String>()?, "stream"),
                LineKey::Key => once(&mut line.record.key, a.next_value::<Box<str>>()?, "key"),
                LineKey::Time => once(&mut line.record.time_us, a.next_value_seed(TimeStamp)?, "time"),
                LineKey::Data => once(&mut data, a.next_value_seed(DataSeed)?, "data"),
                LineKey::End => once(&mut end, a.next_value()?, "end"),
                // Until a key of the protocol shows, the object may be the record itself. After loose fields, a key of
                // the protocol makes the object neither; the refusal then names the first of them.
                LineKey::Other(name)
                    if self.loose_fields == LooseFields::AreTheRecord
                        && (!has_protocol_key || !loose.items.is_empty()) =>
                {
                    loose.push(name, a.next_value_seed(DatumSeed)?)
                }
                LineKey::Other(name) => Err(KeyFault::unknown_in_event(&name)),
            }
            .map_err(A::Error::custom)?;
        }
        // a hello changes how lines are read, so no event may hide on its line
        if let Some(hello) = hello {
            let alone = line == EventLine::default() && data.is_none() && end.is_none() && loose.items.is_empty();
            return if alone {
                Ok(ProducerLine::Hello(hello))
            } else {
                Err(A::Error::custom("a hello stands alone on its line"))
            };
        }
        if let Some((name, _)) = loose.items.first() {
            if has_protocol_key {
                return Err(A::Error::custom(KeyFault::unknown_in_event(name)));
            }
            data = Some(Data::Fields(loose.items));
        }
        line.record.data = data.unwrap_or_default();
        line.record.end = end.unwrap_or(false);
        Ok(ProducerLine::Event(line))
    }
}

/// Sets the value of a key, unless the key has been there before.
fn once<T>(slot: &mut Option<T>, value: T, name: &'static str) -> Result<(), KeyFault> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(KeyFault::RepeatedKey(name)),
    }
}

/// Reads a sequence number.
struct WholeNumber;

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

/// Seconds from 1970 beyond which a number is no time of any calendar.
const TIME_SECONDS_MAX: f64 = 9e12;

/// Reads a time stamp, in microseconds since 1970: RFC 3339 text, or a number of seconds since 1970.
struct TimeStamp;

fn beyond_calendar<E: Error>(seconds: impl fmt::Display) -> E {
    E::custom(format!("{seconds} seconds since 1970 are beyond any calendar"))
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
        f.write_str("a time such as \"2026-11-23T12:00:00Z\", or a number of seconds since 1970")
    }
    fn visit_str<E: Error>(self, s: &str) -> Result<i64, E> {
        parse_time(s).map_err(E::custom)
    }
    fn visit_f64<E: Error>(self, seconds: f64) -> Result<i64, E> {
        match seconds.is_finite() && seconds.abs() < TIME_SECONDS_MAX {
            true => Ok((seconds * 1e6).round() as i64),
            false => Err(beyond_calendar(seconds)),
        }
    }
    fn visit_u64<E: Error>(self, seconds: u64) -> Result<i64, E> {
        let micros = i64::try_from(seconds).ok().and_then(|s| s.checked_mul(1_000_000));
        micros.ok_or_else(|| beyond_calendar(seconds))
    }
    fn visit_i64<E: Error>(self, seconds: i64) -> Result<i64, E> {
        seconds.checked_mul(1_000_000).ok_or_else(|| beyond_calendar(seconds))
    }
}

#[cfg(test)]
#[path = "line_tests.rs"]
mod tests;
