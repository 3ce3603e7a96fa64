//! The evaluation of one stream.

use super::compare::{Compared, average, compare};
use super::find::RecordedStream;
use super::recording::{ReplayedRecording, StreamFault, replay_recording};
use crate::baseline::{Measure, Score, baselines, detectors};
use crate::error::{LabelsError, ReplayError};
use crate::labels::{Labels, LabelsResult};
use crate::replay::ReplayProgress;
use crate::result::ReplayResult;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;
use surmise_learner::Options;
use surmise_recording::{Format, Source};

/// How far an evaluation has come.
#[derive(Clone, Copy, Debug)]
pub enum EvalStage<'a> {
    /// The learner goes over a recording.
    Replay(&'a ReplayProgress),
    /// The baselines go over it.
    Baselines(&'a ReplayProgress),
}

/// One row of the table: what was found of one stream.
#[derive(Debug, Serialize)]
pub struct Evaluation {
    /// The name of the stream in tables.
    pub title: String,
    /// The stream's recordings.
    pub files: Vec<String>,
    /// The format of the recordings.
    pub format: Format,
    /// Events that were learnt.
    pub events: u64,
    /// Events that the measures count.
    pub events_scored: u64,
    /// All bits over all events that count.
    pub bits_per_event: f64,
    /// Each measure, with the values of the learner and of the baselines.
    pub measures: Vec<Compared>,
    /// Cumulative loss minus that of the learner's own best expert, in bits.
    pub regret_bits: f64,
    /// What the regret cannot exceed.
    pub regret_bound_bits: f64,
    /// Whether the regret is within its bound for every recording.
    pub within_bound: bool,
    /// Processor time of the learner.
    pub cpu_seconds: f64,
    /// Events learnt per second of processor time.
    pub events_per_second: f64,
    /// Size of the learner's state at the end; the largest, if there are several recordings.
    pub state_bytes: u64,
    /// The hash of the state at the end, one a recording.
    pub state_hashes: Vec<String>,
    /// Steps of the forecast, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub horizon: Option<u32>,
    /// How well anomaly scores found the anomalies that are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<LabelsResult>,
    /// What others reached, in words.
    pub references: Vec<String>,
    /// Recordings of several that could not be evaluated.
    #[serde(skip)]
    pub faults: Vec<StreamFault>,
}

/// What one recording gave.
struct EvaluatedRecording {
    file: String,
    result: ReplayResult,
    cpu_seconds: f64,
    measures: Vec<Compared>,
    /// Time and value of every row of the first number column.
    rows: Vec<(i64, f64)>,
}

/// Replays a stream once with a fresh learner of these options, and runs the baselines over the same events.
///
/// # Errors
/// Nothing of the stream could be evaluated.
pub fn evaluate(
    stream: &RecordedStream,
    learner: &Options,
    mut report_progress: impl FnMut(EvalStage<'_>),
) -> Result<Evaluation, StreamFault> {
    let labels = match &stream.labels {
        Some(path) => Some(Labels::read(path).map_err(|e| StreamFault::new(path, e))?),
        None => None,
    };
    let (mut recordings, mut faults) = (Vec::new(), Vec::new());
    for file in &stream.files {
        match evaluate_recording(stream, file, learner, labels.is_some(), &mut report_progress) {
            Ok(recording) => recordings.push(recording),
            Err(e) => faults.push(StreamFault::new(file, e)),
        }
    }
    if recordings.is_empty() {
        let none = || StreamFault::new(Path::new(&stream.title), ReplayError::NoRecordings);
        return Err(faults.into_iter().next().unwrap_or_else(none));
    }
    join(stream, recordings, labels.as_ref(), faults)
}

fn evaluate_recording(
    stream: &RecordedStream,
    file: &Path,
    learner: &Options,
    anomalies: bool,
    report_progress: &mut impl FnMut(EvalStage<'_>),
) -> Result<EvaluatedRecording, ReplayError> {
    let ReplayedRecording { result, source, options, cpu_seconds } =
        replay_recording(stream, file, learner, anomalies, |p| report_progress(EvalStage::Replay(p)))?;
    let baselines = baselines(Source::open(&source)?, &options, |p| report_progress(EvalStage::Baselines(p)))?;
    let measures = compare(&result, &baselines);
    Ok(EvaluatedRecording { file: file.display().to_string(), result, cpu_seconds, measures, rows: baselines.rows })
}

/// Makes one row of all recordings of a stream.
fn join(
    stream: &RecordedStream,
    recordings: Vec<EvaluatedRecording>,
    labels: Option<&Labels>,
    faults: Vec<StreamFault>,
) -> Result<Evaluation, StreamFault> {
    let mut measures = match recordings.as_slice() {
        [one] => one.measures.clone(),
        several => average(&several.iter().map(|r| r.measures.clone()).collect::<Vec<_>>()),
    };
    let mut found = None;
    if let Some(labels) = labels {
        let file = stream.labels.as_deref().unwrap_or(Path::new(""));
        let (result, nab) = score_alarms(labels, &recordings).map_err(|e| StreamFault::new(file, e))?;
        measures.splice(0..0, nab);
        found = Some(result);
    }
    let sum = |of: fn(&ReplayResult) -> f64| recordings.iter().map(|r| of(&r.result)).sum::<f64>();
    let events: u64 = recordings.iter().map(|r| r.result.events).sum();
    let scored: u64 = recordings.iter().map(|r| r.result.events_scored).sum();
    let (regret_bits, regret_bound_bits) = (sum(|r| r.regret_bits), sum(|r| r.regret_bound_bits));
    let cpu_seconds: f64 = recordings.iter().map(|r| r.cpu_seconds).sum();
    Ok(Evaluation {
        title: stream.title.clone(),
        files: recordings.iter().map(|r| r.file.clone()).collect(),
        format: recordings[0].result.format,
        events,
        events_scored: scored,
        bits_per_event: sum(|r| r.loss_bits_per_event * r.events_scored as f64) / scored.max(1) as f64,
        measures,
        regret_bits,
        regret_bound_bits,
        within_bound: recordings.iter().all(|r| r.result.regret_bits <= r.result.regret_bound_bits),
        cpu_seconds,
        events_per_second: events as f64 / cpu_seconds.max(1e-9),
        state_bytes: recordings.iter().map(|r| r.result.state_bytes).max().unwrap_or(0),
        state_hashes: recordings.iter().map(|r| r.result.state_hash.clone()).collect(),
        horizon: stream.task.horizon,
        labels: found,
        references: stream.task.references.clone(),
        faults,
    })
}

/// The scores of the Numenta Anomaly Benchmark over all recordings: the learner's, and those of the simple
/// detectors, which they are compared with.
fn score_alarms(
    labels: &Labels,
    recordings: &[EvaluatedRecording],
) -> Result<(LabelsResult, Vec<Compared>), LabelsError> {
    let times: Vec<Vec<i64>> = recordings.iter().map(|r| r.rows.iter().map(|row| row.0).collect()).collect();
    let judge = |scores: &[Vec<f64>]| {
        let with_times = recordings.iter().zip(&times).zip(scores);
        let files: Vec<(&str, &[i64], &[f64])> =
            with_times.map(|((r, times), scores)| (r.file.as_str(), times.as_slice(), scores.as_slice())).collect();
        labels.score_files(&files)
    };
    let ours: Vec<Vec<f64>> = recordings.iter().map(|r| r.result.anomalies.iter().map(|a| a.1).collect()).collect();
    let ours = judge(&ours)?;
    // by detector, the scores of each recording
    let mut detected: BTreeMap<&'static str, Vec<Vec<f64>>> = BTreeMap::new();
    for recording in recordings {
        for (name, scores) in detectors(&recording.rows.iter().map(|row| row.1).collect::<Vec<_>>()) {
            detected.entry(name).or_default().push(scores);
        }
    }
    let theirs: Vec<(&'static str, LabelsResult)> =
        detected.iter().map(|(name, scores)| Ok((*name, judge(scores)?))).collect::<Result<_, LabelsError>>()?;
    let profiles: [(Measure, fn(&LabelsResult) -> Option<f64>); 3] = [
        (Measure::Nab, |r| r.nab.standard),
        (Measure::NabLowFp, |r| r.nab.reward_low_fp),
        (Measure::NabLowFn, |r| r.nab.reward_low_fn),
    ];
    let compared = profiles.into_iter().filter_map(|(measure, of)| {
        let scores = theirs.iter().filter_map(|(name, r)| Some(Score::new(measure, (*name).into(), of(r)?)));
        Some(Compared::new("", measure, of(&ours)?, scores.collect()))
    });
    let compared = compared.collect();
    Ok((ours, compared))
}
