//! A full chunk on its way to becoming an update: learning beside predicting.

use crate::{
    Device, Engine, FullChunk, FullLayer, LayerGradients, NONE, NoClone, Shape,
    aligned::Aligned,
    chunk::Chunk,
    fused::{self, Workspace},
    gradients::Gradients,
    layer::Layer,
    tensor::tensor,
};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use surmise_state::{Persist, State, StateError};

/// PendingJobs that are kept for their workspace, at most: one that was learnt from, and one that its sink still holds.
const SPARE: usize = 2;

/// Who works out jobs beside the one who predicts: gets every job when its chunk is full, and calls
/// [`GradientJob::work`] on it, whenever, on whatever thread. What is not worked out by the time that its update is due is
/// worked out then, so a sink may also let jobs fall.
pub type JobSink = Arc<dyn Fn(Arc<GradientJob>) + Send + Sync>;

/// A full chunk, with the weights that its gradient needs.
///
/// Determinism: the gradient depends on the job and its device alone. Whoever asks first has it worked out, all others
/// wait for that.
pub struct GradientJob {
    shape: Shape,
    chunk: Chunk,
    /// W of every layer, as it was during the chunk.
    below: Vec<Aligned>,
    /// Workspace that an earlier job was worked out in.
    workspace: Mutex<Option<Workspace>>,
    device: OnceLock<Arc<dyn Device>>,
    result: OnceLock<Computed>,
}

/// Bytes that the full chunks of a network take at most, nearly, when updates wait for so many chunks.
pub fn pending_jobs_bytes(shape: &Shape, delay: usize) -> usize {
    let (g, width) = (3 * shape.hidden, shape.width());
    // two of gates, states, features and gradients; W, and the gradients of W, of a row of each table a step, of D
    let chunk = 2 * shape.chunk * 7 * width;
    let weights = (3 * shape.hidden + shape.chunk * shape.tables + shape.dense) * g * shape.layers;
    if delay == 0 { 0 } else { 4 * (delay + SPARE) * (chunk + weights) }
}

/// what became of a job.
#[derive(Clone)]
struct Computed {
    finite: bool,
    workspace: Workspace,
}

impl GradientJob {
    fn new(shape: &Shape, layers: &[Layer], engine: Engine) -> GradientJob {
        let below = match engine {
            Engine::Fused => layers.iter().map(|l| Aligned::zeros(l.below.w.len())).collect(),
            // dfdx works out at once, under the weights as they are
            Engine::Dfdx => layers.iter().map(|_| Aligned::default()).collect(),
        };
        GradientJob {
            shape: *shape,
            chunk: Chunk::new(shape),
            below,
            workspace: Mutex::default(),
            device: OnceLock::new(),
            result: OnceLock::new(),
        }
    }

    /// Becomes the job of a full chunk, which gets this one's old chunk in return, under the weights in force.
    /// dfdx's tape may not change threads, nor may its inputs be had later, so that engine works it out at once.
    fn begin(&mut self, layers: &[Layer], chunk: &mut Chunk, engine: Engine) {
        if let Some(worked) = self.result.take() {
            *self.workspace.get_mut().unwrap_or_else(PoisonError::into_inner) = Some(worked.workspace);
        }
        self.device.take();
        std::mem::swap(&mut self.chunk, chunk);
        // plans are told apart over all chunks
        chunk.plan = self.chunk.plan;
        match engine {
            Engine::Fused => self.below.iter_mut().zip(layers).for_each(|(b, l)| b.copy_from_slice(&l.below.w)),
            Engine::Dfdx => {
                let all = Gradients::by_dfdx(&self.shape, layers, &self.chunk, self.shape.chunk);
                self.result = Computed::given(&self.shape, all).into();
            }
        }
    }

    /// Has the gradient worked out on a device, by whoever asks for it. A [`JobSink`] has to do this before it returns;
    /// the first device that is named counts.
    pub fn assign(&self, device: &Arc<dyn Device>) {
        self.device.get_or_init(|| device.clone());
    }

