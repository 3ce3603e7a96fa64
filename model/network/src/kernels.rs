//! The arithmetic of the network on blocks of sixteen lanes, each sum in one fixed order.
//!
//! Shapes: H units, G = 3H gates in the order z, c, o; matrices are `[input][gate]`, row-major; rows of a chunk follow
//! one another. All widths are multiples of sixteen.

use crate::rule::Rule;
use std::ops::Range;
use surmise_lanes::{kernels, madd, rsqrt, sigmoid, sum, tanh};

/// The input of gate z is held within ± this, so that 1 - z is never lost.
pub(crate) const CLAMP: f32 = 20.0;

/// A gradient at a gate that is larger than this counts as not finite: its products would overflow soon.
pub(crate) const HUGE: f32 = 1e8;

macro_rules! load {
    ($s:expr, $j:expr, $n:expr) => {{
        let a: [f32; $n] = $s[$j..$j + $n].try_into().expect("a slice has the length that was asked for");
        a
    }};
}

/// The update rule on N weights.
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
        let m = madd::<FMA>(rate, madd::<FMA>(g[q], g[q], -v[q]), v[q]);
        v[q] = m;
        w[q] = madd::<FMA>(-(lr * g[q]), rsqrt::<FMA>(madd::<FMA>(m, unbias, floor)), w[q]);
    }
}

