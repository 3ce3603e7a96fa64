//! Streams of log lines of which something is known: the templates of their lines, or faults by line.

use super::compare::Compared;
use super::evaluation::{EvalStage, Evaluation, MissedRecording};
use super::files::{FileSplit, over_files};
use super::find::RecordedStream;
use super::recording::{StreamFault, replay_recording};

use crate::baseline::{Measure, Score};
use crate::lines::{
    GroupedLines, LineDetection, LineLabels, grouping_accuracy, line_detectors, model_groups, pattern_groups,
};
use crate::resources::thread_seconds;
use crate::result::ReplayResult;
use std::path::{Path, PathBuf};
use surmise_learner::Options;
use surmise_recording::{Format, SourceError};

/// The numbers, from 1, of a log's lines that are not blank, and their texts.
struct PlainLines {
    numbers: Vec<u64>,
    texts: Vec<String>,
}

impl PlainLines {
    fn read(path: &Path) -> Result<PlainLines, SourceError> {
        let open = |error| SourceError::Open { file: path.display().to_string(), error };
        let bytes = std::fs::read(path).map_err(open)?;
        let mut lines = PlainLines { numbers: Vec::new(), texts: Vec::new() };
        for (i, line) in bytes.split(|b| *b == b'\n').enumerate().filter(|(_, l)| !l.trim_ascii().is_empty()) {
            lines.numbers.push(i as u64 + 1);
            lines.texts.push(String::from_utf8_lossy(line).into_owned());
        }
        Ok(lines)
    }

    /// `[lines]`: the score of the event that begins at each line; lines within an event, or without one, have none.
    fn scores(&self, result: &ReplayResult) -> Vec<f64> {
        let mut scores = vec![0.0f64; self.numbers.len()];
        for (line, (_, score)) in result.event_lines.iter().zip(&result.anomalies) {
            if let Ok(i) = self.numbers.binary_search(line) {
                scores[i] = scores[i].max(*score);
            }
        }
        scores
    }
}

/// Compares the templates that a stream of lines finds with those that are known.
pub(super) fn evaluate_templates(stream: &RecordedStream) -> Result<Evaluation, StreamFault> {
    let began = thread_seconds();
    let (mut found, mut faults) = (Vec::new(), Vec::new());
    let (mut events, mut files) = (0, Vec::new());
    for file in &stream.files {
        match GroupedLines::read(&GroupedLines::beside(file)) {
            Ok(known) => {
                let messages = || known.messages.iter().map(String::as_str);
                let accuracy = |groups: Vec<u32>| grouping_accuracy(&known.templates, &groups).unwrap_or(0.0);
                let simple = Score::new(Measure::Grouping, "patterns".into(), accuracy(pattern_groups(messages())));
                let ours = accuracy(model_groups(messages()));
                found.push(vec![Compared::new("", Measure::Grouping, ours, vec![simple])]);
                events += known.messages.len() as u64;
                files.push(file.display().to_string());
            }
            Err(e) => faults.push(StreamFault::new(file, e)),
        }
    }
    let names: Vec<&str> = files.iter().map(String::as_str).collect();
    let split = FileSplit::of(stream, &names);
    let all: Vec<(&str, &[Compared])> = names.iter().copied().zip(found.iter().map(Vec::as_slice)).collect();
    let measures = over_files(&all, &split);
    let mut evaluation = Evaluation::of_lines(stream, files, events, thread_seconds() - began, faults)?;
    evaluation.measures = measures;
    Ok(evaluation)
}

