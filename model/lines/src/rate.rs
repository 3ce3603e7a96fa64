//! Lines in a stretch of time, against the forecast from the stretches before.

use crate::table::log2;
use surmise_alarm::HighMark;
use surmise_state::{Persist, State, StateError};

/// Lines from which the usual rate is taken.
const LINES_FIRST: u64 = 1000;

/// Stretches before there is an opinion.
const STRETCHES_MIN: u64 = 12;

/// Stretches that a line can close; what is longer is a hole in the recording.
const STRETCHES_CLOSED_MAX: u32 = 20;

/// The rate of lines in stretches that hold a number of lines at the usual rate.
#[derive(Clone, Debug)]
pub(crate) struct Rate {
    lines: f64,
    width_us: i64,
    from_us: Option<i64>,
    count: u64,
    mean: f64,
    variance: f64,
    stretches: u64,
    mark: HighMark,
}

impl Rate {
    /// A rate over stretches of about this many lines.
    pub fn new(lines: f64) -> Rate {
        Rate {
            lines,
            width_us: 0,
            from_us: None,
            count: 0,
            mean: 0.0,
            variance: 0.1,
            stretches: 0,
            mark: HighMark::new(0, 3.0),
        }
    }

    /// Learns a line that is of a time of its own, where the stream is at `now_us`; returns the bits of the oddest
    /// stretch that it closes. A line of a stretch that is over counts for none: after a clock was set back, all lines
    /// are of the past until it has caught up, and no stretch is to be made of them.
    pub fn line(&mut self, now_us: i64, own_us: i64, line: u64) -> f64 {
        let from_us = *self.from_us.get_or_insert(now_us);
        if self.width_us == 0 {
            self.count += 1;
            if self.count >= LINES_FIRST && now_us > from_us {
                self.width_us = (((now_us - from_us) as f64 * self.lines / LINES_FIRST as f64) as i64).max(1);
                (self.count, self.from_us) = (0, Some(now_us));
            }
            return 0.0;
        }
        let (mut from_us, mut closed, mut most) = (from_us, 0, 0f64);
        while now_us.saturating_sub(from_us) >= self.width_us && closed < STRETCHES_CLOSED_MAX {
            most = most.max(self.close(line));
            from_us += self.width_us;
            closed += 1;
        }
        if closed == STRETCHES_CLOSED_MAX {
            from_us = now_us;
        }
        self.from_us = Some(from_us);
        self.count += u64::from(own_us >= from_us);
        most
    }

    fn close(&mut self, line: u64) -> f64 {
        let y = log2(self.count as f64 + 2.0) * std::f64::consts::LN_2;
        self.stretches += 1;
        self.count = 0;
        if self.stretches == 1 {
            self.mean = y;
        }
        let error = y - self.mean;
        let deviation = self.variance.sqrt() + 0.05;
        let bits = (0.5 * (error / deviation) * (error / deviation) * std::f64::consts::LOG2_E).min(60.0);
        let excess = if self.stretches > STRETCHES_MIN { self.mark.excess(bits, line) } else { 0.0 };
        let step = error.clamp(-3.0 * deviation, 3.0 * deviation);
        self.mean += 0.3 * step;
        self.variance += (step * step - self.variance) * 0.01f64.max(1.0 / (self.stretches as f64 + 4.0));
        excess
    }
}

impl Persist for Rate {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.i64("width", &mut self.width_us)?;
        let (mut has_from, mut from_us) = (self.from_us.is_some(), self.from_us.unwrap_or(0));
        s.bool("has from", &mut has_from)?;
        s.i64("from", &mut from_us)?;
        self.from_us = has_from.then_some(from_us);
        s.u64("count", &mut self.count)?;
        s.f64("mean", &mut self.mean)?;
        s.f64("variance", &mut self.variance)?;
        s.u64("stretches", &mut self.stretches)?;
        self.mark.persist(s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use surmise_fixtures::Random;

    #[test]
    fn a_clock_that_is_set_back_makes_no_rush_of_lines() {
        let (mut rate, mut random) = (Rate::new(60.0), Random::new(4));
        let (mut time_us, mut latest_us, mut most) = (0, 0, 0f64);
        for line in 0..12_000 {
            time_us += 1 + (4_000_000.0 * random.uniform()) as i64;
            // by five minutes
            time_us -= if line == 8_000 { 300_000_000 } else { 0 };
            latest_us = time_us.max(latest_us);
            let bits = rate.line(latest_us, time_us, line);
            most = most.max(if line > 8_000 { bits } else { 0.0 });
        }
        assert!(most < 6.0, "{most}");
    }
}
