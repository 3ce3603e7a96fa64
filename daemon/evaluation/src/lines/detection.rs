//! Whether scores of lines find faults that are known, at a rate of false alarms that somebody would bear.
//!
//! * The first 2,000 lines, a tenth at most, count for nothing (a twentieth in logs of less than 5,000), nor do the
//!   200 lines after a fault (20 there). Every other line outside of faults is normal, those of benign novelties
//!   included.
//! * A normal line above the threshold opens an episode, which swallows further ones for 100 lines. One episode is
//!   borne in 5,000 normal lines of a log, at least one a log; the threshold is one for all logs, the lowest that keeps
//!   their episodes within the sum of these.
//! * A fault is found by a line above the threshold among its first 300; where only time shows a fault, among its first
//!   1,000. How precise scores are at any threshold is the average precision of the first 20 lines of each fault
//!   against normal lines, and the mean of that over logs.

use super::labels::LineLabels;
use serde::Serialize;

/// Kinds of faults that no single line shows, but only that something is missing, slower or spread out.
const SHOWN_BY_TIME: [&str; 6] = ["job-missing", "host-silent", "traffic-drop", "latency-creep", "spray", "new-admin"];
/// Lines in which a fault has to be found, of which the second is for kinds that only time shows.
const FOUND_WITHIN: [usize; 2] = [300, 1000];
/// Lines of a fault that an alarm should be among.
const PRECISE_LINES: usize = 20;
/// Lines over which false alarms are one.
const EPISODE_LINES: usize = 100;
/// Normal lines in which one episode is borne.
const NORMAL_LINES: f64 = 5000.0;

/// What scores found of the faults of several logs.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct LineDetection {
    /// Faults that are known, past the lines that count for nothing.
    pub faults: u64,
    /// How many were found.
    pub found: u64,
    /// Episodes of false alarms.
    pub false_episodes: u64,
    /// How many are borne.
    pub episodes_borne: u64,
    /// Lines from a fault's first to the one that found it: the median over those found.
    pub median_delay_lines: Option<f64>,
    /// The mean over logs of the average precision.
    pub average_precision: Option<f64>,
    /// What a score has to be above.
    pub threshold: f64,
    /// Each log.
    pub files: Vec<FileDetection>,
}

/// What scores found of the faults of one log.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct FileDetection {
    /// The log.
    pub file: String,
    /// Faults that are known.
    pub faults: u64,
    /// How many were found.
    pub found: u64,
    /// Average precision, where there are faults that lines show.
    pub average_precision: Option<f64>,
    /// Kinds of faults that were not found.
    pub missed: Vec<String>,
}

/// What a line is to the judge.
#[derive(Clone, Copy, Debug, PartialEq)]
enum LineRole {
    Normal,
    Fault,
    Ignored,
}

/// `[lines]`: what each line is, and how many at the beginning count for nothing.
fn roles(labels: &LineLabels, lines: usize) -> (Vec<LineRole>, usize) {
    let (begins, after) = if lines >= 5000 { ((lines / 10).min(2000), 200) } else { (lines / 20, 20) };
    let mut roles = vec![LineRole::Normal; lines];
    let mut mark = |from: usize, to: usize, role| {
        roles[from.min(lines)..to.min(lines)].iter_mut().for_each(|r| *r = role);
    };
    let faults = || labels.windows.iter().filter(|w| w.is_fault);
    faults().for_each(|w| mark(w.last + 1, w.last + 1 + after, LineRole::Ignored));
    faults().for_each(|w| mark(w.first, w.last + 1, LineRole::Fault));
    mark(0, begins, LineRole::Ignored);
    (roles, begins)
}

/// Episodes of alarms on lines in rising order.
fn episodes(lines: impl Iterator<Item = usize>) -> u64 {
    let mut ends = None;
    let mut count = 0;
    for line in lines {
        if ends.is_none_or(|end| line > end) {
            count += 1;
            ends = Some(line + EPISODE_LINES);
        }
    }
    count
}

