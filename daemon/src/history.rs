//! The course of a stream in fixed memory: how many events came in each of the latest seconds, minutes, hours and days,
//! how surprising they were, and how many incidents began.
//!
//! It is what the daemon has seen, by the daemon's clock, and no part of what is learnt. Every resolution is a ring of
//! its own, so a run without end takes as much memory as one of a year. It goes into the summary of each checkpoint.

use std::collections::VecDeque;
use surmise_protocol::HistoryPoint;
use surmise_store::bytes::{Cursor, Damaged, put_signed, put_varint};

/// One resolution of the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resolution {
    /// Its name in queries.
    pub name: &'static str,
    /// The length of a span, in seconds.
    pub span_seconds: i64,
    /// Spans that are kept; the oldest make room for new ones.
    pub spans_max: usize,
}

/// All resolutions, the finest first: two minutes, three hours, two weeks and two years.
pub const RESOLUTIONS: [Resolution; 4] = [
    Resolution { name: "seconds", span_seconds: 1, spans_max: 120 },
    Resolution { name: "minutes", span_seconds: 60, spans_max: 180 },
    Resolution { name: "hours", span_seconds: 3_600, spans_max: 336 },
    Resolution { name: "days", span_seconds: 86_400, spans_max: 731 },
];

/// What one batch of events adds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct BatchSums {
    /// Events that were learnt.
    pub events: u64,
    /// Their surprise, in bits.
    pub bits: f64,
    /// How rare the rarest of them was: once in so many events.
    pub rarest: f64,
    /// Incidents that began.
    pub incidents: u64,
}

/// The history of one stream. A span without events takes no memory.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// For each of [`RESOLUTIONS`] the latest spans, the oldest first.
    rings: [VecDeque<HistoryPoint>; RESOLUTIONS.len()],
}

impl History {
    /// Adds what came at a time, in microseconds since 1970, after which `distinct` symbols are known; as many as
    /// before without it. A clock that was set back adds to the latest span.
    pub fn add(&mut self, now_us: i64, sums: &BatchSums, distinct: Option<u64>) {
        for (ring, resolution) in self.rings.iter_mut().zip(RESOLUTIONS) {
            let span_us = resolution.span_seconds * 1_000_000;
            let time = now_us.div_euclid(span_us) * resolution.span_seconds;
            if ring.back().is_none_or(|latest| latest.time < time) {
                if ring.len() >= resolution.spans_max {
                    ring.pop_front();
                }
                let before = ring.back().map_or(0, |latest| latest.distinct);
                ring.push_back(HistoryPoint { time, distinct: before, ..HistoryPoint::default() });
            }
            let Some(latest) = ring.back_mut() else { continue };
            latest.events += sums.events;
            latest.bits += sums.bits;
            latest.rarest = latest.rarest.max(sums.rarest);
            latest.incidents += sums.incidents;
            latest.distinct = distinct.unwrap_or(latest.distinct);
        }
    }

    /// The spans of a resolution that are not older than its ring reaches back, the oldest first.
    pub fn points(&self, resolution: usize, now_us: i64) -> Vec<HistoryPoint> {
        let Resolution { span_seconds, spans_max, .. } = RESOLUTIONS[resolution];
        let oldest = now_us.div_euclid(1_000_000) - span_seconds * spans_max as i64;
        self.rings[resolution].iter().filter(|point| point.time > oldest).copied().collect()
    }

    /// Events per second over the latest ten seconds that are over.
    pub fn events_per_second(&self, now_us: i64) -> f64 {
        const SECONDS: i64 = 10;
        let now = now_us.div_euclid(1_000_000);
        let latest = self.rings[0].iter().rev().take_while(|point| point.time >= now - SECONDS);
        latest.filter(|point| point.time < now).map(|point| point.events).sum::<u64>() as f64 / SECONDS as f64
    }

    /// Bits per event of the latest `count` minutes, the oldest first; nothing where no event came.
    pub fn trend(&self, now_us: i64, count: usize) -> Vec<Option<f32>> {
        let now = now_us.div_euclid(60_000_000);
        let mut trend = vec![None; count];
        for point in self.rings[1].iter().rev() {
            let back = now - point.time / 60;
            let Some(place) = usize::try_from(back).ok().filter(|back| *back < count) else { break };
            let bits = point.bits / point.events.max(1) as f64;
            // a trend is drawn: two digits are enough
            trend[count - 1 - place] = (point.events > 0).then_some(((bits * 100.0).round() / 100.0) as f32);
        }
        trend
    }

