//! What the tests share: a generator of numbers and a stream of one key.
#![allow(dead_code)]

use surmise_number::{EventContext, NetworkOptions, NumberKey, NumberModel, NumberOptions};

pub struct Draw(pub u64);

impl Draw {
    /// Uniform in [0, 1).
    pub fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((x ^ (x >> 31)) >> 11) as f64 / 9_007_199_254_740_992.0
    }
    pub fn normal(&mut self) -> f64 {
        let u = self.uniform().max(1e-300);
        (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos()
    }
    pub fn below(&mut self, n: u64) -> u64 {
        (self.uniform() * n as f64) as u64
    }
}

pub struct Stream {
    pub model: NumberModel,
    pub key: NumberKey,
}

pub fn plain() -> NumberOptions {
    NumberOptions { network: None, ..NumberOptions::default() }
}

pub fn small() -> NumberOptions {
    NumberOptions {
        network: Some(NetworkOptions { layers: 1, hidden: 16, ..Default::default() }),
        ..Default::default()
    }
}

impl Stream {
    pub fn new(columns: usize, options: NumberOptions) -> Self {
        let model = NumberModel::new(columns, options, 7);
        let key = NumberKey::new(&model);
        Self { model, key }
    }

    /// One event without a time; the surprise of each column.
    pub fn event(&mut self, values: &[f64]) -> Vec<f64> {
        self.model.begin(&mut self.key, &EventContext::default());
        let nats = values.iter().enumerate().map(|(c, v)| self.model.observe(&mut self.key, c, *v)).collect();
        self.model.finish(&mut self.key);
        nats
    }

    /// Mean surprise of an event over `n` events, after `skip`.
    pub fn mean_surprise(&mut self, skip: usize, n: usize, mut value: impl FnMut(usize) -> Vec<f64>) -> f64 {
        let mut sum = 0.0;
        for t in 0..skip + n {
            let s: f64 = self.event(&value(t)).iter().sum();
            assert!(s.is_finite() && s > -1e-6, "surprise {s} at {t}");
            if t >= skip {
                sum += s;
            }
        }
        sum / n as f64
    }
}
