//! Several recordings as one row: means over them, each recording by itself, and which of them dropped out.

use super::compare::{Compared, ComparedFiles, FileCompared};
use super::find::RecordedStream;
use super::parts::ComparedParts;
use crate::baseline::{Measure, Score};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Which of several recordings are held out, and what the others are, in words.
#[derive(Clone, Debug)]
pub(super) struct FileSplit {
    pub(super) held_out: Vec<bool>,
    pub(super) words: [String; 2],
}

impl FileSplit {
    /// Recordings that the program was not tuned on are held out, where the manifest names some that it was; otherwise
    /// every second one, in the order of their names.
    pub(super) fn of(stream: &RecordedStream, files: &[&str]) -> FileSplit {
        let tuned: Vec<bool> = files.iter().map(|f| stream.task.is_tuned_on(Path::new(f))).collect();
        let many = tuned.iter().filter(|t| **t).count();
        if (1..files.len()).contains(&many) {
            let words = [format!("the {many} files that were in sight"), format!("the other {}", files.len() - many)];
            return FileSplit { held_out: tuned.iter().map(|t| !t).collect(), words };
        }
        let held_out: Vec<bool> = (0..files.len()).map(|i| i % 2 == 1).collect();
        let words =
            [format!("every second file, {}", files.len().div_ceil(2)), format!("the other {}", files.len() / 2)];
        FileSplit { held_out, words }
    }

    /// Of some of the recordings.
    fn only(&self, files: &[usize]) -> FileSplit {
        FileSplit { held_out: files.iter().map(|i| self.held_out[*i]).collect(), words: self.words.clone() }
    }
}

/// The means over recordings of every measure that half of them have; those that lack it are named.
pub(super) fn over_files(all: &[(&str, &[Compared])], split: &FileSplit) -> Vec<Compared> {
    let mut found: BTreeMap<(String, Measure), Vec<(usize, &Compared)>> = BTreeMap::new();
    for (i, (_, measures)) in all.iter().enumerate() {
        for c in *measures {
            found.entry((c.field.clone(), c.measure)).or_default().push((i, c));
        }
    }
    let names: Vec<&str> = all.iter().map(|(file, _)| *file).collect();
    let of_most = found.into_iter().filter(|(_, of)| 2 * of.len() >= all.len());
    of_most.map(|((field, measure), of)| mean(&field, measure, &of, &names, split)).collect()
}

/// The mean of one measure. `of`: the recordings that have it, by their places in `names`.
fn mean(field: &str, measure: Measure, of: &[(usize, &Compared)], names: &[&str], split: &FileSplit) -> Compared {
    let n = of.len() as f64;
    let value = |c: &Compared, name: &str| c.baselines.iter().find(|b| b.name == name).map(|b| b.value);
    let all: BTreeSet<&str> = of.iter().flat_map(|(_, c)| c.baselines.iter().map(|b| b.name.as_str())).collect();
    // a baseline that some recordings lack has no mean that compares
    let baselines: Vec<(String, Vec<f64>)> = all
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), of.iter().map(|(_, c)| value(c, name)).collect::<Option<Vec<_>>>()?)))
        .collect();
    let split = split.only(&of.iter().map(|o| o.0).collect::<Vec<_>>());
    let shares = |values: &[f64]| values.iter().map(|v| v / n).collect::<Vec<_>>();
    let ours: Vec<f64> = of.iter().map(|(_, c)| c.surmise).collect();
    let parts = ComparedParts {
        of: "files",
        weights: vec![1.0 / n; of.len()],
        surmise: shares(&ours),
        baselines: baselines.iter().map(|(name, values)| (name.clone(), shares(values))).collect(),
        held_out: split.held_out,
        split: split.words,
    };
    let score = |(name, values): &(String, Vec<f64>)| Score::new(measure, name.clone(), values.iter().sum::<f64>() / n);
    let mut compared =
        Compared::new(field, measure, ours.iter().sum::<f64>() / n, baselines.iter().map(score).collect());
    compared = compared.with_parts(Some(&parts));
    let missing = (0..names.len()).filter(|i| of.iter().all(|o| o.0 != *i)).map(|i| names[i].to_owned());
    compared.by_file = by_file(measure, of, names, missing.collect());
    compared
}

