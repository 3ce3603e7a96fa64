//! Sixteen-lane arithmetic that gives the same bits on every kernel.
//!
//! Everything numeric in the hot path works on blocks of sixteen `f32` with a fixed order of reduction. The
//! [`kernels!`] macro compiles one body three times, for AVX-512, AVX2 with FMA, and the plain x86-64 baseline, and
//! picks at run time. The two vector kernels agree bit for bit, because both fuse every [`madd`] and neither changes
//! the order of a sum; the portable kernel does not fuse, so it has a name of its own in a checkpoint's identity.
//!
//! Nothing here calls a system mathematics library, whose results differ between machines.

use std::sync::OnceLock;

/// Number of lanes in a block; arrays that kernels walk have a length that is a multiple of it.
pub const LANES: usize = 16;

/// One block of lanes.
pub type Block = [f32; LANES];

/// Which compiled kernel runs on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
    /// AVX-512 F/BW/DQ/VL.
    Avx512,
    /// AVX2 with FMA.
    Avx2,
    /// The plain baseline, without fused multiply-add.
    Portable,
}

impl Kernel {
    /// The fastest kernel that this machine has; `SURMISE_KERNEL=portable|avx2|avx512` asks for a slower one.
    pub fn detect() -> Kernel {
        static K: OnceLock<Kernel> = OnceLock::new();
        *K.get_or_init(|| {
            let best = Self::best();
            match std::env::var("SURMISE_KERNEL").ok().as_deref() {
                Some("portable") => Kernel::Portable,
                Some("avx2") if best != Kernel::Portable => Kernel::Avx2,
                _ => best,
            }
        })
    }

    #[cfg(target_arch = "x86_64")]
    fn best() -> Kernel {
        use std::arch::is_x86_feature_detected as has;
        let v3 = has!("avx2") && has!("fma") && has!("bmi1") && has!("bmi2") && has!("lzcnt");
        if v3 && has!("avx512f") && has!("avx512bw") && has!("avx512dq") && has!("avx512vl") {
            Kernel::Avx512
        } else if v3 {
            Kernel::Avx2
        } else {
            Kernel::Portable
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn best() -> Kernel {
        Kernel::Portable
    }

    /// The name that is printed.
    pub fn name(self) -> &'static str {
        match self {
            Kernel::Avx512 => "avx512",
            Kernel::Avx2 => "avx2",
            Kernel::Portable => "portable",
        }
    }

    /// The name of the arithmetic, part of a checkpoint's identity: kernels of one arithmetic agree bit for bit.
    pub fn arithmetic(self) -> &'static str {
        match self {
            Kernel::Avx512 | Kernel::Avx2 => "fused16",
            Kernel::Portable => "plain16",
        }
    }
}

/// `a * b + c`, fused where `FMA` is true (a constant of the kernel that is being compiled).
#[inline(always)]
pub fn madd<const FMA: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

/// e^x with a relative error near 1e-7, for x clamped to ±87; NaN stays NaN.
#[inline(always)]
pub fn exp<const FMA: bool>(x: f32) -> f32 {
    let x = x.clamp(-87.0, 87.0);
    // adding 1.5·2^23 rounds to the nearest integer, which is then found in the low bits
    let k = madd::<FMA>(x, std::f32::consts::LOG2_E, 12582912.0);
    let n = k - 12582912.0;
    let r = madd::<FMA>(n, -0.693_359_4, x);
    let r = madd::<FMA>(n, 2.121_944_4e-4, r);
    let p = 1.987_569_1e-4f32;
    let p = madd::<FMA>(p, r, 1.398_199_9e-3);
    let p = madd::<FMA>(p, r, 8.333_452e-3);
    let p = madd::<FMA>(p, r, 4.166_579_6e-2);
    let p = madd::<FMA>(p, r, 1.666_666_5e-1);
    let p = madd::<FMA>(p, r, 5e-1);
    let y = madd::<FMA>(p, r * r, r + 1.0);
    f32::from_bits(y.to_bits().wrapping_add(k.to_bits() << 23))
}

