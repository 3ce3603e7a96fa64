//! `surmise replay`: learn from recordings, and say how well it went.

use crate::global::Global;
use crate::learner::{LearnerArgs, replay_failure};
use crate::recording::{RecordingArgs, fields, odd_lines, progress_bar};
use crate::watch::drift_line;
use clap::Args;
use std::io::IsTerminal;
use std::path::PathBuf;
use surmise_evaluation::{
    FieldResult, Labels, LabelsResult, ReplayOptions, ReplayProgress, ReplayResult, RowRange, SessionLabels,
    SessionLabelsResult, replay,
};
use surmise_event::Drift;
use surmise_recording::Source;
use surmise_store::TemporaryPages;
use surmise_terminal::format::{count, number, number_or_blank, percent_or_blank, size};
use surmise_terminal::{Failure, Paint, Table, print_line};

#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub(crate) struct ReplayArgs {
    #[command(flatten)]
    recording: RecordingArgs,
    #[command(flatten)]
    learner: LearnerArgs,
    /// Continue with the learner of a checkpoint file instead of a fresh one. Keys whose state was in its store are
    /// forgotten.
    #[arg(long, value_name = "CHECKPOINT")]
    from: Option<PathBuf>,
    /// Save the learner at the end, for a later --from.
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
    /// Write one row per event: offset, key, time, surprise, anomaly score, and forecasts of numbers.
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

The first prediction is made by a learner that knows nothing, every event is scored before it is learnt,
and the table shows the mixture beside every expert that is in it.";

pub(crate) fn run(global: &Global, args: ReplayArgs) -> Result<(), Failure> {
    if args.from.is_some() && args.learner.any() {
        return Err(Failure::usage(
            "--from brings the learner's own options; leave out --preset, --set, --config, --delay-chunks and --target",
        ));
    }
    let (learner, learning) = args.learner.choices()?;
    let session_labels = args.labels.as_deref().map(SessionLabels::read).transpose()?.flatten();
    let windows = args.labels.as_deref().filter(|_| session_labels.is_none());
    let mut options = ReplayOptions {
        pages: Some(TemporaryPages::shared),
        learner,
        workers: learning.count(),
        device: Some(learning.device),
        from: args.from.clone(),
        score_rows: args.score_rows,
        unit_rows: args.unit_rows,
        horizon: args.horizon.map(|h| h as usize),
        scores: args.scores.clone(),
        labels: windows.map(Labels::read).transpose()?,
        session_scores: args.session_scores.clone(),
        session_labels,
        unscored_sessions: args.unscored_sessions,
        save: args.save.clone(),
        ..ReplayOptions::default()
    };
    if args.recording.files.is_empty() && std::io::stdin().is_terminal() {
        return Err(Failure::usage("name a file to replay, or pipe one in"));
    }
    let known = options.checkpoint().map_err(replay_failure)?.map(|l| l.schema().clone());
    let source = Source::open(&args.recording.options(known))?;
    if let Some(t) = &options.learner.target
        && !source.schema().fields.is_empty()
        && source.schema().position(t).is_none()
    {
        return Err(Failure::usage(format!("--target: {t:?} is not a field; there are {}", fields(source.schema()))));
    }
    options.learner.target = options.learner.target.take().filter(|t| !t.is_empty());
    let head = std::iter::once(format!("replaying {}; {}", args.recording.describe(&source), fields(source.schema())));
    for line in head.chain(source.notes().iter().cloned()) {
        if global.json() { eprintln!("{line}") } else { print_line(&line)? }
    }
    let bar = progress_bar(source.bytes_total());
    let result = replay(source, &options, |p| {
        bar.set_position(p.bytes);
        bar.set_message(so_far(p, bar.elapsed().as_secs_f64()));
    });
    bar.finish_and_clear();
    let result = result.map_err(replay_failure)?;
    if global.json() {
        let json = serde_json::to_string(&result).map_err(|e| Failure::new(surmise_terminal::Exit::Internal, e))?;
        print_line(&json)?;
    } else {
        for line in table(&result, Paint::stdout()) {
            print_line(&line)?;
        }
    }
    Ok(())
}

fn so_far(p: &ReplayProgress, seconds: f64) -> String {
    let rate = p.events as f64 / seconds.max(1e-3);
    let bits =
        if p.scored > 0 { format!("{:.4} bits/event", p.bits / p.scored as f64) } else { "not scored yet".into() };
    format!("{} events  {}/s  {bits}", count(p.events), count(rate as u64))
}

