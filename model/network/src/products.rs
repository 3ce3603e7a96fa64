//! Products of rows and matrices, in tiles that stay in registers.
//!
//! Every element of a product is one chain of multiply-adds over the inner index, in ascending order, that starts at
//! what is there. So neither the number of rows that are multiplied at once nor the cut of the tiles changes a bit: a
//! matrix is read once for many rows, and each row is what it would be alone.

use crate::kernels::step_block;
use crate::rule::Rule;
use surmise_lanes::{Kernel, kernels, madd};

/// Rows that are worked on at a time: as many as stay in a near cache together with the weights.
pub(crate) const BLOCK: usize = 96;

/// Rows of equal length: row r starts at `data[r * stride + off]`.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    pub data: &'a [f32],
    pub stride: usize,
    pub off: usize,
}

/// `y[p][..N] += Σ_i x[p][i] w[i][o..o+N]` for R rows, where w has k rows of `stride` numbers.
#[inline(always)]
fn tile<const FMA: bool, const R: usize, const N: usize>(
    x: &[f32],
    apart: usize,
    k: usize,
    w: &[f32],
    stride: usize,
    o: usize,
    y: &mut [f32],
    every: usize,
) {
    let mut a = [[0f32; N]; R];
    for p in 0..R {
        a[p] = block(&y[p * every..]);
    }
    if k > 0 {
        // once for the tile: inside, checks would cost as much as products
        assert!((R - 1) * apart + k <= x.len() && (k - 1) * stride + o + N <= w.len());
    }
    for i in 0..k {
        // SAFETY: i < k, p < R, q < N; the largest places of both are inside, by the assertion.
        unsafe {
            let row: &[f32; N] = &*w.as_ptr().add(i * stride + o).cast();
            for p in 0..R {
                let b = *x.as_ptr().add(p * apart + i);
                for q in 0..N {
                    a[p][q] = madd::<FMA>(b, row[q], a[p][q]);
                }
            }
        }
    }
    for p in 0..R {
        y[p * every..p * every + N].copy_from_slice(&a[p]);
    }
}

#[inline(always)]
fn block<const N: usize>(s: &[f32]) -> [f32; N] {
    s[..N].try_into().expect("a slice has the length that was asked for")
}

/// Calls a tile function for six rows at a time, and for those that are left over.
macro_rules! by_six {
    ($n:expr, $at:ident, $tile:ident, $width:tt, $args:tt) => {
        let mut $at = 0;
        while $at + 6 <= $n {
            $tile::<FMA, 6, $width> $args;
            $at += 6;
        }
        match $n - $at {
            1 => $tile::<FMA, 1, $width> $args,
            2 => $tile::<FMA, 2, $width> $args,
            3 => $tile::<FMA, 3, $width> $args,
            4 => $tile::<FMA, 4, $width> $args,
            5 => $tile::<FMA, 5, $width> $args,
            _ => {}
        }
    };
}

/// The product's columns o..o+N for all rows.
#[inline(always)]
fn columns<const FMA: bool, const N: usize>(
    x: Rows<'_>,
    k: usize,
    w: &[f32],
    stride: usize,
    o: usize,
    y: &mut [f32],
    every: usize,
    off: usize,
    n: usize,
) {
    by_six!(
        n,
        r,
        tile,
        N,
        (&x.data[r * x.stride + x.off..], x.stride, k, w, stride, o, &mut y[r * every + off + o..], every)
    );
}

/// The gradient of I rows of weights from the i-th in columns o..o+N, and their update.
#[inline(always)]
fn outer_tile<const FMA: bool, const I: usize, const N: usize>(
    x: Rows<'_>,
    i: usize,
    du: &[f32],
    g: usize,
    o: usize,
    sums: &mut [f32],
    first: bool,
    last: Option<(&mut [f32], &mut [f32], &Rule)>,
) {
    let mut a = [[0f32; N]; I];
    if !first {
        for p in 0..I {
            a[p] = block(&sums[(i + p) * g + o..]);
        }
    }
    let n = du.len() / g;
    let data = &x.data[x.off + i..];
    assert!(n > 0 && (n - 1) * x.stride + I <= data.len() && (n - 1) * g + o + N <= du.len());
    for r in 0..n {
        // SAFETY: r < n, p < I, q < N; the largest places of both are inside, by the assertion.
        unsafe {
            let d: &[f32; N] = &*du.as_ptr().add(r * g + o).cast();
            for p in 0..I {
                let b = *data.as_ptr().add(r * x.stride + p);
                for q in 0..N {
                    a[p][q] = madd::<FMA>(b, d[q], a[p][q]);
                }
            }
        }
    }
    match last {
        Some((w, v, rule)) => {
            for p in 0..I {
                let at = (i + p) * g + o;
                step_block::<FMA, N>(&a[p], &mut w[at..at + N], &mut v[at..at + N], rule);
            }
        }
        None => {
            for p in 0..I {
                sums[(i + p) * g + o..(i + p) * g + o + N].copy_from_slice(&a[p]);
            }
        }
    }
}

