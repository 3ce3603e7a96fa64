//! The arguments of `surmise replay`.

use super::compared_with::{ComparedWith, DEFAULTS, compared_with};
use super::report_args::ReportArgs;
use crate::learner::{LearnerArgs, replay_failure};
use crate::recording::RecordingArgs;
use clap::Args;
use std::io::IsTerminal;
use std::path::PathBuf;
use surmise_evaluation::{Labels, ReplayOptions, RowRange, SessionLabels};
use surmise_event::Schema;
use surmise_store::TemporaryPages;
use surmise_terminal::Failure;

#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub(crate) struct ReplayArgs {
    #[command(flatten)]
    pub(super) recording: RecordingArgs,
    #[command(flatten)]
    pub(super) learner: LearnerArgs,
    /// Continue with the learner of a checkpoint file instead of a fresh one. Keys whose state was in its store are
    /// forgotten.
    #[arg(long, value_name = "CHECKPOINT")]
    pub(super) from: Option<PathBuf>,
    /// Begin a new stream with what the learner of a checkpoint file has learnt of another one: its models, without its
    /// keys, its position, its measures and its alarms.
    #[arg(long, value_name = "CHECKPOINT", conflicts_with = "from")]
    pub(super) like: Option<PathBuf>,
    /// Save the learner at the end, for a later --from or --like.
    #[arg(long, value_name = "CHECKPOINT")]
    save: Option<PathBuf>,
    /// Count only rows A up to (not with) B in the measures; all rows are learnt.
    #[arg(long, value_name = "A:B")]
    score_rows: Option<RowRange>,
    /// Report errors of numbers in units of the standard deviation of rows A up to (not with) B of their column.
    #[arg(long, value_name = "A:B")]
    unit_rows: Option<RowRange>,
    /// Also forecast N steps ahead from every event, and score each step when its truth arrives. This runs the model
    /// N steps forward at every event, so it takes about N times as long.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    horizon: Option<u32>,
    /// Write one row per event: offset, key, time, surprise, anomaly score, and forecasts of numbers; with --horizon N
    /// also what was forecast of them N events of their key before, as FIELD_yhat_N and the ends of its interval of
    /// nine in ten, FIELD_yhat_lower_N and FIELD_yhat_upper_N. Of a --target that is no number, TARGET_yhat is the
    /// likeliest symbol and TARGET_probability how likely it was. The time of a line of a log is the one that the line
    /// tells.
    #[arg(long, value_name = "OUT.csv")]
    scores: Option<PathBuf>,
    /// Write one row per ended key: key, offsets of its first and last event, events, surprise, anomaly score, rarity
    /// among the stream's sessions, and why.
    #[arg(long, value_name = "OUT.csv")]
    session_scores: Option<PathBuf>,
    /// Report how well anomaly scores find known anomalies, whose windows this file holds: NAB's JSON or a CSV of
    /// start,end. A CSV of key,label (0 or 1, normal or anomaly) says instead which keys are anomalous as a whole; the
    /// keys of a tokens file are the numbers of its lines, from 0.
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// With labels of keys: leave the first N that end out of the measures, as little was known then.
    #[arg(long, value_name = "N", default_value_t = 0)]
    unscored_sessions: u64,
    /// Also replay with other options, or take another result, and say by how much it is better and how sure that is.
    ///
    /// Options are written as for --set, several between blanks: --compare network=off, --compare "preset=numbers
    /// seed=7". A file that `--output json` wrote is taken as it is: --compare yesterday.json. May be given several
    /// times; everything is compared with the replay that the other options describe. Without a value, behind the
    /// files: with a fresh learner of the defaults.
    #[arg(long, value_name = "OPTIONS|RESULT.json", value_parser = compared_with, num_args = 0..=1,
        default_missing_value = DEFAULTS)]
    pub(super) compare: Vec<ComparedWith>,
    #[command(flatten)]
    pub(super) report: ReportArgs,
}

