//! How rare it is that two sessions differ in the count of a symbol, for every symbol of the sessions remembered.

use crate::counts::{LEVELS, SessionSymbol};
use std::collections::HashMap;

/// Weights of sessions are counted in eighths, so that sums of them are exact.
pub(crate) const WEIGHT_ONE: u32 = 8;
/// Sessions that must have a symbol before differences in it count: one that came in a single session tells that
/// session from all others, whatever it is.
const SESSIONS_MIN: u32 = 2;

/// A symbol in the sessions remembered.
#[derive(Clone, Debug)]
struct Feature {
    symbol: SessionSymbol,
    /// Sessions that have the symbol.
    sessions: u32,
    /// `[LEVELS]`: weights of the sessions by the level of the symbol's count; nothing at level 0.
    weights: [u32; LEVELS],
    /// `[LEVELS]`: how far a session with the symbol at this level is from one without it, in nats.
    lacking: [f32; LEVELS],
    /// `[LEVELS]`: how far apart two sessions are that both have it at levels that differ by so much, in nats.
    differing: [f32; LEVELS],
}

impl Feature {
    /// Whether differences in the symbol count.
    fn is_common(&self) -> bool {
        self.sessions >= SESSIONS_MIN || self.symbol.is_of_whole()
    }
}

/// The symbols of the sessions remembered, by number. Numbers of symbols that are gone are used again.
#[derive(Clone, Debug, Default)]
pub(crate) struct FeatureTable {
    features: Vec<Feature>,
    free: Vec<u32>,
    numbers: HashMap<SessionSymbol, u32>,
    /// The weight of all sessions for which the distances hold.
    total: u32,
}

impl FeatureTable {
    /// How many numbers there are.
    pub(crate) fn len(&self) -> usize {
        self.features.len()
    }

    /// The number of a symbol, if a session remembered has it.
    pub(crate) fn number(&self, symbol: SessionSymbol) -> Option<u32> {
        self.numbers.get(&symbol).copied()
    }

    /// The symbol of a number.
    pub(crate) fn symbol(&self, number: u32) -> SessionSymbol {
        self.features[number as usize].symbol
    }

    /// Whether enough sessions have the symbol for differences in it to count.
    pub(crate) fn counts(&self, number: u32) -> bool {
        self.features[number as usize].is_common()
    }

    /// The distance of two levels of a symbol's count, in nats.
    pub(crate) fn distance(&self, number: u32, a: u8, b: u8) -> f32 {
        let feature = &self.features[number as usize];
        if a == 0 || b == 0 {
            feature.lacking[usize::from(a | b)]
        } else {
            feature.differing[usize::from(a.abs_diff(b))]
        }
    }

    /// The weight of all sessions for which the distances hold.
    pub(crate) fn total(&self) -> u32 {
        self.total
    }

    /// Sets the weight of all sessions, and every distance anew.
    pub(crate) fn set_total(&mut self, total: u32) {
        self.total = total;
        (0..self.features.len()).for_each(|i| self.renew(i as u32));
    }

    /// Adds a session that has the symbol at a level; returns the symbol's number. Distances follow with
    /// [`FeatureTable::renew`].
    pub(crate) fn add(&mut self, symbol: SessionSymbol, level: u8, weight: u32) -> u32 {
        let number = match self.numbers.get(&symbol) {
            Some(number) => *number,
            None => {
                let new = Feature {
                    symbol,
                    sessions: 0,
                    weights: [0; LEVELS],
                    lacking: [0.0; LEVELS],
                    differing: [0.0; LEVELS],
                };
                let number = self.free.pop().unwrap_or(self.features.len() as u32);
                match self.features.get_mut(number as usize) {
                    Some(place) => *place = new,
                    None => self.features.push(new),
                }
                self.numbers.insert(symbol, number);
                number
            }
        };
        let feature = &mut self.features[number as usize];
        feature.sessions += 1;
        feature.weights[usize::from(level)] += weight;
        number
    }

    /// Takes a session that has the symbol at a level out again.
    pub(crate) fn remove(&mut self, number: u32, level: u8, weight: u32) {
        let feature = &mut self.features[number as usize];
        feature.sessions -= 1;
        feature.weights[usize::from(level)] -= weight;
        if feature.sessions == 0 {
            self.numbers.remove(&feature.symbol);
            self.free.push(number);
        }
    }

    /// Sets the distances of a symbol by the weights of its levels.
    ///
    /// Of all pairs of sessions remembered, a part P(b) has one that lacks the symbol and one that has it at level b or
    /// a higher one; of the pairs that both have it, a part Q(d) differs by d levels or more. The distances are −ln of
    /// these, with one pair of unlike sessions added to each, since differences that never were have some probability.
    pub(crate) fn renew(&mut self, number: u32) {
        let total = self.total;
        let feature = &mut self.features[number as usize];
        (feature.lacking, feature.differing) = ([0.0; LEVELS], [0.0; LEVELS]);
        if !feature.is_common() || total == 0 {
            return;
        }
        let weights = feature.weights.map(f64::from);
        let (all, having) = (f64::from(total), weights.iter().sum::<f64>());
        let lacking = (all - having).max(0.0);
        let one = f64::from(WEIGHT_ONE);
        let mut pairs = [0.0; LEVELS];
        for (a, x) in weights.iter().enumerate().filter(|(_, x)| **x > 0.0) {
            for (b, y) in weights.iter().enumerate().take(a) {
                pairs[a - b] += 2.0 * x * y;
            }
        }
        let nats = |pairs: f64, of: f64| -libm::log((pairs / (of * of) + one / (of + one)).min(1.0)) as f32;
        let (mut as_many, mut as_far) = (0.0, 0.0);
        let mut last = (nats(0.0, all), nats(0.0, having));
        for d in (1..LEVELS).rev() {
            // equal probabilities have equal logarithms
            if weights[d] > 0.0 {
                as_many += weights[d];
                last.0 = nats(2.0 * lacking * as_many, all);
            }
            if pairs[d] > 0.0 {
                as_far += pairs[d];
                last.1 = nats(as_far, having);
            }
            (feature.lacking[d], feature.differing[d]) = last;
        }
    }
}
