//! The error below which nothing is learnt.

/// What erred by no more than this is left as it is: most decisions of a routine stream are settled, and learning more
/// from them costs time and, where it drives weights on without end, bits (PREDICTOR §6).
const SETTLED_ERROR_MAX: f32 = 1.0 / 256.0;

/// The error if it is worth learning from, otherwise 0.
#[inline(always)]
pub fn unsettled(error: f32) -> f32 {
    if error.abs() > SETTLED_ERROR_MAX { error } else { 0.0 }
}
