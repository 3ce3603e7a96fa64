//! The rarest events of each of the latest days, and how often events were how rare, in fixed memory.
//!
//! It is a part of what is shown of a stream's past, by the daemon's clock, and has no part in what is learnt.

use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use surmise_event::{Data, Outcome, Record};
use surmise_protocol::{RareEvent, RarityCount};

/// Days that are kept.
pub const DAYS_MAX: usize = 7;
/// Events of a day that are kept: its rarest.
pub const DAY_EVENTS_MAX: usize = 16;
/// Rarities that are counted: one in ten events, one in a hundred, and so on.
const CLASSES: usize = 8;
/// Bytes of a key that are kept.
const KEY_BYTES_MAX: usize = 128;
/// The rarity from which an event can be one of a day's rarest.
const RARITY_MIN: f64 = 2.0;
/// The length of a day, in microseconds.
const DAY_US: i64 = 86_400_000_000;

/// The rare events of one batch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RareBatch {
    /// Events that were judged.
    events: u64,
    /// `[classes]`: events at least as rare as one in 10, in 100, and so on.
    classes: [u64; CLASSES],
    /// Those that are rarer than what the day has.
    rare: Vec<RareEvent>,
    /// The rarity that the day's list begins at.
    floor: f64,
}

/// The rarest events of a day, the rarest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct RareDay {
    /// The day, counted from 1970.
    day: i64,
    events: Vec<RareEvent>,
}

/// The rare events of one stream.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RareEvents {
    events: u64,
    classes: [u64; CLASSES],
    /// The latest days with events, the oldest first.
    days: VecDeque<RareDay>,
}

impl RareBatch {
    /// Adds an event that was learnt.
    pub fn add(&mut self, record: &Record, outcome: &Outcome) {
        // what a person says of an incident is no event that could be rare
        if matches!(record.data, Data::Feedback(_)) {
            return;
        }
        // a run of bytes is judged as a whole, by the rarest of them
        self.events += 1;
        let mut rarity = 10.0;
        for class in &mut self.classes {
            *class += u64::from(outcome.rarity_events >= rarity);
            rarity *= 10.0;
        }
        if outcome.rarity_events > self.floor.max(RARITY_MIN) {
            self.rare.push(RareEvent {
                offset: outcome.offset,
                time: record.arrival_us.unwrap_or_default() as f64 / 1e6,
                key: record.key.as_deref().map(cut),
                rarity_events: outcome.rarity_events,
                surprise_bits: outcome.surprise_bits,
            });
            // a batch is as long as a queue may be; what cannot be among the day's rarest makes room
            if self.rare.len() >= 4 * DAY_EVENTS_MAX {
                keep_rarest(&mut self.rare);
                self.floor = self.rare.last().map_or(self.floor, |last| last.rarity_events);
            }
        }
    }
}

impl RareEvents {
    /// A batch that begins at a time, in microseconds since 1970.
    pub fn batch(&self, now_us: i64) -> RareBatch {
        let day = now_us.div_euclid(DAY_US);
        let full = self.days.back().filter(|latest| latest.day >= day && latest.events.len() >= DAY_EVENTS_MAX);
        let floor = full.and_then(|latest| latest.events.last()).map_or(0.0, |last| last.rarity_events);
        RareBatch { floor, ..RareBatch::default() }
    }

    /// Adds a batch that came at a time, in microseconds since 1970. A clock that was set back adds to the latest day.
    pub fn add(&mut self, now_us: i64, batch: RareBatch) {
        self.events += batch.events;
        for (sum, count) in self.classes.iter_mut().zip(batch.classes) {
            *sum += count;
        }
        if batch.rare.is_empty() {
            return;
        }
        let day = now_us.div_euclid(DAY_US);
        if self.days.back().is_none_or(|latest| latest.day < day) {
            if self.days.len() >= DAYS_MAX {
                self.days.pop_front();
            }
            self.days.push_back(RareDay { day, events: Vec::new() });
        }
        if let Some(latest) = self.days.back_mut() {
            latest.events.extend(batch.rare);
            keep_rarest(&mut latest.events);
        }
    }

