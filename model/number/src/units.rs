//! A column's own units: where its values lie, how far they spread, and how finely they are written.
//!
//! Everything linear works on z = (y − `base`) / `unit`. The two follow the column slowly and move only in steps; at a
//! step the regressions are converted exactly (see `rls`), so a learner does not notice it. A lasting jump (six values
//! in a row outside twelve units) or a lasting collapse of the spread starts the statistics afresh.

use surmise_experts::RunningMean;
use surmise_state::{Persist, State, StateError};

/// Centre and spread of the column.
const SPREAD: RunningMean = RunningMean::new(0.002);
/// Mean change from one value to the next.
const STEP: RunningMean = RunningMean::new(0.01);
/// Values in a row that make a jump lasting.
const JUMP_RUN: u32 = 6;
/// Changes in a row, each far below the spread, that make the spread an error.
const CALM_RUN: u32 = 16;
/// Most decimals that are looked for.
const DECIMALS_MAX: u32 = 40;
/// A value lies outside when it is so many units from the centre.
const JUMP_UNITS: f64 = 12.0;
/// A change is calm when it is less than this part of the spread.
const CALM_PART: f64 = 1e-7;
/// A forecast may stray from the previous value by so many mean changes.
const REACH_STEPS: f64 = 6.0;
/// The unit follows the spread once it is off by these factors, or the base once it is off by so many units …
const UNIT_OFF: std::ops::Range<f64> = 0.7..1.4;
const BASE_OFF_UNITS: f64 = 0.5;
/// … and beyond these factors, or so many units, nothing can be converted.
const UNIT_LOST: std::ops::Range<f64> = 1e-3..1e3;
const BASE_LOST_UNITS: f64 = 100.0;
/// Cells are at least this fraction of the unit (2^-24).
const CELL_UNITS_MIN: f64 = 1.0 / 16_777_216.0;
/// Cells are at least this fraction of the value itself (2^-44).
const CELL_VALUE_PART_MIN: f64 = 1.0 / 17_592_186_044_416.0;

/// How units changed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Rebase {
    /// Not at all.
    None,
    /// What was z is now z', where z = a z' + c: the unit grew by the factor `a`, and the base moved by `c` old units.
    Soft { a: f64, c: f64 },
    /// The old units mean nothing any more.
    Hard,
    /// As `Hard`, for others: the column itself goes on from what it had learnt in the units that it has again.
    Resumed,
}

/// Where a column's values lie and how far they spread, the units and cells that follow from it, and buckets.
#[derive(Clone, Debug)]
pub(crate) struct ColumnUnits {
    /// Values seen.
    pub(crate) seen: u64,
    /// Values since the statistics last started afresh.
    age: u64,
    mean: f64,
    spread: f64,
    /// Centre and unit of z in force.
    pub(crate) base: f64,
    pub(crate) unit: f64,
    /// Mean |y − previous|, of the key's own previous value.
    step: f64,
    steps: u64,
    /// Decimals with which values have been written.
    decimals: u32,
    /// Width of a cell near the base.
    pub(crate) quantum: f64,
    /// 1 / `quantum`, exact: a power of ten or of two.
    pub(crate) inverse: f64,
    /// Run of values outside, and their own centre and spread.
    run: u32,
    run_mean: f64,
    run_spread: f64,
    /// Run of changes far below the spread.
    calm: u32,
    last: f64,
    /// Quantiles 1/16 … 15/16 of the past, for buckets.
    marks: [f64; 15],
}

/// 10^d, the same on every machine.
fn power_of_ten(d: u32) -> f64 {
    (0..d).fold(1.0, |p, _| p * 10.0)
}

/// 2^⌊log₂ x⌋ of a positive normal number.
fn binade(x: f64) -> f64 {
    f64::from_bits(x.to_bits() & 0x7ff0_0000_0000_0000)
}

