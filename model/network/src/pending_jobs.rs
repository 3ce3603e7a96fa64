//! The gradient jobs of a network whose updates have not taken effect.

use crate::{
    Engine, GradientJob, JobSink, NONE, NoClone, Shape, aligned::Aligned, chunk::Chunk, gradients::Gradients,
    layer::Layer, tensor::tensor,
};
use std::collections::VecDeque;
use std::sync::Arc;
use surmise_state::{Persist, State, StateError};

/// Jobs that are kept for their memory, at most: one whose update was just made, and one that a worker still holds.
const SPARE_JOBS_MAX: usize = 2;

/// Bytes that the full chunks of a network take, nearly and at most, when updates are delayed by so many chunks.
pub fn pending_jobs_bytes(shape: &Shape, delay: usize) -> usize {
    let (gates, width) = (shape.gates(), shape.width());
    // of each of two chunks: three gates, h, h before, y and dy of every unit and step
    let chunk = 2 * shape.chunk * 7 * width;
    // W, and the gradients of W, of a row of each table at each step, of D and others of its size
    let weights = (3 * shape.hidden + shape.chunk * shape.tables + shape.dense) * gates * shape.layers;
    if delay == 0 { 0 } else { size_of::<f32>() * (delay + SPARE_JOBS_MAX) * (chunk + weights) }
}

/// Full chunks whose updates have not taken effect.
///
/// A clone has the same waiting jobs, as a checkpoint needs them, but neither a sink nor spare memory.
#[derive(Default)]
pub(crate) struct PendingJobs {
    /// Chunks by which an update is delayed.
    pub delay: usize,
    /// Where jobs are sent, if anywhere.
    sink: NoClone<Option<JobSink>>,
    /// Oldest first.
    waiting: VecDeque<Arc<GradientJob>>,
    spare: Vec<Arc<GradientJob>>,
}

impl Clone for PendingJobs {
    fn clone(&self) -> Self {
        PendingJobs { delay: self.delay, sink: self.sink.clone(), waiting: self.waiting.clone(), spare: Vec::new() }
    }
}

impl PendingJobs {
    /// The number of jobs whose updates have not taken effect.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Drops the waiting jobs, whose updates are lost.
    pub fn discard(&mut self) {
        self.waiting = VecDeque::new();
        self.spare = Vec::new();
    }

    /// Takes a full chunk, in whose place an empty one is left, and returns the job whose update is due, if any.
    pub fn submit(
        &mut self,
        shape: &Shape,
        layers: &[Layer],
        chunk: &mut Chunk,
        engine: Engine,
    ) -> Option<Arc<GradientJob>> {
        // only a job that no worker holds can be filled again
        let free = self.spare.iter_mut().position(|job| Arc::get_mut(job).is_some());
        let mut job = match free {
            Some(i) => self.spare.swap_remove(i),
            None => Arc::new(GradientJob::new(shape, layers, engine)),
        };
        Arc::get_mut(&mut job).expect("invariant: only this network holds it").fill(layers, chunk, engine);
        if let Some(sink) = &self.sink.0 {
            sink(job.clone());
        }
        self.waiting.push_back(job);
        (self.waiting.len() > self.delay).then(|| self.waiting.pop_front()).flatten()
    }

    /// Where jobs are sent, if anywhere.
    pub fn sink(&self) -> Option<JobSink> {
        self.sink.0.clone()
    }

    /// Changes the sink; the new one gets the waiting jobs, too.
    pub fn set_sink(&mut self, sink: Option<JobSink>) {
        if let Some(sink) = &sink {
            self.waiting.iter().for_each(|job| sink(job.clone()));
        }
        self.sink.0 = sink;
    }

    /// Keeps the memory of a job whose update was made.
    pub fn recycle(&mut self, job: Arc<GradientJob>) {
        if self.spare.len() == SPARE_JOBS_MAX {
            // a job that a worker still holds cannot be filled soon, so it is the one to drop
            self.spare.retain_mut(|job| Arc::get_mut(job).is_some());
            self.spare.truncate(SPARE_JOBS_MAX - 1);
        }
        self.spare.push(job);
    }

    /// Rows of tables that the waiting chunks name, with the number of the table of each.
    pub fn table_rows(&self) -> impl Iterator<Item = (usize, u32)> {
        let rows = self.waiting.iter().flat_map(|job| {
            let tables = job.shape.tables;
            job.chunk.ids.iter().enumerate().map(move |(i, id)| (i % tables, *id))
        });
        rows.filter(|(_, id)| *id != NONE)
    }

    /// Walks over the waiting jobs.
    ///
    /// A checkpoint holds chunks and weights, not gradients: its contents must not depend on which thread was faster.
    /// Only engine `dfdx`, which cannot compute a gradient later, has its gradients written.
    pub fn persist(
        &mut self,
        s: &mut State<'_>,
        shape: &Shape,
        layers: &[Layer],
        rows_max: usize,
        engine: Engine,
    ) -> Result<(), StateError> {
        // the names of this section are part of every checkpoint and hash, so they keep an older word
        let count = s.begin("lessons", self.waiting.len(), 1)?;
        if count > self.delay {
            return Err(StateError::Invalid("lessons"));
        }
        if s.is_reading() {
            self.waiting.clear();
        }
        for i in 0..count {
            let (mut chunk, mut below, result) = match self.waiting.get(i) {
                Some(job) => (job.chunk.clone(), job.below.clone(), job.result()),
                None => (Chunk::new(shape), vec![Aligned::default(); layers.len()], None),
            };
            chunk.persist_full(s, shape)?;
            if chunk.ids.iter().any(|id| *id != NONE && *id as usize >= rows_max) {
                return Err(StateError::Invalid("lesson.ids"));
            }
            persist_below(s, &mut below, layers, engine)?;
            let result = result.filter(|_| engine == Engine::Dfdx).map(|gradients| gradients.cloned());
            let result = persist_result(s, result, layers)?;
            if s.is_reading() {
                let mut job = GradientJob::from_parts(shape, chunk, below);
                if let Some(gradients) = result {
                    job.set_result(gradients);
                }
                self.waiting.push_back(Arc::new(job));
            }
        }
        Ok(())
    }
}

/// Walks over W of every layer as it was during a chunk; of engine `dfdx` there is none.
fn persist_below(s: &mut State<'_>, below: &mut [Aligned], layers: &[Layer], engine: Engine) -> Result<(), StateError> {
    for (below, layer) in below.iter_mut().zip(layers) {
        let len = s.begin("lesson.below", below.len(), 4)?;
        if len != (if engine == Engine::Fused { layer.below.w.len() } else { 0 }) {
            return Err(StateError::Invalid("lesson.below"));
        }
        below.resize(len);
        tensor(s, "lesson.below", &[len], below)?;
    }
    Ok(())
}

/// Walks over the result of a job: whether it is written, whether the gradient is finite, and the gradient.
fn persist_result(
    s: &mut State<'_>,
    result: Option<Option<Gradients>>,
    layers: &[Layer],
) -> Result<Option<Option<Gradients>>, StateError> {
    let mut written = result.is_some();
    s.bool("lesson.done", &mut written)?;
    if !written {
        return Ok(None);
    }
    let mut finite = result.as_ref().is_some_and(Option::is_some);
    s.bool("lesson.finite", &mut finite)?;
    if !finite {
        return Ok(Some(None));
    }
    let mut gradients = result.flatten().unwrap_or_else(|| Gradients::empty(layers));
    gradients.persist(s)?;
    gradients.check_sizes(layers)?;
    Ok(Some(Some(gradients)))
}
