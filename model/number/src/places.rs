//! Where the values of a column lie among those before them, for a column that is not predicted.

use crate::units::ColumnUnits;
use surmise_state::{Persist, State, StateError};

/// What is learnt of a column whose values are only seen by others.
#[derive(Clone, Debug)]
pub struct ColumnPlaces {
    units: ColumnUnits,
}

impl Default for ColumnPlaces {
    fn default() -> ColumnPlaces {
        ColumnPlaces { units: ColumnUnits::new() }
    }
}

impl ColumnPlaces {
    /// 0..16: where a value lies among the column's values so far.
    pub fn bucket(&self, value: f64) -> u32 {
        self.units.bucket(value)
    }

    /// Takes in a value, which is finite; `previous` is the one before it of the same key, or NaN.
    pub fn learn(&mut self, value: f64, previous: f64) {
        let _units_changed = self.units.learn(value, Some(previous));
    }
}

impl Persist for ColumnPlaces {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        self.units.persist(s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_placed_among_those_before() {
        let mut places = ColumnPlaces::default();
        let wave = |i: u32| f64::from((i * 7919) % 1000);
        (0..4000).for_each(|i| places.learn(wave(i), f64::NAN));
        assert_eq!((places.bucket(-1e6), places.bucket(1e6)), (0, 15));
        assert!((6..10).contains(&places.bucket(500.0)));
    }
}
