//! The learner of one stream: it always holds a prediction of the next event, and learns from how wrong it was.
//!
//! Two verbs. [`Learner::predict`] says what is expected; [`Learner::observe`] scores the event that came against
//! what was expected of it, learns from exactly that error, and thereby forms the next expectation. There is no way
//! to look at an event before it is scored. Everything is single-threaded, deterministic, and free of clocks, files
//! and sockets: equal events in equal order give bit-equal states.

mod anomaly;
mod checkpoint;
mod clock;
mod component;
mod drift;
mod ending;
mod error;
mod field;
mod gap;
mod keys;
mod learner;
mod learner_copy;
mod measures;
mod observe;
mod observe_fields;
mod options;
mod pages;
mod paging;
mod predict;
mod recipe;
mod tally;
mod values;
mod vocabulary;

pub use component::{Component, UnknownComponent};
pub use error::{CheckpointError, LearnerError};
pub use learner::{Learner, NumberForecast};
pub use learner_copy::LearnerCopy;
pub use options::{DELAY_CHUNKS_MAX, NetworkSize, Options, OptionsError, Preset};
pub use pages::{MemoryPages, Page, Pages, PagesError};
pub use surmise_event::{ExpertReport, FieldReport, Report};
pub use surmise_network::{Engine, GradientJob, JobSink};

/// The name of the vector kernel that learners on this machine use.
pub fn kernel() -> &'static str {
    surmise_lanes::Kernel::detect().name()
}
