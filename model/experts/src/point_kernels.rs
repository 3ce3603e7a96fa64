//! What is computed for all experts of a point mixture at once, block by block of eight lanes.
//!
//! Slices have the same length, a multiple of a block, and blocks have theirs at compile time: so few lanes would
//! otherwise be left to the loops for what remains. All sums run in one order and never fuse.

use surmise_lanes::kernels;

/// Mixtures of the first layer.
pub(crate) const MIXTURES: usize = 5;
/// Those of them that weigh by discounted losses.
pub(crate) const FOLLOWERS: usize = MIXTURES - 2;
/// Lanes of a block.
const BLOCK: usize = 8;
/// A discounted loss starts as so many rounds of the follower's own: what has just begun is neither trusted nor lost.
pub(crate) const PRIOR_ROUNDS: f64 = 4.0;
/// A follower's weight is at least this part of the largest.
const WEIGHT_MIN: f64 = 1e-200;

#[inline(always)]
fn blocks(x: &[f64]) -> &[[f64; BLOCK]] {
    x.as_chunks().0
}

#[inline(always)]
fn blocks_mut(x: &mut [f64]) -> &mut [[f64; BLOCK]] {
    x.as_chunks_mut().0
}

#[inline(always)]
fn sum(s: &[f64; BLOCK]) -> f64 {
    ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]))
}

/// Weights by the sixth power of discounted losses, or the twelfth; 0 for experts that took part in fewer than `trial`
/// rounds.
#[inline(always)]
fn weigh_blocks(mean: &[f64], seen: &[f64], trial: f64, twelfth: bool, out: &mut [f64]) {
    let mut m = [f64::INFINITY; BLOCK];
    for mean in blocks(mean) {
        for i in 0..BLOCK {
            m[i] = if mean[i] < m[i] { mean[i] } else { m[i] };
        }
    }
    let least = m.into_iter().fold(1e300, |a, b| if b < a { b } else { a });
    let least = if least > 1e-300 { least } else { 1e-300 };
    for ((mean, seen), out) in blocks(mean).iter().zip(blocks(seen)).zip(blocks_mut(out)) {
        for i in 0..BLOCK {
            let q = least / if mean[i] > least { mean[i] } else { least };
            let q = q * q * q;
            let q = q * q;
            let q = if twelfth { q * q } else { q };
            let q = if q > WEIGHT_MIN { q } else { WEIGHT_MIN };
            out[i] = if seen[i] < trial { 0.0 } else { q };
        }
    }
}

