//! When the next line is expected: the times between the lines of a stream, as the lines themselves tell them.

use crate::clock::SequenceClock;
use crate::expected::gaps;
use crate::gap::{self, GapMeans};
use surmise_event::Expected;
use surmise_state::{Persist, State, StateError};

/// Lines that the counts of gaps remember.
const MEMORY_LINES: f64 = 4096.0;
/// The most that one gap counts in the usual one, as a multiple of it, after so many gaps.
const GAP_MULTIPLE_MAX: f64 = 32.0;
const UNBOUNDED_LINES: f64 = 20.0;
/// A gap of more than so many usual ones is a silence, where no larger share of all was as long.
const LONG_MULTIPLE: f64 = 16.0;
const LONG_SHARE_MAX: f64 = 0.001;

/// How much later than the line before a line came, and what was expected, in seconds.
#[derive(Clone, Debug)]
pub struct LineSilence {
    /// The gap in microseconds.
    pub gap_us: i64,
    /// What was expected of it.
    pub expected: Option<Expected>,
}

/// The gaps between the lines of a stream, counted by the bins of `gap.rs`; old ones are forgotten.
///
/// A line's time is part of its text. It conditions nothing and is not scored; it says when the next line is due.
#[derive(Clone, Debug)]
pub struct LineGaps {
    /// `[256]`: how often each bin came, decayed.
    counts: Vec<f64>,
    /// What one gap adds, which grows where the counts would have to shrink.
    step: f64,
    means: GapMeans,
    /// How many gaps there were, up to [`MEMORY_LINES`], and the mean of the latest ones, in microseconds.
    gaps: f64,
    usual_us: f64,
    /// The latest time that a line told.
    clock: SequenceClock,
}

impl Default for LineGaps {
    fn default() -> Self {
        LineGaps {
            counts: vec![0.0; 256],
            step: 1.0,
            means: GapMeans::default(),
            gaps: 0.0,
            usual_us: 0.0,
            clock: SequenceClock::default(),
        }
    }
}

impl LineGaps {
    /// Goes on with another stream, whose lines have times of their own.
    pub fn begin_like(&mut self) {
        self.clock = SequenceClock::default();
    }

    /// Learns the time of a line, if it tells one. A line that comes late has a gap of zero, and so has one without a
    /// time among others with one.
    pub fn observe(&mut self, time_us: Option<i64>) {
        let Some(time_us) = time_us else {
            if self.gaps > 0.0 {
                self.add_usual(0.0);
            }
            return;
        };
        if let Some(gap_us) = self.clock.since(time_us) {
            self.counts[gap::bin(gap_us).min(gap::FIRST - 1) as usize] += self.step;
            self.means.observe(gap_us);
            self.add_usual(gap_us.max(0) as f64);
            self.step *= 1.0 + 1.0 / MEMORY_LINES;
            if self.step > 1e9 {
                self.counts.iter_mut().for_each(|count| *count /= self.step);
                self.step = 1.0;
            }
        }
        self.clock.observe(time_us);
    }

    /// Takes a gap into the usual one. A single one counts in bounds, as one time may be far off.
    fn add_usual(&mut self, gap_us: f64) {
        self.gaps = (self.gaps + 1.0).min(MEMORY_LINES);
        let most = if self.gaps > UNBOUNDED_LINES { GAP_MULTIPLE_MAX * self.usual_us } else { f64::INFINITY };
        self.usual_us += (gap_us.min(most) - self.usual_us) / self.gaps;
    }

    /// The silence before a line of this time, if it comes so much later than the line before as hardly one does. To be
    /// asked before the line is [observed](Self::observe).
    pub fn silence(&self, time_us: Option<i64>) -> Option<LineSilence> {
        let gap_us = self.clock.since(time_us?)?;
        if self.gaps <= UNBOUNDED_LINES || gap_us as f64 <= LONG_MULTIPLE * self.usual_us {
            return None;
        }
        // lines of one second come at once, and then for a second none does
        let as_long = &self.counts[gap::bin(gap_us).min(gap::FIRST - 1) as usize..];
        let is_rare = as_long.iter().sum::<f64>() <= LONG_SHARE_MAX * self.counts.iter().sum::<f64>();
        is_rare.then(|| LineSilence { gap_us, expected: self.expected() })
    }

