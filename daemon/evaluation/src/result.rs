//! The result of a replay.

use crate::course::LearningCourse;
use crate::highlights::Highlights;
use crate::horizon::{HorizonErrors, HorizonScores};
use crate::labels::{LabelsResult, SessionLabelsResult};
use crate::losses::LossShares;
use crate::replay_incidents::ReplayIncidents;
use crate::units::ErrorUnits;
use serde::Serialize;
use std::collections::BTreeMap;
use surmise_event::{Drift, LearnerDescription, Schema};
use surmise_learner::{ExpertReport, FieldReport, Options, Report};
use surmise_recording::{Format, Oddity};

/// The result of a replay: the JSON object of `surmise replay --output json`.
#[derive(Clone, Debug, Serialize)]
pub struct ReplayResult {
    /// Events that were learnt.
    pub events: u64,
    /// Events that the measures count.
    pub events_scored: u64,
    /// Distinct keys.
    pub keys: u64,
    /// All bits over all events scored; of the target alone where there is one.
    pub loss_bits_per_event: f64,
    /// Cumulative loss minus that of the best single expert of each field, in bits.
    pub regret_bits: f64,
    /// What the regret cannot exceed.
    pub regret_bound_bits: f64,
    /// Every expert's loss, had it predicted alone.
    pub experts: Vec<ExpertReport>,
    /// Every field.
    pub fields: BTreeMap<String, FieldResult>,
    /// Mean difference between claimed and measured frequency.
    pub calibration_error: f64,
    /// Processor time used.
    pub cpu_seconds: f64,
    /// Time that passed.
    pub wall_seconds: f64,
    /// Events by the time that passed.
    pub events_per_second: f64,
    /// The most memory that the process had.
    pub peak_memory_bytes: u64,
    /// Weights of the network.
    pub parameters: u64,
    /// Size of the learner's state.
    pub state_bytes: u64,
    /// A hash of everything that decides what is predicted after the last event.
    pub state_hash: String,
    /// Version of the program.
    pub version: String,
    /// The kernel that computed it.
    pub kernel: String,
    /// The engine that ran the network.
    pub engine: String,
    /// Events that came with an earlier time than their key's last.
    pub late_events: u64,
    /// Gradient jobs that other threads computed, where updates wait for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gradient_jobs_by_workers: Option<u64>,
    /// Lasting changes of the stream, in order; at most 1000.
    pub drifts: Vec<Drift>,
    /// What was chosen for the schema, for people.
    pub choices: String,
    /// Steps of the forecasts, where there were any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub horizon: Option<u64>,
    /// How well anomaly scores found the anomalies that are known, where windows of them were given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<LabelsResult>,
    /// How well the verdicts on sessions found those that are known to be anomalous, where labels were given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_labels: Option<SessionLabelsResult>,
    /// The time in microseconds since 1970 and the anomaly score of every event, where they were asked for.
    #[serde(skip)]
    pub anomalies: Vec<(i64, f64)>,
    /// The line that each event of `anomalies` begins at, from 1.
    #[serde(skip)]
    pub(crate) event_lines: Vec<u64>,
    /// What each block of rows adds to the measures, where that was asked for.
    #[serde(skip)]
    pub(crate) shares: LossShares,
    /// What was odd in the recording, and went on being read: by kind and field, with an example.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub odd: Vec<Oddity>,
    /// What the mixture and every expert had lost by then, where that was noted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub course: Option<LearningCourse>,
    /// The incidents that began.
    pub incidents: ReplayIncidents,
    /// What stood out, where that was collected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub highlights: Option<Highlights>,
    /// What the learner is made of, and how its claims came true.
    #[serde(skip)]
    pub description: LearnerDescription,
    /// The files' format.
    pub format: Format,
    /// Bytes read.
    pub bytes: u64,
    /// The fields as they were at the end.
    pub schema: Schema,
    /// The learner's options.
    pub options: Options,
}

impl ReplayResult {
    /// Whether every regret is within its bound: in bits, and those of the point forecasts of every number.
    pub fn is_within_bounds(&self) -> bool {
        self.regret_bits <= self.regret_bound_bits && self.fields.values().all(|f| f.report.points_within_bound())
    }
}

