//! Elementary functions of one number, as polynomials: their bits depend on the arithmetic alone, not on a library.
//!
//! Each is written so that a loop of it over lanes becomes vector instructions: no branches, no tables. `FMA` says
//! whether the kernel that is being compiled fuses, see [`kernels!`](crate::kernels).

/// 1.5·2²³: a number to which adding x, |x| < 2²², leaves round(x) in the low bits of the mantissa.
const ROUNDING: f32 = 12_582_912.0;

/// Arguments of [`exp`] are held within ± this, where e^x is a normal number.
const EXP_ARGUMENT_MAX: f32 = 87.0;

/// The bits of √½: what is subtracted from a number's bits before its exponent is read, so that the mantissa lies in
/// [√½, √2).
const SQRT_HALF_BITS: u32 = 0x3f35_04f3;

/// First guess of 1/√x, from which half the bits of x are subtracted (Lomont, "Fast inverse square root", 2003).
const RSQRT_BITS: u32 = 0x5f37_5a86;

/// `a * b + c`, fused (rounded once) where `FMA` is true.
#[inline(always)]
pub fn madd<const FMA: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

/// e^x with a relative error near 1e-7, for x held within ±87; NaN stays NaN.
///
/// e^x = 2^n e^r with n the integer nearest to x/ln 2. The polynomial in r is that of Cephes (Moshier, `expf`).
#[inline(always)]
pub fn exp<const FMA: bool>(x: f32) -> f32 {
    let x = x.clamp(-EXP_ARGUMENT_MAX, EXP_ARGUMENT_MAX);
    let k = madd::<FMA>(x, std::f32::consts::LOG2_E, ROUNDING);
    let n = k - ROUNDING;
    // r = x - n ln 2, with ln 2 in two parts so that no digit of the difference is lost
    let r = madd::<FMA>(n, -0.693_359_4, x);
    let r = madd::<FMA>(n, 2.121_944_4e-4, r);
    let p = 1.987_569_1e-4f32;
    let p = madd::<FMA>(p, r, 1.398_199_9e-3);
    let p = madd::<FMA>(p, r, 8.333_452e-3);
    let p = madd::<FMA>(p, r, 4.166_579_6e-2);
    let p = madd::<FMA>(p, r, 1.666_666_5e-1);
    let p = madd::<FMA>(p, r, 5e-1);
    let y = madd::<FMA>(p, r * r, r + 1.0);
    // n is in the low bits of k; added to the exponent it multiplies by 2^n
    f32::from_bits(y.to_bits().wrapping_add(k.to_bits() << 23))
}

/// The logistic function σ(x) = 1 / (1 + e^-x).
#[inline(always)]
pub fn sigmoid<const FMA: bool>(x: f32) -> f32 {
    1.0 / (1.0 + exp::<FMA>(-x))
}

/// tanh x = 2 σ(2x) - 1.
#[inline(always)]
pub fn tanh<const FMA: bool>(x: f32) -> f32 {
    madd::<FMA>(2.0, sigmoid::<FMA>(2.0 * x), -1.0)
}

/// Natural logarithm of a positive normal number, absolute error below 2e-6.
///
/// x = 2^e m with m in [√½, √2), and ln m = 2 artanh s with s = (m - 1) / (m + 1), by its series to s⁹.
#[inline(always)]
pub fn ln<const FMA: bool>(x: f32) -> f32 {
    let bits = x.to_bits();
    let e = ((bits.wrapping_sub(SQRT_HALF_BITS)) as i32) >> 23;
    let m = f32::from_bits(bits.wrapping_sub((e as u32) << 23));
    let s = (m - 1.0) / (m + 1.0);
    let q = s * s;
    let r = madd::<FMA>(q, 2.0 / 9.0, 2.0 / 7.0);
    let r = madd::<FMA>(r, q, 2.0 / 5.0);
    let r = madd::<FMA>(r, q, 2.0 / 3.0);
    let r = madd::<FMA>(r, q, 2.0);
    madd::<FMA>(e as f32, std::f32::consts::LN_2, r * s)
}

/// The logit ln(p / (1 - p)), the inverse of [`sigmoid`].
#[inline(always)]
pub fn stretch<const FMA: bool>(p: f32) -> f32 {
    ln::<FMA>(p / (1.0 - p))
}

/// 1/√x to about 5e-6, by a guess from the bits and two Newton steps; x is positive and normal.
#[inline(always)]
pub fn rsqrt<const FMA: bool>(x: f32) -> f32 {
    let guess = f32::from_bits(RSQRT_BITS.wrapping_sub(x.to_bits() >> 1));
    let h = -0.5 * x;
    // y' = y (1.5 - x y² / 2), twice
    let y = guess * madd::<FMA>(h * guess, guess, 1.5);
    y * madd::<FMA>(h * y, y, 1.5)
}
