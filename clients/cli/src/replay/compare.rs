//! `--compare`: other replays of the same recording beside this one.

use super::args::ReplayArgs;
use super::compared_with::ComparedWith;
use super::progress::replay_with_bar;
use crate::learner::{LearnerArgs, replay_failure};
use std::path::Path;
use surmise_evaluation::{
    ComparisonVerdict, CourseMeasure, ReplayDifference, ReplayOptions, ReplayResult, ReplaySummary, compare_replays,
};
use surmise_recording::Source;
use surmise_report::OtherReplay;
use surmise_terminal::format::number;
use surmise_terminal::{Exit, Failure, Paint, Table};

/// The name of the replay that others are compared with.
const THIS: &str = "this replay";
/// The name of a replay of which nothing was chosen.
const THE_DEFAULTS: &str = "the defaults";
/// Measures of a comparison that are shown at most; the JSON has all.
const MEASURES_SHOWN_MAX: usize = 24;

/// Replays the recording again with other options, or reads other results, and compares each with this one.
pub(super) fn others(
    args: &ReplayArgs,
    options: &ReplayOptions,
    result: &ReplayResult,
) -> Result<Vec<OtherReplay>, Failure> {
    let mut others = Vec::new();
    for with in &args.compare {
        let (name, other) = match with {
            ComparedWith::Options(name, set) => {
                let mut learner = args.learner.clone();
                learner.set.extend_from_slice(set);
                (name.clone(), again(args, options, name, &learner)?)
            }
            ComparedWith::Defaults => {
                let mut learner = args.learner.defaults();
                if let Some(from) = options.checkpoint().map_err(replay_failure)? {
                    learner.target.clone_from(&from.options().target);
                }
                (THE_DEFAULTS.to_owned(), again(args, options, THE_DEFAULTS, &learner)?)
            }
            ComparedWith::File(path) => (path.display().to_string(), stored(path)?),
        };
        let differences =
            compare_replays((THIS, &summary(result)?), (&name, &other)).map_err(|e| Failure::new(Exit::Data, e))?;
        others.push(OtherReplay { name, summary: other, differences });
    }
    Ok(others)
}

fn again(
    args: &ReplayArgs,
    options: &ReplayOptions,
    name: &str,
    learner: &LearnerArgs,
) -> Result<ReplaySummary, Failure> {
    let (chosen, learning) = learner.choices()?;
    let again = ReplayOptions {
        pages: options.pages,
        learner: chosen,
        workers: learning.count(),
        device: Some(learning.device),
        score_rows: options.score_rows,
        unit_rows: options.unit_rows,
        horizon: options.horizon,
        course: true,
        ..ReplayOptions::default()
    };
    let source = Source::open(&args.recording.options(None))?;
    summary(&replay_with_bar(source, &again, &format!("{name}: "))?)
}

/// What a result is compared by.
fn summary(result: &ReplayResult) -> Result<ReplaySummary, Failure> {
    ReplaySummary::of(result).ok_or_else(|| Failure::usage("the result has no course to compare"))
}

fn stored(path: &Path) -> Result<ReplaySummary, Failure> {
    let named = |e: &dyn std::fmt::Display| format!("--compare: {}: {e}", path.display());
    let text = std::fs::read_to_string(path).map_err(|e| Failure::usage(named(&e)))?;
    serde_json::from_str(&text).map_err(|e| {
        Failure::new(
            Exit::Data,
            format!("{}; it is no result of surmise replay --output json of this version", named(&e)),
        )
    })
}

/// A comparison as JSON, without the course of the other replay.
pub(super) fn comparison_json(other: &OtherReplay) -> serde_json::Value {
    let mut summary = serde_json::to_value(&other.summary).unwrap_or_default();
    if let Some(summary) = summary.as_object_mut() {
        summary.remove("course");
    }
    serde_json::json!({ "with": other.name, "differences": other.differences, "result": summary })
}

/// Comparisons for people, a table each.
pub(super) fn comparison_lines(others: &[OtherReplay], paint: Paint) -> Vec<String> {
    let mut lines = Vec::new();
    for other in others {
        let mut table = Table::new(1, [other.name.as_str(), THIS, "other", "difference", "95 % margin", ""]);
        for d in other.differences.iter().take(MEASURES_SHOWN_MAX) {
            table.row([
                measure(d),
                number(d.base),
                number(d.other),
                signed(d.difference),
                d.margin.map_or(String::new(), |m| format!("± {}", number(m))),
                verdict(d.verdict).into(),
            ]);
        }
        lines.push(String::new());
        lines.extend(table.lines(paint));
        let more = other.differences.len().saturating_sub(MEASURES_SHOWN_MAX);
        if more > 0 {
            lines.push(paint.dim(&format!("and {more} measures more; --output json has all")));
        }
        let faster = other.summary.cpu_seconds;
        lines.push(paint.dim(&format!("{}; {faster:.2} s of processor time", other.summary.choices)));
    }
    lines
}

fn signed(x: f64) -> String {
    if x > 0.0 { format!("+{}", number(x)) } else { number(x) }
}

fn measure(d: &ReplayDifference) -> String {
    let name = match d.measure {
        CourseMeasure::Bits => "bits",
        CourseMeasure::Squared => "squared error",
        CourseMeasure::Absolute => "absolute error",
        CourseMeasure::Hits => "top 1",
    };
    d.field.as_ref().map_or_else(|| format!("{name} per event"), |field| format!("{name} of {field}"))
}

fn verdict(verdict: ComparisonVerdict) -> &'static str {
    match verdict {
        ComparisonVerdict::Better => "better",
        ComparisonVerdict::Worse => "worse",
        ComparisonVerdict::Same => "the same",
        ComparisonVerdict::Unsure => "may be chance",
    }
}
