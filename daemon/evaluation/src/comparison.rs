//! Two replays of the same recording compared: by how much one is better, and how sure that is.
//!
//! Both were scored on the same events, so their losses are paired block by block of their courses, and it is the
//! scatter of the paired differences that says how far the mean of them may be off.

use crate::blocks::{BLOCKS_MAX, half_width};
use crate::course::{CourseMeasure, CourseSeries, LearningCourse};
use crate::result::ReplayResult;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a replay was, as far as another one is compared with it. The JSON of `surmise replay --output json` holds it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReplaySummary {
    /// Events that were learnt.
    pub events: u64,
    /// Events that the measures count.
    pub events_scored: u64,
    /// All bits over all events scored.
    pub loss_bits_per_event: f64,
    /// Processor time used.
    pub cpu_seconds: f64,
    /// Events by the time that passed.
    pub events_per_second: f64,
    /// Size of the learner's state.
    pub state_bytes: u64,
    /// A hash of everything that decides what is predicted after the last event.
    pub state_hash: String,
    /// Version of the program.
    pub version: String,
    /// What was chosen for the schema, for people.
    pub choices: String,
    /// What was chosen, as far as it decides what the losses are of.
    #[serde(default)]
    pub options: SummaryOptions,
    /// What the mixture and every expert had lost by then.
    pub course: LearningCourse,
}

/// Options of a learner that decide what its losses are of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SummaryOptions {
    /// The field that is predicted given the others of its event; none where all are predicted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
}

impl ReplaySummary {
    /// The summary of a result; `None` if its course was not noted.
    pub fn of(result: &ReplayResult) -> Option<ReplaySummary> {
        Some(ReplaySummary {
            events: result.events,
            events_scored: result.events_scored,
            loss_bits_per_event: result.loss_bits_per_event,
            cpu_seconds: result.cpu_seconds,
            events_per_second: result.events_per_second,
            state_bytes: result.state_bytes,
            state_hash: result.state_hash.clone(),
            version: result.version.clone(),
            choices: result.choices.clone(),
            options: SummaryOptions { target: result.options.target.clone() },
            course: result.course.clone()?,
        })
    }
}

/// Why two replays cannot be compared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotComparable {
    /// They were not scored on the same events.
    #[error(
        "{other} was scored on {theirs} events and {base} on {ours}, or not on the same ones; only replays of the same \
         recording with the same --score-rows can be compared"
    )]
    OtherEvents {
        /// The name of the replay that the other one is compared with.
        base: String,
        /// The name of the other one.
        other: String,
        /// Events of the one.
        ours: u64,
        /// Events of the other.
        theirs: u64,
    },
    /// They predict different things, so bits of the one are none of the other.
    #[error(
        "{other} predicts {} and {base} {}, so they have no bits in common; only replays with the same --target can be \
         compared",
        Predicted(theirs),
        Predicted(ours)
    )]
    OtherTarget {
        /// The name of the replay that the other one is compared with.
        base: String,
        /// The name of the other one.
        other: String,
        /// The target of the one.
        ours: Option<String>,
        /// The target of the other.
        theirs: Option<String>,
    },
}

/// What a replay predicts, in words.
struct Predicted<'a>(&'a Option<String>);

impl fmt::Display for Predicted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(target) => write!(f, "{target:?} alone, given the other fields"),
            None => f.write_str("all fields"),
        }
    }
}

/// One measure of two replays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReplayDifference {
    /// The field; none where the measure is of whole events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What was measured.
    pub measure: CourseMeasure,
    /// The mean of the replay that the other one is compared with.
    pub base: f64,
    /// The mean of the other one.
    pub other: f64,
    /// The mean of the other one less that of the base.
    pub difference: f64,
    /// How far the difference may be off either way, in 95 of 100 cases, where there are enough blocks to tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub margin: Option<f64>,
    /// Whether the other one is better (`better`), worse (`worse`), or the difference may be chance (`unsure`).
    pub verdict: ComparisonVerdict,
}

/// What a difference says of the replay that is compared with the base.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ComparisonVerdict {
    /// It is better.
    Better,
    /// It is worse.
    Worse,
    /// It is the same in every block.
    Same,
    /// The difference may be chance.
    Unsure,
}

/// A difference as it grew: the mean difference over all events before each row, with its margin.
pub type DifferencePoint = (f64, f64, Option<f64>);

