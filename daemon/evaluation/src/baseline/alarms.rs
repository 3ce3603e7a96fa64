//! Anomaly scores of one column of numbers by classic detectors.

use super::gaps::normal;
use super::knn_cad::knn_cad;
use super::relative_entropy::relative_entropy;
use crate::labels::probation;
use std::collections::VecDeque;

/// Rows of the window.
const WINDOW_ROWS: usize = 6400;
/// Rows by which the window moves.
const STEP_ROWS: usize = 100;

/// The windowed Gaussian of the Numenta Anomaly Benchmark: one minus the tail probability of a row under the mean and
/// deviation of the window before it, which moves a hundred rows at a time. (`detectors/gaussian` in numenta/NAB.)
pub(crate) struct WindowedGaussian {
    window: VecDeque<f64>,
    step: Vec<f64>,
    mean: f64,
    deviation: f64,
}

impl WindowedGaussian {
    pub(crate) fn new() -> WindowedGaussian {
        WindowedGaussian { window: VecDeque::new(), step: Vec::new(), mean: 0.0, deviation: 1.0 }
    }

    /// The score of a row, from 0 to 1, before it is learnt.
    pub(crate) fn score(&mut self, x: f64) -> f64 {
        let tail = normal(-((x - self.mean) / self.deviation).abs());
        let score = if self.window.is_empty() { 0.0 } else { 1.0 - tail };
        if self.window.len() < WINDOW_ROWS {
            self.window.push_back(x);
            self.measure();
        } else {
            self.step.push(x);
            if self.step.len() == STEP_ROWS {
                self.window.drain(..STEP_ROWS);
                self.window.extend(self.step.drain(..));
                self.measure();
            }
        }
        score
    }

    fn measure(&mut self) {
        let n = self.window.len() as f64;
        self.mean = self.window.iter().sum::<f64>() / n;
        let variance = self.window.iter().map(|x| (x - self.mean).powi(2)).sum::<f64>() / n;
        self.deviation = if variance > 0.0 { variance.sqrt() } else { 1e-6 };
    }
}

/// The distance of each row from the mean of the first `probation` rows, in standard deviations of these.
pub(crate) fn static_z(rows: &[f64], probation: usize) -> Vec<f64> {
    let first = &rows[..probation.min(rows.len())];
    let n = first.len().max(1) as f64;
    let mean = first.iter().sum::<f64>() / n;
    let deviation = (first.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt().max(1e-6);
    rows.iter().map(|x| (x - mean).abs() / deviation).collect()
}

/// The anomaly scores of one column by the simple detectors: their names, and one score a row. Whole columns are
/// finite; of one that is not, where a file holds no numbers, nothing is told.
///
/// In the Numenta Anomaly Benchmark's own table, standard profile, all 58 files: KNN-CAD 58.0, relative entropy 54.6,
/// windowed Gaussian 39.6.
pub fn detectors(rows: &[f64]) -> Vec<(&'static str, Vec<f64>)> {
    let rows = if rows.iter().all(|x| x.is_finite()) { rows } else { &vec![0.0; rows.len()] };
    let mut gaussian = WindowedGaussian::new();
    vec![
        ("KNN-CAD", knn_cad(rows)),
        ("relative entropy", relative_entropy(rows)),
        ("windowed Gaussian", rows.iter().map(|x| gaussian.score(*x)).collect()),
        ("static z-score", static_z(rows, probation(rows.len()))),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_moves_in_steps() {
        let mut g = WindowedGaussian::new();
        assert_eq!(g.score(5.0), 0.0, "nothing came before");
        assert!((g.score(5.0) - 0.5).abs() < 1e-6, "at the mean");
        assert!((g.score(7.0) - 1.0).abs() < 1e-6, "a constant has next to no deviation");
        // mean 17/3, population's deviation √(8/9): one deviation above is 1 − .158655
        let x = 17.0 / 3.0 + (8f64 / 9.0).sqrt();
        assert!((g.score(x) - 0.841_344_7).abs() < 1e-4);
        let mut g = WindowedGaussian::new();
        (0..WINDOW_ROWS).for_each(|i| assert!(g.score(f64::from(u8::from(i % 2 == 0))) <= 1.0));
        (0..STEP_ROWS - 1).for_each(|_| assert!(g.score(1000.0) > 0.99));
        assert_eq!(g.mean, 0.5);
        g.score(1000.0);
        assert!(
            (g.mean - (0.5 * (WINDOW_ROWS - STEP_ROWS) as f64 + 1000.0 * STEP_ROWS as f64) / WINDOW_ROWS as f64).abs()
                < 1e-9
        );
    }

    #[test]
    fn the_first_rows_set_the_measure() {
        let z = static_z(&[1.0, 3.0, 1.0, 3.0, 12.0], 4);
        assert_eq!(z, [1.0, 1.0, 1.0, 1.0, 10.0]);
        assert!(static_z(&[], 4).is_empty());
        assert!(static_z(&[2.0], 0)[0].is_finite());
    }
}
