//! What stood out in a replay: its incidents, and the events that surprised most, each among its neighbours.
//!
//! A bounded number of each is kept. Records move through a short ring, so an event that stands out costs a copy and
//! every other one nothing.

use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::collections::VecDeque;
use surmise_event::{Alarm, AlarmKind, AlarmPhase, Data, Datum, Outcome, Part, Record, format_time};
use surmise_protocol::{event_json, event_parts};

/// Incidents, and events, that are kept at most.
const KEPT_MAX: usize = 16;
/// Events before one that stands out that are shown with it, and after it.
const NEIGHBOURS: usize = 3;
/// Bytes of a value that are kept at most.
const VALUE_BYTES_MAX: usize = 600;
/// Fields of an event that are kept at most.
const FIELDS_MAX: usize = 24;
/// Incidents whose places are kept at most, to draw them.
const PLACES_MAX: usize = 2000;
/// Bytes around an unusual byte that are kept on each side.
const AROUND_BYTES: usize = 60;
/// Classes of rarity, each of which is twice as rare as the one before.
const RARITIES: usize = 32;

/// An event as it is shown beside one that stands out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NeighbourEvent {
    /// The offset of the event.
    pub offset: u64,
    /// The event, as it would be sent.
    pub event: serde_json::Value,
    /// Its surprise, in bits.
    pub surprise_bits: f64,
}

/// An event that stands out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Highlight {
    /// The event and its parts, and the incident if it is one.
    #[serde(flatten)]
    pub told: WhyHighlighted,
    /// The events before it, the oldest first.
    pub before: Vec<NeighbourEvent>,
    /// The events after it.
    pub after: Vec<NeighbourEvent>,
}

/// Why an event stands out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WhyHighlighted {
    /// The offset of the event.
    pub offset: u64,
    /// Its time, RFC 3339, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// The event, as it would be sent.
    pub event: serde_json::Value,
    /// Its surprise, in bits; 0 of a byte, which is judged with those around it.
    pub surprise_bits: f64,
    /// The surprise beyond what was expected of it, in bits.
    pub excess_bits: f64,
    /// Once in how many events of the stream one is as unusual.
    pub rarity_events: f64,
    /// The incident, as it stood at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alarm: Option<Alarm>,
    /// The parts of the event, in the order of their excess, the largest first.
    pub parts: Vec<Part>,
}

/// What stood out in a replay.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Highlights {
    /// Incidents that began.
    pub incidents_begun: u64,
    /// The rarest incidents, in the order in which they began.
    pub incidents: Vec<Highlight>,
    /// The offsets at which incidents began and how rare they were then; the first ones, if there were very many.
    pub places: Vec<(u64, f64)>,
    /// The events with the most excess, the most surprising first.
    pub surprises: Vec<Highlight>,
    /// `[classes]`: how many events were as rare as once in 2^class, and rarer; empty for a stream of bytes.
    pub as_rare: Vec<u64>,
}

/// Collects what stands out while a replay goes on.
#[derive(Default)]
pub(crate) struct HighlightCollector {
    found: Highlights,
    /// The latest events, the oldest first.
    ring: VecDeque<(Record, u64, f64)>,
    rarities: [u64; RARITIES],
}

/// By what an event is kept among the most surprising ones.
fn by_excess(a: &Highlight, b: &Highlight) -> Ordering {
    b.told.excess_bits.total_cmp(&a.told.excess_bits)
}

