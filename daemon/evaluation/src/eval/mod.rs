//! A folder of recordings as a table: every stream replayed once by a fresh learner, with simple predictors beside it.
//!
//! [`find_streams`] says what each file of a folder is, by what its [`Manifest`] says and otherwise by name and content;
//! [`evaluate`] replays one stream and runs the baselines of [`crate::baselines`] over the same events; [`ablate`] replays it
//! once more for each part of the predictor, without it.

mod ablate;
mod compare;
mod find;
mod manifest;
mod run;

pub use ablate::{Ablated, Ablation, ablate};
pub use compare::Compared;
pub use find::{Stream, find_streams};
pub use manifest::{Manifest, ManifestError, Task};
pub use run::{Evaluated, Stage, StreamFault, evaluate};
