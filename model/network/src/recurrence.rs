//! The recurrence: a network that is stepped, learns chunk by chunk, and looks ahead.
//!
//! The child modules add to [`Recurrence`]: `offloading` where its gradient jobs are computed, `checkpoint` its walk,
//! and `inspection` what tests and devices read of it.

mod checkpoint;
mod inspection;
mod offloading;

pub use inspection::LayerWeights;

use crate::{
    Engine, Hidden, NONE, Rates, Sequence, Shape,
    aligned::Aligned,
    chunk::Chunk,
    dfdx_engine,
    fused::{self, BackwardWorkspace},
    guard::{RejectedUpdates, UpdateFate, UpdateGuard},
    layer::Layer,
    layer_step::LayerStep,
    pending_jobs::PendingJobs,
    rule::Rule,
};
use surmise_state::incremental_copy;
use surmise_stopwatch::{EventStage, lap};

/// Dense inputs are held within ± this, so that no product of theirs overflows.
const DENSE_INPUT_MAX: f32 = 1e5;

/// Tables whose ids [`Recurrence::peek`] holds on the stack; networks with more allocate.
const PEEK_TABLES_MAX: usize = 16;

/// A gated linear recurrence that learns online by backpropagation through chunks of T steps.
///
/// One step is [`step`](Self::step), reading [`features`](Self::features), adding dL/dfeatures to
/// [`gradient`](Self::gradient), and [`finish`](Self::finish). After T steps `finish` runs backward and updates the
/// weights. The loss is summed over the steps of the chunk, not averaged.
///
/// Shapes: features and gradient are `[layers · hidden]`, layer by layer; matrices `[input, 3 · hidden]`, row-major,
/// with the gates in the order z, c, o. Units: none; features lie within ±1.
///
/// Determinism: with [`Engine::Fused`] all arithmetic has one order, so equal calls give equal bits, before and after a
/// checkpoint, at any moment of a chunk. Initial weights are a hash of (seed, kind, layer, table, row, column).
///
/// Threads: a recurrence computes on the thread that calls it. Only the gradients of delayed updates may be computed
/// elsewhere, see [`set_job_sink`](Self::set_job_sink), and then to the same bits.
///
/// Errors: none. Ids and dense inputs may be anything: an id is reduced modulo the number of rows, a dense input that
/// is not finite counts as 0 and the others are held within ±1e5. A chunk with a gradient that is not finite (or
/// larger than 1e8) changes no weight and is counted in [`rejected`](Self::rejected), and so is one whose errors are a
/// hundred times what the network is used to.
///
/// Source: Martin and Cundy, "Parallelizing linear recurrent neural nets over sequence length" (2018), with an output
/// gate; the memories of the units start spread over 1..64 steps.
///
/// A clone is a full copy of the weights and of the open chunk: a snapshot whose readers [`peek`](Self::peek).
///
/// # Example
///
/// ```
/// use surmise_network::{Engine, Rates, Recurrence, Sequence, Shape};
///
/// let shape = Shape { layers: 1, hidden: 16, tables: 1, dense: 0, chunk: 8 };
/// let mut network = Recurrence::new(shape, Rates::default(), 256, 1, Engine::Fused);
/// let mut sequence = Sequence::new(&shape);
/// for symbol in [3, 5, 3, 5, 3, 5, 3, 5] {
///     network.step(&mut sequence, &[symbol], &[]);
///     let (features, gradient) = network.features_and_gradient();
///     gradient[0] = features[0] - 0.5; // the loss (y₀ - ½)² / 2
///     network.finish();
/// }
/// assert_eq!(network.updates(), 1);
/// ```
#[derive(Clone)]
pub struct Recurrence {
    shape: Shape,
    rates: Rates,
    engine: Engine,
    /// The most rows of a table, a power of two.
    rows_max: usize,
    layers: Vec<Layer>,
    chunk: Chunk,
    /// y of the latest step, `[width]`.
    features: Aligned,
    /// dL/dy of the latest step, `[width]`.
    gradient: Aligned,
    updates: u64,
    rejected: RejectedUpdates,
    guard: UpdateGuard,
    /// beta2 to the power of `updates`.
    decay: f64,
    work: BackwardWorkspace,
    /// Full chunks whose updates have not taken effect.
    jobs: PendingJobs,
}

