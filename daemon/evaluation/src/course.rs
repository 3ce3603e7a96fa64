//! The course of a replay: what the mixture and every expert had lost by then, in fixed memory.
//!
//! Sums are noted at the ends of blocks of equal length, whose number is bounded as pairs become one, and at rows that
//! lie a constant factor apart, so that the first events are seen as well as the last. Whatever a curve shows is the
//! difference of two such sums, so it is exact however few of them there are. Replays of the same recording are noted
//! at the same rows, which makes their blocks comparable one by one.

use crate::blocks::BlockNotes;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;
use surmise_learner::Learner;

/// Blocks of equal length that are kept at most.
const LINEAR_BLOCKS_MAX: usize = 128;
/// The factor between two rows that are noted whatever the length of blocks: eight of them double a row.
const ROW_FACTOR: f64 = 1.090_507_732_665_257_7;
/// The first row that is noted.
const FIRST_ROW: u64 = 16;
/// Fields whose losses are noted; of more fields the first ones.
const COURSE_FIELDS_MAX: usize = 16;
/// Series that are noted at most; beyond it those of further fields' experts are left out.
const SERIES_MAX: usize = 160;

/// What a series sums up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CourseMeasure {
    /// Surprise, in bits.
    Bits,
    /// Squared errors of numbers, in the column's own unit.
    Squared,
    /// Absolute errors of numbers, in the column's own unit.
    Absolute,
    /// Symbols that were predicted as the likeliest.
    Hits,
}

/// Sums of one predictor at every row that was noted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CourseSeries {
    /// The field; none where the sum is of whole events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The expert; none for the mixture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expert: Option<String>,
    /// What is summed.
    pub measure: CourseMeasure,
    /// `[marks]`: the sum over everything before the row.
    pub sums: Vec<f64>,
    /// `[marks]`: how many values the sum is of; empty where that is `events` of the course.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub counts: Vec<f64>,
}

/// The course of a whole replay.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LearningCourse {
    /// `[marks]`: rows that were noted; sums are over all rows before them.
    pub rows: Vec<u64>,
    /// `[marks]`: events that the measures count, so far.
    pub events: Vec<u64>,
    /// `[marks]`: time that had passed, in seconds.
    pub seconds: Vec<f64>,
    /// The places in `rows` at which blocks of equal length end.
    pub blocks: Vec<u32>,
    /// The mixture of whole events first, then the fields with their experts.
    pub series: Vec<CourseSeries>,
}

/// What a series is of.
#[derive(Clone, Debug, PartialEq)]
struct SeriesName {
    field: Option<String>,
    expert: Option<&'static str>,
    measure: CourseMeasure,
}

/// The sums at one row.
#[derive(Debug, Default)]
struct CourseMark {
    row: u64,
    events: u64,
    seconds: f64,
    /// By the place of the series: the sum and how many values it is of.
    sums: Vec<(f64, f64)>,
}

/// Notes the course of a replay while it goes on.
pub(crate) struct CourseNotes {
    began: Instant,
    names: Vec<SeriesName>,
    /// The places of experts that never had something to say.
    silent: HashSet<usize>,
    linear: BlockNotes<Arc<CourseMark>>,
    spread: Vec<Arc<CourseMark>>,
    next_spread: u64,
}

impl CourseNotes {
    pub(crate) fn new() -> CourseNotes {
        CourseNotes {
            began: Instant::now(),
            names: Vec::new(),
            silent: HashSet::new(),
            linear: BlockNotes::of(LINEAR_BLOCKS_MAX),
            spread: Vec::new(),
            next_spread: FIRST_ROW,
        }
    }

    /// Notes the sums of a learner that has seen all rows before this one, where it is time to.
    pub(crate) fn note(&mut self, row: u64, learner: &Learner) {
        let is_linear = self.linear.are_due(row);
        let is_spread = row >= self.next_spread;
        if !is_linear && !is_spread {
            return;
        }
        let mark = Arc::new(self.mark(row, learner));
        if is_linear {
            self.linear.note(row, mark.clone());
        }
        if is_spread {
            while self.next_spread <= row {
                self.next_spread = ((self.next_spread as f64 * ROW_FACTOR) as u64).max(self.next_spread + 1);
            }
            self.spread.push(mark);
        }
    }

