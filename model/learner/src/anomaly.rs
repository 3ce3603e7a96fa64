//! How unusual a surprise is: its rank among the stream's own recent ones.

use surmise_state::{Persist, State, StateError};

const BINS: usize = 256;
const PER_BIT: f64 = 4.0;

/// How many events back the weight of a surprise has fallen to 1/e.
const MEMORY: f32 = 4096.0;

/// A histogram of surprises whose past fades.
#[derive(Clone)]
pub struct Rank {
    weight: Vec<f32>,
    /// Weight of the next surprise; rises instead of all others falling.
    unit: f32,
}

impl Default for Rank {
    fn default() -> Self {
        Rank { weight: vec![0.0; BINS], unit: 1.0 }
    }
}

impl Rank {
    /// The share of recent surprises that this one exceeds, from 0 to 1; then it is one of them.
    pub fn observe(&mut self, bits: f64) -> f64 {
        // numbers of a fine resolution have many bits and densities few: the bins cover both, logarithmically above
        let x = if bits > 32.0 { 32.0 + libm::log2(bits - 31.0) * 4.0 } else { bits };
        let bin = ((x * PER_BIT) as usize).min(BINS - 1);
        let below: f32 = self.weight[..bin].iter().sum();
        let at = self.weight[bin];
        let total = below + at + self.weight[bin + 1..].iter().sum::<f32>();
        let score = if total > 0.0 { f64::from((below + 0.5 * at) / total) } else { 0.0 };
        self.weight[bin] += self.unit;
        self.unit *= 1.0 + 1.0 / MEMORY;
        if self.unit > 1e20 {
            self.weight.iter_mut().for_each(|w| *w /= 1e20);
            self.unit /= 1e20;
        }
        score
    }
}

impl Persist for Rank {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.f32s_fixed("surprise ranks", &mut self.weight)?;
        s.f32("surprise unit", &mut self.unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rank_is_a_share_of_the_recent_past() {
        let mut r = Rank::default();
        for i in 0..5000 {
            r.observe(f64::from(i % 10));
        }
        assert!(r.observe(30.0) > 0.999 && r.observe(0.0) < 0.1);
        assert!((0.4..0.6).contains(&r.observe(4.6)));
        for _ in 0..200_000 {
            r.observe(20.0);
        }
        assert!(r.observe(19.0) < 0.01, "the past has faded");
        assert!(r.observe(f64::MAX) > 0.9);
    }
}