incremental_copy!(Recurrence {
    large: layers;
    small: shape, rates, engine, rows_max, chunk, features, gradient, updates, rejected, guard, decay, work, jobs,
});

impl Recurrence {
    /// A network that has learnt nothing.
    ///
    /// `rows_max`, rounded up to a power of two, is the most rows that a table grows to. A shape that cannot be is
    /// rounded up to the next that can, see [`Shape::valid`].
    pub fn new(shape: Shape, rates: Rates, rows_max: usize, seed: u64, engine: Engine) -> Self {
        let shape = shape.valid();
        Recurrence {
            shape,
            rates,
            engine,
            rows_max: rows_max.clamp(1, 1 << 31).next_power_of_two(),
            layers: (0..shape.layers).map(|l| Layer::new(&shape, l, seed)).collect(),
            chunk: Chunk::new(&shape),
            features: Aligned::zeros(shape.width()),
            gradient: Aligned::zeros(shape.width()),
            updates: 0,
            rejected: RejectedUpdates::default(),
            guard: UpdateGuard::default(),
            decay: 1.0,
            work: BackwardWorkspace::new(&shape),
            jobs: PendingJobs::default(),
        }
    }

    /// The sizes.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The layers, first layer first.
    pub(crate) fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// beta2 to the power of the number of updates.
    pub(crate) fn decay(&self) -> f64 {
        self.decay
    }

    /// The engine that computes.
    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// The number of features, layers · hidden.
    pub fn width(&self) -> usize {
        self.shape.width()
    }

    /// The number of weights, counting the rows that tables have grown to.
    pub fn parameters(&self) -> usize {
        self.layers.iter().map(Layer::parameters).sum()
    }

    /// Advances `seq` by one step and computes its features.
    ///
    /// `ids`: `[tables]`, the row of each table, or [`NONE`]; ids that are missing count as `NONE`. `dense`:
    /// `[dense]`, padded with zeros. A step that was not finished is finished first; planned steps are forgotten.
    pub fn step(&mut self, seq: &mut Sequence, ids: &[u32], dense: &[f32]) {
        self.finish();
        self.chunk.forget_plan();
        self.plan(seq, ids, dense);
        self.advance(seq);
    }

    /// Plans a step of `seq`, behind those that are planned already, with the inputs of [`step`](Self::step). Returns
    /// false if the open chunk has no row left for it, so that it has to wait until the chunk is closed.
    ///
    /// Steps are planned where the inputs of several are known, of one sequence or of many, in the order in which they
    /// will be taken. They are computed together, which is cheaper, and each is what it would be alone, bit for bit.
    /// Nothing of the network or of `seq` moves before [`advance`](Self::advance), and a checkpoint does not hold the
    /// plan.
    pub fn plan(&mut self, seq: &mut Sequence, ids: &[u32], dense: &[f32]) -> bool {
        let number = self.chunk_number();
        let Recurrence { shape, chunk, .. } = self;
        let begun = chunk.rows();
        let row = begun + chunk.planned;
        if row == shape.chunk {
            return false;
        }
        let (hidden, width) = (shape.hidden, shape.width());
        if seq.h.len() != width {
            seq.h.resize(width, 0.0);
        }
        for (k, to) in chunk.ids[row * shape.tables..(row + 1) * shape.tables].iter_mut().enumerate() {
            *to = masked_id(ids.get(k), self.rows_max);
        }
        for (i, to) in chunk.dense[row * shape.dense..(row + 1) * shape.dense].iter_mut().enumerate() {
            *to = bounded_input(dense.get(i));
        }
        // the step before of this sequence is a planned one, or one that began in this chunk, or in no row
        let planned = (seq.planned.0 == chunk.plan).then_some(seq.planned.1).filter(|before| (*before as usize) < row);
        let taken = (seq.chunk == number).then_some(seq.row).filter(|before| (*before as usize) < begun);
        chunk.links[row] = planned.or(taken).unwrap_or(NONE);
        // h of a planned step that is not computed yet is taken from its row when it is
        let computed = planned.map(|before| before as usize).filter(|before| *before < begun + chunk.ready);
        for (rows, h) in chunk.layers.iter_mut().zip(seq.h.chunks_exact(hidden)) {
            match computed {
                Some(before) => rows.continue_from(before, row, hidden),
                None => rows.before[row * hidden..(row + 1) * hidden].copy_from_slice(h),
            }
        }
        seq.planned = (chunk.plan, row as u32);
        chunk.planned += 1;
        true
    }

