//! Multinomial logistic regression by plain stochastic gradient descent, on standardised inputs.
//!
//! How large its steps should be differs from stream to stream, and whoever chose it after the stream would have seen
//! what he predicts. So regressions of several rates learn side by side, and what is predicted is their mixture by what
//! each has predicted of the past (Bayes' rule, with a share of weight passed around so that a rate can come back:
//! Herbster and Warmuth, "Tracking the best expert", 1998).

/// Classes that are learnt at most; later ones keep the least probability.
const CLASSES_MAX: usize = 256;
/// The steps of the descents.
const RATES: [f64; 6] = [0.002, 0.01, 0.03, 0.1, 0.3, 1.0];
/// The share of all weight that is spread evenly after each event.
const SHARED: f64 = 1e-3;

/// Regressions of all rates, mixed.
pub(crate) struct LogisticRegressions {
    each: [LogisticRegression; RATES.len()],
    weights: [f64; RATES.len()],
    /// What each predicted for the event that is learnt next: `[rates][classes]`.
    predicted: [Vec<f64>; RATES.len()],
}

impl LogisticRegressions {
    pub(crate) fn new() -> LogisticRegressions {
        LogisticRegressions {
            each: RATES.map(LogisticRegression::new),
            weights: [1.0 / RATES.len() as f64; RATES.len()],
            predicted: Default::default(),
        }
    }

    /// The probabilities of `classes` classes. `x`: `[inputs]`, standardised.
    pub(crate) fn probabilities(&mut self, x: &[f64], classes: usize) -> Vec<f64> {
        let mut mixed = vec![0.0; classes];
        for ((one, weight), predicted) in self.each.iter_mut().zip(self.weights).zip(&mut self.predicted) {
            *predicted = one.probabilities(x, classes);
            mixed.iter_mut().zip(&*predicted).for_each(|(m, p)| *m += weight * p);
        }
        mixed
    }

    /// Learns the class of the event whose probabilities were asked for last. `x`: `[inputs]`, the same.
    pub(crate) fn learn(&mut self, x: &[f64], class: usize) {
        for (one, predicted) in self.each.iter_mut().zip(&self.predicted) {
            one.learn(x, predicted, class);
        }
        // a class that nobody knew tells nothing about the rates
        if self.predicted[0].len() <= class {
            return;
        }
        let mut all = 0.0;
        for (weight, predicted) in self.weights.iter_mut().zip(&self.predicted) {
            *weight *= predicted[class];
            all += *weight;
        }
        self.weights.iter_mut().for_each(|w| *w = (1.0 - SHARED) * *w / all + SHARED / RATES.len() as f64);
    }
}

/// One linear score a class.
struct LogisticRegression {
    rate: f64,
    weights: Vec<Vec<f64>>,
}

impl LogisticRegression {
    fn new(rate: f64) -> LogisticRegression {
        LogisticRegression { rate, weights: Vec::new() }
    }

    /// The probabilities of `classes` classes. `x`: `[inputs]`, standardised.
    fn probabilities(&mut self, x: &[f64], classes: usize) -> Vec<f64> {
        self.weights.resize_with(classes.min(CLASSES_MAX).max(self.weights.len()), Vec::new);
        let score = |w: &Vec<f64>| w.iter().zip(x).map(|(w, x)| w * x).sum::<f64>();
        let scores: Vec<f64> = self.weights.iter().map(score).collect();
        let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mut p: Vec<f64> = scores.iter().map(|s| (s - most).exp().max(1e-9)).collect();
        p.resize(classes, 1e-9);
        let sum: f64 = p.iter().sum();
        p.iter_mut().for_each(|p| *p /= sum);
        p
    }

    /// Learns the class of an event. `x`: `[inputs]`; `p`: `[classes]`, the probabilities that were predicted.
    fn learn(&mut self, x: &[f64], p: &[f64], class: usize) {
        self.weights.resize_with((class + 1).min(CLASSES_MAX).max(self.weights.len()), Vec::new);
        for (c, w) in self.weights.iter_mut().enumerate() {
            let step = self.rate * (f64::from(u8::from(c == class)) - p.get(c).copied().unwrap_or(0.0));
            w.resize(w.len().max(x.len()), 0.0);
            w.iter_mut().zip(x).for_each(|(w, x)| *w += step * x);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_step_by_hand() {
        let mut l = LogisticRegression::new(0.01);
        assert_eq!(l.probabilities(&[1.0, 2.0], 2), [0.5, 0.5]);
        l.learn(&[1.0, 2.0], &[0.5, 0.5], 1);
        assert_eq!(l.weights, [[-0.005, -0.01], [0.005, 0.01]]);
        let p = l.probabilities(&[1.0, 2.0], 2);
        assert!((p[1] - 1.0 / (1.0 + (-0.05f64).exp())).abs() < 1e-12);
        let p = l.probabilities(&[1.0, 2.0], 3);
        assert!((p.iter().sum::<f64>() - 1.0).abs() < 1e-12 && p.len() == 3);
    }

    /// The mixture loses little against the best rate, whichever that is.
    #[test]
    fn the_best_rate_is_found_without_hindsight() {
        for (slope, jumps) in [(0.2, 1_000_000), (4.0, 50)] {
            let mut mixture = LogisticRegressions::new();
            let mut alone = RATES.map(LogisticRegression::new);
            let (mut bits, mut alone_bits) = (0.0, [0.0; RATES.len()]);
            for i in 0..4000u64 {
                let x = [1.0, ((i * 7919) % 1013) as f64 / 300.0 - 1.7];
                let way = if (i / jumps).is_multiple_of(2) { slope } else { -slope };
                let draw = ((i * 6_364_136_223 + 1_442_695) % 10_007) as f64 / 10_007.0;
                let class = usize::from(draw < 1.0 / (1.0 + (-way * x[1]).exp()));
                bits -= mixture.probabilities(&x, 2)[class].log2();
                mixture.learn(&x, class);
                for (one, bits) in alone.iter_mut().zip(&mut alone_bits) {
                    let p = one.probabilities(&x, 2);
                    *bits -= p[class].log2();
                    one.learn(&x, &p, class);
                }
            }
            let best = alone_bits.into_iter().fold(f64::INFINITY, f64::min);
            assert!(bits < best + 20.0, "{bits} bits, where the best rate has {best}: {alone_bits:?}");
        }
    }
}
