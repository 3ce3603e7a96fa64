//! Recursive least squares with forgetting, made safe for a learner that never restarts.
//!
//! Source: Haykin, *Adaptive Filter Theory*, ch. 10. Four guards keep it from winding up: the forgetting factor is at
//! least 0.998, nothing is forgotten while the trace of the inverse correlation is above its start, innovations are
//! clipped at four times their own mean size (once that is known), and an update that is not finite is undone by a
//! restart of the inverse correlation. The size that clips is that of the raw innovations: a scale of clamped forecasts
//! would let a regression that went astray grow sure without ever being corrected.
//! All sums run over blocks of eight lanes in one order and never fuse, so every kernel gives the same bits.

use crate::dims::{BLOCK, padded};
use surmise_experts::RunningMean;
use surmise_lanes::kernels;
use surmise_state::{Persist, State, StateError};

/// Linear regressions of `outs` targets on the same `dims` regressors, followed with forgetting.
#[derive(Clone, Debug)]
pub(crate) struct LeastSquares {
    dims: usize,
    outs: usize,
    /// `dims` rounded up to a block; padding stays zero.
    stride: usize,
    /// The forgetting factor λ, and the diagonal of the inverse correlation at its start.
    lambda: f64,
    start: f64,
    /// Inverse correlation P, `[dims, stride]`, row-major.
    p: Vec<f64>,
    /// Weights, `[outs, stride]`, row-major.
    w: Vec<f64>,
    /// Gain of the last [`LeastSquares::gain`], `[stride]`.
    k: Vec<f64>,
    /// Mean size of the raw innovations of each target, and of how many.
    size: Vec<f64>,
    seen: Vec<u32>,
}

/// Innovations are clipped at so many of their mean sizes …
const CLIP_SIZES_MAX: f64 = 4.0;
/// … and never below this (targets have a unit of about one): rare jumps that could be foreseen are no outliers …
const CLIP_MIN: f64 = 2.0;
/// Mean size of the innovations.
const SIZE: RunningMean = RunningMean::new(0.02);
/// … once so many have been seen.
const CLIP_AFTER: u32 = 30;
/// Weights stay below this.
const WEIGHT_MAX: f64 = 1e9;

#[inline(always)]
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut s = [0f64; BLOCK];
    for (x, y) in a.chunks_exact(BLOCK).zip(b.chunks_exact(BLOCK)) {
        for i in 0..BLOCK {
            s[i] += x[i] * y[i];
        }
    }
    ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]))
}

/// k = P x as a sum of rows, for rows of `B` blocks, so that the sum stays in registers.
#[inline(always)]
fn gain_rows<const B: usize>(p: &[f64], x: &[f64], k: &mut [f64]) {
    let mut sum = [[0f64; BLOCK]; B];
    for (row, x) in p.as_chunks::<BLOCK>().0.as_chunks::<B>().0.iter().zip(x) {
        for (sum, row) in sum.iter_mut().zip(row) {
            for i in 0..BLOCK {
                sum[i] += row[i] * x;
            }
        }
    }
    k.copy_from_slice(sum.as_flattened());
}

/// P = (P - k kᵀ / den) · grow, for rows of `N` lanes; returns whether the diagonal stayed positive and finite.
#[inline(always)]
fn shrink_rows<const N: usize>(p: &mut [f64], k: &[f64], inv: f64, grow: f64) -> bool {
    let Some(k) = k.first_chunk::<N>() else { return false };
    let mut fine = true;
    for (i, (row, ki)) in p.as_chunks_mut::<N>().0.iter_mut().zip(k).enumerate() {
        for j in 0..N {
            row[j] = (row[j] - (ki * k[j]) * inv) * grow;
        }
        // within the loop, which would be turned inside out without it
        fine &= (row[i] > 0.0) & (row[i] < 1e12);
    }
    fine
}

