//! The scale of every input of the mixer.

use crate::inputs::{GROUPS, Row};
use crate::node::TOGETHER;
use surmise_lanes::{LANES, madd};
use surmise_state::{Persist, State, StateError};

/// The mean square of every input, by which steps are levelled: inputs that are small learn as fast as large ones.
///
/// A diagonal preconditioner as in RMSprop, but of the inputs alone and shared by all rows, so it costs one pass per
/// decision and no state per weight.
#[derive(Clone)]
pub struct Levels {
    nibbles: u64,
    power: Row,
    scale: Row,
}

impl Default for Levels {
    fn default() -> Self {
        Levels { nibbles: 0, power: [[0.0; LANES]; GROUPS], scale: [[1.0; LANES]; GROUPS] }
    }
}

impl Levels {
    /// The inputs of a nibble's decisions, each divided by its own root mean square; learns that from them.
    #[inline(always)]
    pub fn level<const FMA: bool>(&mut self, groups: usize, inputs: &[Row; TOGETHER]) -> [Row; TOGETHER] {
        // one of the four decisions, each in turn
        let seen = &inputs[self.nibbles as usize % TOGETHER];
        let rate = (1.0 / (self.nibbles as f32 + 2.5)).max(0.002);
        for (p, x) in self.power.iter_mut().zip(seen).take(groups) {
            for i in 0..LANES {
                p[i] = madd::<FMA>(rate, madd::<FMA>(x[i], x[i], -p[i]), p[i]);
            }
        }
        if self.nibbles & 15 == 0 {
            for (s, p) in self.scale.iter_mut().zip(&self.power).take(groups) {
                for i in 0..LANES {
                    s[i] = 3.0 / (p[i] + 0.1).sqrt();
                }
            }
        }
        self.nibbles += 1;
        let mut levelled = *inputs;
        for x in &mut levelled {
            for (x, s) in x.iter_mut().zip(&self.scale).take(groups) {
                for i in 0..LANES {
                    x[i] *= s[i];
                }
            }
        }
        levelled
    }
}

impl Persist for Levels {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.u64("levels nibbles", &mut self.nibbles)?;
        self.power.iter_mut().chain(&mut self.scale).try_for_each(|b| s.f32s_fixed("levels", b))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Large inputs are levelled to three times their sign, whatever their scale, and small ones are not blown up.
    #[test]
    fn inputs_are_levelled_by_their_root_mean_square() {
        let mut levels = Levels::default();
        let mut last = [[0f32; LANES]; GROUPS];
        for t in 0..5000 {
            let sign = if t % 7 < 3 { -1.0 } else { 1.0 };
            let mut x = [[0f32; LANES]; GROUPS];
            (x[0][0], x[1][3], x[4][15]) = (8.0 * sign, 2.0 * sign, 1e-4 * sign);
            last = levels.level::<false>(GROUPS, &[x; TOGETHER])[t % TOGETHER];
            assert!(last.iter().flatten().all(|v| v.is_finite()));
            assert_eq!(last[0][0].signum(), sign);
        }
        assert!((last[0][0].abs() - 3.0).abs() < 0.05, "{}", last[0][0]);
        assert!((last[1][3].abs() - 3.0).abs() < 0.1, "{}", last[1][3]);
        assert!(last[4][15].abs() < 1.1e-3, "{}", last[4][15]);
    }
}