    /// The number of planned steps that are not taken.
    pub fn planned(&self) -> usize {
        self.chunk.planned
    }

    /// Whether the open chunk is empty, so that what comes next may come from anywhere.
    pub fn is_between_chunks(&self) -> bool {
        self.chunk.filled == 0 && self.chunk.planned == 0 && !self.chunk.open
    }

    /// Takes the step that was planned first: advances `seq`, which it was planned for. A step that was not finished is
    /// finished first. Without a plan it does nothing.
    pub fn advance(&mut self, seq: &mut Sequence) {
        self.finish();
        if self.chunk.planned == 0 {
            return;
        }
        let number = self.chunk_number();
        let Recurrence { shape, chunk, .. } = self;
        let (hidden, width, tables, row) = (shape.hidden, shape.width(), shape.tables, chunk.filled);
        // the first step of a plan that is not computed has all of the plan computed
        if chunk.ready == 0 {
            let rows = row..row + chunk.planned;
            match self.engine {
                Engine::Fused => fused::forward(shape, &self.layers, chunk, rows),
                Engine::Dfdx => dfdx_engine::forward(shape, &self.layers, chunk, rows),
            }
            chunk.ready = chunk.planned;
        }
        // tables grow when a step is taken, not when it is planned, as a plan is no part of the state
        let ids = chunk.ids[row * tables..(row + 1) * tables].iter().enumerate();
        for (k, id) in ids.filter(|(_, id)| **id != NONE) {
            for layer in &mut self.layers {
                layer.tables[k].reach(*id as usize);
            }
        }
        for (rows, h) in chunk.layers.iter().zip(seq.h.chunks_exact_mut(hidden)) {
            h.copy_from_slice(&rows.h[row * hidden..(row + 1) * hidden]);
        }
        (seq.chunk, seq.row) = (number, row as u32);
        self.features.copy_from_slice(&chunk.y[row * width..(row + 1) * width]);
        self.gradient.fill(0.0);
        (chunk.open, chunk.planned, chunk.ready) = (true, chunk.planned - 1, chunk.ready - 1);
    }

    /// The number of the open chunk, by which sequences know their rows.
    fn chunk_number(&self) -> u64 {
        self.updates + self.rejected.of_networks() + self.jobs.len() as u64
    }

    /// Features of the latest step, `[layers · hidden]`.
    pub fn features(&self) -> &[f32] {
        &self.features
    }

    /// dL/dfeatures of the latest step, `[layers · hidden]`, zero after [`step`](Self::step); heads add to it.
    pub fn gradient(&mut self) -> &mut [f32] {
        &mut self.gradient
    }

    /// The features to read and their gradient to add to, as heads need both at once.
    pub fn features_and_gradient(&mut self) -> (&[f32], &mut [f32]) {
        (&self.features, &mut self.gradient)
    }

    /// Ends the step. When the chunk is full: backward, update, next chunk. Without a step under way it does nothing.
    pub fn finish(&mut self) {
        if !std::mem::take(&mut self.chunk.open) {
            return;
        }
        let (row, width) = (self.chunk.filled, self.shape.width());
        self.chunk.dy[row * width..(row + 1) * width].copy_from_slice(&self.gradient);
        self.chunk.filled += 1;
        if self.chunk.filled == self.shape.chunk {
            lap(EventStage::Network);
            self.close_chunk();
            lap(EventStage::Training);
        }
    }

