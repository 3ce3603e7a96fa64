//! What anomaly scores found of the known anomalies.

use super::nab::{NabProfile, RowPlace, ScoredRows};
use super::{AnomalyWindow, Labels};
use crate::error::LabelsError;
use serde::Serialize;
use std::sync::Arc;

/// What anomaly scores found of the known anomalies.
///
/// An event whose score is at least `threshold` is an alarm; the threshold is the one that is best for the standard
/// NAB score over all files together. Events in the probation of a file (its first 15 %, at most 750) do not count.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct LabelsResult {
    /// Windows that hold a known anomaly and an event that counts.
    pub windows: u64,
    /// Windows with at least one alarm.
    pub detected: u64,
    /// Alarms outside of all windows, each by itself.
    pub false_alarms: u64,
    /// Windows detected of windows detected and false alarms.
    pub precision: Option<f64>,
    /// Windows detected of all windows.
    pub recall: Option<f64>,
    /// The harmonic mean of precision and recall.
    pub f1: Option<f64>,
    /// Events from the first one of a window to its first alarm, over windows detected.
    pub mean_delay_rows: Option<f64>,
    /// Seconds from the first event of a window to its first alarm, over windows detected.
    pub mean_delay_seconds: Option<f64>,
    /// The score of the Numenta Anomaly Benchmark, normalised over the files given.
    pub nab: NabScores,
    /// From which score an event counts as an alarm; none, if no alarms at all are the best.
    pub threshold: Option<f64>,
}

/// NAB's three profiles, each at its best threshold. None without windows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct NabScores {
    /// False alarms and misses weigh alike.
    pub standard: Option<f64>,
    /// False alarms weigh twice as much.
    pub reward_low_fp: Option<f64>,
    /// Misses weigh twice as much.
    pub reward_low_fn: Option<f64>,
}

impl Labels {
    /// Scores files, each a stream of its own with its name, the times of its events in microseconds since 1970 and
    /// their anomaly scores; one threshold for all.
    ///
    /// # Errors
    /// There are no windows for a file.
    pub fn score_files(&self, files: &[(&str, &[i64], &[f64])]) -> Result<LabelsResult, LabelsError> {
        let mut rows = ScoredRows::default();
        for (name, times, scores) in files {
            rows.add(times, scores, self.of(name)?);
        }
        Ok(LabelsResult::of(rows))
    }
}

impl LabelsResult {
    fn of(mut rows: ScoredRows) -> LabelsResult {
        rows.sort();
        LabelsResult::of_sorted(&rows)
    }

    pub(super) fn of_sorted(rows: &ScoredRows) -> LabelsResult {
        let (standard, threshold) = rows.best(NabProfile::STANDARD);
        let nab = NabScores {
            standard,
            reward_low_fp: rows.best(NabProfile::REWARD_LOW_FP).0,
            reward_low_fn: rows.best(NabProfile::REWARD_LOW_FN).0,
        };
        let mut first: Vec<Option<(u64, i64)>> = vec![None; rows.windows];
        let mut false_alarms = 0;
        for row in rows.rows.iter().take_while(|r| threshold.is_some_and(|t| r.score >= t)) {
            match row.place {
                RowPlace::Outside => false_alarms += 1,
                RowPlace::Within(w) => first[w] = Some(first[w].map_or(row.delay, |f| f.min(row.delay))),
            }
        }
        let windows = rows.windows as u64;
        let delays: Vec<(u64, i64)> = first.into_iter().flatten().collect();
        let detected = delays.len() as u64;
        let share = |a: u64, b: u64| (b > 0).then(|| a as f64 / b as f64);
        let mean = |sum: f64| (detected > 0).then(|| sum / detected as f64);
        LabelsResult {
            windows,
            detected,
            false_alarms,
            precision: share(detected, detected + false_alarms),
            recall: share(detected, windows),
            f1: share(2 * detected, windows + detected + false_alarms),
            mean_delay_rows: mean(delays.iter().map(|d| d.0 as f64).sum()),
            mean_delay_seconds: mean(delays.iter().map(|d| d.1 as f64 / 1e6).sum()),
            nab,
            threshold,
        }
    }
}

/// Gathers scores that come one event at a time, file by file, and scores them at the end.
#[derive(Debug)]
pub(crate) struct LabelCollector {
    labels: Labels,
    rows: ScoredRows,
    file: Option<Arc<str>>,
    windows: Vec<AnomalyWindow>,
    times: Vec<i64>,
    scores: Vec<f64>,
}

