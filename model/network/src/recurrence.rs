//! The network as its users see it.

use crate::{
    Engine, Hidden, NONE, Rates, Sequence, Shape,
    aligned::Aligned,
    chunk::Chunk,
    dfdx_engine,
    fused::{self, Work},
    gradient_job::{self, JobSink, PendingJobs},
    gradients::Gradients,
    layer::Layer,
    rule::Rule,
    tensor::{same, tensor},
};
use surmise_state::{Persist, State, StateError, incremental_copy};

/// Dense inputs are held within ± this, so that no product of theirs overflows.
const DENSE_MAX: f32 = 1e5;

/// A gated linear recurrence that learns online by backpropagation through chunks of T steps.
///
/// One step is [`step`](Self::step), reading [`features`](Self::features), adding dL/dfeatures to
/// [`gradient`](Self::gradient), and [`finish`](Self::finish). After T steps `finish` runs backward and updates the
/// weights. The loss is summed over the steps of the chunk, not averaged.
///
/// Shapes: features and gradient are `[layers · hidden]`, layer by layer; matrices `[input][3 · hidden]` with the gates
/// in the order z, c, o. Units: none; features lie within ±1.
///
/// Determinism: with [`Engine::Fused`] all arithmetic has one order, so equal calls give equal bits, before and after a
/// checkpoint, at any moment of a chunk. Weights start as a hash of (seed, part, layer, table, row, column).
///
/// Errors: none. Ids and dense inputs may be anything: an id is reduced modulo the number of rows, a dense input that
/// is not finite counts as 0 and the others are held within ±1e5. A chunk with a gradient that is not finite (or
/// larger than 1e8) changes no weight and is counted in [`rejected`](Self::rejected).
///
/// Source: Martin and Cundy, "Parallelizing linear recurrent neural nets over sequence length" (2018), with an output
/// gate; the memories of the units start spread over 1..64 steps.
///
/// A clone is a full copy of the weights and of the open chunk: a snapshot for readers, who [`peek`](Self::peek).
#[derive(Clone)]
pub struct Recurrence {
    shape: Shape,
    rates: Rates,
    engine: Engine,
    rows_max: usize,
    layers: Vec<Layer>,
    chunk: Chunk,
    features: Aligned,
    gradient: Aligned,
    updates: u64,
    rejected: u64,
    /// beta2 to the power of `updates`.
    decay: f64,
    work: Work,
    /// Full chunks whose updates have not taken effect.
    jobs: PendingJobs,
}

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
            rejected: 0,
            decay: 1.0,
            work: Work::new(&shape),
            jobs: PendingJobs::default(),
        }
    }

    /// The same, but the update of chunk k takes effect at the start of chunk k + 1 + `chunks`. Its gradient is that
    /// under the weights that were in force during chunk k.
    pub fn delayed(mut self, chunks: usize) -> Self {
        self.jobs.delay = chunks;
        self
    }

    /// Who works out gradients beside; gets the jobs that wait, too. With a delay of zero nobody does. A clone has nobody.
    pub fn set_job_sink(&mut self, job_sink: Option<JobSink>) {
        self.jobs.set_job_sink(job_sink);
    }

    /// Lets go of full chunks whose updates have not taken effect, which are lost: for a copy that only answers.
    pub fn discard_pending_jobs(&mut self) {
        self.jobs.discard();
    }

    /// Bytes that full chunks take until their updates take effect, nearly.
    pub fn pending_jobs_bytes(&self) -> usize {
        gradient_job::pending_jobs_bytes(&self.shape, self.jobs.delay)
    }

    /// Who works out gradients beside.
    pub fn job_sink(&self) -> Option<JobSink> {
        self.jobs.sink.0.clone()
    }

    /// The sizes.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The engine that computes.
    pub fn engine(&self) -> Engine {
        self.engine
    }

    pub(crate) fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// The number of features, layers · hidden.
    pub fn width(&self) -> usize {
        self.shape.width()
    }

    /// The number of weights, counting the table rows that there are so far.
    pub fn parameters(&self) -> usize {
        let count = |l: &Layer| {
            let tables: usize = l.tables.iter().map(|t| t.param.w.len()).sum();
            tables + l.dense.w.len() + l.below.w.len() + l.bias.w.len()
        };
        self.layers.iter().map(count).sum()
    }

    /// Advances `seq` by one step and computes its features.
    ///
    /// `ids[k]` is the row of table k, or [`NONE`]; ids that are missing count as `NONE`. `dense` is padded with zeros.
    /// A step that was not finished is finished first; steps that are planned are forgotten.
    pub fn step(&mut self, seq: &mut Sequence, ids: &[u32], dense: &[f32]) {
        self.finish();
        self.chunk.forget();
        self.plan(seq, ids, dense);
        self.advance(seq);
    }

    /// Plans a step of `seq`, behind those that are planned already, with the inputs of [`step`](Self::step); false if
    /// the open chunk has no room for it, so that it has to wait until the chunk is closed.
    ///
    /// Steps are planned where the inputs of several are known, of one sequence or of many, in whatever order they
    /// come. They are computed together, which is cheaper, and each is what it would be alone, bit for bit. Nothing of
    /// the network or of `seq` moves before [`advance`](Self::advance), and a checkpoint does not hold what is planned.
    pub fn plan(&mut self, seq: &mut Sequence, ids: &[u32], dense: &[f32]) -> bool {
        let number = self.number();
        let Recurrence { shape, chunk, .. } = self;
        let taken = chunk.rows();
        let r = taken + chunk.planned;
        if r == shape.chunk {
            return false;
        }
        let (hidden, width) = (shape.hidden, shape.width());
        if seq.h.len() != width {
            seq.h.resize(width, 0.0);
        }
        for (k, to) in chunk.ids[r * shape.tables..(r + 1) * shape.tables].iter_mut().enumerate() {
            *to = mask(ids.get(k), self.rows_max);
        }
        for (i, to) in chunk.dense[r * shape.dense..(r + 1) * shape.dense].iter_mut().enumerate() {
            *to = sane(dense.get(i));
        }
        let ahead = (seq.planned.0 == chunk.plan).then_some(seq.planned.1).filter(|row| (*row as usize) < r);
        let behind = (seq.chunk == number).then_some(seq.row).filter(|row| (*row as usize) < taken);
        chunk.links[r] = ahead.or(behind).unwrap_or(NONE);
        // of a step that is planned and not computed, h is taken from its row when it is
        let computed = ahead.map(|row| row as usize).filter(|row| *row < taken + chunk.ready);
        for (rows, h) in chunk.layers.iter_mut().zip(seq.h.chunks_exact(hidden)) {
            match computed {
                Some(row) => rows.go_on(row, r, hidden),
                None => rows.before[r * hidden..(r + 1) * hidden].copy_from_slice(h),
            }
        }
        seq.planned = (chunk.plan, r as u32);
        chunk.planned += 1;
        true
    }

    /// Steps that are planned and have not come.
    pub fn planned(&self) -> usize {
        self.chunk.planned
    }

    /// Takes the step that was planned first: advances `seq`, which it was planned for. A step that was not finished is
    /// finished first. Without a plan it does nothing.
    pub fn advance(&mut self, seq: &mut Sequence) {
        self.finish();
        if self.chunk.planned == 0 {
            return;
        }
        let number = self.number();
        let Recurrence { shape, chunk, .. } = self;
        let (hidden, width, r) = (shape.hidden, shape.width(), chunk.filled);
        if chunk.ready == 0 {
            let rows = r..r + chunk.planned;
            match self.engine {
                Engine::Fused => fused::forward(shape, &self.layers, chunk, rows),
                Engine::Dfdx => dfdx_engine::forward(shape, &self.layers, chunk, rows),
            }
            chunk.ready = chunk.planned;
        }
        for (k, id) in
            chunk.ids[r * shape.tables..(r + 1) * shape.tables].iter().enumerate().filter(|(_, id)| **id != NONE)
        {
            for l in &mut self.layers {
                l.tables[k].reach(*id as usize, self.rows_max);
            }
        }
        for (rows, h) in chunk.layers.iter().zip(seq.h.chunks_exact_mut(hidden)) {
            h.copy_from_slice(&rows.h[r * hidden..(r + 1) * hidden]);
        }
        (seq.chunk, seq.row) = (number, r as u32);
        self.features.copy_from_slice(&chunk.y[r * width..(r + 1) * width]);
        self.gradient.fill(0.0);
        (chunk.open, chunk.planned, chunk.ready) = (true, chunk.planned - 1, chunk.ready - 1);
    }

    /// The number of the open chunk.
    fn number(&self) -> u64 {
        self.updates + self.rejected + self.jobs.len() as u64
    }

    /// Features of the latest step, `[layers · hidden]`.
    pub fn features(&self) -> &[f32] {
        &self.features
    }

    /// dL/dfeatures of the latest step, zero after [`step`](Self::step); heads add to it.
    pub fn gradient(&mut self) -> &mut [f32] {
        &mut self.gradient
    }

    /// Both at once.
    pub fn features_and_gradient(&mut self) -> (&[f32], &mut [f32]) {
        (&self.features, &mut self.gradient)
    }

    /// Ends the step. When the chunk is full: backward, update, next chunk. Without a step under way it does nothing.
    pub fn finish(&mut self) {
        if !std::mem::take(&mut self.chunk.open) {
            return;
        }
        let (r, width) = (self.chunk.filled, self.shape.width());
        self.chunk.dy[r * width..(r + 1) * width].copy_from_slice(&self.gradient);
        self.chunk.filled += 1;
        if self.chunk.filled == self.shape.chunk {
            self.close();
        }
    }

    /// Learns from the chunk, which is full, or hands it over and learns from the one whose turn it is.
    fn close(&mut self) {
        let mut decay = self.decay;
        let rule = self.rates.rule(&mut decay);
        let learnt = if self.jobs.delay == 0 {
            Some(self.learn(self.shape.chunk, &rule))
        } else {
            let due = self.jobs.hand_over(&self.shape, &self.layers, &mut self.chunk, self.engine);
            due.map(|job| {
                let learnt = job.gradients().map(|g| g.update(&mut self.layers, &rule)).is_some();
                self.jobs.put_back(job);
                learnt
            })
        };
        match learnt {
            Some(true) => (self.updates, self.decay) = (self.updates + 1, decay),
            Some(false) => self.rejected += 1,
            None => {}
        }
        self.chunk.filled = 0;
        self.chunk.forget();
    }

    /// Updates that were made, one for each chunk.
    pub fn updates(&self) -> u64 {
        self.updates
    }

    /// Chunks that were thrown away because a gradient was not finite.
    pub fn rejected(&self) -> u64 {
        self.rejected
    }

    /// Forward for a query or a roll-out: advances `hidden` by one step and writes the features to `out`, whose length is
    /// the width. Nothing is recorded, and no table grows; the result is that of [`step`](Self::step), bit for bit.
    pub fn peek(&self, hidden: &mut Hidden, ids: &[u32], dense: &[f32], out: &mut [f32]) {
        let (h, width) = (self.shape.hidden, self.shape.width());
        if hidden.h.len() != width {
            hidden.h.resize(width);
            hidden.next.resize(width);
        }
        // ids and dense inputs as a step would take them, in the room behind the gates
        let Shape { tables, dense: inputs, .. } = self.shape;
        hidden.gates.resize(3 * h + inputs);
        let mut small = [NONE; 16];
        let mut large = Vec::new();
        let masked: &mut [u32] = if tables <= small.len() {
            &mut small[..tables]
        } else {
            large.resize(tables, NONE);
            &mut large
        };
        for (k, to) in masked.iter_mut().enumerate() {
            *to = mask(ids.get(k), self.rows_max);
        }
        let (gates, room) = hidden.gates.split_at_mut(3 * h);
        for (i, to) in room.iter_mut().enumerate() {
            *to = sane(dense.get(i));
        }
        for (l, layer) in self.layers.iter().enumerate() {
            let (below, y) = out.split_at_mut(l * h);
            let (below, y) = (&below[l.saturating_sub(1) * h..], &mut y[..h]);
            let (before, next) = (&hidden.h[l * h..(l + 1) * h], &mut hidden.next[l * h..(l + 1) * h]);
            match self.engine {
                Engine::Fused => fused::layer_forward(layer, masked, room, below, before, gates, next, y),
                Engine::Dfdx => dfdx_engine::layer_forward(layer, masked, room, below, before, gates, next, y),
            }
        }
        std::mem::swap(&mut hidden.h, &mut hidden.next);
    }

    /// Backward through the first `n` rows and the update; false if a gradient was not finite and nothing was changed.
    fn learn(&mut self, n: usize, rule: &Rule) -> bool {
        let Recurrence { shape, layers, chunk, work, .. } = self;
        match self.engine {
            Engine::Fused => {
                let finite = fused::backward(shape, |l| &layers[l].below.w, chunk, work, n);
                if finite {
                    fused::update(shape, layers, chunk, work, n, rule);
                }
                finite
            }
            Engine::Dfdx => {
                let all = Gradients::by_dfdx(shape, layers, chunk, n);
                all.map(|g| g.update(layers, rule)).is_some()
            }
        }
    }

    /// The gradients of the finished steps of the open chunk and of the step under way, by name, without an update:
    /// `l{layer}.e{table}`, `l{layer}.dense`, `l{layer}.below`, `l{layer}.bias`. For tests.
    #[doc(hidden)]
    pub fn gradients(&self) -> Vec<(String, Vec<f32>)> {
        let mut it = self.clone();
        let n = it.chunk.rows();
        if it.chunk.open {
            let (r, width) = (it.chunk.filled, it.shape.width());
            it.chunk.dy[r * width..(r + 1) * width].copy_from_slice(&it.gradient);
        }
        it.layers.iter_mut().flat_map(Layer::params).for_each(|p| p.v.fill(0.0));
        it.learn(n, &Rule::probe());
        it.named(|p| p.v.to_vec())
    }

    /// The weights by name, as [`gradients`](Self::gradients) names them. For tests.
    #[doc(hidden)]
    pub fn weights(&self) -> Vec<(String, Vec<f32>)> {
        self.clone().named(|p| p.w.to_vec())
    }

    /// Adds to the bias of gate z of every unit. For tests.
    #[doc(hidden)]
    pub fn shift_gates(&mut self, mut by: impl FnMut(usize, usize) -> f32) {
        for (l, layer) in self.layers.iter_mut().enumerate() {
            for i in 0..self.shape.hidden {
                layer.bias.w[i] += by(l, i);
            }
        }
    }

    fn named(&mut self, f: impl Fn(&crate::layer::Param) -> Vec<f32>) -> Vec<(String, Vec<f32>)> {
        let tables = self.shape.tables;
        let name = |l: usize, i: usize| match i.checked_sub(tables) {
            None => format!("l{l}.e{i}"),
            Some(j) => format!("l{l}.{}", ["dense", "below", "bias"][j]),
        };
        let layers = self.layers.iter_mut().enumerate();
        layers.flat_map(|(l, x)| x.params().enumerate().map(|(i, p)| (name(l, i), f(p))).collect::<Vec<_>>()).collect()
    }
}

