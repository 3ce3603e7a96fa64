//! The hidden state of one sequence of steps.

use crate::{NONE, Shape, aligned::Aligned, tensor::tensor};
use surmise_state::{Persist, State, StateError};

/// The hidden state of one sequence (one for each key of a stream), which the caller owns.
///
/// Shape: one h per layer, `[layers, hidden]`, zero at first. It also holds the row of its latest step, through which
/// gradients flow while the chunk of that step is open. It belongs to the network that stepped it; a step of another
/// network of the same shape continues from the same h.
#[derive(Clone, Debug)]
pub struct Sequence {
    /// `[layers, hidden]`.
    pub(crate) h: Vec<f32>,
    /// Number of the chunk that holds the latest step.
    pub(crate) chunk: u64,
    /// Row of the latest step in that chunk, or [`NONE`].
    pub(crate) row: u32,
    /// Plan and row of the latest planned step, no part of the state.
    pub(crate) planned: (u64, u32),
}

impl Sequence {
    /// A sequence without a past.
    pub fn new(shape: &Shape) -> Self {
        Sequence { h: vec![0.0; shape.valid().width()], chunk: 0, row: NONE, planned: (0, NONE) }
    }

    /// A copy of the hidden state, for [`Recurrence::peek`](crate::Recurrence::peek).
    pub fn hidden(&self) -> Hidden {
        let h = Aligned::from(self.h.as_slice());
        Hidden { next: Aligned::zeros(h.len()), gates: Aligned::zeros(0), h }
    }

    /// Makes `to` what [`Sequence::hidden`] returns, in the memory of an earlier copy.
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

/// A hidden state that only looks ahead: [`Recurrence::peek`](crate::Recurrence::peek) advances it and nothing learns
/// from its steps.
#[derive(Clone)]
pub struct Hidden {
    /// `[layers, hidden]`.
    pub(crate) h: Aligned,
    /// Workspace: h of the step that is being computed, `[layers, hidden]`.
    pub(crate) next: Aligned,
    /// Workspace: gates of one layer `[3H]`, then the dense inputs `[dense]`.
    pub(crate) gates: Aligned,
}

impl Hidden {
    /// The values of h, `[layers, hidden]`.
    pub fn values(&self) -> &[f32] {
        &self.h
    }
}
