//! Recursive least squares with forgetting, for several outputs of the same inputs.
//!
//! `k = P x / (λ + xᵀP x)`, `w ← w + k (y − wᵀx)`, `P ← (P − k (P x)ᵀ) / λ`. At λ = 1 and P = I/δ at first this is
//! ridge regression with penalty δ. (Haykin, "Adaptive Filter Theory".)

/// Weights of one linear map from `inputs` numbers to `outputs` numbers.
pub(crate) struct RecursiveLeastSquares {
    inputs: usize,
    forget: f64,
    p: Vec<f64>,
    weights: Vec<f64>,
    gain: Vec<f64>,
    trace_max: f64,
}

impl RecursiveLeastSquares {
    /// Weights of zero under a penalty; memory is inputs² + inputs · outputs numbers, as is the cost of an event.
    pub(crate) fn new(inputs: usize, outputs: usize, forget: f64, penalty: f64) -> RecursiveLeastSquares {
        let mut p = vec![0.0; inputs * inputs];
        (0..inputs).for_each(|i| p[i * inputs + i] = 1.0 / penalty);
        RecursiveLeastSquares {
            inputs,
            forget,
            p,
            weights: vec![0.0; inputs * outputs],
            gain: vec![0.0; inputs],
            trace_max: 10.0 * inputs as f64 / penalty,
        }
    }

    pub(crate) fn forecast(&self, output: usize, x: &[f64]) -> f64 {
        let w = &self.weights[output * self.inputs..][..self.inputs];
        w.iter().zip(x).map(|(w, x)| w * x).sum()
    }

    /// Learns what the outputs were; one that is not finite teaches nothing.
    pub(crate) fn learn(&mut self, x: &[f64], y: &[f64]) {
        let n = self.inputs;
        for (g, row) in self.gain.iter_mut().zip(self.p.chunks_exact(n)) {
            *g = row.iter().zip(x).map(|(p, x)| p * x).sum();
        }
        let power: f64 = self.gain.iter().zip(x).map(|(g, x)| g * x).sum();
        // inputs that say nothing for long would let P grow without end
        let trace: f64 = (0..n).map(|i| self.p[i * n + i]).sum();
        let forget = if trace < self.trace_max { self.forget } else { 1.0 };
        let scale = 1.0 / (forget + power);
        if !scale.is_finite() {
            return;
        }
        for (w, y) in self.weights.chunks_exact_mut(n).zip(y) {
            let miss = y - w.iter().zip(x).map(|(w, x)| w * x).sum::<f64>();
            if miss.is_finite() {
                w.iter_mut().zip(&self.gain).for_each(|(w, g)| *w += scale * g * miss);
            }
        }
        for i in 0..n {
            let gi = self.gain[i] * scale;
            let row = &mut self.p[i * n..][..n];
            row.iter_mut().zip(&self.gain).for_each(|(p, g)| *p = (*p - gi * g) / forget);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Solves a small symmetric system by elimination.
    fn solve(mut a: Vec<Vec<f64>>, mut b: Vec<f64>) -> Vec<f64> {
        let n = b.len();
        for i in 0..n {
            let pivot = a[i].clone();
            for j in (0..n).filter(|j| *j != i) {
                let f = a[j][i] / pivot[i];
                (0..n).for_each(|k| a[j][k] -= f * pivot[k]);
                b[j] -= f * b[i];
            }
        }
        (0..n).map(|i| b[i] / a[i][i]).collect()
    }

    #[test]
    fn without_forgetting_it_is_ridge_regression() {
        let (n, penalty) = (4, 0.3);
        let mut rls = RecursiveLeastSquares::new(n, 2, 1.0, penalty);
        let mut a = vec![vec![0.0; n]; n];
        let mut b = vec![vec![0.0; n]; 2];
        (0..n).for_each(|i| a[i][i] = penalty);
        let noise = |i: usize, k: usize| ((i * 31 + k * 17) as f64 * 0.7).sin();
        for t in 0..50 {
            let x: Vec<f64> = (0..n).map(|k| noise(t, k)).collect();
            let y = [x[0] - 2.0 * x[3] + 0.1 * noise(t, 9), 3.0 * x[1] + 0.5];
            rls.learn(&x, &y);
            for i in 0..n {
                (0..n).for_each(|j| a[i][j] += x[i] * x[j]);
                (0..2).for_each(|o| b[o][i] += x[i] * y[o]);
            }
        }
        for (o, b) in b.into_iter().enumerate() {
            for (w, want) in rls.weights[o * n..][..n].iter().zip(solve(a.clone(), b)) {
                assert!((w - want).abs() < 1e-8, "{w} is not {want}");
            }
        }
    }

    #[test]
    fn an_output_without_a_value_teaches_nothing() {
        let mut rls = RecursiveLeastSquares::new(1, 2, 0.99, 1.0);
        rls.learn(&[1.0], &[1.0, f64::NAN]);
        assert_eq!(rls.forecast(1, &[1.0]), 0.0);
        assert_eq!(rls.forecast(0, &[1.0]), 1.0 / 1.99);
        (0..100_000).for_each(|_| rls.learn(&[0.0], &[0.0, 0.0]));
        assert!(rls.p[0].is_finite());
    }
}