/// 1 / (1 + e^-x).
#[inline(always)]
pub fn sigmoid<const FMA: bool>(x: f32) -> f32 {
    1.0 / (1.0 + exp::<FMA>(-x))
}

/// tanh x, through the logistic function.
#[inline(always)]
pub fn tanh<const FMA: bool>(x: f32) -> f32 {
    madd::<FMA>(2.0, sigmoid::<FMA>(2.0 * x), -1.0)
}

/// Natural logarithm of a positive normal number, absolute error below 2e-6.
#[inline(always)]
pub fn ln<const FMA: bool>(x: f32) -> f32 {
    let bits = x.to_bits();
    // mantissa to [√½, √2)
    let e = ((bits.wrapping_sub(0x3f35_04f3)) as i32) >> 23;
    let m = f32::from_bits(bits.wrapping_sub((e as u32) << 23));
    let s = (m - 1.0) / (m + 1.0);
    let q = s * s;
    let r = madd::<FMA>(q, 2.0 / 9.0, 2.0 / 7.0);
    let r = madd::<FMA>(r, q, 2.0 / 5.0);
    let r = madd::<FMA>(r, q, 2.0 / 3.0);
    let r = madd::<FMA>(r, q, 2.0);
    madd::<FMA>(e as f32, std::f32::consts::LN_2, r * s)
}

/// ln(p / (1 - p)).
#[inline(always)]
pub fn stretch<const FMA: bool>(p: f32) -> f32 {
    ln::<FMA>(p / (1.0 - p))
}

/// 1/√x to about 5e-6, by two Newton steps; x is positive and normal.
#[inline(always)]
pub fn rsqrt<const FMA: bool>(x: f32) -> f32 {
    let y = f32::from_bits(0x5f37_5a86u32.wrapping_sub(x.to_bits() >> 1));
    let h = -0.5 * x;
    let y = y * madd::<FMA>(h * y, y, 1.5);
    y * madd::<FMA>(h * y, y, 1.5)
}

/// Sum of a block in one fixed order (pairwise halves).
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
/// Written with intrinsics where the kernel has them, as compilers carry the shape of the final sum back into the loop
/// and then compute it a few lanes at a time; the result is the same bits.
#[inline(always)]
pub fn dot<const FMA: bool>(w: &[Block], x: &[Block]) -> f32 {
    #[cfg(target_arch = "x86_64")]
    if FMA {
        use std::arch::x86_64::*;
        // SAFETY: a kernel that fuses has AVX2 and FMA; the loads stay inside the blocks.
        unsafe {
            let (mut lo, mut hi) = (_mm256_setzero_ps(), _mm256_setzero_ps());
            for (w, x) in w.iter().zip(x) {
                lo = _mm256_fmadd_ps(_mm256_loadu_ps(w.as_ptr()), _mm256_loadu_ps(x.as_ptr()), lo);
                hi = _mm256_fmadd_ps(_mm256_loadu_ps(w.as_ptr().add(8)), _mm256_loadu_ps(x.as_ptr().add(8)), hi);
            }
            return sum_of_halves(lo, hi);
        }
    }
    let mut a = [0f32; LANES];
    for (w, x) in w.iter().zip(x) {
        for i in 0..LANES {
            a[i] = madd::<FMA>(w[i], x[i], a[i]);
        }
    }
    sum(&a)
}

/// [`dot`] of several rows with one x, which stays in registers; what is behind the rows in `out` stays as it is.
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
            for (h, x) in held.iter_mut().zip(x) {
                *h = [_mm256_loadu_ps(x.as_ptr()), _mm256_loadu_ps(x.as_ptr().add(8))];
            }
            for (out, row) in out.iter_mut().zip(rows) {
                let (mut lo, mut hi) = (_mm256_setzero_ps(), _mm256_setzero_ps());
                for (w, x) in row.iter().zip(&held) {
                    lo = _mm256_fmadd_ps(_mm256_loadu_ps(w.as_ptr()), x[0], lo);
                    hi = _mm256_fmadd_ps(_mm256_loadu_ps(w.as_ptr().add(8)), x[1], hi);
                }
                *out = sum_of_halves(lo, hi);
            }
        }
        return;
    }
    for (out, row) in out.iter_mut().zip(rows) {
        *out = dot::<FMA>(row, x);
    }
}

