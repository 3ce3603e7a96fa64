//! Student's t with three degrees of freedom, t₃: density, distribution function and masses of cells.
//!
//! With ν = 3 both density and distribution function are elementary:
//! f(z) = 2/(π√3) (1 + z²/3)^-2, F(z) = ½ + (atan t + t/(1+t²))/π with t = z/√3.
//! The mass of a cell is f times its width where the cell is narrow against σ and against its distance from the
//! centre, a three-point Gauss rule where it is less so, and a difference of F where the cell holds the bulk.
//!
//! There are two arithmetics. Scores, levels and quantiles need double precision. Remembered values are weighed by the
//! forecast, and the CRPS is looked up at eight points, in single precision, which is four times as fast.

use surmise_lanes::kernels;

/// 2/(π√3), the factor of the density.
const DENSITY_FACTOR: f64 = 0.367_552_596_947_861_4;
const SQRT3: f64 = 1.732_050_807_568_877_2;
const INV_PI: f64 = std::f64::consts::FRAC_1_PI;
/// Every mass is taken a millionth part too small, so that rounding cannot lift a sum of masses above one.
pub(crate) const MASS_SAFETY: f64 = 1.0 - 1.0 / 1_048_576.0;
/// The outer nodes of the Gauss-Legendre rule with three nodes: ±√(3/5).
const GAUSS_NODE: f64 = 0.774_596_669_241_483_4;

/// The arc tangent, by Cephes' rational form, without a branch.
#[inline(always)]
fn atan(t: f64) -> f64 {
    let a = t.abs();
    let big = a > 2.414_213_562_373_095;
    let mid = a > 0.414_213_562_373_095_03;
    let x = if big {
        -1.0 / a
    } else if mid {
        (a - 1.0) / (a + 1.0)
    } else {
        a
    };
    let y = if big {
        std::f64::consts::FRAC_PI_2
    } else if mid {
        std::f64::consts::FRAC_PI_4
    } else {
        0.0
    };
    let z = x * x;
    let p = -8.750_608_600_031_904e-1;
    let p = p * z - 1.615_753_718_733_365_2e1;
    let p = p * z - 7.500_855_792_314_705e1;
    let p = p * z - 1.228_866_684_490_136_1e2;
    let p = p * z - 6.485_021_904_942_025e1;
    let q = z + 2.485_846_490_142_306_3e1;
    let q = q * z + 1.650_270_098_316_988_5e2;
    let q = q * z + 4.328_810_604_912_903e2;
    let q = q * z + 4.853_903_996_359_137e2;
    let q = q * z + 1.945_506_571_482_614e2;
    let v = y + (x + x * z * (p / q));
    if t < 0.0 { -v } else { v }
}

/// F(z), the distribution function.
#[inline(always)]
pub(crate) fn cdf3(z: f64) -> f64 {
    let t = (z / SQRT3).clamp(-1e100, 1e100);
    0.5 + (atan(t) + t / (1.0 + t * t)) * INV_PI
}

/// f(z), the density.
#[inline(always)]
pub(crate) fn pdf3(z: f64) -> f64 {
    let u = 1.0 + z * z * (1.0 / 3.0);
    DENSITY_FACTOR / (u * u)
}

/// The arc tangent in single precision, by Cephes' polynomial, without a branch.
#[inline(always)]
pub(crate) fn atan_single(t: f32) -> f32 {
    let a = t.abs();
    let (big, mid) = (a > 2.414_213_6, a > 0.414_213_57);
    let over = if big { -1.0 } else { a - 1.0 };
    let under = if big { a } else { a + 1.0 };
    let x = if mid { over / under } else { a };
    let y = if big {
        std::f32::consts::FRAC_PI_2
    } else if mid {
        std::f32::consts::FRAC_PI_4
    } else {
        0.0
    };
    let z = x * x;
    let p = ((8.053_744_6e-2 * z - 1.387_768_5e-1) * z + 1.997_771_1e-1) * z - 3.333_295e-1;
    let v = y + (p * z * x + x);
    if t < 0.0 { -v } else { v }
}

/// F(z) in single precision.
#[inline(always)]
pub(crate) fn cdf3_single(z: f32) -> f32 {
    let t = (z * 0.577_350_26).clamp(-1e15, 1e15);
    0.5 + (atan_single(t) + t / (1.0 + t * t)) * std::f32::consts::FRAC_1_PI
}

/// f(z) up to a factor, in single precision; not below 1e-20.
#[inline(always)]
pub(crate) fn pdf3_single(z: f32) -> f32 {
    let u = 1.0 + z * z * (1.0 / 3.0);
    1.0 / (u * u).min(1e20)
}

/// Mass of the cell c ± h under the t₃ of centre `mu` and scale 1/`inv`, unsafe against rounding: see
/// [`MASS_SAFETY`].
#[inline(always)]
pub(crate) fn cell_mass(c: f64, h: f64, mu: f64, inv: f64) -> f64 {
    let z = (c - mu) * inv;
    let k = h * inv;
    if k <= 0.25 * z.abs().max(SQRT3) {
        let d = GAUSS_NODE * k;
        (8.0 * pdf3(z) + 5.0 * (pdf3(z - d) + pdf3(z + d))) * (k / 9.0)
    } else {
        cdf3(z + k) - cdf3(z - k)
    }
}