    /// The chunk, as devices see it.
    pub fn full_chunk(&self) -> FullChunk<'_> {
        let c = &self.chunk;
        FullChunk {
            shape: &self.shape,
            ids: &c.ids,
            dense: &c.dense,
            links: &c.links,
            y: &c.y,
            dy: &c.dy,
            layers: (c.layers.iter().zip(&self.below))
                .map(|(l, below)| FullLayer { gates: &l.gates, before: &l.before, h: &l.h, below })
                .collect(),
        }
    }

    /// Whether the gradient is worked out.
    pub fn is_done(&self) -> bool {
        self.result.get().is_some()
    }

    /// Works out the gradient; false if that was done already.
    pub fn compute(&self) -> bool {
        let mut mine = false;
        self.result.get_or_init(|| {
            mine = true;
            let workspace = self.workspace.lock().unwrap_or_else(PoisonError::into_inner).take();
            let mut workspace = workspace.unwrap_or_else(|| Workspace::new(&self.shape));
            let finite = match self.device.get().map(|d| d.gradients(&self.full_chunk())) {
                Some(Ok(gradients)) => gradients.map(|g| workspace.gradients = Gradients(g)).is_some(),
                // a device that failed leaves its jobs to the processor
                Some(Err(_)) | None => fused::gradients(&self.shape, &self.below, &self.chunk, &mut workspace),
            };
            Computed { finite, workspace }
        });
        mine
    }

    /// The gradient, layer by layer, worked out unless that is done; nothing if it is not finite.
    pub fn layer_gradients(&self) -> Option<&[LayerGradients]> {
        self.gradients().map(|g| g.0.as_slice())
    }

    /// The gradient; nothing if it is not finite.
    pub(crate) fn gradients(&self) -> Option<&Gradients> {
        self.compute();
        self.result.get().filter(|r| r.finite).map(|r| &r.workspace.gradients)
    }
}

impl Computed {
    fn given(shape: &Shape, gradients: Option<Gradients>) -> Computed {
        let mut workspace = Workspace::new(shape);
        let finite = gradients.is_some();
        workspace.gradients = gradients.unwrap_or_default();
        Computed { finite, workspace }
    }
}

/// Full chunks whose updates have not taken effect.
///
/// A clone has the same ones, as a checkpoint needs them, but neither a sink nor workspace to reuse.
#[derive(Default)]
pub(crate) struct PendingJobs {
    /// Chunks that an update waits.
    pub delay: usize,
    pub sink: NoClone<Option<JobSink>>,
    /// Oldest first.
    waiting: VecDeque<Arc<GradientJob>>,
    spare: Vec<Arc<GradientJob>>,
}

impl Clone for PendingJobs {
    fn clone(&self) -> Self {
        PendingJobs { delay: self.delay, sink: NoClone::default(), waiting: self.waiting.clone(), spare: Vec::new() }
    }
}

impl PendingJobs {
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Lets go of what waits, which is lost.
    pub fn discard(&mut self) {
        self.waiting = VecDeque::new();
        self.spare = Vec::new();
    }

    /// Takes a full chunk, in whose place another comes, and gives the job whose update is due.
    pub fn hand_over(
        &mut self,
        shape: &Shape,
        layers: &[Layer],
        chunk: &mut Chunk,
        engine: Engine,
    ) -> Option<Arc<GradientJob>> {
        let free = self.spare.iter_mut().position(|l| Arc::get_mut(l).is_some());
        let mut job = match free {
            Some(i) => self.spare.swap_remove(i),
            None => Arc::new(GradientJob::new(shape, layers, engine)),
        };
        Arc::get_mut(&mut job).expect("invariant: nobody else has it").begin(layers, chunk, engine);
        if let Some(sink) = &self.sink.0 {
            sink(job.clone());
        }
        self.waiting.push_back(job);
        (self.waiting.len() > self.delay).then(|| self.waiting.pop_front()).flatten()
    }

