//! The learner of one stream: it always holds a prediction of the next event, and learns from how wrong it was.
//!
//! A stream is a sequence of events of one schema: log lines, clicks, readings, bytes. There are three verbs. To *bind*
//! is to make a record an event of the schema's fields. To *predict* is to say what is expected of the next event; it
//! changes nothing. To *observe* is to score the event that came under what was expected of it, in bits, and to learn
//! from exactly that error, which forms the next expectation. There is no way to learn an event before it is scored.
//!
//! ```
//! use surmise_event::{Data, Datum, Expected, Field, FieldKind, Limits, Record, Schema};
//! use surmise_learner::{Learner, Options};
//!
//! let schema = Schema::new([Field::new("page", FieldKind::Category)]);
//! let mut learner = Learner::new(schema, Options::default())?;
//! let (mut bits, mut right) = (0.0, 0);
//! for page in ["home", "cart", "pay"].repeat(40) {
//!     let record = Record { data: Data::One(Datum::Text(page.into())), ..Record::default() };
//!     let event = learner.bind(&record, &Limits::default())?; // a value for each field
//!     let next = learner.predict(None, 1); // what is expected, before the event is looked at
//!     if let Expected::Symbols { top, .. } = &next.fields["page"] {
//!         right += usize::from(top.first().is_some_and(|(likeliest, _)| likeliest.as_deref() == Some(page)));
//!     }
//!     bits += learner.observe(&event).surprise_bits; // −log₂ of the probability that it had, and learning
//! }
//! assert!(right > 100 && bits < 40.0, "{right} of 120 right, {bits} bits");
//! # let report = learner.report();
//! # assert!((report.loss_bits_per_event * 120.0 - bits).abs() < 1e-6 && report.fields["page"].top1.is_none());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! This loop is what `surmise replay` runs over a recording, and what the daemon runs over a stream that is live. All
//! three end in the same bits, which [`Learner::state_hash`] shows, because everything here is single-threaded,
//! deterministic, and free of clocks, files and sockets: equal events in equal order give equal states, bit for bit.
//!
//! `examples/` has programs to begin with: `clicks` (the next symbol of each user), `readings` (numbers, with quantiles
//! and several steps ahead) and `checkpoint` (save, load, and continue as if nothing had happened).

mod alarm;
mod alarm_parts;
mod before_event;
mod begin_like;
mod beginning;
mod checkpoint;
mod clock;
mod component;
mod cumulative;
mod describe;
mod drift;
mod ending;
mod error;
mod expected;
mod explain;
mod field;
mod gap;
mod given;
mod inquiry;
mod keys;
mod known_keys;
mod learner;
mod learner_copy;
mod line_cause;
mod line_gaps;
mod line_parts;
mod measures;
mod number_fields;
mod observe;
mod observe_fields;
mod observe_line;
mod observe_number;
mod open_sessions;
mod options;
mod pages;
mod paging;
mod parts;
mod predict;
mod recipe;
mod room;
mod seen;
mod sessions;
mod silence;
mod surprise;
mod symbol_field;
mod tally;
mod templates;
mod values;
mod vocabulary;
mod weights;
mod words;

pub use begin_like::UnlikeStream;
pub use checkpoint::FORMAT;
pub use component::{Component, UnknownComponent};
pub use describe::FieldLosses;
pub use error::{CheckpointError, LearnerError};
pub use explain::{ExpertOpinion, FieldExplanation};
pub use inquiry::{ExplainedEvent, Inquiry};
pub use known_keys::KeyOrder;
pub use learner::{Learner, NumberForecast};
pub use learner_copy::LearnerCopy;
pub use measures::FieldSums;
pub use options::{DELAY_CHUNKS_MAX, NetworkSize, Options, OptionsError, Preset};
pub use pages::{MemoryPages, Page, Pages, PagesError};
pub use parts::PartDetail;
pub use surmise_alarm::BudgetAccount;
pub use surmise_event::{ExpertReport, FieldReport, Report};
pub use surmise_network::{ArrayNumbers, Engine, GradientJob, JobSink, NamedArray, RejectedUpdates};
pub use surmise_symbol::EvidenceShare;
pub use weights::FieldNetwork;

/// The name of the vector kernel that learners on this machine use.
pub fn kernel() -> &'static str {
    surmise_lanes::Kernel::detect().name()
}
