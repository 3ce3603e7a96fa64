//! The driver: a source, a learner, and what is measured on the way.

use crate::course::CourseNotes;
use crate::error::ReplayError;
use crate::highlights::HighlightCollector;
use crate::horizon::HorizonScores;
use crate::labels::LabelCollector;
use crate::losses::{LossNotes, LossShares, losses_of};
use crate::options::ReplayOptions;
use crate::replay_incidents::IncidentCollector;
use crate::resources::{cpu_seconds, peak_memory_bytes};
use crate::result::{FieldResult, ReplayResult};
use crate::scores::ScoreWriter;
use crate::session_scores::SessionMeasures;
use crate::start::{learner, start_workers};
use crate::units::ErrorUnits;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use surmise_event::{Data, Datum, Drift, Event, Outcome, Record, Value};
use surmise_learner::{Learner, PartDetail};
use surmise_recording::{Format, Item, OddityLog, Source};
use surmise_workers::WorkerPool;

/// How far a replay has come.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReplayProgress {
    /// Bytes read.
    pub bytes: u64,
    /// Bytes of all files, where that is known.
    pub bytes_total: Option<u64>,
    /// Events learnt.
    pub events: u64,
    /// Events scored.
    pub scored: u64,
    /// Surprise of the events scored, in bits.
    pub bits: f64,
}

/// Lasting changes that a result lists at most.
const DRIFTS_MAX: usize = 1000;

/// Time between two reports of the progress.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

/// Learns from a source in one pass, and measures how well each event was predicted before it was learnt (progressive
/// validation, or test-then-train).
///
/// The calls to the learner are those that the daemon makes. Without the measures, a replay is this loop:
///
/// ```
/// use surmise_evaluation::{ReplayOptions, replay};
/// use surmise_event::Limits;
/// use surmise_learner::Learner;
/// use surmise_recording::{Source, SourceOptions};
///
/// # let folder = tempfile::tempdir()?;
/// # let file = folder.path().join("states.log");
/// # std::fs::write(&file, "up\nup\ndown\n".repeat(100))?;
/// let recording = SourceOptions { files: vec![file], ..SourceOptions::default() };
/// let options = ReplayOptions::default();
///
/// let source = Source::open(&recording)?;
/// let mut learner = Learner::new(source.declared_schema(), options.learner.clone())?;
/// let mut bits = 0.0;
/// for item in source {
///     let event = learner.bind(&item?.record, &Limits::default())?;
///     let expected = learner.predict(event.key.as_deref(), 3); // to act on; scoring does not need it
///     let outcome = learner.observe(&event); // scores the event by what was expected of it, then learns it
///     assert_eq!(expected.offset, outcome.offset);
///     bits += outcome.surprise_bits;
/// }
///
/// let result = replay(Source::open(&recording)?, &options, |_| {})?;
/// assert_eq!(result.events, 300);
/// assert_eq!(result.state_hash, learner.state_hash());
/// assert!((result.loss_bits_per_event - bits / 300.0).abs() < 1e-9);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// `report_progress` is called about ten times a second.
///
/// # Errors
/// The recording, an option or a record is at fault, or results cannot be written.
pub fn replay(
    mut source: Source,
    options: &ReplayOptions,
    report_progress: impl FnMut(&ReplayProgress),
) -> Result<ReplayResult, ReplayError> {
    let clock = ReplayClock { wall: Instant::now(), cpu_seconds: cpu_seconds() };
    let mut learner = learner(&mut source, options)?;
    let workers = start_workers(&mut learner, options)?;
    let format = source.format();
    let mut replay = RunningReplay::new(learner, &source, options, report_progress)?;
    for item in source {
        replay.take(item?)?;
        replay.note_block();
        replay.report_progress();
    }
    replay.finish(format, workers.as_ref(), &clock)
}

/// When a replay began.
struct ReplayClock {
    wall: Instant,
    cpu_seconds: f64,
}

/// A replay in progress: the learner, and everything that is measured.
struct RunningReplay<'a, F> {
    learner: Learner,
    options: &'a ReplayOptions,
    units: ErrorUnits,
    horizon: Option<HorizonScores>,
    scores: Option<ScoreWriter>,
    labels: Option<LabelCollector>,
    sessions: SessionMeasures,
    /// The time in microseconds since 1970 and the anomaly score of every event, where they are asked for.
    anomalies: Vec<(i64, f64)>,
    /// The line that each of them begins at.
    event_lines: Vec<u64>,
    /// The losses at the ends of blocks, where they are asked for.
    blocks: Option<LossNotes>,
    /// The course of the losses, where it is asked for.
    course: Option<CourseNotes>,
    /// What stands out, where it is asked for.
    highlights: Option<HighlightCollector>,
    incidents: IncidentCollector,
    /// Events so far: the row that comes next.
    row: u64,
    /// The outcome of the latest event, whose memory the next one uses again.
    outcome: Outcome,
    drifts: Vec<Drift>,
    /// Whether the learner counts what it observes in its measures.
    scoring: bool,
    bytes_read: Arc<AtomicU64>,
    progress: ReplayProgress,
    reported: Instant,
    report: F,
    /// Where records that are refused are counted.
    odd: OddityLog,
}

