//! The scale of every input of the mixer.

use crate::inputs::{BLOCKS_MAX, InputRow};
use crate::node::NIBBLE_BITS;
use surmise_lanes::{LANES, madd};
use surmise_state::{Persist, State, StateError};

/// Slowest rate at which an input's mean square follows.
const POWER_RATE_MIN: f32 = 0.002;
/// Nibbles, less one, between two computations of the scales; a power of two less one.
const SCALE_INTERVAL_MASK: u64 = 15;

/// The scale of every input, s = 3/√(v + .1), where v is the input's mean square (PREDICTOR §6).
///
/// Steps of the mixer move along scaled inputs, so inputs that are small learn as fast as large ones. It is a diagonal
/// preconditioner as in RMSprop, but of the inputs alone and shared by all rows, so it costs one pass per decision and
/// no state per weight.
#[derive(Clone)]
pub struct InputScale {
    nibbles: u64,
    power: InputRow,
    scale: InputRow,
}

impl Default for InputScale {
    fn default() -> Self {
        InputScale { nibbles: 0, power: [[0.0; LANES]; BLOCKS_MAX], scale: [[1.0; LANES]; BLOCKS_MAX] }
    }
}

impl InputScale {
    /// Scales the inputs of a nibble's decisions, `[NIBBLE_BITS, blocks, LANES]`, and learns the scales from them.
    #[inline(always)]
    pub fn scale<const FMA: bool>(
        &mut self,
        blocks: usize,
        inputs: &[InputRow; NIBBLE_BITS],
    ) -> [InputRow; NIBBLE_BITS] {
        // the mean squares learn from one of the four decisions, each in turn
        let seen = &inputs[self.nibbles as usize % NIBBLE_BITS];
        let rate = (1.0 / (self.nibbles as f32 + 2.5)).max(POWER_RATE_MIN);
        for (p, x) in self.power.iter_mut().zip(seen).take(blocks) {
            for i in 0..LANES {
                p[i] = madd::<FMA>(rate, madd::<FMA>(x[i], x[i], -p[i]), p[i]);
            }
        }
        if self.nibbles & SCALE_INTERVAL_MASK == 0 {
            for (s, p) in self.scale.iter_mut().zip(&self.power).take(blocks) {
                for i in 0..LANES {
                    s[i] = 3.0 / (p[i] + 0.1).sqrt();
                }
            }
        }
        self.nibbles += 1;
        let mut scaled = *inputs;
        for x in &mut scaled {
            for (x, s) in x.iter_mut().zip(&self.scale).take(blocks) {
                for i in 0..LANES {
                    x[i] *= s[i];
                }
            }
        }
        scaled
    }
}

impl Persist for InputScale {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.u64("levels nibbles", &mut self.nibbles)?;
        self.power.iter_mut().chain(&mut self.scale).try_for_each(|b| s.f32s_fixed("levels", b))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Large inputs are scaled to three times their sign, whatever their scale, and small ones are not blown up.
    #[test]
    fn inputs_are_scaled_by_their_root_mean_square() {
        let mut input_scale = InputScale::default();
        let mut last = [[0f32; LANES]; BLOCKS_MAX];
        for t in 0..5000 {
            let sign = if t % 7 < 3 { -1.0 } else { 1.0 };
            let mut x = [[0f32; LANES]; BLOCKS_MAX];
            (x[0][0], x[1][3], x[4][15]) = (8.0 * sign, 2.0 * sign, 1e-4 * sign);
            last = input_scale.scale::<false>(BLOCKS_MAX, &[x; NIBBLE_BITS])[t % NIBBLE_BITS];
            assert!(last.iter().flatten().all(|v| v.is_finite()));
            assert_eq!(last[0][0].signum(), sign);
        }
        assert!((last[0][0].abs() - 3.0).abs() < 0.05, "{}", last[0][0]);
        assert!((last[1][3].abs() - 3.0).abs() < 0.1, "{}", last[1][3]);
        assert!(last[4][15].abs() < 1.1e-3, "{}", last[4][15]);
    }
}