const HELP: &str = "\
Examples:
  surmise replay tinyshakespeare.txt --format bytes
  surmise replay hdfs_train --format tokens --output json
  surmise replay ETTh1.csv --time date --unit-rows 0:2880 --score-rows 3600:14400
  surmise replay electricity.csv --target class --scores scores.csv
  surmise replay tinyshakespeare.txt --format bytes --delay-chunks 1
  surmise replay book_order.csv --key key --time time --set network=off
  surmise replay sales.csv.gz --time day --time-format dmy --time-zone Europe/Berlin
  surmise replay access.log --report report.html --figures pictures
  surmise replay hdfs_train --compare network=off --compare \"memory_mib=8 seed=7\"
  surmise replay hdfs_train --set ablate=matches --compare     beside what the defaults make of it
  surmise replay hdfs_train --output json > now.json; surmise replay hdfs_train --set seed=2 --compare now.json

The first prediction is made by a learner that knows nothing, every event is scored before it is learnt,
and the table shows the mixture beside every expert that is in it.";

impl ReplayArgs {
    /// Whether the options go together.
    pub(super) fn check(&self) -> Result<(), Failure> {
        if self.recording.files.is_empty() && std::io::stdin().is_terminal() {
            return Err(Failure::usage("name a file to replay, or pipe one in"));
        }
        let has_options = self.compare.iter().any(|c| matches!(c, ComparedWith::Options(..)));
        let has_defaults = self.compare.contains(&ComparedWith::Defaults);
        if (has_options || has_defaults) && self.is_standard_input() {
            return Err(Failure::usage("--compare replays the recording again; name a file instead of a pipe"));
        }
        if has_options && self.begins_with_checkpoint() {
            return Err(Failure::usage("--compare with options needs a fresh learner; leave out --from and --like"));
        }
        if has_defaults
            && !self.begins_with_checkpoint()
            && self.learner.options()? == self.learner.defaults().options()?
        {
            return Err(Failure::usage(
                "--compare: nothing differs from the defaults; choose something with --set or --preset, or say what to \
                 compare with, as --compare network=off",
            ));
        }
        self.report.check()
    }

    /// Whether the learner knows something before the first event.
    pub(super) fn begins_with_checkpoint(&self) -> bool {
        self.from.is_some() || self.like.is_some()
    }

    /// Whether the recording can be read but once.
    pub(super) fn is_standard_input(&self) -> bool {
        self.recording.files.is_empty() || self.recording.files.iter().any(|f| f.as_os_str() == "-")
    }

    /// How the recording is replayed, and the fields that are known before it is read.
    pub(super) fn options(&self) -> Result<(ReplayOptions, Option<Schema>), Failure> {
        let (learner, learning) = self.learner.choices()?;
        let session_labels = self.labels.as_deref().map(SessionLabels::read).transpose()?.flatten();
        let windows = self.labels.as_deref().filter(|_| session_labels.is_none());
        let mut options = ReplayOptions {
            pages: Some(TemporaryPages::shared),
            learner,
            workers: learning.count(),
            device: Some(learning.device),
            from: self.from.clone(),
            like: self.like.clone(),
            score_rows: self.score_rows,
            unit_rows: self.unit_rows,
            horizon: self.horizon.map(|h| h as usize),
            scores: self.scores.clone(),
            labels: windows.map(Labels::read).transpose()?,
            session_scores: self.session_scores.clone(),
            session_labels,
            unscored_sessions: self.unscored_sessions,
            save: self.save.clone(),
            course: true,
            highlights: self.report.is_asked(),
            blocks: self.report.is_asked(),
            ..ReplayOptions::default()
        };
        let known = options.checkpoint().map_err(replay_failure)?.map(|l| l.schema().clone());
        options.learner.target = options.learner.target.take().filter(|t| !t.is_empty());
        Ok((options, known))
    }
}
