//! The score of the Numenta Anomaly Benchmark (Lavin and Ahmad, "Evaluating real-time anomaly detection algorithms: the
//! Numenta Anomaly Benchmark", ICMLA 2015).
//!
//! A row's place y relative to a window is −1 on the window's first row, −1/width on its last one, and past the window
//! the number of rows since its last one, divided by width − 1. The value of a place is
//!
//! ```text
//! σ(y) = 2 / (1 + e^{5y}) − 1,    and −1 where y > 3 or no window came before
//! ```
//!
//! * A window is worth the value of its earliest alarm, w_tp σ(y) / σ(−1); one without an alarm costs w_fn.
//! * An alarm outside of all windows costs w_fp |σ(y)|, y by the window before it.
//! * The first 15 % of a file's rows, at most 750, are a probation: alarms there count for nothing.
//!
//! An alarm is a row whose score is at least the threshold. The threshold is one for all files: the one with the
//! highest sum of the above. What is reported is that sum on the scale where a detector that never alarms has 0 and one
//! that alarms on the first row of each window, and nowhere else, has 100.
//!
//! Where the paper leaves a choice, this is what was chosen, so that the published numbers keep their meaning:
//!
//! * Each profile has its own best threshold; of equal ones the highest counts. To never alarm is one of the choices.
//! * σ is negative outside windows (it is how the cost is written), and inside them positive. The paper's prose scores
//!   *every* false alarm, so a run of rows over the threshold is as many false alarms as it has rows.
//! * A window's rows are those from the first to the last whose time lies within it; NAB's files have a row at both
//!   ends. A window that holds no row past the probation does not count, and of one that reaches into it only the rows
//!   after it can find it, each at its place in the whole window. Windows with rows in common are one window.
//! * Past a window of one row, where width − 1 is 0, rows count as far away.

use super::AnomalyWindow;

/// The weights of hits, false alarms and misses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NabProfile {
    hit: f64,
    false_alarm: f64,
    miss: f64,
}

impl NabProfile {
    /// A hit and a miss weigh alike, and a false alarm as if one in ten rows were in a window.
    pub(crate) const STANDARD: NabProfile = NabProfile { hit: 1.0, false_alarm: 0.11, miss: 1.0 };
    /// The profile that rewards few false alarms: they cost twice as much.
    pub(crate) const REWARD_LOW_FP: NabProfile = NabProfile { false_alarm: 0.22, ..NabProfile::STANDARD };
    /// The profile that rewards few misses: they cost twice as much.
    pub(crate) const REWARD_LOW_FN: NabProfile = NabProfile { miss: 2.0, ..NabProfile::STANDARD };
}

/// Where a row that counts is, relative to the windows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum RowPlace {
    /// In a window, by its number among those of all files.
    Within(usize),
    /// In no window.
    Outside,
}

/// A row that counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct ScoredRow {
    pub(super) score: f64,
    pub(super) place: RowPlace,
    /// σ of its place; within windows divided by σ(−1).
    pub(super) value: f64,
    /// Rows and microseconds since the first of its window.
    pub(super) delay: (u64, i64),
    /// Its file, by the order in which files were added.
    pub(super) file: usize,
}

/// The rows of all files that count.
#[derive(Clone, Debug, Default)]
pub(super) struct ScoredRows {
    pub(super) rows: Vec<ScoredRow>,
    pub(super) windows: usize,
    /// The file of each window.
    pub(super) files_of_windows: Vec<usize>,
    pub(super) files: usize,
}

/// 2 / (1 + e^{5y}) − 1.
pub(super) fn sigmoid(y: f64) -> f64 {
    if y > 3.0 { -1.0 } else { 2.0 / (1.0 + (5.0 * y).exp()) - 1.0 }
}

/// Rows of a file that do not count.
pub(crate) fn probation(rows: usize) -> usize {
    // in whole numbers: 0.15 · 20 is 3, which its nearest double falls short of or not by chance
    (rows.saturating_mul(15) / 100).min(750)
}

