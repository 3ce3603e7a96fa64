//! Events as CloudEvents 1.0 have them: `data` is what is learnt, `time` is the time, `subject` the key, and `source`
//! and `id` together are the id. No other attribute is learnt.

use crate::datum::DataSeed;
use crate::diagnose::{Scope, diagnose};
use crate::event_line::EventLine;
use crate::line_value::SentId;
use crate::wording::bad_utf8;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny};
use std::marker::PhantomData;
use surmise_event::{Data, Record, Refusal, RefusalCode, parse_time};

/// The version that is understood.
const VERSION: &str = "1.0";

/// An event of CloudEvents 1.0. Attributes that are not listed, extensions among them, are passed over.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct CloudEvent {
    /// The version of the specification: `1.0`.
    pub specversion: Option<String>,
    /// What its source calls the event; one that comes again with the same source and id is not learnt again.
    pub id: Option<String>,
    /// Where the event comes from.
    pub source: Option<String>,
    /// What kind of event it is.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// When it happened, RFC 3339; without it the time of arrival counts.
    pub time: Option<String>,
    /// What the event is about, which is its key.
    pub subject: Option<String>,
    /// What is learnt: a value, or an object of named values.
    #[serde(deserialize_with = "read_data")]
    pub data: Option<Data>,
    /// Data that is no JSON. It is refused.
    pub data_base64: Option<String>,
}

fn read_data<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Data>, D::Error> {
    DataSeed.deserialize(d).map(Some)
}

/// The attribute that says of an object that it is an event of CloudEvents.
pub(crate) const SPECVERSION: &str = "specversion";

/// Whether a text is a JSON object with the attribute that only an event of CloudEvents has.
pub(crate) fn is_cloud_event(text: &str) -> bool {
    #[derive(Deserialize)]
    struct Marked {
        #[serde(rename = "specversion")]
        _version: IgnoredAny,
    }
    text.contains(SPECVERSION) && serde_json::from_str::<Marked>(text).is_ok()
}

/// Reads an event in the JSON format of CloudEvents.
///
/// # Errors
/// A refusal that names the attribute that is at fault.
pub fn parse_cloud_event(text: &[u8]) -> Result<EventLine, Refusal> {
    let text = std::str::from_utf8(text).map_err(|e| bad_utf8("line", e.valid_up_to()))?;
    let read = serde_json::from_str::<CloudEvent>(text);
    read.map_err(|_| diagnose(text.as_bytes(), PhantomData::<CloudEvent>, Scope::Line))?.into_line()
}

/// Reads the `data` of an event whose attributes came apart from it.
///
/// # Errors
/// A refusal that says what is no JSON.
pub fn parse_cloud_data(text: &[u8]) -> Result<Data, Refusal> {
    struct OnlyData(Data);
    impl<'de> Deserialize<'de> for OnlyData {
        fn deserialize<D: Deserializer<'de>>(d: D) -> Result<OnlyData, D::Error> {
            DataSeed.deserialize(d).map(OnlyData)
        }
    }
    let read = serde_json::from_slice::<OnlyData>(text).map(|OnlyData(data)| data);
    read.map_err(|_| diagnose(text, DataSeed, Scope::Data))
}

impl CloudEvent {
    /// The event as a line would have it.
    ///
    /// # Errors
    /// An attribute is missing, or is none that is understood.
    pub fn into_line(self) -> Result<EventLine, Refusal> {
        let version = needed(SPECVERSION, self.specversion)?;
        if version != VERSION {
            let reason = format!("version {version:?} of CloudEvents is not understood, but {VERSION} is");
            return Err(Refusal::new(RefusalCode::WrongType, "specversion", reason));
        }
        let (id, source) = (needed("id", self.id)?, needed("source", self.source)?);
        needed("type", self.kind)?;
        if self.data_base64.is_some() {
            let reason = "bytes are not learnt; send data that is JSON";
            return Err(Refusal::new(RefusalCode::WrongType, "data_base64", reason));
        }
        let time_us = match &self.time {
            Some(time) => {
                Some(parse_time(time).map_err(|e| Refusal::new(RefusalCode::BadTime, "time", e.to_string()))?)
            }
            None => None,
        };
        let key = self.subject.filter(|subject| !subject.is_empty()).map(Into::into);
        let record = Record { key, time_us, data: self.data.unwrap_or_default(), ..Record::default() };
        let id = Some(SentId { source: source.into(), id: id.into() });
        Ok(EventLine { id, record, ..EventLine::default() })
    }
}

/// The value of an attribute that every event has.
fn needed(name: &str, value: Option<String>) -> Result<String, Refusal> {
    let reason = || format!("every event of CloudEvents has the attribute {name:?}, which is not empty");
    value.filter(|value| !value.is_empty()).ok_or_else(|| Refusal::new(RefusalCode::MissingField, name, reason()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use surmise_event::Datum;

    const WHOLE: &str = r#"{"specversion":"1.0","id":"A1","source":"/shop","type":"page.seen","subject":"user-7",
        "time":"2016-07-01T00:00:00Z","datacontenttype":"application/json","traceparent":"00-1","data":{"ms":1.5}}"#;

    #[test]
    fn an_event_is_its_data_its_time_its_subject_and_its_id() {
        let line = parse_cloud_event(WHOLE.as_bytes()).unwrap();
        let id = SentId { source: "/shop".into(), id: "A1".into() };
        assert_eq!((line.id, line.seq, line.stream), (Some(id), None, None));
        let record = line.record;
        assert_eq!((record.key.as_deref(), record.time_us), (Some("user-7"), Some(1_467_331_200_000_000)));
        assert_eq!(record.data, Data::Fields(vec![("ms".into(), Datum::Number(1.5))]));
        let least = r#"{"specversion":"1.0","id":"1","source":"s","type":"t","subject":"","time":null,"data":"x"}"#;
        let record = parse_cloud_event(least.as_bytes()).unwrap().record;
        assert_eq!((record.key, record.time_us, record.data), (None, None, Data::One(Datum::Text("x".into()))));
    }

    #[test]
    fn what_is_at_fault_is_named() {
        let refused = |from: &str, to: &str| {
            let refusal = parse_cloud_event(WHOLE.replace(from, to).as_bytes()).unwrap_err();
            (refusal.field, refusal.code)
        };
        for (from, to, field, code) in [
            (r#""id":"A1","#, "", "id", RefusalCode::MissingField),
            (r#""/shop""#, r#""""#, "source", RefusalCode::MissingField),
            (r#""page.seen""#, "null", "type", RefusalCode::MissingField),
            ("1.0", "0.3", "specversion", RefusalCode::WrongType),
            ("2016-07-01T00:00:00Z", "noon", "time", RefusalCode::BadTime),
            (r#""A1""#, "1", "id", RefusalCode::WrongType),
            (r#""data":"#, r#""data_base64":"aGk=","x":"#, "data_base64", RefusalCode::WrongType),
            ("1.5}}", "1.5}", "line", RefusalCode::BadJson),
            ("1.5", "NaN", "data.ms", RefusalCode::NotFinite),
        ] {
            assert_eq!(refused(from, to), (field.to_owned(), code), "{to}");
        }
        assert_eq!(parse_cloud_data(b"[1,2]").unwrap(), Data::One(Datum::Numbers(vec![1.0, 2.0])));
        assert_eq!(parse_cloud_data(b"{").unwrap_err().code, RefusalCode::BadJson);
    }
}
