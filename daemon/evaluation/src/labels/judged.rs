//! Alarms of several files, held against their windows once and asked about at any threshold.

use super::Labels;
use super::measure::LabelsResult;
use super::nab::{NabProfile, ScoredRows};
use crate::error::LabelsError;

/// Alarms of several files.
#[derive(Clone, Debug)]
pub(crate) struct JudgedAlarms {
    rows: ScoredRows,
}

impl JudgedAlarms {
    /// Of files with the times and the scores of their rows, and of files that could not be read, whose windows nobody
    /// finds.
    pub(crate) fn of(
        labels: &Labels,
        files: &[(&str, Vec<(i64, f64)>)],
        faulty: &[&str],
    ) -> Result<JudgedAlarms, LabelsError> {
        let mut rows = ScoredRows::default();
        for (name, scored) in files {
            let (times, scores): (Vec<i64>, Vec<f64>) = scored.iter().copied().unzip();
            rows.add(&times, &scores, labels.of(name)?);
        }
        for name in faulty {
            rows.add_missed(labels.of(name)?.len());
        }
        rows.sort();
        Ok(JudgedAlarms { rows })
    }

    /// What was found at the threshold that is best for the standard profile.
    pub(crate) fn result(&self) -> LabelsResult {
        LabelsResult::of_sorted(&self.rows)
    }

    /// The threshold that is best for a profile on some of the files; none, if no alarm at all is.
    pub(crate) fn best_threshold(&self, profile: NabProfile, among: impl Fn(usize) -> bool) -> Option<f64> {
        self.rows.best_among(profile, among).1
    }

    /// The score of a threshold on some of the files; none without windows.
    pub(crate) fn score(
        &self,
        profile: NabProfile,
        threshold: Option<f64>,
        among: impl Fn(usize) -> bool,
    ) -> Option<f64> {
        let windows = self.rows.files_of_windows.iter().filter(|f| among(**f)).count();
        let sums = self.rows.sums(profile, threshold);
        let sum: f64 = sums.iter().enumerate().filter(|(file, _)| among(*file)).map(|(_, sum)| sum).sum();
        (windows > 0).then(|| 100.0 * sum / (ScoredRows::worth(profile) * windows as f64))
    }

    /// `[files]`: what each adds to the score of a threshold on all files.
    pub(crate) fn shares(&self, profile: NabProfile, threshold: Option<f64>) -> Vec<f64> {
        let worth = ScoredRows::worth(profile) * self.rows.windows.max(1) as f64;
        self.rows.sums(profile, threshold).into_iter().map(|sum| 100.0 * sum / worth).collect()
    }

    /// `[files]`: the share of all windows that it has.
    pub(crate) fn window_shares(&self) -> Vec<f64> {
        let mut shares = vec![0.0; self.rows.files];
        self.rows.files_of_windows.iter().for_each(|f| shares[*f] += 1.0 / self.rows.windows as f64);
        shares
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::AnomalyWindow;

    fn all(_: usize) -> bool {
        true
    }

    fn rows(at: &[(usize, f64)]) -> Vec<(i64, f64)> {
        let score = |i: usize| at.iter().find(|a| a.0 == i).map_or(0.0, |a| a.1);
        (0..100).map(|i| (i as i64, score(i))).collect()
    }

    #[test]
    fn files_add_up_and_what_could_not_be_read_is_missed() {
        let labels = Labels::All(vec![AnomalyWindow { start_us: 40, end_us: 59 }]);
        let files = [("a", rows(&[(40, 0.9)])), ("b", rows(&[(45, 0.5), (20, 0.7)]))];
        let standard = NabProfile::STANDARD;
        let judged = JudgedAlarms::of(&labels, &files, &[]).unwrap();
        let threshold = judged.best_threshold(standard, all);
        assert_eq!(threshold, Some(0.5));
        let score = judged.score(standard, threshold, all).unwrap();
        assert!((judged.shares(standard, threshold).iter().sum::<f64>() - score).abs() < 1e-9);
        assert!((judged.result().nab.standard.unwrap() - score).abs() < 1e-9, "as the whole says");
        assert_eq!(judged.window_shares(), [0.5, 0.5]);
        // one file's own best threshold has one alarm; on the other it finds nothing
        let first = |file: usize| file == 0;
        assert_eq!(judged.best_threshold(standard, first), Some(0.9));
        assert_eq!(judged.score(standard, Some(0.9), |file| file == 1), Some(0.0));
        assert_eq!(judged.score(standard, Some(0.9), first), Some(100.0));
        // a file that could not be read has its window missed: a third of what can be reached is gone
        let short = JudgedAlarms::of(&labels, &files, &["c"]).unwrap();
        assert_eq!(short.result().windows, 3);
        assert!((short.result().nab.standard.unwrap() - score * 2.0 / 3.0).abs() < 1e-9);
    }
}
