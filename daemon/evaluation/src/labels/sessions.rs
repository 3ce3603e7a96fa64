//! Sessions that are known to be normal or anomalous, and how well the verdicts on sessions tell them apart.

use serde::Serialize;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use surmise_event::{Refusal, RefusalCode, SessionOutcome};
use surmise_recording::SourceError;

/// Which sessions are anomalous, by key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionLabels {
    anomalous: HashMap<String, bool>,
}

/// The most sessions at the beginning of a recording that an evaluation does not count; it leaves out a tenth at most.
const UNCOUNTED_MAX: u64 = 500;

impl SessionLabels {
    /// The file of labels of a recording: `NAME.labels.csv` beside `NAME`, with any other ending or none.
    pub fn beside(recording: &Path) -> PathBuf {
        recording.with_extension("labels.csv")
    }

    /// Whether a file begins as one of labels by session does.
    pub fn is_one(path: &Path) -> bool {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let head = text.trim_start_matches('\u{feff}').lines().next().unwrap_or_default();
        matches!(parse(head), Ok(Some(_)))
    }

    /// The labels of sessions whose keys are their numbers, from 0.
    pub(crate) fn numbered(anomalous: impl Iterator<Item = bool>) -> SessionLabels {
        let anomalous = anomalous.enumerate().map(|(number, anomalous)| (number.to_string(), anomalous));
        SessionLabels { anomalous: anomalous.collect() }
    }

    /// How many sessions at the beginning an evaluation passes over.
    pub fn uncounted(&self) -> u64 {
        (self.anomalous.len() as u64 / 10).min(UNCOUNTED_MAX)
    }

    /// Reads a CSV of `key,label`: a head whose second column is `label`, and a row for each key. A label is `1`,
    /// `true`, `yes`, `anomaly` or `anomalous`, or else `0`, `false`, `no` or `normal`, in small or large letters. The
    /// keys of a file of tokens are the numbers of its sessions, from 0. `None` if the file has no such head, as other
    /// files of labels have none.
    ///
    /// # Errors
    /// Names the file, the line and the reason.
    pub fn read(path: &Path) -> Result<Option<SessionLabels>, SourceError> {
        let file = path.display().to_string();
        let open = |error| SourceError::Open { file: file.clone(), error };
        let text = std::fs::read_to_string(path).map_err(open)?;
        let data = |line, refusal| SourceError::Data { file: file.clone(), line, refusal };
        parse(text.trim_start_matches('\u{feff}')).map_err(|(line, refusal)| data(line, refusal))
    }

    /// Whether a session is anomalous; `None` if the labels do not say.
    pub fn of(&self, key: &str) -> Option<bool> {
        self.anomalous.get(key).copied()
    }
}

fn parse(text: &str) -> Result<Option<SessionLabels>, (u64, Refusal)> {
    let head = text.lines().next().unwrap_or_default().to_lowercase();
    let mut cells = head.split(',').map(|c| c.trim().trim_matches('"'));
    if cells.next().is_none() || cells.next() != Some("label") {
        return Ok(None);
    }
    let mut rows = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(text.as_bytes());
    let mut labels = SessionLabels::default();
    for row in rows.records() {
        let row = row.map_err(|e| {
            let line = e.position().map_or(0, csv::Position::line);
            (line, Refusal::new(RefusalCode::BadUtf8, "key", e.to_string()))
        })?;
        let line = row.position().map_or(0, csv::Position::line);
        let (key, label) = (row.get(0).unwrap_or_default(), row.get(1).unwrap_or_default().to_lowercase());
        let anomalous = match label.as_str() {
            "1" | "true" | "yes" | "anomaly" | "anomalous" => true,
            "0" | "false" | "no" | "normal" => false,
            other => {
                let reason = format!("expected 0 or 1, normal or anomaly, got {other:?}");
                return Err((line, Refusal::new(RefusalCode::WrongType, "label", reason)));
            }
        };
        labels.anomalous.insert(key.to_owned(), anomalous);
    }
    Ok(Some(labels))
}

/// What the verdicts on sessions found of the anomalous ones.
///
/// A session whose anomaly score is at least `threshold` is an alarm; the threshold is the one with the best F1.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct SessionLabelsResult {
    /// Sessions that have a label and count.
    pub sessions: u64,
    /// Those of them that are anomalous.
    pub anomalous: u64,
    /// The average precision: the mean over anomalous sessions of the precision at their score.
    pub average_precision: Option<f64>,
    /// The best harmonic mean of precision and recall over all thresholds.
    pub f1: Option<f64>,
    /// Anomalous sessions of all alarms at that threshold.
    pub precision: Option<f64>,
    /// Alarms of all anomalous sessions at that threshold.
    pub recall: Option<f64>,
    /// That threshold.
    pub threshold: Option<f64>,
    /// What simple scores of the same sessions reach.
    pub baselines: Vec<SessionBaseline>,
}

/// What a simple score of sessions reaches.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SessionBaseline {
    /// The score: `surprise`, the bits of all events; `rare length`, how few earlier sessions were as long.
    pub name: &'static str,
    /// The average precision.
    pub average_precision: Option<f64>,
    /// The best F1.
    pub f1: Option<f64>,
}