/// Every measure that two replays have in common.
///
/// # Errors
/// They were not scored on the same events, or do not predict the same fields of them.
pub fn compare_replays(
    (base_name, base): (&str, &ReplaySummary),
    (other_name, other): (&str, &ReplaySummary),
) -> Result<Vec<ReplayDifference>, NotComparable> {
    let (ours, theirs) = (base.options.target.clone(), other.options.target.clone());
    if ours != theirs {
        return Err(NotComparable::OtherTarget { base: base_name.into(), other: other_name.into(), ours, theirs });
    }
    let (base, other) = (&base.course, &other.course);
    if base.rows != other.rows || base.events != other.events || base.blocks != other.blocks {
        let last = |course: &LearningCourse| course.events.last().copied().unwrap_or(0);
        return Err(NotComparable::OtherEvents {
            base: base_name.into(),
            other: other_name.into(),
            ours: last(base),
            theirs: last(other),
        });
    }
    let mixtures = base.series.iter().filter(|s| s.expert.is_none());
    let alone = base.series.iter().filter(|s| s.expert.is_none() && s.measure == CourseMeasure::Bits).count() <= 2;
    let told = mixtures.filter(|s| !(alone && s.field.is_some() && s.measure == CourseMeasure::Bits));
    let both = told.filter_map(|ours| {
        let theirs = other.series_of(ours.field.as_deref(), None, ours.measure)?;
        difference(base, ours, theirs)
    });
    Ok(both.collect())
}

/// The course of a difference in bits per event.
pub fn difference_course(base: &LearningCourse, other: &LearningCourse) -> Vec<DifferencePoint> {
    let of = |course: &LearningCourse| course.series_of(None, None, CourseMeasure::Bits).cloned();
    let (Some(ours), Some(theirs)) = (of(base), of(other)) else { return Vec::new() };
    if base.rows != other.rows {
        return Vec::new();
    }
    let blocks = PairedBlocks::of(base, &ours, &theirs);
    (1..=blocks.parts.len())
        .filter_map(|n| {
            let (mean, margin) = PairedBlocks { parts: blocks.parts[..n].to_vec() }.mean()?;
            Some((blocks.parts[n - 1].row, mean, margin))
        })
        .collect()
}

fn difference(course: &LearningCourse, ours: &CourseSeries, theirs: &CourseSeries) -> Option<ReplayDifference> {
    let last = course.rows.len().checked_sub(1)?;
    let count = course.count(ours, last);
    if count <= 0.0 || theirs.sums.len() != ours.sums.len() {
        return None;
    }
    let (base, other) = (ours.sums[last] / count, theirs.sums[last] / count);
    let (difference, margin) = PairedBlocks::of(course, ours, theirs).mean()?;
    let worse = if ours.measure == CourseMeasure::Hits { -difference } else { difference };
    let verdict = match margin {
        _ if ours.sums == theirs.sums => ComparisonVerdict::Same,
        Some(margin) if worse > margin => ComparisonVerdict::Worse,
        Some(margin) if worse < -margin => ComparisonVerdict::Better,
        _ => ComparisonVerdict::Unsure,
    };
    Some(ReplayDifference {
        field: ours.field.clone(),
        measure: ours.measure,
        base,
        other,
        difference,
        margin,
        verdict,
    })
}

/// What one block adds to a difference.
#[derive(Clone, Copy, Debug)]
struct PairedBlock {
    row: f64,
    difference: f64,
    values: f64,
}

/// The blocks of two replays, in pairs.
struct PairedBlocks {
    parts: Vec<PairedBlock>,
}

impl PairedBlocks {
    fn of(course: &LearningCourse, ours: &CourseSeries, theirs: &CourseSeries) -> PairedBlocks {
        // intervals are told from as many blocks as were tried
        let every = course.blocks.len().div_ceil(BLOCKS_MAX).max(1);
        let last = course.blocks.len();
        let ends = (1..=last).filter(|i| i % every == 0 || *i == last).map(|i| course.blocks[i - 1] as usize);
        let mut before = (0.0, 0.0);
        let mut parts = Vec::new();
        for mark in ends {
            let now = (theirs.sums[mark] - ours.sums[mark], course.count(ours, mark));
            // blocks in which nothing counts are none
            if now.1 > before.1 {
                let row = course.rows[mark] as f64;
                parts.push(PairedBlock { row, difference: now.0 - before.0, values: now.1 - before.1 });
                before = now;
            }
        }
        PairedBlocks { parts }
    }

