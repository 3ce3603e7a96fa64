//! The network on a graphics processor.
//!
//! [`GradientDevice`] works out full chunks of networks that predict on the processor: a
//! [`GradientJob`](surmise_network::GradientJob) goes there and its gradients come back, to take effect at their position in the log.
//! [`Resident`] keeps a whole network there and trains it on thousands of sequences at once.
//!
//! Both run the kernels of `kernels.cu` on a [`Machine`]. With the feature `cuda` there is one, `Cuda`, that finds NVIDIA's
//! libraries at run time, so that one program runs with and without them. In tests there is an emulation, which runs the
//! same text on the processor.
//!
//! Every sum has one order and there are no atomic additions: equal calls give equal bits on one device.

mod backward;
mod check;
mod choice;
#[cfg(feature = "cuda")]
mod cuda;
mod find;
mod gradient_device;
mod groups;
pub mod machine;
mod plain;
mod resident;
mod room;

pub use check::{Comparison, compare_engines, compare_machine};
pub use choice::{Choice, Chosen, Measured};
#[cfg(feature = "cuda")]
pub use cuda::Cuda;
pub use find::{BUILT_WITH_CUDA, find};
pub use gradient_device::{GradientDevice, job_sink};
pub use machine::{Machine, Memory};
pub use plain::{Plain, first_head};
pub use resident::Resident;

/// A checksum of `kernels.cu`, by which `kernels.ptx` says what it was made of.
pub const CHECKSUM: u64 = checksum(include_bytes!("kernels.cu"));

/// FNV-1a.
const fn checksum(text: &[u8]) -> u64 {
    let (mut sum, mut i) = (0xcbf2_9ce4_8422_2325u64, 0);
    while i < text.len() {
        sum = (sum ^ text[i] as u64).wrapping_mul(0x0100_0000_01b3);
        i += 1;
    }
    sum
}
