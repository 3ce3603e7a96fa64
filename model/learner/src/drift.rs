//! Drift: lasting changes of a stream, found online, with their place and their size.
//!
//! Three things are watched, each by cumulative sums ([`Watch`]):
//!
//! * The *loss* is what events cost in bits, and what each field of symbols or text costs; it rises when a stream no
//!   longer does what was learnt. Only a rising loss is a change: a falling one is what learning looks like, and the
//!   mean that it is held against follows it.
//! * The *level* of each number is its mean; a model that follows a number to a new level pays for two or three events
//!   only, so that its loss does not last, although the change does. It may change to both sides, and counts if it
//!   moved by more than three deviations of the number.
//! * The *rate* is the typical gap between events, as the mean of its logarithm. It counts if it doubled or halved.
//!
//! On 16 regimes of a permuted alphabet (a Markov source; Shakespeare in pieces) all 15 boundaries are found and
//! nothing else, 60 to 130 events late and placed within 8. A mean, a spread or a season that changes is found within
//! 40 to 230 events. On HDFS keys (normal and abnormal sessions), ETTh1 and the clicks of bms there is no alarm, on the
//! 1.1 million bytes of tinyshakespeare there are two.

use crate::cumulative::{Change, LOSS_DEVIATION_MIN, NUMBER_MAX, RESOLUTION_MIN, Watch};
use std::sync::Arc;
use surmise_event::{Detector, Drift};
use surmise_state::{Persist, State, StateError};

/// The latest changes that are kept.
const CHANGES_MAX: usize = 16;

/// The shortest gap that is told from shorter ones, in seconds.
const GAP_SECONDS_MIN: f64 = 1e-3;

/// The least deviation of the logarithm of a gap.
const GAP_DEVIATION_MIN: f64 = 0.05;

/// The least change of a rate, as the logarithm of a typical gap.
const RATE_CHANGE_MIN: f64 = std::f64::consts::LN_2;

/// What a change is of, if it is of a part of the event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChangedPart {
    /// A field, by its place.
    Field(usize),
    /// A column of the number model.
    Column(usize),
}

/// A rise of the loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LossRise {
    /// The field whose loss rose; none if that of the whole event did.
    pub(crate) field: Option<usize>,
    /// The offset where it began.
    pub(crate) began: u64,
}

/// Watches one stream for drift. An event costs a few additions and a block a few divisions, and each number and each
/// field as much.
#[derive(Clone, Default)]
pub struct Watcher {
    loss: Watch,
    /// `[fields]`: what the fields of symbols and texts cost.
    costs: Vec<Watch>,
    /// `[columns]`: one per column of the number model.
    numbers: Vec<Watch>,
    gaps: Watch,
    last_us: Option<i64>,
    /// Of the event at hand: what fields cost; the numbers with their columns and resolutions; the gap before it, as
    /// the logarithm of its seconds.
    spent: Vec<(usize, f64)>,
    values: Vec<(usize, f64, f64)>,
    gap: Option<f64>,
    /// Changes so far, by their detector.
    pub counts: [u64; Detector::ALL.len()],
    /// The latest changes, oldest first.
    pub latest: Vec<Drift>,
}

impl Watcher {
    /// Takes in a number of the event at hand, and how finely its column can tell.
    pub fn number(&mut self, column: usize, x: f64, resolution: f64) {
        let value = x.clamp(-NUMBER_MAX, NUMBER_MAX);
        self.values.push((column, value, resolution.clamp(RESOLUTION_MIN, NUMBER_MAX)));
    }

    /// Takes in what a field of symbols or text of the event at hand cost in bits.
    pub fn cost(&mut self, field: usize, bits: f64) {
        if bits.is_finite() {
            self.spent.push((field, bits));
        }
    }

    /// Takes in the time of the event at hand.
    pub fn time(&mut self, time_us: i64) {
        if let Some(last_us) = self.last_us {
            let seconds = time_us.saturating_sub(last_us).max(0) as f64 / 1e6;
            self.gap = Some(libm::log(seconds.max(GAP_SECONDS_MIN)));
        }
        self.last_us = Some(self.last_us.map_or(time_us, |last_us| last_us.max(time_us)));
    }

