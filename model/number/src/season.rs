//! The stream's sampling interval, found by majority vote, and each key's record of the days before.

use crate::profile::{PROFILE_SLOTS_MAX, PeriodPlace};
use surmise_state::{Persist, State, StateError};

/// Microseconds of a day.
const DAY_US: i64 = 86_400_000_000;
/// Votes that make an interval known, and the most that are counted.
const VOTES_SURE: u32 = 12;
const VOTES_MAX: u32 = 64;
/// The longest day in samples: a sample a minute.
const DAY_SAMPLES_MAX: i64 = 1440;

/// The sine and cosine of the time of day; zero where no time is known.
pub(crate) fn phase(time_us: Option<i64>) -> (f64, f64) {
    let Some(time_us) = time_us else { return (0.0, 0.0) };
    let t = time_us.rem_euclid(DAY_US) as f64 / DAY_US as f64;
    libm::sincos(std::f64::consts::TAU * t)
}

/// What the stream's time stamps say (shared by its keys).
#[derive(Clone, Debug, Default)]
pub(crate) struct SamplingSeason {
    candidate_us: i64,
    votes: u32,
    /// The interval in force, in microseconds; 0 while none is known.
    pub(crate) interval_us: i64,
    /// Samples a day, 0 if the interval does not divide a day.
    pub(crate) day: usize,
    /// Changes with the interval; records of another epoch are void.
    pub(crate) epoch: u32,
    /// Whether events have no times and are counted, as parts of a day.
    pub(crate) is_counted: bool,
}

impl SamplingSeason {
    /// Takes in the distance between two events of one key, as a vote for an interval (Boyer and Moore, 1981).
    pub(crate) fn learn(&mut self, distance_us: i64) {
        if distance_us <= 0 {
            return;
        }
        let near = |a: i64| (a - distance_us).abs() <= a / 64;
        if self.votes > 0 && near(self.candidate_us) {
            self.votes = (self.votes + 1).min(VOTES_MAX);
        } else if self.votes > 0 {
            self.votes -= 1;
        } else {
            (self.candidate_us, self.votes) = (distance_us, 1);
        }
        if self.votes >= VOTES_SURE
            && (self.interval_us == 0 || (self.interval_us - self.candidate_us).abs() > self.interval_us / 64)
        {
            self.interval_us = self.candidate_us;
            let day = (DAY_US + self.interval_us / 2) / self.interval_us.max(1);
            let divides = (day * self.interval_us - DAY_US).abs() < DAY_US / 1000;
            let day = if divides && (2..=DAY_SAMPLES_MAX).contains(&day) { day as usize } else { 0 };
            if day != self.day {
                (self.day, self.is_counted) = (day, false);
                self.epoch += 1;
            }
        }
    }

    /// Events without times have a period: each counts as a part of a day of so many.
    pub(crate) fn count(&mut self, period: usize) {
        if self.day == period {
            return;
        }
        let interval_us = DAY_US / period.max(2) as i64;
        (self.candidate_us, self.interval_us, self.votes) = (interval_us, interval_us, VOTES_MAX);
        (self.day, self.is_counted) = (period, true);
        self.epoch += 1;
    }

    /// The time of a key's next event, as far as it is known: the event's own, or one interval after the key's last.
    pub(crate) fn next_time(&self, last_us: Option<i64>, own_us: Option<i64>) -> Option<i64> {
        match own_us {
            Some(time_us) => Some(time_us).filter(|time_us| *time_us != i64::MIN),
            None if self.is_counted && last_us.is_none() => Some(0),
            None => last_us.filter(|_| self.interval_us > 0).map(|last_us| last_us.saturating_add(self.interval_us)),
        }
    }

    /// Slots of the usual day, 0 if there is no day.
    pub(crate) fn slots(&self) -> usize {
        if self.day == 0 { 0 } else { self.day.div_ceil(self.day.div_ceil(PROFILE_SLOTS_MAX)) }
    }

    /// Where in the day a time lies; jitter of less than half an interval does not matter.
    pub(crate) fn place(&self, time_us: Option<i64>) -> Option<PeriodPlace> {
        let slots = self.slots();
        time_us.filter(|_| slots > 0).map(|time_us| {
            let t = time_us.saturating_add(self.interval_us / 2).rem_euclid(DAY_US);
            PeriodPlace { slot: (t as i128 * slots as i128 / DAY_US as i128) as usize, slots }
        })
    }

