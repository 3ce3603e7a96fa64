//! The evaluation of one stream.

use super::alarms::{AlarmRows, score_alarms};
use super::compare::{Compared, compare, compare_sessions};
use super::evaluation::{EvalStage, Evaluation, MissedRecording};
use super::files::{FileSplit, over_files};
use super::find::RecordedStream;
use super::known::KnownLines;
use super::lines::{evaluate_faults, evaluate_templates};
use super::mixed_sessions::evaluate_mixed;
use super::recording::{ReplayedRecording, StreamFault, replay_recording};
use crate::baseline::baselines;
use crate::error::ReplayError;
use crate::labels::Labels;
use crate::result::ReplayResult;
use std::path::Path;
use surmise_learner::Options;
use surmise_recording::Source;

/// What one recording gave.
struct EvaluatedRecording {
    file: String,
    result: ReplayResult,
    cpu_seconds: f64,
    measures: Vec<Compared>,
    /// Time and value of every row of the first number column.
    rows: Vec<(i64, f64)>,
}

/// Replays a stream once with a fresh learner of these options, and runs the baselines over the same events.
///
/// # Errors
/// Nothing of the stream could be evaluated.
pub fn evaluate(
    stream: &RecordedStream,
    learner: &Options,
    mut report_progress: impl FnMut(EvalStage<'_>),
) -> Result<Evaluation, StreamFault> {
    match stream.lines {
        Some(KnownLines::Templates) => return evaluate_templates(stream),
        Some(KnownLines::Faults) => return evaluate_faults(stream, learner, &mut report_progress),
        None => {}
    }
    if let Some(anomalous) = stream.anomalous() {
        return evaluate_mixed(stream, &anomalous, learner);
    }
    let labels = match &stream.labels {
        Some(path) => Some(Labels::read(path).map_err(|e| StreamFault::new(path, e))?),
        None => None,
    };
    let (mut recordings, mut faults) = (Vec::new(), Vec::new());
    for file in &stream.files {
        match evaluate_recording(stream, file, learner, labels.is_some(), &mut report_progress) {
            Ok(recording) => recordings.push(recording),
            Err(e) => faults.push(StreamFault::new(file, e)),
        }
    }
    if recordings.is_empty() {
        let none = || StreamFault::new(Path::new(&stream.title), ReplayError::NoRecordings);
        return Err(faults.into_iter().next().unwrap_or_else(none));
    }
    join(stream, recordings, labels.as_ref(), faults)
}

fn evaluate_recording(
    stream: &RecordedStream,
    file: &Path,
    learner: &Options,
    anomalies: bool,
    report_progress: &mut impl FnMut(EvalStage<'_>),
) -> Result<EvaluatedRecording, ReplayError> {
    let ReplayedRecording { result, source, options, cpu_seconds } =
        replay_recording(stream, file, learner, anomalies, |p| report_progress(EvalStage::Replay(p)))?;
    let baselines = baselines(Source::open(&source)?, &options, |p| report_progress(EvalStage::Baselines(p)))?;
    let mut measures: Vec<Compared> = result.session_labels.iter().flat_map(compare_sessions).collect();
    measures.extend(compare(&result, &baselines));
    Ok(EvaluatedRecording { file: file.display().to_string(), result, cpu_seconds, measures, rows: baselines.rows })
}

/// The measures of all recordings of a stream: those of one as they are, of several their means.
fn measures_of(recordings: &[EvaluatedRecording], split: &FileSplit) -> Vec<Compared> {
    match recordings {
        [one] => one.measures.clone(),
        several => {
            let all: Vec<(&str, &[Compared])> = several.iter().map(|r| (r.file.as_str(), &r.measures[..])).collect();
            over_files(&all, split)
        }
    }
}

/// Recordings that dropped out of something, and of what.
fn missed(measures: &[Compared], labels: Option<&Labels>, faults: &[StreamFault]) -> Vec<MissedRecording> {
    let unread = |fault: &StreamFault| {
        let windows = labels.and_then(|l| l.of(&fault.file).ok()).map_or(0, <[_]>::len);
        let counted = if windows > 0 { format!("; its {windows} windows count as missed") } else { String::new() };
        let reason = format!("could not be evaluated{counted}");
        MissedRecording { file: fault.file.clone(), reason }
    };
    let mut missed: Vec<MissedRecording> = faults.iter().map(unread).collect();
    for c in measures {
        for file in c.by_file.iter().flat_map(|f| &f.missing) {
            let lacks = c.measure.name();
            match missed.iter_mut().find(|m| m.file == *file) {
                Some(m) => m.reason.push_str(&format!(", {lacks}")),
                None => {
                    let reason = format!("read as something else, so without {lacks}");
                    missed.push(MissedRecording { file: file.clone(), reason });
                }
            }
        }
    }
    missed
}

/// Makes one row of all recordings of a stream.
fn join(
    stream: &RecordedStream,
    recordings: Vec<EvaluatedRecording>,
    labels: Option<&Labels>,
    faults: Vec<StreamFault>,
) -> Result<Evaluation, StreamFault> {
    let files: Vec<&str> = recordings.iter().map(|r| r.file.as_str()).collect();
    let split = FileSplit::of(stream, &files);
    let mut measures = measures_of(&recordings, &split);
    let missed = missed(&measures, labels, &faults);
    let mut found = None;
    if let Some(labels) = labels {
        let rows = |r| {
            let EvaluatedRecording { file, result, rows, .. }: &EvaluatedRecording = r;
            AlarmRows { file, scores: &result.anomalies, values: rows }
        };
        let rows: Vec<AlarmRows<'_>> = recordings.iter().map(rows).collect();
        let faulty: Vec<&str> = faults.iter().map(|f| f.file.as_str()).collect();
        let file = stream.labels.as_deref().unwrap_or(Path::new(""));
        let scored = score_alarms(labels, &rows, &faulty, &split).map_err(|e| StreamFault::new(file, e))?;
        measures.splice(0..0, scored.1);
        found = Some(scored.0);
    }
    let sum = |of: fn(&ReplayResult) -> f64| recordings.iter().map(|r| of(&r.result)).sum::<f64>();
    let events: u64 = recordings.iter().map(|r| r.result.events).sum();
    let scored: u64 = recordings.iter().map(|r| r.result.events_scored).sum();
    let (regret_bits, regret_bound_bits) = (sum(|r| r.regret_bits), sum(|r| r.regret_bound_bits));
    let cpu_seconds: f64 = recordings.iter().map(|r| r.cpu_seconds).sum();
    Ok(Evaluation {
        title: stream.title.clone(),
        files: recordings.iter().map(|r| r.file.clone()).collect(),
        format: recordings[0].result.format,
        events,
        events_scored: scored,
        bits_per_event: sum(|r| r.loss_bits_per_event * r.events_scored as f64) / scored.max(1) as f64,
        measures,
        regret_bits,
        regret_bound_bits,
        within_bound: recordings.iter().all(|r| r.result.is_within_bounds()),
        cpu_seconds,
        events_per_second: events as f64 / cpu_seconds.max(1e-9),
        state_bytes: recordings.iter().map(|r| r.result.state_bytes).max().unwrap_or(0),
        state_hashes: recordings.iter().map(|r| r.result.state_hash.clone()).collect(),
        horizon: stream.task.horizon,
        labels: found,
        detection: None,
        references: stream.task.references.clone(),
        tuned_on: stream.task.tuned_on.clone(),
        missed,
        odd: recordings.iter().flat_map(|r| r.result.odd.iter().cloned()).collect(),
        faults,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baseline::Measure;
    use crate::eval::find_streams;
    use std::fmt::Write as _;

    /// Four files under one set of windows, of which one holds names instead of numbers and one can't be read.
    fn evaluated() -> Evaluation {
        let dir = tempfile::tempdir().unwrap();
        let hour = |i: usize| format!("2026-01-{:02} {:02}:00:00", 1 + i / 24, i % 24);
        for name in ["a", "b", "names", "z"] {
            let rows = (0..480).fold("timestamp,value\n".to_owned(), |mut s, i| {
                let x = if (300..304).contains(&i) { 90.0 } else { 10.0 + (i * 7919 % 101) as f64 / 50.0 };
                let value = if name == "names" { format!("state{}", i % 3) } else { x.to_string() };
                let _ = writeln!(s, "{},{value}", hour(i));
                s
            });
            std::fs::write(dir.path().join(format!("{name}.csv")), rows).unwrap();
        }
        let window = format!("[[\"{}\", \"{}\"]]", hour(295), hour(310));
        let all = ["a", "b", "names", "z"].map(|n| format!("\"{n}.csv\": {window}")).join(", ");
        std::fs::write(dir.path().join("windows.json"), format!("{{{all}}}")).unwrap();
        let streams = find_streams(dir.path(), &[]).unwrap();
        assert_eq!(streams.len(), 1);
        // it is lost after the folder was looked into
        std::fs::remove_file(dir.path().join("z.csv")).unwrap();
        evaluate(&streams[0], &Options::default(), |_| {}).unwrap()
    }

    #[test]
    fn files_that_drop_out_are_named_and_count_as_missed() {
        let e = evaluated();
        let windows = e.labels.as_ref().unwrap();
        assert_eq!(windows.windows, 4, "the windows of what is no number and of what could not be read count");
        assert!(windows.detected <= 3, "{windows:?}");
        let missed = |name: &str| e.missed.iter().find(|m| m.file.ends_with(name)).map(|m| m.reason.clone());
        assert!(missed("z.csv").unwrap().contains("its 1 windows count as missed"), "{:?}", e.missed);
        assert!(missed("names.csv").unwrap().contains("MSE"), "{:?}", e.missed);
        assert_eq!((missed("a.csv"), e.faults.len(), e.files.len()), (None, 1, 3));
        let mse = e.measures.iter().find(|c| c.measure == Measure::Mse).unwrap();
        let by_file = mse.by_file.as_ref().unwrap();
        assert_eq!((by_file.files.len(), by_file.missing.len()), (2, 1));
        // nothing is told of how sure a mean over two files is
        assert_eq!(mse.interval, None);
        let nab = e.measures.iter().find(|c| c.measure == Measure::Nab).unwrap();
        assert!(nab.held_out.is_some() && nab.baselines.len() == 4, "{nab:?}");
    }

    /// The blocks of learner and baselines are of the same rows, so that their values come out of them again.
    #[test]
    fn one_recording_says_how_sure_its_skill_is() {
        let dir = tempfile::tempdir().unwrap();
        let rows = (0..900).fold("date,load,class\n".to_owned(), |mut s, i| {
            let x = (i * 7919 % 1013) as f64 / 100.0;
            let _ = writeln!(s, "{},{x},{}", i * 3600, if x > 5.0 { "high" } else { "low" });
            s
        });
        std::fs::write(dir.path().join("x.csv"), rows).unwrap();
        let manifest = "[[stream]]\nfiles = [\"x.csv\"]\ntime = \"date\"\ntarget = \"class\"\nscore_rows = \"100:900\"\n\
                        tuned_on = \"nothing\"\n";
        let manifest = crate::Manifest::parse("m", manifest).unwrap();
        let streams = find_streams(dir.path(), &[manifest]).unwrap();
        let e = evaluate(&streams[0], &Options::default(), |_| {}).unwrap();
        assert_eq!((e.events_scored, e.tuned_on.as_deref()), (800, Some("nothing")));
        let bits = e.measures.iter().find(|c| c.measure == Measure::Bits).unwrap();
        let interval = bits.interval.as_ref().unwrap();
        assert!((interval.difference - (bits.baselines[0].value - bits.surmise)).abs() < 1e-9, "{bits:?}");
        assert!(interval.of == "blocks" && interval.parts >= 30 && interval.margin > 0.0, "{interval:?}");
        let held_out = bits.held_out.as_ref().unwrap();
        // a block of 16 rows is not divided
        let split = [held_out.chosen_on.as_str(), held_out.reported_on.as_str()];
        assert_eq!(split, ["the first 396 events that count", "the other 404"]);
        assert!(held_out.surmise < bits.surmise, "what is learnt by then is predicted better");
    }

    #[test]
    fn sessions_with_labels_are_measured_beside_simple_scores() {
        let dir = tempfile::tempdir().unwrap();
        let (mut tokens, mut labels) = (String::new(), "key,label\n".to_owned());
        for i in 0..400 {
            let is_odd = i % 97 == 50;
            let _ = writeln!(tokens, "open read {}close", if is_odd { "fault " } else { "read " });
            let _ = writeln!(labels, "{i},{}", u8::from(is_odd));
        }
        std::fs::write(dir.path().join("x.tokens"), tokens).unwrap();
        std::fs::write(dir.path().join("x.labels.csv"), labels).unwrap();
        let streams = find_streams(dir.path(), &[]).unwrap();
        assert_eq!(streams.len(), 1, "the labels are no recording");
        let e = evaluate(&streams[0], &Options::default(), |_| {}).unwrap();
        let of = |measure| e.measures.iter().find(|c| c.measure == measure).unwrap();
        let (precision, f1) = (of(Measure::SessionsPrecision), of(Measure::SessionsF1));
        assert!(precision.surmise > 0.9 && f1.surmise > 0.8, "{precision:?} {f1:?}");
        // sessions are all as long as each other
        let length = precision.baselines.iter().find(|b| b.name == "rare length").unwrap();
        assert!(length.value < 0.2, "{length:?}");
    }
}
