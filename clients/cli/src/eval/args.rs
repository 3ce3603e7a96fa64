//! The arguments of `surmise eval`.

use clap::Args;
use std::path::PathBuf;
use surmise_learner::Component;

#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub(crate) struct EvalArgs {
    /// The folder; folders in it are looked into.
    #[arg(value_name = "DIR")]
    pub(super) folder: PathBuf,
    /// What is known of the files beyond their names and content; by default DIR/eval.toml, where there is one.
    #[arg(long, value_name = "FILE")]
    pub(super) manifest: Option<PathBuf>,
    /// Only streams whose title or path contains this.
    #[arg(long, value_name = "PATTERN")]
    pub(super) only: Option<String>,
    /// Streams that are evaluated at once. More than one makes speeds those of a busy machine.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(super) jobs: u16,
    /// What each component of the predictor is worth: replay each stream once without each of these, or of all.
    #[arg(long, value_name = "COMPONENT,…", num_args = 0..=1, value_delimiter = ',')]
    pub(super) ablate: Option<Vec<Component>>,
    /// Print the table as Markdown.
    #[arg(long)]
    pub(super) markdown: bool,
    /// Print the skill on what is held out as well: the best simple predictor, and thresholds of alarms, are chosen on
    /// the first half of what counts (of several files: on those that the manifest calls tuned on, or every second one)
    /// and reported on the rest.
    #[arg(long)]
    pub(super) held_out: bool,
    /// One choice about all learners, named as in the daemon's `model` table: network=off, memory_mib=16, seed=7, …
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(super) set: Vec<String>,
}

const HELP: &str = "\
Examples:
  surmise eval data                             the whole table
  surmise eval data --only shakespeare          one row of it
  surmise eval data --set network=off           the same without networks
  surmise eval data --markdown > results.md
  surmise eval data --held-out                  what is left where nothing was chosen
  surmise eval data --ablate                    what each component of the predictor is worth
  surmise eval data --ablate words,matches      what these two are
  surmise eval data --ablate network            what networks are worth, and what time they take
  surmise eval data --output json | jq '.streams[] | {title, measures}'

Every file of the folder is a stream: a fresh learner goes over it once, scoring each event before it learns it, and so
do simple predictors, on the same events: orders 0 to 6 and a PPM-like mixture of them for symbols and bytes;
persistence, season, smoothing and linear regression for numbers; no change, logistic regression of several steps,
naive Bayes, a Hoeffding tree and a forest for a class; laws of gaps; KNN-CAD, relative entropy and a windowed Gaussian
for alarms. Skill is 1 − loss / loss of the best of them, ± how far it may be off in 95 of 100 cases: from paired
differences over blocks of rows, as losses depend on each other, or over files. A JSON of known anomalies (as NAB's
combined_windows.json) makes one row of the files that it names: means, the best simple predictor of each file, the
worst files, and those that dropped out, whose windows count as missed. Logs with labelled lines beside them
(NAME.labels.csv: first,last,kind,class with class fault or benign) make one row: faults found with one threshold for
all logs at one false episode in 5,000 normal lines, their average precision, and the lines until the alarm. Logs with
known templates (NAME_structured.csv, as loghub's: Content, EventId) make one of grouping accuracy. A recording with
labels by session beside it (NAME.labels.csv: key,label) says how well the verdicts on its sessions find the anomalous
ones, past the first 500 sessions, a tenth at most.

What a file is, its name and first rows tell. A manifest says more:

  [[stream]]
  files = [\"meters/*.csv\"]        # the last parts of a path, * for any characters; all other keys may be left out
  title = \"Meters\"
  format = \"csv\"                 # bytes, text, tokens, lines, csv, ndjson
  time = \"date\"                  # also: key = \"COLUMN\", target = \"FIELD\", fields = [\"NAME:KIND\"], skip = true
  unit_rows = \"0:2880\"           # rows whose deviation is the unit of errors
  score_rows = \"3600:14400\"      # rows that count
  horizon = 24                   # steps to forecast
  labels = \"windows.csv\"         # known anomalies
  references = [\"ARIMA .31\"]     # printed beside
  tuned_on = \"rates chosen on it\" # printed beside: what of the program was chosen with these files in sight
  tuned_files = [\"a/*.csv\"]      # which files of several these were; --held-out reports on the others

Exit codes: 0 all evaluated, 64 wrong usage or manifest, 65 a recording was at fault (all others are evaluated).";
