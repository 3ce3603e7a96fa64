//! Experts that put mass on single values: the last one again, values seen often, steps seen often.
//!
//! Each gives its spike what experience says and leaves the rest to the density mixture, so that it is a whole
//! distribution: with novelty ε, mass(cell) = (1−ε) · share of the cell among the remembered + ε · density mass.
//! Novelty is counted as in Krichevsky-Trofimov, and forgotten slowly.

use crate::units::ColumnUnits;
use surmise_experts::RunningMean;
use surmise_lanes::select_or_zero;
use surmise_state::{Persist, State, StateError};

/// The most values that one table remembers.
pub(crate) const VALUES_MAX: usize = 64;
/// Total count at which counts are halved.
const COUNT_MAX: f32 = 512.0;
/// Successions are counted according to how often a value was not in the table: not where most are new.
const SUCCESSION_NOVELTY_MAX: f64 = 0.4;
/// Counts of a succession start as if it had been seen so often, as values are distributed without it.
const PRIOR: f64 = 0.5;

/// An adaptive probability: it counts at first, and then forgets.
#[derive(Clone, Debug)]
pub(crate) struct Odds {
    p: f64,
    n: f64,
    /// The slowest rate.
    rate_min: f64,
}

impl Odds {
    /// A probability that starts at `p` and remembers about 1/`rate_min` outcomes.
    pub(crate) fn new(p: f64, rate_min: f64) -> Self {
        Self { p, n: 0.0, rate_min }
    }
    /// The probability.
    pub(crate) fn get(&self) -> f64 {
        self.p
    }
    /// Takes in an outcome.
    pub(crate) fn learn(&mut self, yes: bool) {
        let r = RunningMean::new(self.rate_min).rate(self.n + 1.6);
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
    fn counted_below(values: &[f64], counts: &[f32], x: f64) -> f32 {
        let mut s = [0f32; 16];
        let (v, n) = (values.chunks_exact(16), counts.chunks_exact(16));
        let (rv, rn) = (v.remainder(), n.remainder());
        for (v, n) in v.zip(n) {
            for i in 0..16 { s[i] += select_or_zero(v[i] < x, n[i]); }
        }
        for (i, (v, n)) in rv.iter().zip(rn).enumerate() { s[i] += select_or_zero(*v < x, *n); }
        surmise_lanes::sum(&s)
    }
}

surmise_lanes::kernels! {
    /// The first of the least counts.
    fn least(counts: &[f32]) -> usize {
        let mut m = [f32::INFINITY; 16];
        for part in counts.chunks(16) {
            for (m, n) in m.iter_mut().zip(part) { *m = if *n < *m { *n } else { *m }; }
        }
        let all = m.iter().copied().fold(f32::INFINITY, f32::min);
        counts.iter().position(|n| *n == all).unwrap_or(0)
    }

    /// Scales all counts; their new sum.
    fn wear(counts: &mut [f32], by: f32) -> f32 {
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

/// At most [`VALUES_MAX`] distinct values with counts, and optionally counts by the slot that came before.
#[derive(Clone, Debug)]
pub(crate) struct ValueTable {
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

impl ValueTable {
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
    pub(crate) fn find(&self, units: &ColumnUnits, y: f64) -> Option<usize> {
        units.find(&self.values, y)
    }

    /// P(a value that is not remembered).
    pub(crate) fn novelty(&self) -> f64 {
        if self.values.is_empty() { 1.0 } else { self.novelty.get() }
    }

    /// Counts of each slot after the slot `before`, `[VALUES_MAX]`, and their sum; none where successions are not
    /// counted.
    fn after(&self, before: Option<usize>) -> Option<(&[f32], f64)> {
        let before = before.filter(|_| !self.after.is_empty())?;
        Some((&self.after[before * VALUES_MAX..(before + 1) * VALUES_MAX], self.after_total[before] as f64))
    }

    /// Remembered values with their probability, given that the value is remembered and follows the slot `before`.
    pub(crate) fn spikes(&self, before: Option<usize>) -> impl Iterator<Item = (f64, f64)> + '_ {
        let inverse = 1.0 / self.total as f64;
        let (row, all) = match self.after(before) {
            Some((row, total)) => (row, 1.0 / (total + PRIOR)),
            None => (&self.after[..0], 1.0),
        };
        (0..self.values.len()).map(move |i| {
            let p = self.counts[i] as f64 * inverse;
            (self.values[i], row.get(i).map_or(p, |n| (*n as f64 + PRIOR * p) * all))
        })
    }

    /// P(a value below `x` | remembered): by counts alone, and by counts after the slot `before`.
    pub(crate) fn below(&self, x: f64, before: Option<usize>) -> (f64, f64) {
        if self.values.is_empty() {
            return (0.0, 0.0);
        }
        let p = counted_below(&self.values, &self.counts, x) as f64 / self.total as f64;
        let Some((row, total)) = self.after(before) else { return (p, p) };
        let n = counted_below(&self.values, &row[..self.values.len()], x) as f64;
        (p, (n + PRIOR * p) / (total + PRIOR))
    }

    /// Writes `by.0` · P(value) + `by.1` · P(value | slot `before`) to `out`, given that the value is remembered;
    /// returns the values.
    pub(crate) fn weigh(&self, before: Option<usize>, by: (f64, f64), out: &mut [f32]) -> &[f64] {
        let after = self.after(before);
        let all = after.map_or(by.1, |(_, total)| by.1 / (total + PRIOR));
        let scale = ((by.0 + if after.is_some() { PRIOR * all } else { all }) / self.total as f64) as f32;
        for (o, n) in out.iter_mut().zip(&self.counts) {
            *o = scale * n;
        }
        if let Some((row, _)) = after {
            for (o, n) in out.iter_mut().zip(row) {
                *o += all as f32 * n;
            }
        }
        &self.values
    }

    /// P(slot | remembered): by counts alone, and by counts after the slot `before`.
    fn chances(&self, slot: usize, before: Option<usize>) -> (f64, f64) {
        let p = (self.counts[slot] / self.total) as f64;
        match self.after(before) {
            Some((row, total)) => (p, (row[slot] as f64 + PRIOR * p) / (total + PRIOR)),
            None => (p, p),
        }
    }

    /// Mass of the cell whose slot is `slot`, with `density` for what is not remembered: by counts alone, and by
    /// counts after the slot `before`.
    pub(crate) fn mass(&self, slot: Option<usize>, before: Option<usize>, density: f64) -> (f64, f64) {
        let novelty = self.novelty();
        let Some(slot) = slot else { return (novelty * density, novelty * density) };
        let (alone, after) = self.chances(slot, before);
        ((1.0 - novelty) * alone + novelty * density, (1.0 - novelty) * after + novelty * density)
    }

    /// Takes in the value of the cell `c`, which `find` placed in `slot`.
    pub(crate) fn learn(&mut self, c: f64, slot: Option<usize>, before: Option<usize>) {
        self.novelty.learn(slot.is_none());
        let slot = if let Some(slot) = slot {
            slot
        } else if self.values.len() < VALUES_MAX {
            self.values.push(c);
            self.counts.push(0.0);
            self.values.len() - 1
        } else {
            self.evict(c)
        };
        self.counts[slot] += 1.0;
        self.total += 1.0;
        if self.total > COUNT_MAX {
            self.total = wear(&mut self.counts, 0.5);
        }
        let before = before.filter(|before| self.ordered && *before < self.values.len());
        if let (Some(before), true) = (before, self.novelty.get() < SUCCESSION_NOVELTY_MAX) {
            if self.after.is_empty() {
                self.after = vec![0.0; VALUES_MAX * VALUES_MAX];
                self.after_total = vec![0.0; VALUES_MAX];
            }
            self.after[before * VALUES_MAX + slot] += 1.0;
            self.after_total[before] += 1.0;
            if self.after_total[before] > COUNT_MAX {
                let row = &mut self.after[before * VALUES_MAX..(before + 1) * VALUES_MAX];
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
            self.after[slot * VALUES_MAX..(slot + 1) * VALUES_MAX].fill(0.0);
            self.after_total[slot] = 0.0;
            for b in 0..VALUES_MAX {
                self.after_total[b] -= self.after[b * VALUES_MAX + slot];
                self.after[b * VALUES_MAX + slot] = 0.0;
            }
        }
        slot
    }
}

impl Persist for ValueTable {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.section("table")?;
        s.f64s("values", &mut self.values)?;
        s.f32s("counts", &mut self.counts)?;
        s.f32("total", &mut self.total)?;
        self.novelty.walk(s)?;
        s.f32s("after", &mut self.after)?;
        s.f32s("after_total", &mut self.after_total)?;
        let n = self.values.len();
        let rows = if self.after.is_empty() { 0 } else { VALUES_MAX };
        if n > VALUES_MAX
            || self.counts.len() != n
            || self.after.len() != rows * VALUES_MAX
            || self.after_total.len() != rows
        {
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
        let u = ColumnUnits::new();
        let mut t = ValueTable::new(true);
        let mut before = None;
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
