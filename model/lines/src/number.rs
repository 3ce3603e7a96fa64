//! The numbers of a slot: what is out of range, and whether their mean has moved.

use crate::shape::LeadingNumber;
use crate::table::log2;
use surmise_alarm::HighMark;
use surmise_state::{Persist, State, StateError};

/// The least deviation on the logarithmic scale; smaller ones are rounding.
const DEVIATION_MIN: f64 = 0.05;

/// Numbers before a slot has an opinion.
const COUNT_MIN: u64 = 30;

/// Bits that a moved mean shows at most.
const DRIFT_BITS_MAX: f64 = 200.0;

/// The share of rises from which on a slot is a counter, which has no range.
const RISES_OF_COUNTER: f64 = 0.9;

/// Numbers of a slot on a signed logarithmic scale.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SlotNumber {
    count: u64,
    mean: f64,
    variance: f64,
    recent: f64,
    last: f64,
    rises: f64,
    /// The unit that numbers are counted in: the one of the first number, as a multiple of the least of its kind.
    unit: f64,
    /// Whether numbers are counted in thousandths of that, as one of the first ones had a point.
    is_decimal: bool,
    range_mark: HighMark,
    drift_mark: HighMark,
}

impl SlotNumber {
    /// No numbers yet, at line `now`.
    pub fn new(now: u64) -> SlotNumber {
        SlotNumber {
            count: 0,
            mean: 0.0,
            variance: 1.0,
            recent: 0.0,
            last: 0.0,
            rises: 0.0,
            unit: 1.0,
            is_decimal: false,
            range_mark: HighMark::new(now, 4.0),
            drift_mark: HighMark::new(now, 8.0),
        }
    }

    /// Learns a number, finite or not; returns bits of being out of range and bits of a moved mean. A slot where
    /// numbers have points counts in thousandths, so that .002 and .2 differ. A number of another unit is told in the
    /// slot's own, and one without a unit is in it: `2 s` after `850 ms` is 2,000.
    pub fn learn(&mut self, number: &LeadingNumber, unit: Option<f64>, now: u64) -> (f64, f64) {
        if self.count == 0 {
            self.unit = unit.unwrap_or(1.0);
        }
        if number.has_point && !self.is_decimal && self.count <= COUNT_MIN {
            // what few whole numbers have shown is of another scale
            *self = SlotNumber { unit: self.unit, is_decimal: true, ..SlotNumber::new(now) };
        }
        let number = number.number * unit.map_or(1.0, |unit| unit / self.unit);
        if !number.is_finite() || number.abs() > 1e300 {
            return (0.0, 0.0);
        }
        let scaled = number.abs() * if self.is_decimal { 1000.0 } else { 1.0 };
        let y = (log2(1.0 + scaled) * std::f64::consts::LN_2).copysign(number);
        self.count += 1;
        if self.count == 1 {
            (self.mean, self.recent, self.last) = (y, y, number);
            return (0.0, 0.0);
        }
        let deviation = self.variance.sqrt() + DEVIATION_MIN;
        let z = (y - self.mean) / deviation;
        self.rises += (f64::from(u8::from(number >= self.last)) - self.rises) * 0.05;
        self.last = number;
        self.recent += (y - self.recent) / 16.0;
        let mut said = (0.0, 0.0);
        let is_settled = self.count > COUNT_MIN;
        if is_settled && self.rises < RISES_OF_COUNTER {
            // a heavy tail, Student's with four degrees of freedom
            said.0 = self.range_mark.excess((2.5 * log2(1.0 + z * z / 4.0)).max(0.0), now);
            let moved = (self.recent - self.mean) / (deviation * 0.18);
            let bits = 0.5 * moved * moved * std::f64::consts::LOG2_E;
            said.1 = self.drift_mark.excess(bits.min(DRIFT_BITS_MAX), now);
        }
        let rate = (1.0 / 512f64).max(1.0 / (self.count as f64 + 1.0));
        let step = if is_settled { (y - self.mean).clamp(-4.0 * deviation, 4.0 * deviation) } else { y - self.mean };
        self.mean += rate * step;
        self.variance += rate * (step * step - self.variance);
        said
    }
}

impl Persist for SlotNumber {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.u64("count", &mut self.count)?;
        s.f64("mean", &mut self.mean)?;
        s.f64("variance", &mut self.variance)?;
        s.f64("recent", &mut self.recent)?;
        s.f64("last", &mut self.last)?;
        s.f64("rises", &mut self.rises)?;
        s.f64("unit", &mut self.unit)?;
        s.bool("is decimal", &mut self.is_decimal)?;
        self.range_mark.persist(s)?;
        self.drift_mark.persist(s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape::number_of;
    use crate::token::unit_scale;

    /// What a slot says of the last of these values, the others being what it knows.
    fn told(values: impl Iterator<Item = String>) -> f64 {
        let mut slot = SlotNumber::new(0);
        let mut said = (0.0, 0.0);
        for (now, value) in values.enumerate() {
            let number = number_of(value.as_bytes()).unwrap();
            said = slot.learn(&number, unit_scale(&value.as_bytes()[number.text_end..]), now as u64);
        }
        said.0
    }

    fn usual(i: usize) -> f64 {
        3.0 + (i * 37 % 101) as f64 / 100.0
    }

    #[test]
    fn a_number_of_another_unit_is_the_same_number() {
        let with = |last: &str| told((0..200).map(|i| format!("{}ms", usual(i))).chain([last.to_owned()]));
        assert_eq!((with("3.25ms"), with("3250us"), with("0.00325s"), with("3250000ns")), (0.0, 0.0, 0.0, 0.0));
        assert!(with("3.25s") > 4.0 && with("3250ms") > 4.0 && with("3.25us") > 4.0);
        assert_eq!(with("3"), 0.0, "without a unit it is in the slot's own");
    }

    #[test]
    fn whole_numbers_among_decimals_are_of_one_scale() {
        let value = |i: usize| if i.is_multiple_of(4) { "3".into() } else { format!("{}", usual(i)) };
        for first in [0, 1] {
            let with = |last: &str| told((first..200).map(value).chain([last.to_owned()]));
            assert_eq!((with("3.25"), with("4")), (0.0, 0.0));
            assert!(with("3000") > 4.0 && with("0.003") > 4.0);
        }
    }
}
