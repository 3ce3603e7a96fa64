//! The network of [`ResidentNetwork`](super::ResidentNetwork) on the processor, in plain loops, to test it against.

use surmise_network::{Engine, Rates, Recurrence, Sequence, Shape};

/// A recurrence that is stepped sequence by sequence, with a softmax over symbols in plain loops of double precision.
pub struct PlainNetwork {
    /// The recurrence.
    pub net: Recurrence,
    /// Wo and, as one more row, its bias: `[width + 1, symbols]`.
    pub head: Vec<f32>,
    /// Running means of the head's squared gradients, as `head`.
    moments: Vec<f64>,
    sequences: Vec<Sequence>,
    symbols: usize,
    rates: Rates,
    updates: i32,
}

impl PlainNetwork {
    /// A network for so many sequences, each of which makes `shape.chunk` steps in a chunk.
    pub fn new(shape: Shape, sequences: usize, symbols: usize, rates: Rates, seed: u64, engine: Engine) -> Self {
        let all = Shape { chunk: shape.chunk * sequences, ..shape };
        let head = first_head(&shape, symbols, seed);
        PlainNetwork {
            net: Recurrence::new(all, rates, symbols, seed, engine),
            moments: vec![0.0; head.len()],
            head,
            sequences: (0..sequences).map(|_| Sequence::new(&all)).collect(),
            symbols,
            rates,
            updates: 0,
        }
    }

    /// Learns from a chunk: `ids` `[T · S, tables]` and `targets` `[T · S]`, as for `ResidentNetwork::chunk`. Returns
    /// the features `[T · S, width]` and the loss of each row `[T · S]`, in nats.
    pub fn chunk(&mut self, ids: &[u32], targets: &[u32]) -> (Vec<f32>, Vec<f32>) {
        let (tables, symbols) = (self.net.shape().tables, self.symbols);
        let (mut features, mut losses) = (Vec::new(), Vec::new());
        let mut gradient = vec![0f64; self.head.len()];
        for (row, target) in targets.iter().enumerate() {
            let sequence = row % self.sequences.len();
            self.net.step(&mut self.sequences[sequence], &ids[row * tables..(row + 1) * tables], &[]);
            let (y, dy) = self.net.features_and_gradient();
            let (errors, loss) = softmax(&self.head, symbols, y, *target as usize);
            losses.push(loss);
            for (i, dy) in dy.iter_mut().enumerate() {
                let w = &self.head[i * symbols..(i + 1) * symbols];
                *dy += errors.iter().zip(w).map(|(e, w)| e * f64::from(*w)).sum::<f64>() as f32;
            }
            // the bias is a row of weights whose input is 1
            for (y, g) in y.iter().copied().chain([1.0]).zip(gradient.chunks_exact_mut(symbols)) {
                g.iter_mut().zip(&errors).for_each(|(g, e)| *g += f64::from(y) * e);
            }
            features.extend_from_slice(y);
            self.net.finish();
        }
        // the head makes an update if the recurrence made one
        let rejected = self.updates as u64 == self.net.updates();
        if !rejected {
            self.update(&gradient);
        }
        (features, losses)
    }

    /// Updates the head by its gradient, by the rule of [`Rates`].
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

/// dL/dlogits `[symbols]` and the loss of one row with features `y` `[width]`; `head`: `[width + 1, symbols]`.
fn softmax(head: &[f32], symbols: usize, y: &[f32], target: usize) -> (Vec<f64>, f32) {
    let mut logits: Vec<f64> = head[y.len() * symbols..].iter().map(|bias| f64::from(*bias)).collect();
    for (y, w) in y.iter().zip(head.chunks_exact(symbols)) {
        logits.iter_mut().zip(w).for_each(|(logit, w)| *logit += f64::from(*y) * f64::from(*w));
    }
    let largest = logits.iter().copied().fold(f64::MIN, f64::max);
    let total: f64 = logits.iter().map(|logit| (logit - largest).exp()).sum();
    let loss = (largest + total.ln() - logits[target]) as f32;
    let error = |j: usize| (logits[j] - largest).exp() / total - f64::from(u8::from(j == target));
    ((0..symbols).map(error).collect(), loss)
}

/// The first weights of a head over the features of a network, `[width + 1, symbols]`: within ± 0.5/√H, of either sign.
pub fn first_head(shape: &Shape, symbols: usize, seed: u64) -> Vec<f32> {
    // a linear congruential generator (Knuth's constants of MMIX)
    let mut x = seed | 1;
    let mut weight = || {
        x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((x >> 40) as f32 / 8_388_608.0 - 1.0) * 0.5 / (shape.hidden as f32).sqrt()
    };
    (0..(shape.width() + 1) * symbols).map(|_| weight()).collect()
}
