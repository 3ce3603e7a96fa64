//! Sources of symbols whose probabilities are known.

use crate::Random;

/// A Markov chain: for each context a distribution of what comes next.
pub struct Chain {
    /// One row a context; each adds up to 1.
    rows: Vec<Vec<f64>>,
}

impl Chain {
    /// A chain drawn from a generator. The larger `peak` is, the fewer symbols share most of a row's probability.
    pub fn draw(random: &mut Random, contexts: usize, symbols: usize, peak: usize) -> Chain {
        let mut row = || {
            let weights: Vec<f64> = (0..symbols).map(|_| power(random.uniform(), peak) + 1e-4).collect();
            let total: f64 = weights.iter().sum();
            weights.iter().map(|w| w / total).collect()
        };
        Chain { rows: (0..contexts).map(|_| row()).collect() }
    }

    /// The next symbol in a context, and the bits that its choice holds: −log₂ of its probability.
    pub fn next(&self, random: &mut Random, context: usize) -> (usize, f64) {
        let row = &self.rows[context];
        let mut left = random.uniform();
        for (symbol, p) in row.iter().enumerate() {
            left -= p;
            if left < 0.0 {
                return (symbol, -p.log2());
            }
        }
        let last = row.len() - 1;
        (last, -row[last].log2())
    }

    /// log₂ of the probability that a context's next symbol is another than this one.
    pub fn log2_without(&self, context: usize, symbol: usize) -> f64 {
        (1.0 - self.rows[context][symbol]).log2()
    }
}

/// The bits that a yes or no holds which is yes with a known probability.
pub fn bits(probability: f64, happened: bool) -> f64 {
    -(if happened { probability } else { 1.0 - probability }).log2()
}

/// A number times itself, `times` in all. (`powi` may round otherwise on another machine.)
pub fn power(x: f64, times: usize) -> f64 {
    (0..times).fold(1.0, |product, _| product * x)
}
