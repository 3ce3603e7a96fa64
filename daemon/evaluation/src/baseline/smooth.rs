//! Exponential smoothing: a moving average (EWMA), and one with a trend (Holt, 1957).
//!
//! Each holds a few settings of its rates and forecasts with the one whose squared errors over the latest rows are
//! smallest.

/// The rates (α, β) that are tried; β = 0 is the plain average.
pub(crate) const AVERAGES: [(f64, f64); 4] = [(0.05, 0.0), (0.2, 0.0), (0.5, 0.0), (0.8, 0.0)];
/// Rates with a trend.
pub(crate) const TRENDS: [(f64, f64); 4] = [(0.3, 0.05), (0.5, 0.1), (0.8, 0.1), (0.9, 0.3)];

/// The share of old errors that is kept at each row, when settings are compared.
const ERROR_FORGETTING: f64 = 0.99;

/// The state of one setting.
#[derive(Clone, Copy, Default)]
struct SmoothingState {
    level: f64,
    trend: f64,
    begun: bool,
    error: f64,
}

/// One column's smoothing of one sequence.
#[derive(Clone)]
pub(crate) struct Smoothing {
    rates: [(f64, f64); 4],
    levels: [SmoothingState; 4],
}

impl Smoothing {
    pub(crate) fn new(rates: [(f64, f64); 4]) -> Smoothing {
        Smoothing { rates, levels: [SmoothingState::default(); 4] }
    }

    /// What is expected next; 0 before anything came.
    pub(crate) fn forecast(&self) -> f64 {
        let best = self.levels.iter().min_by(|a, b| a.error.total_cmp(&b.error));
        best.map_or(0.0, |l| l.level + l.trend)
    }

    pub(crate) fn learn(&mut self, x: f64) {
        for ((alpha, beta), l) in self.rates.into_iter().zip(&mut self.levels) {
            if !l.begun {
                *l = SmoothingState { level: x, begun: true, ..SmoothingState::default() };
                continue;
            }
            let before = l.level;
            let miss = x - (l.level + l.trend);
            l.error = ERROR_FORGETTING * l.error + miss * miss;
            l.level += l.trend + alpha * miss;
            if beta > 0.0 {
                l.trend += beta * (l.level - before - l.trend);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn averages_and_trends_by_hand() {
        let mut s = Smoothing::new([(0.5, 0.0); 4]);
        assert_eq!(s.forecast(), 0.0);
        [4.0, 8.0, 2.0].into_iter().for_each(|x| s.learn(x));
        assert_eq!(s.forecast(), 4.0, "4, then 6, then 4");
        let mut s = Smoothing::new([(0.5, 0.5); 4]);
        [0.0, 4.0].into_iter().for_each(|x| s.learn(x));
        assert_eq!(s.forecast(), 3.0, "level 2, trend 1");
    }

    #[test]
    fn a_line_is_followed_and_the_better_setting_chosen() {
        let (mut flat, mut line) = (Smoothing::new(AVERAGES), Smoothing::new(TRENDS));
        for i in 0..500 {
            let x = 3.0 * f64::from(i);
            flat.learn(x);
            line.learn(x);
        }
        assert!((line.forecast() - 1500.0).abs() < 0.01, "{}", line.forecast());
        assert!((flat.forecast() - 1497.0).abs() < 1.0, "the fastest average lags least: {}", flat.forecast());
    }
}