impl HighlightCollector {
    /// Looks at the outcome of a record, and takes the record.
    pub(crate) fn add(&mut self, record: Record, outcome: &Outcome, parts: &[Part], is_bytes: bool) {
        // neighbours of a byte are in the text around it
        if !is_bytes {
            self.complete(&record, outcome);
        }
        if let Some(alarm) = &outcome.alarm {
            self.alarm(&record, outcome, alarm, is_bytes);
        }
        if !is_bytes {
            let class = outcome.rarity_events.max(1.0).log2() as usize;
            self.rarities[class.min(RARITIES - 1)] += 1;
            let least = self.found.surprises.last().map_or(f64::NEG_INFINITY, |h| h.told.excess_bits);
            // another event of an incident is told with it
            let goes_on = outcome.alarm.as_ref().is_some_and(|a| a.phase == AlarmPhase::GoesOn);
            if !goes_on && (outcome.excess_bits > least || self.found.surprises.len() < KEPT_MAX) {
                let highlight = self.highlight(&record, outcome, parts);
                self.found.surprises.push(highlight);
                self.found.surprises.sort_by(by_excess);
                self.found.surprises.truncate(KEPT_MAX);
            }
            if self.ring.len() == NEIGHBOURS {
                self.ring.pop_front();
            }
            self.ring.push_back((record, outcome.offset, outcome.surprise_bits));
        }
    }

    /// An incident that begins is kept if it is among the rarest; one that goes on is told as it is now.
    fn alarm(&mut self, record: &Record, outcome: &Outcome, alarm: &Alarm, is_bytes: bool) {
        if alarm.phase != AlarmPhase::Begins {
            let is_same = |a: &Alarm| (a.kind, a.began) == (alarm.kind, alarm.began);
            let same = |h: &&mut Highlight| h.told.alarm.as_ref().is_some_and(is_same);
            if let Some(kept) = self.found.incidents.iter_mut().rev().find(same) {
                kept.told.alarm = Some(alarm.clone());
            }
            return;
        }
        self.found.incidents_begun += 1;
        if self.found.places.len() < PLACES_MAX {
            self.found.places.push((alarm.offset, alarm.rarity_events));
        }
        let rarity = |h: &Highlight| h.told.alarm.as_ref().map_or(0.0, |a| a.rarity_events);
        let least = self.found.incidents.iter().enumerate().min_by(|a, b| rarity(a.1).total_cmp(&rarity(b.1)));
        if self.found.incidents.len() == KEPT_MAX {
            match least.map(|(i, h)| (i, rarity(h))) {
                Some((place, least)) if least < alarm.rarity_events => drop(self.found.incidents.remove(place)),
                _ => return,
            }
        }
        let highlight = if is_bytes {
            bytes_highlight(record, outcome, alarm)
        } else if alarm.kind == AlarmKind::Silent {
            silent_highlight(record, alarm)
        } else {
            let mut told = self.highlight(record, outcome, &outcome.parts);
            told.told.alarm = Some(alarm.clone());
            told
        };
        self.found.incidents.push(highlight);
    }

    /// Shows the latest event with those before it that still wait for what comes after them.
    fn complete(&mut self, record: &Record, outcome: &Outcome) {
        let is_event = |h: &Highlight| h.told.alarm.as_ref().is_none_or(|alarm| alarm.kind != AlarmKind::Silent);
        let waits = |h: &&mut Highlight| h.after.len() < NEIGHBOURS && h.told.offset < outcome.offset && is_event(h);
        let both = self.found.incidents.iter_mut().chain(self.found.surprises.iter_mut());
        let mut shown = None;
        for waiting in both.filter(waits) {
            let neighbour = shown.get_or_insert_with(|| neighbour(record, outcome.offset, outcome.surprise_bits));
            waiting.after.push(neighbour.clone());
        }
    }

    fn highlight(&self, record: &Record, outcome: &Outcome, parts: &[Part]) -> Highlight {
        let mut parts = if parts.is_empty() { event_parts(record, outcome) } else { parts.to_vec() };
        parts.sort_by(|a, b| b.excess_bits.total_cmp(&a.excess_bits));
        parts.truncate(FIELDS_MAX);
        for part in &mut parts {
            if let Some(value) = &mut part.value {
                shorten(value);
            }
        }
        Highlight {
            told: WhyHighlighted {
                offset: outcome.offset,
                time: record.time_us.map(format_time),
                event: event_of(record),
                surprise_bits: outcome.surprise_bits,
                excess_bits: outcome.excess_bits,
                rarity_events: outcome.rarity_events,
                alarm: outcome.alarm.clone(),
                parts,
            },
            before: self.ring.iter().map(|(record, offset, bits)| neighbour(record, *offset, *bits)).collect(),
            after: Vec::new(),
        }
    }

