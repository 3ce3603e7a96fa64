//! The evaluation of one stream.

use super::compare::{Compared, average, compare};
use super::find::Stream;
use crate::baseline::{Measure, Score, baselines, detectors};
use crate::{Labels, LabelsResult, Progress, ReplayError, ReplayOptions, ReplayResult, Rows};
use crate::{replay, thread_seconds};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;
use surmise_learner::Options;
use surmise_recording::SourceOptions;
use surmise_recording::{Source, SourceError};

/// How far an evaluation has come.
#[derive(Clone, Copy, Debug)]
pub enum Stage<'a> {
    /// The learner goes over a recording.
    Replay(&'a Progress),
    /// The simple predictors do.
    Baselines(&'a Progress),
}

/// One row of the table: what was found of one stream.
#[derive(Clone, Debug, Serialize)]
pub struct Evaluated {
    /// What the stream is called.
    pub title: String,
    /// Its recordings.
    pub files: Vec<String>,
    /// Their format.
    pub format: String,
    /// Events that were learnt.
    pub events: u64,
    /// Events that count.
    pub events_scored: u64,
    /// All bits over all events that count.
    pub bits_per_event: f64,
    /// Each measure, with the simple predictors beside it.
    pub measures: Vec<Compared>,
    /// Cumulative loss minus that of the learner's own best expert, in bits.
    pub regret_bits: f64,
    /// What the regret cannot exceed.
    pub regret_bound_bits: f64,
    /// Whether it does not.
    pub within_bound: bool,
    /// Processor time of the learner.
    pub cpu_seconds: f64,
    /// Events learnt per second of it.
    pub events_per_second: f64,
    /// Size of the learner's state at the end; the largest, if there are several recordings.
    pub state_bytes: u64,
    /// The state at the end, one a recording.
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

/// A recording that could not be evaluated, and why.
#[derive(Debug)]
pub struct StreamFault {
    /// The recording.
    pub file: String,
    /// Why; names the line where there is one.
    pub error: ReplayError,
}

impl Clone for StreamFault {
    fn clone(&self) -> StreamFault {
        let error = ReplayError::Source(SourceError::Usage(self.error.to_string()));
        StreamFault { file: self.file.clone(), error }
    }
}

/// What one recording gave.
struct Component {
    file: String,
    result: ReplayResult,
    cpu_seconds: f64,
    measures: Vec<Compared>,
    rows: Vec<(i64, f64)>,
}

/// Replays a stream once with a fresh learner of these options, and runs the simple predictors over the same events.
///
/// # Errors
/// Nothing of the stream could be evaluated.
pub fn evaluate(stream: &Stream, learner: &Options, mut tell: impl FnMut(Stage<'_>)) -> Result<Evaluated, StreamFault> {
    let labels = match &stream.labels {
        Some(path) => Some(Labels::read(path).map_err(|e| fault(path, e.into()))?),
        None => None,
    };
    let (mut parts, mut faults) = (Vec::new(), Vec::new());
    for file in &stream.files {
        match part(stream, file, learner, labels.is_some(), &mut tell) {
            Ok(p) => parts.push(p),
            Err(e) => faults.push(fault(file, e)),
        }
    }
    if parts.is_empty() {
        let none = || fault(Path::new(&stream.title), SourceError::Usage("the stream has no recordings".into()).into());
        return Err(faults.into_iter().next().unwrap_or_else(none));
    }
    joined(stream, parts, labels.as_ref(), faults)
}

pub(super) fn fault(file: &Path, error: ReplayError) -> StreamFault {
    StreamFault { file: file.display().to_string(), error }
}

/// A recording that was replayed as its stream's task says.
pub(super) struct Learnt {
    pub(super) result: ReplayResult,
    source: SourceOptions,
    options: ReplayOptions,
    cpu_seconds: f64,
}

/// Replays one recording with a fresh learner.
pub(super) fn learnt(
    stream: &Stream,
    file: &Path,
    learner: &Options,
    anomalies: bool,
    tell: impl FnMut(&Progress),
) -> Result<Learnt, ReplayError> {
    let task = &stream.task;
    let source = SourceOptions {
        files: vec![file.into()],
        format: task.format,
        fields: task.fields.clone(),
        key: task.key.clone(),
        time: task.time.clone(),
        known: None,
    };
    let mut options = ReplayOptions {
        learner: Options { target: task.target.clone(), ..learner.clone() },
        score_rows: task.score_rows,
        // errors of columns of different scales cannot be averaged as they are
        unit_rows: task.unit_rows.or(Some(Rows { from: 0, to: u64::MAX })),
        horizon: task.horizon.map(|h| h as usize),
        anomalies,
        ..ReplayOptions::default()
    };
    let opened = Source::open(&source)?;
    if let Some(t) = &task.target
        && !opened.schema().fields.is_empty()
        && opened.schema().position(t).is_none()
    {
        return Err(SourceError::Usage(format!("{}: the target {t:?} is not a field", file.display())).into());
    }
    let began = thread_seconds();
    let result = replay(opened, &options, tell)?;
    let cpu_seconds = thread_seconds() - began;
    options.learner = result.options.clone();
    Ok(Learnt { result, source, options, cpu_seconds })
}

fn part(
    stream: &Stream,
    file: &Path,
    learner: &Options,
    anomalies: bool,
    tell: &mut impl FnMut(Stage<'_>),
) -> Result<Component, ReplayError> {
    let Learnt { result, source, options, cpu_seconds } =
        learnt(stream, file, learner, anomalies, |p| tell(Stage::Replay(p)))?;
    let beside = baselines(Source::open(&source)?, &options, |p| tell(Stage::Baselines(p)))?;
    let measures = compare(&result, &beside);
    Ok(Component { file: file.display().to_string(), result, cpu_seconds, measures, rows: beside.rows })
}

/// One row of all recordings of a stream.
fn joined(
    stream: &Stream,
    parts: Vec<Component>,
    labels: Option<&Labels>,
    faults: Vec<StreamFault>,
) -> Result<Evaluated, StreamFault> {
    let mut measures = match parts.as_slice() {
        [one] => one.measures.clone(),
        several => average(&several.iter().map(|p| p.measures.clone()).collect::<Vec<_>>()),
    };
    let mut found = None;
    if let Some(labels) = labels {
        let file = stream.labels.as_deref().unwrap_or(Path::new(""));
        let (result, nab) = alarms(labels, &parts).map_err(|e| fault(file, e.into()))?;
        measures.splice(0..0, nab);
        found = Some(result);
    }
    let sum = |of: fn(&ReplayResult) -> f64| parts.iter().map(|p| of(&p.result)).sum::<f64>();
    let events: u64 = parts.iter().map(|p| p.result.events).sum();
    let scored: u64 = parts.iter().map(|p| p.result.events_scored).sum();
    let (regret_bits, regret_bound_bits) = (sum(|r| r.regret_bits), sum(|r| r.regret_bound_bits));
    let cpu_seconds: f64 = parts.iter().map(|p| p.cpu_seconds).sum();
    Ok(Evaluated {
        title: stream.title.clone(),
        files: parts.iter().map(|p| p.file.clone()).collect(),
        format: parts[0].result.format.clone(),
        events,
        events_scored: scored,
        bits_per_event: sum(|r| r.loss_bits_per_event * r.events_scored as f64) / scored.max(1) as f64,
        measures,
        regret_bits,
        regret_bound_bits,
        within_bound: parts.iter().all(|p| p.result.regret_bits <= p.result.regret_bound_bits),
        cpu_seconds,
        events_per_second: events as f64 / cpu_seconds.max(1e-9),
        state_bytes: parts.iter().map(|p| p.result.state_bytes).max().unwrap_or(0),
        state_hashes: parts.iter().map(|p| p.result.state_hash.clone()).collect(),
        horizon: stream.task.horizon,
        labels: found,
        references: stream.task.references.clone(),
        faults,
    })
}

/// The scores of the Numenta Anomaly Benchmark: the learner's anomaly scores, and those of the simple detectors.
fn alarms(labels: &Labels, parts: &[Component]) -> Result<(LabelsResult, Vec<Compared>), SourceError> {
    let times: Vec<Vec<i64>> = parts.iter().map(|p| p.rows.iter().map(|r| r.0).collect()).collect();
    let judge = |scores: &[Vec<f64>]| {
        let files: Vec<(&str, &[i64], &[f64])> = parts
            .iter()
            .zip(&times)
            .zip(scores)
            .map(|((p, t), s)| (p.file.as_str(), t.as_slice(), s.as_slice()))
            .collect();
        labels.score_files(&files)
    };
    let ours: Vec<Vec<f64>> = parts.iter().map(|p| p.result.anomalies.iter().map(|a| a.1).collect()).collect();
    let ours = judge(&ours)?;
    let mut detected: BTreeMap<&'static str, Vec<Vec<f64>>> = BTreeMap::new();
    for p in parts {
        for (name, scores) in detectors(&p.rows.iter().map(|r| r.1).collect::<Vec<_>>()) {
            detected.entry(name).or_default().push(scores);
        }
    }
    let mut beside = Vec::new();
    for (name, scores) in &detected {
        beside.push((*name, judge(scores)?));
    }
    let profiles: [(Measure, fn(&LabelsResult) -> Option<f64>); 3] = [
        (Measure::Nab, |r| r.nab.standard),
        (Measure::NabLowFp, |r| r.nab.reward_low_fp),
        (Measure::NabLowFn, |r| r.nab.reward_low_fn),
    ];
    let compared = profiles.into_iter().filter_map(|(measure, of)| {
        let scores = beside.iter().filter_map(|(name, r)| Some(Score::new(measure, (*name).into(), of(r)?)));
        Some(Compared::new("", measure, of(&ours)?, scores.collect()))
    });
    let compared = compared.collect();
    Ok((ours, compared))
}
