//! The lines that a producer sends.

use crate::datum::{DataSeed, DatumSeed, Fields};
use crate::diagnose::{Scope, diagnose, shorten};
use crate::hello::{HELLO_KEYS, Hello};
use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::fmt;
use surmise_event::{Data, Datum, Record, Refusal, RefusalCode, parse_time};

/// The longest line that a daemon reads unless it says otherwise in its welcome.
pub const LINE_BYTES_MAX: usize = 1 << 20;

/// One line of a producer.
#[derive(Clone, Debug, PartialEq)]
pub enum Line {
    /// Who the producer is.
    Hello(Hello),
    /// An event.
    Event(EventLine),
}

/// An event as it is sent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EventLine {
    /// The producer's own number of it.
    pub seq: Option<u64>,
    /// Its stream, where the hello did not say.
    pub stream: Option<String>,
    /// What it holds.
    pub record: Record,
}

/// Every key that an event may have.
pub(crate) const EVENT_KEYS: &[&str] = &["seq", "stream", "key", "time", "data", "end"];

/// Reads a line of a connection that began with a hello (or the hello itself): a JSON object of the protocol.
///
/// # Errors
/// A refusal that names the part of the line that is at fault.
pub fn parse_line(line: &[u8]) -> Result<Line, Refusal> {
    let text = utf8(line, LineSeed { plain: false })?;
    read(text, LineSeed { plain: false })
}

/// Reads a line of a plain connection: one JSON value or one bare symbol.
///
/// An object with a key of the protocol is an event of the protocol, and any other object is the record itself. Other
/// JSON values are the event. A line that is no JSON and does not begin with `{` is a symbol.
///
/// # Errors
/// A refusal that names the part of the line that is at fault.
pub fn parse_plain(line: &[u8]) -> Result<Line, Refusal> {
    let text = utf8(line, LineSeed { plain: true })?.trim();
    if text.starts_with('{') {
        return read(text, LineSeed { plain: true });
    }
    if text.is_empty() {
        return Err(Refusal::new(RefusalCode::Empty, "line", "the line is empty"));
    }
    let like_json = text.starts_with(|c: char| c.is_ascii_digit() || "[\"-tfn".contains(c));
    let data = match like_json.then(|| whole(text, DataSeed)) {
        Some(Ok(data)) => data,
        Some(Err(e)) if !e.is_syntax() && !e.is_eof() || e.to_string().starts_with("number out of range") => {
            return Err(diagnose(text.as_bytes(), DataSeed, Scope::Data));
        }
        _ => Data::One(Datum::Text(text.into())),
    };
    Ok(Line::Event(EventLine { record: Record { data, ..Record::default() }, ..EventLine::default() }))
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

pub(crate) fn bad_utf8(field: &str, at: usize) -> Refusal {
    Refusal::new(RefusalCode::BadUtf8, field, format!("byte {at} of the line is not UTF-8; send text as UTF-8"))
}

fn utf8(line: &[u8], seed: LineSeed) -> Result<&str, Refusal> {
    std::str::from_utf8(line).map_err(|e| {
        let at = e.valid_up_to();
        let found = diagnose(line, seed, Scope::Line);
        bad_utf8(if found.code == RefusalCode::BadUtf8 { &found.field } else { "line" }, at)
    })
}

/// Reads all of the text, without finding out where an error is.
fn whole<'a, S: DeserializeSeed<'a>>(text: &'a str, seed: S) -> Result<S::Value, serde_json::Error> {
    let mut d = serde_json::Deserializer::from_str(text);
    let value = seed.deserialize(&mut d)?;
    d.end()?;
    Ok(value)
}

fn read(text: &str, seed: LineSeed) -> Result<Line, Refusal> {
    whole(text, seed).map_err(|_| diagnose(text.as_bytes(), seed, Scope::Line))
}

/// A whole line; `plain` takes an object without any key of the protocol for the record itself.
#[derive(Clone, Copy)]
struct LineSeed {
    plain: bool,
}

impl<'de> DeserializeSeed<'de> for LineSeed {
    type Value = Line;
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<Line, D::Error> {
        d.deserialize_any(self)
    }
}

enum Part {
    Hello,
    Seq,
    Stream,
    Key,
    Time,
    Data,
    End,
    Other(Box<str>),
}

impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Part, D::Error> {
        struct V;
        impl Visitor<'_> for V {
            type Value = Part;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }
            fn visit_str<E: Error>(self, s: &str) -> Result<Part, E> {
                Ok(match s {
                    "hello" => Part::Hello,
                    "seq" => Part::Seq,
                    "stream" => Part::Stream,
                    "key" => Part::Key,
                    "time" => Part::Time,
                    "data" => Part::Data,
                    "end" => Part::End,
                    _ => Part::Other(s.into()),
                })
            }
        }
        d.deserialize_str(V)
    }
}

