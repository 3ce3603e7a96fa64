//! What a symbol may depend on besides the past of its key.

/// Values of the event's other fields that a symbol's prediction may use.
#[derive(Clone, Copy, Debug, Default)]
pub struct EventInputs<'a> {
    /// Hashes of the event's other fields, then of its clocks: `[Spec::sides]`, in a fixed order.
    pub side: &'a [u32],
    /// Numbers of the event: `[Spec::numbers]`, in a fixed order; NaN where a number is missing.
    pub numbers: &'a [f64],
}

impl<'a> From<&'a [u32]> for EventInputs<'a> {
    fn from(side: &'a [u32]) -> Self {
        EventInputs { side, numbers: &[] }
    }
}

impl<'a, const N: usize> From<&'a [u32; N]> for EventInputs<'a> {
    fn from(side: &'a [u32; N]) -> Self {
        EventInputs { side, numbers: &[] }
    }
}

impl<'a> From<&'a Vec<u32>> for EventInputs<'a> {
    fn from(side: &'a Vec<u32>) -> Self {
        EventInputs { side, numbers: &[] }
    }
}