kernels! {
    fn product(a: &[f64], b: &[f64]) -> f64 { dot(a, b) }

    /// k = P x, with P symmetric, as a sum of rows; returns x · k.
    fn gain(p: &[f64], x: &[f64], dims: usize, k: &mut [f64]) -> f64 {
        let n = k.len();
        match n {
            8 => gain_rows::<1>(p, x, k),
            16 => gain_rows::<2>(p, x, k),
            24 => gain_rows::<3>(p, x, k),
            32 => gain_rows::<4>(p, x, k),
            40 => gain_rows::<5>(p, x, k),
            _ => {
                k.fill(0.0);
                for i in 0..dims {
                    let xi = x[i];
                    for (k, p) in k.iter_mut().zip(&p[i * n..(i + 1) * n]) { *k += p * xi; }
                }
            }
        }
        dot(k, x)
    }

    /// P = (P - k kᵀ / den) · grow; returns whether the diagonal stayed positive and finite.
    fn shrink(p: &mut [f64], k: &[f64], inv: f64, grow: f64) -> bool {
        let n = k.len();
        match n {
            8 => shrink_rows::<8>(p, k, inv, grow),
            16 => shrink_rows::<16>(p, k, inv, grow),
            24 => shrink_rows::<24>(p, k, inv, grow),
            32 => shrink_rows::<32>(p, k, inv, grow),
            40 => shrink_rows::<40>(p, k, inv, grow),
            _ => {
                let mut fine = true;
                for (i, (row, ki)) in p.chunks_exact_mut(n).zip(k).enumerate() {
                    for (p, k) in row.iter_mut().zip(k) { *p = (*p - (ki * k) * inv) * grow; }
                    fine &= (row[i] > 0.0) & (row[i] < 1e12);
                }
                fine
            }
        }
    }

    /// w += g k, unless a weight would be out of bounds.
    fn step(w: &mut [f64], k: &[f64], g: f64) {
        let mut far = [false; BLOCK];
        for (w, k) in w.as_chunks::<BLOCK>().0.iter().zip(k.as_chunks::<BLOCK>().0) {
            for i in 0..BLOCK {
                let is_near = (w[i] + g * k[i]).abs() < WEIGHT_MAX;
                far[i] |= !is_near;
            }
        }
        if far == [false; BLOCK] {
            for (w, k) in w.as_chunks_mut::<BLOCK>().0.iter_mut().zip(k.as_chunks::<BLOCK>().0) {
                for i in 0..BLOCK { w[i] += g * k[i]; }
            }
        }
    }
}

impl LeastSquares {
    pub(crate) fn new(dims: usize, outs: usize, lambda: f64, start: f64) -> Self {
        let stride = padded(dims);
        let mut r = Self {
            dims,
            outs,
            stride,
            lambda,
            start,
            p: vec![0.0; dims * stride],
            w: vec![0.0; outs * stride],
            k: vec![0.0; stride],
            size: vec![0.0; outs],
            seen: vec![0; outs],
        };
        r.restart();
        r
    }

    /// Forgets how sure it is, keeps what it believes.
    fn restart(&mut self) {
        self.p.fill(0.0);
        for i in 0..self.dims {
            self.p[i * self.stride + i] = self.start;
        }
    }

    pub(crate) fn set_weight(&mut self, out: usize, i: usize, v: f64) {
        self.w[out * self.stride + i] = v;
    }

    /// w · x; `x` is padded with zeros.
    pub(crate) fn predict(&self, out: usize, x: &[f64]) -> f64 {
        product(&self.w[out * self.stride..(out + 1) * self.stride], x)
    }

    /// The gain for regressors `x`: to be followed by [`LeastSquares::correct`] of each target, then
    /// [`LeastSquares::advance`].
    pub(crate) fn gain(&mut self, x: &[f64]) -> f64 {
        self.lambda + gain(&self.p, x, self.dims, &mut self.k)
    }

    /// The last gain divided by `den`, to be used later by [`LeastSquares::correct_along`].
    pub(crate) fn gain_over(&self, den: f64, to: &mut [f64]) {
        to.iter_mut().zip(&self.k).for_each(|(t, k)| *t = k / den);
    }

    /// As [`LeastSquares::correct`], along a gain of [`LeastSquares::gain_over`] that was kept until the target was
    /// known.
    pub(crate) fn correct_along(&mut self, out: usize, error: f64, gain: &[f64]) {
        let now = std::mem::replace(&mut self.k, gain.to_vec());
        self.correct(out, error, 1.0);
        self.k = now;
    }

