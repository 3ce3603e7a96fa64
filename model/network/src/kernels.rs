//! The arithmetic of the network on blocks of sixteen lanes, each sum in one fixed order.
//!
//! Shapes: H units, G = 3H gates in the order z, c, o; matrices are `[input, gate]`, row-major; rows of a chunk follow
//! one another. All widths are multiples of sixteen. Lanes of a block are numbered q.

use crate::rule::Rule;
use std::ops::Range;
use surmise_lanes::{kernels, madd, rsqrt, sigmoid, sum, tanh};

/// The input of gate z is held within ± this, so that 1 - z is never lost.
pub(crate) const GATE_INPUT_MAX: f32 = 20.0;

/// A gradient at a gate that is larger than this counts as not finite, as its products would soon overflow.
pub(crate) const GRADIENT_MAX: f32 = 1e8;

/// Added to the mean squared gradient of a unit that learns at once, so that its root is never zero.
pub(crate) const UNIT_FLOOR: f32 = 1e-7;

/// The sixteen numbers of a slice from a place on, as a local array: with slices alone the compiler gives up proving
/// that seven of them do not overlap, and computes one lane at a time.
#[inline(always)]
fn load(s: &[f32], at: usize) -> [f32; 16] {
    s[at..at + 16].try_into().expect("a slice has the length that was asked for")
}

#[inline(always)]
fn store(s: &mut [f32], at: usize, block: &[f32; 16]) {
    s[at..at + 16].copy_from_slice(block);
}

/// The update rule on N weights `w` with second moments `v` and gradients `g`, N of each.
#[inline(always)]
pub(crate) fn step_block<const FMA: bool, const N: usize>(g: &[f32; N], w: &mut [f32], v: &mut [f32], rule: &Rule) {
    if rule.probe {
        v[..N].copy_from_slice(g);
        return;
    }
    let (w, v): (&mut [f32; N], &mut [f32; N]) = (
        w.try_into().expect("a slice has the length that was asked for"),
        v.try_into().expect("a slice has the length that was asked for"),
    );
    let Rule { lr, rate, unbias, floor, .. } = *rule;
    for q in 0..N {
        let moment = madd::<FMA>(rate, madd::<FMA>(g[q], g[q], -v[q]), v[q]);
        v[q] = moment;
        w[q] = madd::<FMA>(-(lr * g[q]), rsqrt::<FMA>(madd::<FMA>(moment, unbias, floor)), w[q]);
    }
}

/// What the backward pass through the gates of one layer reads and writes, for the T rows of a chunk.
pub(crate) struct BackwardScan<'a> {
    /// H.
    pub hidden: usize,
    /// The rows to pass through.
    pub rows: Range<usize>,
    /// `[T]`: the row to which the gradient of each row flows, an earlier one, or [`NONE`](crate::NONE).
    pub links: &'a [u32],
    /// z, c, o `[T, 3H]`, which become dL/du.
    pub gates: &'a mut [f32],
    /// h of the step before, `[T, H]`.
    pub before: &'a [f32],
    /// `[T, H]`.
    pub h: &'a [f32],
    /// dL/dy of all layers, `[T, width]`.
    pub dy: &'a [f32],
    /// Features of all layers.
    pub width: usize,
    /// Where this layer's part of a row of `dy` starts.
    pub offset: usize,
    /// dL/dh, `[T, H]`, zero before the last row is passed.
    pub dh: &'a mut [f32],
}

