//! Owners. An owner is a thread that holds all mutable state of its streams, so no model needs a lock.
//!
//! What is learnt depends on the order of the events in each stream's log and on nothing else: not on where batches or
//! commit groups begin, and not on time. `action` is the loop: it selects one action after the other and applies it.

mod action;
mod answers;
mod copying;
mod counted_memory;
mod group_gathering;
mod holding;
mod learner_copies;
mod learning;
mod lifecycle;
mod owned_stream;
mod replies;
mod request;
mod rest;
mod resting;
mod schedule;
mod setback;
mod shedding;
mod silence;
mod silent_streams;
mod state;
mod stream_metrics;
mod surroundings;

pub use owned_stream::OwnedStream;
pub use request::{KnownProducer, OwnerRequest, PendingCheckpoint, Returned, StatusAnswer};
pub use state::{Owner, OwnerSetup};

#[cfg(test)]
mod simulation;
