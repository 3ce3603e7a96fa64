//! The least and the largest value of a column, and whether they are bounds: values that were reached many times and
//! never passed, such as nothing counted, a full tank, or a sensor's end.

use surmise_state::{Persist, State, StateError};

/// How often an end of the range must be reached, from elsewhere, for it to be a bound. By the rule of succession the
/// next value that reaches it goes beyond with a chance of less than one in so many.
const VISITS_MIN: u32 = 16;

/// The values of a column so far.
#[derive(Clone, Debug)]
pub(crate) struct ValueRange {
    /// The least and the largest value; the wrong way round before the first.
    ends: [f64; 2],
    /// How many values came to each from elsewhere.
    visits: [u32; 2],
}

impl ValueRange {
    pub(crate) fn new() -> ValueRange {
        ValueRange { ends: [f64::INFINITY, f64::NEG_INFINITY], visits: [0; 2] }
    }

    /// Takes in a value; `previous` is the key's one before.
    pub(crate) fn learn(&mut self, y: f64, previous: Option<f64>) {
        let is_beyond = [y < self.ends[0], y > self.ends[1]];
        for (end, is_beyond) in is_beyond.into_iter().enumerate() {
            if is_beyond {
                (self.ends[end], self.visits[end]) = (y, 1);
            } else if y == self.ends[end] && previous != Some(y) {
                self.visits[end] = self.visits[end].saturating_add(1);
            }
        }
    }

    /// What may come of a forecast: not what lies beyond a bound.
    pub(crate) fn keep(&self, y: f64) -> f64 {
        let [low, high] = self.ends;
        let is_bound = self.visits.map(|visits| visits >= VISITS_MIN);
        if is_bound[0] && y < low {
            low
        } else if is_bound[1] && y > high {
            high
        } else {
            y
        }
    }
}

impl Persist for ValueRange {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.f64s_fixed("range", &mut self.ends)?;
        s.u32s_fixed("range visits", &mut self.visits)?;
        let [low, high] = self.ends;
        let is_sound = self.visits == [0; 2] || (low.is_finite() && high.is_finite() && low <= high);
        if is_sound { Ok(()) } else { Err(StateError::Invalid("range")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_a_bound_once_many_values_came_to_it_and_none_went_beyond() {
        let mut range = ValueRange::new();
        assert_eq!(range.keep(-7.0), -7.0);
        let mut previous = None;
        let mut learn = |range: &mut ValueRange, y| range.learn(y, previous.replace(y));
        // one that stays says no more than one that comes
        (0..100).for_each(|_| learn(&mut range, 0.0));
        assert_eq!(range.keep(-1.0), -1.0);
        for _ in 1..VISITS_MIN {
            learn(&mut range, 3.5);
            learn(&mut range, 0.0);
        }
        assert_eq!([-1.0, 2.0, 3.0, 9.0].map(|y| range.keep(y)), [0.0, 2.0, 3.0, 9.0]);
        learn(&mut range, 3.5);
        assert_eq!(range.keep(9.0), 3.5);
        learn(&mut range, 4.0);
        learn(&mut range, -0.5);
        assert_eq!([-1.0, 9.0].map(|y| range.keep(y)), [-1.0, 9.0]);
    }
}