/// The nearest integer of a number below 2^52 in size; ties to even, without a call.
#[inline(always)]
pub(crate) fn round(x: f64) -> f64 {
    const M: f64 = 6_755_399_441_055_744.0;
    if x.abs() < 2_251_799_813_685_248.0 { (x + M) - M } else { x }
}

surmise_lanes::kernels! {
    /// The first of `values` whose cell has the number `index`, cells being 1/`inverse` wide.
    fn find(values: &[f64], inverse: f64, index: f64) -> Option<usize> {
        for (c, part) in values.chunks(16).enumerate() {
            let mut any = false;
            for v in part { any |= round(*v * inverse) == index; }
            if any {
                for (i, v) in part.iter().enumerate() {
                    if round(*v * inverse) == index { return Some(c * 16 + i); }
                }
            }
        }
        None
    }
}

impl ColumnUnits {
    pub(crate) fn new() -> Self {
        Self {
            seen: 0,
            age: 0,
            mean: 0.0,
            spread: 0.0,
            base: 0.0,
            unit: 1.0,
            step: 0.0,
            steps: 0,
            decimals: 0,
            quantum: 1.0,
            inverse: 1.0,
            run: 0,
            run_mean: 0.0,
            run_spread: 0.0,
            calm: 0,
            last: 0.0,
            marks: [0.0; 15],
        }
    }

    /// z of a raw value, within ±20.
    #[inline]
    pub(crate) fn z(&self, y: f64) -> f64 {
        ((y - self.base) / self.unit).clamp(-20.0, 20.0)
    }

    /// Whether a value lies so far from the others that a run of such is a jump.
    #[inline]
    pub(crate) fn is_outside(&self, y: f64) -> bool {
        (y - self.base).abs() > JUMP_UNITS * self.unit
    }

    /// How many values in a row have lain outside.
    pub(crate) fn outside_run(&self) -> u32 {
        self.run
    }

    /// The slow mean.
    pub(crate) fn centre(&self) -> f64 {
        self.mean
    }

    /// The median of the past.
    pub(crate) fn half(&self) -> f64 {
        self.marks[7]
    }

    /// The cell that holds `y`: centre and half width.
    #[inline]
    pub(crate) fn cell(&self, y: f64) -> (f64, f64) {
        let q = self.quantum.max(y.abs() * CELL_VALUE_PART_MIN);
        (if q == self.quantum { self.centre_of(y) } else { y }, 0.5 * q)
    }

    /// The middle of a cell near the base: the number that is written so in decimals.
    #[inline]
    pub(crate) fn centre_of(&self, y: f64) -> f64 {
        round(y * self.inverse) / self.inverse
    }

    /// The number of a value's cell: equal for values of one cell.
    #[inline]
    pub(crate) fn index(&self, y: f64) -> f64 {
        round(y * self.inverse)
    }

    /// The first of `values` in the cell of `y`.
    pub(crate) fn find(&self, values: &[f64], y: f64) -> Option<usize> {
        find(values, self.inverse, self.index(y))
    }

    /// How far a forecast may stray from the previous value.
    #[inline]
    pub(crate) fn reach(&self) -> f64 {
        REACH_STEPS * self.step.max(self.quantum)
    }

    /// A forecast's smallest scale.
    #[inline]
    pub(crate) fn least(&self) -> f64 {
        (0.01 * self.quantum).max(1e-290)
    }

    /// Whether `y` is a multiple of `q`, up to the rounding of its own type.
    fn is_multiple(y: f64, inverse: f64) -> bool {
        let x = (y * inverse).abs();
        let tolerance = if (y as f32) as f64 == y { 1.2e-7 } else { 1e-15 };
        (x - round(x)).abs() <= (tolerance * x).min(0.1) || x >= 2_251_799_813_685_248.0
    }

