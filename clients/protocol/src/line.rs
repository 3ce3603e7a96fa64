//! Reading the lines that a producer sends.
//!
//! Each line is read once, strictly, without keeping track of places. Only a line that fails is read a second time by
//! [`crate::diagnose`], which finds out where and why.

use crate::cloud_event::{SPECVERSION, is_cloud_event, parse_cloud_event};
use crate::datum::{DataSeed, FieldSeed, NamedData};
use crate::diagnose::{Scope, diagnose};
use crate::event_line::EventLine;
use crate::hello::Hello;
use crate::json_log::{is_process_stream, take_time};
use crate::line_key::LineKey;
use crate::line_value::{ID, LooseValue, TimeStamp, WholeNumber, protocol_time, sent_id};
use crate::wording::{KeyFault, bad_utf8};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::fmt;
use surmise_event::{Data, Datum, Feedback, Record, Refusal, RefusalCode};

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

/// Reads a line of a connection that began with a hello, or the hello itself: a JSON object of the protocol, or an
/// event of CloudEvents, which its `specversion` tells.
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
/// An object with a key of the protocol is an event of the protocol, and any other object is the record itself, as a
/// line of a JSON log is: its time, under one of the names that loggers give it, is the event's. One with `specversion`
/// is an event of CloudEvents. Other JSON values are the event. A line that is no JSON and does not begin with `{` is a
/// symbol.
///
/// # Errors
/// A refusal that names the part of the line that is at fault.
pub fn parse_plain(line: &[u8]) -> Result<ProducerLine, Refusal> {
    parse_plain_as(line, LooseFields::AreALogLine)
}

/// Reads a line as [`parse_plain`] does, but leaves the time of a JSON log among the fields.
///
/// # Errors
/// A refusal that names the part of the line that is at fault.
pub fn parse_plain_untimed(line: &[u8]) -> Result<ProducerLine, Refusal> {
    parse_plain_as(line, LooseFields::AreTheRecord)
}

