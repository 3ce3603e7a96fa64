//! Two mixtures of the same point forecasts: for usual times, and for what comes right after a surprise.
//!
//! Whom to believe differs between the two. While values scatter around a level, long averages are best; after a jump
//! to another level they are the worst, and the last value is best, unless jumps are freaks. One mixture has weights
//! that lie between, and pays for it at each jump. So what comes right after a surprise has a mixture of its own, which
//! forks from the other at the first surprise. It is advised by two forecasts: the usual one, and that values stay.
//! Forecasts are midway between the two until something has proved better, because nothing tells yet whom to believe;
//! then they go with whatever was right, so that a stream whose surprises say nothing is forecast as usual. Every round
//! is one of either mixture, so regrets and bounds of the two add up to those of the whole.

use crate::points::{MixedPoint, PointInputs, PointLoss, PointMixture};
use surmise_state::{Persist, State, StateError};

/// The mixtures of `N` point forecasts under one loss. The second takes memory from the first surprise on.
#[derive(Clone, Debug)]
pub struct SituatedMixture<const N: usize> {
    usual: PointMixture<N>,
    /// What has learnt from rounds after surprises, if there was one.
    startled: Option<Box<PointMixture<N>>>,
    /// The expert that says that values stay where they are.
    stays: usize,
}

impl<const N: usize> SituatedMixture<N> {
    /// Mixtures without a record, which start from the weights `prior`, all positive; `stays` is the expert that says
    /// that values stay where they are.
    pub fn new(loss: PointLoss, prior: [f64; N], stays: usize) -> Self {
        Self { usual: PointMixture::new(loss, prior), startled: None, stays }
    }

    /// The forecast; `inputs` are not empty.
    pub fn forecast(&self, inputs: &PointInputs<N>, is_startled: bool) -> MixedPoint {
        let usual = self.usual.forecast(inputs);
        if !is_startled {
            return usual;
        }
        let advice = Some([usual.value, inputs.forecast(self.stays).unwrap_or(usual.value)]);
        match &self.startled {
            Some(startled) => startled.advised(inputs, advice),
            None => self.usual.fork().advised(inputs, advice),
        }
    }

    /// The mixture that a round belongs to.
    pub fn of(&mut self, is_startled: bool) -> &mut PointMixture<N> {
        if !is_startled {
            return &mut self.usual;
        }
        self.startled.get_or_insert_with(|| Box::new(self.usual.fork()))
    }

    fn both(&self) -> impl Iterator<Item = &PointMixture<N>> {
        std::iter::once(&self.usual).chain(self.startled.as_deref())
    }

    /// Goes on from another record of the same experts and loss, and leaves its own there, as
    /// [`PointMixture::exchange`].
    pub fn exchange(&mut self, other: &mut Self) {
        if self.startled.is_some() || other.startled.is_some() {
            self.of(true).exchange(other.of(true));
        }
        self.usual.exchange(&mut other.usual);
    }

    /// By how much the forecasts so far have lost more than an expert's, in sums of losses.
    pub fn regret(&self, expert: usize) -> f64 {
        self.both().map(|mixture| mixture.regret(expert)).sum()
    }

    /// What that cannot exceed, on any sequence.
    pub fn bound(&self, expert: usize) -> f64 {
        self.both().map(|mixture| mixture.bound(expert)).sum()
    }

    /// The expert that the forecasts have the most regret against, of those that took part at all: the best one so far.
    pub fn best(&self) -> Option<usize> {
        let seen = (0..N).filter(|i| self.both().any(|mixture| mixture.has_seen(*i)));
        seen.max_by(|a, b| self.regret(*a).total_cmp(&self.regret(*b)))
    }

    /// Truths so far.
    pub fn count(&self) -> u32 {
        self.both().fold(0, |sum, mixture| sum.saturating_add(mixture.count()))
    }
}

impl<const N: usize> Persist for SituatedMixture<N> {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        self.usual.persist(s)?;
        let mut some = self.startled.is_some();
        s.bool("startled", &mut some)?;
        if s.is_reading() {
            self.startled = some.then(|| Box::new(self.usual.fork()));
        }
        self.startled.as_mut().map_or(Ok(()), |startled| startled.persist(s))
    }
}

#[cfg(test)]
#[path = "situated_tests.rs"]
mod tests;
