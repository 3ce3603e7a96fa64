//! A mean that counts at first and then forgets.

use surmise_state::{Persist, State, StateError};

/// A mean of values; the n-th has weight 1/n, or `rate` once that is more.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct FadingMean {
    count: f64,
    mean: f64,
}

impl FadingMean {
    /// Takes a value in; returns the mean with it.
    pub(crate) fn add(&mut self, value: f64, rate: f64) -> f64 {
        self.count = (self.count + 1.0).min(1.0 / rate);
        self.mean += (value - self.mean) / self.count;
        self.mean
    }

    /// The mean as it stands; 0 before the first value.
    pub(crate) fn mean(&self) -> f64 {
        self.mean
    }

    /// Whether no value has come yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0.0
    }
}

impl Persist for FadingMean {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.f64("mean count", &mut self.count)?;
        s.f64("mean", &mut self.mean)
    }
}