    /// The course up to the last row.
    pub(crate) fn finish(mut self, row: u64, learner: &Learner) -> LearningCourse {
        let last = Arc::new(self.mark(row, learner));
        let linear = self.linear.finish(row, last);
        let mut marks: Vec<&Arc<CourseMark>> = linear.iter().chain(&self.spread).filter(|m| m.row > 0).collect();
        marks.sort_by_key(|m| m.row);
        marks.dedup_by_key(|m| m.row);
        let place = |m: &Arc<CourseMark>| marks.binary_search_by_key(&m.row, |m| m.row).ok();
        // an expert that never had something to say has the losses of the mixture
        let heard = self.names.iter().enumerate().filter(|(i, _)| !self.silent.contains(i));
        let series = heard.map(|(i, name)| {
            let sum = |m: &&Arc<CourseMark>| m.sums.get(i).copied().unwrap_or_default();
            let of_events = name.measure == CourseMeasure::Bits;
            let counts = marks.iter().map(sum).map(|s| s.1);
            CourseSeries {
                field: name.field.clone(),
                expert: name.expert.map(str::to_owned),
                measure: name.measure,
                sums: marks.iter().map(|m| thousandths(sum(m).0)).collect(),
                counts: if of_events { Vec::new() } else { counts.collect() },
            }
        });
        LearningCourse {
            rows: marks.iter().map(|m| m.row).collect(),
            events: marks.iter().map(|m| m.events).collect(),
            seconds: marks.iter().map(|m| thousandths(m.seconds)).collect(),
            blocks: linear.iter().filter_map(place).map(|p| p as u32).collect(),
            series: series.collect(),
        }
    }

    fn mark(&mut self, row: u64, learner: &Learner) -> CourseMark {
        let (events, bits) = learner.scored_bits();
        let mut mark = CourseMark { row, events, seconds: self.began.elapsed().as_secs_f64(), sums: Vec::new() };
        let bits_of = |nats: f64| nats * std::f64::consts::LOG2_E;
        let name =
            |field: Option<&str>, expert, measure| SeriesName { field: field.map(str::to_owned), expert, measure };
        self.set(&mut mark, name(None, None, CourseMeasure::Bits), (bits, events as f64));
        let target = learner.options().target.as_deref();
        let fields: Vec<_> = (learner.sums().zip(learner.field_losses()))
            .filter(|(sums, _)| target.is_none_or(|t| t == sums.name))
            .take(COURSE_FIELDS_MAX)
            .collect();
        for (sums, losses) in &fields {
            let field = Some(sums.name);
            self.set(&mut mark, name(field, None, CourseMeasure::Bits), (bits_of(losses.mixture), events as f64));
            if sums.numbers > 0 {
                let count = sums.numbers as f64;
                self.set(&mut mark, name(field, None, CourseMeasure::Squared), (sums.squared, count));
                self.set(&mut mark, name(field, None, CourseMeasure::Absolute), (sums.absolute, count));
            }
            if sums.ranked > 0 {
                let hits = (sums.within[0] as f64, sums.ranked as f64);
                self.set(&mut mark, name(field, None, CourseMeasure::Hits), hits);
            }
        }
        for (sums, losses) in &fields {
            for (i, (expert, nats)) in losses.experts.iter().enumerate() {
                let named = name(Some(sums.name), Some(expert), CourseMeasure::Bits);
                let Some(place) = self.set(&mut mark, named, (bits_of(*nats), events as f64)) else { continue };
                if losses.spoke.has(i) {
                    self.silent.remove(&place)
                } else {
                    self.silent.insert(place)
                };
            }
        }
        mark
    }

