//! The network on a graphics processor.
//!
//! [`LessonDevice`] works out full chunks of networks that predict on the processor: a
//! [`Lesson`](surmise_network::Lesson) goes there and its gradients come back, to take effect at their position in the log.
//! [`Resident`] keeps a whole network there and trains it on thousands of sequences at once.
//!
//! Both run the kernels of `kernels.cu` on a [`Machine`]. With the feature `cuda` there is one, `Cuda`, that finds NVIDIA's
//! libraries at run time, so that one program runs with and without them. In tests there is an emulation, which runs the
//! same text on the processor.
//!
//! Every sum has one order and there are no atomic additions: equal calls give equal bits on one device.

mod backward;
mod groups;
mod lessons;
pub mod machine;
mod plain;
mod resident;
mod room;

pub use lessons::{LessonDevice, teacher};
pub use machine::{Machine, Memory};
pub use plain::Plain;
pub use resident::Resident;