    /// Learns from the chunk, which is full; with a delay, submits it as a job and learns from the job that is due.
    fn close_chunk(&mut self) {
        let mut decay = self.decay;
        let rule = self.rates.rule(&mut decay);
        let updated = if self.jobs.delay == 0 {
            let admitted = self.guard.admits(&self.shape, &self.chunk);
            Some(if admitted { self.learn(self.shape.chunk, &rule) } else { UpdateFate::Exploded })
        } else {
            let due = self.jobs.submit(&self.shape, &self.layers, &mut self.chunk, self.engine);
            due.map(|job| {
                let fate = match self.guard.admits(&self.shape, &job.chunk) {
                    true => UpdateFate::of(job.gradients().map(|g| g.update(&mut self.layers, &rule)).is_some()),
                    false => UpdateFate::Exploded,
                };
                self.jobs.recycle(job);
                fate
            })
        };
        match updated {
            Some(UpdateFate::Made) => (self.updates, self.decay) = (self.updates + 1, decay),
            Some(UpdateFate::NotFinite) => self.rejected.not_finite += 1,
            Some(UpdateFate::Exploded) => self.rejected.exploded += 1,
            None => {}
        }
        self.chunk.filled = 0;
        self.chunk.forget_plan();
    }

    /// Updates that were made, one for each chunk.
    pub fn updates(&self) -> u64 {
        self.updates
    }

    /// Chunks whose updates were refused, by the reason.
    pub fn rejected(&self) -> RejectedUpdates {
        self.rejected
    }

    /// Forward for a query or a roll-out: advances `hidden` by one step and writes its features to `out` `[width]`.
    /// Nothing is recorded, and no table grows; the result is that of [`step`](Self::step), bit for bit.
    ///
    /// `ids` and `dense` are as for [`step`](Self::step).
    pub fn peek(&self, hidden: &mut Hidden, ids: &[u32], dense: &[f32], out: &mut [f32]) {
        let Shape { hidden: units, tables, dense: inputs, .. } = self.shape;
        let (gates, width) = (self.shape.gates(), self.shape.width());
        if hidden.h.len() != width {
            hidden.h.resize(width);
            hidden.next.resize(width);
        }
        let mut few = [NONE; PEEK_TABLES_MAX];
        let mut many = Vec::new();
        let masked: &mut [u32] = if tables <= few.len() {
            &mut few[..tables]
        } else {
            many.resize(tables, NONE);
            &mut many
        };
        for (k, to) in masked.iter_mut().enumerate() {
            *to = masked_id(ids.get(k), self.rows_max);
        }
        // the dense inputs, as a step would take them, lie behind the gates
        hidden.gates.resize(gates + inputs);
        let (gates, bounded) = hidden.gates.split_at_mut(gates);
        for (i, to) in bounded.iter_mut().enumerate() {
            *to = bounded_input(dense.get(i));
        }
        for (l, layer) in self.layers.iter().enumerate() {
            let (below, y) = out.split_at_mut(l * units);
            let step = LayerStep {
                ids: masked,
                dense: bounded,
                below: &below[l.saturating_sub(1) * units..],
                before: &hidden.h[l * units..(l + 1) * units],
                gates: &mut *gates,
                h: &mut hidden.next[l * units..(l + 1) * units],
                y: &mut y[..units],
            };
            match self.engine {
                Engine::Fused => fused::layer_forward(layer, step),
                Engine::Dfdx => dfdx_engine::layer_forward(layer, step),
            }
        }
        std::mem::swap(&mut hidden.h, &mut hidden.next);
    }

    /// Backward through the first `n` rows and the update, unless a gradient is not finite.
    fn learn(&mut self, n: usize, rule: &Rule) -> UpdateFate {
        let Recurrence { shape, layers, chunk, work, .. } = self;
        UpdateFate::of(match self.engine {
            Engine::Fused => {
                let finite = fused::backward(shape, |l| &layers[l].below.w, chunk, work, n);
                if finite {
                    fused::update(shape, layers, chunk, work, n, rule);
                }
                finite
            }
            Engine::Dfdx => {
                let gradients = dfdx_engine::gradients(shape, layers, chunk, n);
                gradients.map(|g| g.update(layers, rule)).is_some()
            }
        })
    }
}

/// An id reduced modulo the number of rows, a power of two; [`NONE`] if it is missing.
fn masked_id(id: Option<&u32>, rows_max: usize) -> u32 {
    id.filter(|id| **id != NONE).map_or(NONE, |id| *id & (rows_max as u32 - 1))
}

/// A dense input held within its bounds; 0 if it is missing or not finite.
fn bounded_input(x: Option<&f32>) -> f32 {
    x.filter(|x| x.is_finite()).map_or(0.0, |x| x.clamp(-DENSE_INPUT_MAX, DENSE_INPUT_MAX))
}
