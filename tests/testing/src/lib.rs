//! What tests of every crate share: randomness, streams to learn from, and the figures that the README claims.
//!
//! This crate knows nothing of the product, so that any crate may depend on it for its tests.
//!
//! * [`Random`] is the one random generator of tests.
//! * [`data`] finds the real streams, and says so aloud where there are none.
//! * [`recordings`] makes streams whose entropy is known.
//! * [`claims`] reads the README's table of results, so that no test repeats a figure that is printed there.

mod claims;
mod data;
mod random;
pub mod recordings;

pub use claims::{Claim, claim, claims, parse_results};
pub use data::{data, skipped};
pub use random::Random;