    /// Takes in the event at an offset, which cost `bits` and whose parts were taken in before; `name` gives the name
    /// of a part. Changes that show with the event are added to `out`. Returns a rise of the loss, if there is one.
    pub(crate) fn observe(
        &mut self,
        offset: u64,
        bits: f64,
        name: impl Fn(ChangedPart) -> Arc<str>,
        out: &mut Vec<Drift>,
    ) -> Option<LossRise> {
        let next = offset + 1;
        let bits = if bits.is_finite() { bits } else { 0.0 };
        let before = out.len();
        let rise = self.rise(bits, next);
        if let Some((field, change)) = &rise {
            let field = field.map(|field| name(ChangedPart::Field(field)));
            out.push(Drift { field, ..drift(Detector::Loss, None, change, offset) });
        }
        while let Some((column, x, resolution)) = self.values.pop() {
            let watch = of(&mut self.numbers, column, offset);
            if let Some(c) = watch.level(x, bits, resolution, next) {
                watch.renew(next);
                let field = Some(name(ChangedPart::Column(column)));
                out.push(Drift { field, ..drift(Detector::Level, Some([c.before, c.after]), &c, offset) });
            }
        }
        if let Some(gap) = self.gap.take()
            && let Some(c) = self.gaps.add(gap, bits, GAP_DEVIATION_MIN, next)
            && (c.after - c.before).abs() > RATE_CHANGE_MIN
        {
            self.gaps.renew(next);
            out.push(drift(Detector::Rate, Some([c.before, c.after].map(libm::exp)), &c, offset));
        }
        for d in &out[before..] {
            self.counts[d.detector as usize] += 1;
            if self.latest.len() == CHANGES_MAX {
                self.latest.remove(0);
            }
            self.latest.push(d.clone());
        }
        rise.map(|(field, change)| LossRise { field, began: change.began })
    }

    /// A rise of the loss that shows with the event at hand: that of a field, or of the whole event.
    fn rise(&mut self, bits: f64, next: u64) -> Option<(Option<usize>, Change)> {
        // a falling loss is learning
        let rises = |c: &Change| c.after > c.before;
        let mut rise = self.loss.add(bits, bits, LOSS_DEVIATION_MIN, next).filter(rises).map(|c| (None, c));
        while let Some((field, cost)) = self.spent.pop() {
            let found = of(&mut self.costs, field, next - 1).add(cost, cost, LOSS_DEVIATION_MIN, next).filter(rises);
            rise = found.map(|c| (Some(field), c)).or(rise);
        }
        if rise.is_some() {
            self.loss.renew(next);
            self.costs.iter_mut().for_each(|watch| watch.renew(next));
        }
        rise
    }
}

/// The watch of a part, which begins to be watched at an offset if it is new.
fn of(watches: &mut Vec<Watch>, part: usize, offset: u64) -> &mut Watch {
    if part >= watches.len() {
        watches.resize_with(part + 1, || Watch::new(offset));
    }
    &mut watches[part]
}

/// A change in the words of events, its field left out; `level` is the level before and after, if one changed.
fn drift(detector: Detector, level: Option<[f64; 2]>, c: &Change, noticed: u64) -> Drift {
    let [level_before, level_after] = level.map_or([None, None], |level| level.map(Some));
    let (began, bits_before, bits_after) = (c.began, c.bits_before, c.bits_after);
    Drift { detector, field: None, began, noticed, bits_before, bits_after, level_before, level_after }
}

impl Persist for Watcher {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.section("drift")?;
        self.spent.clear();
        self.values.clear();
        self.gap = None;
        self.loss.persist(s)?;
        s.list("drift costs", &mut self.costs, Watch::default)?;
        self.gaps.persist(s)?;
        let mut timed = self.last_us.is_some();
        s.bool("drift timed", &mut timed)?;
        let mut last_us = self.last_us.unwrap_or(0);
        s.i64("drift last", &mut last_us)?;
        self.last_us = timed.then_some(last_us);
        s.list("drift numbers", &mut self.numbers, Watch::default)?;
        s.u64s_fixed("drift counts", &mut self.counts)?;
        // the latest changes are for people, so they are written as plain data
        let mut text =
            if s.is_reading() { String::new() } else { serde_json::to_string(&self.latest).unwrap_or_default() };
        s.string("drift latest", &mut text)?;
        if s.is_reading() {
            self.latest = serde_json::from_str(&text).map_err(|_| StateError::Invalid("drift latest"))?;
            self.latest.truncate(CHANGES_MAX);
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "drift_tests.rs"]
mod tests;