kernels! {
    /// Σ w m x of each mixture, and Σ w m, where its weights and who takes part are `mixtures`.
    pub(crate) fn averages(mixtures: [(&[f64], &[f64]); MIXTURES], x: &[f64]) -> [[f64; MIXTURES]; 2] {
        let [mut sums, mut totals] = [[0.0; MIXTURES]; 2];
        for ((w, m), (all, total)) in mixtures.into_iter().zip(sums.iter_mut().zip(&mut totals)) {
            let (mut s, mut t) = ([0f64; BLOCK], [0f64; BLOCK]);
            for ((w, m), x) in blocks(w).iter().zip(blocks(m)).zip(blocks(x)) {
                for i in 0..BLOCK {
                    let v = w[i] * m[i];
                    s[i] += v * x[i];
                    t[i] += v;
                }
            }
            (*all, *total) = (sum(&s), sum(&t));
        }
        [sums, totals]
    }

    /// Takes those of `given` that are finite and `present`, and writes who that is; returns their range.
    pub(crate) fn take(given: &[f64], present: &mut [f64], out: &mut [f64]) -> (f64, f64) {
        let (mut low, mut high) = ([f64::INFINITY; BLOCK], [f64::NEG_INFINITY; BLOCK]);
        for ((x, m), out) in blocks(given).iter().zip(blocks_mut(present)).zip(blocks_mut(out)) {
            for i in 0..BLOCK {
                let there = (m[i] > 0.0) & (x[i].abs() < f64::INFINITY);
                m[i] = if there { 1.0 } else { 0.0 };
                out[i] = if there { x[i] } else { 0.0 };
                low[i] = if there & (x[i] < low[i]) { x[i] } else { low[i] };
                high[i] = if there & (x[i] > high[i]) { x[i] } else { high[i] };
            }
        }
        for i in 1..BLOCK {
            low[0] = if low[i] < low[0] { low[i] } else { low[0] };
            high[0] = if high[i] > high[0] { high[i] } else { high[0] };
        }
        (low[0], high[0])
    }

    /// Squared or absolute distances of the forecasts from a truth.
    pub(crate) fn distances(x: &[f64], y: f64, squared: bool, out: &mut [f64]) {
        for (x, out) in blocks(x).iter().zip(blocks_mut(out)) {
            for i in 0..BLOCK {
                let d = x[i] - y;
                out[i] = if squared { d * d } else { d.abs() };
            }
        }
    }

    /// What a mixture lost beyond each expert that took part, where `own` is its loss.
    pub(crate) fn regrets(loss: &[f64], m: &[f64], own: f64, out: &mut [f64]) {
        for ((loss, m), out) in blocks(loss).iter().zip(blocks(m)).zip(blocks_mut(out)) {
            for i in 0..BLOCK { out[i] = m[i] * (own - loss[i]); }
        }
    }

    /// The same in the linearised loss of slope `slope` at the forecast `f`.
    pub(crate) fn linear_regrets(x: &[f64], m: &[f64], f: f64, slope: f64, out: &mut [f64]) {
        for ((x, m), out) in blocks(x).iter().zip(blocks(m)).zip(blocks_mut(out)) {
            for i in 0..BLOCK { out[i] = m[i] * (slope * (f - x[i])); }
        }
    }

    /// Adds what the whole lost beyond each expert, an absent one counting as `absent`.
    pub(crate) fn add_regrets(loss: &[f64], m: &[f64], own: f64, absent: f64, sum: &mut [f64]) {
        for ((loss, m), sum) in blocks(loss).iter().zip(blocks(m)).zip(blocks_mut(sum)) {
            for i in 0..BLOCK { sum[i] += own - (m[i] * loss[i] + (1.0 - m[i]) * absent); }
        }
    }

    /// Moves the discounted losses of all followers on, those of absent experts towards the follower's `own`, and
    /// weighs by them as [`weigh`] does: `rate` are the rates if nothing were forgotten, `least` each follower's. A
    /// loss counts as at most `most`. `known` is how often each took part, and how often it must have.
    pub(crate) fn follow(loss: &[f64], m: &[f64], rate: &[f64], own: [f64; FOLLOWERS], least: [f64; FOLLOWERS],
        most: f64, means: &mut [f64], known: (&[f64], f64), twelfth: bool, weights: &mut [f64]) {
        let n = loss.len();
        let followers = means.chunks_exact_mut(n).zip(weights.chunks_exact_mut(n));
        for ((mean, weights), (own, least)) in followers.zip(own.into_iter().zip(least)) {
            let given = blocks(loss).iter().zip(blocks(m)).zip(blocks(rate));
            for (((loss, m), rate), mean) in given.zip(blocks_mut(mean)) {
                for i in 0..BLOCK {
                    let rate = if rate[i] > least { rate[i] } else { least };
                    let loss = if loss[i] < most { loss[i] } else { most };
                    mean[i] += rate * (m[i] * loss + (1.0 - m[i]) * own - mean[i]);
                }
            }
            weigh_blocks(mean, known.0, known.1, twelfth, weights);
        }
    }

    /// Weights by the sixth power of discounted losses, or the twelfth; 0 for experts that took part in fewer than
    /// `trial` rounds.
    pub(crate) fn weigh(mean: &[f64], seen: &[f64], trial: f64, twelfth: bool, out: &mut [f64]) {
        weigh_blocks(mean, seen, trial, twelfth, out);
    }

    /// Counts who took part; gives the rates of means that start with [`PRIOR_ROUNDS`].
    pub(crate) fn count(m: &[f64], all: f64, seen: &mut [f64], rate: &mut [f64]) {
        for ((m, seen), rate) in blocks(m).iter().zip(blocks_mut(seen)).zip(blocks_mut(rate)) {
            for i in 0..BLOCK {
                seen[i] += m[i];
                let n = m[i] * seen[i] + (1.0 - m[i]) * all;
                rate[i] = 1.0 / (n + PRIOR_ROUNDS);
            }
        }
    }
}