    /// Sets the width of cells, of which the last value is a multiple if decimals can be told.
    fn set_quantum(&mut self, y: f64) {
        let floor = (binade(self.unit) * CELL_UNITS_MIN).clamp(1e-290, 1e290);
        // what is next to nothing says nothing of decimals
        while y.abs() > 1e-30
            && self.decimals < DECIMALS_MAX
            && power_of_ten(self.decimals) < 1.0 / floor
            && !Self::is_multiple(y, power_of_ten(self.decimals))
        {
            self.decimals += 1;
        }
        self.inverse = power_of_ten(self.decimals).min(1.0 / floor);
        self.quantum = 1.0 / self.inverse;
    }

    /// Takes a value in; `previous` is the same key's one before it. Returns how the units changed.
    pub(crate) fn learn(&mut self, y: f64, previous: Option<f64>) -> Rebase {
        if let Some(d) = previous.map(|previous| (y - previous).abs()).filter(|d| d.is_finite()) {
            self.steps += 1;
            let r = STEP.rate(self.steps as f64);
            let cap = if self.steps < 3 { d } else { 20.0 * self.step.max(self.quantum) };
            self.step += r * (d.min(cap) - self.step);
        }
        self.seen += 1;
        self.follow_marks(y);
        let hard = self.follow(y);
        if self.seen == 1 {
            // nothing is known of the spread: half of what the value itself suggests
            self.base = y;
            self.unit = (0.1 * y.abs()).max(1e-300);
            self.set_quantum(y);
            self.unit = self.unit.max(self.quantum);
            return Rebase::Hard;
        }
        let unit = (1.25 * self.spread).max(0.5 * self.quantum).max(self.mean.abs() * 1e-13).max(1e-300);
        let out = if hard || !UNIT_LOST.contains(&(unit / self.unit)) {
            (self.base, self.unit) = (self.mean, unit);
            if self.step > 1e3 * unit {
                (self.step, self.steps) = (unit, 10);
            }
            Rebase::Hard
        } else if (self.mean - self.base).abs() > BASE_OFF_UNITS * self.unit || !UNIT_OFF.contains(&(unit / self.unit))
        {
            let (a, c) = (unit / self.unit, (self.mean - self.base) / self.unit);
            (self.base, self.unit) = (self.mean, unit);
            if c.abs() > BASE_LOST_UNITS { Rebase::Hard } else { Rebase::Soft { a, c } }
        } else {
            Rebase::None
        };
        self.set_quantum(y);
        out
    }

    /// Follows mean and spread; returns whether they started afresh.
    fn follow(&mut self, y: f64) -> bool {
        let e = y - self.mean;
        self.age += 1;
        let r = SPREAD.rate(self.age as f64);
        if self.seen == 1 {
            (self.mean, self.spread) = (y, 0.0);
            self.last = y;
            return false;
        }
        if self.is_outside(y) {
            self.run += 1;
            let rate = 1.0 / self.run as f64;
            let distance = y - self.run_mean;
            self.run_mean += rate * distance;
            if self.run > 1 {
                self.run_spread += rate * (distance.abs() - self.run_spread);
            }
        } else {
            (self.run, self.run_mean, self.run_spread) = (0, 0.0, 0.0);
        }
        let d = (y - self.last).abs();
        if d > 0.0 {
            self.calm = if d < CALM_PART * self.spread { self.calm + 1 } else { 0 };
        }
        let near = self.last;
        self.last = y;
        // a lasting jump: the run's own statistics take over
        if self.run >= JUMP_RUN && self.run_mean.is_finite() {
            (self.mean, self.spread) = (self.run_mean, self.run_spread);
            (self.age, self.run, self.calm) = (JUMP_RUN as u64, 0, 0);
            (self.run_mean, self.run_spread) = (0.0, 0.0);
            return true;
        }
        // a lasting calm: the spread was made by something that is over
        if self.calm >= CALM_RUN {
            (self.mean, self.spread) = (y, (y - near).abs());
            (self.age, self.calm) = (JUMP_RUN as u64, 0);
            return true;
        }
        let cap = if self.age <= 3 { 8.0 * self.unit } else { 10.0 * (self.spread).max(0.5 * self.quantum) };
        let e = crate::bounds::within(e, -cap, cap);
        self.mean += r * e;
        self.spread += r * (e.abs() - self.spread);
        false
    }

