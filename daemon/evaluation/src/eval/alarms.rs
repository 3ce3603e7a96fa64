//! How well alarms found known anomalies, over all recordings of a stream: the learner's and those of simple detectors.

use super::compare::Compared;
use super::files::FileSplit;
use super::parts::{ComparedParts, HeldOut};
use crate::baseline::{Measure, Score, detectors};
use crate::error::LabelsError;
use crate::labels::{JudgedAlarms, Labels, LabelsResult, NabProfile};
use std::collections::BTreeMap;

/// The rows of one recording: their times, and the learner's scores or the values that detectors score.
pub(super) struct AlarmRows<'a> {
    pub(super) file: &'a str,
    /// Time and anomaly score of every row.
    pub(super) scores: &'a [(i64, f64)],
    /// Time and value of every row.
    pub(super) values: &'a [(i64, f64)],
}

const PROFILES: [(Measure, NabProfile); 3] = [
    (Measure::Nab, NabProfile::STANDARD),
    (Measure::NabLowFp, NabProfile::REWARD_LOW_FP),
    (Measure::NabLowFn, NabProfile::REWARD_LOW_FN),
];

/// The scores of the Numenta Anomaly Benchmark over all recordings. Windows of recordings that could not be read,
/// `faulty`, count as missed by everybody.
pub(super) fn score_alarms(
    labels: &Labels,
    recordings: &[AlarmRows<'_>],
    faulty: &[&str],
    split: &FileSplit,
) -> Result<(LabelsResult, Vec<Compared>), LabelsError> {
    let judge = |of: &dyn Fn(&AlarmRows<'_>) -> Vec<(i64, f64)>| {
        let rows: Vec<(&str, Vec<(i64, f64)>)> = recordings.iter().map(|r| (r.file, of(r))).collect();
        JudgedAlarms::of(labels, &rows, faulty)
    };
    let ours = judge(&|r| r.scores.to_vec())?;
    // by detector, the scores of each recording
    let mut detected: BTreeMap<&'static str, Vec<Vec<f64>>> = BTreeMap::new();
    for recording in recordings {
        for (name, scores) in detectors(&recording.values.iter().map(|row| row.1).collect::<Vec<_>>()) {
            detected.entry(name).or_default().push(scores);
        }
    }
    let mut theirs: Vec<(&'static str, JudgedAlarms)> = Vec::new();
    for (name, scores) in detected {
        let rows = recordings.iter().zip(scores).map(|(r, scores)| {
            let times = r.values.iter().map(|row| row.0);
            (r.file, times.zip(scores).collect::<Vec<(i64, f64)>>())
        });
        theirs.push((name, JudgedAlarms::of(labels, &rows.collect::<Vec<_>>(), faulty)?));
    }
    let compared =
        PROFILES.into_iter().filter_map(|(measure, profile)| compared(measure, profile, &ours, &theirs, split));
    let compared = compared.collect();
    Ok((ours.result(), compared))
}

/// One profile's scores.
fn compared(
    measure: Measure,
    profile: NabProfile,
    ours: &JudgedAlarms,
    theirs: &[(&'static str, JudgedAlarms)],
    split: &FileSplit,
) -> Option<Compared> {
    let all = |_: usize| true;
    let value = |judged: &JudgedAlarms| {
        let threshold = judged.best_threshold(profile, all);
        judged.score(profile, threshold, all)
    };
    let shares = |judged: &JudgedAlarms| judged.shares(profile, judged.best_threshold(profile, all));
    let scores = theirs.iter().filter_map(|(name, judged)| Some(Score::new(measure, (*name).into(), value(judged)?)));
    let mut compared = Compared::new("", measure, value(ours)?, scores.collect());
    let parts = ComparedParts {
        of: "files",
        weights: ours.window_shares(),
        surmise: shares(ours),
        baselines: theirs.iter().map(|(name, judged)| ((*name).to_owned(), shares(judged))).collect(),
        held_out: split.held_out.clone(),
        split: split.words.clone(),
    };
    compared = compared.with_parts(Some(&parts));
    // thresholds were chosen with the baseline: on the same recordings
    compared.held_out = held_out(measure, profile, ours, theirs, split);
    Some(compared)
}

/// The scores on recordings that are held out, at the thresholds that were best on the others.
fn held_out(
    measure: Measure,
    profile: NabProfile,
    ours: &JudgedAlarms,
    theirs: &[(&'static str, JudgedAlarms)],
    split: &FileSplit,
) -> Option<HeldOut> {
    let held_out = |file: usize| split.held_out.get(file).copied().unwrap_or(false);
    let known = |file: usize| !held_out(file);
    let both = |judged: &JudgedAlarms| {
        let threshold = judged.best_threshold(profile, known);
        Some((judged.score(profile, threshold, known)?, judged.score(profile, threshold, held_out)?))
    };
    let found = theirs.iter().filter_map(|(name, judged)| Some((*name, both(judged)?)));
    let (baseline, (_, value)) = found.max_by(|a, b| a.1.0.total_cmp(&b.1.0))?;
    let surmise = both(ours)?.1;
    let [chosen_on, reported_on] = split.words.clone();
    let skill = measure.skill(surmise, value);
    Some(HeldOut { chosen_on, reported_on, baseline: baseline.into(), surmise, value, skill })
}