fn mask(id: Option<&u32>, rows_max: usize) -> u32 {
    id.filter(|id| **id != NONE).map_or(NONE, |id| *id & (rows_max as u32 - 1))
}

fn sane(x: Option<&f32>) -> f32 {
    x.filter(|x| x.is_finite()).map_or(0.0, |x| x.clamp(-DENSE_MAX, DENSE_MAX))
}

incremental_copy!(Recurrence {
    large: layers;
    small: shape, rates, engine, rows_max, chunk, features, gradient, updates, rejected, decay, work, jobs,
});

impl Persist for Recurrence {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.section("recurrence")?;
        same(s, "layers", self.shape.layers)?;
        same(s, "hidden", self.shape.hidden)?;
        same(s, "tables", self.shape.tables)?;
        same(s, "dense", self.shape.dense)?;
        same(s, "rows_max", self.rows_max)?;
        same(s, "delay", self.jobs.delay)?;
        s.u64("updates", &mut self.updates)?;
        s.u64("rejected", &mut self.rejected)?;
        s.f64("decay", &mut self.decay)?;
        for l in &mut self.layers {
            l.persist(s, self.rows_max)?;
        }
        let dims = [self.shape.width()];
        tensor(s, "features", &dims, &mut self.features)?;
        tensor(s, "gradient", &dims, &mut self.gradient)?;
        self.chunk.persist(s, &self.shape)?;
        // a row that the tables do not have would be out of bounds in the update
        let n = self.chunk.rows() * self.shape.tables;
        let tables = self.shape.tables;
        for (i, id) in self.chunk.ids[..n].iter().enumerate().filter(|(_, id)| **id != NONE) {
            if *id as usize >= self.rows_max {
                (self.chunk.filled, self.chunk.open) = (0, false);
                return Err(StateError::Invalid("chunk.ids"));
            }
            for l in &mut self.layers {
                l.tables[i % tables].reach(*id as usize, self.rows_max);
            }
        }
        if self.jobs.delay == 0 {
            return Ok(());
        }
        self.jobs.persist(s, &self.shape, &self.layers, self.rows_max, self.engine)?;
        for (table, id) in self.jobs.rows() {
            self.layers.iter_mut().for_each(|l| l.tables[table].reach(id as usize, self.rows_max));
        }
        Ok(())
    }
}
