//! The learner's losses beside those of the baselines, block by block.

use super::compare::{Compared, compare_ahead, compare_next};
use crate::baseline::{BaselineResult, Measure};
use crate::losses::BlockShares;
use crate::result::ReplayResult;

/// One measure of a replay beside the same of the baselines, and how it went block by block.
#[derive(Clone, Debug)]
pub struct ComparedCurves {
    /// The measure.
    pub compared: Compared,
    /// `[blocks]`: how many events counted by the end of each block.
    pub events: Vec<f64>,
    /// `[blocks]`: the learner's mean within each block.
    pub surmise: Vec<f64>,
    /// The same of each baseline, the best one first.
    pub baselines: Vec<(String, Vec<f64>)>,
}

/// All measures that a replay and the baselines of its recording have in common, with the course of each. Both must
/// have noted their blocks ([`ReplayOptions::blocks`](crate::ReplayOptions::blocks)).
pub fn curves_beside(result: &ReplayResult, baselines: &BaselineResult) -> Vec<ComparedCurves> {
    let all = compare_next(result, baselines).into_iter().chain(compare_ahead(result, baselines));
    all.map(|compared| curves(result, baselines, compared)).collect()
}

fn curves(result: &ReplayResult, baselines: &BaselineResult, compared: Compared) -> ComparedCurves {
    let mut curves = ComparedCurves { compared, events: Vec::new(), surmise: Vec::new(), baselines: Vec::new() };
    let measure = curves.compared.measure;
    let of_numbers = [Measure::Mse, Measure::Mae, Measure::AheadMse, Measure::AheadMae].contains(&measure);
    let alone = result.options.target.as_deref().or(result.schema.fields.first().map(|f| &*f.name));
    let name = match curves.compared.field.as_str() {
        "" if !of_numbers => alone.unwrap_or_default(),
        name => name,
    };
    let (Some(ours), Some(theirs)) = (result.shares.get(name, measure), baselines.shares.get(name, measure)) else {
        return curves;
    };
    let Some(ours) = ours.get("") else { return curves };
    let counted = |i: &usize| ours.weights[*i] > 0.0;
    let mean = |shares: &BlockShares| -> Vec<f64> {
        let of = |i: usize| shares.values[i] / shares.weights[i];
        (0..ours.values.len()).filter(counted).map(of).collect()
    };
    let mut sum = 0.0;
    curves.events = (0..ours.weights.len())
        .filter(counted)
        .map(|i| {
            sum += ours.weights[i];
            sum * result.events_scored as f64
        })
        .collect();
    curves.surmise = mean(ours);
    for score in &curves.compared.baselines {
        if let Some(shares) = theirs.get(&score.name).filter(|s| s.values.len() == ours.values.len()) {
            curves.baselines.push((score.name.clone(), mean(shares)));
        }
    }
    curves
}