    /// Moves the weights of one target along the gain, given its innovation.
    pub(crate) fn correct(&mut self, out: usize, error: f64, den: f64) {
        let (size, n) = (&mut self.size[out], &mut self.seen[out]);
        let known = *n >= CLIP_AFTER;
        let cap = (CLIP_SIZES_MAX * *size).max(CLIP_MIN);
        let e = if known { error.clamp(-cap, cap) } else { error };
        let g = e / den;
        if !g.is_finite() || den <= 0.0 {
            return;
        }
        let (r, most) = (SIZE.rate(*n as f64 + 1.0), if known { 8.0 * *size } else { 1e6 });
        *size += r * (error.abs().min(most) - *size).max(-0.9 * *size);
        *size = size.max(1e-12);
        *n = (*n + 1).min(1 << 30);
        let w = &mut self.w[out * self.stride..(out + 1) * self.stride];
        step(w, &self.k, g);
    }

    /// Takes the regressors of the last gain into the inverse correlation.
    pub(crate) fn advance(&mut self, den: f64) {
        let trace: f64 = self.p.iter().step_by(self.stride + 1).take(self.dims).sum();
        let grow = if trace < self.start * self.dims as f64 { 1.0 / self.lambda } else { 1.0 };
        let fine = den > 0.0 && den.is_finite();
        if !(fine && shrink(&mut self.p, &self.k, 1.0 / den, grow)) {
            self.restart();
        }
    }

    /// All of an update of one target.
    pub(crate) fn learn(&mut self, x: &[f64], error: f64) {
        let den = self.gain(x);
        self.correct(0, error, den);
        self.advance(den);
    }

    /// The regressors change their units: x_i = a x'_i + c for every `i` of `which`; the last regressor is constant.
    /// What is predicted and how surely stays the same.
    pub(crate) fn rebase_inputs(&mut self, which: &[usize], a: f64, c: f64) {
        let (n, last) = (self.stride, self.dims - 1);
        for out in 0..self.outs {
            let w = &mut self.w[out * n..(out + 1) * n];
            for &i in which {
                w[last] += w[i] * c;
                w[i] *= a;
            }
        }
        // x = T x', hence P' = Tᵀ P T
        for row in self.p.chunks_exact_mut(n) {
            for &i in which {
                row[last] += row[i] * c;
                row[i] *= a;
            }
        }
        for &i in which {
            for j in 0..n {
                let v = self.p[i * n + j];
                self.p[last * n + j] += v * c;
                self.p[i * n + j] = v * a;
            }
        }
        if (0..self.dims).any(|i| !(self.p[i * n + i] > 0.0 && self.p[i * n + i] < 1e6 * self.start)) {
            self.restart();
        }
    }

    /// The target changes its units: y' = a y + c; the last regressor is constant.
    pub(crate) fn rebase_target(&mut self, out: usize, a: f64, c: f64) {
        let w = &mut self.w[out * self.stride..(out + 1) * self.stride];
        for w in w.iter_mut() {
            *w *= a;
        }
        w[self.dims - 1] += c;
        self.size[out] *= a;
    }

    /// How much of the mean square of a target's errors one regressor saves, given the others: w² / P over the
    /// events that count.
    pub(crate) fn worth(&self, out: usize, i: usize) -> f64 {
        let w = self.w[out * self.stride + i];
        let events = f64::from(self.seen[out]).min(1.0 / (1.0 - self.lambda)).max(1.0);
        w * w / (self.p[i * self.stride + i] * events).max(1e-300)
    }

    /// Another regressor takes the place of the `i`-th: the others take over what they can of its part, and only its
    /// own row and column of the inverse correlation start again.
    pub(crate) fn replace(&mut self, i: usize) {
        let n = self.stride;
        let row: Vec<f64> = self.p[i * n..(i + 1) * n].to_vec();
        let pii = row[i];
        if pii > 0.0 && pii.is_finite() {
            for out in 0..self.outs {
                let w = &mut self.w[out * n..(out + 1) * n];
                let g = w[i] / pii;
                w.iter_mut().zip(&row).for_each(|(w, r)| *w -= g * r);
            }
            for (j, r) in row.iter().enumerate().take(self.dims) {
                let g = r / pii;
                self.p[j * n..(j + 1) * n].iter_mut().zip(&row).for_each(|(p, r)| *p -= g * r);
            }
        }
        for j in 0..self.dims {
            (self.p[i * n + j], self.p[j * n + i]) = (0.0, 0.0);
        }
        self.p[i * n + i] = self.start;
        for out in 0..self.outs {
            self.w[out * n + i] = 0.0;
        }
        let sound = (0..self.dims).all(|j| self.p[j * n + j] > 0.0);
        if !sound {
            self.restart();
        }
    }