/// The first and last row of each window that has rows, in order and apart from each other.
fn spans(times: &[i64], windows: &[AnomalyWindow]) -> Vec<(usize, usize)> {
    let mut spans: Vec<(usize, usize)> = Vec::new();
    for w in windows {
        let within = |t: &i64| (w.start_us..=w.end_us).contains(t);
        if let (Some(first), Some(last)) = (times.iter().position(within), times.iter().rposition(within)) {
            spans.push((first, last));
        }
    }
    spans.sort_unstable();
    spans.dedup_by(|next, last| {
        let joined = next.0 <= last.1;
        if joined {
            last.1 = last.1.max(next.1);
        }
        joined
    });
    spans
}

impl ScoredRows {
    /// Adds the rows of a file.
    pub(super) fn add(&mut self, times: &[i64], scores: &[f64], windows: &[AnomalyWindow]) {
        let n = times.len().min(scores.len());
        let spans = spans(&times[..n], windows);
        let counting = probation(n);
        let mut next = 0;
        let mut index = self.windows;
        for i in 0..n {
            while next < spans.len() && spans[next].1 < i {
                // a window that ended within the probation was none
                index += usize::from(spans[next].1 >= counting);
                next += 1;
            }
            if i < counting {
                continue;
            }
            let row = match spans.get(next) {
                Some(&(first, last)) if first <= i => {
                    let y = -((last - i + 1) as f64) / (last - first + 1) as f64;
                    ScoredRow {
                        score: scores[i],
                        place: RowPlace::Within(index),
                        value: sigmoid(y) / sigmoid(-1.0),
                        delay: ((i - first) as u64, times[i].saturating_sub(times[first])),
                        file: self.files,
                    }
                }
                _ => {
                    let value = match next.checked_sub(1).map(|before| spans[before]) {
                        Some((first, last)) if last > first => sigmoid((i - last) as f64 / (last - first) as f64),
                        _ => -1.0,
                    };
                    ScoredRow { score: scores[i], place: RowPlace::Outside, value, delay: (0, 0), file: self.files }
                }
            };
            self.rows.push(row);
        }
        self.add_missed(spans.iter().filter(|s| s.1 >= counting).count());
    }

    /// Adds a file of which no row is known but that it has windows, which nobody finds.
    pub(super) fn add_missed(&mut self, windows: usize) {
        self.files_of_windows.extend(std::iter::repeat_n(self.files, windows));
        self.windows += windows;
        self.files += 1;
    }

    /// Puts the rows in the order in which a falling threshold makes them alarms.
    pub(super) fn sort(&mut self) {
        self.rows.sort_by(|a, b| b.score.total_cmp(&a.score));
    }

    /// The best score of a profile and the threshold that has it, if any threshold is better than none. There is no
    /// score without windows.
    pub(super) fn best(&self, p: NabProfile) -> (Option<f64>, Option<f64>) {
        self.best_among(p, |_| true)
    }

    /// The best score on some of the files, and its threshold.
    pub(super) fn best_among(&self, p: NabProfile, among: impl Fn(usize) -> bool) -> (Option<f64>, Option<f64>) {
        let mut found: Vec<Option<f64>> = vec![None; self.windows];
        let windows = self.files_of_windows.iter().filter(|f| among(**f)).count();
        let null = -p.miss * windows as f64;
        let (mut sum, mut best, mut threshold) = (null, null, None);
        let rows: Vec<&ScoredRow> = self.rows.iter().filter(|r| among(r.file)).collect();
        for (i, row) in rows.iter().enumerate() {
            match row.place {
                RowPlace::Outside => sum += p.false_alarm * row.value,
                RowPlace::Within(w) => {
                    let (before, now) = (found[w], found[w].map_or(row.value, |f| f.max(row.value)));
                    found[w] = Some(now);
                    sum += p.hit * now - before.map_or(-p.miss, |b| p.hit * b);
                }
            }
            let last_of_its_score = rows.get(i + 1).is_none_or(|next| next.score != row.score);
            if last_of_its_score && sum > best {
                (best, threshold) = (sum, Some(row.score));
            }
        }
        let perfect = p.hit * windows as f64;
        ((windows > 0).then(|| 100.0 * (best - null) / (perfect - null)), threshold)
    }

