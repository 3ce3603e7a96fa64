//! What is said below a stream's table: what was tuned on it, recordings one by one, and what dropped out.

use super::cells::{value, what};
use crate::recording::odd_lines;
use std::path::Path;
use surmise_evaluation::{Compared, ComparedFiles, Evaluation, Measure};

/// Recordings that are shown of a measure: those with the least skill.
const FILES_SHOWN_MAX: usize = 3;

/// The lines below a stream's table.
pub(super) fn notes(e: &Evaluation, with_held_out: bool) -> Vec<String> {
    let mut out = Vec::new();
    if !e.references.is_empty() {
        out.push(format!("  known: {}", e.references.join("; ")));
    }
    if let Some(tuned_on) = &e.tuned_on {
        out.push(format!("  tuned on: {tuned_on}"));
    }
    out.extend(e.measures.iter().filter_map(|c| worse(&what(e, c), c)));
    if let Some(h) = e.measures.iter().find_map(|c| c.held_out.as_ref()).filter(|_| with_held_out) {
        out.push(format!("  held out: chosen on {}, reported on {}", h.chosen_on, h.reported_on));
    }
    out.extend(e.measures.iter().filter_map(|c| Some(files(&what(e, c), c, c.by_file.as_ref()?))));
    if let Some(d) = &e.detection {
        out.push(format!(
            "  found {} of {} faults with {} false episodes of {} borne, one in 5,000 normal lines",
            d.found, d.faults, d.false_episodes, d.episodes_borne
        ));
        let missed = d.files.iter().filter(|f| !f.missed.is_empty());
        out.extend(missed.map(|f| format!("  not found in {}: {}", f.file, f.missed.join(", "))));
    }
    out.extend(odd_lines(&e.odd).into_iter().map(|line| format!("  {line}")));
    out.extend(e.missed.iter().map(|m| format!("  MISSED {}: {}", m.file, m.reason)));
    out
}

/// That a simple predictor is better, where one is. To find fewer faults sooner is not.
fn worse(what: &str, c: &Compared) -> Option<String> {
    let best = c.baselines.first().filter(|b| c.measure.loss(b.value) < c.measure.loss(c.surmise))?;
    let (ours, theirs) = (value(c.measure, c.surmise), value(c.measure, best.value));
    (c.measure != Measure::FaultsDelay)
        .then(|| format!("  WORSE than {} in {what}: {ours} against {theirs}", best.name))
}

/// One line about a measure's recordings.
fn files(what: &str, c: &Compared, files: &ComparedFiles) -> String {
    let percent = |skill: Option<f64>| skill.map_or("no skill".into(), |s| format!("{:+.1} %", 100.0 * s));
    let worst: Vec<String> = files
        .files
        .iter()
        .take(FILES_SHOWN_MAX)
        .map(|f| {
            let name = Path::new(&f.file).file_name().unwrap_or_default().to_string_lossy();
            let (ours, theirs) = (value(c.measure, f.surmise), value(c.measure, f.value));
            format!("{name} {} ({ours}, {} {theirs})", percent(f.skill), f.baseline)
        })
        .collect();
    format!(
        "  {what} by file: against the best of each {}; worse on {} of {}; least: {}",
        percent(files.skill),
        files.worse,
        files.files.len(),
        worst.join(", ")
    )
}
