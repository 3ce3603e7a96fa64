//! The vocabulary of surmise: what a stream is made of, and what is said about it.
//!
//! A producer sends [`Record`]s. A stream's [`Schema`] binds a record to an [`Event`] of one value per field, or
//! refuses it with a [`Refusal`] that names the field and the reason. The learner answers with an [`Outcome`] for the
//! event that came and a [`Prediction`] of the event that comes next. Nothing in this crate knows how predictions are
//! made, so a client that uses it never compiles the network.
//!
//! A value has three forms, one for each of these steps: a [`Datum`] is what a producer wrote, a [`Value`] is what the
//! schema makes of it, and an [`Expected`] is the distribution that is predicted for it.

mod alarm;
mod bind;
mod civil;
mod column;
mod description;
mod expected;
mod feedback;
mod first_events;
mod kinds;
mod last_seen;
mod mended;
mod numeral;
mod part;
mod prediction;
mod record;
mod refusal;
mod report;
mod schema;
mod session;
mod time;
pub mod words;

pub use alarm::{Alarm, AlarmBudget, AlarmKind, AlarmPhase, BudgetError, BudgetSpan};
pub use civil::{CivilTime, DateOrder};
pub use column::{ColumnReading, ColumnUnit, column_reading, table_numerals};
pub use description::{
    ExpertState, FieldDescription, FlowStage, KnownKey, KnownTemplate, LayerState, LearnerDescription, NamedPart,
    NetworkState,
};
pub use expected::Expected;
pub use feedback::{Feedback, FeedbackVerdict};
pub use first_events::FirstEvents;
pub use last_seen::LastSeen;
pub use mended::mended;
pub use numeral::{Numeral, Numerals, is_missing, unit_base};
pub use part::Part;
pub use prediction::{Detector, Drift, FieldOutcome, OddWord, Outcome, Prediction};
pub use record::{Data, Datum, Event, Record, Value};
pub use refusal::{Limits, Refusal, RefusalCode};
pub use report::{ExpertReport, FieldReport, Report};
pub use schema::{Field, FieldKind, GAP, Schema, UnknownFieldKind, VALUE};
pub use session::{SessionOutcome, SessionOver, SessionWhy};
pub use time::{TimeError, TimeUnit, format_time, parse_standard, parse_time, time_of_number, time_of_whole_number};
