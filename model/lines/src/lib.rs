//! Log lines understood: templates, typed slots, times, and evidence of what is odd (model/PREDICTOR.md, section 16).
//!
//! | part | modules |
//! |---|---|
//! | reading | `line` (colours, JSON told from text), `json`, `cut` (pieces), `token` (values that are more than a word), `stamp` and `clock` (times), `trace` (lines that go on), `prefix` and `role` (what a slot is for) |
//! | templates | `miner`, `search`, `template` |
//! | slots | `slots`, `slot`, `values`, `number`, `shape` |
//! | evidence | `observe`, `channels`, `burst`, `sequence`, `overdue`, `rate`, `pairs`, `severe` |
//! | telling | `tell` |
//!
//! [`LineModel`] is the whole. A channel is one variant of `LineChannel`, its row in [`LINE_CHANNELS`], and a call of
//! `Observed::say`.

mod burst;
mod channels;
mod clock;
mod cut;
mod json;
mod line;
mod miner;
mod model;
mod number;
mod observe;
mod overdue;
mod pairs;
mod piece;
mod prefix;
mod rate;
mod role;
mod search;
mod sequence;
mod severe;
mod shape;
mod slot;
mod slots;
mod stamp;
mod table;
mod tell;
mod template;
mod token;
mod trace;
mod values;

pub use channels::{EvidenceSubject, LINE_CHANNELS, subject_of};
pub use model::{LineLimits, LineModel, LineReading};
pub use observe::{LineOutcome, LineOverdue, LinePart, WHOLE_LINE};
pub use shape::ValueShape;
pub use tell::{LikelyValue, LinePartSummary, SlotSummary};
pub use trace::{Continuation, TraceJoiner};
