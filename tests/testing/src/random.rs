//! Seeded randomness for tests.

/// A linear congruential generator, so that the same seed always makes the same test.
///
/// Its results are exact: nothing here calls a function whose last digit depends on the machine's mathematical library.
pub struct Random(u64);

impl Random {
    /// A generator that starts from a seed.
    pub fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// A whole number from 0 up to `n`, without `n` itself; `n` is at most 2³¹.
    pub fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }

    /// A number from 0 up to 1, without 1 itself, in steps of 2⁻³¹.
    pub fn uniform(&mut self) -> f64 {
        self.below(1 << 31) as f64 / (1u64 << 31) as f64
    }

    /// A number that is nearly normal, with mean 0 and variance 1: the sum of twelve uniform ones, less six.
    pub fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }

    /// Whether something happens that has this probability.
    pub fn happens(&mut self, probability: f64) -> bool {
        self.uniform() < probability
    }
}
