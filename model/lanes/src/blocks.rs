//! Sums, products and updates over blocks of sixteen lanes, each in one fixed order.
//!
//! The functions of several blocks are written with intrinsics where the kernel has them, as compilers carry the shape
//! of a final sum back into its loop and then compute it a few lanes at a time. The portable code after each gives
//! what the intrinsics give, but for fusing.

use crate::{Block, LANES, madd};

/// Sum of a block in one fixed order: lanes 8 apart, then 4, 2 and 1.
#[inline(always)]
pub fn sum(a: &Block) -> f32 {
    let mut b = [0f32; 8];
    for i in 0..8 {
        b[i] = a[i] + a[i + 8];
    }
    let c = [b[0] + b[4], b[1] + b[5], b[2] + b[6], b[3] + b[7]];
    (c[0] + c[2]) + (c[1] + c[3])
}

/// Σ w·x over all lanes of all blocks: lane by lane over the blocks, then [`sum`].
///
/// `w` and `x`: as many blocks each; blocks that only one of them has do not count.
#[inline(always)]
pub fn dot<const FMA: bool>(w: &[Block], x: &[Block]) -> f32 {
    #[cfg(target_arch = "x86_64")]
    if FMA {
        use std::arch::x86_64::*;
        // SAFETY: a kernel that fuses has AVX2 and FMA; the loads stay inside the blocks.
        unsafe {
            let (mut low, mut high) = (_mm256_setzero_ps(), _mm256_setzero_ps());
            for (w, x) in w.iter().zip(x) {
                low = _mm256_fmadd_ps(_mm256_loadu_ps(w.as_ptr()), _mm256_loadu_ps(x.as_ptr()), low);
                high = _mm256_fmadd_ps(_mm256_loadu_ps(w.as_ptr().add(8)), _mm256_loadu_ps(x.as_ptr().add(8)), high);
            }
            return sum_of_halves(low, high);
        }
    }
    let mut sums = [0f32; LANES];
    for (w, x) in w.iter().zip(x) {
        for i in 0..LANES {
            sums[i] = madd::<FMA>(w[i], x[i], sums[i]);
        }
    }
    sum(&sums)
}

/// [`dot`] of several rows with one x, which stays in registers.
///
/// `rows`: at most sixteen rows of N blocks; `x`: N blocks; `out`: one sum for each row, and what it held behind them.
#[inline(always)]
pub fn dots<'a, const FMA: bool, const N: usize>(
    rows: impl Iterator<Item = &'a [Block; N]>,
    x: &[Block; N],
    out: &mut Block,
) {
    #[cfg(target_arch = "x86_64")]
    if FMA {
        use std::arch::x86_64::*;
        // SAFETY: a kernel that fuses has AVX2 and FMA; the loads stay inside the blocks.
        unsafe {
            let mut held = [[_mm256_setzero_ps(); 2]; N];
            for (held, x) in held.iter_mut().zip(x) {
                *held = [_mm256_loadu_ps(x.as_ptr()), _mm256_loadu_ps(x.as_ptr().add(8))];
            }
            for (out, row) in out.iter_mut().zip(rows) {
                let (mut low, mut high) = (_mm256_setzero_ps(), _mm256_setzero_ps());
                for (w, x) in row.iter().zip(&held) {
                    low = _mm256_fmadd_ps(_mm256_loadu_ps(w.as_ptr()), x[0], low);
                    high = _mm256_fmadd_ps(_mm256_loadu_ps(w.as_ptr().add(8)), x[1], high);
                }
                *out = sum_of_halves(low, high);
            }
        }
        return;
    }
    for (out, row) in out.iter_mut().zip(rows) {
        *out = dot::<FMA>(row, x);
    }
}

/// [`sum`] of a block whose lanes 0 to 7 are in one register and 8 to 15 in another.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn sum_of_halves(low: std::arch::x86_64::__m256, high: std::arch::x86_64::__m256) -> f32 {
    use std::arch::x86_64::*;
    // SAFETY: the caller's kernel has AVX2.
    unsafe {
        let eight = _mm256_add_ps(low, high);
        let four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
        let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
        _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)))
    }
}

/// w += Σ step·x over several x, in their order: what [`add_scaled`] with one after another gives, at the cost of one
/// load and one store of w.
///
/// `w` and each of the K `x`: N blocks; `steps`: one for each x.
#[inline(always)]
pub fn add_scaled_each<const FMA: bool, const N: usize, const K: usize>(
    w: &mut [Block; N],
    x: [&[Block; N]; K],
    steps: &[f32; K],
) {
    #[cfg(target_arch = "x86_64")]
    if FMA {
        use std::arch::x86_64::*;
        // SAFETY: a kernel that fuses has AVX2 and FMA; the loads and stores stay inside the blocks.
        unsafe {
            let steps = steps.map(|step| _mm256_set1_ps(step));
            for (b, w) in w.iter_mut().enumerate() {
                for half in [0, 8] {
                    let mut value = _mm256_loadu_ps(w.as_ptr().add(half));
                    for k in 0..K {
                        value = _mm256_fmadd_ps(steps[k], _mm256_loadu_ps(x[k][b].as_ptr().add(half)), value);
                    }
                    _mm256_storeu_ps(w.as_mut_ptr().add(half), value);
                }
            }
        }
        return;
    }
    for (x, step) in x.iter().zip(steps) {
        add_scaled::<FMA, N>(w, x, *step);
    }
}

/// w += step·x over all lanes of all blocks. `w` and `x`: N blocks.
#[inline(always)]
pub fn add_scaled<const FMA: bool, const N: usize>(w: &mut [Block; N], x: &[Block; N], step: f32) {
    #[cfg(target_arch = "x86_64")]
    if FMA {
        use std::arch::x86_64::*;
        // SAFETY: a kernel that fuses has AVX2 and FMA; the loads and stores stay inside the blocks.
        unsafe {
            let step = _mm256_set1_ps(step);
            for (w, x) in w.iter_mut().zip(x) {
                for half in [0, 8] {
                    let (x, before) = (_mm256_loadu_ps(x.as_ptr().add(half)), _mm256_loadu_ps(w.as_ptr().add(half)));
                    _mm256_storeu_ps(w.as_mut_ptr().add(half), _mm256_fmadd_ps(step, x, before));
                }
            }
        }
        return;
    }
    for (w, x) in w.iter_mut().zip(x) {
        for i in 0..LANES {
            w[i] = madd::<FMA>(step, x[i], w[i]);
        }
    }
}

/// `weight` if `selected`, else 0, without a branch, so that a loop of it becomes vector instructions.
#[inline(always)]
pub fn select_or_zero(selected: bool, weight: f32) -> f32 {
    // all ones or all zeros as a mask over the bits of the weight
    f32::from_bits(weight.to_bits() & u32::from(selected).wrapping_neg())
}

/// Asks the processor to load the cache line of a value before it is used.
#[inline(always)]
pub fn prefetch<T>(value: &T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch of a valid reference has no effect that a program can see.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch(std::ptr::from_ref(value).cast(), _MM_HINT_T0);
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = value;
}
