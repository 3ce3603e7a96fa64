//! Initial weights: each is a hash of its place, so that neither the order nor the moment of an allocation matters.
//!
//! A row of weights has a *key*: `row_key(seed, kind, layer, table, row)`. Its element `i` is
//! `scale · (top 24 bits of mix(key + (i+1)·G) / 2^23 - 1)`: the generator SplitMix64, started at the key. Two lines of
//! any language reproduce it; `reference/make_reference.py` does.
//!
//! Source: Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (2014).

/// G, the increment of SplitMix64: 2⁶⁴ divided by the golden ratio, made odd.
const GOLDEN_INCREMENT: u64 = 0x9e37_79b9_7f4a_7c15;

/// Scale of the embeddings of the latest symbol, which decide most of the first steps.
const FIRST_TABLE_SCALE: f32 = 0.3;
/// Scale of the embeddings of older symbols, which are nearly silent at first.
const OTHER_TABLE_SCALE: f32 = 0.02;
/// Scale of a matrix, times √H: for inputs of variance 1, weights within ± 1.2/√H give the gates inputs of variance
/// 0.48.
const MATRIX_SCALE: f32 = 1.2;
/// The memories 1/z of the units start between 1 and 2 to the power of this.
const MEMORY_OCTAVES: f64 = 6.0;

/// Which array of the network a weight is in. The numbers are part of every initial weight.
#[derive(Clone, Copy)]
pub(crate) enum WeightKind {
    Embedding = 1,
    Dense = 2,
    Below = 3,
    Output = 4,
}

/// The finaliser of SplitMix64.
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The key of one row of weights.
pub(crate) fn row_key(seed: u64, kind: WeightKind, layer: usize, table: usize, row: usize) -> u64 {
    [kind as u64, layer as u64, table as u64, row as u64]
        .iter()
        .fold(mix(seed.wrapping_add(GOLDEN_INCREMENT)), |key, x| mix(key ^ mix(x.wrapping_add(GOLDEN_INCREMENT))))
}

/// Element `i` of the row of a key, uniform in [-1, 1).
#[inline]
pub(crate) fn uniform(key: u64, i: usize) -> f32 {
    let z = mix(key.wrapping_add((i as u64 + 1).wrapping_mul(GOLDEN_INCREMENT)));
    (z >> 40) as f32 / 8_388_608.0 - 1.0
}

/// Fills one row of any length with numbers within ± `scale`.
pub(crate) fn fill(row: &mut [f32], key: u64, scale: f32) {
    for (i, w) in row.iter_mut().enumerate() {
        *w = scale * uniform(key, i);
    }
}

/// The scale of the rows of table `k`.
pub(crate) fn table_scale(k: usize) -> f32 {
    if k == 0 { FIRST_TABLE_SCALE } else { OTHER_TABLE_SCALE }
}

/// The scale of the matrices, for layers of width `hidden`.
pub(crate) fn matrix_scale(hidden: usize) -> f32 {
    MATRIX_SCALE / (hidden as f32).sqrt()
}

/// The bias of gate z of unit `i` of `hidden`: the memories 1/z of the units are spread over 1..64 steps, evenly in
/// their logarithm.
pub(crate) fn gate_bias(i: usize, hidden: usize) -> f32 {
    let memory = exp2((i as f64 + 0.5) / hidden as f64 * MEMORY_OCTAVES);
    // z = 1/memory = σ(bias), so bias = -ln(memory - 1), but for .001 that keeps the logarithm finite
    -ln((memory - 0.999).max(1e-3)) as f32
}

/// 2^x for x in 0..64, by its series; only additions and multiplications, so the same everywhere.
fn exp2(x: f64) -> f64 {
    let whole = x.floor();
    let f = (x - whole) * std::f64::consts::LN_2;
    // Σ fⁿ/n! by Horner's rule
    let series = (1..24).rev().fold(1.0, |s, n| 1.0 + s * f / n as f64);
    series * (1u64 << whole as u32) as f64
}

/// ln x for a positive x, by the series of artanh.
fn ln(mut x: f64) -> f64 {
    let mut exponent = 0.0;
    while x > std::f64::consts::SQRT_2 {
        x *= 0.5;
        exponent += 1.0;
    }
    while x < std::f64::consts::FRAC_1_SQRT_2 {
        x *= 2.0;
        exponent -= 1.0;
    }
    let s = (x - 1.0) / (x + 1.0);
    let series = (0..24).rev().fold(0.0, |a, n| a * s * s + 1.0 / (2 * n + 1) as f64);
    2.0 * s * series + exponent * std::f64::consts::LN_2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_are_spread_over_one_to_sixty_four_steps() {
        for hidden in [16, 64] {
            for i in 0..hidden {
                let z = 1.0 / (1.0 + (-gate_bias(i, hidden) as f64).exp());
                let want = 2f64.powf((i as f64 + 0.5) / hidden as f64 * 6.0);
                assert!((1.0 / z / want - 1.0).abs() < 2e-3, "{i} of {hidden}: {} for {want}", 1.0 / z);
            }
        }
        assert!((exp2(5.3) - 5.3f64.exp2()).abs() < 1e-12 && (ln(0.003) - 0.003f64.ln()).abs() < 1e-14);
    }

    #[test]
    fn uniform_is_uniform() {
        let n = 100_000;
        let key = row_key(7, WeightKind::Below, 1, 0, 3);
        let (mut mean, mut variance) = (0.0, 0.0);
        for i in 0..n {
            let x = uniform(key, i) as f64;
            assert!((-1.0..1.0).contains(&x));
            mean += x / n as f64;
            variance += x * x / n as f64;
        }
        assert!(mean.abs() < 0.01 && (variance - 1.0 / 3.0).abs() < 0.01, "{mean} {variance}");
        assert_ne!(row_key(7, WeightKind::Below, 1, 0, 3), row_key(7, WeightKind::Below, 0, 1, 3));
    }
}
