//! The steps of a chunk, as the backward pass needs them.

use crate::{NONE, Shape, aligned::Aligned, tensor::same};
use surmise_state::{State, StateError};

/// What the backward pass needs of the last T steps of the stream, one row a step, whatever sequence the step is of.
///
/// The rows are, in this order: finished steps, the step under way (if `open`), planned steps.
#[derive(Clone)]
pub(crate) struct Chunk {
    /// Rows of tables, `[T, tables]`, or [`NONE`].
    pub ids: Vec<u32>,
    /// Dense inputs, `[T, dense]`.
    pub dense: Aligned,
    /// `[T]`: the row of the step before of the same sequence, or [`NONE`] if that step is not in this chunk.
    pub links: Vec<u32>,
    /// Features y, `[T, layers · H]`.
    pub y: Aligned,
    /// dL/dy, `[T, layers · H]`.
    pub dy: Aligned,
    /// What each layer keeps of its own.
    pub layers: Vec<LayerRows>,
    /// Steps that are finished.
    pub filled: usize,
    /// Whether a step is under way, in the row behind the finished ones.
    pub open: bool,
    /// Planned steps. A plan is no part of the state: a network that forgets it plans the steps again, and computes the
    /// same.
    pub planned: usize,
    /// How many of the planned steps are computed.
    pub ready: usize,
    /// The number of the plan, by which sequences know that a row of theirs is of an earlier plan and void.
    pub plan: u64,
}

/// The part of a chunk that each layer has of its own.
#[derive(Clone)]
pub(crate) struct LayerRows {
    /// Gates z, c, o, `[T, 3H]`.
    pub gates: Aligned,
    /// h of the step before, `[T, H]`.
    pub before: Aligned,
    /// h, `[T, H]`.
    pub h: Aligned,
}

impl LayerRows {
    /// Makes `row` continue the sequence of the step in row `from`: h of that step is the h before this one.
    #[inline]
    pub fn continue_from(&mut self, from: usize, row: usize, hidden: usize) {
        self.before[row * hidden..(row + 1) * hidden].copy_from_slice(&self.h[from * hidden..(from + 1) * hidden]);
    }
}

impl Chunk {
    /// A chunk without steps, with all its memory.
    pub fn new(shape: &Shape) -> Self {
        let steps = shape.chunk;
        let layer_rows = |_| LayerRows {
            gates: Aligned::zeros(steps * shape.gates()),
            before: Aligned::zeros(steps * shape.hidden),
            h: Aligned::zeros(steps * shape.hidden),
        };
        Chunk {
            ids: vec![NONE; steps * shape.tables],
            dense: Aligned::zeros(steps * shape.dense),
            links: vec![NONE; steps],
            y: Aligned::zeros(steps * shape.width()),
            dy: Aligned::zeros(steps * shape.width()),
            layers: (0..shape.layers).map(layer_rows).collect(),
            filled: 0,
            open: false,
            planned: 0,
            ready: 0,
            plan: 1,
        }
    }

    /// Forgets the plan.
    pub fn forget_plan(&mut self) {
        (self.planned, self.ready, self.plan) = (0, 0, self.plan + 1);
    }

    /// Copies `other`, which is of the same shape, without allocating.
    pub fn copy_from(&mut self, other: &Chunk) {
        let Chunk { ids, dense, links, y, dy, layers, filled, open, .. } = self;
        ids.copy_from_slice(&other.ids);
        links.copy_from_slice(&other.links);
        for (to, from) in [(dense, &other.dense), (y, &other.y), (dy, &other.dy)] {
            to.copy_from_slice(from);
        }
        for (to, from) in layers.iter_mut().zip(&other.layers) {
            to.gates.copy_from_slice(&from.gates);
            to.before.copy_from_slice(&from.before);
            to.h.copy_from_slice(&from.h);
        }
        (*filled, *open) = (other.filled, other.open);
    }

    /// The number of rows of steps that began: the finished ones and the one under way.
    pub fn rows(&self) -> usize {
        self.filled + usize::from(self.open)
    }

    /// Walks over the steps that began.
    pub fn persist(&mut self, s: &mut State<'_>, shape: &Shape) -> Result<(), StateError> {
        s.section("chunk")?;
        // a plan is no part of the state, so what was planned before is void after reading
        if s.is_reading() {
            self.forget_plan();
        }
        same(s, "chunk.steps", shape.chunk)?;
        s.len("chunk.filled", &mut self.filled)?;
        s.bool("chunk.open", &mut self.open)?;
        if self.filled >= shape.chunk {
            // an empty chunk, with which a caller that ignores the error does no harm
            (self.filled, self.open) = (0, false);
            return Err(StateError::Invalid("chunk.filled"));
        }
        self.persist_rows(s, shape, self.rows())
    }

    /// Walks over all rows of a chunk that is full.
    pub fn persist_full(&mut self, s: &mut State<'_>, shape: &Shape) -> Result<(), StateError> {
        s.section("full chunk")?;
        same(s, "chunk.steps", shape.chunk)?;
        self.persist_rows(s, shape, shape.chunk)
    }

    fn persist_rows(&mut self, s: &mut State<'_>, shape: &Shape, rows: usize) -> Result<(), StateError> {
        s.u32s_fixed("chunk.ids", &mut self.ids[..rows * shape.tables])?;
        s.f32s_fixed("chunk.dense", &mut self.dense[..rows * shape.dense])?;
        s.u32s_fixed("chunk.links", &mut self.links[..rows])?;
        s.f32s_fixed("chunk.y", &mut self.y[..rows * shape.width()])?;
        s.f32s_fixed("chunk.dy", &mut self.dy[..rows * shape.width()])?;
        for layer in &mut self.layers {
            s.f32s_fixed("chunk.gates", &mut layer.gates[..rows * shape.gates()])?;
            s.f32s_fixed("chunk.before", &mut layer.before[..rows * shape.hidden])?;
            s.f32s_fixed("chunk.h", &mut layer.h[..rows * shape.hidden])?;
        }
        // a link to a later row would make the backward pass read what it has not computed
        if self.links[..rows].iter().enumerate().any(|(row, link)| *link != NONE && *link as usize >= row) {
            self.links.fill(NONE);
            return Err(StateError::Invalid("chunk.links"));
        }
        Ok(())
    }
}
