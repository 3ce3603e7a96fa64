//! The mean of one column of one key since its level last moved.
//!
//! An average that remembers for long is the best forecast while values scatter around a level, and the worst after the
//! level has moved. This one tells the two apart. A value that lies far off is set aside until the next one has come:
//! if that lies where it lay, the level has moved, and the mean begins anew of the two; if values are back, it was a
//! freak, of which the mean learns nothing. While a value is set aside, the forecast lies between both, by how often
//! such values have stayed. A small move is told by a quick average that no longer lies around the mean.

use surmise_state::{Persist, State, StateError};

/// A mean is of so many values at most, and forgets from there on.
const VALUES_MAX: u8 = 64;
/// Values of which a mean must be to say what is far off.
const VALUES_MIN: u8 = 3;
/// A value is far off from so many mean errors on, and counts as at most so many in their mean.
const FAR_ERRORS: f64 = 4.0;
/// An error counts as at least so much of itself.
const ERROR_GROWTH: f64 = 0.01;
/// The mean error is of so many values at most.
const ERROR_VALUES_MAX: u8 = 50;
/// The rate of the quick average, how many values it is of, and from how many mean errors on it is off.
const QUICK_RATE: f64 = 0.2;
const QUICK_VALUES: u8 = 5;
const QUICK_ERRORS: f64 = 1.6;
/// Counts of values that stayed and that were freaks are halved from there on, so that they follow what changes.
const TOLD_MAX: u8 = 64;

/// The level of one column of one key.
#[derive(Clone, Debug)]
pub(crate) struct Plateau {
    /// NaN before the first value.
    mean: f64,
    /// The mean error.
    error: f64,
    quick: f64,
    /// A value that lies far off; NaN if the latest does not.
    aside: f64,
    /// How many values the mean and the mean error are of.
    values: u8,
    errors: u8,
    /// How many values that lay far off stayed, and how many were freaks.
    stayed: u8,
    freaks: u8,
}

impl Plateau {
    pub(crate) fn new() -> Self {
        Self {
            mean: f64::NAN,
            error: 0.0,
            quick: f64::NAN,
            aside: f64::NAN,
            values: 0,
            errors: 0,
            stayed: 0,
            freaks: 0,
        }
    }

    /// What the next value is expected to be; NaN before the first one.
    pub(crate) fn forecast(&self) -> f64 {
        if self.aside.is_nan() {
            return self.mean;
        }
        // half a one each before any
        let (stayed, freaks) = (f64::from(self.stayed) + 0.5, f64::from(self.freaks) + 0.5);
        self.mean + stayed / (stayed + freaks) * (self.aside - self.mean)
    }

    /// Begins anew with a value, of another kind than those before.
    pub(crate) fn begin(&mut self, y: f64) {
        (self.mean, self.values, self.quick, self.aside) = (y, 1, y, f64::NAN);
        (self.error, self.errors) = (0.0, 0);
    }

    /// Takes in a value.
    pub(crate) fn learn(&mut self, y: f64) {
        if self.mean.is_nan() {
            return self.begin(y);
        }
        if !self.aside.is_nan() {
            let (aside, is_back) = (self.aside, (y - self.mean).abs() <= (y - self.aside).abs());
            self.aside = f64::NAN;
            self.count(is_back);
            if !is_back {
                let level = 0.5 * (aside + y);
                (self.mean, self.values, self.quick) = (level, 2, level);
                return;
            }
            // where freaks are many, values scatter more than they did
            self.count_error(FAR_ERRORS * self.error);
        }
        let off = (y - self.mean).abs();
        if self.values >= VALUES_MIN && off > FAR_ERRORS * self.error {
            self.aside = y;
            return;
        }
        self.count_error(off);
        self.values = VALUES_MAX.min(self.values + 1);
        self.mean += (y - self.mean) / f64::from(self.values);
        self.quick += QUICK_RATE * (y - self.quick);
        if self.values > 2 * QUICK_VALUES && (self.quick - self.mean).abs() > QUICK_ERRORS * self.error {
            (self.mean, self.values) = (self.quick, QUICK_VALUES);
        }
    }

