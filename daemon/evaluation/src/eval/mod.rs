//! A folder of recordings as a table: every stream replayed once by a fresh learner, with the baselines beside it.
//!
//! [`find_streams`] decides what each file of a folder is: by a [`Manifest`], and otherwise by name and content;
//! [`evaluate`] replays one stream and runs the baselines over the same events; [`ablate`] replays it once more without
//! each component of the predictor.

mod ablate;
mod alarms;
mod compare;
mod curves;
mod evaluation;
mod files;
mod find;
mod known;
mod lines;
mod manifest;
mod mixed_sessions;
mod parts;
mod recording;
mod run;

pub use ablate::{Ablated, Ablation, ablate};
pub use compare::{Compared, ComparedFiles, FileCompared};
pub use curves::{ComparedCurves, curves_beside};
pub use evaluation::{EvalStage, Evaluation, MissedRecording};
pub use find::{RecordedStream, find_streams};
pub use known::KnownLines;
pub use manifest::{Manifest, ManifestError, RecordingTask};
pub use parts::{DifferenceInterval, HeldOut};
pub use recording::StreamFault;
pub use run::evaluate;