    /// Notes a sum of a series; gives the place of the series, if there is room for it.
    fn set(&mut self, mark: &mut CourseMark, name: SeriesName, sum: (f64, f64)) -> Option<usize> {
        let known = self.names.iter().position(|n| *n == name);
        let place = known.or_else(|| {
            (self.names.len() < SERIES_MAX).then(|| {
                self.names.push(name);
                self.names.len() - 1
            })
        })?;
        if mark.sums.len() <= place {
            mark.sums.resize(place + 1, (0.0, 0.0));
        }
        mark.sums[place] = sum;
        Some(place)
    }
}

/// A number with three decimals: what a curve or a comparison needs of a sum.
fn thousandths(x: f64) -> f64 {
    (x * 1000.0).round() / 1000.0
}

impl LearningCourse {
    /// The series of a field and an expert, each as [`CourseSeries`] names it.
    pub fn series_of(
        &self,
        field: Option<&str>,
        expert: Option<&str>,
        measure: CourseMeasure,
    ) -> Option<&CourseSeries> {
        self.series
            .iter()
            .find(|s| s.field.as_deref() == field && s.expert.as_deref() == expert && s.measure == measure)
    }

    /// The mean of a series between each two of some marks: the row at which a span ends, and the mean within the span.
    /// Spans in which nothing counts are left out.
    pub fn means(&self, series: &CourseSeries, marks: impl Iterator<Item = usize>) -> Vec<(f64, f64)> {
        let mut before = (0.0, 0.0);
        let mut means = Vec::new();
        for mark in marks {
            let sum = (series.sums[mark], self.count(series, mark));
            let values = sum.1 - before.1;
            if values > 0.0 {
                means.push((self.rows[mark] as f64, (sum.0 - before.0) / values));
            }
            before = sum;
        }
        means
    }

    /// How many values a series sums up before a mark.
    pub fn count(&self, series: &CourseSeries, mark: usize) -> f64 {
        series.counts.get(mark).copied().unwrap_or(self.events[mark] as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use surmise_event::{Data, Datum, Limits, Record, Schema};
    use surmise_learner::Options;

    /// However long a replay is, its course has a bounded number of marks, and they sum up to what the learner says.
    #[test]
    fn a_course_stays_small_and_agrees_with_the_learner() {
        let mut learner = Learner::new(Schema::default(), Options::default()).unwrap();
        learner.set_ranks(true);
        let mut notes = CourseNotes::new();
        for row in 1..=20_000u64 {
            let symbol = ["a", "b", "c"][(row % 3) as usize];
            let record = Record { data: Data::One(Datum::Text(symbol.into())), ..Record::default() };
            let event = learner.bind(&record, &Limits::default()).unwrap();
            learner.observe(&event);
            notes.note(row, &learner);
        }
        let course = notes.finish(20_000, &learner);
        assert!(course.rows.len() < LINEAR_BLOCKS_MAX + 120, "{}", course.rows.len());
        assert!((LINEAR_BLOCKS_MAX / 2..=LINEAR_BLOCKS_MAX).contains(&course.blocks.len()));
        assert!(course.rows.windows(2).all(|w| w[0] < w[1]) && course.rows.last() == Some(&20_000));
        let mixture = course.series_of(None, None, CourseMeasure::Bits).unwrap();
        let (events, bits) = learner.scored_bits();
        assert!((mixture.sums.last().unwrap() - bits).abs() < 1e-3 && course.events.last() == Some(&events));
        let blocks = || course.blocks.iter().map(|b| *b as usize);
        let means = course.means(mixture, blocks());
        assert!(means[0].1 > means.last().unwrap().1, "{means:?}");
        assert!(course.series.iter().any(|s| s.expert.as_deref() == Some("order-0")));
        let hits = course.series_of(Some("value"), None, CourseMeasure::Hits).unwrap();
        assert!(course.means(hits, blocks()).last().unwrap().1 > 0.99);
        let json = serde_json::to_string(&course).unwrap();
        assert_eq!(serde_json::from_str::<LearningCourse>(&json).unwrap(), course);
    }
}
