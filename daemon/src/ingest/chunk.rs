//! What becomes of lines that are read together.

use crate::inbox::InboxEvent;
use crate::refusals::count_refused;
use crate::ticket::ChunkCounts;
use std::sync::Arc;
use surmise_event::Refusal;

/// A line that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineRefusal {
    /// The number of the line, from 1.
    pub line: u64,
    /// The sequence number of the event, if it could be read.
    pub seq: Option<u64>,
    /// The reason.
    pub refusal: Refusal,
}

/// What became of some lines that were read together.
#[derive(Default)]
pub struct LineChunk {
    /// Lines read, blank ones included.
    pub lines: usize,
    /// Events for the owners, each with the name of its stream, in the order of their lines.
    pub events: Vec<(Arc<str>, InboxEvent)>,
    /// Lines that were refused here, in order.
    pub refusals: Vec<LineRefusal>,
    /// Counts of lines that no owner will see: refusals and duplicates.
    pub counts: ChunkCounts,
    /// The last event of the chunk, if its number does not rise above those sent before. Whether it may be learnt is
    /// known only once the owners have learnt or refused those; see `Intake::resolve_not_rising`.
    pub not_rising: Option<(Arc<str>, InboxEvent)>,
}

impl LineChunk {
    /// Counts and lists a refusal.
    pub(super) fn refuse(&mut self, line: u64, seq: Option<u64>, refusal: Refusal) {
        count_refused(refusal.code, 1);
        self.counts.rejected += 1;
        self.refusals.push(LineRefusal { line, seq, refusal });
    }
}
