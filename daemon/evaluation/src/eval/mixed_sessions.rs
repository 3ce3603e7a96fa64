//! Anomalous sessions mixed into normal ones, and how well the verdicts on sessions find them: for recordings of tokens
//! that hold one kind or the other.

use super::compare::{Compared, compare_sessions};
use super::evaluation::Evaluation;
use super::find::RecordedStream;
use super::recording::StreamFault;
use crate::error::ReplayError;
use crate::labels::{SessionLabelCollector, SessionLabels};
use crate::resources::thread_seconds;
use std::path::Path;
use surmise_event::{Data, Datum, Field, FieldKind, Limits, Record, Schema, VALUE};
use surmise_learner::{Learner, Options};
use surmise_recording::{Format, SourceError};

/// Mixtures that are learnt, each by itself; other sessions are anomalous in each, at other places.
const MIXTURES: usize = 3;
/// Anomalous sessions of a mixture.
const ANOMALOUS: usize = 150;

/// The sessions of a file of tokens: its lines that are not blank.
fn sessions(path: &Path) -> Result<Vec<String>, SourceError> {
    let open = |error| SourceError::Open { file: path.display().to_string(), error };
    let text = std::fs::read_to_string(path).map_err(open)?;
    Ok(text.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect())
}

/// The normal sessions in their order with anomalous ones among them, as evenly as their number allows: which and where
/// depends on the mixture alone.
fn mix<'a>(normal: &'a [String], anomalous: &'a [String], mixture: usize) -> Vec<(&'a str, bool)> {
    let count = ANOMALOUS.min(anomalous.len());
    let place = |i: usize, of: usize| (i * of + mixture * of / MIXTURES) / count.max(1);
    let mut mixed = Vec::with_capacity(normal.len() + count);
    let mut next = 0;
    for (i, session) in normal.iter().enumerate() {
        while next < count && place(next, normal.len()) <= i {
            mixed.push((anomalous[place(next, anomalous.len()) % anomalous.len()].as_str(), true));
            next += 1;
        }
        mixed.push((session.as_str(), false));
    }
    mixed
}

/// Learns the sessions of a mixture in one pass, without labels; returns how well the anomalous ones were found, and
/// the learner.
fn learn(sessions: &[(&str, bool)], options: &Options) -> Result<(Vec<Compared>, Learner), ReplayError> {
    let labels = SessionLabels::numbered(sessions.iter().map(|(_, anomalous)| *anomalous));
    let mut collector = SessionLabelCollector::new(labels.clone(), labels.uncounted());
    let mut learner = Learner::new(Schema::new([Field::new(VALUE, FieldKind::Category)]), options.clone())?;
    for (number, (session, _)) in sessions.iter().enumerate() {
        let steps = session.split_whitespace().map(|step| Data::One(Datum::Text(step.into())));
        for data in steps.chain([Data::None]) {
            let end = matches!(data, Data::None);
            let record = Record { key: Some(number.to_string().into()), data, end, ..Record::default() };
            // a token of a file is never refused
            if let Ok(event) = learner.bind(&record, &Limits::default()) {
                learner.observe(&event).sessions.iter().for_each(|session| collector.add(session));
            }
        }
    }
    Ok((compare_sessions(&collector.finish()), learner))
}

/// Learns mixtures of a stream's sessions with those of another file, which are anomalous.
pub(super) fn evaluate_mixed(
    stream: &RecordedStream,
    anomalous: &Path,
    options: &Options,
) -> Result<Evaluation, StreamFault> {
    let began = thread_seconds();
    let file = &stream.files[0];
    let normal = sessions(file).map_err(|e| StreamFault::new(file, e))?;
    let odd = sessions(anomalous).map_err(|e| StreamFault::new(anomalous, e))?;
    let (mut mixtures, mut events) = (Vec::new(), 0);
    let mut last = None;
    for mixture in 0..MIXTURES {
        let (found, learner) = learn(&mix(&normal, &odd, mixture), options).map_err(|e| StreamFault::new(file, e))?;
        events += learner.offset();
        mixtures.push(found);
        last = Some(learner);
    }
    let files = [file.as_path(), anomalous].map(|file| file.display().to_string()).to_vec();
    let mut evaluation = Evaluation::of_lines(stream, files, events, thread_seconds() - began, Vec::new())?;
    evaluation.format = Format::Tokens;
    evaluation.state_hashes = last.iter_mut().map(Learner::state_hash).collect();
    evaluation.measures = means(&mixtures);
    Ok(evaluation)
}

/// The mean of each measure over all mixtures.
fn means(mixtures: &[Vec<Compared>]) -> Vec<Compared> {
    let part = 1.0 / mixtures.len() as f64;
    let mean = |(i, first): (usize, &Compared)| {
        let all = || mixtures.iter().filter_map(move |measures| measures.get(i));
        let mut simple = first.baselines.clone();
        for score in &mut simple {
            let of = |measures: &Compared| measures.baselines.iter().find(|s| s.name == score.name).map(|s| s.value);
            score.value = part * all().filter_map(of).sum::<f64>();
        }
        Compared::new("", first.measure, part * all().map(|c| c.surmise).sum::<f64>(), simple)
    };
    mixtures.first().into_iter().flatten().enumerate().map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Manifest;
    use crate::baseline::Measure;
    use crate::eval::{evaluate, find_streams};

    #[test]
    fn anomalous_sessions_of_another_file_are_mixed_in_and_found() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: String| std::fs::write(dir.path().join(name), text).unwrap();
        let normal = |i: usize| format!("open {}close\n", "read ".repeat(1 + i * 7 % 3));
        write("normal.tokens", (0..900).map(normal).collect());
        write("odd.tokens", (0..20).map(|i| format!("open read fault {} close\n", i % 5)).collect());
        let text = "[[stream]]\nfiles = [\"normal.tokens\"]\nanomalous = \"odd.tokens\"\n";
        let streams = find_streams(dir.path(), &[Manifest::parse("m", text).unwrap()]).unwrap();
        let e = evaluate(&streams[0], &Options::default(), |_| {}).unwrap();
        let of = |measure| e.measures.iter().find(|c| c.measure == measure).unwrap().surmise;
        assert!(of(Measure::SessionsPrecision) > 0.6, "{:?}", e.measures);
        assert_eq!(e.files.len(), 2);
        std::fs::remove_file(dir.path().join("odd.tokens")).unwrap();
        let streams = find_streams(dir.path(), &[Manifest::parse("m", text).unwrap()]).unwrap();
        assert!(streams.is_empty(), "without the other file there is no such stream");
    }

    #[test]
    fn a_mixture_has_all_normal_sessions_and_its_own_anomalous_ones() {
        let (normal, odd) = (vec!["n".to_owned(); 1_000], (0..400).map(|i| i.to_string()).collect::<Vec<_>>());
        let of = |mixture| -> Vec<(usize, String)> {
            let mixed = mix(&normal, &odd, mixture);
            assert_eq!(mixed.len(), 1_000 + ANOMALOUS);
            let odd = mixed.iter().enumerate().filter(|(_, s)| s.1);
            odd.map(|(place, s)| (place, s.0.to_owned())).collect()
        };
        let [first, second] = [of(0), of(1)];
        assert_eq!((first.len(), second.len()), (ANOMALOUS, ANOMALOUS));
        assert!(first.iter().zip(&second).all(|(a, b)| a.1 != b.1 || a.0 != b.0));
    }
}
