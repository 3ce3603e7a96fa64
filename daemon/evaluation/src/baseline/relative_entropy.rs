//! Relative entropy, as the detector of that name in the Numenta Anomaly Benchmark (`relative_entropy_detector`; after
//! Wang and others, "Statistical techniques for online anomaly detection in data centers", 2011): a window of rows is
//! binned, and is an anomaly if its frequencies agree with none of those that were seen before.

/// Bins between the least and the largest row.
const BINS: usize = 5;
/// Rows of a window.
const WINDOW_ROWS: usize = 52;
/// The level that chi-squared of four degrees of freedom exceeds once in a hundred.
const DISAGREES: f64 = 13.276_704_135_987_623;

/// The anomaly score of each row, 0 or 1. The least and the largest row are those of all rows, as NAB tells its
/// detectors: a hindsight in favour of the baseline.
pub(crate) fn relative_entropy(rows: &[f64]) -> Vec<f64> {
    let low = rows.iter().copied().fold(f64::INFINITY, f64::min);
    let high = rows.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let step = (high - low) / BINS as f64;
    if step.is_nan() || step <= 0.0 {
        return vec![0.0; rows.len()];
    }
    let bin = |x: f64| (((x - low) / step).ceil() as usize).min(BINS - 1);
    let mut counts = [0u32; BINS];
    let mut known: Vec<[u32; BINS]> = Vec::new();
    let mut score = |i: usize| {
        counts[bin(rows[i])] += 1;
        if i >= WINDOW_ROWS {
            counts[bin(rows[i - WINDOW_ROWS])] -= 1;
        }
        if i + 1 < WINDOW_ROWS {
            return 0.0;
        }
        // the counter of an agreement is two at least, which is frequent enough by the detector's setting
        if known.iter().any(|k| disagreement(&counts, k) < DISAGREES) {
            return 0.0;
        }
        known.push(counts);
        f64::from(u8::from(known.len() > 1))
    };
    (0..rows.len()).map(&mut score).collect()
}

/// Twice the rows times the relative entropy of two windows' frequencies.
fn disagreement(window: &[u32; BINS], known: &[u32; BINS]) -> f64 {
    let term = |(p, q): (&u32, &u32)| if *p == 0 { 0.0 } else { f64::from(*p) * (f64::from(*p) / f64::from(*q)).ln() };
    2.0 * window.iter().zip(known).map(term).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_that_agree_with_none_are_anomalies() {
        // bins by thirds up and down: every window of the first 200 rows is alike
        let mut rows: Vec<f64> = (0..200).map(|i| f64::from(i % 4)).collect();
        rows.extend([40.0; 30]);
        rows.extend((0..100).map(|i| f64::from(i % 4)));
        let scores = relative_entropy(&rows);
        assert!(scores[..200].iter().all(|s| *s == 0.0));
        assert_eq!(scores[200], 1.0, "a bin that was empty is an infinite disagreement");
        assert!(scores[201..230].contains(&0.0), "a window like one that was told is none again");
        assert!(scores[290..].iter().all(|s| *s == 0.0));
        assert_eq!(relative_entropy(&[3.0; 100]), [0.0; 100]);
        assert!(relative_entropy(&[]).is_empty());
        // 2·52·(ln 2) of one bin against two of half each
        let (one, two) = ([52, 0, 0, 0, 0], [26, 26, 0, 0, 0]);
        assert!((disagreement(&one, &two) - 104.0 * 2f64.ln()).abs() < 1e-9);
        assert_eq!(disagreement(&two, &one), f64::INFINITY);
    }
}