/// The lowest threshold whose episodes over all logs are borne. `normal`: the scores of each log's normal lines.
fn threshold(normal: &[Vec<(usize, f64)>], borne: u64) -> f64 {
    let each = normal.iter().enumerate();
    let mut all: Vec<(f64, usize, usize)> = each.flat_map(|(log, n)| n.iter().map(move |n| (n.1, log, n.0))).collect();
    all.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut alarms: Vec<Vec<usize>> = vec![Vec::new(); normal.len()];
    let mut count = vec![0; normal.len()];
    for equal in all.chunk_by(|a, b| a.0 == b.0) {
        for (_, log, line) in equal {
            let at = alarms[*log].partition_point(|l| l < line);
            alarms[*log].insert(at, *line);
        }
        for (log, lines) in alarms.iter().enumerate().filter(|(log, _)| equal.iter().any(|e| e.1 == *log)) {
            count[log] = episodes(lines.iter().copied());
        }
        if count.iter().sum::<u64>() > borne {
            return equal[0].0;
        }
    }
    f64::NEG_INFINITY
}

/// Average precision of positive scores against negative ones, where equal scores come together.
fn average_precision(positive: &[f64], negative: &[f64]) -> Option<f64> {
    let mut all: Vec<(f64, bool)> = positive.iter().map(|s| (*s, true)).collect();
    all.extend(negative.iter().map(|s| (*s, false)));
    all.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (mut hits, mut sum) = (0usize, 0.0);
    for (i, group) in all.chunk_by(|a, b| a.0 == b.0).scan(0, |n, g| {
        *n += g.len();
        Some((*n, g))
    }) {
        let own = group.iter().filter(|s| s.1).count();
        hits += own;
        sum += own as f64 * hits as f64 / i as f64;
    }
    (!positive.is_empty()).then(|| sum / positive.len() as f64)
}

impl FileDetection {
    /// Judges one log at a threshold, whose first lines up to `begins` count for nothing; adds how many lines each
    /// fault took that was found.
    fn of(
        (file, labels, scores): &(&str, &LineLabels, &[f64]),
        begins: usize,
        normal: &[(usize, f64)],
        threshold: f64,
        delays: &mut Vec<usize>,
    ) -> FileDetection {
        let mut one = FileDetection { file: (*file).to_owned(), ..FileDetection::default() };
        let mut positive = Vec::new();
        if scores.is_empty() {
            // a log that could not be read finds nothing
            let faults = labels.windows.iter().filter(|w| w.is_fault);
            one.missed = faults.map(|w| w.kind.clone()).collect();
            one.faults = one.missed.len() as u64;
        }
        for w in labels.windows.iter().filter(|w| w.is_fault && w.last >= begins && w.first < scores.len()) {
            let by_time = SHOWN_BY_TIME.contains(&w.kind.as_str());
            let last = w.last.min(scores.len() - 1);
            let until = last.min(w.first + FOUND_WITHIN[usize::from(by_time)] - 1);
            let found = (w.first.max(begins)..=until).find(|i| scores[*i] > threshold);
            one.faults += 1;
            one.found += u64::from(found.is_some());
            match found {
                Some(line) => delays.push(line - w.first),
                None => one.missed.push(w.kind.clone()),
            }
            if !by_time {
                positive.extend(&scores[w.first..=last.min(w.first + PRECISE_LINES - 1)]);
            }
        }
        let negative: Vec<f64> = normal.iter().map(|n| n.1).collect();
        one.average_precision = average_precision(&positive, &negative);
        one
    }
}

