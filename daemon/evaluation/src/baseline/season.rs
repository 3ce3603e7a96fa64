//! The season of a column: the row at the same time yesterday, or last week where there is one row a day.

const DAY_US: i64 = 86_400_000_000;
/// Intervals by whose median the season is found.
const INTERVALS_SAMPLED: usize = 64;
/// Rows of the longest season: a day of minutes.
pub(crate) const LAG_ROWS_MAX: usize = 1440;

/// Finds the season's length in rows from the interval between rows.
#[derive(Default)]
pub(crate) struct SeasonFinder {
    last_us: Option<i64>,
    intervals: Vec<i64>,
    lag: Option<usize>,
}

impl SeasonFinder {
    /// Learns the time of a row.
    pub(crate) fn learn(&mut self, time_us: Option<i64>) {
        let Some(t) = time_us else { return };
        if let Some(l) = self.last_us.replace(t)
            && self.intervals.len() < INTERVALS_SAMPLED
            && t > l
        {
            self.intervals.push(t - l);
            if self.intervals.len() == INTERVALS_SAMPLED {
                let mut sorted = self.intervals.clone();
                sorted.sort_unstable();
                self.lag = lag(sorted[INTERVALS_SAMPLED / 2]);
            }
        }
    }

    /// Rows of a season, once that is known and where there is one.
    pub(crate) fn lag(&self) -> Option<usize> {
        self.lag
    }
}

fn lag(interval_us: i64) -> Option<usize> {
    let a_day = (DAY_US as f64 / interval_us as f64).round() as usize;
    match a_day {
        2..=LAG_ROWS_MAX => Some(a_day),
        1 => Some(7),
        _ => None,
    }
}

/// The time of day as sine and cosine of its angle on a clock of 24 hours; the middle where there is no time.
pub(crate) fn time_of_day(time_us: Option<i64>) -> [f64; 2] {
    let Some(t) = time_us else { return [0.0; 2] };
    let (sin, cos) = (std::f64::consts::TAU * t.rem_euclid(DAY_US) as f64 / DAY_US as f64).sin_cos();
    [sin, cos]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_in_rows() {
        let minute = 60_000_000;
        let of = |interval: i64| {
            let mut s = SeasonFinder::default();
            (0..200).for_each(|i| s.learn(Some(i * interval + if i == 9 { interval / 2 } else { 0 })));
            s.lag()
        };
        assert_eq!([5, 60, 24 * 60, 1].map(|m| of(m * minute)), [Some(288), Some(24), Some(7), Some(1440)]);
        assert_eq!(of(minute / 60), None, "more rows than are kept");
        assert_eq!(SeasonFinder::default().lag(), None);
        let noon = time_of_day(Some(DAY_US / 2));
        assert!(noon[0].abs() < 1e-9 && (noon[1] + 1.0).abs() < 1e-9);
    }
}
