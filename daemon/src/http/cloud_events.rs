//! CloudEvents 1.0 over HTTP: which of its forms a body has, and an event whose attributes are headers.

use axum::http::{HeaderMap, header};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::json;
use std::borrow::Cow;
use surmise_event::{Refusal, RefusalCode};
use surmise_protocol::{CloudEvent, EventLine, parse_cloud_data};

/// The type of a body that is one event.
pub const ONE_EVENT: &str = "application/cloudevents+json";
/// The type of a body that is an array of events.
pub const EVENTS: &str = "application/cloudevents-batch+json";

/// The form of the events of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyForm {
    /// Lines of the protocol.
    Lines,
    /// JSON: an array of objects, one value, or a value a line.
    Json,
    /// One event of CloudEvents, with its data.
    CloudEvent,
    /// An array of such events.
    CloudEvents,
    /// The data of one event, whose attributes are headers.
    CloudEventData,
}

impl BodyForm {
    /// The form of a body that comes with these headers.
    pub fn of(headers: &HeaderMap) -> BodyForm {
        let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        let is = |known: &str| kind.eq_ignore_ascii_case(known);
        match headers.contains_key("ce-specversion") {
            _ if is(ONE_EVENT) => BodyForm::CloudEvent,
            _ if is(EVENTS) => BodyForm::CloudEvents,
            true => BodyForm::CloudEventData,
            false if is("application/json") => BodyForm::Json,
            false => BodyForm::Lines,
        }
    }
}

/// The event of which headers have the attributes and a body the data.
///
/// # Errors
/// An attribute is missing or cannot be read, or the data is no JSON.
pub fn event_of_headers(headers: &HeaderMap, data: &[u8]) -> Result<EventLine, Refusal> {
    let attribute =
        |name: &str| headers.get(format!("ce-{name}")).map(|value| decoded(name, value.as_bytes())).transpose();
    let event = CloudEvent {
        specversion: attribute("specversion")?,
        id: attribute("id")?,
        source: attribute("source")?,
        kind: attribute("type")?,
        time: attribute("time")?,
        subject: attribute("subject")?,
        data: Some(parse_cloud_data(data)?),
        data_base64: None,
    };
    event.into_line()
}

/// The value of a header, in which letters beyond ASCII are bytes in hexadecimal.
fn decoded(name: &str, value: &[u8]) -> Result<String, Refusal> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).filter(|_| *first == b'%').and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    let bad = |_| Refusal::new(RefusalCode::BadUtf8, name, format!("the header ce-{name} is not UTF-8 within %xx"));
    String::from_utf8(bytes).map_err(bad)
}

/// An event of CloudEvents, as documents describe it.
pub struct CloudEventBody;

impl JsonSchema for CloudEventBody {
    fn schema_name() -> Cow<'static, str> {
        "CloudEvent".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let text = |about: &str| json!({ "type": "string", "minLength": 1, "description": about });
        json_schema!({
            "description": "An event of CloudEvents 1.0. What is not listed here is passed over.",
            "type": "object",
            "required": ["specversion", "id", "source", "type"],
            "properties": {
                "specversion": { "const": "1.0" },
                "id": text("One that comes again with the same source and id is not learnt again."),
                "source": text("Where the event comes from."),
                "type": text("What kind of event it is; it is not learnt."),
                "time": { "type": ["string", "null"], "format": "date-time", "description": "When it happened." },
                "subject": { "type": ["string", "null"], "description": "What it is about, which is its key." },
                "data": { "description": "What is learnt: a value, or an object of named values." },
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn headers(list: &[(&'static str, &str)]) -> HeaderMap {
        list.iter().map(|(name, value)| ((*name).parse().unwrap(), HeaderValue::from_str(value).unwrap())).collect()
    }

    #[test]
    fn the_form_is_in_the_headers() {
        for (list, form) in [
            (&[("content-type", "application/x-ndjson")][..], BodyForm::Lines),
            (&[("content-type", "application/CloudEvents+json; charset=utf-8")], BodyForm::CloudEvent),
            (&[("content-type", EVENTS), ("ce-specversion", "1.0")], BodyForm::CloudEvents),
            (&[("content-type", "application/json"), ("ce-specversion", "1.0")], BodyForm::CloudEventData),
        ] {
            assert_eq!(BodyForm::of(&headers(list)), form, "{list:?}");
        }
    }

    #[test]
    fn attributes_in_headers_are_those_of_the_event() {
        let mut list = vec![("ce-specversion", "1.0"), ("ce-id", "1"), ("ce-source", "/s"), ("ce-type", "t")];
        list.push(("ce-subject", "caf%C3%A9 5%"));
        let event = event_of_headers(&headers(&list), br#"{"ms":1}"#).unwrap();
        assert_eq!(event.record.key.as_deref(), Some("café 5%"));
        assert_eq!(event.id.map(|id| (id.source, id.id)), Some(("/s".into(), "1".into())));
        assert_eq!(event_of_headers(&headers(&list[..3]), b"1").unwrap_err().field, "type");
        list[1] = ("ce-id", "%ff");
        assert_eq!(event_of_headers(&headers(&list), b"1").unwrap_err().code, RefusalCode::BadUtf8);
    }
}