    /// The mean difference of a value, and how far it may be off.
    fn mean(&self) -> Option<(f64, Option<f64>)> {
        let values: f64 = self.parts.iter().map(|p| p.values).sum();
        if values <= 0.0 {
            return None;
        }
        let mean = self.parts.iter().map(|p| p.difference).sum::<f64>() / values;
        let centred: Vec<f64> = self.parts.iter().map(|p| (p.difference - p.values * mean) / values).collect();
        Some((mean, half_width(&centred)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A course of so many blocks of 100 events whose losses are as a function says.
    fn course(blocks: u64, bits: impl Fn(u64) -> f64) -> LearningCourse {
        let mut sum = 0.0;
        let sums: Vec<f64> = (0..blocks)
            .map(|b| {
                sum += 100.0 * bits(b);
                sum
            })
            .collect();
        let rows: Vec<u64> = (1..=blocks).map(|b| b * 100).collect();
        let series = CourseSeries { field: None, expert: None, measure: CourseMeasure::Bits, sums, counts: Vec::new() };
        LearningCourse {
            events: rows.clone(),
            seconds: vec![0.0; rows.len()],
            blocks: (0..blocks as u32).collect(),
            rows,
            series: vec![series],
        }
    }

    fn summary(course: LearningCourse) -> ReplaySummary {
        let words = r#"{"events":1,"events_scored":1,"loss_bits_per_event":1.0,"cpu_seconds":1.0,"events_per_second":1.0,
            "state_bytes":1,"state_hash":"","version":"","choices":"","course":{"events":[],"blocks":[],"rows":[],"seconds":[],"series":[]}}"#;
        ReplaySummary { course, ..serde_json::from_str(words).unwrap() }
    }

    fn noise(block: u64) -> f64 {
        (block * 7919 % 101) as f64 / 101.0
    }

    #[test]
    fn a_steady_difference_is_sure_and_a_random_one_is_not() {
        let base = course(100, |b| 2.0 + noise(b));
        let base = summary(base);
        let compared = |other: &LearningCourse| {
            compare_replays(("base", &base), ("other", &summary(other.clone()))).unwrap().remove(0)
        };
        let better = compared(&course(100, |b| 1.9 + noise(b)));
        assert!((better.difference + 0.1).abs() < 1e-6 && better.margin.unwrap() < 1e-3, "{better:?}");
        assert_eq!(better.verdict, ComparisonVerdict::Better);
        assert_eq!(compared(&course(100, |b| 2.2 + noise(b))).verdict, ComparisonVerdict::Worse);
        assert_eq!(compared(&base.course).verdict, ComparisonVerdict::Same);
        let unsure = compared(&course(100, |b| 2.0 + noise(b + 31)));
        assert_eq!(unsure.verdict, ComparisonVerdict::Unsure, "{unsure:?}");
        let few = course(5, |_| 1.0);
        let told = compare_replays(("a", &summary(few)), ("b", &summary(course(5, |_| 0.5)))).unwrap();
        assert_eq!((told[0].margin, told[0].verdict), (None, ComparisonVerdict::Unsure), "five blocks tell nothing");
    }

    #[test]
    fn a_difference_is_drawn_as_it_grows() {
        let (base, other) = (course(100, noise), course(100, |b| noise(b) + if b < 50 { 0.0 } else { 1.0 }));
        let grown = difference_course(&base, &other);
        assert_eq!((grown.len(), grown[6].2, grown.last().unwrap().0), (50, None, 10_000.0));
        assert!(grown[24].1.abs() < 1e-9 && (grown.last().unwrap().1 - 0.5).abs() < 1e-9, "{grown:?}");
        assert!(grown.last().unwrap().2.unwrap() > 0.05);
    }

    #[test]
    fn replays_of_other_rows_are_not_compared() {
        let (nine, ten) = (summary(course(9, noise)), summary(course(10, noise)));
        let refused = compare_replays(("network=off", &nine), ("b.json", &ten)).unwrap_err();
        let words = refused.to_string();
        assert!(words.starts_with("b.json was scored on 1000 events and network=off on 900"), "{words}");
    }

    #[test]
    fn bits_of_a_target_are_not_compared_with_bits_of_all_fields() {
        let all = summary(course(9, noise));
        let one = ReplaySummary { options: SummaryOptions { target: Some("class".into()) }, ..all.clone() };
        let words = compare_replays(("this replay", &one), ("b.json", &all)).unwrap_err().to_string();
        assert!(words.starts_with("b.json predicts all fields and this replay \"class\" alone"), "{words}");
        assert!(compare_replays(("this replay", &one), ("b.json", &one)).is_ok());
    }
}
