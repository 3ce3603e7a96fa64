//! Experts that put mass on single values: the last one again, values seen often, steps seen often.
//!
//! Each gives its spike what experience says and leaves the rest to the density mixture, so that it is a whole
//! distribution: with novelty ε, mass(cell) = (1−ε) · share of the cell among the remembered + ε · density mass.
//! Novelty is counted as in Krichevsky-Trofimov, and forgotten slowly.

use crate::density::chosen;
use crate::scale::Units;
use surmise_experts::RunningMean;
use surmise_state::{Persist, State, StateError};

/// Remembered values of one table.
pub(crate) const SLOTS: usize = 64;
/// Total count at which counts are halved.
const LIMIT: f32 = 512.0;

/// An adaptive probability: counts at first, then an average that forgets.
#[derive(Clone, Debug)]
pub(crate) struct Odds {
    p: f64,
    n: f64,
    least: f64,
}

impl Odds {
    pub(crate) fn new(p: f64, least: f64) -> Self {
        Self { p, n: 0.0, least }
    }
    pub(crate) fn get(&self) -> f64 {
        self.p
    }
    pub(crate) fn learn(&mut self, yes: bool) {
        let r = RunningMean::new(self.least).rate(self.n + 1.6);
        self.n = (self.n + 1.0).min(1e9);
        self.p = (self.p + r * (f64::from(u8::from(yes)) - self.p)).clamp(1e-7, 1.0 - 1e-7);
    }
    fn walk(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.f64("p", &mut self.p)?;
        s.f64("n", &mut self.n)
    }
}

impl Persist for Odds {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        self.walk(s)
    }
}

surmise_lanes::kernels! {
    /// The sum of the counts whose values lie below `x`, in sixteen partial sums.
    fn counted_below[FMA](values: &[f64], counts: &[f32], x: f64) -> f32 {
        let _ = FMA;
        let mut s = [0f32; 16];
        let (v, n) = (values.chunks_exact(16), counts.chunks_exact(16));
        let (rv, rn) = (v.remainder(), n.remainder());
        for (v, n) in v.zip(n) {
            for i in 0..16 { s[i] += chosen(v[i] < x, n[i]); }
        }
        for (i, (v, n)) in rv.iter().zip(rn).enumerate() { s[i] += chosen(*v < x, *n); }
        surmise_lanes::sum(&s)
    }
}

surmise_lanes::kernels! {
    /// The first of the least counts.
    fn least[FMA](counts: &[f32]) -> usize {
        let _ = FMA;
        let mut m = [f32::INFINITY; 16];
        for part in counts.chunks(16) {
            for (m, n) in m.iter_mut().zip(part) { *m = if *n < *m { *n } else { *m }; }
        }
        let all = m.iter().copied().fold(f32::INFINITY, f32::min);
        counts.iter().position(|n| *n == all).unwrap_or(0)
    }

    /// Scales all counts; their new sum.
    fn wear[FMA](counts: &mut [f32], by: f32) -> f32 {
        let _ = FMA;
        let mut s = [0f32; 16];
        for part in counts.chunks_mut(16) {
            for (s, n) in s.iter_mut().zip(part) {
                *n *= by;
                *s += *n;
            }
        }
        surmise_lanes::sum(&s)
    }
}

/// At most [`SLOTS`] distinct values with counts, and optionally counts by the slot that came before.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    values: Vec<f64>,
    counts: Vec<f32>,
    total: f32,
    /// How often a value was not in the table.
    novelty: Odds,
    /// counts[previous slot][slot], empty until values recur.
    after: Vec<f32>,
    after_total: Vec<f32>,
    ordered: bool,
}

/// No slot.
pub(crate) const NOWHERE: usize = usize::MAX;

impl Table {
    pub(crate) fn new(ordered: bool) -> Self {
        Self {
            values: Vec::new(),
            counts: Vec::new(),
            total: 0.0,
            novelty: Odds::new(0.5, 0.004),
            after: Vec::new(),
            after_total: Vec::new(),
            ordered,
        }
    }

    /// The slot whose value lies in the cell of `y`.
    pub(crate) fn find(&self, u: &Units, y: f64) -> usize {
        u.find(&self.values, y)
    }

    /// P(a value that is not remembered).
    pub(crate) fn novelty(&self) -> f64 {
        if self.values.is_empty() { 1.0 } else { self.novelty.get() }
    }

