//! Gaussian naive Bayes: each input normal within a class, independent of the others.

/// Counts, means and squares of the inputs of each class.
#[derive(Default)]
pub(crate) struct NaiveBayes {
    classes: Vec<(f64, Vec<[f64; 2]>)>,
}

impl NaiveBayes {
    /// The probabilities of `classes` classes. `x`: `[inputs]`, standardised.
    pub(crate) fn probabilities(&self, x: &[f64], classes: usize) -> Vec<f64> {
        let score = |c: usize| {
            let Some((n, inputs)) = self.classes.get(c).filter(|c| c.0 > 0.0) else { return 0.5f64.ln() };
            let log = |(x, [mean, square]): (&f64, &[f64; 2])| {
                // inputs are of unit scale: the prior of one row of deviation one keeps variances from zero
                let variance = (square + 1.0) / (n + 1.0);
                -0.5 * ((x - mean).powi(2) / variance + variance.ln())
            };
            n.ln() + x.iter().zip(inputs).map(log).sum::<f64>()
        };
        let scores: Vec<f64> = (0..classes).map(score).collect();
        let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mut p: Vec<f64> = scores.iter().map(|s| (s - most).exp().max(1e-9)).collect();
        let sum: f64 = p.iter().sum();
        p.iter_mut().for_each(|p| *p /= sum);
        p
    }

    /// Learns the class of an event. `x`: `[inputs]`.
    pub(crate) fn learn(&mut self, x: &[f64], class: usize) {
        if self.classes.len() <= class {
            self.classes.resize_with(class + 1, Default::default);
        }
        let (n, inputs) = &mut self.classes[class];
        *n += 1.0;
        inputs.resize(inputs.len().max(x.len()), [0.0; 2]);
        for (x, [mean, square]) in x.iter().zip(inputs) {
            let off = x - *mean;
            *mean += off / *n;
            *square += off * (x - *mean);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_heaps_are_told_apart() {
        let mut b = NaiveBayes::default();
        for (x, class) in [(-1.0, 0), (-3.0, 0), (1.0, 1), (3.0, 1)] {
            b.learn(&[x], class);
        }
        // means ∓2, variances (2 + 1) / 3 = 1: the odds of class 1 are e^{4x}
        let p = b.probabilities(&[0.25], 2);
        assert!((p[1] / p[0] - 1f64.exp()).abs() < 1e-9, "{p:?}");
        assert!((b.probabilities(&[0.0], 3).iter().sum::<f64>() - 1.0).abs() < 1e-12);
    }
}
