//! The network: a gated linear recurrence that learns online, and the heads that read it.
//!
//! A [`Recurrence`] has layers l of H units. At each step it gets one id for each of its tables E (the latest
//! symbols, say) and a vector of dense inputs, both of which feed every layer:
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
//! The update of a chunk takes effect at the start of the next one, or is [delayed](Recurrence::delayed) by a number
//! of chunks: a place among the steps, never a moment in time. The gradient of a delayed update is a [`GradientJob`],
//! which a [`JobSink`] may hand to another thread and [assign](GradientJob::assign) to a [`Device`], a graphics
//! processor; what is learnt depends on the delay and the device alone, never on timing.
//!
//! Two engines compute the same network over the same parameter arrays; see [`Engine`].
//!
//! Every sum has a fixed order and no system mathematics library is called: with the default engine the same steps
//! give the same bits on every machine of one arithmetic (see `surmise_lanes::Kernel::arithmetic`).
//!
//! A network computes on the thread that calls it and shares nothing that changes, but for the result of a gradient
//! job, which is written once. It starts no thread and reads no clock.

mod aligned;
mod chains;
mod chunk;
mod dense;
mod device;
mod dfdx_engine;
mod engine;
mod fused;
mod gradient_job;
mod gradients;
mod guard;
mod initial_weights;
mod kernels;
mod layer;
mod layer_step;
mod linear;
mod no_clone;
mod pending_jobs;
mod processor;
mod products;
mod recurrence;
mod rule;
mod sequence;
mod shape;
mod tensor;
mod tree;
mod weights;

pub use dense::{DenseLayer, SoftmaxHead};
pub use device::{Device, DeviceError, FullChunk, FullLayer, TOLERANCE};
pub use engine::{Engine, ParseEngineError};
pub use gradient_job::{GradientJob, JobSink};
pub use gradients::LayerGradients;
pub use guard::RejectedUpdates;
pub use linear::LinearHead;
pub use no_clone::NoClone;
pub use pending_jobs::pending_jobs_bytes;
pub use processor::Processor;
pub use recurrence::{LayerWeights, Recurrence};
pub use rule::Rates;
pub use sequence::{Hidden, Sequence};
pub use shape::{NONE, Shape};
pub use tree::TreeHead;
pub use weights::{ArrayNumbers, LayerHealth, NamedArray};