/// The result for people: the losses of the mixture and of every expert, the fields, and what it took.
pub(crate) fn table(r: &ReplayResult, paint: Paint) -> Vec<String> {
    let scored =
        if r.events_scored < r.events { format!(", {} scored", count(r.events_scored)) } else { String::new() };
    let keys = if r.keys > 1 { format!(" of {} keys", count(r.keys)) } else { String::new() };
    let mut out = vec![String::new(), format!("{} events{keys}{scored}", count(r.events)), String::new()];
    out.extend(loss_table(r).lines(paint));
    out.push(String::new());
    out.push(format!(
        "regret {:+.1} bits against the best single expert{}, at most {:.1}",
        r.regret_bits,
        if r.fields.len() > 1 { " of every field" } else { "" },
        r.regret_bound_bits
    ));
    out.push(format!("calibration error {:.4}", r.calibration_error));
    out.push(r.choices.clone());
    out.extend(odd_lines(&r.odd));
    if r.late_events > 0 {
        out.push(format!("{} events came late: learnt with a gap of zero", count(r.late_events)));
    }
    out.extend(drift_lines(&r.drifts, paint));
    out.push(String::new());
    out.extend(field_table(r).lines(paint));
    out.push(String::new());
    if let Some(l) = &r.labels {
        out.extend(labels_table(l).lines(paint));
        out.push(String::new());
    }
    if let Some(l) = &r.session_labels {
        out.extend(session_labels_table(l).lines(paint));
        out.push(String::new());
    }
    out.push(format!(
        "{} events/s, {:.2} s ({:.2} s of processor time), {} at most, state {}, {} weights, {} engine on {}",
        count(r.events_per_second as u64),
        r.wall_seconds,
        r.cpu_seconds,
        size(r.peak_memory_bytes),
        size(r.state_bytes),
        count(r.parameters),
        r.engine,
        r.kernel
    ));
    out.push(format!("state {}", r.state_hash));
    out
}

/// Drifts that are shown at most.
const DRIFTS_SHOWN_MAX: usize = 20;

fn drift_lines(drifts: &[Drift], paint: Paint) -> Vec<String> {
    let mut out: Vec<String> = drifts.iter().take(DRIFTS_SHOWN_MAX).map(|d| drift_line(d, paint)).collect();
    if drifts.len() > DRIFTS_SHOWN_MAX {
        out.push(format!("… and {} more drifts", drifts.len() - DRIFTS_SHOWN_MAX));
    }
    out
}

/// The losses of the mixture and of every expert; field by field where there are several and they fit.
fn loss_table(r: &ReplayResult) -> Table {
    const COLUMNS_MAX: usize = 8;
    let split = |e: &str| e.rsplit_once('/').map(|(f, x)| (f.to_owned(), x.to_owned()));
    let fields: Vec<&String> = in_schema_order(r)
        .into_iter()
        .map(|(n, _)| n)
        .filter(|n| r.experts.iter().any(|e| split(&e.name).is_some_and(|(f, _)| f == **n)))
        .collect();
    if fields.is_empty() || fields.len() > COLUMNS_MAX {
        let mut t = Table::new(1, ["bits per event", "", "beside the mixture"]);
        t.row(["mixture".into(), format!("{:.4}", r.loss_bits_per_event), String::new()]);
        for e in &r.experts {
            let beside = if fields.is_empty() {
                format!("{:+.4}", e.loss_bits_per_event - r.loss_bits_per_event)
            } else {
                String::new()
            };
            t.row([e.name.clone(), format!("{:.4}", e.loss_bits_per_event), beside]);
        }
        return t;
    }
    let head: Vec<String> =
        std::iter::once("bits per event".to_owned()).chain(fields.iter().map(|f| (*f).clone())).collect();
    let mut t = Table::with_head(1, head);
    let scored = r.events_scored.max(1) as f64;
    let share = |f: &String| r.fields.get(f).map_or(f64::NAN, |m| m.report.loss_bits * m.report.count as f64 / scored);
    t.cells(std::iter::once("mixture".to_owned()).chain(fields.iter().map(|f| format!("{:.4}", share(f)))).collect());
    let mut names: Vec<String> = Vec::new();
    for (_, expert) in r.experts.iter().filter_map(|e| split(&e.name)) {
        if !names.contains(&expert) {
            names.push(expert);
        }
    }
    for expert in names {
        let loss = |f: &&String| {
            let named = r
                .experts
                .iter()
                .find(|e| e.name.strip_prefix(f.as_str()).and_then(|n| n.strip_prefix('/')) == Some(&expert));
            named.map_or(String::new(), |e| format!("{:.4}", e.loss_bits_per_event))
        };
        t.cells(std::iter::once(expert.clone()).chain(fields.iter().map(loss)).collect());
    }
    t
}

