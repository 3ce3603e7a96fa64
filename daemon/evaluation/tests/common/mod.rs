//! How a series of numbers is forecast, against the best simple predictor of it: what `examples/points.rs` prints and
//! `tests/points.rs` holds to bars.
#![allow(dead_code, missing_docs, unreachable_pub)]

use std::path::Path;
use surmise_evaluation::{BaselineResult, FieldResult, Measure, ReplayOptions, ReplayResult, baselines, replay};
use surmise_recording::{Source, SourceOptions};

/// Steps of the longer forecasts.
pub const STEPS: usize = 24;
/// Steps whose coverage is judged.
pub const COVERED: [usize; 3] = [1, 6, 24];
/// What is judged, in the order of [`PointJudgement::ratios`].
pub const MEASURES: [Measure; 4] = [Measure::Mse, Measure::Mae, Measure::AheadMse, Measure::AheadMae];
/// Columns of times, and one that is no number of a series.
const TIMES: [&str; 3] = ["date", "timestamp", "time"];
const CLASS: &str = "class";
/// An error that is lost to rounding, which counts as none.
const NO_ERROR: f64 = 1e-9;

/// What came of a series.
#[derive(Debug)]
pub struct PointJudgement {
    pub events: u64,
    /// By [`MEASURES`]: the learner's error by that of the best simple predictor, and its name, where both are there.
    pub ratios: [Option<(f64, String)>; 4],
    /// Shares of truths in the 90 % intervals, by [`COVERED`].
    pub coverage: [f64; 3],
    pub bits_per_event: f64,
    pub is_within_bounds: bool,
}

/// The mean over fields of what is there.
fn mean(result: &ReplayResult, value: impl Fn(&FieldResult) -> Option<f64>) -> Option<f64> {
    let all: Vec<f64> = result.fields.values().filter_map(value).collect();
    (!all.is_empty()).then(|| all.iter().sum::<f64>() / all.len() as f64)
}

/// A value against the best baseline, and its name.
fn against(value: Option<f64>, baselines: &BaselineResult, measure: Measure) -> Option<(f64, String)> {
    let scores = baselines.fields.get("")?;
    let best = scores.iter().filter(|s| s.measure == measure).min_by(|a, b| a.value.total_cmp(&b.value))?;
    Some(((value? + NO_ERROR) / (best.value + NO_ERROR), best.name.clone()))
}

/// Replays a table of numbers, whose first column may hold times, and its simple predictors; errors are in standard
/// deviations of the first rows that `unit_rows` says.
pub fn judge(file: &Path, unit_rows: &str) -> Result<PointJudgement, Box<dyn std::error::Error>> {
    let header = std::fs::read_to_string(file)?.lines().next().unwrap_or_default().to_owned();
    let time = header.split(',').next().filter(|h| TIMES.contains(h)).map(str::to_owned);
    let numbers = header.split(',').filter(|h| !TIMES.contains(h));
    let fields = numbers.map(|h| format!("{h}:{}", if h == CLASS { "ignore" } else { "number" }));
    let recording = SourceOptions {
        files: vec![file.to_path_buf()],
        time,
        fields: fields.map(|h| h.parse()).collect::<Result<_, _>>()?,
        ..SourceOptions::default()
    };
    let unit_rows = Some(unit_rows.parse()?);
    let options = ReplayOptions { horizon: Some(STEPS), unit_rows, ..ReplayOptions::default() };
    let result = replay(Source::open(&recording)?, &options, |_| {})?;
    let simple = baselines(Source::open(&recording)?, &options, |_| {})?;
    let errors = [
        mean(&result, |f| f.report.mse),
        mean(&result, |f| f.report.mae),
        mean(&result, |f| f.horizon_mse),
        mean(&result, |f| f.horizon_mae),
    ];
    Ok(PointJudgement {
        events: result.events,
        ratios: std::array::from_fn(|i| against(errors[i], &simple, MEASURES[i])),
        coverage: COVERED
            .map(|step| mean(&result, |f| f.horizon_coverage_90.get(step - 1).copied()).unwrap_or(f64::NAN)),
        bits_per_event: result.loss_bits_per_event,
        is_within_bounds: result.is_within_bounds(),
    })
}
