//! KNN-CAD (Burnaev and Ishimtsev, "Conformalized density- and distance-based anomaly detection in time-series data",
//! 2016), as the detector of that name in the Numenta Anomaly Benchmark: how far the latest rows lie from their nearest
//! neighbours among earlier ones, as a share of how far others lay before.

use crate::labels::probation;
use std::collections::VecDeque;

/// Rows of a point.
const ROWS: usize = 19;
/// NearestPoints whose distances add up.
const NEIGHBOURS: usize = 27;
/// The share of earlier distances from which a row is told, and later ones are held down for a while.
const TOLD: f64 = 0.9965;
/// A pivot of a matrix that is smaller against the largest is none.
const PIVOT_MIN: f64 = 1e-12;

type Point = [f64; ROWS];

/// Points among which neighbours are sought, and the metric of distances between them.
struct NearestPoints {
    points: VecDeque<Point>,
    /// The points in coordinates in which the metric is the plain distance.
    turned: VecDeque<Point>,
    /// The lower factor of the points' matrix of squares: the metric is its inverse.
    factor: Box<[Point; ROWS]>,
}

impl NearestPoints {
    fn new() -> NearestPoints {
        let unit = |i: usize| std::array::from_fn(|j| f64::from(u8::from(i == j)));
        NearestPoints { points: VecDeque::new(), turned: VecDeque::new(), factor: Box::new(std::array::from_fn(unit)) }
    }

    fn add(&mut self, point: Point) {
        self.points.push_back(point);
        let turned = self.turn(&point);
        self.turned.push_back(turned);
    }

    fn forget_first(&mut self) {
        self.points.pop_front();
        self.turned.pop_front();
    }

    fn turn(&self, point: &Point) -> Point {
        let mut turned = [0.0; ROWS];
        for (i, row) in self.factor.iter().enumerate() {
            let sum: f64 = row[..i].iter().zip(&turned).map(|(l, t)| l * t).sum();
            turned[i] = (point[i] - sum) / row[i];
        }
        turned
    }

    /// Takes the metric from the points; one that is singular leaves the metric as it is.
    fn measure(&mut self) {
        let mut factor = Box::new([[0.0; ROWS]; ROWS]);
        let square = |i: usize, j: usize| self.points.iter().map(|p| p[i] * p[j]).sum::<f64>();
        let largest = (0..ROWS).map(|i| square(i, i)).fold(0.0, f64::max);
        for i in 0..ROWS {
            for j in 0..=i {
                let sum: f64 = (0..j).map(|k| factor[i][k] * factor[j][k]).sum();
                let left = square(i, j) - sum;
                if i > j {
                    factor[i][j] = left / factor[j][j];
                } else if left > PIVOT_MIN * largest {
                    factor[i][i] = left.sqrt();
                } else {
                    return;
                }
            }
        }
        self.factor = factor;
        self.turned = self.points.iter().map(|p| self.turn(p)).collect();
    }

    /// The sum of a point's distances to so many nearest ones.
    fn distance(&self, turned: &Point, neighbours: usize) -> f64 {
        let apart = |p: &Point| p.iter().zip(turned).map(|(a, b)| (a - b) * (a - b)).sum::<f64>();
        let mut all: Vec<f64> = self.turned.iter().map(apart).collect();
        if all.len() > neighbours {
            all.select_nth_unstable_by(neighbours - 1, f64::total_cmp);
            all.truncate(neighbours);
        }
        all.iter().sum()
    }
}