kernels! {
    /// u += each row, in their order.
    pub(crate) fn add[FMA](u: &mut [f32], rows: &[&[f32]]) {
        for (j, u) in u.as_chunks_mut::<16>().0.iter_mut().enumerate() {
            let mut a = *u;
            for row in rows {
                let r = load!(row, j * 16, 16);
                for q in 0..16 {
                    a[q] += r[q];
                }
            }
            *u = a;
        }
    }

    /// Gate inputs `u[3H]` become z, c, o in place; h = before + z (c - before); y = o h.
    pub(crate) fn gates[FMA](u: &mut [f32], before: &[f32], h: &mut [f32], y: &mut [f32]) {
        let n = before.len();
        let (uz, rest) = u.split_at_mut(n);
        let (uc, uo) = rest.split_at_mut(n);
        for j in (0..n).step_by(16) {
            // through local arrays, or the compiler gives up proving that seven slices do not overlap
            let (mut z, mut c, mut o, p) = (load!(uz, j, 16), load!(uc, j, 16), load!(uo, j, 16), load!(before, j, 16));
            let (mut hn, mut yn) = ([0f32; 16], [0f32; 16]);
            for q in 0..16 {
                z[q] = sigmoid::<FMA>(z[q].clamp(-CLAMP, CLAMP));
            }
            for q in 0..16 {
                c[q] = tanh::<FMA>(c[q]);
            }
            for q in 0..16 {
                o[q] = sigmoid::<FMA>(o[q]);
            }
            for q in 0..16 {
                hn[q] = madd::<FMA>(z[q], c[q] - p[q], p[q]);
                yn[q] = o[q] * hn[q];
            }
            uz[j..j + 16].copy_from_slice(&z);
            uc[j..j + 16].copy_from_slice(&c);
            uo[j..j + 16].copy_from_slice(&o);
            h[j..j + 16].copy_from_slice(&hn);
            y[j..j + 16].copy_from_slice(&yn);
        }
    }

    /// Backward through the gates of one layer for some rows, last row first: z, c, o of each row become dL/du in place. dL/dh flows
    /// from a row to the row that its link names, through `dh`, which starts at zero. `dy` has rows of `width`, this
    /// layer's part at `off`. Returns whether every value stayed below [`HUGE`].
    pub(crate) fn scan_back[FMA](
        hidden: usize, rows: Range<usize>, links: &[u32], gates: &mut [f32], before: &[f32], h: &[f32], dy: &[f32], width: usize, off: usize, dh: &mut [f32],
    ) -> bool {
        let mut bad = [0u32; 16];
        for r in rows.rev() {
            let (gz, rest) = gates[r * 3 * hidden..(r + 1) * 3 * hidden].split_at_mut(hidden);
            let (gc, go) = rest.split_at_mut(hidden);
            let (before, h) = (&before[r * hidden..(r + 1) * hidden], &h[r * hidden..(r + 1) * hidden]);
            let dy = &dy[r * width + off..r * width + off + hidden];
            let link = links[r] as usize;
            let (earlier, here) = dh.split_at_mut(r * hidden);
            for j in (0..hidden).step_by(16) {
                let (z, c, o, p, n, d, e) =
                    (load!(gz, j, 16), load!(gc, j, 16), load!(go, j, 16), load!(before, j, 16), load!(h, j, 16), load!(dy, j, 16), load!(here, j, 16));
                let (mut dz, mut dc, mut do_, mut back) = ([0f32; 16], [0f32; 16], [0f32; 16], [0f32; 16]);
                for q in 0..16 {
                    let g = madd::<FMA>(d[q], o[q], e[q]);
                    let (gz, keep) = (g * z[q], 1.0 - z[q]);
                    dz[q] = gz * keep * (c[q] - p[q]);
                    dc[q] = gz * madd::<FMA>(-c[q], c[q], 1.0);
                    do_[q] = d[q] * n[q] * (o[q] * (1.0 - o[q]));
                    back[q] = g * keep;
                    let worst = dz[q].abs() + dc[q].abs() + do_[q].abs() + back[q].abs();
                    bad[q] |= u32::from(worst.is_nan()) | u32::from(worst > HUGE);
                }
                gz[j..j + 16].copy_from_slice(&dz);
                gc[j..j + 16].copy_from_slice(&dc);
                go[j..j + 16].copy_from_slice(&do_);
                if link < r {
                    let to = &mut earlier[link * hidden + j..link * hidden + j + 16];
                    for q in 0..16 {
                        to[q] += back[q];
                    }
                }
            }
        }
        bad.iter().all(|b| *b == 0)
    }

    /// The gradient of one row of weights, the sum of du over the rows `first`, `next[first]`, ..., and its update.
    pub(crate) fn row_update[FMA](first: usize, next: &[u32], du: &[f32], w: &mut [f32], v: &mut [f32], rule: &Rule) {
        let g = w.len();
        for o in (0..g).step_by(16) {
            let mut a = load!(du, first * g + o, 16);
            let mut r = next[first] as usize;
            while r < next.len() {
                let d = load!(du, r * g + o, 16);
                for q in 0..16 {
                    a[q] += d[q];
                }
                r = next[r] as usize;
            }
            step_block::<FMA, 16>(&a, &mut w[o..o + 16], &mut v[o..o + 16], rule);
        }
    }

    /// Updates weights whose gradient is at hand.
    pub(crate) fn update[FMA](gradient: &[f32], w: &mut [f32], v: &mut [f32], rule: &Rule) {
        for ((g, w), v) in gradient.as_chunks::<16>().0.iter().zip(w.as_chunks_mut::<16>().0).zip(v.as_chunks_mut::<16>().0) {
            step_block::<FMA, 16>(g, w, v, rule);
        }
    }

    /// Σ a b.
    pub(crate) fn dot[FMA](a: &[f32], b: &[f32]) -> f32 {
        let mut s = [[0f32; 16]; 4];
        let (a4, b4) = (a.as_chunks::<64>(), b.as_chunks::<64>());
        for (a, b) in a4.0.iter().zip(b4.0) {
            for p in 0..4 {
                for q in 0..16 {
                    s[p][q] = madd::<FMA>(a[p * 16 + q], b[p * 16 + q], s[p][q]);
                }
            }
        }
        for (a, b) in a4.1.as_chunks::<16>().0.iter().zip(b4.1.as_chunks::<16>().0) {
            for q in 0..16 {
                s[0][q] = madd::<FMA>(a[q], b[q], s[0][q]);
            }
        }
        let mut t = [0f32; 16];
        for q in 0..16 {
            t[q] = (s[0][q] + s[1][q]) + (s[2][q] + s[3][q]);
        }
        sum(&t)
    }

    /// y += a x.
    pub(crate) fn axpy[FMA](a: f32, x: &[f32], y: &mut [f32]) {
        for (x, y) in x.as_chunks::<16>().0.iter().zip(y.as_chunks_mut::<16>().0) {
            for q in 0..16 {
                y[q] = madd::<FMA>(a, x[q], y[q]);
            }
        }
    }

    /// One logistic unit learns at once: dy += e w, then RMSprop with v's rate `rate` on the gradient e y.
    pub(crate) fn unit_learn[FMA](e: f32, lr: f32, rate: f32, y: &[f32], w: &mut [f32], v: &mut [f32], dy: &mut [f32]) {
        for j in (0..w.len()).step_by(16) {
            let (x, mut m, mut k, mut d) = (load!(y, j, 16), load!(w, j, 16), load!(v, j, 16), load!(dy, j, 16));
            for q in 0..16 {
                d[q] = madd::<FMA>(e, m[q], d[q]);
                let g = e * x[q];
                k[q] = madd::<FMA>(rate, madd::<FMA>(g, g, -k[q]), k[q]);
                m[q] = madd::<FMA>(-(lr * g), rsqrt::<FMA>(k[q] + 1e-7), m[q]);
            }
            w[j..j + 16].copy_from_slice(&m);
            v[j..j + 16].copy_from_slice(&k);
            dy[j..j + 16].copy_from_slice(&d);
        }
    }
}
