//! Where gradients of full chunks can be worked out besides this processor: the boundary to a graphics processor.

use crate::{
    Recurrence, Shape,
    aligned::Aligned,
    chunk::Chunk,
    fused,
    layer::{Layer, Table},
};

/// Works out the gradients of full chunks, elsewhere or here.
///
/// A [`GradientJob`](crate::GradientJob) that is [`assigned`](crate::GradientJob::assign) to a device has its gradient from there, and
/// from nowhere else while the device works, whoever asks for it and whenever. So what is learnt depends on the device and
/// never on timing.
///
/// Determinism: equal chunks give equal bits on one device. Between devices, and to the engines of this crate, gradients
/// agree to [`TOLERANCE`] of the largest of their array.
pub trait Device: Send + Sync {
    /// What it is, for people.
    fn name(&self) -> String;

    /// The gradients of every layer, first layer first; `None` if one is not finite (see [`FullChunk`]).
    ///
    /// # Errors
    /// The device failed. The chunk is then worked out by the engine `fused`.
    fn gradients(&self, chunk: &FullChunk<'_>) -> Result<Option<Vec<LayerGradients>>, DeviceError>;
}

/// This processor as a device: engine `fused`.
pub struct Processor;

impl Device for Processor {
    fn name(&self) -> String {
        format!("processor, kernel {}", surmise_lanes::Kernel::detect().name())
    }

    fn gradients(&self, chunk: &FullChunk<'_>) -> Result<Option<Vec<LayerGradients>>, DeviceError> {
        let mut rows = Chunk::new(chunk.shape);
        rows.filled = chunk.shape.chunk;
        rows.ids.copy_from_slice(chunk.ids);
        rows.links.copy_from_slice(chunk.links);
        let arrays = [(&mut rows.dense, chunk.dense), (&mut rows.y, chunk.y), (&mut rows.dy, chunk.dy)];
        let layers = rows.layers.iter_mut().zip(&chunk.layers);
        let layers =
            layers.flat_map(|(to, l)| [(&mut to.gates, l.gates), (&mut to.before, l.before), (&mut to.h, l.h)]);
        arrays.into_iter().chain(layers).for_each(|(to, from)| to.copy_from_slice(from));
        let below: Vec<Aligned> = chunk.layers.iter().map(|l| l.below.into()).collect();
        let mut workspace = fused::Workspace::new(chunk.shape);
        let finite = fused::gradients(chunk.shape, &below, &rows, &mut workspace);
        Ok(finite.then_some(workspace.gradients.0))
    }
}

/// How far values and gradients of two devices may lie apart, as a share of the largest value of their array.
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

/// A chunk whose steps are all there, with the weights that its gradient needs. All arrays are row-major.
///
/// A chunk counts as not finite if in any row, layer and unit |dL/du_z| + |dL/du_c| + |dL/du_o| + |dL/dh before| is not a
/// number or above 1e8.
pub struct FullChunk<'a> {
    /// The sizes; `shape.chunk` is the number of rows T.
    pub shape: &'a Shape,
    /// `[T, tables]`, [`NONE`](crate::NONE) where there is no id.
    pub ids: &'a [u32],
    /// `[T, dense]`.
    pub dense: &'a [f32],
    /// `[T]`: the row of the step before of the same sequence, always an earlier one, or [`NONE`](crate::NONE).
    pub links: &'a [u32],
    /// Features, `[T, layers · H]`.
    pub y: &'a [f32],
    /// dL/dfeatures, same shape.
    pub dy: &'a [f32],
    /// What each layer has of its own.
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

/// The gradients of one layer, in the layout of its arrays.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LayerGradients {
    /// For each table its named rows, each once, and their gradients `[rows, 3H]`.
    pub tables: Vec<(Vec<u32>, Vec<f32>)>,
    /// Of D, `[dense, 3H]`.
    pub dense: Vec<f32>,
    /// Of W, `[H, 3H]`; empty in the first layer.
    pub below: Vec<f32>,
    /// Of b, `[3H]`.
    pub bias: Vec<f32>,
}

/// The weights of one layer, `[input][3H]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LayerWeights {
    /// For each table as many rows as were asked for.
    pub tables: Vec<Vec<f32>>,
    /// D.
    pub dense: Vec<f32>,
    /// W; empty in the first layer.
    pub below: Vec<f32>,
    /// b.
    pub bias: Vec<f32>,
}

impl Recurrence {
    /// A copy of the weights, with the first `rows` rows of each table, whether or not they took part in anything yet.
    pub fn layer_weights(&self, rows: usize) -> Vec<LayerWeights> {
        let table = |t: &Table| (0..rows).flat_map(|r| t.row(r)).collect();
        let layer = |l: &Layer| LayerWeights {
            tables: l.tables.iter().map(table).collect(),
            dense: l.dense.w.to_vec(),
            below: l.below.w.to_vec(),
            bias: l.bias.w.to_vec(),
        };
        self.layers().iter().map(layer).collect()
    }
}
