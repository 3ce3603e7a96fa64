//! The ends of keys, where an end is not a symbol of the first field: whether a key ends with its latest event.

use surmise_state::{Persist, State, StateError};

/// Predicts whether a key ends: three adaptive probabilities, one over all keys, one by the position in the key, and
/// one by the hash of its latest value, mixed in the stretched domain (a small logistic mixer, as in PREDICTOR §6).
#[derive(Clone)]
pub struct Ending {
    /// `[ROWS]`: how often a key ended, by row.
    probabilities: Vec<f64>,
    /// `[ROWS]`: uses of each row, up to [`ROW_USES_MAX`].
    uses: Vec<u16>,
    /// The mixer's weights of the three rows.
    weights: [f64; 3],
}

/// Positions in a key that have rows of their own; further ones share the last.
const POSITIONS: usize = 256;
/// Rows of latest values, by eight bits of their hashes.
const VALUES: usize = 256;
/// Rows of probabilities: one over all keys, then positions, then values.
const ROWS: usize = 1 + POSITIONS + VALUES;
/// The least probability of an end and of going on.
const PROBABILITY_MIN: f64 = 1.0 / (1 << 20) as f64;
/// Uses of a row that its probability remembers: its rate of learning falls no further.
const ROW_USES_MAX: u16 = 1000;
/// The rate of a row at its n-th use is 1/(n + this), so that the first ones count most but not alone.
const ROW_USES_BEFORE: f64 = 1.6;
/// The learning rate of the mixer.
const MIXER_RATE: f64 = 0.002;

impl Default for Ending {
    fn default() -> Self {
        Ending { probabilities: vec![0.5; ROWS], uses: vec![0; ROWS], weights: [0.4, 0.3, 0.3] }
    }
}

/// The logit of a probability.
fn stretch(p: f64) -> f64 {
    libm::log(p / (1.0 - p))
}

impl Ending {
    /// The rows of a key of `length` events whose latest value has the hash `last`.
    fn rows(length: u32, last: u32) -> [usize; 3] {
        let position = length.min(POSITIONS as u32 - 1) as usize;
        [0, 1 + position, 1 + POSITIONS + (last & (VALUES as u32 - 1)) as usize]
    }

    fn mix(&self, rows: &[usize; 3]) -> f64 {
        let logit: f64 = rows.iter().zip(&self.weights).map(|(r, w)| w * stretch(self.probabilities[*r])).sum();
        (1.0 / (1.0 + libm::exp(-logit))).clamp(PROBABILITY_MIN, 1.0 - PROBABILITY_MIN)
    }

    /// The probability that a key ends now, after `length` events of which the latest has the hash `last`.
    pub fn probability(&self, length: u32, last: u32) -> f64 {
        self.mix(&Self::rows(length, last))
    }

    /// Scores whether a key ended, and learns from it; returns the probability that what came had.
    pub fn observe(&mut self, length: u32, last: u32, ended: bool) -> f64 {
        let rows = Self::rows(length, last);
        let p = self.mix(&rows);
        let y = f64::from(u8::from(ended));
        // the mixer learns from the error of the mixture, each row from its own
        for (r, w) in rows.iter().zip(&mut self.weights) {
            let (row, uses) = (&mut self.probabilities[*r], &mut self.uses[*r]);
            *w += MIXER_RATE * (y - p) * stretch(*row);
            *row = (*row + (y - *row) / (f64::from(*uses) + ROW_USES_BEFORE))
                .clamp(PROBABILITY_MIN, 1.0 - PROBABILITY_MIN);
            *uses = (*uses + 1).min(ROW_USES_MAX);
        }
        if ended { p } else { 1.0 - p }
    }
}

impl Persist for Ending {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.f64s_fixed("ending p", &mut self.probabilities)?;
        s.u16s_fixed("ending n", &mut self.uses)?;
        s.f64s_fixed("ending weights", &mut self.weights)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_end_after_three_events_are_expected_to() {
        let mut ending = Ending::default();
        let surprise = |ending: &mut Ending| -> f64 { (0..4).map(|i| -ending.observe(i, 7, i == 3).ln()).sum() };
        let first = surprise(&mut ending);
        for _ in 0..200 {
            surprise(&mut ending);
        }
        assert!(surprise(&mut ending) < 0.2 * first);
        assert!(ending.probability(3, 7) > 0.8 && ending.probability(1, 7) < 0.05);
    }
}
