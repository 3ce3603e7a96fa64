//! The driver: a source, a learner, and what is measured on the way.

use crate::horizon::Horizon;
use crate::labels::{Collector, Labels};
use crate::scores::Scores;
use crate::units::Units;
use crate::{FieldResult, ReplayError, ReplayResult, cpu_seconds, peak_memory_bytes};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use surmise_device::Choice;
use surmise_event::{Data, Datum, Drift, Event, Limits, Outcome, Record, Value};
use surmise_learner::{Learner, MemoryPages, Options, Pages, PagesError};
use surmise_recording::{Item, Source, SourceError};
use surmise_workers::{DevicePolicy, WorkerPool};

/// Rows `A:B`: from A, without B, counted from 0. Either may be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rows {
    /// The first row.
    pub from: u64,
    /// The row after the last one.
    pub to: u64,
}

impl Rows {
    /// Whether a row is one of them.
    pub fn contains(self, row: u64) -> bool {
        (self.from..self.to).contains(&row)
    }
}

impl FromStr for Rows {
    type Err = String;
    fn from_str(s: &str) -> Result<Rows, String> {
        let bad = || format!("expected rows A:B with A below B, such as 0:2880, got {s:?}");
        let (a, b) = s.split_once(':').ok_or_else(bad)?;
        let side = |t: &str, open: u64| if t.is_empty() { Ok(open) } else { t.parse().map_err(|_| bad()) };
        let rows = Rows { from: side(a, 0)?, to: side(b, u64::MAX)? };
        if rows.from < rows.to { Ok(rows) } else { Err(bad()) }
    }
}

/// Makes a place for the states of keys that a learner has no room for.
pub type MakePages = fn() -> std::io::Result<Arc<dyn Pages>>;

/// How a recording is replayed.
#[derive(Clone, Debug, Default)]
pub struct ReplayOptions {
    /// The choices of a fresh learner.
    pub learner: Options,
    /// Threads that work out beside what networks learn, where updates wait for it.
    pub workers: usize,
    /// Whether a GPU may; nothing said is the processor.
    pub device: Option<Choice>,
    /// A learner to go on with, instead of a fresh one.
    pub from: Option<PathBuf>,
    /// Rows that the measures count; all, if none are named.
    pub score_rows: Option<Rows>,
    /// Rows whose standard deviation is the unit of errors.
    pub unit_rows: Option<Rows>,
    /// Steps to forecast from every event.
    pub horizon: Option<usize>,
    /// Where one row per event is written.
    pub scores: Option<PathBuf>,
    /// Windows of known anomalies, to hold the anomaly scores against.
    pub labels: Option<Labels>,
    /// Whether the result holds the time and the anomaly score of every event.
    pub anomalies: bool,
    /// Where the learner is saved at the end, to go on from.
    pub save: Option<PathBuf>,
    /// Bounds on records.
    pub limits: Limits,
    /// Where the states of keys go that memory has no room for. By default they stay in memory all the same, within what
    /// [`Options`] allows the store: what is learnt is that of the daemon.
    pub pages: Option<MakePages>,
}

impl ReplayOptions {
    /// The learner that a replay goes on with, if it does. States of keys that lay in its store stayed there: these keys
    /// are forgotten.
    ///
    /// # Errors
    /// The file cannot be read, or is no checkpoint of this program.
    pub fn checkpoint(&self) -> Result<Option<Learner>, ReplayError> {
        let Some(path) = &self.from else { return Ok(None) };
        let file = path.display().to_string();
        let bytes = std::fs::read(path).map_err(|error| SourceError::Open { file: file.clone(), error })?;
        let mut learner = Learner::load(&bytes).map_err(|error| ReplayError::Checkpoint { file, error })?;
        learner.forget_stored();
        Ok(Some(learner))
    }
}

/// How far a replay has come.
#[derive(Clone, Copy, Debug, Default)]
pub struct Progress {
    /// Bytes read.
    pub bytes: u64,
    /// Bytes of all files, where that is known.
    pub bytes_total: Option<u64>,
    /// Events learnt.
    pub events: u64,
    /// Events scored.
    pub scored: u64,
    /// Their surprise.
    pub bits: f64,
}

/// Lasting changes that a result lists at most.
const DRIFTS: usize = 1000;

/// How often the progress is told.
const TELL_EVERY: Duration = Duration::from_millis(100);

