//! What a stream learns in, and how it tells that its key pages failed.

use crate::budget::MemoryBudget;
use crate::clock::Moment;
use crate::services::Services;
use crate::storage::Storage;
use std::sync::Arc;
use surmise_event::Limits;

/// What a stream learns in: the bounds of its events, where its log and checkpoints are, and the time.
pub(super) struct Surroundings<'a> {
    pub limits: &'a Limits,
    /// The memory budget, if it is used up: then no field may be new.
    pub full: Option<&'a MemoryBudget>,
    pub storage: &'a Arc<dyn Storage>,
    pub services: &'a Arc<Services>,
    pub now: Moment,
}

/// The panic of a learner that could not read or write a key page: its state is not what the log says, but no event is
/// at fault.
pub(super) struct PagesFailed(pub String);
