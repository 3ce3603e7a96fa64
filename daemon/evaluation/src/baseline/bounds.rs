//! How much the baselines keep.

use std::num::NonZeroUsize;

/// Keys whose private state is held; beyond it the one unused for longest is forgotten.
pub(crate) const KEYS_MAX: NonZeroUsize = NonZeroUsize::new(100_000).unwrap();
/// Keys whose private state is held where it is rows of numbers, which are larger.
pub(crate) const SEQUENCES_MAX: NonZeroUsize = NonZeroUsize::new(1_000).unwrap();
