//! The first stage of a prediction: what is known of a column before its event.

use crate::dims::{LAGS, LONG_DIMS, LONG_LAGS, OWN_DAY, OWN_DIMS, padded};
use crate::key_column::KeyColumn;
use crate::profile::{DayProfile, HOUR_DIMS, PeriodPlace};
use crate::season::Ring;
use crate::units::ColumnUnits;

/// Whether a key has had a value of a column. Scales and weights of the two cases are learnt apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Regime {
    /// The key has a value.
    Known = 0,
    /// The key never had a value.
    Fresh = 1,
}

/// A run of more equal values than 2^6 counts as one of so many.
const RUN_CLASS_MAX: u32 = 7;
/// Deviations from what is usual count as at most so many units.
const DEVIATION_MAX: f64 = 20.0;
/// So do distances from the last value.
const DISTANCE_MAX: f64 = 20.0;

/// What is known of one column of one key before its event: regressors, and values of the days before.
///
/// It is scratch: [`load_lags`](ColumnPast::load_lags) overwrites all of it.
#[derive(Clone, Debug)]
pub(crate) struct ColumnPast {
    /// The key's last value; none for a key that never had one.
    pub(super) last: Option<f64>,
    /// The binary logarithm of how often the last value came in a row, 0..8.
    pub(super) run_class: usize,
    /// Whether the last values were all nearly certain.
    pub(super) is_certain: bool,
    /// Regressors of the column's own past as z, `[OWN_DIMS]` and padding.
    pub(super) own: [f64; padded(OWN_DIMS)],
    /// Regressors of the long regression, as distances from the last value in units, `[LONG_DIMS]` and padding.
    pub(super) long: [f64; padded(LONG_DIMS)],
    /// The last three lags as z, newest first.
    pub(super) z: [f64; 3],
    /// Where in the period the event lies, if what is usual there is known.
    pub(super) place: Option<PeriodPlace>,
    /// The last two deviations from what is usual, in units, and a constant.
    pub(super) deviations: [f64; HOUR_DIMS],
    /// The value one day before, and the one before that.
    pub(super) day: Option<f64>,
    pub(super) day_before: Option<f64>,
    /// The value a week before, where there was one.
    pub(super) week: Option<f64>,
    /// What the usual day says, where it knows.
    pub(super) usual: Option<f64>,
}

/// What a key knows of the days before an event.
pub(crate) struct Days<'a> {
    pub(super) ring: &'a Ring,
    pub(super) profile: &'a DayProfile,
    /// Samples of a day.
    pub(super) day: usize,
    /// Samples that were skipped since the key's last event.
    pub(super) skipped: usize,
    pub(super) place: Option<PeriodPlace>,
}

impl Days<'_> {
    /// The value of a column `back` samples before the event.
    fn value(&self, back: usize, column: usize) -> Option<f64> {
        let value = if back > self.skipped { self.ring.get(back - self.skipped, column) } else { f64::NAN };
        value.is_finite().then_some(value)
    }
}

impl ColumnPast {
    pub(crate) fn new() -> Self {
        Self {
            last: None,
            run_class: 0,
            is_certain: false,
            own: [0.0; padded(OWN_DIMS)],
            long: [0.0; padded(LONG_DIMS)],
            z: [0.0; 3],
            place: None,
            deviations: [0.0; HOUR_DIMS],
            day: None,
            day_before: None,
            week: None,
            usual: None,
        }
    }

    /// The last three lags as z, newest first.
    #[inline]
    pub(crate) fn z(&self) -> &[f64; 3] {
        &self.z
    }

    /// What the regression on all columns sees of this one: lags one and two, the day before and the sample before
    /// that, lag three, all as z. Where there is no room for all, the first count.
    pub(crate) fn regressors(&self) -> [f64; 5] {
        let z = &self.z;
        [z[0], z[1], self.own[OWN_DAY], self.own[OWN_DAY + 1], z[2]]
    }

    /// Whether the key has had a value.
    #[inline]
    pub(crate) fn regime(&self) -> Regime {
        if self.last.is_some() { Regime::Known } else { Regime::Fresh }
    }