kernels! {
    /// u += each row, in their order; `u` and every row: `[G]`.
    pub(crate) fn add(u: &mut [f32], rows: &[&[f32]]) {
        for (block, u) in u.as_chunks_mut::<16>().0.iter_mut().enumerate() {
            let mut sums = *u;
            for row in rows {
                let row = load(row, block * 16);
                for q in 0..16 {
                    sums[q] += row[q];
                }
            }
            *u = sums;
        }
    }

    /// Gate inputs `u` `[3H]` become z, c, o in place; h = before + z (c - before); y = o h. `before`, `h`, `y`: `[H]`.
    pub(crate) fn gates[FMA](u: &mut [f32], before: &[f32], h: &mut [f32], y: &mut [f32]) {
        let hidden = before.len();
        let (uz, rest) = u.split_at_mut(hidden);
        let (uc, uo) = rest.split_at_mut(hidden);
        for j in (0..hidden).step_by(16) {
            let (mut z, mut c, mut o, h_before) = (load(uz, j), load(uc, j), load(uo, j), load(before, j));
            let (mut h_now, mut y_now) = ([0f32; 16], [0f32; 16]);
            for q in 0..16 {
                z[q] = sigmoid::<FMA>(z[q].clamp(-GATE_INPUT_MAX, GATE_INPUT_MAX));
            }
            for q in 0..16 {
                c[q] = tanh::<FMA>(c[q]);
            }
            for q in 0..16 {
                o[q] = sigmoid::<FMA>(o[q]);
            }
            for q in 0..16 {
                h_now[q] = madd::<FMA>(z[q], c[q] - h_before[q], h_before[q]);
                y_now[q] = o[q] * h_now[q];
            }
            store(uz, j, &z);
            store(uc, j, &c);
            store(uo, j, &o);
            store(h, j, &h_now);
            store(y, j, &y_now);
        }
    }

    /// Backward through the gates of one layer, last row first: z, c, o of each row become dL/du in place, and dL/dh
    /// flows from a row to the row that its link names. Returns whether every value stayed below [`GRADIENT_MAX`].
    pub(crate) fn scan_back[FMA](scan: BackwardScan<'_>) -> bool {
        let BackwardScan { hidden, rows, links, gates, before, h, dy, width, offset, dh } = scan;
        // one flag for each lane, so that the loop has no branch
        let mut too_large = [0u32; 16];
        for r in rows.rev() {
            let (gz, rest) = gates[r * 3 * hidden..(r + 1) * 3 * hidden].split_at_mut(hidden);
            let (gc, go) = rest.split_at_mut(hidden);
            let (before, h) = (&before[r * hidden..(r + 1) * hidden], &h[r * hidden..(r + 1) * hidden]);
            let dy = &dy[r * width + offset..r * width + offset + hidden];
            let link = links[r] as usize;
            let (dh_earlier, dh_here) = dh.split_at_mut(r * hidden);
            for j in (0..hidden).step_by(16) {
                let (z, c, o) = (load(gz, j), load(gc, j), load(go, j));
                let (h_before, h_now, dy_now, dh_now) = (load(before, j), load(h, j), load(dy, j), load(dh_here, j));
                let (mut dz, mut dc, mut do_, mut back) = ([0f32; 16], [0f32; 16], [0f32; 16], [0f32; 16]);
                for q in 0..16 {
                    // g = dL/dh of this step: from its own features, and from the steps that it is linked to
                    let g = madd::<FMA>(dy_now[q], o[q], dh_now[q]);
                    let (gz, keep) = (g * z[q], 1.0 - z[q]);
                    dz[q] = gz * keep * (c[q] - h_before[q]);
                    dc[q] = gz * madd::<FMA>(-c[q], c[q], 1.0);
                    do_[q] = dy_now[q] * h_now[q] * (o[q] * (1.0 - o[q]));
                    back[q] = g * keep;
                    let worst = dz[q].abs() + dc[q].abs() + do_[q].abs() + back[q].abs();
                    too_large[q] |= u32::from(worst.is_nan()) | u32::from(worst > GRADIENT_MAX);
                }
                store(gz, j, &dz);
                store(gc, j, &dc);
                store(go, j, &do_);
                // without a link the gradient leaves the chunk here
                if link < r {
                    let dh_link = &mut dh_earlier[link * hidden + j..link * hidden + j + 16];
                    for q in 0..16 {
                        dh_link[q] += back[q];
                    }
                }
            }
        }
        too_large.iter().all(|lane| *lane == 0)
    }

    /// The gradient of one row of weights, the sum of dL/du over the rows `first`, `next[first]`, ..., and its update.
    /// `next`: `[rows]`; `du`: `[rows, G]`; `w` and `v`: `[G]`.
    pub(crate) fn row_update[FMA](first: usize, next: &[u32], du: &[f32], w: &mut [f32], v: &mut [f32], rule: &Rule) {
        let gates = w.len();
        for column in (0..gates).step_by(16) {
            let mut gradient = load(du, first * gates + column);
            let mut row = next[first] as usize;
            while row < next.len() {
                let du = load(du, row * gates + column);
                for q in 0..16 {
                    gradient[q] += du[q];
                }
                row = next[row] as usize;
            }
            step_block::<FMA, 16>(&gradient, &mut w[column..column + 16], &mut v[column..column + 16], rule);
        }
    }

    /// Updates weights whose gradient is known; `gradient`, `w`, `v`: as many numbers each.
    pub(crate) fn update[FMA](gradient: &[f32], w: &mut [f32], v: &mut [f32], rule: &Rule) {
        let (w, v) = (w.as_chunks_mut::<16>().0, v.as_chunks_mut::<16>().0);
        for ((g, w), v) in gradient.as_chunks::<16>().0.iter().zip(w).zip(v) {
            step_block::<FMA, 16>(g, w, v, rule);
        }
    }

    /// Σ a b; `a` and `b`: as many numbers each.
    pub(crate) fn dot[FMA](a: &[f32], b: &[f32]) -> f32 {
        // four accumulators hide the latency of the multiply-adds
        let mut sums = [[0f32; 16]; 4];
        let (a64, b64) = (a.as_chunks::<64>(), b.as_chunks::<64>());
        for (a, b) in a64.0.iter().zip(b64.0) {
            for p in 0..4 {
                for q in 0..16 {
                    sums[p][q] = madd::<FMA>(a[p * 16 + q], b[p * 16 + q], sums[p][q]);
                }
            }
        }
        for (a, b) in a64.1.as_chunks::<16>().0.iter().zip(b64.1.as_chunks::<16>().0) {
            for q in 0..16 {
                sums[0][q] = madd::<FMA>(a[q], b[q], sums[0][q]);
            }
        }
        let mut total = [0f32; 16];
        for q in 0..16 {
            total[q] = (sums[0][q] + sums[1][q]) + (sums[2][q] + sums[3][q]);
        }
        sum(&total)
    }

    /// y += a x; `x` and `y`: as many numbers each.
    pub(crate) fn axpy[FMA](a: f32, x: &[f32], y: &mut [f32]) {
        for (x, y) in x.as_chunks::<16>().0.iter().zip(y.as_chunks_mut::<16>().0) {
            for q in 0..16 {
                y[q] = madd::<FMA>(a, x[q], y[q]);
            }
        }
    }

    /// One unit learns at once from its error e: dy += e w, then RMSprop on the gradient e y, where the mean v of
    /// squared gradients follows at `rate`. `y`, `w`, `v`, `dy`: as many numbers each.
    pub(crate) fn unit_learn[FMA](e: f32, lr: f32, rate: f32, y: &[f32], w: &mut [f32], v: &mut [f32], dy: &mut [f32]) {
        for j in (0..w.len()).step_by(16) {
            let (y_block, mut w_block, mut v_block, mut dy_block) = (load(y, j), load(w, j), load(v, j), load(dy, j));
            for q in 0..16 {
                dy_block[q] = madd::<FMA>(e, w_block[q], dy_block[q]);
                let g = e * y_block[q];
                v_block[q] = madd::<FMA>(rate, madd::<FMA>(g, g, -v_block[q]), v_block[q]);
                w_block[q] = madd::<FMA>(-(lr * g), rsqrt::<FMA>(v_block[q] + UNIT_FLOOR), w_block[q]);
            }
            store(w, j, &w_block);
            store(v, j, &v_block);
            store(dy, j, &dy_block);
        }
    }
}
