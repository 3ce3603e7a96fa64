//! Whether a key ends, where the end is not one of a field's symbols.

use surmise_state::{Persist, State, StateError};

/// Adaptive probabilities of the end by position and by last symbol, mixed in the stretched domain.
#[derive(Clone)]
pub struct Ending {
    p: Vec<f64>,
    n: Vec<u16>,
    weights: [f64; 3],
}

const ROWS: usize = 1 + 256 + 256;
const RARE: f64 = 1.0 / (1 << 20) as f64;

impl Default for Ending {
    fn default() -> Self {
        Ending { p: vec![0.5; ROWS], n: vec![0; ROWS], weights: [0.4, 0.3, 0.3] }
    }
}

fn stretch(p: f64) -> f64 {
    libm::log(p / (1.0 - p))
}

impl Ending {
    fn rows(length: u32, last: u32) -> [usize; 3] {
        [0, 1 + length.min(255) as usize, 257 + (last & 255) as usize]
    }

    fn mix(&self, rows: &[usize; 3]) -> f64 {
        let x: f64 = rows.iter().zip(&self.weights).map(|(r, w)| w * stretch(self.p[*r])).sum();
        (1.0 / (1.0 + libm::exp(-x))).clamp(RARE, 1.0 - RARE)
    }

    /// Probability that the key ends now, after `length` events of which the last had this symbol.
    pub fn probability(&self, length: u32, last: u32) -> f64 {
        self.mix(&Self::rows(length, last))
    }

    /// Scores whether it ended, and learns; nats.
    pub fn observe(&mut self, length: u32, last: u32, ended: bool) -> f64 {
        let rows = Self::rows(length, last);
        let p = self.mix(&rows);
        let y = f64::from(u8::from(ended));
        for (r, w) in rows.iter().zip(&mut self.weights) {
            *w += 0.002 * (y - p) * stretch(self.p[*r]);
            self.p[*r] = (self.p[*r] + (y - self.p[*r]) / (f64::from(self.n[*r]) + 1.6)).clamp(RARE, 1.0 - RARE);
            self.n[*r] = (self.n[*r] + 1).min(1000);
        }
        -libm::log(if ended { p } else { 1.0 - p })
    }
}

impl Persist for Ending {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.f64s_fixed("ending p", &mut self.p)?;
        s.u16s_fixed("ending n", &mut self.n)?;
        s.f64s_fixed("ending weights", &mut self.weights)
    }
}
