//! What is measured of predictions, by learner and baselines alike.

use serde::{Serialize, Serializer};

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
    /// The share of log lines that are grouped by template exactly as is known.
    Grouping,
    /// The share of known faults of logs that were found, at a rate of false alarms that is borne.
    FaultsFound,
    /// The average precision of the first lines of known faults.
    FaultsPrecision,
    /// The median of lines from the beginning of a fault to its alarm.
    FaultsDelay,
    /// The average precision of the verdicts on sessions.
    SessionsPrecision,
    /// The best F1 of the verdicts on sessions.
    SessionsF1,
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
            Measure::Grouping => "grouping accuracy",
            Measure::FaultsFound => "faults found",
            Measure::FaultsPrecision => "AP of faults",
            Measure::FaultsDelay => "lines to alarm",
            Measure::SessionsPrecision => "AP of sessions",
            Measure::SessionsF1 => "F1 of sessions",
        }
    }

    /// One minus the loss of a value divided by that of another one, unless that is none.
    pub(crate) fn skill(self, ours: f64, theirs: f64) -> Option<f64> {
        let loss = Some(self.loss(theirs)).filter(|l| *l > 0.0);
        loss.map(|theirs| 1.0 - self.loss(ours) / theirs)
    }

    /// Whether it grows with the square of the unit.
    pub(crate) fn is_squared(self) -> bool {
        matches!(self, Measure::Mse | Measure::AheadMse)
    }

    /// The loss that a value is: the value itself, or what is missing to perfection.
    pub fn loss(self, value: f64) -> f64 {
        match self {
            Measure::Top1
            | Measure::Top20
            | Measure::Grouping
            | Measure::FaultsFound
            | Measure::FaultsPrecision
            | Measure::SessionsPrecision
            | Measure::SessionsF1 => 1.0 - value,
            Measure::Nab | Measure::NabLowFp | Measure::NabLowFn => 100.0 - value,
            Measure::Bits
            | Measure::Mse
            | Measure::Mae
            | Measure::AheadMse
            | Measure::AheadMae
            | Measure::FaultsDelay => value,
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
    /// How many values it is the mean of.
    #[serde(skip)]
    pub(crate) count: u64,
}

impl Score {
    pub(crate) fn new(measure: Measure, name: String, value: f64) -> Score {
        Score { measure, name, value, count: 0 }
    }

    /// The mean of so many values.
    pub(crate) fn over(self, count: u64) -> Score {
        Score { count, ..self }
    }
}
