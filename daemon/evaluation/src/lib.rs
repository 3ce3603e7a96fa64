//! Evaluation: a recording is replayed in one pass, and how well each event was predicted is measured.
//!
//! * [`replay`] drives a learner over a [`surmise_recording::Source`] with the very calls that the daemon makes, and
//!   scores every event before it is learnt; its page shows the five lines that this is.
//! * [`baselines`] are the simple predictors of the same events, which a learner has to beat.
//! * [`Labels`] hold anomaly scores against anomalies that are known; [`LineDetection`] and [`grouping_accuracy`] hold
//!   scores and groups of log lines against faults and templates that are.
//! * [`evaluate`] does all of this for every recording that [`find_streams`] finds in a folder; [`ablate`] tells what
//!   each component of the predictor is worth.

mod baseline;
mod blocks;
mod comparison;
mod course;
mod error;
mod eval;
mod highlights;
mod horizon;
mod labels;
mod lines;
mod losses;
mod options;
mod replay;
mod replay_incidents;
mod resources;
mod result;
mod row_range;
mod scores;
mod session_scores;
mod start;
mod units;
mod why;

pub use baseline::{BaselineResult, Measure, Score, baselines, detectors};
pub use comparison::{
    ComparisonVerdict, DifferencePoint, NotComparable, ReplayDifference, ReplaySummary, compare_replays,
    difference_course,
};
pub use course::{CourseMeasure, CourseSeries, LearningCourse};
pub use error::{LabelsError, ReplayError};
pub use eval::{
    Ablated, Ablation, Compared, ComparedCurves, ComparedFiles, DifferenceInterval, EvalStage, Evaluation,
    FileCompared, HeldOut, KnownLines, Manifest, ManifestError, MissedRecording, RecordedStream, RecordingTask,
    StreamFault, ablate, curves_beside, evaluate, find_streams,
};
pub use highlights::{Highlight, Highlights, NeighbourEvent, WhyHighlighted};
pub use labels::{AnomalyWindow, Labels, LabelsResult, NabScores, SessionBaseline, SessionLabels, SessionLabelsResult};
pub use lines::{FileDetection, GroupedLines, LineDetection, LineLabels, LineWindow, grouping_accuracy, model_groups};
pub use options::{MakePages, ReplayOptions};
pub use replay::{ReplayProgress, replay};
pub use replay_incidents::{ReplayIncident, ReplayIncidents};
pub use resources::{cpu_seconds, peak_memory_bytes, thread_seconds};
pub use result::{FieldResult, ReplayResult};
pub use row_range::{RowRange, RowRangeError};
pub use why::replay_why;