    /// `[files]`: what each adds to the sum of a profile at a threshold above that of never alarming.
    pub(super) fn sums(&self, p: NabProfile, threshold: Option<f64>) -> Vec<f64> {
        let mut sums = vec![0.0; self.files];
        let mut found: Vec<Option<f64>> = vec![None; self.windows];
        for row in self.rows.iter().filter(|r| threshold.is_some_and(|t| r.score >= t)) {
            match row.place {
                RowPlace::Outside => sums[row.file] += p.false_alarm * row.value,
                RowPlace::Within(w) => found[w] = Some(found[w].map_or(row.value, |f| f.max(row.value))),
            }
        }
        for (value, file) in found.into_iter().zip(&self.files_of_windows) {
            sums[*file] += value.map_or(0.0, |v| p.hit * v + p.miss);
        }
        sums
    }

    /// What a window is worth at most, and what it costs at least.
    pub(super) fn worth(p: NabProfile) -> f64 {
        p.hit + p.miss
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const STANDARD: NabProfile = NabProfile::STANDARD;
    const REWARD_LOW_FP: NabProfile = NabProfile::REWARD_LOW_FP;
    const REWARD_LOW_FN: NabProfile = NabProfile::REWARD_LOW_FN;
    const ALL: [NabProfile; 3] = [STANDARD, REWARD_LOW_FP, REWARD_LOW_FN];

    fn rows(files: &[(&[f64], &[(i64, i64)])]) -> ScoredRows {
        let mut r = ScoredRows::default();
        for (scores, windows) in files {
            let times: Vec<i64> = (0..scores.len() as i64).collect();
            let windows: Vec<AnomalyWindow> =
                windows.iter().map(|w| AnomalyWindow { start_us: w.0, end_us: w.1 }).collect();
            r.add(&times, scores, &windows);
        }
        r.sort();
        r
    }

    /// 100 rows with alarms at some.
    fn alarms(at: &[usize]) -> Vec<f64> {
        (0..100).map(|i| if at.contains(&i) { 1.0 } else { 0.0 }).collect()
    }

    fn near(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-9, "{a} is not {b}");
    }

    #[test]
    fn the_sigmoid_is_that_of_the_paper() {
        near(sigmoid(0.0), 0.0);
        near(sigmoid(-1.0), 0.986_614_298_151_430_4);
        near(sigmoid(1.0), -0.986_614_298_151_430_4);
        near(sigmoid(0.5), -0.848_283_639_957_512_9);
        assert_eq!(sigmoid(3.01), -1.0);
        assert!(sigmoid(3.0) > -1.0);
    }

    #[test]
    fn the_probation_is_fifteen_per_cent_and_at_most_750_rows() {
        assert_eq!([0, 6, 7, 20, 100, 4032, 4999, 5000, 22_695].map(probation), [0, 0, 1, 3, 15, 604, 749, 750, 750]);
    }

