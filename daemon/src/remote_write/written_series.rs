//! The series that Prometheus writes: which are learnt and as what, and what each had last.
//!
//! The table is in memory alone, and is no record of what was learnt: that is in the log, where every series is a
//! producer that numbers its events by their times. What is lost with the table are the values that the increases of
//! counters are reckoned from, so a counter's first sample after a start is not learnt.

use super::message::SentSeries;
use rustc_hash::FxHashMap;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use surmise_config::RemoteWriteSource;

/// How far a series may be behind the others until its place is given to a new one, in milliseconds.
const SILENT_MS_MAX: i64 = 3_600_000;

/// The identity of a series: 128 bits of a hash of all its labels, whichever of them its key has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SeriesId(u128);

impl SeriesId {
    /// The identity of a series, whatever the order of its labels.
    pub fn of(series: &SentSeries) -> SeriesId {
        let mut labels: Vec<_> = series.labels.iter().collect();
        labels.sort_unstable();
        let mut hash = Sha256::new();
        for text in labels.iter().flat_map(|label| [&label.name, &label.value]) {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text);
        }
        SeriesId(hash.finalize().iter().take(16).fold(0, |number, byte| number << 8 | u128::from(*byte)))
    }

    /// The producer that the series is.
    pub fn producer(self) -> Arc<str> {
        format!("remote_write/{:032x}", self.0).into()
    }
}

/// The key of a series: the labels that it has, as a query would have them.
pub fn key_of(series: &SentSeries, source: &RemoteWriteSource) -> Option<Box<str>> {
    let labels: Vec<String> = series
        .others()
        .filter(|label| source.is_of_key(&label.name))
        .map(|label| format!("{}={:?}", label.name, label.value))
        .collect();
    (!labels.is_empty()).then(|| format!("{{{}}}", labels.join(",")).into())
}

/// The latest sample of a series that is in the log, or needs not be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LatestSample {
    /// Its time, in milliseconds since 1970.
    pub time_ms: i64,
    /// Its value.
    pub value: f64,
}

impl LatestSample {
    /// By how much a counter rose in a second up to a later sample. A counter that is lower than it was began anew.
    pub fn rate(self, later: LatestSample) -> f64 {
        let seconds = (later.time_ms - self.time_ms) as f64 / 1000.0;
        let rise = if later.value < self.value { later.value } else { later.value - self.value };
        rise / seconds
    }
}

/// The latest samples of all series.
#[derive(Default)]
pub struct WrittenSeries(FxHashMap<SeriesId, Option<LatestSample>>);

impl WrittenSeries {
    /// The latest sample of a series, if it has a place in the table, or gets one.
    pub fn latest(&mut self, id: SeriesId, series_max: usize) -> Option<Option<LatestSample>> {
        if let Some(latest) = self.0.get(&id) {
            return Some(*latest);
        }
        if self.0.len() >= series_max {
            return None;
        }
        self.0.insert(id, None);
        Some(None)
    }

    /// Takes their places from series that have been silent for long at a time in milliseconds since 1970. This looks
    /// at the whole table, so it is done once a request.
    pub fn sweep(&mut self, now_ms: i64) {
        let heard_ms = now_ms.saturating_sub(SILENT_MS_MAX);
        self.0.retain(|_, latest| latest.is_none_or(|latest| latest.time_ms >= heard_ms));
    }

    /// Notes a sample of a series, unless there is a later one.
    pub fn note(&mut self, id: SeriesId, sample: LatestSample) {
        if let Some(latest) = self.0.get_mut(&id)
            && latest.is_none_or(|latest| latest.time_ms < sample.time_ms)
        {
            *latest = Some(sample);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remote_write::message::Label;

    fn series(labels: &[(&str, &str)]) -> SentSeries {
        let label = |(name, value): &(&str, &str)| Label { name: (*name).into(), value: (*value).into() };
        SentSeries { labels: labels.iter().map(label).collect(), ..SentSeries::default() }
    }

    #[test]
    fn a_series_is_its_labels() {
        let a = series(&[("__name__", "up"), ("job", "x"), ("instance", "h:1")]);
        let b = series(&[("instance", "h:1"), ("job", "x"), ("__name__", "up")]);
        assert_eq!(SeriesId::of(&a), SeriesId::of(&b));
        assert_ne!(SeriesId::of(&a), SeriesId::of(&series(&[("__name__", "up"), ("job", "xinstanceh:1")])));
        assert!(SeriesId::of(&a).producer().starts_with("remote_write/"));
        let mut source = RemoteWriteSource::default();
        assert_eq!(key_of(&a, &source).as_deref(), Some(r#"{job="x",instance="h:1"}"#));
        source.labels = vec!["job".into()];
        assert_eq!(key_of(&a, &source).as_deref(), Some(r#"{job="x"}"#));
        assert_eq!(key_of(&series(&[("__name__", "up")]), &source), None);
    }

    #[test]
    fn a_rate_is_the_rise_in_a_second_and_a_restart_begins_at_nothing() {
        let at = |time_ms, value| LatestSample { time_ms, value };
        assert_eq!(at(1000, 10.0).rate(at(3000, 40.0)), 15.0);
        assert_eq!(at(1000, 10.0).rate(at(3000, 4.0)), 2.0);
    }

    #[test]
    fn the_table_is_bounded_and_gives_the_place_of_a_silent_series_away() {
        let mut table = WrittenSeries::default();
        let [a, b, c] = [1, 2, 3].map(SeriesId);
        assert_eq!(table.latest(a, 2), Some(None));
        table.note(a, LatestSample { time_ms: 5, value: 1.0 });
        table.note(a, LatestSample { time_ms: 4, value: 2.0 });
        assert_eq!(table.latest(a, 2), Some(Some(LatestSample { time_ms: 5, value: 1.0 })));
        assert_eq!(table.latest(b, 2), Some(None));
        table.note(b, LatestSample { time_ms: SILENT_MS_MAX, value: 0.0 });
        for (now_ms, has_place) in [(i64::MIN, false), (5 + SILENT_MS_MAX, false), (6 + SILENT_MS_MAX, true)] {
            table.sweep(now_ms);
            assert_eq!(table.latest(c, 2), has_place.then_some(None), "{now_ms}");
        }
        assert!(table.latest(a, 3).is_some_and(|latest| latest.is_none()));
    }
}
