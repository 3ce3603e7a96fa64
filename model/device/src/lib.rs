//! Gradients on a graphics processor (GPU), the self-test, and a whole network on a GPU for measurements.
//!
//! * [`GradientDevice`] is what streams use: it computes the [`GradientJob`](surmise_network::GradientJob)s of
//!   networks that predict on the processor. Gradients come back, and take effect at their position in the log.
//! * [`compare_engines`] and [`compare_machine`] are the self-test.
//! * [`resident`] keeps a whole network on the GPU. Only the self-test and the bench use it; no stream does.
//!
//! All of them run the kernels of `kernels.cu` on a [`Machine`]. With the feature `cuda` there is one, `Cuda`, that
//! finds NVIDIA's libraries at run time, so that one program runs with and without them. In tests there is an
//! emulation, which runs the same text on the processor.
//!
//! Every sum has one order and there are no atomic additions: equal calls give equal bits on one device.

mod backward;
mod buffer;
mod check;
mod choice;
#[cfg(feature = "cuda")]
mod cuda;
mod find;
mod gradient_device;
pub mod machine;
mod product;
pub mod resident;
mod row_groups;

pub use check::{Comparison, compare_engines, compare_machine};
pub use choice::{Choice, Chosen, Measured};
#[cfg(feature = "cuda")]
pub use cuda::Cuda;
pub use find::{BUILT_WITH_CUDA, find};
pub use gradient_device::{GradientDevice, job_sink};
pub use machine::{Machine, Memory};

/// A checksum of `kernels.cu`, which the first line of `kernels.ptx` holds: so a test sees that one was not compiled
/// anew after the other changed.
pub const CHECKSUM: u64 = checksum(include_bytes!("kernels.cu"));

/// FNV-1a, a hash that a constant can be computed with.
const fn checksum(text: &[u8]) -> u64 {
    let (mut sum, mut i) = (0xcbf2_9ce4_8422_2325u64, 0);
    while i < text.len() {
        sum = (sum ^ text[i] as u64).wrapping_mul(0x0100_0000_01b3);
        i += 1;
    }
    sum
}
