//! Products of rows and matrices, in tiles that stay in registers.
//!
//! Every element of a product is one chain of multiply-adds over the inner index, in ascending order, that starts at
//! what the output holds. So neither the number of rows that are multiplied at once nor the cut of the tiles changes a
//! bit: a matrix is read once for many rows, and each row is what it would be alone.

use crate::kernels::step_block;
use crate::rule::Rule;
use surmise_lanes::{Kernel, kernels, madd};

/// Rows that are worked on at a time: as many as stay in a near cache together with the weights.
pub(crate) const BLOCK_ROWS: usize = 96;

/// Columns of the tile for a single row: six accumulators of AVX-512, or twelve of AVX2.
const SINGLE_ROW_COLUMNS: usize = 96;

/// Rows of equal length that lie apart from each other: row r starts at `data[r * stride + offset]`.
#[derive(Clone, Copy)]
pub(crate) struct StridedRows<'a> {
    pub data: &'a [f32],
    pub stride: usize,
    pub offset: usize,
}

impl<'a> StridedRows<'a> {
    /// Rows of `stride` numbers that lie one after another: `data` is `[rows, stride]`.
    pub fn dense(data: &'a [f32], stride: usize) -> Self {
        StridedRows { data, stride, offset: 0 }
    }
}

/// Where the rows of an output lie in it: row r starts at `r * stride + offset`.
#[derive(Clone, Copy)]
pub(crate) struct RowPlaces {
    pub stride: usize,
    pub offset: usize,
    /// How many rows there are.
    pub rows: usize,
}

/// A matrix `[inputs, outputs]`, row-major; `outputs` is a multiple of sixteen.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<'a> {
    pub weights: &'a [f32],
    pub inputs: usize,
    pub outputs: usize,
}

/// A matrix `[inputs, gates]` that is updated: its weights and their second moments, both row-major.
pub(crate) struct UpdatedMatrix<'a> {
    pub inputs: usize,
    pub gates: usize,
    pub w: &'a mut [f32],
    pub v: &'a mut [f32],
}

/// `y[p][..N] += Σ_i x[p][i] w[i][column..column+N]` for R rows p; row p of x starts at `x[p * x_stride]`, and of y at
/// `y[p * y_stride]`.
#[inline(always)]
fn tile<const FMA: bool, const R: usize, const N: usize>(
    x: &[f32],
    x_stride: usize,
    matrix: Matrix<'_>,
    column: usize,
    y: &mut [f32],
    y_stride: usize,
) {
    let Matrix { weights, inputs, outputs } = matrix;
    let mut sums = [[0f32; N]; R];
    for p in 0..R {
        sums[p] = block(&y[p * y_stride..]);
    }
    if inputs > 0 {
        // once for the tile: inside, checks would cost as much as products
        assert!((R - 1) * x_stride + inputs <= x.len() && (inputs - 1) * outputs + column + N <= weights.len());
    }
    for i in 0..inputs {
        // SAFETY: i < inputs, p < R, q < N; the largest places of both are inside, by the assertion.
        unsafe {
            let row: &[f32; N] = &*weights.as_ptr().add(i * outputs + column).cast();
            for p in 0..R {
                let input = *x.as_ptr().add(p * x_stride + i);
                for q in 0..N {
                    sums[p][q] = madd::<FMA>(input, row[q], sums[p][q]);
                }
            }
        }
    }
    for p in 0..R {
        y[p * y_stride..p * y_stride + N].copy_from_slice(&sums[p]);
    }
}

/// The first N numbers of a slice.
#[inline(always)]
fn block<const N: usize>(s: &[f32]) -> [f32; N] {
    s[..N].try_into().expect("a slice has the length that was asked for")
}

