//! PyTorch as a reference: a script that measures the same work in a Python that has it.

use crate::bench::Bench;
use serde::de::DeserializeOwned;
use std::process::{Command, Stdio};

/// Why PyTorch was not measured.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TorchError {
    /// The script cannot be written, or Python not be started.
    #[error("{program}: {error}")]
    Start {
        /// The Python.
        program: String,
        /// Why.
        error: std::io::Error,
    },
    /// The script failed: there is no PyTorch, or none that sees a GPU.
    #[error("{0}")]
    Script(String),
    /// The script printed something else than what was expected.
    #[error("the answer of the script is not understood: {0}")]
    Answer(#[from] serde_json::Error),
}

/// Runs a script with arguments, and reads the JSON in the last line that it prints.
pub(crate) fn run<T: DeserializeOwned>(bench: &Bench, script: &str, args: &[String]) -> Result<T, TorchError> {
    let start = |error| TorchError::Start { program: bench.python.display().to_string(), error };
    let file = bench.dir.path().join("torch_script.py");
    std::fs::write(&file, script).map_err(start)?;
    let out = Command::new(&bench.python).arg(&file).args(args).stdin(Stdio::null()).output().map_err(start)?;
    let (printed, errors) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    if !out.status.success() {
        // a Python program ends with one line that names its error
        let last = errors.trim().lines().last().unwrap_or("it failed").to_owned();
        return Err(TorchError::Script(last));
    }
    Ok(serde_json::from_str(printed.lines().next_back().unwrap_or_default())?)
}
