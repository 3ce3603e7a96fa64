//! The network of [`Resident`](crate::Resident) on the processor, plainly: what the device is held against.

use surmise_network::{Engine, Rates, Recurrence, Sequence, Shape};

/// A recurrence that is stepped sequence by sequence, with a softmax over symbols in plain loops.
pub struct Plain {
    /// The recurrence.
    pub net: Recurrence,
    /// Wo and, as one more row, its bias: `[width + 1, symbols]`.
    pub head: Vec<f32>,
    moments: Vec<f64>,
    sequences: Vec<Sequence>,
    symbols: usize,
    rates: Rates,
    updates: i32,
}

impl Plain {
    /// A network for so many sequences, each of which makes `shape.chunk` steps in a chunk.
    pub fn new(shape: Shape, sequences: usize, symbols: usize, rates: Rates, seed: u64, engine: Engine) -> Plain {
        let all = Shape { chunk: shape.chunk * sequences, ..shape };
        let head = first_head(&shape, symbols, seed);
        Plain {
            net: Recurrence::new(all, rates, symbols, seed, engine),
            moments: vec![0.0; head.len()],
            head,
            sequences: (0..sequences).map(|_| Sequence::new(&all)).collect(),
            symbols,
            rates,
            updates: 0,
        }
    }

    /// Learns from a chunk, as `Resident::chunk` does. Returns the features and the loss of each row.
    pub fn chunk(&mut self, ids: &[u32], targets: &[u32]) -> (Vec<f32>, Vec<f32>) {
        let (tables, width, v) = (self.net.shape().tables, self.net.width(), self.symbols);
        let (mut features, mut losses) = (Vec::new(), Vec::new());
        let mut gradient = vec![0f64; self.head.len()];
        for (r, target) in targets.iter().enumerate() {
            let s = r % self.sequences.len();
            self.net.step(&mut self.sequences[s], &ids[r * tables..(r + 1) * tables], &[]);
            let (y, dy) = self.net.features_and_gradient();
            let mut logits: Vec<f64> = self.head[width * v..].iter().map(|b| f64::from(*b)).collect();
            for (y, w) in y.iter().zip(self.head.chunks_exact(v)) {
                logits.iter_mut().zip(w).for_each(|(l, w)| *l += f64::from(*y) * f64::from(*w));
            }
            let top = logits.iter().copied().fold(f64::MIN, f64::max);
            let total: f64 = logits.iter().map(|l| (l - top).exp()).sum();
            losses.push((top + total.ln() - logits[*target as usize]) as f32);
            let error = |j: usize| (logits[j] - top).exp() / total - f64::from(u8::from(j == *target as usize));
            let errors: Vec<f64> = (0..v).map(error).collect();
            for (i, dy) in dy.iter_mut().enumerate() {
                let w = &self.head[i * v..(i + 1) * v];
                *dy += errors.iter().zip(w).map(|(e, w)| e * f64::from(*w)).sum::<f64>() as f32;
            }
            for (y, g) in y.iter().copied().chain([1.0]).zip(gradient.chunks_exact_mut(v)) {
                g.iter_mut().zip(&errors).for_each(|(g, e)| *g += f64::from(y) * e);
            }
            features.extend_from_slice(y);
            self.net.finish();
        }
        let rejected = self.updates as u64 == self.net.updates();
        if !rejected {
            self.update(&gradient);
        }
        (features, losses)
    }

    fn update(&mut self, gradient: &[f64]) {
        self.updates += 1;
        let rate = f64::from(self.rates.rate());
        let unbias = 1.0 / (1.0 - (1.0 - rate).powi(self.updates));
        for ((g, w), v) in gradient.iter().zip(&mut self.head).zip(&mut self.moments) {
            *v += rate * (g * g - *v);
            *w -= (f64::from(self.rates.lr) * g / (*v * unbias + f64::from(self.rates.floor())).sqrt()) as f32;
        }
    }
}

/// The first weights of a head over features of a network, `[width + 1, symbols]`: small, of either sign.
pub fn first_head(shape: &Shape, symbols: usize, seed: u64) -> Vec<f32> {
    // a multiplicative generator; weights are within ± 0.5/√H
    let mut x = seed | 1;
    let mut weight = || {
        x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((x >> 40) as f32 / 8_388_608.0 - 1.0) * 0.5 / (shape.hidden as f32).sqrt()
    };
    (0..(shape.width() + 1) * symbols).map(|_| weight()).collect()
}