    /// What stood out.
    pub(crate) fn finish(mut self) -> Highlights {
        let mut sum = 0;
        let as_rare: Vec<u64> = (self.rarities.iter().rev())
            .map(|n| {
                sum += n;
                sum
            })
            .collect();
        self.found.as_rare = as_rare.into_iter().rev().take_while(|n| *n > 0).collect();
        self.found.incidents.sort_by_key(|h| h.told.offset);
        self.found
    }
}

fn neighbour(record: &Record, offset: u64, surprise_bits: f64) -> NeighbourEvent {
    NeighbourEvent { offset, event: event_of(record), surprise_bits }
}

/// An event as it would be sent, its values cut short.
fn event_of(record: &Record) -> serde_json::Value {
    let data = match &record.data {
        Data::Fields(fields) => {
            Data::Fields(fields.iter().take(FIELDS_MAX).map(|(n, d)| (n.clone(), short(d))).collect())
        }
        Data::One(datum) => Data::One(short(datum)),
        Data::None | Data::Feedback(_) => record.data.clone(),
    };
    let Record { key, time_us, arrival_us, end, .. } = record;
    event_json(&Record { key: key.clone(), time_us: *time_us, arrival_us: *arrival_us, data, end: *end })
}

/// A value whose text is cut short; bytes are read as text, as far as they are.
fn short(datum: &Datum) -> Datum {
    let text = |s: &str| {
        let mut text = s.to_owned();
        shorten(&mut text);
        Datum::Text(text.into())
    };
    match datum {
        Datum::Text(s) => text(s),
        Datum::Bytes(b) => text(&String::from_utf8_lossy(&b[..b.len().min(2 * VALUE_BYTES_MAX)])),
        Datum::Numbers(v) => Datum::Numbers(v[..v.len().min(FIELDS_MAX)].to_vec()),
        Datum::Number(x) if !x.is_finite() => Datum::Text(x.to_string().into()),
        Datum::Null | Datum::Bool(_) | Datum::Number(_) => datum.clone(),
    }
}

fn shorten(text: &mut String) {
    if text.len() > VALUE_BYTES_MAX {
        let boundary = (0..=VALUE_BYTES_MAX).rev().find(|at| text.is_char_boundary(*at));
        text.truncate(boundary.unwrap_or(0));
        text.push('…');
    }
}

/// A key that fell silent, which the event at hand has no part in.
fn silent_highlight(record: &Record, alarm: &Alarm) -> Highlight {
    let event = serde_json::json!({ "key": alarm.key.as_deref() });
    let mut highlight = bare_highlight(alarm, alarm.began, event);
    highlight.told.time = record.time_us.map(format_time);
    highlight
}

/// An unusual byte with the text around it; what follows it in a later run is not seen.
fn bytes_highlight(record: &Record, outcome: &Outcome, alarm: &Alarm) -> Highlight {
    let run: &[u8] = match &record.data {
        Data::One(Datum::Bytes(run)) => run,
        Data::One(Datum::Text(text)) => text.as_bytes(),
        Data::One(_) | Data::Fields(_) | Data::None | Data::Feedback(_) => &[],
    };
    let at = (alarm.offset.saturating_sub(outcome.offset) as usize).min(run.len());
    let around = &run[at.saturating_sub(AROUND_BYTES)..(at + AROUND_BYTES).min(run.len())];
    bare_highlight(alarm, alarm.offset, serde_json::json!({ "data": String::from_utf8_lossy(around) }))
}

