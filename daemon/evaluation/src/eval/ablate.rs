//! Ablation: what each component of the predictor is worth on a stream, which is replayed once more without it.

use super::compare::mean_over_fields;
use super::find::RecordedStream;
use super::recording::{StreamFault, replay_recording};
use crate::baseline::Measure;
use crate::error::ReplayError;
use crate::replay::ReplayProgress;
use crate::resources::thread_seconds;
use crate::result::ReplayResult;
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use surmise_learner::{Component, Options};
use surmise_recording::Format;

/// A stream, replayed whole and with components left out.
#[derive(Clone, Debug, Serialize)]
pub struct Ablation {
    /// The name of the stream in tables.
    pub title: String,
    /// The stream's recordings.
    pub files: Vec<String>,
    /// The format of the recordings.
    pub format: Format,
    /// Events that were learnt, each time.
    pub events: u64,
    /// What was measured, in the order of all values; of each, less is better.
    pub measures: Vec<Measure>,
    /// What the whole predictor reached.
    pub whole: Vec<f64>,
    /// Processor time that the whole predictor took, in seconds.
    pub seconds: f64,
    /// What it reached without each of its components.
    pub ablated: Vec<Ablated>,
}

/// What was reached without a component.
#[derive(Clone, Debug, Serialize)]
pub struct Ablated {
    /// The component that was left out.
    pub component: Component,
    /// The measures.
    pub values: Vec<f64>,
    /// By how much they are above those of the whole predictor.
    pub more: Vec<f64>,
    /// Processor time that the rest took, in seconds: what the component costs is what it is below the whole's.
    pub seconds: f64,
}

/// Replays a stream with a fresh learner of these options, and then once without each of the `components` that such a
/// learner has. `report_progress` is given the component that is left out, and how far that replay has come.
///
/// # Errors
/// A recording could not be replayed.
pub fn ablate(
    stream: &RecordedStream,
    learner: &Options,
    components: &[Component],
    mut report_progress: impl FnMut(Option<Component>, &ReplayProgress),
) -> Result<Ablation, StreamFault> {
    let mut replay_all = |left_out: Option<Component>| -> Result<(Vec<ReplayResult>, f64), StreamFault> {
        let (mut options, begin) = (learner.clone(), thread_seconds());
        options.ablate.extend(left_out);
        let one = |file: &PathBuf| {
            let replayed = replay_recording(stream, file, &options, false, |p| report_progress(left_out, p));
            replayed.map(|r| r.result).map_err(|e| StreamFault::new(file, e))
        };
        let results = stream.files.iter().map(one).collect::<Result<_, _>>()?;
        Ok((results, thread_seconds() - begin))
    };
    let (whole, seconds) = replay_all(None)?;
    let Some(first) = whole.first() else {
        return Err(StreamFault::new(Path::new(&stream.title), ReplayError::NoRecordings));
    };
    let has: BTreeSet<Component> = whole.iter().flat_map(|r| Component::of(&r.schema, &r.options)).collect();
    let reached = measured(&whole);
    let mut ablated = Vec::new();
    for component in components.iter().copied().filter(|c| has.contains(c)) {
        let (results, seconds) = replay_all(Some(component))?;
        let values: Vec<f64> = measured(&results).into_iter().map(|m| m.1).collect();
        let more = values.iter().zip(&reached).map(|(without, (_, whole))| without - whole).collect();
        ablated.push(Ablated { component, values, more, seconds });
    }
    Ok(Ablation {
        title: stream.title.clone(),
        files: stream.files.iter().map(|f| f.display().to_string()).collect(),
        format: first.format,
        events: whole.iter().map(|r| r.events).sum(),
        measures: reached.iter().map(|m| m.0).collect(),
        whole: reached.iter().map(|m| m.1).collect(),
        seconds,
        ablated,
    })
}

/// Bits per event over all recordings, and the mean over recordings of squared errors of numbers; of a forecast of
/// several steps, its errors alone.
fn measured(results: &[ReplayResult]) -> Vec<(Measure, f64)> {
    let mean = |of: &dyn Fn(&ReplayResult) -> Option<f64>| -> Option<f64> {
        let values: Vec<f64> = results.iter().filter_map(of).collect();
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    };
    if let Some(mse) = mean(&|r| mean_over_fields(r, |f| f.horizon_mse)) {
        return vec![(Measure::AheadMse, mse)];
    }
    let scored: u64 = results.iter().map(|r| r.events_scored).sum();
    let bits: f64 = results.iter().map(|r| r.loss_bits_per_event * r.events_scored as f64).sum();
    let mse = mean(&|r| mean_over_fields(r, |f| f.report.mse)).map(|m| (Measure::Mse, m));
    [(Measure::Bits, bits / scored.max(1) as f64)].into_iter().chain(mse).collect()
}