impl<'de> Visitor<'de> for LineSeed {
    type Value = Line;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object such as {\"data\":{\"page\":\"/cart\"}}")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<Line, A::Error> {
        Err(A::Error::custom("expected an object such as {\"data\":{\"page\":\"/cart\"}}, got an array"))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut a: A) -> Result<Line, A::Error> {
        let mut hello: Option<Hello> = None;
        let mut line = EventLine::default();
        let mut data: Option<Data> = None;
        let mut end: Option<bool> = None;
        let mut loose = Fields::default();
        let mut known = false;
        while let Some(key) = a.next_key::<Part>()? {
            known |= !matches!(key, Part::Other(_));
            match key {
                Part::Hello => once(&mut hello, a.next_value()?, "hello"),
                Part::Seq => once(&mut line.seq, a.next_value_seed(Whole)?, "seq"),
                Part::Stream => once(&mut line.stream, a.next_value::<String>()?, "stream"),
                Part::Key => once(&mut line.record.key, a.next_value::<Box<str>>()?, "key"),
                Part::Time => once(&mut line.record.time_us, a.next_value_seed(Time)?, "time"),
                Part::Data => once(&mut data, a.next_value_seed(DataSeed)?, "data"),
                Part::End => once(&mut end, a.next_value()?, "end"),
                Part::Other(name) if self.plain && (!known || !loose.items.is_empty()) => {
                    loose.push(name, a.next_value_seed(DatumSeed)?)
                }
                Part::Other(name) => Err(unknown(&name)),
            }
            .map_err(A::Error::custom)?;
        }
        if let Some(hello) = hello {
            let alone = line == EventLine::default() && data.is_none() && end.is_none() && loose.items.is_empty();
            return if alone {
                Ok(Line::Hello(hello))
            } else {
                Err(A::Error::custom("a hello stands alone on its line"))
            };
        }
        if let Some((name, _)) = loose.items.first() {
            if known {
                return Err(A::Error::custom(unknown(name)));
            }
            data = Some(Data::Fields(loose.items));
        }
        line.record.data = data.unwrap_or_default();
        line.record.end = end.unwrap_or(false);
        Ok(Line::Event(line))
    }
}

/// What [`diagnose`] recognises unknown keys by.
pub(crate) const UNKNOWN: &str = "unknown key ";

fn unknown(name: &str) -> String {
    let known = || EVENT_KEYS.iter().copied().chain(["hello"]);
    let hint = match crate::suggest(name, known()) {
        Some(s) => format!("did you mean {s:?}?"),
        None => format!("fields go into \"data\"; the other keys are {}", EVENT_KEYS.join(", ")),
    };
    format!("{UNKNOWN}{:?}: {hint}", shorten(name))
}

pub(crate) fn unknown_in_hello(name: &str) -> String {
    let hint = match crate::suggest(name, HELLO_KEYS.iter().copied()) {
        Some(s) => format!("did you mean {s:?}?"),
        None => format!("a hello has {}", HELLO_KEYS.join(", ")),
    };
    format!("{UNKNOWN}{:?}: {hint}", shorten(name))
}

fn once<T>(slot: &mut Option<T>, value: T, name: &str) -> Result<(), String> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(format!("the key {name:?} is there twice; send it once")),
    }
}

/// A sequence number.
struct Whole;

impl<'de> DeserializeSeed<'de> for Whole {
    type Value = u64;
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<u64, D::Error> {
        d.deserialize_any(self)
    }
}

impl Visitor<'_> for Whole {
    type Value = u64;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number from 0")
    }
    fn visit_u64<E: Error>(self, v: u64) -> Result<u64, E> {
        Ok(v)
    }
}

/// A time stamp: text, or a number of seconds.
struct Time;

impl<'de> DeserializeSeed<'de> for Time {
    type Value = i64;
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<i64, D::Error> {
        d.deserialize_any(self)
    }
}

impl Visitor<'_> for Time {
    type Value = i64;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a time such as \"2026-11-23T12:00:00Z\", or a number of seconds since 1970")
    }
    fn visit_str<E: Error>(self, s: &str) -> Result<i64, E> {
        parse_time(s).map_err(E::custom)
    }
    fn visit_f64<E: Error>(self, x: f64) -> Result<i64, E> {
        match x.is_finite() && x.abs() < 9e12 {
            true => Ok((x * 1e6).round() as i64),
            false => Err(E::custom(format!("{x} seconds since 1970 are beyond any calendar"))),
        }
    }
    fn visit_u64<E: Error>(self, x: u64) -> Result<i64, E> {
        i64::try_from(x)
            .ok()
            .and_then(|x| x.checked_mul(1_000_000))
            .ok_or_else(|| E::custom(format!("{x} seconds since 1970 are beyond any calendar")))
    }
    fn visit_i64<E: Error>(self, x: i64) -> Result<i64, E> {
        x.checked_mul(1_000_000).ok_or_else(|| E::custom(format!("{x} seconds since 1970 are beyond any calendar")))
    }
}

#[cfg(test)]
#[path = "line_tests.rs"]
mod tests;