    fn count_error(&mut self, off: f64) {
        let most = if self.errors < VALUES_MIN { f64::INFINITY } else { FAR_ERRORS * self.error };
        // a mean of nothing must be able to grow
        let off = off.min(most.max(ERROR_GROWTH * off));
        self.errors = ERROR_VALUES_MAX.min(self.errors + 1);
        self.error += (off - self.error) / f64::from(self.errors);
    }

    /// Takes in whether a value that lay far off was a freak.
    fn count(&mut self, was_freak: bool) {
        let (stayed, freaks) = (&mut self.stayed, &mut self.freaks);
        *(if was_freak { &mut *freaks } else { &mut *stayed }) += 1;
        if *stayed + *freaks > TOLD_MAX {
            (*stayed, *freaks) = (*stayed / 2, *freaks / 2);
        }
    }
}

impl Persist for Plateau {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        for v in [&mut self.mean, &mut self.error, &mut self.quick, &mut self.aside] {
            s.f64("plateau", v)?;
        }
        for n in [&mut self.values, &mut self.errors, &mut self.stayed, &mut self.freaks] {
            s.u8("plateau", n)?;
        }
        let told = self.stayed.checked_add(self.freaks);
        let is_sound = self.values <= VALUES_MAX && self.errors <= ERROR_VALUES_MAX;
        if is_sound && told.is_some_and(|told| told <= TOLD_MAX) { Ok(()) } else { Err(StateError::Invalid("plateau")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use surmise_fixtures::Random;

    /// What a plateau expects before each value.
    fn expected(values: impl IntoIterator<Item = f64>) -> Vec<f64> {
        let mut plateau = Plateau::new();
        let ask = |y| {
            let forecast = plateau.forecast();
            plateau.learn(y);
            forecast
        };
        values.into_iter().map(ask).collect()
    }

    fn noise(seed: u64, n: usize) -> Vec<f64> {
        let mut random = Random::new(seed);
        (0..n).map(|_| random.normal()).collect()
    }

    #[test]
    fn a_level_that_moves_is_left_behind_with_its_second_value() {
        let values = noise(1, 600).into_iter().enumerate().map(|(i, e)| e + 50.0 * (i / 200) as f64);
        let expected = expected(values);
        for (place, level) in [(199, 0.0), (202, 50.0), (399, 50.0), (402, 100.0), (599, 100.0)] {
            assert!((expected[place] - level).abs() < 2.0, "{place}: {}", expected[place]);
        }
        // chance has pretended a freak by then
        assert!(expected[401] > 70.0, "{}", expected[401]);
    }

    #[test]
    fn freaks_are_not_taken_for_a_level() {
        let values = noise(2, 900).into_iter().enumerate().map(|(i, e)| if i % 60 == 59 { 80.0 } else { e });
        let expected = expected(values);
        let (after, others): (Vec<_>, Vec<_>) = (600..900).partition(|i| i % 60 == 0);
        assert!(after.iter().all(|i| expected[*i] < 20.0), "{after:?}");
        assert!(others.iter().all(|i| expected[*i].abs() < 3.0), "{others:?}");
    }

    #[test]
    fn a_small_move_is_told_in_time_and_chance_seldom_is() {
        let expected =
            expected(noise(3, 2_000).into_iter().enumerate().map(|(i, e)| if i < 1_000 { e } else { e + 2.0 }));
        assert!((expected[1_020] - 2.0).abs() < 1.0, "{}", expected[1_020]);
        let errors: f64 = expected[100..1_000].iter().map(|y| y * y).sum();
        assert!(errors / 900.0 < 0.06, "a mean of 64 values errs by 1/64 of their variance: {errors}");
    }

    #[test]
    fn values_that_begin_to_scatter_are_followed() {
        let values = (0..50).map(|_| 5.0).chain(noise(4, 500).into_iter().map(|e| 5.0 + 10.0 * e));
        let expected = expected(values);
        let off: f64 = expected[150..].iter().map(|y| (y - 5.0).powi(2)).sum::<f64>() / 400.0;
        assert!(off < 25.0, "{off}");
    }
}
