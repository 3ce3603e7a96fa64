//! Alarms as the daemon tells them: to those that follow a stream, and in lists.

use crate::event_line::EventLine;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use surmise_event::{Alarm, AlarmKind, AlarmPhase, Data, Datum, Outcome, Part, Record, format_time};

/// An incident of a stream with an event that shows it, as the event `alarm` of
/// `/api/v1/streams/{stream}/watch` carries it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AlarmEvent {
    /// The name of the stream.
    pub stream: Arc<str>,
    /// Which incarnation of the name the offsets are of, for what is said of the incident; 0 if it is not known.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub incarnation: u32,
    /// The incident.
    #[serde(flatten)]
    pub alarm: Alarm,
    /// The time of the event that the incident began with, or at which it was told that one is overdue, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// The offset of `event`: of the one with which the incident was noticed, or where one before that was odder, of
    /// the first that outdoes it. `…/events/{offset}/why` has all.
    #[serde(default)]
    pub event_offset: u64,
    /// The unusual event, as it would be sent; null where there is none: an event that is overdue. Of a key that fell
    /// silent it is the key alone, and `event_offset` that of its latest event.
    pub event: serde_json::Value,
    /// The surprise of the event, in bits: the sum over its parts.
    pub surprise_bits: f64,
    /// The excess of the event, in bits: the sum over its parts.
    pub excess_bits: f64,
    /// The parts of the event, in the order of their excess, the largest first, with what was expected instead if the
    /// incident begins with it. Of a text they are its oddest word and the rest of it; `…/events/{offset}/why` has all
    /// words, and when the like of each was last seen.
    pub parts: Vec<Part>,
}

/// The latest incidents of a stream (`GET /api/v1/streams/{stream}/alarms`), the latest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AlarmList {
    /// The name of the stream.
    pub stream: Arc<str>,
    /// Incidents that began, as far back as checkpoints know.
    pub begun: u64,
    /// The incidents, each as it stands now, with an event that shows it.
    pub alarms: Vec<AlarmEvent>,
}

impl AlarmEvent {
    /// The alarm that an outcome tells of, if it does.
    pub fn of(stream: &Arc<str>, record: &Record, outcome: &Outcome) -> Option<AlarmEvent> {
        let (alarm, time_us) = (outcome.alarm.clone()?, record.time_us.or(record.arrival_us));
        if alarm.kind == AlarmKind::Silent {
            // it is not the event at hand that is odd
            let event = serde_json::json!({ "key": alarm.key.as_deref() });
            return Some(AlarmEvent {
                event_offset: alarm.began,
                event,
                ..AlarmEvent::overdue(stream, alarm, time_us)
            });
        }
        Some(AlarmEvent {
            stream: stream.clone(),
            incarnation: 0,
            alarm,
            time: time_us.map(format_time),
            event_offset: outcome.offset,
            event: event_json(record),
            surprise_bits: outcome.surprise_bits,
            excess_bits: outcome.excess_bits,
            parts: if outcome.parts.is_empty() { event_parts(record, outcome) } else { outcome.parts.clone() },
        })
    }

    /// Whether an alarm is of this incident.
    pub fn is_of(&self, alarm: &Alarm) -> bool {
        self.alarm.began == alarm.began && self.alarm.kind == alarm.kind
    }

    /// Takes in how the incident stands after an event of this offset. It keeps the event with which it was noticed,
    /// or, where one before that was odder, the first that outdoes it, which `shown` gives; and the time at which it
    /// was noticed. Returns whether it shows another event by now.
    pub fn go_on(&mut self, alarm: &Alarm, offset: u64, shown: impl FnOnce() -> Option<AlarmEvent>) -> bool {
        let is_odder = alarm.phase == AlarmPhase::GoesOn && alarm.oddest == offset;
        if is_odder
            && self.alarm.oddest < self.event_offset
            && let Some(odder) = shown()
        {
            *self = AlarmEvent { time: self.time.take(), ..odder };
            return true;
        }
        self.alarm = alarm.clone();
        false
    }