/// The result of one field.
#[derive(Clone, Debug, Serialize)]
pub struct FieldResult {
    /// The learner's measures; errors of numbers in units of `unit_sd` where that is there.
    #[serde(flatten)]
    pub report: FieldReport,
    /// The unit of errors, where it is not the column's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit_sd: Option<f64>,
    /// Numbers: mean squared error over all steps of the forecasts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub horizon_mse: Option<f64>,
    /// How forecasts were made: `learnt`, by a forecast of its own for each lead, or `rolled`, step by step: numbers
    /// are drawn, and of symbols the likeliest is fed back in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub horizon_method: Option<&'static str>,
    /// Numbers: mean absolute error of the median over all steps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub horizon_mae: Option<f64>,
    /// Numbers: mean squared error of the last step alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub horizon_last_mse: Option<f64>,
    /// Numbers: mean squared error, step by step.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub horizon_mse_by_step: Vec<f64>,
    /// Numbers: mean absolute error of the median, step by step.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub horizon_mae_by_step: Vec<f64>,
    /// Numbers: how much of the values fell inside the predicted 5–95 % interval, step by step; .9 means calibrated. A
    /// value at an end of its interval counts by half.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub horizon_coverage_90: Vec<f64>,
    /// Categories: how often the likeliest symbol came, over all steps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub horizon_top1: Option<f64>,
}

impl FieldResult {
    fn new(
        name: &str,
        mut report: FieldReport,
        units: &ErrorUnits,
        errors: Option<&HorizonErrors>,
        learnt: bool,
    ) -> FieldResult {
        let e = errors.cloned().unwrap_or_default();
        let mean = |sum: f64, n: u64| (n > 0).then(|| sum / n as f64);
        let mut f = FieldResult {
            unit_sd: units.of(name).filter(|_| report.mse.is_some() || e.steps > 0),
            horizon_mse: mean(e.squares, e.steps),
            horizon_method: errors.map(|e| if learnt && e.steps > 0 { "learnt" } else { "rolled" }),
            horizon_mae: mean(e.distances, e.steps),
            horizon_last_mse: mean(e.last_squares, e.last_steps),
            horizon_mse_by_step: e.by_step.iter().map(|(n, squares, _)| squares / (*n).max(1) as f64).collect(),
            horizon_mae_by_step: e.by_step.iter().map(|(n, _, distances)| distances / (*n).max(1) as f64).collect(),
            horizon_coverage_90: e.covered.iter().map(|(n, sum)| sum / (*n).max(1) as f64).collect(),
            horizon_top1: mean(e.hits as f64, e.symbols),
            report: FieldReport::default(),
        };
        if let Some(sd) = f.unit_sd {
            let divide = |x: &mut Option<f64>, by: f64| *x = x.map(|x| x / by);
            let squares = [
                &mut report.mse,
                &mut report.mse_regret,
                &mut report.mse_regret_bound,
                &mut f.horizon_mse,
                &mut f.horizon_last_mse,
            ];
            for squared in squares {
                divide(squared, sd * sd);
            }
            let distances = [
                &mut report.mae,
                &mut report.mae_regret,
                &mut report.mae_regret_bound,
                &mut report.crps,
                &mut f.horizon_mae,
            ];
            for plain in distances {
                divide(plain, sd);
            }
            f.horizon_mse_by_step.iter_mut().for_each(|x| *x /= sd * sd);
            f.horizon_mae_by_step.iter_mut().for_each(|x| *x /= sd);
        }
        f.report = report;
        f
    }

    /// The measures of all fields, in their units.
    pub(crate) fn all(
        report: &Report,
        units: &ErrorUnits,
        horizon: Option<&HorizonScores>,
        learnt: bool,
    ) -> BTreeMap<String, FieldResult> {
        let one = |(name, r): (&String, &FieldReport)| {
            (name.clone(), FieldResult::new(name, r.clone(), units, horizon.and_then(|h| h.fields.get(name)), learnt))
        };
        report.fields.iter().map(one).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_told_in_units() {
        let mut u = ErrorUnits::default();
        (0..8).for_each(|i| u.add("a", if i % 2 == 0 { 1.0 } else { 5.0 }));
        let r = FieldReport { mse: Some(8.0), mae: Some(3.0), crps: Some(1.0), ..FieldReport::default() };
        let f = FieldResult::new("a", r.clone(), &u, None, false);
        assert_eq!(
            (f.unit_sd, f.report.mse, f.report.mae, f.report.crps),
            (Some(2.0), Some(2.0), Some(1.5), Some(0.5))
        );
        assert_eq!(FieldResult::new("b", r, &u, None, false).report.mse, Some(8.0));
        let json = serde_json::to_value(&f).unwrap();
        assert!(json.get("horizon_mse").is_none() && json["mse"] == 2.0, "{json}");
    }
}