impl<'a, F: FnMut(&ReplayProgress)> RunningReplay<'a, F> {
    fn new(
        mut learner: Learner,
        source: &Source,
        options: &'a ReplayOptions,
        report: F,
    ) -> Result<RunningReplay<'a, F>, ReplayError> {
        // ranks of bytes would cost more than learning them
        learner.set_ranks(!learner.schema().is_bytes());
        learner.set_intervals(options.scores.is_some());
        if options.highlights && !learner.schema().is_bytes() {
            learner.set_parts(PartDetail::Costs);
        }
        let incidents = IncidentCollector::new(&learner);
        Ok(RunningReplay {
            learner,
            options,
            units: ErrorUnits::default(),
            horizon: options.horizon.map(HorizonScores::new),
            scores: options.scores.as_deref().map(ScoreWriter::create).transpose()?,
            labels: options.labels.clone().map(LabelCollector::new),
            sessions: SessionMeasures::new(options)?,
            anomalies: Vec::new(),
            event_lines: Vec::new(),
            blocks: options.blocks.then(LossNotes::new),
            course: options.course.then(CourseNotes::new),
            highlights: options.highlights.then(HighlightCollector::default),
            incidents,
            row: 0,
            outcome: Outcome::default(),
            drifts: Vec::new(),
            scoring: true,
            bytes_read: source.bytes_counter(),
            progress: ReplayProgress { bytes_total: source.bytes_total(), ..ReplayProgress::default() },
            reported: Instant::now(),
            report,
            odd: source.oddities(),
        })
    }

    /// Learns from one record. A run of bytes is divided where rows begin or end to count, and into single bytes where
    /// each is to be scored by itself.
    fn take(&mut self, item: Item) -> Result<(), ReplayError> {
        let one_by_one = self.scores.is_some() || self.horizon.is_some();
        match &item.record.data {
            Data::One(Datum::Bytes(run)) if self.learner.schema().is_bytes() => {
                let mut rest: &[u8] = run;
                while !rest.is_empty() {
                    let length = if one_by_one { 1 } else { self.rows_alike(rest.len()) };
                    let (piece, more) = rest.split_at(length);
                    let record = Record { data: Data::One(Datum::Bytes(piece.into())), ..Record::default() };
                    if self.learn(&item, &record)? {
                        self.highlight(record);
                    }
                    rest = more;
                }
                Ok(())
            }
            _ => {
                if self.learn(&item, &item.record)? {
                    self.highlight(item.record);
                }
                Ok(())
            }
        }
    }

    /// Keeps the record that was learnt if it stands out.
    fn highlight(&mut self, record: Record) {
        if let Some(highlights) = &mut self.highlights {
            let is_bytes = self.learner.schema().is_bytes();
            highlights.add(record, &self.outcome, self.learner.latest_parts(), is_bytes);
        }
    }

    /// How many of the next `rows_max` rows are alike in whether they count.
    fn rows_alike(&self, rows_max: usize) -> usize {
        let Some(rows) = self.options.score_rows else { return rows_max };
        let boundary = [rows.from, rows.to].into_iter().filter(|b| *b > self.row).min();
        boundary.map_or(rows_max, |b| rows_max.min(usize::try_from(b - self.row).unwrap_or(rows_max)))
    }

    /// Binds a record, measures what was forecast of it, learns it, and measures its outcome. Tells whether it was
    /// learnt.
    fn learn(&mut self, item: &Item, record: &Record) -> Result<bool, ReplayError> {
        let event = match self.learner.bind(record, &self.options.limits) {
            Ok(event) => event,
            Err(refusal) => {
                self.odd.refused(item, refusal)?;
                return Ok(false);
            }
        };
        let counts = self.options.scores_row(self.row);
        if counts != self.scoring {
            self.learner.set_scoring(counts);
            self.scoring = counts;
        }
        if self.options.is_unit_row(self.row) {
            self.add_to_units(&event);
        }
        if let Some(horizon) = &mut self.horizon {
            horizon.score(&event, self.learner.schema(), counts);
        }
        if let Some(scores) = &mut self.scores {
            scores.expect(record, &self.learner, &self.options.limits);
        }
        self.learner.observe_into(&event, &mut self.outcome);
        if let Some(fault) = self.learner.pages_fault() {
            return Err(fault.clone().into());
        }
        if let Some(horizon) = &mut self.horizon {
            horizon.forecast(&event, &self.learner);
        }
        self.incidents.add(item.line, record, &self.outcome, self.learner.schema().is_bytes());
        self.measure(item, &event, counts)?;
        Ok(true)
    }

    fn add_to_units(&mut self, event: &Event) {
        for (field, value) in self.learner.schema().fields.iter().zip(&event.values) {
            if let Value::Number(x) = value {
                self.units.add(&field.name, *x);
            }
        }
    }

    /// Writes and counts the outcome of an event.
    fn measure(&mut self, item: &Item, event: &Event, counts: bool) -> Result<(), ReplayError> {
        let outcome = &self.outcome;
        let time_us = event.time_us.or(self.learner.latest_line_time());
        self.drifts.extend(outcome.drift.iter().take(DRIFTS_MAX.saturating_sub(self.drifts.len())).cloned());
        if let Some(scores) = &mut self.scores {
            scores.write(event, time_us, outcome, &self.learner, self.horizon.as_ref())?;
        }
        if self.options.anomalies {
            // an event without a time has that of the one before
            let latest = self.anomalies.last().map_or(0, |a| a.0);
            self.anomalies.push((time_us.unwrap_or(latest), outcome.anomaly_score));
            self.event_lines.push(item.line);
        }
        if let Some(labels) = &mut self.labels {
            labels.add(&item.file, time_us, outcome.anomaly_score)?;
        }
        self.sessions.add(&outcome.sessions)?;
        self.row += outcome.events;
        self.progress.events += outcome.events;
        if counts {
            self.progress.scored += outcome.events;
            self.progress.bits += outcome.surprise_bits;
        }
        Ok(())
    }

    /// Notes the losses so far where a block ends.
    fn note_block(&mut self) {
        if let Some(course) = &mut self.course {
            course.note(self.row, &self.learner);
        }
        if let Some(blocks) = self.blocks.as_mut().filter(|b| b.are_due(self.row)) {
            blocks.note(self.row, losses_of(&self.learner, self.horizon.as_ref()));
        }
    }

    /// Reports the progress where it is time to.
    fn report_progress(&mut self) {
        if self.reported.elapsed() >= PROGRESS_INTERVAL {
            self.reported = Instant::now();
            self.progress.bytes = self.bytes_read.load(Ordering::Relaxed);
            (self.report)(&self.progress);
        }
    }

    /// Writes what is to be written, and gathers the result.
    fn finish(
        mut self,
        format: Format,
        workers: Option<&WorkerPool>,
        clock: &ReplayClock,
    ) -> Result<ReplayResult, ReplayError> {
        self.progress.bytes = self.bytes_read.load(Ordering::Relaxed);
        (self.report)(&self.progress);
        if let Some(scores) = self.scores.take() {
            scores.finish()?;
        }
        let session_labels = self.sessions.finish()?;
        if let Some(path) = &self.options.save {
            let write = |error| ReplayError::Write { file: path.display().to_string(), error };
            std::fs::write(path, self.learner.save()).map_err(write)?;
        }
        let RunningReplay {
            mut learner,
            units,
            horizon,
            labels,
            anomalies,
            event_lines,
            progress,
            drifts,
            odd,
            course,
            highlights,
            incidents,
            row,
            ..
        } = self;
        let shares = self.blocks.map_or_else(LossShares::default, |blocks| {
            LossShares::of(&blocks.finish(row, losses_of(&learner, horizon.as_ref())), &units)
        });
        let report = learner.report();
        let fields = FieldResult::all(&report, &units, horizon.as_ref(), learner.leads_learnt());
        let wall_seconds = clock.wall.elapsed().as_secs_f64();
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
            cpu_seconds: cpu_seconds() - clock.cpu_seconds,
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
            odd: odd.list(),
            gradient_jobs_by_workers: workers.map(|w| w.jobs().by_workers),
            drifts,
            choices: report.choices,
            horizon: self.options.horizon.map(|steps| steps as u64),
            labels: labels.map(LabelCollector::finish),
            session_labels,
            anomalies,
            event_lines,
            shares,
            course: course.map(|c| c.finish(row, &learner)),
            highlights: highlights.map(HighlightCollector::finish),
            incidents: incidents.finish(&learner),
            description: learner.describe(),
            format,
            bytes: progress.bytes,
            schema: learner.schema().clone(),
            options: learner.options().clone(),
        })
    }
}
