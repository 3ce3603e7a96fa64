//! Known anomalies, and how well scores find them.
//!
//! [`Labels`] reads the windows in which anomalies are known to lie; [`Labels::score_files`] compares the anomaly
//! scores of recordings with them, by the rules of the Numenta Anomaly Benchmark (the private module `nab` states them)
//! and in plain counts ([`LabelsResult`]).

mod judged;
mod measure;
mod nab;
mod sessions;
#[cfg(test)]
mod tests;
mod windows;

pub(crate) use judged::JudgedAlarms;
pub(crate) use measure::LabelCollector;
pub use measure::{LabelsResult, NabScores};
pub(crate) use nab::{NabProfile, probation};
pub(crate) use sessions::SessionLabelCollector;
pub use sessions::{SessionBaseline, SessionLabels, SessionLabelsResult};
pub use windows::{AnomalyWindow, Labels};