/// [`sum`] of a block in two registers.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn sum_of_halves(lo: std::arch::x86_64::__m256, hi: std::arch::x86_64::__m256) -> f32 {
    use std::arch::x86_64::*;
    // SAFETY: the caller's kernel has AVX2.
    unsafe {
        let b = _mm256_add_ps(lo, hi);
        let c = _mm_add_ps(_mm256_castps256_ps128(b), _mm256_extractf128_ps(b, 1));
        let d = _mm_add_ps(c, _mm_movehl_ps(c, c));
        _mm_cvtss_f32(_mm_add_ss(d, _mm_shuffle_ps(d, d, 1)))
    }
}

/// w += Σ step·x over several x, in their order: the same as [`add_scaled`] with one after another.
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
            let s = steps.map(|s| _mm256_set1_ps(s));
            for (b, w) in w.iter_mut().enumerate() {
                for at in [0, 8] {
                    let mut v = _mm256_loadu_ps(w.as_ptr().add(at));
                    for k in 0..K {
                        v = _mm256_fmadd_ps(s[k], _mm256_loadu_ps(x[k][b].as_ptr().add(at)), v);
                    }
                    _mm256_storeu_ps(w.as_mut_ptr().add(at), v);
                }
            }
        }
        return;
    }
    for (x, s) in x.iter().zip(steps) {
        add_scaled::<FMA, N>(w, x, *s);
    }
}