    /// Mean size of a target's innovations and how many there were.
    pub(crate) fn size(&self, out: usize) -> (f64, u32) {
        (self.size[out], self.seen[out])
    }

    /// One target starts again from a single weight of one.
    pub(crate) fn reset(&mut self, out: usize, weights: &[(usize, f64)]) {
        self.w[out * self.stride..(out + 1) * self.stride].fill(0.0);
        weights.iter().for_each(|(i, v)| self.set_weight(out, *i, *v));
        (self.size[out], self.seen[out]) = (0.0, 0);
        self.restart();
    }

    /// The units changed so much that only slopes can be kept: no bias, start again on how sure it is.
    pub(crate) fn unsettle(&mut self, out: usize) {
        self.w[out * self.stride + self.dims - 1] = 0.0;
        (self.size[out], self.seen[out]) = (0.0, 0);
        self.restart();
    }
}

impl Persist for LeastSquares {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.section("rls")?;
        let (d, o) = (self.dims, self.outs);
        s.len("dims", &mut self.dims)?;
        s.len("outs", &mut self.outs)?;
        if (d, o) != (self.dims, self.outs) {
            (self.dims, self.outs) = (d, o);
            return Err(StateError::Mismatch("rls"));
        }
        s.f64s_fixed("p", &mut self.p)?;
        s.f64s_fixed("size", &mut self.size)?;
        s.u32s_fixed("seen", &mut self.seen)?;
        s.f64s_fixed("w", &mut self.w)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use surmise_fixtures::Random;

    #[test]
    fn finds_a_line_and_survives_a_change_of_units() {
        let mut r = LeastSquares::new(3, 1, 0.9995, 10.0);
        let mut random = Random::new(1);
        let mut draw = || f64::from(random.signed());
        let mut x = vec![0.0; padded(3)];
        for _ in 0..200 {
            (x[0], x[1], x[2]) = (draw(), draw(), 1.0);
            let y = 2.0 * x[0] - x[1] + 0.5;
            let e = y - r.predict(0, &x);
            r.learn(&x, e);
        }
        (x[0], x[1]) = (0.3, -0.4);
        let y = r.predict(0, &x);
        assert!((y - 1.5).abs() < 5e-3, "{y}");
        // x0 = 4 x0' + 1; then the target in units of 1/10
        r.rebase_inputs(&[0], 4.0, 1.0);
        x[0] = (0.3 - 1.0) / 4.0;
        assert!((r.predict(0, &x) - y).abs() < 1e-12);
        r.rebase_target(0, 10.0, -3.0);
        assert!((r.predict(0, &x) - (10.0 * y - 3.0)).abs() < 1e-11);
    }

    #[test]
    fn a_regressor_that_is_replaced_leaves_the_fit_without_it() {
        let mut random = Random::new(1);
        let mut draw = || f64::from(random.signed());
        let (mut with, mut without) = (LeastSquares::new(4, 1, 1.0, 1e6), LeastSquares::new(3, 1, 1.0, 1e6));
        let (mut x, mut z) = (vec![0.0; padded(4)], vec![0.0; padded(3)]);
        for _ in 0..300 {
            let (a, b) = (draw(), draw());
            let c = 0.7 * a + 0.3 * draw();
            let y = a - b + 2.0 * c + 0.1 * draw();
            (x[0], x[1], x[2], x[3]) = (a, c, b, 1.0);
            (z[0], z[1], z[2]) = (a, b, 1.0);
            with.learn(&x, y - with.predict(0, &x));
            without.learn(&z, y - without.predict(0, &z));
        }
        assert!(with.worth(0, 1) > 0.05);
        with.replace(1);
        assert_eq!(with.worth(0, 1), 0.0);
        let (said, best) = (with.predict(0, &x), without.predict(0, &z));
        assert!((said - best).abs() < 0.03, "{said} {best}");
    }

    #[test]
    fn poison_does_not_stay() {
        let mut r = LeastSquares::new(2, 1, 0.998, 1.0);
        let mut x = vec![0.0; padded(2)];
        (x[0], x[1]) = (1e200, 1.0);
        r.learn(&x, 1e200);
        for i in 0..500 {
            (x[0], x[1]) = (((i * 7) % 5) as f64 - 2.0, 1.0);
            let e = 3.0 * x[0] - r.predict(0, &x);
            r.learn(&x, e);
        }
        assert!((r.predict(0, &x) - 3.0 * x[0]).abs() < 0.05);
    }
}