/// Each recording by itself, the one with the least skill first.
fn by_file(measure: Measure, of: &[(usize, &Compared)], names: &[&str], missing: Vec<String>) -> Option<ComparedFiles> {
    let one = |(i, c): &(usize, &Compared)| {
        let best = c.baselines.first()?;
        Some(FileCompared {
            file: names[*i].to_owned(),
            surmise: c.surmise,
            baseline: best.name.clone(),
            value: best.value,
            skill: c.skill,
        })
    };
    let mut files: Vec<FileCompared> = of.iter().filter_map(one).collect();
    let n = files.len() as f64;
    let mean = |of: fn(&FileCompared) -> f64| files.iter().map(of).sum::<f64>() / n;
    let (ours, best_of_each) = (mean(|f| f.surmise), mean(|f| f.value));
    files.sort_by(|a, b| a.rank(measure).total_cmp(&b.rank(measure)));
    (n > 0.0).then(|| ComparedFiles {
        best_of_each,
        skill: measure.skill(ours, best_of_each),
        worse: files.iter().filter(|f| measure.loss(f.surmise) > measure.loss(f.value)).count() as u64,
        files,
        missing,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::RecordingTask;

    fn score(name: &str, v: f64) -> Score {
        Score::new(Measure::Mse, name.into(), v)
    }

    fn split(files: usize) -> FileSplit {
        let stream = RecordedStream {
            title: String::new(),
            files: vec![],
            labels: None,
            lines: None,
            task: RecordingTask::default(),
        };
        let names: Vec<String> = (0..files).map(|i| i.to_string()).collect();
        FileSplit::of(&stream, &names.iter().map(String::as_str).collect::<Vec<_>>())
    }

    #[test]
    fn means_are_of_what_most_have_and_name_what_lacks_it() {
        let one = [Compared::new("", Measure::Mse, 1.0, vec![score("a", 2.0), score("b", 9.0)])];
        let two =
            [Compared::new("", Measure::Mse, 3.0, vec![score("a", 4.0)]), Compared::new("", Measure::Mae, 3.0, vec![])];
        let all = [("one.csv", &one[..]), ("two.csv", &two[..]), ("three.csv", &[])];
        let mean = over_files(&all, &split(3));
        assert_eq!((mean.len(), mean[0].surmise, mean[0].baselines.clone()), (1, 2.0, vec![score("a", 3.0)]));
        let files = mean[0].by_file.as_ref().unwrap();
        assert_eq!(files.missing, ["three.csv"], "what drops out is named");
        assert_eq!((files.worse, files.best_of_each), (0, 3.0));
        assert_eq!(files.files[0].file, "two.csv", "the least skill first");
    }

    /// A baseline that is best on all recordings but one, where it fails: means of single baselines hide it.
    #[test]
    fn the_best_baseline_of_each_recording_counts() {
        let of = |ours, a, b| [Compared::new("", Measure::Mse, ours, vec![score("a", a), score("b", b)])];
        let files = [of(1.0, 0.5, 2.0), of(1.0, 0.5, 2.0), of(1.0, 90.0, 2.0)];
        let all: Vec<(&str, &[Compared])> = ["x", "y", "z"].into_iter().zip(files.iter().map(|f| &f[..])).collect();
        let mean = &over_files(&all, &split(3))[0];
        assert_eq!(mean.skill, Some(0.5), "against b, the best in the mean");
        let by_file = mean.by_file.as_ref().unwrap();
        assert_eq!((by_file.best_of_each, by_file.skill, by_file.worse), (1.0, Some(0.0), 2));
        assert_eq!((by_file.files[0].baseline.as_str(), by_file.files[0].skill), ("a", Some(-1.0)));
        // what is held out, the second file, is judged by what is best on the others
        let held_out = mean.held_out.as_ref().unwrap();
        assert_eq!((held_out.baseline.as_str(), held_out.value), ("b", 2.0));
    }

    #[test]
    fn what_was_not_tuned_on_is_held_out() {
        let task = RecordingTask { tuned_files: vec!["in/*.csv".into()], ..RecordingTask::default() };
        let stream = RecordedStream { title: String::new(), files: vec![], labels: None, lines: None, task };
        let split = FileSplit::of(&stream, &["in/a.csv", "out/b.csv", "in/c.csv"]);
        assert_eq!(split.held_out, [false, true, false]);
        assert_eq!(split.words[1], "the other 1");
        assert_eq!(FileSplit::of(&stream, &["in/a.csv", "in/c.csv"]).held_out, [false, true], "all of them were");
    }
}
