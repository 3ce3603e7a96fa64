//! A slow and obvious reference in f64 for one sequence, and steps and comparisons that several tests use.
#![allow(dead_code)]

use std::collections::HashMap;
use surmise_network::{NONE, Recurrence, Shape};

/// Arrays by their names, see `Recurrence::gradients`.
pub type NamedArrays = HashMap<String, Vec<f64>>;

/// One step of a sequence: its inputs and dL/dy.
#[derive(Clone, Default, Debug)]
pub struct SequenceStep {
    pub ids: Vec<u32>,
    pub dense: Vec<f32>,
    pub dy: Vec<f32>,
}

/// Weights of a network in f64.
pub fn weights(net: &Recurrence) -> NamedArrays {
    net.weights().into_iter().map(|(n, w)| (n, w.iter().map(|x| *x as f64).collect())).collect()
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// Features of every step `[width]` and gradients of Σ y·dy, by the textbook; `h0`: `[layers, H]`.
pub fn reference(shape: &Shape, w: &NamedArrays, h0: &[f32], steps: &[SequenceStep]) -> (Vec<Vec<f64>>, NamedArrays) {
    let (n, h, g, width) = (steps.len(), shape.hidden, 3 * shape.hidden, shape.layers * shape.hidden);
    let mut u = vec![vec![vec![0f64; g]; shape.layers]; n];
    let mut hs = vec![h0.iter().map(|x| *x as f64).collect::<Vec<_>>()];
    let mut y = vec![vec![0f64; width]; n];
    for t in 0..n {
        hs.push(vec![0.0; width]);
        for l in 0..shape.layers {
            for j in 0..g {
                let mut a = w[&format!("l{l}.bias")][j];
                for (k, id) in steps[t].ids.iter().enumerate().filter(|(_, id)| **id != NONE) {
                    a += w[&format!("l{l}.e{k}")][*id as usize * g + j];
                }
                for (i, x) in steps[t].dense.iter().enumerate() {
                    a += *x as f64 * w[&format!("l{l}.dense")][i * g + j];
                }
                if l > 0 {
                    for i in 0..h {
                        a += y[t][(l - 1) * h + i] * w[&format!("l{l}.below")][i * g + j];
                    }
                }
                u[t][l][j] = a;
            }
            for i in 0..h {
                let (z, c, o) =
                    (sigmoid(u[t][l][i].clamp(-20.0, 20.0)), u[t][l][h + i].tanh(), sigmoid(u[t][l][2 * h + i]));
                let before = hs[t][l * h + i];
                hs[t + 1][l * h + i] = before + z * (c - before);
                y[t][l * h + i] = o * hs[t + 1][l * h + i];
            }
        }
    }
    let mut grad: NamedArrays = w.iter().map(|(n, x)| (n.clone(), vec![0.0; x.len()])).collect();
    let mut dh = vec![0f64; width];
    for t in (0..n).rev() {
        let mut dy: Vec<f64> = steps[t].dy.iter().map(|x| *x as f64).collect();
        for l in (0..shape.layers).rev() {
            let mut du = vec![0f64; g];
            for i in 0..h {
                let at = l * h + i;
                let (uz, c, o) = (u[t][l][i], u[t][l][h + i].tanh(), sigmoid(u[t][l][2 * h + i]));
                let z = sigmoid(uz.clamp(-20.0, 20.0));
                let d = dh[at] + dy[at] * o;
                du[i] = if uz.abs() > 20.0 { 0.0 } else { d * (c - hs[t][at]) * z * (1.0 - z) };
                du[h + i] = d * z * (1.0 - c * c);
                du[2 * h + i] = dy[at] * hs[t + 1][at] * o * (1.0 - o);
                dh[at] = d * (1.0 - z);
            }
            for j in 0..g {
                grad.get_mut(&format!("l{l}.bias")).unwrap()[j] += du[j];
                for (k, id) in steps[t].ids.iter().enumerate().filter(|(_, id)| **id != NONE) {
                    grad.get_mut(&format!("l{l}.e{k}")).unwrap()[*id as usize * g + j] += du[j];
                }
                for (i, x) in steps[t].dense.iter().enumerate() {
                    grad.get_mut(&format!("l{l}.dense")).unwrap()[i * g + j] += *x as f64 * du[j];
                }
                if l > 0 {
                    for i in 0..h {
                        grad.get_mut(&format!("l{l}.below")).unwrap()[i * g + j] += y[t][(l - 1) * h + i] * du[j];
                        dy[(l - 1) * h + i] += du[j] * w[&format!("l{l}.below")][i * g + j];
                    }
                }
            }
        }
    }
    (y, grad)
}

/// Largest difference as a share of the largest value of the array.
pub fn error(got: &[f32], want: &[f64]) -> f64 {
    assert_eq!(got.len(), want.len());
    let max = want.iter().fold(0f64, |m, x| m.max(x.abs()));
    let worst = got.iter().zip(want).fold(0f64, |m, (a, b)| m.max((*a as f64 - b).abs()));
    assert!(got.iter().all(|x| x.is_finite()));
    if max == 0.0 { worst } else { worst / max }
}

/// SplitMix64, a generator of numbers for tests. The generator of `surmise_fixtures` would do as well, but the pinned
/// bits of `learning.rs` depend on these numbers.
pub struct SplitMix64(pub u64);

impl SplitMix64 {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in [-1, 1).
    pub fn f(&mut self) -> f32 {
        (self.next() >> 40) as f32 / 8_388_608.0 - 1.0
    }

    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    /// A step with ids in 0..24, some missing, and a small gradient.
    pub fn step(&mut self, shape: &Shape) -> SequenceStep {
        SequenceStep {
            ids: (0..shape.tables).map(|_| if self.below(9) == 0 { NONE } else { self.below(24) as u32 }).collect(),
            dense: (0..shape.dense).map(|_| self.f()).collect(),
            dy: (0..shape.layers * shape.hidden).map(|_| self.f() * 0.3).collect(),
        }
    }
}