fn field_table(r: &ReplayResult) -> Table {
    let mut t = Table::new(
        2,
        ["field", "kind", "bits", "regret", "top 1", "top 5", "distinct", "mse", "mae", "crps", "in 90 %"],
    );
    let (share, num) = (percent_or_blank, number_or_blank);
    for (name, f) in in_schema_order(r) {
        let FieldResult { report: m, unit_sd, .. } = f;
        let unit = if unit_sd.is_some() { "number, sd" } else { &m.kind };
        t.row([
            name.clone(),
            unit.to_owned(),
            format!("{:.4}", m.loss_bits),
            format!("{:+.1}", m.regret_bits),
            share(m.top1),
            share(m.top5),
            m.distinct.map_or(String::new(), count),
            num(m.mse),
            num(m.mae),
            num(m.crps),
            share(m.coverage_90),
        ]);
        if m.mse_regret.is_some() {
            let blank = String::new;
            let of = |regret, most| format!("{} ≤ {}", number_or_blank(regret), number_or_blank(most));
            let mut row = vec!["  above the best expert".to_owned()];
            row.resize_with(7, blank);
            row.push(of(m.mse_regret, m.mse_regret_bound));
            row.push(of(m.mae_regret, m.mae_regret_bound));
            row.resize_with(11, blank);
            t.cells(row);
        }
        if let Some(h) = r.horizon
            && (f.horizon_mse.is_some() || f.horizon_top1.is_some())
        {
            let label = format!("  {h} steps ahead");
            let blank = String::new;
            t.row([
                label,
                blank(),
                blank(),
                blank(),
                share(f.horizon_top1),
                blank(),
                blank(),
                num(f.horizon_mse),
                num(f.horizon_mae),
                blank(),
                blank(),
            ]);
        }
    }
    t
}

/// How well anomaly scores found the known anomalies.
fn labels_table(l: &LabelsResult) -> Table {
    let (share, num) = (percent_or_blank, number_or_blank);
    let nab = |x: Option<f64>| x.map_or(String::new(), |x| format!("{x:.1}"));
    let mut t = Table::new(1, ["known anomalies", "", ""]);
    let found = format!("{} of {}", count(l.detected), count(l.windows));
    let delay = l.mean_delay_seconds.map_or(String::new(), |s| format!("{} s", number(s)));
    t.row(["found, false alarms".into(), found, count(l.false_alarms)]);
    t.row(["precision, recall".into(), share(l.precision), share(l.recall)]);
    t.row(["F1, from a score of".into(), share(l.f1), num(l.threshold)]);
    t.row(["mean delay in events, in time".into(), num(l.mean_delay_rows), delay]);
    t.row(["NAB score, standard".into(), nab(l.nab.standard), String::new()]);
    t.row(["NAB score, fewer false alarms, fewer misses".into(), nab(l.nab.reward_low_fp), nab(l.nab.reward_low_fn)]);
    t
}

/// How well the verdicts on sessions found the anomalous ones.
fn session_labels_table(l: &SessionLabelsResult) -> Table {
    let share = percent_or_blank;
    let mut t = Table::new(1, ["sessions with labels", "", ""]);
    t.row(["anomalous, all".into(), count(l.anomalous), count(l.sessions)]);
    t.row([
        "average precision".into(),
        l.average_precision.map_or(String::new(), |x| format!("{x:.3}")),
        String::new(),
    ]);
    t.row(["best F1, from a score of".into(), share(l.f1), number_or_blank(l.threshold)]);
    t.row(["precision, recall there".into(), share(l.precision), share(l.recall)]);
    t
}

fn in_schema_order(r: &ReplayResult) -> Vec<(&String, &FieldResult)> {
    let mut fields: Vec<_> = r.fields.iter().collect();
    fields.sort_by_key(|(name, _)| r.schema.position(name).unwrap_or(usize::MAX));
    fields
}
