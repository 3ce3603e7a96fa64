//! Sixteen-lane arithmetic that gives the same bits on every kernel of one arithmetic.
//!
//! Everything numeric in the hot path works on [blocks](Block) of sixteen `f32` with a fixed order of reduction. The
//! [`kernels!`] macro compiles one body three times, for AVX-512, for AVX2 with FMA, and for plain x86-64 (the
//! *portable* kernel, which is the only one on other processors), and picks one at run time. The two vector kernels
//! agree bit for bit, because both fuse every [`madd`] and neither changes the order of a sum. The portable kernel
//! does not fuse, so its arithmetic has a name of its own, which is part of a checkpoint's identity
//! ([`Kernel::arithmetic`]).
//!
//! Nothing here calls a system mathematics library, whose results differ between machines.
//!
//! ```
//! use surmise_lanes::{Block, dot, kernels};
//!
//! kernels! {
//!     /// Σ w·x; `weights` and `inputs`: as many blocks each.
//!     fn weighted_sum[FMA](weights: &[Block], inputs: &[Block]) -> f32 {
//!         dot::<FMA>(weights, inputs)
//!     }
//! }
//!
//! assert_eq!(weighted_sum(&[[0.5; 16]; 2], &[[1.0; 16]; 2]), 16.0);
//! ```

mod blocks;
mod elementary;
mod kernel;

pub use blocks::{add_scaled, add_scaled_each, dot, dots, prefetch, select_or_zero, sum};
pub use elementary::{exp, ln, madd, rsqrt, sigmoid, stretch, tanh};
pub use kernel::Kernel;

/// Number of lanes in a block; arrays that kernels walk have a length that is a multiple of it.
pub const LANES: usize = 16;

/// One block of lanes.
pub type Block = [f32; LANES];

#[cfg(test)]
mod tests;
