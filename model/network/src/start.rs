//! Initial weights, each a hash of its place, so that neither the order nor the moment of an allocation matters.
//!
//! A row of weights has a *stream*: `key(seed, part, layer, table, row)`. Its element `i` is
//! `scale · (top 24 bits of mix(stream + (i+1)·G) / 2^23 - 1)`: SplitMix64 (Steele, Lea, Flood 2014), started at
//! the stream. Two lines of any language reproduce it; `reference/make_reference.py` does.

const G: u64 = 0x9e37_79b9_7f4a_7c15;

/// Which kind of weight.
#[derive(Clone, Copy)]
pub(crate) enum Part {
    Embedding = 1,
    Dense = 2,
    Below = 3,
    Output = 4,
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The stream of one row of weights.
pub(crate) fn key(seed: u64, part: Part, layer: usize, table: usize, row: usize) -> u64 {
    [part as u64, layer as u64, table as u64, row as u64]
        .iter()
        .fold(mix(seed.wrapping_add(G)), |k, x| mix(k ^ mix(x.wrapping_add(G))))
}

/// Element `i` of a stream, uniform in [-1, 1).
#[inline]
pub(crate) fn uniform(stream: u64, i: usize) -> f32 {
    let z = mix(stream.wrapping_add((i as u64 + 1).wrapping_mul(G)));
    (z >> 40) as f32 / 8_388_608.0 - 1.0
}

/// Fills one row.
pub(crate) fn fill(row: &mut [f32], stream: u64, scale: f32) {
    for (i, w) in row.iter_mut().enumerate() {
        *w = scale * uniform(stream, i);
    }
}

/// The scale of the rows of table `k`: the latest symbol speaks, older ones whisper.
pub(crate) fn table_scale(k: usize) -> f32 {
    if k == 0 { 0.3 } else { 0.02 }
}

/// The scale of the matrices, for layers of width `hidden`.
pub(crate) fn matrix_scale(hidden: usize) -> f32 {
    1.2 / (hidden as f32).sqrt()
}

/// The bias of gate z of unit `i` of `hidden`: the memories 1/z of the units are spread over 1..64 steps.
pub(crate) fn gate_bias(i: usize, hidden: usize) -> f32 {
    let tau = exp2((i as f64 + 0.5) / hidden as f64 * 6.0);
    -ln((tau - 0.999).max(1e-3)) as f32
}

/// 2^x for x in 0..64, by its series; only additions and multiplications, so the same everywhere.
fn exp2(x: f64) -> f64 {
    let whole = x.floor();
    let f = (x - whole) * std::f64::consts::LN_2;
    let series = (1..24).rev().fold(1.0, |s, n| 1.0 + s * f / n as f64);
    series * (1u64 << whole as u32) as f64
}

/// ln x for a positive x, by the series of artanh.
fn ln(mut x: f64) -> f64 {
    let mut e = 0.0;
    while x > std::f64::consts::SQRT_2 {
        x *= 0.5;
        e += 1.0;
    }
    while x < std::f64::consts::FRAC_1_SQRT_2 {
        x *= 2.0;
        e -= 1.0;
    }
    let s = (x - 1.0) / (x + 1.0);
    let series = (0..24).rev().fold(0.0, |a, n| a * s * s + 1.0 / (2 * n + 1) as f64);
    2.0 * s * series + e * std::f64::consts::LN_2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_are_spread_over_one_to_sixty_four_steps() {
        for h in [16, 64] {
            for i in 0..h {
                let z = 1.0 / (1.0 + (-gate_bias(i, h) as f64).exp());
                let want = 2f64.powf((i as f64 + 0.5) / h as f64 * 6.0);
                assert!((1.0 / z / want - 1.0).abs() < 2e-3, "{i} of {h}: {} for {want}", 1.0 / z);
            }
        }
        assert!((exp2(5.3) - 5.3f64.exp2()).abs() < 1e-12 && (ln(0.003) - 0.003f64.ln()).abs() < 1e-14);
    }

    #[test]
    fn uniform_is_uniform() {
        let n = 100_000;
        let k = key(7, Part::Below, 1, 0, 3);
        let (mut m, mut v) = (0.0, 0.0);
        for i in 0..n {
            let x = uniform(k, i) as f64;
            assert!((-1.0..1.0).contains(&x));
            m += x / n as f64;
            v += x * x / n as f64;
        }
        assert!(m.abs() < 0.01 && (v - 1.0 / 3.0).abs() < 0.01, "{m} {v}");
        assert_ne!(key(7, Part::Below, 1, 0, 3), key(7, Part::Below, 0, 1, 3));
    }
}
