//! Multinomial logistic regression by plain stochastic gradient descent, on standardised inputs.

/// Classes that are learnt at most; later ones keep the least probability.
const CLASSES_MAX: usize = 256;
/// The step of the descent.
const RATE: f64 = 0.01;

/// One linear score a class.
#[derive(Default)]
pub(crate) struct LogisticRegression {
    weights: Vec<Vec<f64>>,
}

impl LogisticRegression {
    /// The probabilities of `classes` classes. `x`: `[inputs]`, standardised.
    pub(crate) fn probabilities(&mut self, x: &[f64], classes: usize) -> Vec<f64> {
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
    pub(crate) fn learn(&mut self, x: &[f64], p: &[f64], class: usize) {
        self.weights.resize_with((class + 1).min(CLASSES_MAX).max(self.weights.len()), Vec::new);
        for (c, w) in self.weights.iter_mut().enumerate() {
            let step = RATE * (f64::from(u8::from(c == class)) - p.get(c).copied().unwrap_or(0.0));
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
        let mut l = LogisticRegression::default();
        assert_eq!(l.probabilities(&[1.0, 2.0], 2), [0.5, 0.5]);
        l.learn(&[1.0, 2.0], &[0.5, 0.5], 1);
        assert_eq!(l.weights, [[-0.005, -0.01], [0.005, 0.01]]);
        let p = l.probabilities(&[1.0, 2.0], 2);
        assert!((p[1] - 1.0 / (1.0 + (-0.05f64).exp())).abs() < 1e-12);
        let p = l.probabilities(&[1.0, 2.0], 3);
        assert!((p.iter().sum::<f64>() - 1.0).abs() < 1e-12 && p.len() == 3);
    }
}