    /// Remembered values with their probability, given that the value is remembered.
    pub(crate) fn spikes(&self, before: usize) -> impl Iterator<Item = (f64, f64)> + '_ {
        let inv = 1.0 / self.total as f64;
        let follows = before != NOWHERE && !self.after.is_empty();
        let (row, all) = if follows {
            (&self.after[before * SLOTS..(before + 1) * SLOTS], 1.0 / (self.after_total[before] as f64 + 0.5))
        } else {
            (&self.after[..0], 1.0)
        };
        (0..self.values.len()).map(move |i| {
            let p = self.counts[i] as f64 * inv;
            (self.values[i], row.get(i).map_or(p, |n| (*n as f64 + 0.5 * p) * all))
        })
    }

    /// P(a value below `x` | remembered): by counts alone, and by counts after the slot before.
    pub(crate) fn below(&self, x: f64, before: usize) -> (f64, f64) {
        if self.values.is_empty() {
            return (0.0, 0.0);
        }
        let p = counted_below(&self.values, &self.counts, x) as f64 / self.total as f64;
        if before == NOWHERE || self.after.is_empty() {
            return (p, p);
        }
        let row = &self.after[before * SLOTS..before * SLOTS + self.values.len()];
        let n = counted_below(&self.values, row, x) as f64;
        (p, (n + 0.5 * p) / (self.after_total[before] as f64 + 0.5))
    }

    /// Writes `by.0` · P(value) + `by.1` · P(value | slot before) to `out`, given that the value is remembered; the
    /// values.
    pub(crate) fn weigh(&self, before: usize, by: (f64, f64), out: &mut [f32]) -> &[f64] {
        let follows = before != NOWHERE && !self.after.is_empty();
        let all = if follows { by.1 / (self.after_total[before] as f64 + 0.5) } else { by.1 };
        let scale = ((by.0 + if follows { 0.5 * all } else { all }) / self.total as f64) as f32;
        for (o, n) in out.iter_mut().zip(&self.counts) {
            *o = scale * n;
        }
        if follows {
            for (o, n) in out.iter_mut().zip(&self.after[before * SLOTS..(before + 1) * SLOTS]) {
                *o += all as f32 * n;
            }
        }
        &self.values
    }

    /// P(slot | remembered, slot before).
    fn chance(&self, slot: usize, before: usize) -> f64 {
        let p = (self.counts[slot] / self.total) as f64;
        if before == NOWHERE || self.after.is_empty() {
            return p;
        }
        let (n, of) = (self.after[before * SLOTS + slot] as f64, self.after_total[before] as f64);
        (n + 0.5 * p) / (of + 0.5)
    }

    /// Mass of the cell whose slot is `slot`, with `density` for what is not remembered: by counts alone, and by
    /// counts after the slot before.
    pub(crate) fn mass(&self, slot: usize, before: usize, density: f64) -> (f64, f64) {
        let e = self.novelty();
        if slot == NOWHERE {
            return (e * density, e * density);
        }
        ((1.0 - e) * self.chance(slot, NOWHERE) + e * density, (1.0 - e) * self.chance(slot, before) + e * density)
    }

    /// Takes in the value of the cell `c`, which `find` placed in `slot`.
    pub(crate) fn learn(&mut self, c: f64, slot: usize, before: usize) {
        self.novelty.learn(slot == NOWHERE);
        let slot = if slot != NOWHERE {
            slot
        } else if self.values.len() < SLOTS {
            self.values.push(c);
            self.counts.push(0.0);
            self.values.len() - 1
        } else {
            self.evict(c)
        };
        self.counts[slot] += 1.0;
        self.total += 1.0;
        if self.total > LIMIT {
            self.total = wear(&mut self.counts, 0.5);
        }
        if self.ordered && before != NOWHERE && before < self.values.len() && self.novelty.get() < 0.4 {
            if self.after.is_empty() {
                self.after = vec![0.0; SLOTS * SLOTS];
                self.after_total = vec![0.0; SLOTS];
            }
            self.after[before * SLOTS + slot] += 1.0;
            self.after_total[before] += 1.0;
            if self.after_total[before] > LIMIT {
                let row = &mut self.after[before * SLOTS..(before + 1) * SLOTS];
                row.iter_mut().for_each(|n| *n *= 0.5);
                self.after_total[before] = row.iter().sum();
            }
        }
    }

    /// Gives the least used slot to `c`.
    fn evict(&mut self, c: f64) -> usize {
        let slot = least(&self.counts);
        self.counts[slot] = 0.0;
        // every newcomer wears the old a little, so that what was frequent once can go
        self.total = wear(&mut self.counts, 0.99);
        self.values[slot] = c;
        if !self.after.is_empty() {
            self.after[slot * SLOTS..(slot + 1) * SLOTS].fill(0.0);
            self.after_total[slot] = 0.0;
            for b in 0..SLOTS {
                self.after_total[b] -= self.after[b * SLOTS + slot];
                self.after[b * SLOTS + slot] = 0.0;
            }
        }
        slot
    }
}

impl Persist for Table {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.section("table")?;
        s.f64s("values", &mut self.values)?;
        s.f32s("counts", &mut self.counts)?;
        s.f32("total", &mut self.total)?;
        self.novelty.walk(s)?;
        s.f32s("after", &mut self.after)?;
        s.f32s("after_total", &mut self.after_total)?;
        let n = self.values.len();
        let rows = if self.after.is_empty() { 0 } else { SLOTS };
        if n > SLOTS || self.counts.len() != n || self.after.len() != rows * SLOTS || self.after_total.len() != rows {
            return Err(StateError::Invalid("table"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mass_never_exceeds_one() {
        let u = Units::new();
        let mut t = Table::new(true);
        let mut before = NOWHERE;
        for i in 0..3000u64 {
            let c = ((i * i * 31 + i / 7) % (10 + i / 20)) as f64;
            let (mut a, mut b) = (0.0, 0.0);
            for k in -50..1000 {
                let (x, y) = t.mass(t.find(&u, k as f64), before, 1.0 / 1050.0);
                a += x;
                b += y;
            }
            assert!(a <= 1.0 + 1e-6 && b <= 1.0 + 1e-6, "{i}: {a} {b}");
            let slot = t.find(&u, c);
            t.learn(c, slot, before);
            before = t.find(&u, c);
        }
    }
}