impl LineDetection {
    /// Judges logs, each with its name, its labels and `[lines]` scores of its lines that are not blank; a log without
    /// scores could not be read, and all of its faults are missed.
    pub fn of(logs: &[(&str, &LineLabels, &[f64])]) -> LineDetection {
        let known: Vec<(Vec<LineRole>, usize)> = logs.iter().map(|(_, l, s)| roles(l, s.len())).collect();
        let normal = |(log, roles): (&(&str, &LineLabels, &[f64]), &(Vec<LineRole>, usize))| -> Vec<(usize, f64)> {
            let scored = log.2.iter().copied().enumerate().zip(&roles.0);
            scored.filter(|(_, role)| **role == LineRole::Normal).map(|(score, _)| score).collect()
        };
        let normal: Vec<Vec<(usize, f64)>> = logs.iter().zip(&known).map(normal).collect();
        let borne = normal.iter().map(|n| ((n.len() as f64 / NORMAL_LINES).round_ties_even() as u64).max(1)).sum();
        let threshold = threshold(&normal, borne);
        let mut all = LineDetection { threshold, episodes_borne: borne, ..LineDetection::default() };
        let mut delays: Vec<usize> = Vec::new();
        for ((log, (_, begins)), normal) in logs.iter().zip(&known).zip(&normal) {
            let one = FileDetection::of(log, *begins, normal, threshold, &mut delays);
            all.faults += one.faults;
            all.found += one.found;
            all.false_episodes += episodes(normal.iter().filter(|n| n.1 > threshold).map(|n| n.0));
            all.files.push(one);
        }
        delays.sort_unstable();
        let middle = |k: usize| delays[k] as f64;
        let n = delays.len();
        all.median_delay_lines = (n > 0).then(|| 0.5 * (middle((n - 1) / 2) + middle(n / 2)));
        let precise: Vec<f64> = all.files.iter().filter_map(|f| f.average_precision).collect();
        all.average_precision = (!precise.is_empty()).then(|| precise.iter().sum::<f64>() / precise.len() as f64);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lines::LineWindow;

    fn window(first: usize, last: usize, kind: &str, is_fault: bool) -> LineWindow {
        LineWindow { first, last, kind: kind.into(), is_fault }
    }

    /// Ten thousand lines with two faults and a benign novelty; scores of 0, and of the lines named.
    fn judged(scored: &[(usize, f64)]) -> LineDetection {
        let windows = vec![
            window(3000, 3400, "lock", true),
            window(5000, 6500, "job-missing", true),
            window(8000, 8100, "deploy", false),
        ];
        let mut scores = vec![0.0; 10_000];
        scored.iter().for_each(|(line, score)| scores[*line] = *score);
        LineDetection::of(&[("a", &LineLabels { windows }, &scores)])
    }

    #[test]
    fn what_counts_counts() {
        // normal lines: 10,000 without the first 1,000, the faults and 200 after each
        let normal = 10_000 - 1000 - 401 - 1501 - 400;
        assert_eq!(judged(&[]).episodes_borne, (f64::from(normal) / 5000.0).round() as u64);
        // the third false episode is not borne: what scores no more than it is no alarm
        let d = judged(&[(2000, 9.0), (2050, 8.0), (8050, 7.0), (9500, 6.0), (3004, 6.5), (5700, 5.0)]);
        assert_eq!((d.false_episodes, d.episodes_borne, d.threshold), (1, 1, 7.0));
        assert_eq!((d.faults, d.found, d.median_delay_lines), (2, 0, None));
        assert_eq!(d.files[0].missed, ["lock", "job-missing"]);
        let d = judged(&[(2000, 9.0), (2050, 8.0), (3004, 6.5), (5900, 5.0), (3250, 99.0)]);
        assert_eq!((d.found, d.false_episodes, d.median_delay_lines), (2, 1, Some(452.0)), "4 and 900");
        // too late, in the time after a fault, and at the beginning
        let d = judged(&[(3300, 9.0), (6001, 9.0), (6550, 9.0), (500, 9.0)]);
        assert_eq!((d.found, d.false_episodes), (0, 0));
    }

    #[test]
    fn precision_is_that_of_the_first_lines_of_faults() {
        assert_eq!(average_precision(&[3.0, 1.0], &[2.0]), Some((1.0 + 2.0 / 3.0) / 2.0));
        assert_eq!(average_precision(&[1.0, 1.0], &[1.0, 0.0]), Some(2.0 / 3.0), "equal ones come together");
        assert_eq!(average_precision(&[], &[1.0]), None);
        let all: Vec<(usize, f64)> = (3000..3020).map(|i| (i, 1.0)).collect();
        assert_eq!(judged(&all).average_precision, Some(1.0), "what only time shows is left out");
    }

    #[test]
    fn one_threshold_holds_for_all_logs() {
        let labels = LineLabels { windows: vec![window(3000, 3400, "lock", true)] };
        let (mut quiet, mut loud) = (vec![0.0; 10_000], vec![0.0; 10_000]);
        quiet[3001] = 0.5;
        loud[3001] = 8.0;
        (0..9).for_each(|k| loud[4000 + 200 * k] = 1.0 + k as f64);
        let d = LineDetection::of(&[("quiet", &labels, &quiet), ("loud", &labels, &loud)]);
        // four episodes are borne, of scores 9, 8, 7 and 6
        assert_eq!((d.episodes_borne, d.threshold, d.found, d.false_episodes), (4, 5.0, 1, 4));
        assert_eq!(d.files[0].missed, ["lock"]);
        let d = LineDetection::of(&[("loud", &labels, &loud), ("unread", &labels, &[])]);
        assert_eq!((d.faults, d.found, d.files[1].faults, d.files[1].average_precision), (2, 1, 1, None));
    }
}