    /// Moves the quantiles for buckets towards a value, by stochastic approximation.
    fn follow_marks(&mut self, y: f64) {
        if self.seen == 1 {
            self.marks = [y; 15];
            return;
        }
        let r = self.unit * (4.0 / (self.seen as f64 + 8.0)).max(0.005);
        for (i, m) in self.marks.iter_mut().enumerate() {
            let p = (i + 1) as f64 / 16.0;
            let far = if (y - *m).abs() > 8.0 * self.unit { 16.0 } else { 1.0 };
            *m += r * far * if y > *m { p } else { p - 1.0 };
        }
    }

    /// 0..16: where `y` lies among the column's own past; values in one cell share a bucket.
    pub(crate) fn bucket(&self, y: f64) -> u32 {
        if y.is_nan() {
            return 0;
        }
        let (mut b, mut top) = (0, f64::NEG_INFINITY);
        for m in &self.marks {
            top = top.max(*m);
            b += u32::from(y > top + 0.25 * self.quantum);
        }
        b
    }
}

impl Persist for ColumnUnits {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.section("units")?;
        s.u64("seen", &mut self.seen)?;
        s.u64("age", &mut self.age)?;
        s.u64("steps", &mut self.steps)?;
        s.u32("decimals", &mut self.decimals)?;
        s.u32("run", &mut self.run)?;
        s.u32("calm", &mut self.calm)?;
        for v in [
            &mut self.mean,
            &mut self.spread,
            &mut self.base,
            &mut self.unit,
            &mut self.step,
            &mut self.quantum,
            &mut self.inverse,
            &mut self.run_mean,
            &mut self.run_spread,
            &mut self.last,
        ] {
            s.f64("units", v)?;
        }
        s.f64s_fixed("marks", &mut self.marks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_found_through_rounding() {
        let mut u = ColumnUnits::new();
        for (y, q) in [(3.0, 1.0), (2.5, 0.1), (51.846_000_000_000_004, 1e-3), (5.827f32 as f64, 1e-3), (7.0, 1e-3)] {
            u.learn(y, None);
            assert!((u.quantum / q - 1.0).abs() < 1e-9, "{y}: {}", u.quantum);
        }
        let (c, h) = u.cell(5.827f32 as f64);
        assert!((c - 5.827).abs() < 1e-12 && (h - 0.0005).abs() < 1e-12);
    }

    #[test]
    fn a_jump_and_a_collapse_are_followed() {
        let mut u = ColumnUnits::new();
        let wave = |i: i32| ((i * 37) % 100) as f64 / 10.0;
        (0..500).for_each(|i| _ = u.learn(wave(i), None));
        let hard = (0..10).filter(|i| u.learn(1e9 + wave(*i), None) == Rebase::Hard).count();
        assert!(hard >= 1 && (u.base - 1e9).abs() < 20.0, "{u:?}");
        u.learn(1e308, Some(0.0));
        u.learn(-1e308, Some(0.0));
        (0..500).for_each(|i| _ = u.learn(wave(i), None));
        assert!(u.base.abs() < 20.0 && u.unit < 20.0, "{u:?}");
    }

    #[test]
    fn buckets_split_the_past_evenly() {
        let mut u = ColumnUnits::new();
        let wave = |i: i64| ((i * 7919) % 10007) as f64;
        (0..4000).for_each(|i| _ = u.learn(wave(i), None));
        let mut n = [0; 16];
        (4000..8000).for_each(|i| n[u.bucket(wave(i)) as usize] += 1);
        assert!(n.iter().all(|n| (100..450).contains(n)), "{n:?}");
    }
}