impl SessionLabelsResult {
    /// The result for the scores of sessions, each with whether it is anomalous. Sessions of equal scores are alarms
    /// together or not at all.
    pub fn of(scored: &[(f64, bool)]) -> SessionLabelsResult {
        let mut scored = scored.to_vec();
        scored.sort_by(|a, b| b.0.total_cmp(&a.0));
        let anomalous = scored.iter().filter(|(_, anomalous)| *anomalous).count();
        let mut result = SessionLabelsResult {
            sessions: scored.len() as u64,
            anomalous: anomalous as u64,
            ..SessionLabelsResult::default()
        };
        if anomalous == 0 {
            return result;
        }
        let (mut alarms, mut found, mut average) = (0, 0, 0.0);
        for equal in scored.chunk_by(|a, b| a.0 == b.0) {
            let more = equal.iter().filter(|(_, anomalous)| *anomalous).count();
            (alarms, found) = (alarms + equal.len(), found + more);
            let (precision, recall) = (found as f64 / alarms as f64, found as f64 / anomalous as f64);
            average += precision * more as f64 / anomalous as f64;
            let f1 = 2.0 * found as f64 / (alarms + anomalous) as f64;
            if found > 0 && result.f1.is_none_or(|best| f1 > best) {
                (result.f1, result.precision, result.recall) = (Some(f1), Some(precision), Some(recall));
                result.threshold = Some(equal[0].0);
            }
        }
        result.average_precision = Some(average);
        result
    }
}

/// Gathers the verdicts on sessions as they come.
#[derive(Debug)]
pub(crate) struct SessionLabelCollector {
    labels: SessionLabels,
    /// Sessions that are still not to be counted.
    unscored: u64,
    scored: Vec<(f64, bool)>,
    /// The same for each of [`BASELINES`].
    simple: [Vec<(f64, bool)>; 2],
    /// Sessions so far by their length.
    lengths: HashMap<u64, u64>,
}

/// The simple scores of sessions.
const BASELINES: [&str; 2] = ["surprise", "rare length"];

impl SessionLabelCollector {
    /// A collector that passes over the first `unscored` sessions.
    pub(crate) fn new(labels: SessionLabels, unscored: u64) -> SessionLabelCollector {
        let (scored, simple, lengths) = (Vec::new(), <[_; 2]>::default(), HashMap::new());
        SessionLabelCollector { labels, unscored, scored, simple, lengths }
    }

    /// Adds a session that is over.
    pub(crate) fn add(&mut self, session: &SessionOutcome) {
        let as_long = self.lengths.entry(session.events).or_insert(0);
        *as_long += 1;
        let rare = 1.0 / *as_long as f64;
        if self.unscored > 0 {
            self.unscored -= 1;
        } else if let Some(anomalous) = self.labels.of(session.key.as_deref().unwrap_or_default()) {
            self.scored.push((session.anomaly_score, anomalous));
            for (scored, score) in self.simple.iter_mut().zip([session.surprise_bits, rare]) {
                scored.push((score, anomalous));
            }
        }
    }

    pub(crate) fn finish(self) -> SessionLabelsResult {
        let simple = BASELINES.into_iter().zip(&self.simple).map(|(name, scored)| {
            let SessionLabelsResult { average_precision, f1, .. } = SessionLabelsResult::of(scored);
            SessionBaseline { name, average_precision, f1 }
        });
        SessionLabelsResult { baselines: simple.collect(), ..SessionLabelsResult::of(&self.scored) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_are_those_of_the_definitions() {
        let scored = [(0.9, true), (0.8, false), (0.7, true), (0.6, false), (0.6, true), (0.1, false)];
        let r = SessionLabelsResult::of(&scored);
        // precisions at the anomalous ones: 1/1, 2/3, and 3/5 with the one of equal score
        assert!((r.average_precision.unwrap() - (1.0 + 2.0 / 3.0 + 0.6) / 3.0).abs() < 1e-12);
        assert_eq!((r.sessions, r.anomalous, r.threshold), (6, 3, Some(0.6)));
        assert_eq!((r.precision, r.recall, r.f1), (Some(0.6), Some(1.0), Some(0.75)));
        let none = SessionLabelsResult::of(&[(0.5, false)]);
        assert_eq!((none.sessions, none.f1, none.average_precision), (1, None, None));
    }

    #[test]
    fn labels_are_read_by_key() {
        let labels = parse("BlockId,Label\nblk_1,Normal\n\"blk_2\",Anomaly\nblk_3,1\n").unwrap().unwrap();
        assert_eq!(
            ["blk_1", "blk_2", "blk_3", "blk_4"].map(|k| labels.of(k)),
            [Some(false), Some(true), Some(true), None]
        );
        assert_eq!(parse("start,end\n1,2\n").unwrap(), None);
        assert_eq!(parse("").unwrap(), None);
        let (line, refusal) = parse("key,label\na,0\nb,maybe\n").unwrap_err();
        assert!(line == 3 && refusal.to_string().contains("maybe"), "{line} {refusal}");
    }

    #[test]
    fn the_first_sessions_are_passed_over() {
        let labels = parse("session,label\n0,1\n1,0\n2,1\n3,0\n").unwrap().unwrap();
        let mut collector = SessionLabelCollector::new(labels, 2);
        for (key, score, events) in [("0", 0.0, 4), ("1", 1.0, 4), ("2", 0.8, 4), ("9", 0.9, 4), ("3", 0.2, 9)] {
            let surprise_bits = score * 10.0;
            collector.add(&SessionOutcome {
                key: Some(key.into()),
                first_offset: 0,
                last_offset: 3,
                events,
                surprise_bits,
                anomaly_score: score,
                rarity_sessions: 1.0,
                ..SessionOutcome::default()
            });
        }
        let r = collector.finish();
        assert_eq!((r.sessions, r.anomalous, r.f1), (2, 1, Some(1.0)));
        let precision: Vec<_> = r.baselines.iter().map(|b| (b.name, b.average_precision)).collect();
        assert_eq!(precision, [("surprise", Some(1.0)), ("rare length", Some(0.5))]);
    }
}
