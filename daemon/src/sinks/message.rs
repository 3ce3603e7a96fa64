//! What sinks send: how an incident or a rare event is written for programs, and in words.

use super::delivered::{Delivery, Told};
use crate::rare_queues::RareMessage;
use serde_json::{Value, json};
use surmise_event::words::rarity;
use surmise_event::{AlarmKind, format_time};

/// Bytes of an event, or of a key, that are shown in words.
const EVENT_BYTES_MAX: usize = 1024;
const KEY_BYTES_MAX: usize = 128;

/// One thing that a sink tells.
#[derive(Clone, Debug)]
pub enum SinkMessage {
    /// An incident has begun or is over.
    Incident(Box<Delivery>),
    /// An event is rare. Those that begin an incident are told as incidents alone.
    Rare(RareMessage),
}

impl SinkMessage {
    /// What it tells, as one word.
    pub fn kind(&self) -> &'static str {
        match self {
            SinkMessage::Incident(delivery) => delivery.what.name(),
            SinkMessage::Rare(_) => "event.rare",
        }
    }

    /// What tells it from any other, and is the same if it is sent again.
    pub fn id(&self) -> String {
        match self {
            SinkMessage::Incident(delivery) => delivery.id(),
            SinkMessage::Rare(rare) => format!("{}-{}-{}", rare.number, self.offset(), self.kind()),
        }
    }

    /// The message as JSON, sent at a time in microseconds since 1970.
    pub fn json(&self, now_us: i64) -> String {
        let data = match self {
            SinkMessage::Incident(delivery) => serde_json::to_value(&delivery.incident),
            SinkMessage::Rare(rare) => serde_json::to_value(&rare.told.outcome),
        };
        json!({ "type": self.kind(), "timestamp": format_time(now_us), "data": data.unwrap_or_default() }).to_string()
    }

    /// The name of the stream.
    pub fn stream(&self) -> &str {
        match self {
            SinkMessage::Incident(delivery) => &delivery.incident.stream,
            SinkMessage::Rare(rare) => rare.told.outcome.as_ref().map_or("", |outcome| &outcome.stream),
        }
    }

    /// The offset of the event, or of the latest one of the incident.
    pub fn offset(&self) -> u64 {
        match self {
            SinkMessage::Incident(delivery) => delivery.incident.alarm.offset,
            SinkMessage::Rare(rare) => rare.told.outcome.as_ref().map_or(0, |outcome| outcome.offset),
        }
    }

    /// How rare it is: once in so many events.
    pub fn rarity_events(&self) -> f64 {
        match self {
            SinkMessage::Incident(delivery) => delivery.incident.alarm.rarity_events,
            SinkMessage::Rare(rare) => rare.told.outcome.as_ref().map_or(1.0, |outcome| outcome.rarity_events),
        }
    }

    /// Whether it tells that an incident is over.
    pub fn is_end(&self) -> bool {
        matches!(self, SinkMessage::Incident(delivery) if delivery.what == Told::Ended)
    }

    /// What is unusual, where it is an incident.
    pub fn alarm_kind(&self) -> Option<AlarmKind> {
        match self {
            SinkMessage::Incident(delivery) => Some(delivery.incident.alarm.kind),
            SinkMessage::Rare(_) => None,
        }
    }

    /// The event; null if there is none, as it is overdue.
    fn event(&self) -> &Value {
        match self {
            SinkMessage::Incident(delivery) => &delivery.incident.event,
            SinkMessage::Rare(rare) => {
                rare.told.outcome.as_ref().and_then(|outcome| outcome.event.as_ref()).unwrap_or(&Value::Null)
            }
        }
    }

    /// The key of the event, as far as it is shown.
    pub fn key(&self) -> Option<String> {
        Some(shown(self.event()["key"].as_str()?, KEY_BYTES_MAX))
    }

    /// The message in words, on one line.
    pub fn text(&self) -> String {
        let stream = self.stream();
        let about = match self {
            SinkMessage::Rare(_) => format!("rare event in {stream}, {}", rarity(self.rarity_events(), None)),
            SinkMessage::Incident(delivery) => {
                let alarm = &delivery.incident.alarm;
                let label = alarm.label.as_ref().map_or(String::new(), |label| format!(" ({label})"));
                let what = if self.is_end() { "incident is over in" } else { "incident in" };
                let words = alarm.words(alarm.subject(), !self.event()["data"].is_null());
                format!("{what} {stream}: {words}{label}, {}", rarity(alarm.rarity_events, alarm.rarity_seconds))
            }
        };
        match &self.event()["data"] {
            Value::Null => shown(&about, EVENT_BYTES_MAX),
            Value::String(text) => format!("{}: {}", shown(&about, EVENT_BYTES_MAX), shown(text, EVENT_BYTES_MAX)),
            data => format!("{}: {}", shown(&about, EVENT_BYTES_MAX), shown(&data.to_string(), EVENT_BYTES_MAX)),
        }
    }
}

/// A text on one line of so many bytes and a dot or three.
fn shown(text: &str, bytes_max: usize) -> String {
    let mut end = text.len().min(bytes_max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let rest = if end < text.len() { "…" } else { "" };
    text[..end].replace(char::is_control, " ") + rest
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::following::FollowerRoom;
    use surmise_protocol::OutcomeReply;

    /// The message of a rare event.
    pub fn rare(event: Value, rarity_events: f64) -> SinkMessage {
        let outcome = OutcomeReply {
            stream: "web".into(),
            offset: 1042,
            rarity_events,
            event: Some(event),
            ..OutcomeReply::default()
        };
        SinkMessage::Rare(RareMessage { number: 3, told: FollowerRoom::new(1 << 20).put(Some(outcome), 1) })
    }

    #[test]
    fn a_rare_event_is_told_in_words_and_as_json() {
        let message = rare(json!({ "key": "user-7", "data": "GET /\nadmin" }), 20_000.4);
        assert_eq!(message.text(), "rare event in web, once in 20,000 events: GET / admin");
        assert_eq!((message.id().as_str(), message.key().as_deref()), ("3-1042-event.rare", Some("user-7")));
        let json: Value = serde_json::from_str(&message.json(0)).unwrap();
        assert_eq!((&json["type"], &json["data"]["event"]["key"]), (&"event.rare".into(), &"user-7".into()));
        let message = rare(json!({ "data": { "ms": 3.5, "note": "é".repeat(2000) } }), 3.0);
        assert!(message.text().len() < EVENT_BYTES_MAX + 100 && message.text().ends_with('…'), "{}", message.text());
        assert_eq!(message.key(), None);
    }
}