/// Calls `$tile::<FMA, ROWS, $columns> $args` for six rows at a time, and once more for the one to five that are left;
/// `$at` is the first row of each call. Six rows of 32 columns fill the registers of AVX-512.
macro_rules! by_six {
    ($rows:expr, $at:ident, $tile:ident, $columns:tt, $args:tt) => {
        let mut $at = 0;
        while $at + 6 <= $rows {
            $tile::<FMA, 6, $columns> $args;
            $at += 6;
        }
        match $rows - $at {
            1 => $tile::<FMA, 1, $columns> $args,
            2 => $tile::<FMA, 2, $columns> $args,
            3 => $tile::<FMA, 3, $columns> $args,
            4 => $tile::<FMA, 4, $columns> $args,
            5 => $tile::<FMA, 5, $columns> $args,
            _ => {}
        }
    };
}

/// The product's columns `column..column+N`, for all rows of y, which start `y_stride` apart from `y_first` on.
#[inline(always)]
fn columns<const FMA: bool, const N: usize>(
    x: StridedRows<'_>,
    matrix: Matrix<'_>,
    column: usize,
    y: &mut [f32],
    y_stride: usize,
    y_first: usize,
    rows: usize,
) {
    by_six!(
        rows,
        row,
        tile,
        N,
        (&x.data[row * x.stride + x.offset..], x.stride, matrix, column, &mut y[row * y_stride + y_first..], y_stride)
    );
}

/// `y[r] += x[r] · matrix` for every row of y; x has at least as many rows, of `matrix.inputs` numbers.
pub(crate) fn product(x: StridedRows<'_>, matrix: Matrix<'_>, y: &mut [f32], place: RowPlaces) {
    product_of_slices(x, matrix.weights, y, Matrix { weights: &[], ..matrix }, place);
}

/// Some rows whose outer products x dL/duᵀ are added to a gradient.
#[derive(Clone, Copy)]
struct OuterProducts<'a> {
    x: StridedRows<'a>,
    /// dL/du, `[rows, gates]`.
    du: &'a [f32],
    gates: usize,
    from: SumFrom,
}

/// What the sums of [`OuterProducts`] start at.
#[derive(Clone, Copy, PartialEq)]
enum SumFrom {
    Zero,
    /// The sums over the rows before these.
    Stored,
}

/// The gradient of the weights of inputs `input..input+I` in columns `column..column+N`, and their update where these
/// are the last rows. `sums`: `[inputs, gates]`, where gradients wait for more rows.
#[inline(always)]
fn outer_tile<const FMA: bool, const I: usize, const N: usize>(
    rows: OuterProducts<'_>,
    input: usize,
    column: usize,
    sums: &mut [f32],
    updated: Option<(&mut [f32], &mut [f32], &Rule)>,
) {
    let OuterProducts { x, du, gates, from } = rows;
    let mut gradient = [[0f32; N]; I];
    if from == SumFrom::Stored {
        for p in 0..I {
            gradient[p] = block(&sums[(input + p) * gates + column..]);
        }
    }
    let n = du.len() / gates;
    let data = &x.data[x.offset + input..];
    assert!(n > 0 && (n - 1) * x.stride + I <= data.len() && (n - 1) * gates + column + N <= du.len());
    for r in 0..n {
        // SAFETY: r < n, p < I, q < N; the largest places of both are inside, by the assertion.
        unsafe {
            let du: &[f32; N] = &*du.as_ptr().add(r * gates + column).cast();
            for p in 0..I {
                let input = *data.as_ptr().add(r * x.stride + p);
                for q in 0..N {
                    gradient[p][q] = madd::<FMA>(input, du[q], gradient[p][q]);
                }
            }
        }
    }
    match updated {
        Some((w, v, rule)) => {
            for p in 0..I {
                let at = (input + p) * gates + column;
                step_block::<FMA, N>(&gradient[p], &mut w[at..at + N], &mut v[at..at + N], rule);
            }
        }
        None => {
            for p in 0..I {
                let at = (input + p) * gates + column;
                sums[at..at + N].copy_from_slice(&gradient[p]);
            }
        }
    }
}