    /// Takes the lags in the column's units, and what the key knows of the days before.
    /// `phase` is the sine and cosine of the time of day.
    pub(crate) fn load_lags(
        &mut self,
        units: &ColumnUnits,
        key: &KeyColumn,
        days: Option<&Days<'_>>,
        phase: (f64, f64),
        column: usize,
    ) {
        let x = &mut self.own;
        x.fill(0.0);
        (self.last, self.is_certain) = (key.last(), key.is_certain());
        self.run_class = (u32::BITS - key.run().leading_zeros()).min(RUN_CLASS_MAX) as usize;
        let z = |y: f64| if y.is_finite() { units.z(y) } else { 0.0 };
        for (i, x) in x[..LAGS].iter_mut().enumerate() {
            *x = z(key.lag(i + 1));
        }
        self.z = [x[0], x[1], x[2]];
        (self.day, self.day_before, self.week, self.usual, self.place) = (None, None, None, None, None);
        let mut day_after = None;
        if let Some(days) = days {
            let usual = days.place.map_or(f64::NAN, |place| days.profile.usual(place, column));
            self.usual = Some(usual).filter(|usual| usual.is_finite());
            let deviations = days.profile.deviations(column);
            let usual_before = self.last.map_or(f64::NAN, |last| last - deviations[0]);
            // what lay far out in its time says nothing of now
            let value = |back: usize| days.value(back, column).filter(|y| !units.is_outside(*y));
            let day = days.day;
            (self.day, self.day_before, self.week) = (value(day), value(day + 1), value(7 * day));
            // what is not known of a day was as usual
            let z_or = |y: Option<f64>, usual: f64| z(y.unwrap_or(usual));
            x[OWN_DAY] = z_or(self.day, usual);
            x[OWN_DAY + 1] = z_or(self.day_before, usual_before);
            day_after = value(day - 1);
            x[OWN_DAY + 2] = z_or(day_after, usual);
            x[OWN_DAY + 3] = z_or(self.week, usual);
            x[OWN_DAY + 4] = z_or(value(7 * day + 1), usual_before);
            if let (true, Some(last)) = (usual.is_finite(), self.last) {
                self.place = days.place;
                x[OWN_DAY + 5] = z(usual);
                x[OWN_DAY + 6] = z(last - deviations[0]);
                let [newest, before] = deviations.map(|d| (d / units.unit).clamp(-DEVIATION_MAX, DEVIATION_MAX));
                self.deviations = [newest, before, 1.0];
            }
        }
        x[OWN_DIMS - 1] = 1.0;
        self.load_long(units, key, day_after, phase);
    }

    /// Takes what the long regression sees: distances from the last value. `day_after` is the value one day before the
    /// event after this one.
    fn load_long(&mut self, units: &ColumnUnits, key: &KeyColumn, day_after: Option<f64>, phase: (f64, f64)) {
        let long = &mut self.long;
        let latest = key.lag(1);
        let distance = |y: f64| {
            let z = (y - latest) / units.unit;
            if z.is_finite() { z.clamp(-DISTANCE_MAX, DISTANCE_MAX) } else { 0.0 }
        };
        // how far the last value is from the mean, and those before from it
        long[0] = distance(units.centre());
        for (i, x) in long[..LONG_LAGS].iter_mut().enumerate().skip(1) {
            *x = distance(key.lag(i + 1));
        }
        // the days before, the week before, the usual day
        let days = [self.day, self.day_before, day_after, self.week, self.usual];
        for (x, y) in long[LONG_LAGS..].iter_mut().zip(days) {
            *x = y.map_or(0.0, distance);
        }
        long[LONG_DIMS - 3..LONG_DIMS].copy_from_slice(&[phase.0, phase.1, 1.0]);
    }

    /// Whether a value is the key's last one again.
    pub(crate) fn is_repeated(&self, units: &ColumnUnits, y: f64) -> bool {
        self.last.is_some_and(|last| units.index(last) == units.index(y))
    }

    /// Whether a value has come again so often that one more says nothing but that.
    pub(crate) fn is_settled(&self, units: &ColumnUnits, y: f64) -> bool {
        self.run_class == RUN_CLASS_MAX as usize && self.is_repeated(units, y)
    }

    /// The change from the key's last value to `y`, as the middle of a cell.
    pub(crate) fn step_to(&self, units: &ColumnUnits, y: f64) -> Option<f64> {
        self.last.map(|last| units.cell(y - last).0)
    }
}