fn parse_plain_as(line: &[u8], loose_fields: LooseFields) -> Result<ProducerLine, Refusal> {
    let seed = LineSeed { loose_fields };
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

/// Reads a text that has to be one JSON value, as a body of JSON has it: what [`parse_plain`] takes for a symbol
/// because it is no JSON is refused here, and so is a value that says nothing.
///
/// # Errors
/// A refusal that names the part of the text that is at fault, and the byte from which on it is no JSON.
pub fn parse_json(text: &[u8]) -> Result<ProducerLine, Refusal> {
    let seed = LineSeed { loose_fields: LooseFields::AreALogLine };
    let text = utf8(text, seed)?;
    if text.trim_start().starts_with('{') {
        return read(text, seed);
    }
    let data = match parse_whole(text, DataSeed) {
        Ok(data) => data,
        Err(_) => return Err(diagnose(text.as_bytes(), DataSeed, Scope::Data)),
    };
    if data == Data::One(Datum::Null) || data == Data::One(Datum::Numbers(Vec::new())) {
        return Err(Refusal::new(RefusalCode::Empty, "data", format!("{} is no event; send a value", text.trim())));
    }
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

/// Reads a line, and reads it again for the reason if that fails. An event of CloudEvents fails, as its attributes are
/// no keys of the protocol; so only what does is looked at for being one.
fn read(text: &str, seed: LineSeed) -> Result<ProducerLine, Refusal> {
    match parse_whole(text, seed) {
        Ok(line) => Ok(line),
        Err(_) if is_cloud_event(text) => parse_cloud_event(text.as_bytes()).map(ProducerLine::Event),
        Err(_) => Err(diagnose(text.as_bytes(), seed, Scope::Line)),
    }
}

/// How a line's object is read that has fields outside `data`.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum LooseFields {
    /// Such fields are unknown keys, as on a connection with a hello.
    #[default]
    Refuse,
    /// An object that has no key of the protocol is the record itself.
    AreTheRecord,
    /// The same, and one of its fields may be its time, as on a plain connection.
    AreALogLine,
}

/// The value of a key `feedback`: an object is what is said of an incident.
#[derive(serde::Deserialize)]
#[serde(untagged, expecting = "expected feedback such as {\"offset\":1042,\"verdict\":\"normal\"}")]
enum FeedbackValue {
    Said(Box<Feedback>),
    Field(Datum),
}

/// Reads the object of a whole line.
#[derive(Clone, Copy, Default)]
struct LineSeed {
    loose_fields: LooseFields,
}

impl<'de> DeserializeSeed<'de> for LineSeed {
    type Value = ProducerLine;
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<ProducerLine, D::Error> {
        d.deserialize_any(self)
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
        let mut gathered = GatheredLine { seed: self, ..GatheredLine::default() };
        while let Some(key) = a.next_key::<LineKey>()? {
            gathered.take(key, &mut a)?;
        }
        gathered.finish().map_err(A::Error::custom)
    }
}

/// What of a line was read so far.
#[derive(Default)]
struct GatheredLine {
    seed: LineSeed,
    hello: Option<Hello>,
    line: EventLine,
    data: Option<Data>,
    end: Option<bool>,
    feedback: Option<Box<Feedback>>,
    loose: NamedData,
    /// A time that may be one of a JSON log, which has the other fields beside it.
    plain_time: Option<Datum>,
    is_protocol: bool,
}

impl GatheredLine {
    fn take<'de, A: MapAccess<'de>>(&mut self, key: LineKey, a: &mut A) -> Result<(), A::Error> {
        let is_plain = self.seed.loose_fields != LooseFields::Refuse;
        let line = &mut self.line;
        self.is_protocol |=
            !matches!(key, LineKey::Other(_) | LineKey::Time | LineKey::Stream | LineKey::Feedback | LineKey::Id);
        let taken = match key {
            LineKey::Hello => once(&mut self.hello, a.next_value()?, "hello"),
            LineKey::Seq => once(&mut line.seq, a.next_value_seed(WholeNumber)?, "seq"),
            LineKey::Stream => {
                let stream = a.next_value::<String>()?;
                self.is_protocol |= !is_process_stream(&stream);
                once(&mut line.stream, stream, "stream")
            }
            LineKey::Key => once(&mut line.record.key, a.next_value::<Box<str>>()?, "key"),
            LineKey::Time if is_plain => once(&mut self.plain_time, a.next_value_seed(LooseValue("time"))?, "time"),
            LineKey::Time => once(&mut line.record.time_us, a.next_value_seed(TimeStamp)?, "time"),
            LineKey::Data => once(&mut self.data, a.next_value_seed(DataSeed)?, "data"),
            LineKey::End => once(&mut self.end, a.next_value()?, "end"),
            LineKey::Feedback => match a.next_value()? {
                FeedbackValue::Said(said) => {
                    self.is_protocol = true;
                    once(&mut self.feedback, said, "feedback")
                }
                // a field of a log that has this name
                FeedbackValue::Field(value) if is_plain && self.may_be_a_record() => {
                    self.loose.push("feedback".into(), value)
                }
                FeedbackValue::Field(_) => Err(KeyFault::unknown_in_event("feedback")),
            },
            // records have fields of this name, too
            LineKey::Id if is_plain && self.may_be_a_record() => {
                a.next_value_seed(FieldSeed { fields: &mut self.loose, name: ID.into(), depth: 0 })?;
                Ok(())
            }
            LineKey::Id => {
                let value = a.next_value_seed(LooseValue(ID))?;
                once(&mut self.line.id, sent_id(value).map_err(A::Error::custom)?, ID)
            }
            LineKey::Other(name) if is_plain && self.may_be_a_record() => {
                a.next_value_seed(FieldSeed { fields: &mut self.loose, name, depth: 0 })?;
                Ok(())
            }
            LineKey::Other(name) => Err(KeyFault::unknown_in_event(&name)),
        };
        taken.map_err(A::Error::custom)
    }

    /// Until a key of the protocol shows, the object may be the record itself. After loose fields, a key of the
    /// protocol makes the object neither; the refusal then names the first of them.
    fn may_be_a_record(&self) -> bool {
        !self.is_protocol || !self.loose.items.is_empty()
    }

    fn finish(self) -> Result<ProducerLine, KeyFault> {
        let GatheredLine { seed, hello, mut line, data, end, feedback, mut loose, plain_time, is_protocol } = self;
        // a hello changes how lines are read, so no event may hide on its line
        if let Some(hello) = hello {
            let is_alone = line == EventLine::default() && data.is_none() && end.is_none() && feedback.is_none();
            return if is_alone && loose.items.is_empty() && plain_time.is_none() {
                Ok(ProducerLine::Hello(hello))
            } else {
                Err(KeyFault::Misplaced("a hello stands alone on its line"))
            };
        }
        // an id that came before the first key of the protocol
        if is_protocol && let Some(place) = loose.items.iter().position(|(name, _)| **name == *ID) {
            line.id = Some(sent_id(loose.items.remove(place).1)?);
        }
        if let (Some((name, _)), true) = (loose.items.first(), is_protocol) {
            return Err(KeyFault::unknown_in_event(name));
        }
        // without data, an event of CloudEvents looks like a record
        if loose.items.iter().any(|(name, _)| **name == *SPECVERSION) {
            return Err(KeyFault::unknown_in_event(SPECVERSION));
        }
        if loose.items.is_empty() {
            line.record.time_us = match plain_time {
                None => line.record.time_us,
                Some(value) => Some(protocol_time(&value)?),
            };
            line.record.data = data.unwrap_or_default();
        } else {
            seed.finish_log_line(&mut line, loose, plain_time)?;
        }
        line.record.end = end.unwrap_or(false);
        if let Some(feedback) = feedback {
            let Record { key, data, end, .. } = &line.record;
            if key.is_some() || *data != Data::None || *end {
                return Err(KeyFault::Misplaced("feedback has no key, data or end beside it"));
            }
            line.record.data = Data::Feedback(feedback);
        }
        Ok(ProducerLine::Event(line))
    }
}

impl LineSeed {
    /// Makes a record of fields that have no key of the protocol beside them but perhaps `time` and `stream`.
    fn finish_log_line(self, line: &mut EventLine, mut loose: NamedData, time: Option<Datum>) -> Result<(), KeyFault> {
        if let Some(stream) = line.stream.take() {
            loose.push("stream".into(), Datum::Text(stream.into()))?;
        }
        match time {
            Some(value) => match protocol_time(&value) {
                Ok(time_us) => line.record.time_us = Some(time_us),
                Err(_) => loose.push("time".into(), value)?,
            },
            None if self.loose_fields == LooseFields::AreALogLine => line.record.time_us = take_time(&mut loose.items),
            None => {}
        }
        line.record.data = Data::Fields(loose.items);
        Ok(())
    }
}

/// Sets the value of a key, unless the key has been there before.
fn once<T>(slot: &mut Option<T>, value: T, name: &'static str) -> Result<(), KeyFault> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(KeyFault::RepeatedKey(name)),
    }
}

#[cfg(test)]
#[path = "line_tests.rs"]
mod tests;
