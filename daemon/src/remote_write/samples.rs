//! From the samples of a request to the events of streams.

use super::message::{Sample, WriteRequest};
use super::written_series::{LatestSample, SeriesId, WrittenSeries, key_of};
use rustc_hash::FxHashMap;
use std::sync::Arc;
use surmise_config::RemoteWriteSource;

/// A sample that is to be learnt.
#[derive(Clone, Debug, PartialEq)]
pub struct SampleEvent {
    /// Its time, in milliseconds since 1970, which is its number among those of its series.
    pub time_ms: u64,
    /// The value that is learnt.
    pub value: f64,
    /// The key of its series.
    pub key: Option<Box<str>>,
    /// The producer that its series is.
    pub producer: Arc<str>,
}

/// How many samples of a request are not learnt, by why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PassedOver {
    /// Their metrics are none that the configuration names.
    pub unselected: u64,
    /// They are not later than the one before of their series: they were sent before, or are out of order.
    pub repeated: u64,
    /// They are no number, say that their series has ended, or are histograms.
    pub no_number: u64,
    /// They are the first of a counter.
    pub first: u64,
    /// There are as many streams or series as there may be.
    pub beyond: u64,
}

/// The samples of a request, by stream.
#[derive(Debug, Default)]
pub struct SortedSamples {
    /// The samples of each stream, in the order of their times.
    pub streams: Vec<(Arc<str>, Vec<SampleEvent>)>,
    /// Those that are not learnt.
    pub passed_over: PassedOver,
    /// The latest sample of each series, for the table once all are durable.
    pub latest: Vec<(SeriesId, LatestSample)>,
}

impl SortedSamples {
    /// Sorts the samples of a request. `may_be_stream` says whether there is, or may be, a stream of a name.
    pub fn of(
        request: &WriteRequest,
        source: &RemoteWriteSource,
        table: &mut WrittenSeries,
        mut may_be_stream: impl FnMut(&str) -> bool,
    ) -> SortedSamples {
        let mut sorted = SortedSamples::default();
        let mut places: FxHashMap<String, usize> = FxHashMap::default();
        let mut is_swept = false;
        let times = request.series.iter().flat_map(|series| &series.samples).map(|sample| sample.time_ms);
        let newest_ms = times.max().unwrap_or_default();
        for series in &request.series {
            let passed_over = &mut sorted.passed_over;
            let count = series.samples.len() as u64;
            passed_over.no_number += series.histograms.len() as u64;
            let Some(metric) = series.metric().filter(|metric| source.takes(metric)) else {
                passed_over.unselected += count;
                continue;
            };
            let (stream, id) = (format!("{}{metric}", source.prefix), SeriesId::of(series));
            let mut place = may_be_stream(&stream).then(|| table.latest(id, source.series_max));
            if place == Some(None) && !std::mem::replace(&mut is_swept, true) {
                table.sweep(newest_ms);
                place = Some(table.latest(id, source.series_max));
            }
            let Some(latest) = place.flatten() else {
                passed_over.beyond += count;
                continue;
            };
            let (events, last) = learnt(&series.samples, latest, source.is_rate(metric), passed_over);
            sorted.latest.extend(last.map(|last| (id, last)));
            if events.is_empty() {
                continue;
            }
            let place = *places.entry(stream).or_insert_with_key(|stream| {
                sorted.streams.push((stream.as_str().into(), Vec::new()));
                sorted.streams.len() - 1
            });
            let (key, producer) = (key_of(series, source), id.producer());
            let event = |(time_ms, value)| SampleEvent { time_ms, value, key: key.clone(), producer: producer.clone() };
            sorted.streams[place].1.extend(events.into_iter().map(event));
        }
        sorted.streams.iter_mut().for_each(|(_, events)| events.sort_by_key(|event| event.time_ms));
        sorted
    }
}