kernels! {
    /// `y[r] += x[r] · W` for n rows: x has rows of k numbers, W is `[k, m]` with m a multiple of sixteen, row r of y
    /// starts at `y[r * every + off]`.
    pub(crate) fn product[FMA](x: Rows<'_>, k: usize, w: &[f32], m: usize, y: &mut [f32], every: usize, off: usize, n: usize) {
        let wide = Kernel::detect() == Kernel::Avx512;
        let mut o = 0;
        while o < m {
            if n == 1 && m - o >= 96 {
                tile::<FMA, 1, 96>(&x.data[x.off..], x.stride, k, w, m, o, &mut y[off + o..], every);
                o += 96;
            } else if wide && m - o >= 32 {
                columns::<FMA, 32>(x, k, w, m, o, y, every, off, n);
                o += 32;
            } else {
                columns::<FMA, 16>(x, k, w, m, o, y, every, off, n);
                o += 16;
            }
        }
    }

    /// The gradient Xᵀ du of a matrix of `inputs` rows, summed over the rows in ascending order, and its update. `du`
    /// has rows of g numbers; `sums` is room for as many numbers as there are weights.
    pub(crate) fn outer_update[FMA](
        inputs: usize, x: Rows<'_>, du: &[f32], g: usize, w: &mut [f32], v: &mut [f32], sums: &mut [f32], rule: &Rule,
    ) {
        let wide = Kernel::detect() == Kernel::Avx512;
        let n = du.len() / g;
        for from in (0..n).step_by(BLOCK) {
            let to = n.min(from + BLOCK);
            let (du, first) = (&du[from * g..to * g], from == 0);
            let x = Rows { data: &x.data[from * x.stride..], ..x };
            let mut o = 0;
            while o < g {
                if wide && g - o >= 32 {
                    by_six!(inputs, i, outer_tile, 32, (x, i, du, g, o, sums, first, (to == n).then_some((&mut *w, &mut *v, rule))));
                    o += 32;
                } else {
                    by_six!(inputs, i, outer_tile, 16, (x, i, du, g, o, sums, first, (to == n).then_some((&mut *w, &mut *v, rule))));
                    o += 16;
                }
            }
        }
    }
}

/// `to[j][i] = from[i][j]`, where `from` has rows of `width` numbers; both sizes are multiples of sixteen.
pub(crate) fn transpose(from: &[f32], width: usize, to: &mut [f32]) {
    let height = from.len() / width;
    assert!(width.is_multiple_of(16) && height.is_multiple_of(16));
    assert!(from.len() == width * height && to.len() >= from.len());
    // by whole cache lines of what is written
    for line in (0..height).step_by(16) {
        for j in (0..width).step_by(4) {
            for i in (line..line + 16).step_by(4) {
                #[cfg(target_arch = "x86_64")]
                // SAFETY: SSE is part of x86-64; four numbers of four rows from (i, j) on are inside both, by the
                // assertions.
                unsafe {
                    use std::arch::x86_64::*;
                    let at = |p: usize| from.as_ptr().add((i + p) * width + j);
                    let mut r = [_mm_loadu_ps(at(0)), _mm_loadu_ps(at(1)), _mm_loadu_ps(at(2)), _mm_loadu_ps(at(3))];
                    let [a, b, c, d] = &mut r;
                    _MM_TRANSPOSE4_PS(a, b, c, d);
                    for (p, row) in r.into_iter().enumerate() {
                        _mm_storeu_ps(to.as_mut_ptr().add((j + p) * height + i), row);
                    }
                }
                #[cfg(not(target_arch = "x86_64"))]
                for p in 0..4 {
                    for q in 0..4 {
                        to[(j + q) * height + i + p] = from[(i + p) * width + j + q];
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(n: usize, seed: u64) -> Vec<f32> {
        (0..n).map(|i| crate::start::uniform(seed, i)).collect()
    }

    /// What a sum of products is on this machine.
    fn fused(a: f32, b: f32, c: f32) -> f32 {
        if Kernel::detect() == Kernel::Portable { a * b + c } else { a.mul_add(b, c) }
    }

    #[test]
    fn a_product_is_its_definition_to_the_bit() {
        for (n, k, m) in [(1, 5, 48), (2, 16, 96), (3, 64, 192), (5, 7, 144), (16, 48, 16), (9, 192, 64), (17, 33, 240)]
        {
            let (x, w, y) = (numbers(n * (k + 3), 1), numbers(k * m, 2), numbers(n * (m + 5), 3));
            let mut got = y.clone();
            product(Rows { data: &x, stride: k + 3, off: 2 }, k, &w, m, &mut got, m + 5, 4, n);
            for r in 0..n {
                for j in 0..m + 5 {
                    let at = r * (m + 5) + j;
                    let want = match j.checked_sub(4).filter(|j| *j < m) {
                        None => y[at],
                        Some(c) => (0..k).fold(y[at], |s, i| fused(x[r * (k + 3) + 2 + i], w[i * m + c], s)),
                    };
                    assert_eq!(got[at].to_bits(), want.to_bits(), "{n}x{k}x{m}: {r}, {j}");
                }
            }
        }
    }

    #[test]
    fn a_gradient_is_its_definition_to_the_bit() {
        for (n, inputs, g) in [(1, 1, 48), (5, 3, 96), (64, 2, 48), (97, 7, 48), (300, 16, 144)] {
            let (x, du) = (numbers(n * (inputs + 2), 1), numbers(n * g, 2));
            let (mut w, mut v, mut sums) = (vec![0.0; inputs * g], vec![0.0; inputs * g], vec![f32::NAN; inputs * g]);
            let x_rows = Rows { data: &x, stride: inputs + 2, off: 1 };
            outer_update(inputs, x_rows, &du, g, &mut w, &mut v, &mut sums, &Rule::probe());
            for (at, got) in v.iter().enumerate() {
                let want = (0..n).fold(0.0, |s, r| fused(x[r * (inputs + 2) + 1 + at / g], du[r * g + at % g], s));
                assert_eq!(got.to_bits(), want.to_bits(), "{n}x{inputs}x{g}: {at}");
            }
        }
    }

    #[test]
    fn a_transposition_is_its_definition() {
        let (from, mut to) = (numbers(32 * 48, 1), vec![0.0; 32 * 48]);
        transpose(&from, 48, &mut to);
        assert!((0..32).all(|i| (0..48).all(|j| to[j * 32 + i] == from[i * 48 + j])));
    }
}
