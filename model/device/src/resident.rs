//! A whole network on a machine, for the self-test and the bench only.
//!
//! Streams do not use this module: their networks predict on the processor, event by event, and only gradients of full
//! chunks are computed on a GPU ([`GradientDevice`](crate::GradientDevice)). A [`ResidentNetwork`] shows what a GPU
//! can do when thousands of sequences are stepped at once, which `surmise-bench device` measures against PyTorch, and
//! it runs the kernels of the forward pass, the softmax and the update, which the self-test holds against a
//! [`PlainNetwork`].

mod network;
mod plain;
mod setup;

pub use network::ResidentNetwork;
pub use plain::{PlainNetwork, first_head};