    /// One window, rows 40 to 59, of 100.
    #[test]
    fn small_cases_by_hand() {
        let score = |at: &[usize], p| rows(&[(&alarms(at), &[(40, 59)])]).best(p).0.unwrap();
        // the first row of the window: perfect; later alarms in it change nothing
        near(score(&[40], STANDARD), 100.0);
        near(score(&[40, 41, 59], STANDARD), 100.0);
        // the middle: y = −10/20, σ = .848284, of .986614; raw .859793 on a scale from −1 to 1
        near(score(&[50], STANDARD), 100.0 * (0.859_792_566_909_783_7 + 1.0) / 2.0);
        // misses at 2: from −2 to 1
        near(score(&[50], REWARD_LOW_FN), 100.0 * (0.859_792_566_909_783_7 + 2.0) / 3.0);
        // a false alarm before any window costs .11
        near(score(&[30, 40], STANDARD), 100.0 * (2.0 - 0.11) / 2.0);
        near(score(&[30, 40], REWARD_LOW_FP), 100.0 * (2.0 - 0.22) / 2.0);
        // 19 rows past a window of 20: y = 1
        near(score(&[40, 78], STANDARD), 100.0 * (2.0 - 0.11 * 0.986_614_298_151_430_4) / 2.0);
        // right past it: y = 1/19, σ = −.130825
        near(score(&[40, 60], STANDARD), 100.0 * (2.0 - 0.11 * 0.130_824_826_426_665_9) / 2.0);
        // within the probation nothing counts
        near(score(&[0, 14, 40], STANDARD), 100.0);
        near(score(&[15, 40], STANDARD), 100.0 * (2.0 - 0.11) / 2.0);
        // worse than silence: silence
        near(score(&[70, 71, 72], STANDARD), 0.0);
        assert_eq!(rows(&[(&alarms(&[70]), &[(40, 59)])]).best(STANDARD).1, None);
    }

    #[test]
    fn the_threshold_is_one_for_all_files() {
        let mut a = alarms(&[]);
        (a[40], a[20]) = (0.5, 0.4);
        let mut b = alarms(&[]);
        (b[40], b[20]) = (0.3, 0.2);
        let (score, threshold) = rows(&[(&a, &[(40, 59)]), (&b, &[(40, 59)])]).best(STANDARD);
        // at .3 both windows are found and one false alarm is made
        assert_eq!(threshold, Some(0.3));
        near(score.unwrap(), 100.0 * (4.0 - 0.11) / 4.0);
        // equal scores become alarms together: .4 in both
        (b[40], b[21]) = (0.4, 0.4);
        near(rows(&[(&a, &[(40, 59)]), (&b, &[(40, 59)])]).best(STANDARD).0.unwrap(), 100.0 * (4.0 - 0.22) / 4.0);
    }

    #[test]
    fn windows_at_the_edges() {
        // within the probation: none; no row: none
        assert_eq!(rows(&[(&alarms(&[5]), &[(3, 9)])]).best(STANDARD), (None, None));
        assert_eq!(rows(&[(&alarms(&[5]), &[(300, 900)])]).windows, 0);
        // half within: only the rest finds it, at its place in the whole; y = −15/20
        let r = rows(&[(&alarms(&[12, 15]), &[(10, 29)])]);
        assert_eq!(r.windows, 1);
        near(r.best(STANDARD).0.unwrap(), 100.0 * (sigmoid(-0.75) / sigmoid(-1.0) + 1.0) / 2.0);
        // rows after a window in the probation are still judged by their distance to it
        let r = rows(&[(&alarms(&[15, 80]), &[(5, 14), (80, 89)])]);
        near(r.best(STANDARD).0.unwrap(), 100.0 * (2.0 + 0.11 * sigmoid(1.0 / 9.0)) / 2.0);
        // rows in common: one window
        assert_eq!(rows(&[(&alarms(&[]), &[(40, 50), (45, 60), (70, 70)])]).windows, 2);
        // past a window of one row everything is far
        let r = rows(&[(&alarms(&[70, 71]), &[(70, 70)])]);
        near(r.best(STANDARD).0.unwrap(), 100.0 * (2.0 - 0.11) / 2.0);
        // the last row of all
        near(rows(&[(&alarms(&[90]), &[(90, 200)])]).best(STANDARD).0.unwrap(), 100.0);
        assert_eq!(rows(&[]).best(STANDARD), (None, None));
    }