    /// The alarm that something is overdue, at a time in microseconds since 1970.
    pub fn overdue(stream: &Arc<str>, alarm: Alarm, time_us: Option<i64>) -> AlarmEvent {
        AlarmEvent {
            stream: stream.clone(),
            incarnation: 0,
            time: time_us.map(format_time),
            event_offset: alarm.offset,
            alarm,
            event: serde_json::Value::Null,
            surprise_bits: 0.0,
            excess_bits: 0.0,
            parts: Vec::new(),
        }
    }
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// A record as it would be sent; null if JSON cannot carry it.
pub fn event_json(record: &Record) -> serde_json::Value {
    // what is a copy here is made for followers and for alarms alone
    let line = EventLine { seq: None, id: None, stream: None, record: record.clone() };
    serde_json::to_value(&line).unwrap_or_default()
}

/// The parts of an event as far as its outcome tells them, in the order of their excess.
pub fn event_parts(record: &Record, outcome: &Outcome) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut told = (0.0, 0.0);
    for field in &outcome.fields {
        told = (told.0 + field.surprise_bits, told.1 + field.excess_bits);
        let text = text_of(record, &field.name);
        let whole = Part {
            name: field.name.clone(),
            value: text.clone(),
            surprise_bits: field.surprise_bits,
            excess_bits: field.excess_bits,
            ..Part::default()
        };
        let word = field.word.zip(text).and_then(|(word, text)| {
            let (start, end) = (word.start as usize, word.end as usize);
            let spelt = String::from_utf8_lossy(text.as_bytes().get(start..end)?).into_owned();
            Some((word, spelt))
        });
        let Some((word, spelt)) = word else {
            parts.push(whole);
            continue;
        };
        let odd = Part {
            name: field.name.clone(),
            value: Some(spelt),
            place: Some((word.start, word.end)),
            surprise_bits: word.surprise_bits,
            excess_bits: word.excess_bits,
            ..Part::default()
        };
        let rest = Part {
            surprise_bits: whole.surprise_bits - odd.surprise_bits,
            excess_bits: whole.excess_bits - odd.excess_bits,
            ..whole
        };
        parts.extend([odd, rest]);
    }
    // that the key went on, where that is no symbol of a field, is told nowhere else
    let (surprise_bits, excess_bits) = (outcome.surprise_bits - told.0, outcome.excess_bits - told.1);
    if surprise_bits.abs() > 1e-9 {
        let value = Some("(the key goes on)".to_owned());
        parts.push(Part { name: "end".into(), value, surprise_bits, excess_bits, ..Part::default() });
    }
    parts.sort_by(|a, b| b.excess_bits.total_cmp(&a.excess_bits));
    parts
}

/// The value of a record's field as text; `None` if it is missing, or not sent.
fn text_of(record: &Record, name: &str) -> Option<String> {
    let datum = match &record.data {
        Data::None | Data::Feedback(_) => return None,
        Data::One(datum) => datum,
        Data::Fields(fields) => &fields.iter().find(|(field, _)| **field == *name)?.1,
    };
    match datum {
        Datum::Null => None,
        Datum::Bool(b) => Some(b.to_string()),
        Datum::Number(x) => Some(x.to_string()),
        Datum::Text(text) => Some(text.to_string()),
        Datum::Numbers(v) => Some(format!("{v:?}")),
        Datum::Bytes(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use surmise_event::{FieldOutcome, OddWord};

    #[test]
    fn the_parts_of_an_alarm_sum_to_its_event() {
        let record = Record { data: Data::One(Datum::Text("GET / 502".into())), ..Record::default() };
        let alarm = Alarm {
            kind: AlarmKind::New,
            phase: AlarmPhase::Begins,
            began: 7,
            offset: 7,
            oddest: 7,
            count: 1,
            rarity_events: 20_000.0,
            rarity_seconds: Some(86_400.0),
            field: Some("value".into()),
            key: None,
            label: None,
        };
        let word = OddWord { start: 6, end: 9, excess_bits: 12.0, excess_variance: 4.0, surprise_bits: 13.0 };
        let field = FieldOutcome {
            name: "value".into(),
            surprise_bits: 30.0,
            excess_bits: 10.0,
            word: Some(word),
            ..FieldOutcome::default()
        };
        let outcome = Outcome {
            surprise_bits: 30.5,
            excess_bits: 9.75,
            fields: vec![field],
            alarm: Some(alarm),
            ..Outcome::default()
        };
        let told = AlarmEvent::of(&"web".into(), &record, &outcome).unwrap();
        let sum = |of: fn(&Part) -> f64| told.parts.iter().map(of).sum::<f64>();
        assert_eq!((sum(|p| p.surprise_bits), sum(|p| p.excess_bits)), (30.5, 9.75));
        assert_eq!(told.parts[0].value.as_deref(), Some("502"));
        let json = serde_json::to_value(&told).unwrap();
        assert_eq!((&json["kind"], &json["event"]["data"]), (&"new".into(), &"GET / 502".into()));
        assert_eq!(serde_json::from_value::<AlarmEvent>(json).unwrap(), told);
    }
}
