//! The comparison of the learner with the baselines of the same events.

use crate::baseline::{BaselineResult, Measure, Score};
use crate::result::{FieldResult, ReplayResult};
use serde::Serialize;
use std::collections::BTreeMap;

/// Bits of a gap below which events come at the ticks of a clock, and the gap is left out of the comparison.
const TICKS_BITS_MAX: f64 = 0.1;
/// Symbols of a field from which hits are counted among the twenty likeliest instead of the likeliest alone.
const MANY_SYMBOLS_MIN: u64 = 50;

/// One measure of one stream: the learner's value and the baselines'.
#[derive(Clone, Debug, Serialize)]
pub struct Compared {
    /// The field, where the stream has several that are compared; empty where the measure is of all.
    pub field: String,
    /// What was measured.
    pub measure: Measure,
    /// What the learner reached.
    pub surmise: f64,
    /// What the baselines reached, the best one first.
    pub baselines: Vec<Score>,
    /// One minus the learner's loss divided by that of the best baseline.
    pub skill: Option<f64>,
}

impl Compared {
    pub(crate) fn new(field: &str, measure: Measure, surmise: f64, mut baselines: Vec<Score>) -> Compared {
        let loss = |s: &Score| measure.loss(s.value);
        baselines.sort_by(|a, b| loss(a).total_cmp(&loss(b)));
        let best = baselines.first().map(loss).filter(|l| *l > 0.0);
        let skill = best.map(|b| 1.0 - measure.loss(surmise) / b);
        Compared { field: field.into(), measure, surmise, baselines, skill }
    }
}

fn of(scores: &[Score], measure: Measure) -> Vec<Score> {
    scores.iter().filter(|s| s.measure == measure).cloned().collect()
}

/// The mean over number fields.
pub(crate) fn mean_over_fields(r: &ReplayResult, value: impl Fn(&FieldResult) -> Option<f64>) -> Option<f64> {
    let all: Vec<f64> = r.fields.values().filter_map(value).collect();
    (!all.is_empty()).then(|| all.iter().sum::<f64>() / all.len() as f64)
}

/// All measures of a replay that a baseline has, too; of a forecast of several steps, those of the forecast alone.
pub(crate) fn compare(r: &ReplayResult, baselines: &BaselineResult) -> Vec<Compared> {
    let numbers = baselines.fields.get("").map_or(&[][..], Vec::as_slice);
    let ahead = [
        (Measure::AheadMse, mean_over_fields(r, |f| f.horizon_mse)),
        (Measure::AheadMae, mean_over_fields(r, |f| f.horizon_mae)),
    ];
    let ahead = ahead.into_iter().filter_map(|(m, x)| Some(Compared::new("", m, x?, of(numbers, m))));
    let ahead: Vec<Compared> = ahead.filter(|c| !c.baselines.is_empty()).collect();
    if !ahead.is_empty() {
        return ahead;
    }
    let alone = r.schema.fields.len() == 1;
    let mut out = Vec::new();
    for f in &r.schema.fields {
        let (Some(ours), Some(scores)) = (r.fields.get(&f.name), baselines.fields.get(&f.name)) else { continue };
        let field = if alone || r.options.target.is_some() { "" } else { &f.name };
        let report = &ours.report;
        let bits = if alone { r.loss_bits_per_event } else { report.loss_bits };
        let many = report.distinct.is_some_and(|n| n >= MANY_SYMBOLS_MIN);
        let rank = if many { (Measure::Top20, report.top20) } else { (Measure::Top1, report.top1) };
        for (measure, value) in [(Measure::Bits, Some(bits)), rank] {
            let (Some(value), theirs) = (value, of(scores, measure)) else { continue };
            let ticks = f.name == surmise_event::GAP && theirs.iter().any(|s| s.value < TICKS_BITS_MAX);
            if !theirs.is_empty() && !ticks {
                out.push(Compared::new(field, measure, value, theirs));
            }
        }
    }
    for (m, x) in
        [(Measure::Mse, mean_over_fields(r, |f| f.report.mse)), (Measure::Mae, mean_over_fields(r, |f| f.report.mae))]
    {
        if let (Some(x), theirs) = (x, of(numbers, m))
            && !theirs.is_empty()
        {
            out.push(Compared::new("", m, x, theirs));
        }
    }
    out
}

/// The means over several recordings of what all of them were measured by.
pub(crate) fn average(all: &[Vec<Compared>]) -> Vec<Compared> {
    let mut sums: BTreeMap<(String, Measure), (f64, f64, BTreeMap<String, (f64, f64)>)> = BTreeMap::new();
    for c in all.iter().flatten() {
        let (n, ours, names) = sums.entry((c.field.clone(), c.measure)).or_default();
        *n += 1.0;
        *ours += c.surmise;
        for s in &c.baselines {
            let (n, sum) = names.entry(s.name.clone()).or_default();
            *n += 1.0;
            *sum += s.value;
        }
    }
    let whole = |n: f64| n == all.len() as f64;
    let of_all = sums.into_iter().filter(|(_, (n, ..))| whole(*n));
    of_all
        .map(|((field, measure), (n, ours, names))| {
            let names = names.into_iter().filter(|(_, (n, _))| whole(*n));
            let scores = names.map(|(name, (n, sum))| Score::new(measure, name, sum / n)).collect();
            Compared::new(&field, measure, ours / n, scores)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skill_is_what_is_left_of_the_best_loss() {
        let score = |name: &str, v| Score::new(Measure::Bits, name.into(), v);
        let c = Compared::new("", Measure::Bits, 1.5, vec![score("a", 3.0), score("b", 2.0)]);
        assert_eq!((c.baselines[0].name.as_str(), c.skill), ("b", Some(0.25)));
        let c = Compared::new("", Measure::Top1, 0.9, vec![score("a", 0.6), score("b", 0.8)]);
        assert_eq!(c.baselines[0].name, "b", "more hits are better");
        assert!((c.skill.unwrap() - 0.5).abs() < 1e-12);
        assert_eq!(Compared::new("", Measure::Mse, 0.0, vec![]).skill, None);
        assert_eq!(Compared::new("", Measure::Mse, 0.0, vec![score("a", 0.0)]).skill, None, "nothing to be lost");
    }

    #[test]
    fn averages_are_of_what_all_have() {
        let score = |name: &str, v| Score::new(Measure::Mse, name.into(), v);
        let one = vec![Compared::new("", Measure::Mse, 1.0, vec![score("a", 2.0), score("b", 9.0)])];
        let two = vec![
            Compared::new("", Measure::Mse, 3.0, vec![score("a", 4.0)]),
            Compared::new("", Measure::Mae, 3.0, vec![]),
        ];
        let mean = average(&[one, two]);
        assert_eq!((mean.len(), mean[0].surmise, mean[0].baselines.clone()), (1, 2.0, vec![score("a", 3.0)]));
    }
}