impl LabelCollector {
    pub(crate) fn new(labels: Labels) -> LabelCollector {
        LabelCollector {
            labels,
            rows: ScoredRows::default(),
            file: None,
            windows: Vec::new(),
            times: Vec::new(),
            scores: Vec::new(),
        }
    }

    /// Adds an event of a file. Where a record holds several events, they share its score.
    pub(crate) fn add(&mut self, file: &Arc<str>, time_us: Option<i64>, score: f64) -> Result<(), LabelsError> {
        if self.file.as_ref() != Some(file) {
            self.close();
            self.windows = self.labels.of(file)?.to_vec();
            self.file = Some(file.clone());
        }
        let Some(time) = time_us.or_else(|| self.times.last().copied()) else {
            return Err(LabelsError::NoTime(file.to_string()));
        };
        self.times.push(time);
        self.scores.push(score);
        Ok(())
    }

    fn close(&mut self) {
        self.rows.add(&self.times, &self.scores, &self.windows);
        self.times.clear();
        self.scores.clear();
    }

    pub(crate) fn finish(mut self) -> LabelsResult {
        self.close();
        LabelsResult::of(self.rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    const SECOND: i64 = 1_000_000;

    fn times() -> Vec<i64> {
        (0..100).map(|i| i * 60 * SECOND).collect()
    }

    fn scores(at: &[usize]) -> Vec<f64> {
        (0..100).map(|i| if at.contains(&i) { 0.8 } else { 0.2 }).collect()
    }

    fn minutes(a: i64, b: i64) -> AnomalyWindow {
        AnomalyWindow { start_us: a * 60 * SECOND, end_us: b * 60 * SECOND }
    }

    #[test]
    fn windows_alarms_and_delays_are_counted() {
        let labels = Labels::All(vec![minutes(30, 39), minutes(60, 69), minutes(80, 89)]);
        let r = labels.score_files(&[("a", &times(), &scores(&[2, 20, 32, 33, 64]))]).unwrap();
        assert_eq!((r.windows, r.detected, r.false_alarms, r.threshold), (3, 2, 1, Some(0.8)));
        assert_eq!((r.precision, r.recall, r.f1), (Some(2.0 / 3.0), Some(2.0 / 3.0), Some(2.0 / 3.0)));
        assert_eq!((r.mean_delay_rows, r.mean_delay_seconds), (Some(3.0), Some(180.0)));
        let json = serde_json::to_value(&r).unwrap();
        assert!(json["nab"]["reward_low_fn"].as_f64().unwrap() > 0.0);
        // two files: the sums of both
        let (t, s) = (times(), scores(&[2, 20, 32, 33, 64]));
        let two = labels.score_files(&[("a", &t, &s), ("b", &t, &s)]).unwrap();
        assert_eq!((two.windows, two.detected, two.false_alarms), (6, 4, 2));
        assert!((two.nab.standard.unwrap() - r.nab.standard.unwrap()).abs() < 1e-9);
    }

    #[test]
    fn nothing_to_find_and_nothing_found() {
        let r = Labels::All(vec![]).score_files(&[("a", &times(), &scores(&[50]))]).unwrap();
        assert_eq!(r, LabelsResult::default());
        let r = Labels::All(vec![minutes(30, 39)]).score_files(&[("a", &times(), &[0.5; 100])]).unwrap();
        assert_eq!((r.windows, r.detected, r.recall, r.precision), (1, 0, Some(0.0), None));
        assert_eq!((r.nab.standard, r.threshold), (Some(0.0), None));
        assert!(serde_json::to_value(&r).unwrap()["threshold"].is_null());
    }

    #[test]
    fn collected_events_score_as_files_do() {
        let by_file: BTreeMap<String, Vec<AnomalyWindow>> =
            [("a".to_owned(), vec![minutes(30, 39)]), ("b".to_owned(), vec![minutes(50, 59)])].into();
        let labels = Labels::ByFile(by_file);
        let (t, s) = (times(), scores(&[31, 52]));
        let want = labels.score_files(&[("a", &t, &s), ("b", &t, &s)]).unwrap();
        let mut c = LabelCollector::new(labels.clone());
        for file in ["a", "b"].map(Arc::<str>::from) {
            t.iter().zip(&s).for_each(|(t, s)| c.add(&file, Some(*t), *s).unwrap());
        }
        assert_eq!(c.finish(), want);
        let mut c = LabelCollector::new(labels);
        assert!(c.add(&"a".into(), None, 0.5).unwrap_err().to_string().contains("--time"));
        assert!(c.add(&"z".into(), Some(0), 0.5).unwrap_err().to_string().contains("no windows"));
    }
}
