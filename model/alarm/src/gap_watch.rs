//! What is unusual of the times of a stream's events: one that is overdue or came late, and a rate that changed.

use crate::claim::RespectClaim;
use crate::fading::FadingMean;
use crate::tail::{AssumedTail, SizeRecord};
use surmise_event::AlarmKind;
use surmise_state::{Persist, State, StateError};

/// Weight of the latest gap in means over sixteen and sixty-four gaps, and in the usual gap.
const RATES: [f64; 2] = [0.0625, 0.015_625];
const SLOW_RATE: f64 = 1.0 / 2048.0;
/// Gaps before the latest one at which the mean over sixty-four gaps is looked up, so that a rate that has just changed
/// is held against what it was.
const BEFORE_GAPS: usize = 32;
/// Gaps that are told apart at the least, as a part of the usual gap.
const GAP_FLOOR: f64 = 0.125;
/// Changes of a rate that are told apart, as the square of the logarithm of a factor.
const RATE_FLOOR: f64 = 0.01;
/// The most that one gap counts in means, as a multiple of the usual gap.
const GAP_MULTIPLE_MAX: f64 = 32.0;
/// Gaps before a gap is bounded so.
const UNBOUNDED_GAPS: u32 = 20;
/// A part of the usual gap that is added to means, so that their ratio is finite.
const RATIO_FLOOR: f64 = 1e-3;
/// Microseconds of a second.
const MICROSECONDS: f64 = 1e6;

/// The record of the time between a stream's events, whatever their keys.
#[derive(Clone, Debug, Default)]
pub(crate) struct GapWatch {
    /// The latest time of all events so far.
    last_us: Option<i64>,
    gaps: u32,
    /// The usual gap in seconds, and means over some gaps.
    usual: FadingMean,
    means: [FadingMean; 2],
    late: SizeRecord,
    rates: [SizeRecord; 2],
    /// `[BEFORE_GAPS]`: the mean over sixty-four gaps as it was, in a ring; and how far the mean over sixteen gaps is
    /// from it. That follows a rate that swings by itself.
    before: [f64; BEFORE_GAPS],
    sudden: SizeRecord,
}

impl GapWatch {
    /// What the respects weigh together.
    pub(crate) const WEIGHT: f64 = 4.0;

    /// Takes in the time of an event; raises `claim` by what is unusual of it. An event of the past, which only came
    /// late to this stream, says nothing.
    pub(crate) fn observe(&mut self, time_us: i64, claim: &mut RespectClaim) {
        let Some(last_us) = self.last_us else {
            self.last_us = Some(time_us);
            return;
        };
        if time_us < last_us {
            return;
        }
        self.last_us = Some(time_us);
        let gap = time_us.saturating_sub(last_us) as f64 / MICROSECONDS;
        if self.gaps == 0 {
            self.usual.add(gap, SLOW_RATE);
        }
        self.gaps = self.gaps.saturating_add(1);
        let usual = self.usual.mean();
        let late = self.late.observe((gap - usual).max(0.0), GAP_FLOOR * usual, AssumedTail::Square);
        claim.raise(AlarmKind::Missing, late, None);
        let bounded = if self.gaps <= UNBOUNDED_GAPS { gap } else { gap.min(GAP_MULTIPLE_MAX * usual) };
        for ((mean, tail), rate) in self.means.iter_mut().zip(&mut self.rates).zip(RATES) {
            let mean = mean.add(bounded, rate);
            if usual > 0.0 {
                let size = change_of_rate(mean, usual, usual);
                claim.raise(AlarmKind::Rate, tail.observe(size, RATE_FLOOR, AssumedTail::Square), None);
            }
        }
        // a rate that is usual by night is none by day
        let before = &mut self.before[self.gaps as usize % BEFORE_GAPS];
        if usual > 0.0 && self.gaps as usize > BEFORE_GAPS {
            let size = change_of_rate(self.means[0].mean(), *before, usual);
            claim.raise(AlarmKind::Rate, self.sudden.observe(size, RATE_FLOOR, AssumedTail::Square), None);
        }
        *before = self.means[1].mean();
        self.usual.add(bounded, SLOW_RATE);
    }

    /// How rare the silence since the last event is at `now_us`, in bits.
    pub(crate) fn silence(&self, now_us: i64) -> f64 {
        let Some(last_us) = self.last_us else { return 0.0 };
        let silence = now_us.saturating_sub(last_us) as f64 / MICROSECONDS;
        let usual = self.usual.mean();
        self.late.ask((silence - usual).max(0.0), GAP_FLOOR * usual, AssumedTail::Square)
    }

    /// The usual time between events in seconds, where events have times.
    pub(crate) fn usual_seconds(&self) -> Option<f64> {
        (self.gaps > 0).then(|| self.usual.mean())
    }
}

/// How far a mean gap is from another one: the square of the logarithm of their ratio. That is twice the
/// log-likelihood, by gap, that the other one loses; so a tail of squares falls as the fourth power of the logarithm,
/// as it may for means of many gaps.
fn change_of_rate(mean: f64, other: f64, usual: f64) -> f64 {
    let ratio = (mean + RATIO_FLOOR * usual) / (other + RATIO_FLOOR * usual);
    libm::log(ratio) * libm::log(ratio)
}

impl Persist for GapWatch {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        let mut timed = self.last_us.is_some();
        s.bool("gaps timed", &mut timed)?;
        let mut last_us = self.last_us.unwrap_or(0);
        s.i64("gaps last", &mut last_us)?;
        self.last_us = timed.then_some(last_us);
        s.u32("gaps", &mut self.gaps)?;
        self.usual.persist(s)?;
        self.means.iter_mut().try_for_each(|mean| mean.persist(s))?;
        self.late.persist(s)?;
        self.rates.iter_mut().try_for_each(|tail| tail.persist(s))?;
        s.f64s_fixed("gaps before", &mut self.before)?;
        self.sudden.persist(s)
    }
}
