//! The latest value of every field of a key, and what the model of one field sees of the others.

use surmise_state::{Persist, State, StateError};
use surmise_symbol::{EventInputs, mix};

/// The latest value of every field, in the two forms in which other fields see it. Both arrays have one entry per
/// field, in schema order.
#[derive(Clone, Default)]
pub struct Values {
    /// Hashes of symbols, as [`hash_of_symbol`] makes them; 0 where the value is missing.
    pub hashes: Vec<u32>,
    /// Numbers; NaN where the value is missing or no number. NaN, not `Option`, because the number learners of symbol
    /// models read this array as it is.
    pub numbers: Vec<f64>,
}

impl Values {
    /// Values of `fields` fields, all missing.
    pub fn new(fields: usize) -> Self {
        Values { hashes: vec![0; fields], numbers: vec![f64::NAN; fields] }
    }

    /// Copies `other` into the memory that this one already has.
    pub fn copy_from(&mut self, other: &Values) {
        self.hashes.clone_from(&other.hashes);
        self.numbers.clone_from(&other.numbers);
    }

    /// Adds missing values until there is one for each of `fields` fields.
    pub fn resize(&mut self, fields: usize) {
        self.hashes.resize(fields, 0);
        self.numbers.resize(fields, f64::NAN);
    }
}

impl Persist for Values {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.u32s_fixed("previous", &mut self.hashes)?;
        s.f64s_fixed("previous numbers", &mut self.numbers)
    }
}

/// Values of the other fields that the prediction of one field may use, gathered anew for every field.
#[derive(Clone, Default)]
pub struct SideInputs {
    /// `[sides + clocks]`: hashes of the other fields' values, then the hands of the clocks.
    pub side: Vec<u32>,
    /// `[numbers]`: values of number fields; NaN where one is missing.
    pub numbers: Vec<f64>,
}

impl<'a> From<&'a SideInputs> for EventInputs<'a> {
    fn from(inputs: &'a SideInputs) -> Self {
        EventInputs { side: &inputs.side, numbers: &inputs.numbers }
    }
}

/// The hash under which other fields see a symbol; never the 0 of a missing value but by chance.
pub fn hash_of_symbol(symbol: u32) -> u32 {
    mix(symbol.wrapping_add(1), 0x5EE7)
}
