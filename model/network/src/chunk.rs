//! The steps of the open chunk.

use crate::{NONE, Shape, aligned::Aligned, tensor::same};
use surmise_state::{State, StateError};

/// What the backward pass needs of the last T steps, one row a step, whatever sequence the step belongs to.
#[derive(Clone)]
pub(crate) struct Chunk {
    /// Rows `[T, tables]`.
    pub ids: Vec<u32>,
    /// Rows `[T, dense]`.
    pub dense: Aligned,
    /// The row of the same sequence's step before, or [`NONE`] if that is not in this chunk.
    pub links: Vec<u32>,
    /// Features y, rows `[T, layers · H]`.
    pub y: Aligned,
    /// dL/dy, same shape.
    pub dy: Aligned,
    pub layers: Vec<LayerRows>,
    /// Steps that are finished.
    pub filled: usize,
    /// Whether the row behind them is under way.
    pub open: bool,
    /// Rows behind those that are planned, and how many of them are computed. They are no part of the state: whoever
    /// forgets them plans them again, and gets the same.
    pub planned: usize,
    /// See `planned`.
    pub ready: usize,
    /// Tells plans apart; rows of an earlier plan are void.
    pub plan: u64,
}

/// The part of the rows that each layer has of its own.
#[derive(Clone)]
pub(crate) struct LayerRows {
    /// z, c, o, rows `[T, 3H]`.
    pub gates: Aligned,
    /// h of the step before, rows `[T, H]`.
    pub before: Aligned,
    /// h, rows `[T, H]`.
    pub h: Aligned,
}

impl LayerRows {
    /// Row r goes on from another row.
    #[inline]
    pub fn go_on(&mut self, from: usize, r: usize, hidden: usize) {
        self.before[r * hidden..(r + 1) * hidden].copy_from_slice(&self.h[from * hidden..(from + 1) * hidden]);
    }
}

impl Chunk {
    pub fn new(shape: &Shape) -> Self {
        let t = shape.chunk;
        Chunk {
            ids: vec![NONE; t * shape.tables],
            dense: Aligned::zeros(t * shape.dense),
            links: vec![NONE; t],
            y: Aligned::zeros(t * shape.width()),
            dy: Aligned::zeros(t * shape.width()),
            layers: (0..shape.layers)
                .map(|_| LayerRows {
                    gates: Aligned::zeros(t * 3 * shape.hidden),
                    before: Aligned::zeros(t * shape.hidden),
                    h: Aligned::zeros(t * shape.hidden),
                })
                .collect(),
            filled: 0,
            open: false,
            planned: 0,
            ready: 0,
            plan: 1,
        }
    }

    /// Forgets what was planned.
    pub fn forget(&mut self) {
        (self.planned, self.ready, self.plan) = (0, 0, self.plan + 1);
    }

    /// Becomes as `other`, which is of the same shape, in the room that there is.
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

    /// Rows that hold something: the finished ones and the one under way.
    pub fn rows(&self) -> usize {
        self.filled + usize::from(self.open)
    }

    pub fn persist(&mut self, s: &mut State<'_>, shape: &Shape) -> Result<(), StateError> {
        s.section("chunk")?;
        if s.is_reading() {
            self.forget();
        }
        same(s, "chunk.steps", shape.chunk)?;
        s.len("chunk.filled", &mut self.filled)?;
        s.bool("chunk.open", &mut self.open)?;
        if self.filled >= shape.chunk {
            (self.filled, self.open) = (0, false);
            return Err(StateError::Invalid("chunk.filled"));
        }
        self.persist_rows(s, shape, self.rows())
    }

    /// Walks over a chunk that is full.
    pub fn persist_full(&mut self, s: &mut State<'_>, shape: &Shape) -> Result<(), StateError> {
        s.section("full chunk")?;
        same(s, "chunk.steps", shape.chunk)?;
        self.persist_rows(s, shape, shape.chunk)
    }

    fn persist_rows(&mut self, s: &mut State<'_>, shape: &Shape, n: usize) -> Result<(), StateError> {
        s.u32s_fixed("chunk.ids", &mut self.ids[..n * shape.tables])?;
        s.f32s_fixed("chunk.dense", &mut self.dense[..n * shape.dense])?;
        s.u32s_fixed("chunk.links", &mut self.links[..n])?;
        s.f32s_fixed("chunk.y", &mut self.y[..n * shape.width()])?;
        s.f32s_fixed("chunk.dy", &mut self.dy[..n * shape.width()])?;
        for l in &mut self.layers {
            s.f32s_fixed("chunk.gates", &mut l.gates[..n * 3 * shape.hidden])?;
            s.f32s_fixed("chunk.before", &mut l.before[..n * shape.hidden])?;
            s.f32s_fixed("chunk.h", &mut l.h[..n * shape.hidden])?;
        }
        if self.links[..n].iter().enumerate().any(|(r, l)| *l != NONE && *l as usize >= r) {
            self.links.fill(NONE);
            return Err(StateError::Invalid("chunk.links"));
        }
        Ok(())
    }
}
