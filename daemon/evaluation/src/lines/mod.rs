//! Streams of log lines, judged: are lines of one kind put together ([`grouping_accuracy`]), and are faults that are
//! known found ([`LineDetection`])?
//!
//! Both take what a predictor said of each line, a group or a score, and what is known of it from a file beside the
//! log:
//! `NAME_structured.csv`, as loghub has it, or `NAME.labels.csv` with the first and the last line of each fault.

mod detection;
mod grouping;
mod labels;
mod patterns;

pub use detection::{FileDetection, LineDetection};
pub use grouping::{GroupedLines, grouping_accuracy, model_groups};
pub use labels::{LineLabels, LineWindow};
pub(crate) use patterns::{line_detectors, pattern_groups};
