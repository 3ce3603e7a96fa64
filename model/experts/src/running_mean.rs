//! The mean that counts first and then forgets.

/// Values after which a mean is trusted enough to clip what comes by it.
const CLIP_AFTER: u32 = 10;

/// The rule of a mean that counts at first (every value weighs the same) and then forgets exponentially.
///
/// The n-th value moves the mean by a rate of max(1/n, `rate_min`) of its distance. Once more than ten values have been
/// seen, a value counts as at most `clip` times the mean, so that one outlier cannot spoil the mean of sizes. The rule
/// holds no state: mean and count belong to its user, which may share one count among several means.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RunningMean {
    /// The slowest rate: a mean remembers about 1/`rate_min` values.
    pub rate_min: f64,
    /// How many means a value may count as; infinite where values are not clipped.
    pub clip: f64,
}

impl RunningMean {
    /// A mean that takes values as they are.
    pub const fn new(rate_min: f64) -> Self {
        Self { rate_min, clip: f64::INFINITY }
    }

    /// A mean of sizes that takes a value as at most `clip` times itself.
    pub const fn clipped(rate_min: f64, clip: f64) -> Self {
        Self { rate_min, clip }
    }

    /// The rate of the `count`-th value, counted from 1; a fraction added to the count stands for a prior.
    #[inline(always)]
    pub fn rate(&self, count: f64) -> f64 {
        (1.0 / count).max(self.rate_min)
    }

    /// The largest value that is taken as it is, where `mean` is made of `seen` values.
    #[inline(always)]
    pub fn most(&self, mean: f64, seen: u32) -> f64 {
        if seen > CLIP_AFTER && self.clip.is_finite() { self.clip * mean } else { f64::INFINITY }
    }

    /// Takes a size, which is not negative, into `mean`, which is made of `seen` sizes. What is clipped counts as at
    /// most `clip` times the larger of the mean and `mean_min`: a mean of nothing must be able to grow.
    #[inline(always)]
    pub fn learn(&self, mean: &mut f64, seen: u32, size: f64, mean_min: f64) {
        let rate = self.rate(f64::from(seen) + 1.0);
        *mean += rate * (size.min(self.most(mean.max(mean_min), seen)) - *mean);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_counts_first_then_forgets_and_clips() {
        let rule = RunningMean::clipped(0.02, 8.0);
        let (mut mean, mut sum) = (0.0, 0.0);
        for n in 0..40 {
            let size = f64::from(n % 7 + 1);
            rule.learn(&mut mean, n, size, 0.0);
            sum += size;
            assert!((mean - sum / f64::from(n + 1)).abs() < 1e-12, "{n}");
        }
        // the fiftieth value and all later ones move it by a fiftieth
        assert_eq!(rule.rate(50.0), 0.02);
        assert_eq!(rule.rate(1e9), 0.02);
        let before = mean;
        rule.learn(&mut mean, 1000, 1e9, 0.0);
        assert!((mean - before - 0.02 * 7.0 * before).abs() < 1e-9, "{mean}");
    }
}
