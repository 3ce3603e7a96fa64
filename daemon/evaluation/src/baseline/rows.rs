//! The past of number columns: rows as they came, their scales, and what linear forecasts see of them.

use super::season::time_of_day;
use std::collections::VecDeque;

/// Past rows that a linear forecast has as inputs: the first of these numbers that fits.
const LAG_ROWS: [usize; 3] = [LAGS_MAX, 4, 1];
/// Past rows that a linear forecast has as inputs at most: as many have to be kept, however short a season is.
pub(crate) const LAGS_MAX: usize = 26;
/// Inputs of a linear forecast at most: its cost grows with their square.
const INPUTS_MAX: usize = 220;

/// The latest rows of one sequence, each with the last known value where one is missing.
#[derive(Default)]
pub(crate) struct PastRows {
    rows: VecDeque<Box<[f64]>>,
}

impl PastRows {
    /// The row this many events before the next one.
    pub(crate) fn back(&self, events: usize) -> Option<&[f64]> {
        events.checked_sub(1).and_then(|i| self.rows.get(i)).map(|r| &**r)
    }

    /// Adds a row, where what is not finite is missing; keeps `most` rows.
    pub(crate) fn push(&mut self, row: &[f64], most: usize) {
        let last = self.back(1);
        let fill = |(i, x): (usize, &f64)| if x.is_finite() { *x } else { last.map_or(0.0, |l| l[i]) };
        let filled = row.iter().enumerate().map(fill).collect();
        self.rows.push_front(filled);
        self.rows.truncate(most);
    }
}

/// Mean and deviation of each column so far, and how far it moves from row to row.
pub(crate) struct ColumnScales {
    count: Vec<f64>,
    mean: Vec<f64>,
    square: Vec<f64>,
    step: Vec<f64>,
}

impl ColumnScales {
    pub(crate) fn new(columns: usize) -> ColumnScales {
        ColumnScales {
            count: vec![0.0; columns],
            mean: vec![0.0; columns],
            square: vec![0.0; columns],
            step: vec![0.0; columns],
        }
    }

    pub(crate) fn mean(&self, c: usize) -> f64 {
        self.mean[c]
    }

    pub(crate) fn deviation(&self, c: usize) -> f64 {
        let d = (self.square[c] / self.count[c].max(1.0)).sqrt();
        if d > 1e-12 * self.mean[c].abs() && d > 0.0 { d } else { 1.0 }
    }

    /// Whether any column has come so often.
    pub(crate) fn settled(&self, rows: u64) -> bool {
        self.count.iter().any(|n| *n >= rows as f64)
    }

    pub(crate) fn standard(&self, c: usize, x: f64) -> f64 {
        if self.count[c] > 0.0 && x.is_finite() { (x - self.mean[c]) / self.deviation(c) } else { 0.0 }
    }

    /// A change from the last value, limited to what is usual of the column over `steps` steps.
    pub(crate) fn bounded(&self, c: usize, change: f64, steps: usize) -> f64 {
        let most = 6.0 * self.step[c] * (steps as f64).sqrt();
        change.clamp(-most, most)
    }

    pub(crate) fn learn(&mut self, row: &[f64], last: Option<&[f64]>) {
        for (c, x) in row.iter().enumerate().filter(|(_, x)| x.is_finite()) {
            self.count[c] += 1.0;
            let off = x - self.mean[c];
            self.mean[c] += off / self.count[c];
            self.square[c] += off * (x - self.mean[c]);
            if let Some(l) = last {
                let rate = (2.0 / self.count[c]).clamp(0.002, 1.0);
                self.step[c] += rate * ((x - l[c]).abs() - self.step[c]);
            }
        }
    }
}

/// How many past rows a linear forecast of `columns` columns has as inputs, and how many inputs these are; none if too
/// many.
pub(crate) fn inputs(columns: usize) -> Option<(usize, usize)> {
    let size = |lags: usize| 3 + columns * (lags + 1);
    LAG_ROWS.into_iter().map(|lags| (lags, size(lags))).find(|(_, n)| *n <= INPUTS_MAX)
}

/// The inputs of a linear forecast: one, the time of day, the latest rows and, at the end, one that matters besides
/// (the row a season before, or what is given of the same event).
pub(crate) fn features(
    past: &PastRows,
    scales: &ColumnScales,
    lags: usize,
    time_us: Option<i64>,
    besides: Option<&[f64]>,
    out: &mut Vec<f64>,
) {
    out.clear();
    out.push(1.0);
    out.extend(time_of_day(time_us));
    let columns = scales.mean.len();
    for row in (1..=lags).map(|l| past.back(l)).chain([besides]) {
        out.extend((0..columns).map(|c| row.map_or(0.0, |r| scales.standard(c, r[c]))));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_are_filled_and_scales_known() {
        let mut p = PastRows::default();
        p.push(&[1.0, f64::NAN], 2);
        p.push(&[f64::NAN, 4.0], 2);
        assert_eq!((p.back(1), p.back(2), p.back(3)), (Some(&[1.0, 4.0][..]), Some(&[1.0, 0.0][..]), None));
        assert_eq!(p.back(0), None);
        p.push(&[9.0, 9.0], 2);
        assert_eq!(p.back(2), Some(&[1.0, 4.0][..]));
        let mut s = ColumnScales::new(1);
        assert_eq!(s.standard(0, 3.0), 0.0);
        let mut last = None;
        for x in [[2.0], [4.0], [f64::NAN], [2.0], [4.0]] {
            s.learn(&x, last);
            last = Some(&[3.0]);
        }
        assert_eq!((s.deviation(0), s.standard(0, 4.0)), (1.0, 1.0));
        assert!(s.bounded(0, 1e9, 1) < 10.0);
        assert_eq!((inputs(7), inputs(20)), (Some((26, 192)), Some((4, 103))));
        assert_eq!((inputs(100), inputs(1000)), (Some((1, 203)), None));
    }
}
