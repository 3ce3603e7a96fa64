//! Parts of a checkpoint that only some sizes of network can read.

use surmise_state::{State, StateError};

/// A number that must be the same in the checkpoint.
pub(crate) fn same(s: &mut State<'_>, name: &'static str, want: usize) -> Result<(), StateError> {
    let mut found = want;
    s.len(name, &mut found)?;
    if found == want { Ok(()) } else { Err(StateError::Mismatch(name)) }
}

/// A tensor: its name, its dimensions `dims`, and `values` in row-major order, as many as the dimensions say.
pub(crate) fn tensor(
    s: &mut State<'_>,
    name: &'static str,
    dims: &[usize],
    values: &mut [f32],
) -> Result<(), StateError> {
    debug_assert_eq!(dims.iter().product::<usize>(), values.len());
    s.section(name)?;
    for dim in dims {
        same(s, name, *dim)?;
    }
    s.f32s_fixed(name, values)
}