    /// The events that were judged, and how many were at least how rare, down to the rarest that came.
    pub fn counts(&self) -> (u64, Vec<RarityCount>) {
        let counts = self.classes.iter().enumerate().take_while(|(_, events)| **events > 0);
        let count =
            |(k, events): (usize, &u64)| RarityCount { rarity_events: 10f64.powi(k as i32 + 1), events: *events };
        (self.events, counts.map(count).collect())
    }

    /// The rarest events of the latest `days` days before a time, the rarest first.
    pub fn rarest(&self, now_us: i64, days: usize) -> Vec<RareEvent> {
        let first = now_us.div_euclid(DAY_US) - days as i64 + 1;
        let latest = self.days.iter().filter(|day| day.day >= first);
        let mut rarest: Vec<RareEvent> = latest.flat_map(|day| day.events.iter().cloned()).collect();
        sort(&mut rarest);
        rarest
    }
}

/// Keeps as many of the rarest as a day has.
fn keep_rarest(events: &mut Vec<RareEvent>) {
    sort(events);
    events.truncate(DAY_EVENTS_MAX);
}

/// The rarest first; of equal ones the more surprising, and then the later.
fn sort(events: &mut [RareEvent]) {
    events.sort_by(|a, b| {
        let rarer = b.rarity_events.total_cmp(&a.rarity_events);
        rarer.then(b.surprise_bits.total_cmp(&a.surprise_bits)).then(b.offset.cmp(&a.offset))
    });
}

fn cut(key: &str) -> String {
    let mut end = key.len().min(KEY_BYTES_MAX);
    while !key.is_char_boundary(end) {
        end -= 1;
    }
    match end < key.len() {
        true => format!("{}…", &key[..end]),
        false => key.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learnt(offset: u64, rarity_events: f64) -> (Record, Outcome) {
        let record = Record { key: Some(format!("k{offset}").into()), ..Record::default() };
        (record, Outcome { offset, events: 1, rarity_events, ..Outcome::default() })
    }

    #[test]
    fn the_rarest_of_each_day_are_kept_whatever_the_batches() {
        let (mut whole, mut parts) = (RareEvents::default(), RareEvents::default());
        let rarity = |i: u64| 1.0 + ((i * 7919) % 1000) as f64;
        for day in 0..10i64 {
            let now_us = day * DAY_US + 5;
            let mut all = whole.batch(now_us);
            for i in 0..1000 {
                let (record, outcome) = learnt(day as u64 * 1000 + i, rarity(i));
                all.add(&record, &outcome);
                let mut one = parts.batch(now_us);
                one.add(&record, &outcome);
                parts.add(now_us, one);
            }
            whole.add(now_us, all);
        }
        assert_eq!(whole, parts);
        let now_us = 9 * DAY_US + 7;
        let rarest = whole.rarest(now_us, DAYS_MAX);
        assert_eq!(rarest.len(), DAYS_MAX * DAY_EVENTS_MAX);
        assert!(rarest[..DAYS_MAX].iter().all(|event| event.rarity_events == 1000.0));
        assert_eq!(whole.rarest(now_us, 1)[0].key.as_deref(), Some(format!("k{}", rarest[0].offset).as_str()));
        let (events, counts) = whole.counts();
        let counted: Vec<_> = counts.iter().map(|count| (count.rarity_events, count.events)).collect();
        // of rarities from 1 to 1000 each comes once a day
        assert_eq!((events, counted), (10_000, vec![(10.0, 9910), (100.0, 9010), (1000.0, 10)]));
    }

    #[test]
    fn a_long_key_is_cut_between_characters() {
        let key = "é".repeat(100);
        assert!(cut(&key).len() <= KEY_BYTES_MAX + 3 && cut("short") == "short");
    }
}
