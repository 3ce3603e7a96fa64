//! What a report is made of.

use surmise_evaluation::{ComparedCurves, ReplayDifference, ReplayResult, ReplaySummary};

/// Another replay of the same recording, compared with the one that is reported.
#[derive(Clone, Debug)]
pub struct OtherReplay {
    /// What is different: the options that were set, or the file of the result.
    pub name: String,
    /// What it was.
    pub summary: ReplaySummary,
    /// Every measure of both.
    pub differences: Vec<ReplayDifference>,
}

/// What a report shows.
#[derive(Clone, Copy, Debug)]
pub struct ReplayReport<'a> {
    /// What was replayed, in a few words.
    pub title: &'a str,
    /// The result.
    pub result: &'a ReplayResult,
    /// The result beside simple predictors of the same events; empty where they were left out.
    pub beside: &'a [ComparedCurves],
    /// Other replays of the same recording.
    pub others: &'a [OtherReplay],
    /// The command line that gives the report again.
    pub command: &'a str,
    /// When it was made, in words.
    pub made: &'a str,
}
