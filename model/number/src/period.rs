//! The period of a stream whose events have no times, found in the values themselves.
//!
//! Of one key the last [`VALUES_MAX`] events are kept, each as one number: the sum of its columns as z, with changing
//! signs. V(l) is the mean square of the change over l events; beside it stands its mean up to l, so that walks and
//! slow changes have no dip (the normalised difference of de Cheveigné and Kawahara, *YIN, a fundamental frequency
//! estimator*, 2002). The period is the first l with a deep dip that comes again at its multiples: the dips of an
//! autoregression that oscillates fade. Events are then counted as parts of a day of so many (see `season`), and all
//! that knows days serves. A period that is none costs little, as all that it feeds is weighed by how good it is.

use crate::units::ColumnUnits;
use surmise_state::{Persist, State, StateError};

/// Events that are looked at.
const VALUES_MAX: usize = 1024;
/// Events after which it is looked for a first time; then at twice as many each, up to [`VALUES_MAX`].
const VALUES_MIN: usize = 128;
/// The shortest period, and how many times the longest fits into what is looked at.
const PERIOD_MIN: usize = 4;
const FITS_MIN: usize = 4;
/// Changes that are looked at: over nothing, and over up to half of the values.
const CHANGES: usize = VALUES_MAX / 2 + 1;
/// The dip of a period: V over its mean so far; that of a multiple may be larger by a factor and by a part of the mean.
const DIP_MAX: f64 = 0.5;
const AGAIN_FACTOR: f64 = 1.5;
const AGAIN_PART: f64 = 0.1;
const MULTIPLES: usize = 4;
/// The columns that are looked at, and how many units a value counts as at most.
const COLUMNS_MAX: usize = 8;
const UNITS_MAX: f64 = 6.0;
/// Another key is followed once the followed one has not come for so many events.
const IDLE_EVENTS: u32 = 4096;

/// The search for a period. It is followed at one key, which holds its grant.
#[derive(Clone, Debug, Default)]
pub(crate) struct PeriodSearch {
    /// The last events as numbers, oldest first, and how many came in all.
    values: Vec<f32>,
    seen: u64,
    /// Base and unit of each column when it began.
    units: Vec<f64>,
    /// The number of the key that is followed, from 1, and events since it came.
    grant: u32,
    idle: u32,
}

impl PeriodSearch {
    /// Takes in an event of the key that holds `grant`; `value` gives a column's value, NaN where there is none.
    /// Returns a period if it was looked for and found.
    pub(crate) fn learn<'u>(
        &mut self,
        grant: &mut u32,
        columns: usize,
        units: impl Fn(usize) -> &'u ColumnUnits,
        value: impl Fn(usize) -> f64,
    ) -> Option<usize> {
        self.idle += 1;
        if self.grant == 0 || *grant != self.grant {
            if self.grant > 0 && self.idle <= IDLE_EVENTS {
                return None;
            }
            let next = self.grant.wrapping_add(1).max(1);
            *self = Self { grant: next, ..Self::default() };
            *grant = next;
        }
        self.idle = 0;
        let columns = columns.min(COLUMNS_MAX);
        if self.units.len() != 2 * columns {
            self.units = (0..columns).flat_map(|j| [units(j).base, units(j).unit]).collect();
            self.values.clear();
            self.values.reserve_exact(VALUES_MAX);
        }
        let (mut sum, mut sign) = (0.0, 1.0);
        for j in 0..columns {
            let (base, unit) = (self.units[2 * j], self.units[2 * j + 1]);
            if !(0.125..8.0).contains(&(units(j).unit / unit)) || (units(j).base - base).abs() > UNITS_MAX * unit {
                // what was kept is in units that mean nothing any more
                (self.units[2 * j], self.units[2 * j + 1]) = (units(j).base, units(j).unit);
                self.values.clear();
            }
            let z = (value(j) - base) / unit;
            sum += sign * if z.is_finite() { z.clamp(-UNITS_MAX, UNITS_MAX) } else { 0.0 };
            sign = -sign;
        }
        if self.values.len() >= VALUES_MAX {
            self.values.drain(..VALUES_MAX / 4);
        }
        self.values.push(sum as f32);
        self.seen += 1;
        let n = self.values.len();
        (n >= VALUES_MIN && (n.is_power_of_two())).then(|| period(&self.values)).flatten()
    }
}

/// Mean squares of the changes over 0, 1, … values, up to half of them.
fn changes(values: &[f32]) -> [f64; CHANGES] {
    let mut all = [0.0; CHANGES];
    for (l, to) in all.iter_mut().enumerate().take(values.len() / 2 + 1) {
        let pairs = values[l..].iter().zip(values);
        *to = pairs.map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>() / (values.len() - l) as f64;
    }
    all
}

/// The period of some values, if they have one.
fn period(values: &[f32]) -> Option<usize> {
    let half = values.len() / 2;
    let v = changes(values);
    let mut sum = 0.0;
    let mut is_period = |l: usize| {
        sum += v[l];
        let mean = sum / l as f64;
        let is_dip = mean > 0.0 && v[l] < DIP_MAX * mean && v[l] <= v[l - 1] && v[l] <= v[l + 1];
        let most = AGAIN_FACTOR * v[l] + AGAIN_PART * mean;
        l >= PERIOD_MIN && is_dip && (2..=MULTIPLES).take_while(|k| k * l <= half).all(|k| v[k * l] <= most)
    };
    (1..=values.len() / FITS_MIN).find(|l| is_period(*l))
}

impl Persist for PeriodSearch {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.section("period")?;
        s.f32s("values", &mut self.values)?;
        s.f64s("units", &mut self.units)?;
        s.u64("seen", &mut self.seen)?;
        s.u32("grant", &mut self.grant)?;
        s.u32("idle", &mut self.idle)?;
        if self.values.len() > VALUES_MAX || self.units.len() > 2 * COLUMNS_MAX {
            return Err(StateError::Invalid("period"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use surmise_fixtures::Random;

    #[test]
    fn a_period_is_found_and_none_where_there_is_none() {
        let mut random = Random::new(3);
        for length in [7, 24, 48, 96] {
            let pattern: Vec<f64> = (0..length).map(|_| random.normal()).collect();
            let values: Vec<f32> = (0..512).map(|i| (pattern[i % length] + 0.3 * random.normal()) as f32).collect();
            assert_eq!(period(&values), Some(length));
        }
        for kind in 0..4 {
            let mut past = [0.0; 2];
            let values: Vec<f32> = (0..1024)
                .map(|_| {
                    let y = match kind {
                        0 => random.normal(),
                        1 => past[0] + random.normal(),
                        2 => 0.9 * past[0] + random.normal(),
                        // an oscillation that fades
                        _ => 1.7 * past[0] - 0.9 * past[1] + random.normal(),
                    };
                    past = [y, past[0]];
                    y as f32
                })
                .collect();
            assert_eq!(period(&values), None, "kind {kind}");
        }
    }
}
