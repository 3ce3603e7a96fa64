//! Recordings that could not be evaluated: as JSON, and as the exit code.

use crate::learner::replay_failure;
use serde::Serialize;
use surmise_evaluation::{ReplayError, StreamFault};
use surmise_recording::SourceError;
use surmise_terminal::{Exit, Failure};

/// A recording that could not be evaluated, in the JSON of `surmise eval`.
#[derive(Serialize)]
pub(super) struct FaultReport {
    file: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    reason: String,
}

impl FaultReport {
    pub(super) fn of(fault: &StreamFault) -> FaultReport {
        match &fault.error {
            ReplayError::Source(SourceError::Data { file, line, refusal }) => {
                FaultReport { file: file.clone(), line: Some(*line), reason: refusal.to_string() }
            }
            error => FaultReport { file: fault.file.clone(), line: None, reason: error.to_string() },
        }
    }
}

/// How the command ends: the first fault decides the exit code. The faults themselves were printed when they came.
pub(super) fn exit_of(faults: Vec<StreamFault>) -> Result<(), Failure> {
    let many = faults.len();
    let Some(first) = faults.into_iter().next() else { return Ok(()) };
    let exit = replay_failure(first.error).exit().unwrap_or(Exit::Internal);
    let recordings = if many == 1 { "one recording".into() } else { format!("{many} recordings") };
    Err(Failure::new(exit, format!("{recordings} could not be evaluated, as said above")))
}