    /// How many samples `later` lies after `earlier`, at least one.
    pub(crate) fn steps(&self, earlier: i64, later: i64) -> usize {
        if self.interval_us == 0 {
            return 1;
        }
        let d = later.saturating_sub(earlier).max(0);
        ((d.saturating_add(self.interval_us / 2)) / self.interval_us).max(1) as usize
    }
}

impl Persist for SamplingSeason {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.section("season")?;
        s.i64("candidate_us", &mut self.candidate_us)?;
        s.u32("votes", &mut self.votes)?;
        s.i64("interval_us", &mut self.interval_us)?;
        s.len("day", &mut self.day)?;
        s.bool("counted", &mut self.is_counted)?;
        s.u32("epoch", &mut self.epoch)
    }
}

/// A key's rows of the last days: grows with the key, then wraps.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ring {
    pub(crate) epoch: u32,
    width: usize,
    /// Rows kept at most.
    rows: usize,
    /// Place of the oldest row once the ring is full.
    head: usize,
    data: Vec<f64>,
}

impl Ring {
    /// The value of `column`, `back` rows before the next one; NaN if unknown.
    pub(crate) fn get(&self, back: usize, column: usize) -> f64 {
        let n = self.data.len().checked_div(self.width).unwrap_or(0);
        if back == 0 || back > n || column >= self.width {
            return f64::NAN;
        }
        let i = (self.head + n - back) % n;
        self.data[i * self.width + column]
    }

    /// Makes room for `rows` rows of `width` columns; starts anew where these or the season are others, and says so.
    pub(crate) fn fit(&mut self, epoch: u32, width: usize, rows: usize) -> bool {
        let is_other = (self.epoch, self.width, self.rows) != (epoch, width, rows);
        if is_other {
            *self = Self { epoch, width, rows, ..Self::default() };
        }
        is_other
    }

    /// Leaves out `n` rows whose values were never sent.
    pub(crate) fn skip(&mut self, n: usize) {
        if n >= self.rows {
            self.data.clear();
            self.head = 0;
        } else {
            (0..n).for_each(|_| self.push_with(|_| f64::NAN));
        }
    }

    /// Adds a row, whose values `value` gives by column.
    pub(crate) fn push_with(&mut self, value: impl Fn(usize) -> f64) {
        if self.rows == 0 || self.width == 0 {
            return;
        }
        if self.data.len() < self.rows * self.width {
            self.data.extend((0..self.width).map(value));
        } else {
            for c in 0..self.width {
                self.data[self.head * self.width + c] = value(c);
            }
            self.head = (self.head + 1) % self.rows;
        }
    }
}

impl Persist for Ring {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.section("ring")?;
        s.u32("epoch", &mut self.epoch)?;
        s.len("width", &mut self.width)?;
        s.len("rows", &mut self.rows)?;
        s.len("head", &mut self.head)?;
        s.f64s("data", &mut self.data)?;
        let whole = self.data.len().is_multiple_of(self.width);
        let full = self.rows.saturating_mul(self.width);
        if !whole || self.data.len() > full || (self.head > 0 && (self.data.len() < full || self.head >= self.rows)) {
            return Err(StateError::Invalid("ring"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_is_found_through_jitter_and_holes() {
        let mut s = SamplingSeason::default();
        for i in 0..60 {
            s.learn(if i % 7 == 3 { 7_200_000_000 } else { 3_600_000_000 + (i % 3) * 1_000_000 });
        }
        assert_eq!(s.day, 24);
        assert_eq!(s.steps(0, 10_799_000_000), 3);
    }

    #[test]
    fn the_ring_remembers_rows_by_their_distance() {
        let mut r = Ring::default();
        r.fit(1, 2, 5);
        for i in 0..12 {
            r.push_with(|c| (10 * i + c) as f64);
            for back in 1..=5.min(i + 1) {
                assert_eq!(r.get(back, 1), (10 * (i + 1 - back) + 1) as f64);
            }
        }
        assert!(r.get(6, 0).is_nan() && r.get(0, 0).is_nan());
        r.skip(2);
        assert!(r.get(2, 0).is_nan());
        assert_eq!(r.get(3, 0), 110.0);
    }
}