    /// Changes the sink; the new one gets the jobs that wait, too.
    pub fn set_job_sink(&mut self, sink: Option<JobSink>) {
        if let Some(sink) = &sink {
            self.waiting.iter().for_each(|l| sink(l.clone()));
        }
        self.sink.0 = sink;
    }

    /// Keeps the workspace of a job that was learnt from.
    pub fn put_back(&mut self, job: Arc<GradientJob>) {
        if self.spare.len() == SPARE {
            // one that somebody holds is of no use now
            self.spare.retain_mut(|l| Arc::get_mut(l).is_some());
            self.spare.truncate(SPARE - 1);
        }
        self.spare.push(job);
    }
}

impl PendingJobs {
    /// A checkpoint holds chunks and weights, not gradients: what it holds must not depend on who was faster. Only an
    /// engine that cannot work jobs out later has its gradients written.
    pub fn persist(
        &mut self,
        s: &mut State<'_>,
        shape: &Shape,
        layers: &[Layer],
        rows_max: usize,
        engine: Engine,
    ) -> Result<(), StateError> {
        let n = s.begin("lessons", self.waiting.len(), 1)?;
        if n > self.delay {
            return Err(StateError::Invalid("lessons"));
        }
        if s.is_reading() {
            self.waiting.clear();
        }
        for i in 0..n {
            let (mut chunk, mut below, result) = match self.waiting.get(i) {
                Some(l) => (l.chunk.clone(), l.below.clone(), l.result.get()),
                None => (Chunk::new(shape), vec![Aligned::default(); layers.len()], None),
            };
            chunk.persist_full(s, shape)?;
            if chunk.ids.iter().any(|id| *id != NONE && *id as usize >= rows_max) {
                return Err(StateError::Invalid("lesson.ids"));
            }
            for (b, l) in below.iter_mut().zip(layers) {
                let len = s.begin("lesson.below", b.len(), 4)?;
                if len != (if engine == Engine::Fused { l.below.w.len() } else { 0 }) {
                    return Err(StateError::Invalid("lesson.below"));
                }
                b.resize(len);
                tensor(s, "lesson.below", &[len], b)?;
            }
            let given =
                result.filter(|_| engine == Engine::Dfdx).map(|r| r.finite.then(|| r.workspace.gradients.clone()));
            let given = persist_given(given, s, layers)?;
            if s.is_reading() {
                let result = given.map_or_else(OnceLock::new, |g| Computed::given(shape, g).into());
                let job = GradientJob {
                    shape: *shape,
                    chunk,
                    below,
                    workspace: Mutex::default(),
                    device: OnceLock::new(),
                    result,
                };
                self.waiting.push_back(Arc::new(job));
            }
        }
        Ok(())
    }

    /// Table rows of the chunks that wait, with the table that each is of.
    pub fn rows(&self) -> impl Iterator<Item = (usize, u32)> {
        let ids =
            self.waiting.iter().flat_map(|l| l.chunk.ids.iter().enumerate().map(|(i, id)| (i % l.shape.tables, *id)));
        ids.filter(|(_, id)| *id != NONE)
    }
}

/// Whether a job was worked out, and its gradient if that is finite.
fn persist_given(
    mut given: Option<Option<Gradients>>,
    s: &mut State<'_>,
    layers: &[Layer],
) -> Result<Option<Option<Gradients>>, StateError> {
    let mut there = given.is_some();
    s.bool("lesson.done", &mut there)?;
    if !there {
        return Ok(None);
    }
    let mut finite = given.as_ref().is_some_and(Option::is_some);
    s.bool("lesson.finite", &mut finite)?;
    if !finite {
        return Ok(Some(None));
    }
    let mut g = given.take().flatten().unwrap_or_else(|| Gradients::zeros(layers));
    g.persist(s)?;
    g.fits(layers)?;
    Ok(Some(Some(g)))
}
