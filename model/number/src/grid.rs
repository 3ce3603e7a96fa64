//! The grid of a column whose values come again, weighed by the forecast: of a coarse sensor, of prices, of counts.
//!
//! Up to [`Grid::most`] distinct values are remembered. The mass that is not kept for new values is spread over them
//! in proportion to the root of how often each came and to its density under the forecast, so that a coarse sensor is
//! charged for choosing among the levels near the forecast, not for all digits.

use crate::point_masses::Odds;
use crate::t3::{pdf3_single, weigh, weighed_density, weighed_parts};
use crate::units::ColumnUnits;
use surmise_state::{Persist, State, StateError};

/// Single precision must not lift a sum of masses above one.
const GRID_SAFETY: f64 = 1.0 - 1e-5;

/// The distinct values of a column, with how often each came.
#[derive(Clone, Debug)]
pub(crate) struct Grid {
    /// The most values that are remembered.
    most: usize,
    values: Vec<f64>,
    /// √count, at most 16.
    weight: Vec<f32>,
    /// The next slot to be given away, by second chance.
    hand: usize,
    novelty: Odds,
}

/// The weight of a grid under a forecast: what [`Grid::weigh_below`] says.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct GridMass {
    below: f64,
    total: f64,
}

impl GridMass {
    /// The weight altogether.
    pub(crate) fn total(self) -> f64 {
        self.total
    }
}

impl Grid {
    /// A grid of at most `most` values.
    pub(crate) fn new(most: usize) -> Self {
        Self { most, values: Vec::new(), weight: Vec::new(), hand: 0, novelty: Odds::new(0.9, 0.004) }
    }

    /// Whether values come again often enough for it to speak.
    pub(crate) fn is_awake(&self) -> bool {
        self.values.len() > 1 && self.novelty.get() < 0.9
    }

    /// P(a value that is not remembered).
    pub(crate) fn novelty(&self) -> f64 {
        self.novelty.get()
    }

    /// The slot whose value lies in the cell of `y`.
    pub(crate) fn find(&self, u: &ColumnUnits, y: f64) -> Option<usize> {
        u.find(&self.values, y)
    }

    /// The weight of one value under a forecast.
    fn one(&self, i: usize, mu: f64, inv: f64) -> f64 {
        (self.weight[i] * pdf3_single(((self.values[i] - mu) * inv) as f32)) as f64
    }

    /// Σ weight · density over the remembered values below `x`, and over all, for a forecast of centre `mu` and scale
    /// 1/`inv`.
    pub(crate) fn weigh_below(&self, mu: f64, inv: f64, x: f64) -> GridMass {
        let (below, total) = weighed_parts(&self.values, &self.weight, mu, inv, x);
        GridMass { below, total }
    }

    /// [`GridMass::total`] alone.
    pub(crate) fn total(&self, mu: f64, inv: f64) -> f64 {
        weighed_density(&self.values, &self.weight, mu, inv)
    }

    /// Mass of the cell whose slot is `slot`, for a forecast under which the grid weighs `total`; `density` is what the
    /// density gives it.
    pub(crate) fn mass(&self, slot: Option<usize>, mu: f64, inv: f64, total: f64, density: f64) -> f64 {
        let novelty = self.novelty.get();
        let here = match slot {
            Some(slot) if total > 0.0 => (1.0 - novelty) * GRID_SAFETY * self.one(slot, mu, inv) / total,
            _ => 0.0,
        };
        here + novelty * density
    }

    /// Remembered values with their part of the mass.
    pub(crate) fn spikes(&self, mu: f64, inv: f64) -> impl Iterator<Item = (f64, f64)> + '_ {
        let scale = (1.0 - self.novelty.get()) * GRID_SAFETY / self.total(mu, inv).max(1e-300);
        (0..self.values.len()).map(move |i| (self.values[i], scale * self.one(i, mu, inv)))
    }

    /// Writes the part of `mass` that each remembered value gets to `out`; the values. `total` is of the same forecast.
    pub(crate) fn weigh(&self, mu: f64, inv: f64, total: f64, mass: f64, out: &mut [f32]) -> &[f64] {
        let n = self.values.len().min(out.len());
        let scale = if total > 0.0 { mass / total } else { 0.0 };
        weigh(&self.values[..n], &self.weight, mu, inv, scale as f32, out);
        &self.values[..n]
    }

    /// The mass of the spikes below the value that the parts were cut at.
    pub(crate) fn below(&self, mass: GridMass) -> f64 {
        if mass.total <= 0.0 {
            return 0.0;
        }
        (1.0 - self.novelty.get()) * GRID_SAFETY * mass.below / mass.total
    }

    /// Takes in a value, which `find` placed in `slot`.
    pub(crate) fn learn(&mut self, y: f64, slot: Option<usize>) {
        self.novelty.learn(slot.is_none());
        if let Some(slot) = slot {
            let w = &mut self.weight[slot];
            *w = (*w * *w + 1.0).sqrt().min(16.0);
        } else if self.values.len() < self.most {
            self.values.push(y);
            self.weight.push(1.0);
        } else {
            // second chance: a value that came more than once is passed over, and worn
            for _ in 0..8 {
                if self.weight[self.hand] <= 1.0 {
                    break;
                }
                self.weight[self.hand] = (self.weight[self.hand] * 0.7).max(1.0);
                self.hand = (self.hand + 1) % self.most;
            }
            (self.values[self.hand], self.weight[self.hand]) = (y, 1.0);
            self.hand = (self.hand + 1) % self.most;
        }
    }
}

impl Persist for Grid {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.section("lattice")?;
        s.len("most", &mut self.most)?;
        s.f64s("values", &mut self.values)?;
        s.f32s("weight", &mut self.weight)?;
        s.len("hand", &mut self.hand)?;
        self.novelty.persist(s)?;
        let n = self.values.len();
        if n > self.most || self.most > 1 << 16 || self.weight.len() != n || self.hand >= self.most.max(1) {
            return Err(StateError::Invalid("lattice"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mass_never_exceeds_one() {
        let u = ColumnUnits::new();
        let mut l = Grid::new(16);
        for i in 0..2000u64 {
            let (mu, inv) = ((i % 13) as f64, 0.3);
            let total = l.total(mu, inv);
            let sum: f64 = (-50..500).map(|k| l.mass(l.find(&u, k as f64), mu, inv, total, 1.0 / 550.0)).sum();
            assert!(sum <= 1.0 + 1e-9, "{i}: {sum}");
            let y = ((i * i * 31 + i / 7) % (5 + i / 40)) as f64;
            let slot = l.find(&u, y);
            l.learn(y, slot);
        }
    }
}