    /// Bits per event of the latest minute that had any; none if there was none.
    pub fn latest_bits(&self) -> Option<f64> {
        let latest = self.rings[1].iter().rev().find(|point| point.events > 0)?;
        Some(latest.bits / latest.events as f64)
    }

    /// Appends the encoded history.
    pub fn encode(&self, out: &mut Vec<u8>) {
        for (ring, resolution) in self.rings.iter().zip(RESOLUTIONS) {
            put_varint(out, ring.len() as u64);
            let mut before = 0;
            for point in ring {
                put_signed(out, point.time / resolution.span_seconds - before);
                before = point.time / resolution.span_seconds;
                put_varint(out, point.events);
                out.extend_from_slice(&(point.bits as f32).to_le_bytes());
                out.extend_from_slice(&(point.rarest as f32).to_le_bytes());
                put_varint(out, point.incidents);
                put_varint(out, point.distinct);
            }
        }
    }

    /// Reads a history that [`History::encode`] wrote.
    ///
    /// # Errors
    /// The bytes are damaged.
    pub fn decode(cursor: &mut Cursor<'_>) -> Result<History, Damaged> {
        let mut history = History::default();
        for (ring, resolution) in history.rings.iter_mut().zip(RESOLUTIONS) {
            let mut span = 0i64;
            for _ in 0..cursor.count("a history")? {
                span = span.wrapping_add(cursor.signed("a span's time")?);
                let time = span.checked_mul(resolution.span_seconds).ok_or(Damaged("a span's time"))?;
                let events = cursor.varint("a span's events")?;
                let bits = f64::from(f32::from_bits(cursor.u32("a span's bits")?));
                let rarest = f64::from(f32::from_bits(cursor.u32("a span's rarity")?));
                let incidents = cursor.varint("a span's incidents")?;
                let distinct = cursor.varint("a span's symbols")?;
                ring.push_back(HistoryPoint { time, events, bits, rarest, incidents, distinct });
            }
            let surplus = ring.len().saturating_sub(resolution.spans_max);
            ring.drain(..surplus);
        }
        Ok(history)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND_US: i64 = 1_000_000;

    fn sums(events: u64, bits: f64) -> BatchSums {
        BatchSums { events, bits, rarest: bits, incidents: 0 }
    }

    /// Three years of an event each minute: every ring is full, and no ring is fuller.
    #[test]
    fn years_take_as_much_memory_as_the_rings_have() {
        let mut history = History::default();
        let start = 1_700_000_000 * SECOND_US;
        let minutes = 3 * 366 * 24 * 60;
        for minute in 0..minutes {
            history.add(start + minute * 60 * SECOND_US, &sums(1, 2.0), Some(3));
        }
        let now = start + minutes * 60 * SECOND_US;
        for (i, resolution) in RESOLUTIONS.iter().enumerate() {
            let points = history.points(i, now);
            assert!(points.len() <= resolution.spans_max && history.rings[i].len() <= resolution.spans_max);
            assert!(i == 0 || points.len() + 1 >= resolution.spans_max, "{}: {}", resolution.name, points.len());
        }
        let day = &history.points(3, now)[100];
        assert_eq!((day.events, day.bits), (24 * 60, 2.0 * 24.0 * 60.0));
        let mut bytes = Vec::new();
        history.encode(&mut bytes);
        assert!(bytes.len() < 24 << 10, "{} bytes", bytes.len());
        assert_eq!(History::decode(&mut Cursor(&bytes)).unwrap(), history);
    }

    #[test]
    fn a_rate_is_of_the_seconds_that_are_over_and_a_trend_has_gaps() {
        let mut history = History::default();
        for second in 0..100 {
            history.add(second * SECOND_US + 7, &sums(50, 100.0), None);
        }
        assert_eq!(history.events_per_second(100 * SECOND_US), 50.0);
        assert_eq!(history.events_per_second(105 * SECOND_US), 25.0);
        assert_eq!(history.events_per_second(1_000 * SECOND_US), 0.0);
        assert_eq!(history.trend(190 * SECOND_US, 4), [Some(2.0), Some(2.0), None, None]);
        // a clock that was set back makes no span of its own
        history.add(5 * SECOND_US, &sums(1, 1.0), None);
        assert_eq!(history.points(0, 100 * SECOND_US).last().map(|point| (point.time, point.events)), Some((99, 51)));
    }
}
