//! The evaluation of one stream.

use super::alarms::{AlarmRows, score_alarms};
use super::compare::{Compared, compare};
use super::evaluation::{EvalStage, Evaluation, MissedRecording};
use super::files::{FileSplit, over_files};
use super::find::RecordedStream;
use super::recording::{ReplayedRecording, StreamFault, replay_recording};
use crate::baseline::baselines;
use crate::error::ReplayError;
use crate::labels::Labels;
use crate::result::ReplayResult;
use std::path::Path;
use surmise_learner::Options;
use surmise_recording::Source;

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

/// The measures of all recordings of a stream: those of one as they are, of several their means.
fn measures_of(recordings: &[EvaluatedRecording], split: &FileSplit) -> Vec<Compared> {
    match recordings {
        [one] => one.measures.clone(),
        several => {
            let all: Vec<(&str, &[Compared])> = several.iter().map(|r| (r.file.as_str(), &r.measures[..])).collect();
            over_files(&all, split)
        }
    }
}

/// Recordings that dropped out of something, and of what.
fn missed(measures: &[Compared], labels: Option<&Labels>, faults: &[StreamFault]) -> Vec<MissedRecording> {
    let unread = |fault: &StreamFault| {
        let windows = labels.and_then(|l| l.of(&fault.file).ok()).map_or(0, <[_]>::len);
        let counted = if windows > 0 { format!("; its {windows} windows count as missed") } else { String::new() };
        let reason = format!("could not be evaluated{counted}");
        MissedRecording { file: fault.file.clone(), reason }
    };
    let mut missed: Vec<MissedRecording> = faults.iter().map(unread).collect();
    for c in measures {
        for file in c.by_file.iter().flat_map(|f| &f.missing) {
            let lacks = c.measure.name();
            match missed.iter_mut().find(|m| m.file == *file) {
                Some(m) => m.reason.push_str(&format!(", {lacks}")),
                None => {
                    let reason = format!("read as something else, so without {lacks}");
                    missed.push(MissedRecording { file: file.clone(), reason });
                }
            }
        }
    }
    missed
}

/// Makes one row of all recordings of a stream.
fn join(
    stream: &RecordedStream,
    recordings: Vec<EvaluatedRecording>,
    labels: Option<&Labels>,
    faults: Vec<StreamFault>,
) -> Result<Evaluation, StreamFault> {
    let files: Vec<&str> = recordings.iter().map(|r| r.file.as_str()).collect();
    let split = FileSplit::of(stream, &files);
    let mut measures = measures_of(&recordings, &split);
    let missed = missed(&measures, labels, &faults);
    let mut found = None;
    if let Some(labels) = labels {
        let rows = |r| {
            let EvaluatedRecording { file, result, rows, .. }: &EvaluatedRecording = r;
            AlarmRows { file, scores: &result.anomalies, values: rows }
        };
        let rows: Vec<AlarmRows<'_>> = recordings.iter().map(rows).collect();
        let faulty: Vec<&str> = faults.iter().map(|f| f.file.as_str()).collect();
        let file = stream.labels.as_deref().unwrap_or(Path::new(""));
        let scored = score_alarms(labels, &rows, &faulty, &split).map_err(|e| StreamFault::new(file, e))?;
        measures.splice(0..0, scored.1);
        found = Some(scored.0);
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
        tuned_on: stream.task.tuned_on.clone(),
        missed,
        faults,
    })
}