/// The anomaly score of each row, from 0 to 1.
pub(crate) fn knn_cad(rows: &[f64]) -> Vec<f64> {
    let trial = probation(rows.len());
    let mut near = NearestPoints::new();
    let mut waiting: VecDeque<Point> = VecDeque::new();
    let mut distances: VecDeque<f64> = VecDeque::new();
    let mut quiet = 0;
    let mut score = |i: usize| {
        let seen = i + 1;
        let Some(point) = seen.checked_sub(ROWS).map(|from| std::array::from_fn(|k| rows[from + k])) else {
            return 0.0;
        };
        if seen < trial {
            near.add(point);
            return 0.0;
        }
        if near.points.is_empty() {
            return 0.0;
        }
        if seen.is_multiple_of(trial) || seen % trial == trial / 2 {
            near.measure();
        }
        if distances.is_empty() {
            // each of the first points is its own nearest neighbour
            distances = near.turned.iter().map(|p| near.distance(p, NEIGHBOURS + 1)).collect();
        }
        let distance = near.distance(&near.turn(&point), NEIGHBOURS);
        let score = distances.iter().filter(|d| **d < distance).count() as f64 / distances.len() as f64;
        waiting.push_back(point);
        if seen >= 2 * trial
            && let Some(first) = waiting.pop_front()
        {
            near.forget_first();
            near.add(first);
        }
        distances.pop_front();
        distances.push_back(distance);
        if quiet > 0 {
            quiet -= 1;
            return 0.5;
        }
        if score >= TOLD {
            quiet = trial / 5;
        }
        score
    };
    (0..rows.len()).map(&mut score).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(i: usize) -> f64 {
        ((i * 7919) % 1013) as f64 / 1013.0
    }

    #[test]
    fn an_odd_stretch_is_told_once() {
        let mut rows: Vec<f64> = (0..2000).map(|i| (i as f64 * 0.3).sin() + 0.1 * noise(i)).collect();
        for row in &mut rows[1500..1510] {
            *row += 6.0;
        }
        let scores = knn_cad(&rows);
        assert!(scores[..299].iter().all(|s| *s == 0.0), "the first 15 % are to learn from");
        assert!(scores[1500] >= TOLD, "{}", scores[1500]);
        assert_eq!(scores[1501..1561], [0.5; 60], "and held down afterwards");
        let usual = &scores[600..1500];
        assert!(usual.iter().sum::<f64>() / usual.len() as f64 <= 0.6);
    }

    /// The distances are those of the definition: differences through the inverse of the points' matrix of squares.
    #[test]
    fn the_metric_is_the_inverse_of_the_squares() {
        let mut near = NearestPoints::new();
        (0..60).for_each(|i| near.add(std::array::from_fn(|k| noise(i * 31 + k * k + 7 * i * k))));
        near.measure();
        let (a, b) = (near.points[3], near.points[17]);
        let difference: Point = std::array::from_fn(|k| a[k] - b[k]);
        // S z = difference, solved by elimination; the squared distance is difference · z
        let mut s: Vec<Vec<f64>> =
            (0..ROWS).map(|i| (0..ROWS).map(|j| near.points.iter().map(|p| p[i] * p[j]).sum()).collect()).collect();
        let mut z = difference.to_vec();
        for i in 0..ROWS {
            let pivot = s[i].clone();
            for j in (0..ROWS).filter(|j| *j != i) {
                let f = s[j][i] / pivot[i];
                (0..ROWS).for_each(|k| s[j][k] -= f * pivot[k]);
                z[j] -= f * z[i];
            }
        }
        let want: f64 = (0..ROWS).map(|i| difference[i] * z[i] / s[i][i]).sum();
        let turned = [near.turn(&a), near.turn(&b)];
        let found: f64 = turned[0].iter().zip(&turned[1]).map(|(x, y)| (x - y).powi(2)).sum();
        assert!((found - want).abs() < 1e-6 * want, "{found} is not {want}");
        // of itself and its nearest
        let nearest = near.distance(&turned[0], 2);
        let least = near.turned.iter().map(|p| p.iter().zip(&turned[0]).map(|(x, y)| (x - y).powi(2)).sum::<f64>());
        assert_eq!(nearest, least.filter(|d| *d > 0.0).fold(f64::INFINITY, f64::min));
    }

    #[test]
    fn a_constant_and_short_files_have_scores() {
        assert!(knn_cad(&[4.0; 500]).iter().all(|s| *s == 0.0));
        assert_eq!(knn_cad(&[1.0, 2.0]), [0.0; 2]);
        assert_eq!(knn_cad(&[]).len(), 0);
    }
}
