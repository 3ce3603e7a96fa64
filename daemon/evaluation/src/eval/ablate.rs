//! What each part of the predictor is worth on a stream: replayed once more for each, without it.

use super::compare::mean;
use super::find::Stream;
use super::run::{StreamFault, fault, learnt};
use crate::baseline::Measure;
use crate::{Progress, ReplayResult};
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::Path;
use surmise_learner::{Component, Options};

/// A stream, whole and with parts left out.
#[derive(Clone, Debug, Serialize)]
pub struct Ablation {
    /// What the stream is called.
    pub title: String,
    /// Its recordings.
    pub files: Vec<String>,
    /// Their format.
    pub format: String,
    /// Events that were learnt, each time.
    pub events: u64,
    /// What was measured, in the order of all values; of each, less is better.
    pub measures: Vec<Measure>,
    /// What the whole predictor reached.
    pub whole: Vec<f64>,
    /// What it reached without each of its parts.
    pub ablated: Vec<Ablated>,
}

/// What was reached without a part.
#[derive(Clone, Debug, Serialize)]
pub struct Ablated {
    /// The part.
    pub part: Component,
    /// The measures.
    pub values: Vec<f64>,
    /// By how much they are above those of the whole predictor.
    pub more: Vec<f64>,
}

/// Replays a stream with a fresh learner of these options, and then once for each of the `parts` that such a learner has,
/// without it. `tell` is given the part and how far its replay has come.
///
/// # Errors
/// A recording could not be replayed.
pub fn ablate(
    stream: &Stream,
    learner: &Options,
    parts: &[Component],
    mut tell: impl FnMut(Option<Component>, &Progress),
) -> Result<Ablation, StreamFault> {
    let mut all = |part: Option<Component>| -> Result<Vec<ReplayResult>, StreamFault> {
        let mut options = learner.clone();
        options.ablate.extend(part);
        let one = |file: &std::path::PathBuf| {
            learnt(stream, file, &options, false, |p| tell(part, p)).map(|l| l.result).map_err(|e| fault(file, e))
        };
        stream.files.iter().map(one).collect()
    };
    let whole = all(None)?;
    let Some(first) = whole.first() else {
        let none = crate::SourceError::Usage("the stream has no recordings".into());
        return Err(fault(Path::new(&stream.title), none.into()));
    };
    let has: BTreeSet<Component> = whole.iter().flat_map(|r| Component::of(&r.schema, &r.options)).collect();
    let reached = measured(&whole);
    let mut ablated = Vec::new();
    for part in parts.iter().copied().filter(|p| has.contains(p)) {
        let values: Vec<f64> = measured(&all(Some(part))?).into_iter().map(|m| m.1).collect();
        let more = values.iter().zip(&reached).map(|(v, (_, w))| v - w).collect();
        ablated.push(Ablated { part, values, more });
    }
    Ok(Ablation {
        title: stream.title.clone(),
        files: stream.files.iter().map(|f| f.display().to_string()).collect(),
        format: first.format.clone(),
        events: whole.iter().map(|r| r.events).sum(),
        measures: reached.iter().map(|m| m.0).collect(),
        whole: reached.iter().map(|m| m.1).collect(),
        ablated,
    })
}

/// Bits per event over all recordings, and squared errors of numbers in the mean over recordings; of a forecast, its
/// errors alone.
fn measured(results: &[ReplayResult]) -> Vec<(Measure, f64)> {
    let over = |of: &dyn Fn(&ReplayResult) -> Option<f64>| -> Option<f64> {
        let values: Vec<f64> = results.iter().filter_map(of).collect();
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    };
    if let Some(mse) = over(&|r| mean(r, |f| f.horizon_mse)) {
        return vec![(Measure::AheadMse, mse)];
    }
    let scored: u64 = results.iter().map(|r| r.events_scored).sum();
    let bits: f64 = results.iter().map(|r| r.loss_bits_per_event * r.events_scored as f64).sum();
    let mse = over(&|r| mean(r, |f| f.report.mse)).map(|m| (Measure::Mse, m));
    [(Measure::Bits, bits / scored.max(1) as f64)].into_iter().chain(mse).collect()
}