/// Learns from a source in one pass, with the very calls that the daemon makes, and measures.
///
/// # Errors
/// The recording, an option or a record is at fault, or results cannot be written.
pub fn replay(
    source: Source,
    options: &ReplayOptions,
    tell: impl FnMut(&Progress),
) -> Result<ReplayResult, ReplayError> {
    let (wall, cpu) = (Instant::now(), cpu_seconds());
    let mut learner = match options.checkpoint()? {
        Some(l) => l,
        None => {
            let mut chosen = options.learner.clone();
            if let Some(h) = options.horizon {
                chosen.horizon = u32::try_from(h).unwrap_or(u32::MAX);
            }
            Learner::new(source.schema().clone(), chosen)?
        }
    };
    let beside = options.workers > 0 && learner.options().delay_chunks > 0;
    let workers = beside.then(|| WorkerPool::start(options.workers)).transpose().map_err(ReplayError::Threads)?;
    if let Some(workers) = &workers {
        let devices = DevicePolicy::open(options.device.unwrap_or(Choice::Cpu), surmise_device::find)?;
        learner.set_job_sink(Arc::new(devices).job_sink(Some(workers.job_sink())));
    }
    learner.set_pages(match options.pages {
        Some(make) => make().map_err(PagesError::place)?,
        None => Arc::new(MemoryPages::default()),
    });
    let mut run = Run::new(learner, options, tell)?;
    let (format, total, count) = (source.format(), source.bytes_total(), source.bytes_counter());
    let bytes = || count.load(std::sync::atomic::Ordering::Relaxed);
    run.progress.bytes_total = total;
    for item in source {
        run.take(item?)?;
        run.report_progress(bytes());
    }
    run.progress.bytes = bytes();
    (run.tell)(&run.progress);
    if let Some(s) = run.scores.take() {
        s.finish()?;
    }
    if let Some(path) = &options.save {
        let state = run.learner.save();
        std::fs::write(path, state).map_err(|error| ReplayError::Write { file: path.display().to_string(), error })?;
    }
    let Run { mut learner, units, horizon, labels, anomalies, progress, drifts, .. } = run;
    let report = learner.report();
    let fields = FieldResult::all(&report, &units, horizon.as_ref(), learner.leads_learnt());
    let wall_seconds = wall.elapsed().as_secs_f64();
    Ok(ReplayResult {
        events: progress.events,
        events_scored: report.events,
        keys: report.keys,
        loss_bits_per_event: report.loss_bits_per_event,
        regret_bits: report.regret_bits,
        regret_bound_bits: report.regret_bound_bits,
        experts: report.experts,
        fields,
        calibration_error: report.calibration_error,
        cpu_seconds: cpu_seconds() - cpu,
        wall_seconds,
        events_per_second: progress.events as f64 / wall_seconds.max(1e-9),
        peak_memory_bytes: peak_memory_bytes(),
        parameters: report.parameters,
        state_bytes: report.state_bytes,
        state_hash: learner.state_hash(),
        version: env!("CARGO_PKG_VERSION").into(),
        kernel: report.kernel,
        engine: report.engine,
        late_events: report.late_events,
        gradient_jobs_by_workers: workers.as_ref().map(|t| t.jobs().by_workers),
        drifts,
        choices: report.choices,
        horizon: options.horizon.map(|h| h as u64),
        labels: labels.map(Collector::finish),
        anomalies,
        format: format.name().into(),
        bytes: progress.bytes,
        schema: learner.schema().clone(),
        options: learner.options().clone(),
    })
}

/// A replay in progress.
struct Run<'a, F> {
    learner: Learner,
    options: &'a ReplayOptions,
    units: Units,
    horizon: Option<Horizon>,
    scores: Option<Scores>,
    labels: Option<Collector>,
    anomalies: Vec<(i64, f64)>,
    /// Events so far: the row that comes next.
    row: u64,
    outcome: Outcome,
    drifts: Vec<Drift>,
    scoring: bool,
    progress: Progress,
    told: Instant,
    tell: F,
}