/// The times and values of a series that are learnt, and its latest sample.
fn learnt(
    samples: &[Sample],
    mut latest: Option<LatestSample>,
    is_rate: bool,
    passed_over: &mut PassedOver,
) -> (Vec<(u64, f64)>, Option<LatestSample>) {
    let mut samples = samples.to_vec();
    samples.sort_by_key(|sample| sample.time_ms);
    let mut events = Vec::with_capacity(samples.len());
    for Sample { value, time_ms } in samples {
        let Ok(number) = u64::try_from(time_ms) else {
            passed_over.no_number += 1;
            continue;
        };
        if !value.is_finite() {
            passed_over.no_number += 1;
            continue;
        }
        if latest.is_some_and(|latest| time_ms <= latest.time_ms) {
            passed_over.repeated += 1;
            continue;
        }
        let now = LatestSample { time_ms, value };
        let before = latest.replace(now);
        match (is_rate, before) {
            (false, _) => events.push((number, value)),
            (true, Some(before)) if before.rate(now).is_finite() => events.push((number, before.rate(now))),
            (true, Some(_)) => passed_over.no_number += 1,
            (true, None) => passed_over.first += 1,
        }
    }
    (events, latest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remote_write::message::{Label, SentSeries};

    fn series(metric: &str, job: &str, samples: &[(i64, f64)]) -> SentSeries {
        let label = |name: &str, value: &str| Label { name: name.into(), value: value.into() };
        let samples = samples.iter().map(|(time_ms, value)| Sample { value: *value, time_ms: *time_ms }).collect();
        SentSeries { labels: vec![label("__name__", metric), label("job", job)], samples, histograms: Vec::new() }
    }

    fn source() -> RemoteWriteSource {
        let metrics = vec!["up".into(), "hits_*".into()];
        RemoteWriteSource { metrics, series_max: 3, ..RemoteWriteSource::default() }
    }

    fn values(sorted: &SortedSamples) -> Vec<(&str, Vec<(u64, f64)>)> {
        let events = |events: &[SampleEvent]| events.iter().map(|event| (event.time_ms, event.value)).collect();
        sorted.streams.iter().map(|(stream, list)| (&**stream, events(list))).collect()
    }

    #[test]
    fn samples_of_a_stream_come_in_the_order_of_their_times() {
        let stale = f64::from_bits(0x7ff0_0000_0000_0002);
        let mut table = WrittenSeries::default();
        let sent = WriteRequest {
            series: vec![
                series("up", "a", &[(2, 1.0), (1, 0.0), (2, 5.0)]),
                series("up", "b", &[(1, 1.0), (3, stale), (4, f64::NAN), (-5, 1.0)]),
                series("down", "a", &[(1, 1.0)]),
            ],
        };
        let sorted = SortedSamples::of(&sent, &source(), &mut table, |_| true);
        assert_eq!(values(&sorted), [("prometheus-up", vec![(1, 0.0), (1, 1.0), (2, 1.0)])]);
        let passed_over = PassedOver { unselected: 1, repeated: 1, no_number: 3, ..PassedOver::default() };
        assert_eq!(sorted.passed_over, passed_over);
        assert_eq!(sorted.streams[0].1[0].key.as_deref(), Some("{job=\"a\"}"));
        // what is not noted is not durable, and is the same when it is sent again
        assert_eq!(values(&SortedSamples::of(&sent, &source(), &mut table, |_| true)), values(&sorted));
        sorted.latest.iter().for_each(|(id, latest)| table.note(*id, *latest));
        let again = SortedSamples::of(&sent, &source(), &mut table, |_| true);
        assert_eq!((values(&again), again.passed_over.repeated), (vec![], 4));
    }

    #[test]
    fn counters_are_rates_and_bounds_hold() {
        let mut table = WrittenSeries::default();
        let sent = WriteRequest { series: vec![series("hits_total", "a", &[(1000, 5.0), (3000, 9.0), (4000, 1.0)])] };
        let sorted = SortedSamples::of(&sent, &source(), &mut table, |_| true);
        assert_eq!(values(&sorted), [("prometheus-hits_total", vec![(3000, 2.0), (4000, 1.0)])]);
        assert_eq!(sorted.passed_over, PassedOver { first: 1, ..PassedOver::default() });
        let many = WriteRequest { series: ["b", "c", "d"].map(|job| series("up", job, &[(9, 1.0)])).to_vec() };
        let sorted = SortedSamples::of(&many, &source(), &mut table, |_| true);
        assert_eq!((sorted.streams[0].1.len(), sorted.passed_over.beyond), (2, 1));
        let sorted = SortedSamples::of(&many, &source(), &mut WrittenSeries::default(), |_| false);
        assert_eq!((sorted.streams.len(), sorted.passed_over.beyond), (0, 3));
    }
}
