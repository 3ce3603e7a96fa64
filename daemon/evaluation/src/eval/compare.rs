//! The comparison of the learner with the baselines of the same events.

use super::parts::{ComparedParts, DifferenceInterval, HeldOut};
use crate::baseline::{BaselineResult, Measure, Score};
use crate::labels::{SessionBaseline, SessionLabelsResult};
use crate::result::{FieldResult, ReplayResult};
use serde::Serialize;

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
    /// How sure the difference to the best baseline is, where there are enough blocks or recordings to tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<DifferenceInterval>,
    /// The comparison on what is held out, with the baseline that was best on the rest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_out: Option<HeldOut>,
    /// Recording by recording, where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_file: Option<ComparedFiles>,
}

/// A measure, recording by recording.
#[derive(Clone, Debug, Serialize)]
pub struct ComparedFiles {
    /// The mean over recordings of what the best baseline of each reached: a baseline that is good on many recordings
    /// and fails on one is seen here, and not in means of single baselines.
    pub best_of_each: f64,
    /// The skill against that.
    pub skill: Option<f64>,
    /// Recordings on which the learner is worse than the best baseline there.
    pub worse: u64,
    /// Every recording, the one with the least skill first.
    pub files: Vec<FileCompared>,
    /// Recordings of which there is no such measure, as the learner or the baselines took their column for something
    /// else, or could not read them.
    pub missing: Vec<String>,
}

/// A measure of one of several recordings.
#[derive(Clone, Debug, Serialize)]
pub struct FileCompared {
    /// The recording.
    pub file: String,
    /// What the learner reached.
    pub surmise: f64,
    /// The best baseline.
    pub baseline: String,
    /// What it reached.
    pub value: f64,
    /// One minus the learner's loss divided by that of the baseline; none, where the baseline has no loss.
    pub skill: Option<f64>,
}

impl FileCompared {
    /// What decides the order: the skill, and where there is none whether anything was lost.
    pub(super) fn rank(&self, measure: Measure) -> f64 {
        self.skill.unwrap_or(if measure.loss(self.surmise) > 0.0 { f64::NEG_INFINITY } else { 0.0 })
    }
}

impl Compared {
    pub(crate) fn new(field: &str, measure: Measure, surmise: f64, mut baselines: Vec<Score>) -> Compared {
        baselines.sort_by(|a, b| measure.loss(a.value).total_cmp(&measure.loss(b.value)));
        let skill = baselines.first().and_then(|best| measure.skill(surmise, best.value));
        Compared {
            field: field.into(),
            measure,
            surmise,
            baselines,
            skill,
            interval: None,
            held_out: None,
            by_file: None,
        }
    }

    /// With what its parts say: how sure the difference is, and what is held out.
    pub(super) fn with_parts(mut self, parts: Option<&ComparedParts>) -> Compared {
        if let (Some(parts), Some(best)) = (parts, self.baselines.first()) {
            self.interval = parts.interval(self.measure, &best.name);
            self.held_out = parts.held_out(self.measure);
        }
        self
    }
}

fn of(scores: &[Score], measure: Measure) -> Vec<Score> {
    scores.iter().filter(|s| s.measure == measure).cloned().collect()
}

/// How well the verdicts on sessions found the anomalous ones, beside simple scores of the same sessions.
pub(super) fn compare_sessions(found: &SessionLabelsResult) -> Vec<Compared> {
    let all: [(Measure, Option<f64>, fn(&SessionBaseline) -> Option<f64>); 2] = [
        (Measure::SessionsPrecision, found.average_precision, |b| b.average_precision),
        (Measure::SessionsF1, found.f1, |b| b.f1),
    ];
    let one = |(measure, ours, of): (Measure, Option<f64>, fn(&SessionBaseline) -> Option<f64>)| {
        let simple = found.baselines.iter().filter_map(|b| Some(Score::new(measure, b.name.into(), of(b)?)));
        Some(Compared::new("", measure, ours?, simple.collect()))
    };
    all.into_iter().filter_map(one).collect()
}

/// The mean over number fields.
pub(crate) fn mean_over_fields(r: &ReplayResult, value: impl Fn(&FieldResult) -> Option<f64>) -> Option<f64> {
    let all: Vec<f64> = r.fields.values().filter_map(value).collect();
    (!all.is_empty()).then(|| all.iter().sum::<f64>() / all.len() as f64)
}

/// All measures of a replay that a baseline has, too; of a forecast of several steps, those of the forecast alone.
pub(crate) fn compare(r: &ReplayResult, baselines: &BaselineResult) -> Vec<Compared> {
    let ahead = compare_ahead(r, baselines);
    if ahead.is_empty() { compare_next(r, baselines) } else { ahead }
}

/// The measures of forecasts of several steps.
pub(super) fn compare_ahead(r: &ReplayResult, baselines: &BaselineResult) -> Vec<Compared> {
    compare_numbers(
        r,
        baselines,
        [
            (Measure::AheadMse, mean_over_fields(r, |f| f.horizon_mse)),
            (Measure::AheadMae, mean_over_fields(r, |f| f.horizon_mae)),
        ],
    )
}

fn made(
    r: &ReplayResult,
    baselines: &BaselineResult,
    [name, field]: [&str; 2],
    (measure, value): (Measure, f64),
    theirs: Vec<Score>,
) -> Compared {
    let parts =
        ComparedParts::of_blocks(r.shares.get(name, measure), baselines.shares.get(name, measure), r.events_scored);
    Compared::new(field, measure, value, theirs).with_parts(parts.as_ref())
}

/// Measures over all numbers.
fn compare_numbers(r: &ReplayResult, baselines: &BaselineResult, all: [(Measure, Option<f64>); 2]) -> Vec<Compared> {
    let numbers = baselines.fields.get("").map_or(&[][..], Vec::as_slice);
    let one = |(m, x): (Measure, Option<f64>)| Some(made(r, baselines, ["", ""], (m, x?), of(numbers, m)));
    all.into_iter().filter_map(one).filter(|c| !c.baselines.is_empty()).collect()
}

/// The measures of the next event.
pub(super) fn compare_next(r: &ReplayResult, baselines: &BaselineResult) -> Vec<Compared> {
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
                out.push(made(r, baselines, [&f.name, field], (measure, value), theirs));
            }
        }
    }
    out.extend(compare_numbers(
        r,
        baselines,
        [(Measure::Mse, mean_over_fields(r, |f| f.report.mse)), (Measure::Mae, mean_over_fields(r, |f| f.report.mae))],
    ));
    out
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
}