/// w += step·x over all lanes of all blocks.
#[inline(always)]
pub fn add_scaled<const FMA: bool, const N: usize>(w: &mut [Block; N], x: &[Block; N], step: f32) {
    #[cfg(target_arch = "x86_64")]
    if FMA {
        use std::arch::x86_64::*;
        // SAFETY: a kernel that fuses has AVX2 and FMA; the loads and stores stay inside the blocks.
        unsafe {
            let s = _mm256_set1_ps(step);
            for (w, x) in w.iter_mut().zip(x) {
                for at in [0, 8] {
                    let v =
                        _mm256_fmadd_ps(s, _mm256_loadu_ps(x.as_ptr().add(at)), _mm256_loadu_ps(w.as_ptr().add(at)));
                    _mm256_storeu_ps(w.as_mut_ptr().add(at), v);
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

/// `weight` if `selected`, else 0, without a branch.
#[inline(always)]
pub fn select_or_zero(selected: bool, weight: f32) -> f32 {
    // all ones or all zeros as a mask over the bits of the weight
    f32::from_bits(weight.to_bits() & u32::from(selected).wrapping_neg())
}

/// Asks the processor for a value ahead of its use.
#[inline(always)]
pub fn prefetch<T>(p: &T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch of a valid reference has no effect that a program can see.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch(std::ptr::from_ref(p).cast(), _MM_HINT_T0);
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = p;
}

/// Compiles each function once for every [`Kernel`] and calls the one that [`Kernel::detect`] names.
///
/// A function that multiplies and adds names a constant in brackets, `fn dot[FMA](..)`: it is true in kernels that fuse,
/// and the body passes it on to the functions of this crate, as in [`madd::<FMA>`](madd). A function that only adds,
/// compares or moves leaves the brackets out. Other functions that a body calls must be `#[inline(always)]`, or they are
/// compiled without the kernel's instructions.
#[macro_export]
macro_rules! kernels {
    ($( $(#[$m:meta])* $v:vis fn $n:ident $([$fma:ident])? ($($a:ident: $t:ty),* $(,)?) $(-> $r:ty)? $b:block )*) => { $(
        $(#[$m])*
        #[allow(clippy::too_many_arguments)]
        #[inline]
        $v fn $n($($a: $t),*) $(-> $r)? {
            #[inline(always)]
            fn body<$(const $fma: bool)?>($($a: $t),*) $(-> $r)? $b
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,bmi1,bmi2,lzcnt")]
                fn v4($($a: $t),*) $(-> $r)? { body::<$({ $crate::kernels!(@fuses $fma true) })?>($($a),*) }
                #[target_feature(enable = "avx2,fma,bmi1,bmi2,lzcnt")]
                fn v3($($a: $t),*) $(-> $r)? { body::<$({ $crate::kernels!(@fuses $fma true) })?>($($a),*) }
                match $crate::Kernel::detect() {
                    // SAFETY: `detect` returned a kernel whose features this machine has.
                    $crate::Kernel::Avx512 => unsafe { v4($($a),*) },
                    // SAFETY: as above.
                    $crate::Kernel::Avx2 => unsafe { v3($($a),*) },
                    $crate::Kernel::Portable => body::<$({ $crate::kernels!(@fuses $fma false) })?>($($a),*),
                }
            }
            #[cfg(not(target_arch = "x86_64"))]
            body::<$({ $crate::kernels!(@fuses $fma false) })?>($($a),*)
        }
    )* };
    // the value of a function's constant, for a function that has one
    (@fuses $fma:ident $value:literal) => { $value };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elementary_functions_are_accurate() {
        for i in -2000..2000 {
            let x = i as f32 * 0.043;
            let e = exp::<true>(x) as f64 / (x as f64).exp() - 1.0;
            assert!(e.abs() < 3e-7, "exp {x}: {e}");
            let p = 1.0 / (1.0 + (-x as f64).exp());
            assert!((sigmoid::<true>(x) as f64 - p).abs() < 3e-7, "sigmoid {x}");
            let y = (x as f64).exp() as f32;
            if y.is_normal() {
                assert!((ln::<true>(y) as f64 - (y as f64).ln()).abs() < 4e-6 * (1.0 + x.abs() as f64), "ln {y}");
                assert!((rsqrt::<true>(y) as f64 * (y as f64).sqrt() - 1.0).abs() < 1e-5, "rsqrt {y}");
            }
        }
        assert!(exp::<true>(f32::NAN).is_nan() && sigmoid::<false>(f32::NAN).is_nan());
    }

    kernels! { fn by_hand[FMA](a: &[Block; 9], b: &[Block; 9]) -> (f32, Block) {
        let mut w = *b;
        super::add_scaled::<FMA, 9>(&mut w, a, 0.37);
        (super::dot::<FMA>(a, b), w[8])
    } }

    kernels! { fn dot[FMA](a: &[Block], b: &[Block]) -> f32 {
        let mut s = [0f32; LANES];
        for (x, y) in a.iter().zip(b) { for i in 0..LANES { s[i] = madd::<FMA>(x[i], y[i], s[i]); } }
        sum(&s)
    } }

    #[test]
    fn the_chosen_kernel_agrees_with_its_arithmetic() {
        let a: Vec<Block> = (0..9).map(|i| std::array::from_fn(|j| ((i * 16 + j) as f32 * 0.37).sin())).collect();
        let b: Vec<Block> = (0..9).map(|i| std::array::from_fn(|j| ((i * 16 + j) as f32 * 0.11).cos())).collect();
        let want = {
            let mut s = [0f32; LANES];
            for (x, y) in a.iter().zip(&b) {
                for i in 0..LANES {
                    s[i] = if Kernel::detect() == Kernel::Portable {
                        x[i] * y[i] + s[i]
                    } else {
                        x[i].mul_add(y[i], s[i])
                    };
                }
            }
            sum(&s)
        };
        assert_eq!(dot(&a, &b).to_bits(), want.to_bits());
        let (a, b): (&[Block; 9], &[Block; 9]) = (a.as_slice().try_into().unwrap(), b.as_slice().try_into().unwrap());
        let (d, w) = by_hand(a, b);
        assert_eq!(d.to_bits(), want.to_bits());
        for i in 0..LANES {
            let fused = Kernel::detect() != Kernel::Portable;
            let want = if fused { 0.37f32.mul_add(a[8][i], b[8][i]) } else { 0.37 * a[8][i] + b[8][i] };
            assert_eq!(w[i].to_bits(), want.to_bits());
        }
    }
}
