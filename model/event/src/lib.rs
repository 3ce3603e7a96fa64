//! The vocabulary of surmise: what a stream is made of and what is said about it.
//!
//! A producer sends [`Record`]s. A stream's [`Schema`] binds a record to an [`Event`], one value per field, or
//! refuses it with a [`Refusal`] that names the field and the reason. The learner answers with an [`Outcome`] for the
//! event that came and a [`Prediction`] of the one that comes next. Nothing in this crate knows how predictions are
//! made, so a client that uses it never compiles the network.

mod bind;
mod prediction;
mod record;
mod report;
mod schema;
mod time;

pub use bind::{Limits, Refusal, RefusalCode};
pub use prediction::{Detector, Drift, Expected, FieldOutcome, Outcome, Prediction};
pub use record::{Data, Datum, Event, Record, Value};
pub use report::{ExpertReport, FieldReport, Report};
pub use schema::{Field, FieldKind, Schema, UnknownFieldKind};
pub use time::{format_time, parse_time};

/// The name of the field that a record without named fields has.
pub const VALUE: &str = "value";

/// The name of the field that holds the time since the key's last event.
pub const GAP: &str = "gap";
