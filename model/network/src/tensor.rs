//! Named tensors of a checkpoint.

use surmise_state::{State, StateError};

/// A number that must be the same in the checkpoint.
pub(crate) fn same(s: &mut State<'_>, name: &'static str, want: usize) -> Result<(), StateError> {
    let mut n = want;
    s.len(name, &mut n)?;
    if n == want { Ok(()) } else { Err(StateError::Mismatch(name)) }
}

/// A tensor: its name, its dimensions, its values in row-major order.
pub(crate) fn tensor(s: &mut State<'_>, name: &'static str, dims: &[usize], v: &mut [f32]) -> Result<(), StateError> {
    debug_assert_eq!(dims.iter().product::<usize>(), v.len());
    s.section(name)?;
    for d in dims {
        same(s, name, *d)?;
    }
    s.f32s_fixed(name, v)
}