/// Replays logs and holds the anomaly scores of their lines against the faults that are known.
pub(super) fn evaluate_faults(
    stream: &RecordedStream,
    learner: &Options,
    report_progress: &mut impl FnMut(EvalStage<'_>),
) -> Result<Evaluation, StreamFault> {
    let mut lines = stream.clone();
    lines.task.format = Some(Format::Lines);
    let (mut logs, mut faults, mut results) = (Vec::new(), Vec::new(), Vec::new());
    for file in &stream.files {
        let mut one = || {
            let labels = LineLabels::read(&LineLabels::beside(file))?;
            let plain = PlainLines::read(file)?;
            let replayed = replay_recording(&lines, file, learner, true, |p| report_progress(EvalStage::Replay(p)))?;
            Ok((labels, plain, replayed))
        };
        match one() {
            Ok((labels, plain, replayed)) => {
                logs.push(ScoredLog::new(file, labels, &plain, &replayed.result));
                results.push((replayed.result, replayed.cpu_seconds));
            }
            Err(e) => faults.push(StreamFault { file: file.display().to_string(), error: e }),
        }
    }
    let read = logs.len();
    // faults of a log that could not be read are missed by everybody
    let unread = |f: &StreamFault| {
        let labels = LineLabels::read(&LineLabels::beside(Path::new(&f.file))).ok()?;
        Some(ScoredLog::unread(&f.file, labels))
    };
    logs.extend(faults.iter().filter_map(unread).filter(|_| read > 0));
    let files = logs[..read].iter().map(|l| l.file.clone()).collect();
    let cpu_seconds = results.iter().map(|r| r.1).sum();
    let events = results.iter().map(|r| r.0.events).sum();
    let mut evaluation = Evaluation::of_lines(stream, files, events, cpu_seconds, faults)?;
    let sum = |of: fn(&ReplayResult) -> f64| results.iter().map(|r| of(&r.0)).sum::<f64>();
    evaluation.bits_per_event = sum(|r| r.loss_bits_per_event * r.events_scored as f64) / events.max(1) as f64;
    (evaluation.regret_bits, evaluation.regret_bound_bits) = (sum(|r| r.regret_bits), sum(|r| r.regret_bound_bits));
    evaluation.within_bound = results.iter().all(|r| r.0.regret_bits <= r.0.regret_bound_bits);
    evaluation.state_bytes = results.iter().map(|r| r.0.state_bytes).max().unwrap_or(0);
    evaluation.state_hashes = results.iter().map(|r| r.0.state_hash.clone()).collect();
    let (detection, measures) = compare_detection(&logs);
    evaluation.detection = Some(detection);
    evaluation.measures = measures;
    Ok(evaluation)
}

/// A log, what is known of it, and scores of its lines: the learner's first, then those of the simple detectors.
struct ScoredLog {
    file: String,
    labels: LineLabels,
    scores: Vec<(&'static str, Vec<f64>)>,
}

impl ScoredLog {
    fn new(file: &Path, labels: LineLabels, plain: &PlainLines, result: &ReplayResult) -> ScoredLog {
        let simple = line_detectors(plain.texts.iter().map(String::as_str));
        let scores = [("", plain.scores(result))].into_iter().chain(simple).collect();
        ScoredLog { file: file.display().to_string(), labels, scores }
    }

    fn unread(file: &str, labels: LineLabels) -> ScoredLog {
        let names = line_detectors([].into_iter()).map(|(name, _)| name);
        let scores = [""].into_iter().chain(names).map(|name| (name, Vec::new())).collect();
        ScoredLog { file: file.to_owned(), labels, scores }
    }
}

/// What the learner's scores found, and that beside what the simple detectors' found.
fn compare_detection(logs: &[ScoredLog]) -> (LineDetection, Vec<Compared>) {
    let detectors = logs.first().map_or(0, |l| l.scores.len());
    let found: Vec<(&'static str, LineDetection)> = (0..detectors)
        .map(|k| {
            let each = logs.iter().map(|l| (l.file.as_str(), &l.labels, l.scores[k].1.as_slice()));
            (logs[0].scores[k].0, LineDetection::of(&each.collect::<Vec<_>>()))
        })
        .collect();
    let ours = found.first().map(|f| f.1.clone()).unwrap_or_default();
    let measures: [(Measure, fn(&LineDetection) -> Option<f64>); 3] = [
        (Measure::FaultsFound, |d| (d.faults > 0).then(|| d.found as f64 / d.faults as f64)),
        (Measure::FaultsPrecision, |d| d.average_precision),
        (Measure::FaultsDelay, |d| d.median_delay_lines),
    ];
    let compared = measures.into_iter().filter_map(|(measure, of)| {
        let theirs = found.iter().skip(1);
        let theirs = theirs.filter_map(|(name, d)| Some(Score::new(measure, (*name).to_owned(), of(d)?))).collect();
        let mut compared = Compared::new("", measure, of(&ours)?, theirs);
        if measure == Measure::FaultsDelay {
            // to find fewer faults sooner is no skill
            compared.skill = None;
        }
        Some(compared)
    });
    let compared = compared.collect();
    (ours, compared)
}

impl Evaluation {
    /// A row about log lines or sessions, whose measures are still to be said.
    pub(super) fn of_lines(
        stream: &RecordedStream,
        files: Vec<String>,
        events: u64,
        cpu_seconds: f64,
        faults: Vec<StreamFault>,
    ) -> Result<Evaluation, StreamFault> {
        if files.is_empty() {
            let none = || StreamFault::new(&PathBuf::from(&stream.title), crate::ReplayError::NoRecordings);
            return Err(faults.into_iter().next().unwrap_or_else(none));
        }
        let unread = |f: &StreamFault| MissedRecording {
            file: f.file.clone(),
            reason: "could not be evaluated; its faults count as missed, its templates in no mean".into(),
        };
        Ok(Evaluation {
            title: stream.title.clone(),
            files,
            format: Format::Lines,
            events,
            events_scored: events,
            bits_per_event: 0.0,
            measures: Vec::new(),
            regret_bits: 0.0,
            regret_bound_bits: 0.0,
            within_bound: true,
            cpu_seconds,
            events_per_second: events as f64 / cpu_seconds.max(1e-9),
            state_bytes: 0,
            state_hashes: Vec::new(),
            horizon: None,
            labels: None,
            detection: None,
            references: stream.task.references.clone(),
            tuned_on: stream.task.tuned_on.clone(),
            missed: faults.iter().map(unread).collect(),
            odd: Vec::new(),
            faults,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::{KnownLines, evaluate, find_streams};
    use std::fmt::Write as _;

    fn stream(folder: &Path) -> RecordedStream {
        let found = find_streams(folder, &[]).unwrap();
        found.into_iter().find(|s| s.lines.is_some()).expect("a stream of which lines are known")
    }

    #[test]
    fn faults_are_judged_by_lines_that_are_not_blank() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
        let mut log = String::new();
        for i in 0..600 {
            let word = if (400..405).contains(&i) { "failed: no space left on device" } else { "ok" };
            let _ = writeln!(log, "job {} {word}{}", i % 7, if i % 50 == 0 { "\n" } else { "" });
        }
        for name in ["a", "b"] {
            write(&format!("{name}.log"), &log);
            write(&format!("{name}.labels.csv"), "first,last,kind,class,note\n400,404,disk-full,fault,\n");
        }
        // b is lost after the folder was looked into
        let found = stream(dir.path());
        std::fs::remove_file(dir.path().join("b.log")).unwrap();
        let e = evaluate(&found, &Options::default(), |_| {}).unwrap();
        let detection = e.detection.as_ref().unwrap();
        assert_eq!((detection.faults, detection.files.len(), e.faults.len(), e.missed.len()), (2, 2, 1, 1));
        assert_eq!(detection.files[1].missed, ["disk-full"], "what could not be read is missed");
        let of = |measure| e.measures.iter().find(|c| c.measure == measure).unwrap();
        // the new pattern of line 400 is told by the simplest detector, once more blank lines before it are not counted
        let found = of(Measure::FaultsFound);
        let rare = found.baselines.iter().find(|b| b.name == "new pattern").unwrap();
        assert_eq!(rare.value, 0.5, "{found:?}");
        assert!(e.events == 600 && e.within_bound && of(Measure::FaultsPrecision).surmise > 0.0);
    }

    #[test]
    fn templates_are_compared_file_by_file() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["x", "y"] {
            let rows = (0..40).fold("Content,EventId\n".to_owned(), |mut s, i| {
                let _ =
                    writeln!(s, "{}", if i % 2 == 0 { format!("sent {i} bytes,E1") } else { "link is up,E2".into() });
                s
            });
            std::fs::write(dir.path().join(format!("{name}.log_structured.csv")), rows).unwrap();
            std::fs::write(dir.path().join(format!("{name}.log")), "what the lines were\n").unwrap();
        }
        let found = stream(dir.path());
        assert_eq!((found.lines, found.files.len()), (Some(KnownLines::Templates), 2));
        let e = evaluate(&found, &Options::default(), |_| {}).unwrap();
        let c = &e.measures[0];
        assert_eq!((c.measure, c.surmise, c.baselines[0].value, e.events), (Measure::Grouping, 1.0, 1.0, 80));
        assert_eq!(c.by_file.as_ref().unwrap().files.len(), 2);
    }
}