kernels! {
    /// [`product`], with every slice an argument of its own: within structures the compiler does not know that they do
    /// not overlap, and computes one number at a time.
    fn product_of_slices[FMA](x: StridedRows<'_>, weights: &[f32], y: &mut [f32], size: Matrix<'_>, place: RowPlaces) {
        let RowPlaces { stride, offset, rows } = place;
        let matrix = Matrix { weights, ..size };
        let wide = Kernel::detect() == Kernel::Avx512;
        let mut column = 0;
        while column < matrix.outputs {
            let left = matrix.outputs - column;
            if rows == 1 && left >= SINGLE_ROW_COLUMNS {
                let (x_row, y_row) = (&x.data[x.offset..], &mut y[offset + column..]);
                tile::<FMA, 1, SINGLE_ROW_COLUMNS>(x_row, x.stride, matrix, column, y_row, stride);
                column += SINGLE_ROW_COLUMNS;
            } else if wide && left >= 32 {
                columns::<FMA, 32>(x, matrix, column, y, stride, offset + column, rows);
                column += 32;
            } else {
                columns::<FMA, 16>(x, matrix, column, y, stride, offset + column, rows);
                column += 16;
            }
        }
    }

    /// [`outer_update`], with every slice an argument of its own, for the same reason.
    fn outer_update_of_slices[FMA](
        x: StridedRows<'_>, du: &[f32], inputs: usize, gates: usize, w: &mut [f32], v: &mut [f32], sums: &mut [f32],
        rule: &Rule,
    ) {
        let wide = Kernel::detect() == Kernel::Avx512;
        let n = du.len() / gates;
        for start in (0..n).step_by(BLOCK_ROWS) {
            let end = n.min(start + BLOCK_ROWS);
            let rows = OuterProducts {
                x: StridedRows { data: &x.data[start * x.stride..], ..x },
                du: &du[start * gates..end * gates],
                gates,
                from: if start == 0 { SumFrom::Zero } else { SumFrom::Stored },
            };
            // the last rows complete the gradients, so their tiles also make the update
            let last = end == n;
            let mut column = 0;
            while column < gates {
                if wide && gates - column >= 32 {
                    by_six!(
                        inputs, i, outer_tile, 32,
                        (rows, i, column, sums, last.then_some((&mut *w, &mut *v, rule)))
                    );
                    column += 32;
                } else {
                    by_six!(
                        inputs, i, outer_tile, 16,
                        (rows, i, column, sums, last.then_some((&mut *w, &mut *v, rule)))
                    );
                    column += 16;
                }
            }
        }
    }
}

/// The gradient Xᵀ dL/du of a matrix, summed over the rows in ascending order, and the matrix's update by `rule`.
///
/// `x`: as many rows as `du`, of `updated.inputs` numbers; `du`: `[rows, gates]`; `sums`: workspace of
/// `[inputs, gates]` if there are more than [`BLOCK_ROWS`] rows.
pub(crate) fn outer_update(x: StridedRows<'_>, du: &[f32], updated: UpdatedMatrix<'_>, sums: &mut [f32], rule: &Rule) {
    let UpdatedMatrix { inputs, gates, w, v } = updated;
    outer_update_of_slices(x, du, inputs, gates, w, v, sums, rule);
}

/// `to[j][i] = from[i][j]`: `from` is `[height, width]`, `to` `[width, height]`, and both sizes are multiples of
/// sixteen.
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
                    let row = |p: usize| _mm_loadu_ps(from.as_ptr().add((i + p) * width + j));
                    let mut rows = [row(0), row(1), row(2), row(3)];
                    let [a, b, c, d] = &mut rows;
                    _MM_TRANSPOSE4_PS(a, b, c, d);
                    for (p, row) in rows.into_iter().enumerate() {
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
#[path = "products_tests.rs"]
mod tests;
