//! A gradient job: a full chunk whose gradient may be computed by another thread or device than its network's.
//!
//! A job is shared by the network, which needs its gradient when the update is due, and by a worker, if there is one.
//! It holds the only locks of this crate: the result is a `OnceLock`, so that the gradient is computed once and both
//! threads read the same, and the workspace is behind a `Mutex` that only the computing thread takes. Which thread
//! computes changes nothing that is learnt, as the gradient is a function of the job's contents.

use crate::{
    Device, Engine, FullChunk, FullLayer, LayerGradients, Shape,
    aligned::Aligned,
    chunk::Chunk,
    dfdx_engine,
    fused::{self, GradientWorkspace},
    gradients::Gradients,
    layer::Layer,
};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Where a network sends each gradient job when its chunk is full: a function that hands the job to a worker, which
/// calls [`GradientJob::compute`] at any time, on any thread.
///
/// A gradient that is not computed by the time that its update is due is computed by the network itself, so a sink may
/// also drop jobs. It must not block, as the network predicts nothing meanwhile.
pub type JobSink = Arc<dyn Fn(Arc<GradientJob>) + Send + Sync>;

/// A full chunk, with the weights that its gradient needs.
///
/// Determinism: the gradient depends on the job's contents and on the device that it is assigned to. It is computed by
/// the first thread that asks for it; other threads that ask meanwhile wait.
pub struct GradientJob {
    pub(crate) shape: Shape,
    pub(crate) chunk: Chunk,
    /// W of every layer as it was during the chunk, `[H, 3H]` each, empty in the first layer. With engine `dfdx` all
    /// are empty.
    pub(crate) below: Vec<Aligned>,
    /// Workspace left over from an earlier job that had this one's memory.
    workspace: Mutex<Option<GradientWorkspace>>,
    device: OnceLock<Arc<dyn Device>>,
    result: OnceLock<ComputedGradient>,
}

/// The result of a job, in the workspace that it was computed in.
#[derive(Clone)]
struct ComputedGradient {
    finite: bool,
    workspace: GradientWorkspace,
}

impl GradientJob {
    /// A job without contents, with all its memory.
    pub(crate) fn new(shape: &Shape, layers: &[Layer], engine: Engine) -> GradientJob {
        let below = match engine {
            Engine::Fused => layers.iter().map(|l| Aligned::zeros(l.below.w.len())).collect(),
            // dfdx computes the gradient when the job is filled, under the weights as they are
            Engine::Dfdx => layers.iter().map(|_| Aligned::default()).collect(),
        };
        GradientJob::from_parts(shape, Chunk::new(shape), below)
    }

    /// A job of this chunk and these W.
    pub(crate) fn from_parts(shape: &Shape, chunk: Chunk, below: Vec<Aligned>) -> GradientJob {
        GradientJob {
            shape: *shape,
            chunk,
            below,
            workspace: Mutex::default(),
            device: OnceLock::new(),
            result: OnceLock::new(),
        }
    }

    /// Makes this the job of a full chunk under the current weights. The job and the network exchange their chunks, so
    /// that nothing is allocated.
    pub(crate) fn fill(&mut self, layers: &[Layer], chunk: &mut Chunk, engine: Engine) {
        if let Some(previous) = self.result.take() {
            *self.workspace.get_mut().unwrap_or_else(PoisonError::into_inner) = Some(previous.workspace);
        }
        self.device.take();
        std::mem::swap(&mut self.chunk, chunk);
        // numbers of plans are never used twice, so they follow the network
        chunk.plan = self.chunk.plan;
        match engine {
            Engine::Fused => self.below.iter_mut().zip(layers).for_each(|(b, l)| b.copy_from_slice(&l.below.w)),
            // at once, as a tape of dfdx may not change threads and its weights are not kept
            Engine::Dfdx => self.set_result(dfdx_engine::gradients(&self.shape, layers, &self.chunk, self.shape.chunk)),
        }
    }

    /// Assigns the job to a device, which computes the gradient whichever thread asks for it. A [`JobSink`] has to do
    /// this before it returns; the first device counts.
    pub fn assign(&self, device: &Arc<dyn Device>) {
        self.device.get_or_init(|| device.clone());
    }

    /// The chunk, as devices see it.
    pub fn full_chunk(&self) -> FullChunk<'_> {
        let chunk = &self.chunk;
        FullChunk {
            shape: &self.shape,
            ids: &chunk.ids,
            dense: &chunk.dense,
            links: &chunk.links,
            y: &chunk.y,
            dy: &chunk.dy,
            layers: (chunk.layers.iter().zip(&self.below))
                .map(|(l, below)| FullLayer { gates: &l.gates, before: &l.before, h: &l.h, below })
                .collect(),
        }
    }

    /// Whether the gradient is computed.
    pub fn is_done(&self) -> bool {
        self.result.get().is_some()
    }

    /// Computes the gradient; false if it was computed before, by any thread.
    pub fn compute(&self) -> bool {
        let mut computed_here = false;
        self.result.get_or_init(|| {
            computed_here = true;
            let workspace = self.workspace.lock().unwrap_or_else(PoisonError::into_inner).take();
            let mut workspace = workspace.unwrap_or_else(|| GradientWorkspace::new(&self.shape));
            let finite = match self.device.get().map(|device| device.gradients(&self.full_chunk())) {
                Some(Ok(gradients)) => gradients.map(|g| workspace.gradients = Gradients(g)).is_some(),
                // if a device fails, the processor computes the gradient
                Some(Err(_)) | None => fused::gradients(&self.shape, &self.below, &self.chunk, &mut workspace),
            };
            ComputedGradient { finite, workspace }
        });
        computed_here
    }

    /// The gradient of every layer, first layer first, computed if it was not; `None` if it is not finite.
    pub fn layer_gradients(&self) -> Option<&[LayerGradients]> {
        self.gradients().map(|g| g.0.as_slice())
    }

    /// The gradient, computed if it was not; `None` if it is not finite.
    pub(crate) fn gradients(&self) -> Option<&Gradients> {
        self.compute();
        self.result.get().and_then(ComputedGradient::gradients)
    }

    /// The result, if the gradient is computed: a gradient, or `Some(None)` if it is not finite.
    pub(crate) fn result(&self) -> Option<Option<&Gradients>> {
        self.result.get().map(ComputedGradient::gradients)
    }

    /// Stores a gradient that was computed elsewhere, or that it is not finite.
    pub(crate) fn set_result(&mut self, gradients: Option<Gradients>) {
        let mut workspace = GradientWorkspace::new(&self.shape);
        let finite = gradients.is_some();
        workspace.gradients = gradients.unwrap_or_default();
        self.result = ComputedGradient { finite, workspace }.into();
    }
}

impl ComputedGradient {
    fn gradients(&self) -> Option<&Gradients> {
        self.finite.then_some(&self.workspace.gradients)
    }
}
