//! The network: a gated linear recurrence that learns online, and the heads that read it.
//!
//! A [`Recurrence`] has layers l of H units. At each step it gets one id for each of its tables E (the symbols that
//! came last, say) and a vector of dense inputs, both of which feed every layer:
//!
//! ```text
//! u   = b + Σ_k E_k[id_k] + D·dense + W·y_below        inputs of the gates, u_z held within ±20
//! z   = σ(u_z)   c = tanh(u_c)   o = σ(u_o)
//! h'  = h + z (c - h)                                   the gates do not see h: no recurrent matrix
//! y   = o h'                                            the features are y of every layer, one after another
//! ```
//!
//! Heads ([`TreeHead`], [`LinearHead`]) turn features into logits and numbers and add the gradient of their loss to
//! [`Recurrence::gradient`]. Every T steps, a *chunk*, the gradient goes back through the chunk and the weights make
//! one step by [`Rates`]. Steps of many sequences may interleave in a chunk: each has a [`Sequence`], and gradients
//! flow along each sequence's own steps.
//!
//! The update of a chunk takes effect at the start of the next one, or [`Recurrence::delayed`] by a number of chunks: a
//! place among the steps, never a moment in time. So a [`JobSink`] can work it out beside, on another core, and what is
//! learnt depends on the delay alone.
//!
//! A job can also be assigned to a [`Device`], a graphics processor.
//!
//! Two engines compute the same network over the same parameter arrays; see [`Engine`].
//!
//! Every sum has a fixed order and no system mathematics library is called: with the default engine the same steps
//! give the same bits on every machine of one arithmetic (see `surmise_lanes::Kernel::arithmetic`).

mod aligned;
mod chains;
mod chunk;
mod dense;
mod device;
mod dfdx_engine;
mod fused;
mod gradient_job;
mod gradients;
mod kernels;
mod layer;
mod linear;
mod no_clone;
mod products;
mod recurrence;
mod rule;
mod sequence;
mod shape;
mod start;
mod tensor;
mod tree;

pub use dense::{DenseLayer, SoftmaxHead};
pub use device::{Device, DeviceError, FullChunk, FullLayer, LayerGradients, LayerWeights, Processor, TOLERANCE};
pub use gradient_job::{GradientJob, JobSink, pending_jobs_bytes};
pub use linear::LinearHead;
pub use no_clone::NoClone;
pub use recurrence::Recurrence;
pub use rule::Rates;
pub use sequence::{Hidden, Sequence};
pub use shape::{Engine, NONE, ParseEngineError, Shape};
pub use tree::TreeHead;