/// An incident with what shows it, of which no parts and no neighbours are told.
fn bare_highlight(alarm: &Alarm, offset: u64, event: serde_json::Value) -> Highlight {
    let told = WhyHighlighted {
        offset,
        time: None,
        event,
        surprise_bits: 0.0,
        excess_bits: 0.0,
        rarity_events: alarm.rarity_events,
        alarm: Some(alarm.clone()),
        parts: Vec::new(),
    };
    Highlight { told, before: Vec::new(), after: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(value: &str) -> Record {
        Record { data: Data::One(Datum::Text(value.into())), ..Record::default() }
    }

    fn outcome(offset: u64, excess_bits: f64) -> Outcome {
        Outcome {
            offset,
            events: 1,
            excess_bits,
            surprise_bits: excess_bits + 1.0,
            rarity_events: 4.0,
            ..Outcome::default()
        }
    }

    fn begins(offset: u64, rarity_events: f64) -> Option<Alarm> {
        let (kind, phase) = (AlarmKind::Value, AlarmPhase::Begins);
        Some(Alarm {
            kind,
            phase,
            began: offset,
            offset,
            oddest: offset,
            count: 1,
            rarity_events,
            rarity_seconds: None,
            field: None,
            key: None,
            label: None,
        })
    }

    #[test]
    fn what_stands_out_is_kept_with_its_neighbours_and_no_more_than_so_much() {
        let mut collector = HighlightCollector::default();
        for offset in 0..5000u64 {
            let excess = if offset % 100 == 50 { offset as f64 } else { 0.0 };
            let alarm = (offset % 100 == 50).then(|| begins(offset, 1e3 + offset as f64)).flatten();
            let event = record(&format!("event {offset} {}", "x".repeat(2000)));
            collector.add(event, &Outcome { alarm, ..outcome(offset, excess) }, &[], false);
        }
        let found = collector.finish();
        assert_eq!((found.incidents_begun, found.incidents.len(), found.surprises.len()), (50, KEPT_MAX, KEPT_MAX));
        let rarest: Vec<u64> = found.incidents.iter().map(|h| h.told.offset).collect();
        assert_eq!(rarest, (34..50).map(|i| i * 100 + 50).collect::<Vec<u64>>());
        let worst = &found.surprises[0];
        let offsets = |of: &[NeighbourEvent]| of.iter().map(|n| n.offset).collect::<Vec<_>>();
        assert_eq!((worst.told.offset, offsets(&worst.before)), (4950, vec![4947, 4948, 4949]));
        assert_eq!(offsets(&worst.after), [4951, 4952, 4953]);
        assert!(worst.told.event["data"].as_str().unwrap().len() < VALUE_BYTES_MAX + 4);
        assert_eq!(found.as_rare, [5000, 5000, 5000], "all events are as rare as one in four");
        let json = serde_json::to_string(&found).unwrap();
        assert_eq!(serde_json::from_str::<Highlights>(&json).unwrap(), found);
    }

    #[test]
    fn a_byte_is_shown_within_the_text_around_it() {
        let mut collector = HighlightCollector::default();
        let run = format!("{}!{}", "a".repeat(500), "b".repeat(500));
        let outcome = Outcome { alarm: begins(10_500, 1e6), events: 1001, ..outcome(10_000, 0.0) };
        collector.add(record(&run), &outcome, &[], true);
        collector.add(record("what comes later"), &Outcome { offset: 11_001, ..Outcome::default() }, &[], true);
        let found = collector.finish();
        assert!(found.incidents[0].after.is_empty());
        let around = found.incidents[0].told.event["data"].as_str().unwrap().to_owned();
        assert!(around.contains("a!b") && around.len() == 2 * AROUND_BYTES, "{around}");
        assert!(found.surprises.is_empty() && found.as_rare.is_empty());
    }
}