    /// The usual time between lines, in seconds; `None` as long as no two lines told their times.
    pub fn usual_seconds(&self) -> Option<f64> {
        (self.gaps > 0.0).then_some(self.usual_us * 1e-6)
    }

    /// The seconds until the next line; `None` as long as no two lines told their times.
    pub fn expected(&self) -> Option<Expected> {
        self.counts.iter().any(|count| *count > 0.0).then(|| gaps(&self.counts, &self.means).0)
    }
}

impl Persist for LineGaps {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.f64s_fixed("gaps of lines", &mut self.counts)?;
        s.f64("step of gaps", &mut self.step)?;
        self.means.persist(s)?;
        s.f64("gaps of lines", &mut self.gaps)?;
        s.f64("usual gap of lines", &mut self.usual_us)?;
        self.clock.persist(s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean(gaps: &LineGaps) -> f64 {
        match gaps.expected() {
            Some(Expected::Number { mean, .. }) => mean,
            other => panic!("a gap is a number: {other:?}"),
        }
    }

    #[test]
    fn a_silence_is_told_from_a_usual_gap() {
        let mut gaps = LineGaps::default();
        (0..100).for_each(|i| gaps.observe(Some(i * 2_000_000)));
        let silence = |gaps: &LineGaps, time_us| gaps.silence(time_us).map(|silence| silence.gap_us);
        assert_eq!(silence(&gaps, Some(99 * 2_000_000 + 5_000_000)), None);
        assert_eq!(silence(&gaps, Some(99 * 2_000_000 + 900_000_000)), Some(900_000_000));
        assert_eq!((silence(&gaps, Some(5)), silence(&gaps, None)), (None, None));
        // thirty lines of each second: its end is no silence
        let mut gaps = LineGaps::default();
        (0..3000).for_each(|i| gaps.observe(Some(i / 30 * 1_000_000)));
        assert_eq!(silence(&gaps, Some(100 * 1_000_000)), None);
        assert_eq!(silence(&gaps, Some(160 * 1_000_000)), Some(61_000_000));
    }

    #[test]
    fn the_next_line_is_due_after_the_usual_time() {
        let mut gaps = LineGaps::default();
        gaps.observe(None);
        gaps.observe(Some(5_000_000));
        assert_eq!(gaps.expected(), None, "one line has no gap");
        (1..100).for_each(|i| gaps.observe(Some(5_000_000 + i * 2_000_000)));
        assert!((mean(&gaps) / 2.0 - 1.0).abs() < 1e-6, "{}", mean(&gaps));
        assert_eq!(gaps.usual_seconds(), Some(2.0));
        // two hosts whose clocks are a second apart, a line without a time among four, and a time far ahead at last
        let mut mixed = LineGaps::default();
        (0..3_000).for_each(|i| match i % 4 {
            3 => mixed.observe(None),
            n => mixed.observe(Some(i * 4_000_000 - n % 2 * 1_000_000)),
        });
        let usual = |gaps: &LineGaps| gaps.usual_seconds().unwrap();
        assert!((usual(&mixed) / 4.0 - 1.0).abs() < 0.01, "{}", usual(&mixed));
        mixed.observe(Some(i64::MAX / 2));
        assert!(usual(&mixed) < 4.1, "{}", usual(&mixed));
        // a new pace replaces the old one
        (1..60_000).for_each(|i| gaps.observe(Some(300_000_000 + i * 60_000_000)));
        assert!((mean(&gaps) / 60.0 - 1.0).abs() < 0.1, "{}", mean(&gaps));
    }
}