kernels! {
    /// Σ weight · f((value − mu) · inv), in single precision and sixteen partial sums.
    pub(crate) fn weighed_density(values: &[f64], weight: &[f32], mu: f64, inv: f64) -> f64 {
        let mut s = [0f32; 16];
        let (v, w) = (values.chunks_exact(16), weight.chunks_exact(16));
        let (rv, rw) = (v.remainder(), w.remainder());
        for (v, w) in v.zip(w) {
            for i in 0..16 { s[i] += w[i] * pdf3_single(((v[i] - mu) * inv) as f32); }
        }
        for (i, (v, w)) in rv.iter().zip(rw).enumerate() { s[i] += w * pdf3_single(((v - mu) * inv) as f32); }
        surmise_lanes::sum(&s) as f64
    }

    /// scale · weight · f((value − mu) · inv) of every value.
    pub(crate) fn weigh(values: &[f64], weight: &[f32], mu: f64, inv: f64, scale: f32, out: &mut [f32]) {
        for ((v, w), o) in values.iter().zip(weight).zip(out) { *o = scale * w * pdf3_single(((v - mu) * inv) as f32); }
    }

    /// Σ weight · density over the values below `x`, and over all; the second as [`weighed_density`] says.
    pub(crate) fn weighed_parts(values: &[f64], weight: &[f32], mu: f64, inv: f64, x: f64) -> (f64, f64) {
        let (mut s, mut below) = ([0f32; 16], [0f32; 16]);
        let (v, w) = (values.chunks_exact(16), weight.chunks_exact(16));
        let (rv, rw) = (v.remainder(), w.remainder());
        for (v, w) in v.zip(w) {
            for i in 0..16 {
                let d = w[i] * pdf3_single(((v[i] - mu) * inv) as f32);
                s[i] += d;
                below[i] += if v[i] < x { d } else { 0.0 };
            }
        }
        for (i, (v, w)) in rv.iter().zip(rw).enumerate() {
            let d = w * pdf3_single(((v - mu) * inv) as f32);
            s[i] += d;
            below[i] += if *v < x { d } else { 0.0 };
        }
        (surmise_lanes::sum(&below) as f64, surmise_lanes::sum(&s) as f64)
    }

    /// Natural logarithms, within 1e-9; what is not positive and normal counts as 1e-300.
    pub(crate) fn ln_all(x: &[f64], out: &mut [f64]) {
        for (x, out) in x.iter().zip(out) {
            let x = x.max(1e-300);
            let bits = x.to_bits();
            let e = (bits.wrapping_sub(0x3fe6_a09e_667f_3bcd) as i64) >> 52;
            let m = f64::from_bits(bits.wrapping_sub((e as u64) << 52));
            let s = (m - 1.0) / (m + 1.0);
            let q = s * s;
            let r = 2.0 + q * (2.0 / 3.0 + q * (0.4 + q * (2.0 / 7.0 + q * (2.0 / 9.0 + q * (2.0 / 11.0)))));
            // the exponent as a float, through its low bits
            let k = f64::from_bits((e.wrapping_add(0x3ff) as u64) | 0x4330_0000_0000_0000) - 4_503_599_627_371_519.0;
            *out = k * std::f64::consts::LN_2 + s * r;
        }
    }
}

/// Mass of the cell c ± h under the t₃ of centre `mu` and scale 1/`inv`.
#[inline]
pub(crate) fn mass(c: f64, h: f64, mu: f64, inv: f64) -> f64 {
    MASS_SAFETY * cell_mass(c, h, mu, inv)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn atan_and_ln_are_accurate() {
        for i in -4000..4000 {
            let t = libm::sinh(i as f64 * 0.005);
            assert!((atan(t) - libm::atan(t)).abs() < 1e-14, "{t}");
            let (mut y, x) = ([0.0], [libm::exp(i as f64 * 0.1)]);
            ln_all(&x, &mut y);
            assert!((y[0] - libm::log(x[0])).abs() < 1e-8, "{} {}", x[0], y[0]);
        }
    }

    #[test]
    fn the_quick_arc_tangent_is_close() {
        for i in -4000..4000 {
            let t = libm::sinh(i as f64 * 0.005) as f32;
            assert!((atan_single(t) as f64 - libm::atan(t as f64)).abs() < 3e-7, "{t}");
        }
    }

    #[test]
    fn a_cell_under_the_tail_has_the_mass_that_the_distribution_says() {
        for c in [0.0, 1.0, 3.0, 10.0, 50.0] {
            for h in [0.001, 0.01, 0.1, 0.4, 1.0, 3.0] {
                let z = |x: f64| {
                    let t = x / SQRT3;
                    0.5 + (libm::atan(t) + t / (1.0 + t * t)) * INV_PI
                };
                let want = z(c + h) - z(c - h);
                assert!((mass(c, h, 0.0, 1.0) / want - 1.0).abs() < 3e-4, "{c} {h}");
            }
        }
    }
}
