//! Writing events as lines.

use crate::event_line::EventLine;
use serde::ser::{Serialize, SerializeMap, Serializer};
use surmise_event::{Data, Datum, Record, Refusal, RefusalCode, format_time};

impl EventLine {
    /// Appends the event as a line that [`crate::parse_line`] reads back.
    ///
    /// # Errors
    /// The event holds what JSON cannot carry: a number that is not finite, or bytes that are not UTF-8.
    pub fn write_line(&self, out: &mut Vec<u8>) -> Result<(), Refusal> {
        check_encodable(&self.record.data)?;
        serde_json::to_writer(&mut *out, self)
            .map_err(|e| Refusal::new(RefusalCode::BadJson, "line", e.to_string()))?;
        out.push(b'\n');
        Ok(())
    }
}

/// Refuses data that JSON cannot carry, by the name of the field.
fn check_encodable(data: &Data) -> Result<(), Refusal> {
    let check = |name: &str, datum: &Datum| match datum {
        Datum::Number(x) if !x.is_finite() => Err(Refusal::new(
            RefusalCode::NotFinite,
            name,
            format!("{x} is not a finite number; send null for a missing value"),
        )),
        Datum::Numbers(v) if v.iter().any(|x| !x.is_finite()) => {
            Err(Refusal::new(RefusalCode::NotFinite, name, "the array holds a number that is not finite"))
        }
        Datum::Bytes(b) if std::str::from_utf8(b).is_err() => Err(Refusal::new(
            RefusalCode::BadUtf8,
            name,
            "bytes that are not UTF-8 cannot be sent as JSON; replay the file instead",
        )),
        _ => Ok(()),
    };
    match data {
        Data::None | Data::Feedback(_) => Ok(()),
        Data::One(datum) => check(surmise_event::VALUE, datum),
        Data::Fields(fields) => fields.iter().try_for_each(|(name, datum)| check(name, datum)),
    }
}

impl Serialize for EventLine {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        // the time of arrival is for the receiver to know
        let Record { key, time_us, arrival_us: _, data, end } = &self.record;
        let mut m = s.serialize_map(None)?;
        if let Some(seq) = self.seq {
            m.serialize_entry("seq", &seq)?;
        }
        match &self.id {
            None => {}
            Some(id) if id.source.is_empty() => m.serialize_entry("id", &id.id)?,
            // a line has no source, and ids of CloudEvents are of their source alone
            Some(id) => m.serialize_entry("id", &format!("{} {}", id.source, id.id))?,
        }
        if let Some(stream) = &self.stream {
            m.serialize_entry("stream", stream)?;
        }
        if let Some(key) = key {
            m.serialize_entry("key", key)?;
        }
        if let Some(t) = time_us {
            match time_text(*t) {
                Some(text) => m.serialize_entry("time", &text)?,
                // years that RFC 3339 has no digits for go as seconds
                None => m.serialize_entry("time", &(*t as f64 / 1e6))?,
            }
        }
        match data {
            Data::None => {}
            Data::Feedback(feedback) => m.serialize_entry("feedback", feedback)?,
            Data::One(datum) => m.serialize_entry("data", &JsonDatum(datum))?,
            Data::Fields(fields) => m.serialize_entry("data", &JsonFields(fields))?,
        }
        if *end {
            m.serialize_entry("end", &true)?;
        }
        m.end()
    }
}

/// A time in microseconds since 1970 as RFC 3339 text, if its year has four digits.
fn time_text(time_us: i64) -> Option<String> {
    Some(format_time(time_us)).filter(|text| text.ends_with('Z'))
}

/// A value as its JSON; bytes are text.
struct JsonDatum<'a>(&'a Datum);

impl Serialize for JsonDatum<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Datum::Bytes(b) => s.serialize_str(std::str::from_utf8(b).map_err(serde::ser::Error::custom)?),
            other => other.serialize(s),
        }
    }
}

/// Named values as a JSON object, in their order.
struct JsonFields<'a>(&'a [(Box<str>, Datum)]);

impl Serialize for JsonFields<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_map(self.0.iter().map(|(n, d)| (n, JsonDatum(d))))
    }
}