    fn files() -> impl Strategy<Value = Vec<(Vec<f64>, Vec<(i64, i64)>)>> {
        let file = (20usize..200).prop_flat_map(|n| {
            let scores = prop::collection::vec((0u8..20).prop_map(|s| f64::from(s) / 20.0), n);
            let windows = prop::collection::vec((0..n as i64, 0i64..30), 0..4);
            (scores, windows.prop_map(|w| w.into_iter().map(|(a, l)| (a, a + l)).collect()))
        });
        prop::collection::vec(file, 1..4)
    }

    proptest! {
        #[test]
        fn scores_lie_between_silence_and_perfection(files in files()) {
            let with = |change: &dyn Fn(usize, f64) -> f64| -> ScoredRows {
                let all: Vec<Vec<f64>> =
                    files.iter().map(|(s, _)| s.iter().enumerate().map(|(i, x)| change(i, *x)).collect()).collect();
                let parts: Vec<_> = all.iter().zip(&files).map(|(s, (_, w))| (s.as_slice(), w.as_slice())).collect();
                rows(&parts)
            };
            let r = with(&|_, s| s);
            for p in ALL {
                let (score, threshold) = r.best(p);
                prop_assert_eq!(score.is_some(), r.windows > 0);
                if let Some(s) = score {
                    prop_assert!((0.0..=100.0 + 1e-9).contains(&s), "{}", s);
                    prop_assert_eq!(threshold.is_some(), s > 0.0);
                    // the order of scores is all that counts
                    prop_assert!((with(&|_, s| s * s * 7.0 - 3.0).best(p).0.unwrap() - s).abs() < 1e-9);
                    // dearer false alarms make nothing better
                    let dearer = r.best(NabProfile { false_alarm: p.false_alarm * 2.0, ..p });
                    prop_assert!(dearer.0.unwrap() <= s + 1e-9);
                }
                // every score alike: silence or all rows at once
                if let Some(s) = with(&|_, _| 0.5).best(STANDARD).0 {
                    prop_assert!(s >= 0.0);
                }
            }
            // the sum at the best threshold, made anew from its definition
            if let (Some(s), Some(t)) = r.best(STANDARD) {
                let mut raw = 0.0;
                for w in 0..r.windows {
                    let within = |x: &&ScoredRow| x.score >= t && x.place == RowPlace::Within(w);
                    let hits = r.rows.iter().filter(within).map(|x| x.value);
                    raw += hits.reduce(f64::max).unwrap_or(-1.0);
                }
                let outside = |x: &&ScoredRow| x.score >= t && x.place == RowPlace::Outside;
                raw += 0.11 * r.rows.iter().filter(outside).map(|x| x.value).sum::<f64>();
                let n = r.windows as f64;
                prop_assert!((100.0 * (raw + n) / (2.0 * n) - s).abs() < 1e-9);
            }
        }

        #[test]
        fn a_perfect_detector_has_100_and_a_silent_one_0(starts in prop::collection::vec(1i64..18, 1..4)) {
            // windows of 30 rows, 50 apart, past the probation
            let first = |k: usize, s: &i64| 200 + 50 * k as i64 + s;
            let windows: Vec<(i64, i64)> =
                starts.iter().enumerate().map(|(k, s)| (first(k, s), first(k, s) + 29)).collect();
            let scores: Vec<f64> =
                (0..1000).map(|i| if windows.iter().any(|w| w.0 == i) { 0.9 } else { 0.1 }).collect();
            for p in ALL {
                let (score, threshold) = rows(&[(&scores, &windows)]).best(p);
                prop_assert!((score.unwrap() - 100.0).abs() < 1e-9);
                prop_assert_eq!(threshold, Some(0.9));
                let (score, threshold) = rows(&[(&vec![0.0; 1000], &windows)]).best(p);
                prop_assert_eq!((score, threshold), (Some(0.0), None));
            }
        }
    }
}
