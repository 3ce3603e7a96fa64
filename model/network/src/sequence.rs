//! What one sequence of steps remembers.

use crate::{NONE, Shape, aligned::Aligned, tensor::tensor};
use surmise_state::{Persist, State, StateError};

/// The hidden state of one sequence, one for each key; the caller owns it.
///
/// Shape: one h per layer, `[layers, hidden]`, starting at zero. It also knows the row of its latest step, through which
/// gradients flow while the chunk of that step is open. It belongs to the network that it was stepped with; a step of
/// another network of the same shape goes on from the same h.
#[derive(Clone, Debug)]
pub struct Sequence {
    pub(crate) h: Vec<f32>,
    /// Number and row of the chunk that holds the latest step.
    pub(crate) chunk: u64,
    pub(crate) row: u32,
    /// Plan and row of the latest step that is planned, no part of the state.
    pub(crate) planned: (u64, u32),
}

impl Sequence {
    /// A sequence without a past.
    pub fn new(shape: &Shape) -> Self {
        Sequence { h: vec![0.0; shape.valid().width()], chunk: 0, row: NONE, planned: (0, NONE) }
    }

    /// A copy of the hidden state, to look ahead with.
    pub fn hidden(&self) -> Hidden {
        let h = copy(&self.h);
        Hidden { next: Aligned::zeros(h.len()), gates: Aligned::zeros(0), h }
    }

    /// As [`Sequence::hidden`], into the room of an earlier copy.
    pub fn hidden_into(&self, to: &mut Hidden) {
        to.h.resize(self.h.len());
        to.next.resize(self.h.len());
        to.h.copy_from_slice(&self.h);
    }

    /// The values of h, `[layers, hidden]`.
    pub fn values(&self) -> &[f32] {
        &self.h
    }
}

fn copy(h: &[f32]) -> Aligned {
    let mut a = Aligned::zeros(h.len());
    a.copy_from_slice(h);
    a
}

impl Persist for Sequence {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        if s.is_reading() {
            self.planned = (0, NONE);
        }
        let dims = [self.h.len()];
        tensor(s, "sequence.h", &dims, &mut self.h)?;
        s.u64("sequence.chunk", &mut self.chunk)?;
        s.u32("sequence.row", &mut self.row)
    }
}

/// A hidden state that only looks ahead: `Recurrence::peek` advances it and nothing else.
#[derive(Clone)]
pub struct Hidden {
    pub(crate) h: Aligned,
    /// Room to work in.
    pub(crate) next: Aligned,
    pub(crate) gates: Aligned,
}

impl Hidden {
    /// The values of h, `[layers, hidden]`.
    pub fn values(&self) -> &[f32] {
        &self.h
    }
}
