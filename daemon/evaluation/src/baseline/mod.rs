//! Baselines: simple predictors of the same events, which a learner has to beat.
//!
//! Every one of them goes over a recording once, tests and then learns, and is judged on exactly the events that the
//! learner is judged on. [`baselines`] drives those that go with a stream's fields:
//!
//! | field | predictors |
//! |---|---|
//! | category, bytes, text | orders 0 to 6 each alone, a PPM-like mixture of them; most frequent, latest (`counts`) |
//! | gap | exponential, log-normal, counts of bins (`gaps`) |
//! | number | persistence, season, moving average, Holt, linear RLS on past rows of all columns (`numbers`) |
//! | number, several steps | persistence, season, a regression per step (`ahead`) |
//! | target class | no change, majority, logistic regression, Gaussian naive Bayes (`class`) |
//! | anomalies | windowed Gaussian, static z-score (`alarms`) |
//!
//! Memory is bounded: contexts, keys and past rows are kept up to a constant, as each module says.

mod ahead;
mod alarms;
mod bayes;
mod class;
mod counts;
mod gaps;
mod judge;
mod logistic;
mod numbers;
mod rls;
mod rows;
mod season;
mod smooth;
mod symbols;

pub use judge::{BaselineResult, baselines};

use crate::labels::probation;
use serde::{Serialize, Serializer};
use std::num::NonZeroUsize;

/// Keys whose private state is held; beyond it the one unused for longest is forgotten.
pub(crate) const KEYS_MAX: NonZeroUsize = NonZeroUsize::new(100_000).unwrap();
/// Keys whose private state is held where it is rows of numbers, which are larger.
pub(crate) const SEQUENCES_MAX: NonZeroUsize = NonZeroUsize::new(1_000).unwrap();

/// What is measured of a prediction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Measure {
    /// Mean surprise.
    Bits,
    /// How often the likeliest symbol came.
    Top1,
    /// How often one of the twenty likeliest came.
    Top20,
    /// Mean squared error, one step ahead.
    Mse,
    /// Mean absolute error, one step ahead.
    Mae,
    /// Mean squared error over all steps of a forecast.
    AheadMse,
    /// Mean absolute error over all steps of a forecast.
    AheadMae,
    /// The score of the Numenta Anomaly Benchmark, standard profile.
    Nab,
    /// The score of the Numenta Anomaly Benchmark where false alarms cost twice as much.
    NabLowFp,
    /// The score of the Numenta Anomaly Benchmark where misses cost twice as much.
    NabLowFn,
}

impl Measure {
    /// The name of the measure in tables and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Measure::Bits => "bits",
            Measure::Top1 => "accuracy",
            Measure::Top20 => "hit@20",
            Measure::Mse => "MSE",
            Measure::Mae => "MAE",
            Measure::AheadMse => "MSE ahead",
            Measure::AheadMae => "MAE ahead",
            Measure::Nab => "NAB standard",
            Measure::NabLowFp => "NAB low FP",
            Measure::NabLowFn => "NAB low FN",
        }
    }

    /// The loss that a value is: the value itself, or what is missing to perfection.
    pub fn loss(self, value: f64) -> f64 {
        match self {
            Measure::Top1 | Measure::Top20 => 1.0 - value,
            Measure::Nab | Measure::NabLowFp | Measure::NabLowFn => 100.0 - value,
            Measure::Bits | Measure::Mse | Measure::Mae | Measure::AheadMse | Measure::AheadMae => value,
        }
    }
}

impl Serialize for Measure {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.name())
    }
}

/// What a baseline reached.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Score {
    /// What was measured.
    #[serde(skip)]
    pub measure: Measure,
    /// The predictor.
    pub name: String,
    /// The value.
    pub value: f64,
}

impl Score {
    pub(crate) fn new(measure: Measure, name: String, value: f64) -> Score {
        Score { measure, name, value }
    }
}

/// The anomaly scores of one column by the simple detectors: their names, and one score a row.
pub fn detectors(rows: &[f64]) -> [(&'static str, Vec<f64>); 2] {
    let mut gaussian = alarms::WindowedGaussian::new();
    [
        ("windowed Gaussian", rows.iter().map(|x| gaussian.score(*x)).collect()),
        ("static z-score", alarms::static_z(rows, probation(rows.len()))),
    ]
}
