//! The boundary to a device that computes gradients of full chunks: a graphics processor, or this processor.

use crate::{Shape, gradients::LayerGradients};

/// Something that computes the gradients of full chunks.
///
/// A [`GradientJob`](crate::GradientJob) that is [assigned](crate::GradientJob::assign) to a device has its gradient
/// computed there, whichever thread computes it and whenever. So what is learnt depends on the device and never on
/// timing.
///
/// Determinism: equal chunks give equal bits on one device. Between devices, and to the engines of this crate,
/// gradients agree to [`TOLERANCE`] of the largest of their array.
pub trait Device: Send + Sync {
    /// What the device is, for people.
    fn name(&self) -> String;

    /// The gradients of every layer, first layer first; `None` if one is not finite (see [`FullChunk`]).
    ///
    /// # Errors
    /// The device failed. The gradient of the chunk is then computed by engine `fused`.
    fn gradients(&self, chunk: &FullChunk<'_>) -> Result<Option<Vec<LayerGradients>>, DeviceError>;
}

/// How far values and gradients of two devices may differ, as a share of the largest value of their array: about ten
/// times what is seen in single precision (the self-test prints both).
pub const TOLERANCE: f64 = 1e-5;

/// Why a device did not do what it was asked to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeviceError {
    /// This program was built without support for a device.
    #[error("this program was built without CUDA (cargo build --features cuda)")]
    NotBuilt,
    /// No device was found, for this reason.
    #[error("there is no GPU: {0}")]
    Absent(String),
    /// A device was found that cannot be used, for this reason.
    #[error("the GPU cannot be used: {0}")]
    Unusable(String),
    /// The device failed while it worked, with this message.
    #[error("the GPU failed: {0}")]
    Failed(String),
    /// Weights, sizes or inputs do not fit each other.
    #[error("{0}")]
    Misfit(String),
}

/// A chunk with all its steps, and the weights that its gradient needs. All arrays are row-major.
///
/// A chunk counts as not finite if in any row, layer and unit |dL/du_z| + |dL/du_c| + |dL/du_o| + |dL/dh before| is
/// not a number or above 1e8.
pub struct FullChunk<'a> {
    /// The sizes; `shape.chunk` is the number of rows T.
    pub shape: &'a Shape,
    /// `[T, tables]`, [`NONE`](crate::NONE) where a table has no row at a step.
    pub ids: &'a [u32],
    /// `[T, dense]`.
    pub dense: &'a [f32],
    /// `[T]`: the row of the step before of the same sequence, always an earlier one, or [`NONE`](crate::NONE).
    pub links: &'a [u32],
    /// Features, `[T, layers · H]`.
    pub y: &'a [f32],
    /// dL/dfeatures, `[T, layers · H]`.
    pub dy: &'a [f32],
    /// What each layer has of its own, first layer first.
    pub layers: Vec<FullLayer<'a>>,
}

/// The part of one layer of a [`FullChunk`].
pub struct FullLayer<'a> {
    /// z, c, o, `[T, 3H]`.
    pub gates: &'a [f32],
    /// h of the step before, `[T, H]`.
    pub before: &'a [f32],
    /// h, `[T, H]`.
    pub h: &'a [f32],
    /// W during the chunk, `[H, 3H]`; empty in the first layer.
    pub below: &'a [f32],
}
