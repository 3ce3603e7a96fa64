//! Events that could not be learnt because learning them failed inside the daemon, as it tells them.

use crate::alarm_event::event_json;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use surmise_event::Record;

/// Bytes of an event's JSON up to which it is kept as it is; of a longer one the beginning is kept, as text.
const EVENT_BYTES_MAX: usize = 16 << 10;

/// An event in quarantine: learning it panicked, the stream went on as if it had never come, and it is kept aside for
/// a look.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct QuarantinedEvent {
    /// When it was put aside, RFC 3339.
    pub time: String,
    /// The offset that it would have had.
    pub offset: u64,
    /// The name of its producer, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub producer: Option<Arc<str>>,
    /// Its sequence number, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// The message of the panic.
    pub reason: String,
    /// The event as it would be sent; the beginning of it as text, if it is long.
    pub event: serde_json::Value,
}

/// The events of a stream that are in quarantine (`GET /api/v1/streams/{stream}/quarantine`), the latest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct QuarantineList {
    /// The name of the stream.
    pub stream: Arc<str>,
    /// Events that were ever put into quarantine; the latest of them are kept.
    pub count: u64,
    /// The events that are kept.
    pub events: Vec<QuarantinedEvent>,
}

impl QuarantinedEvent {
    /// A record's JSON, bounded: a longer one becomes a text with its beginning.
    pub fn bounded_json(record: &Record) -> serde_json::Value {
        let event = event_json(record);
        let mut text = event.to_string();
        if text.len() <= EVENT_BYTES_MAX {
            return event;
        }
        let end = (0..=EVENT_BYTES_MAX).rev().find(|end| text.is_char_boundary(*end));
        text.truncate(end.unwrap_or(0));
        text.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use surmise_event::{Data, Datum};

    #[test]
    fn a_long_event_is_kept_by_its_beginning() {
        let record = |text: String| Record { data: Data::One(Datum::Text(text.into())), ..Record::default() };
        let short = QuarantinedEvent::bounded_json(&record("up".into()));
        assert_eq!(short, serde_json::json!({"data": "up"}));
        let long = QuarantinedEvent::bounded_json(&record("ä".repeat(EVENT_BYTES_MAX)));
        let kept = long.as_str().expect("a text");
        assert!(kept.len() <= EVENT_BYTES_MAX && kept.len() > EVENT_BYTES_MAX - 4 && kept.contains("ää"));
    }
}