impl<'a, F: FnMut(&Progress)> Run<'a, F> {
    fn new(mut learner: Learner, options: &'a ReplayOptions, tell: F) -> Result<Run<'a, F>, ReplayError> {
        learner.set_ranks(!learner.schema().is_bytes());
        learner.set_intervals(options.scores.is_some());
        Ok(Run {
            learner,
            options,
            units: Units::default(),
            horizon: options.horizon.map(Horizon::new),
            scores: options.scores.as_deref().map(Scores::create).transpose()?,
            labels: options.labels.clone().map(Collector::new),
            anomalies: Vec::new(),
            row: 0,
            outcome: Outcome::default(),
            drifts: Vec::new(),
            scoring: true,
            progress: Progress::default(),
            told: Instant::now(),
            tell,
        })
    }

    /// Learns from one record. A run of bytes is divided where rows begin or end to count, and into single bytes where
    /// each is to be scored by itself.
    fn take(&mut self, item: Item) -> Result<(), ReplayError> {
        let each = self.scores.is_some() || self.horizon.is_some();
        match &item.record.data {
            Data::One(Datum::Bytes(run)) if self.learner.schema().is_bytes() => {
                let mut rest: &[u8] = run;
                while !rest.is_empty() {
                    let n = if each { 1 } else { self.until_boundary(rest.len()) };
                    let (part, more) = rest.split_at(n);
                    let record = Record { data: Data::One(Datum::Bytes(part.into())), ..Record::default() };
                    self.learn(&item, &record)?;
                    rest = more;
                }
                Ok(())
            }
            _ => self.learn(&item, &item.record),
        }
    }

    /// How many of the next `n` rows are alike in whether they count.
    fn until_boundary(&self, n: usize) -> usize {
        let Some(rows) = self.options.score_rows else { return n };
        let to = [rows.from, rows.to].into_iter().filter(|b| *b > self.row).min();
        to.map_or(n, |b| n.min(usize::try_from(b - self.row).unwrap_or(n)))
    }

    fn learn(&mut self, item: &Item, record: &Record) -> Result<(), ReplayError> {
        let event = self.learner.bind(record, &self.options.limits).map_err(|r| item.refused(r))?;
        let counts = self.options.score_rows.is_none_or(|r| r.contains(self.row));
        if counts != self.scoring {
            self.learner.set_scoring(counts);
            self.scoring = counts;
        }
        if self.options.unit_rows.is_some_and(|r| r.contains(self.row)) {
            self.measure(&event);
        }
        if let Some(h) = &mut self.horizon {
            h.score(&event, self.learner.schema(), counts);
        }
        let outcome = &mut self.outcome;
        self.learner.observe_into(&event, outcome);
        if let Some(fault) = self.learner.pages_fault() {
            return Err(fault.clone().into());
        }
        self.drifts.extend(outcome.drift.iter().take(DRIFTS.saturating_sub(self.drifts.len())).cloned());
        if let Some(h) = &mut self.horizon {
            h.forecast(&event, &self.learner);
        }
        if let Some(s) = &mut self.scores {
            s.write(&event, self.learner.schema(), outcome, self.learner.latest_forecasts())?;
        }
        if self.options.anomalies {
            let last = self.anomalies.last().map_or(0, |a| a.0);
            self.anomalies.push((event.time_us.unwrap_or(last), outcome.anomaly_score));
        }
        if let Some(l) = &mut self.labels {
            l.add(&item.file, event.time_us, outcome.anomaly_score)?;
        }
        self.row += outcome.events;
        self.progress.events += outcome.events;
        if counts {
            self.progress.scored += outcome.events;
            self.progress.bits += outcome.surprise_bits;
        }
        Ok(())
    }

    fn measure(&mut self, event: &Event) {
        for (f, v) in self.learner.schema().fields.iter().zip(&event.values) {
            if let Value::Number(x) = v {
                self.units.add(&f.name, *x);
            }
        }
    }

    fn report_progress(&mut self, bytes: u64) {
        if self.told.elapsed() >= TELL_EVERY {
            self.told = Instant::now();
            self.progress.bytes = bytes;
            (self.tell)(&self.progress);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_half_open() {
        let r: Rows = "2:5".parse().unwrap();
        assert!(r.contains(2) && r.contains(4) && !r.contains(5) && !r.contains(1));
        assert_eq!(":7".parse(), Ok(Rows { from: 0, to: 7 }));
        assert_eq!("7:".parse(), Ok(Rows { from: 7, to: u64::MAX }));
        assert!("5:2".parse::<Rows>().is_err() && "5".parse::<Rows>().is_err() && "a:b".parse::<Rows>().is_err());
    }
}
