//! Training runs and comparisons that several tests use.
#![allow(dead_code)]

use surmise_fixtures::Random;
use surmise_network::{NONE, Recurrence, Sequence, Shape};

/// The largest difference of two arrays as a share of the largest value of both.
pub fn difference(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len());
    assert!(a.iter().chain(b).all(|x| x.is_finite()));
    let largest = a.iter().chain(b).fold(0f64, |m, x| m.max(x.abs() as f64));
    let worst = a.iter().zip(b).fold(0f64, |m, (a, b)| m.max((*a as f64 - *b as f64).abs()));
    if largest == 0.0 { 0.0 } else { worst / largest }
}

/// Sequences without a past.
pub fn sequences(shape: &Shape, n: usize) -> Vec<Sequence> {
    (0..n).map(|_| Sequence::new(shape)).collect()
}

/// Steps of sequences in turn, by chance, with a loss that pulls every feature to a value that its place decides.
/// Returns the features of every step, and half the squared distance of each.
pub fn run(net: &mut Recurrence, keys: &mut [Sequence], rng: &mut Random, steps: usize) -> (Vec<Vec<f32>>, Vec<f64>) {
    let shape = *net.shape();
    let (mut all, mut losses) = (Vec::new(), Vec::new());
    for _ in 0..steps {
        let spread = [5, 40, 1 << 13];
        let ids: Vec<u32> =
            (0..shape.tables).map(|k| if rng.below(9) == 0 { NONE } else { rng.below(spread[k % 3]) as u32 }).collect();
        let dense: Vec<f32> = (0..shape.dense).map(|_| rng.signed()).collect();
        let key = rng.below(keys.len() as u64) as usize;
        if rng.below(8) == 0 {
            // a fork: two steps then have the same step before them
            keys[key] = keys[rng.below(keys.len() as u64) as usize].clone();
        }
        net.step(&mut keys[key], &ids, &dense);
        let (y, dy) = net.features_and_gradient();
        let mut loss = 0.0;
        for (i, (y, d)) in y.iter().zip(dy).enumerate() {
            *d += y - if (i + key).is_multiple_of(3) { 0.5 } else { -0.2 };
            loss += f64::from(*d).powi(2) / 2.0;
        }
        all.push(net.features().to_vec());
        losses.push(loss);
        net.finish();
    }
    (all, losses)
}
