//! How long events wait while checkpoints of a large state are made, and while snapshots of it are published.

use crate::bench::Bench;
use crate::server::{InProcessDaemon, STREAM};
use crate::socket::{questions, symbols};
use crate::wire::{drive, percentiles};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use surmise_evaluation::thread_seconds;
use surmise_event::{Field, FieldKind, Schema, VALUE};
use surmise_learner::{Learner, LearnerCopy};
use surmise_protocol::Want;
use surmise_store::Store;
use surmise_terminal::{Failure, Http};

const PART: &str = "pause";
/// Size that the state is to reach.
const STATE_BYTES: u64 = 60_000_000;
/// Events a second while it is measured.
const EVENTS_PER_SECOND: f64 = 5000.0;
/// Time between two checkpoints; by default they are a minute apart.
const CHECKPOINT_INTERVAL: Duration = Duration::from_millis(1500);

pub(crate) fn run(b: &mut Bench) -> Result<(), Failure> {
    let schema = Schema::new([Field::new(VALUE, FieldKind::Category)]);
    let server = InProcessDaemon::start(b.dir.path().join("pause"), &schema)?;
    let http = server.http();
    let state = || -> Result<u64, Failure> {
        let status = http.get::<serde_json::Value>(&format!("/api/v1/streams/{STREAM}"), &[])?;
        Ok(status["state_bytes"].as_u64().unwrap_or(0))
    };
    let start = Instant::now();
    let block = ((b.seconds * 1e5) as usize).clamp(200, 100_000);
    let mut blocks = 0;
    loop {
        let records = symbols(block, 50_000, 100 + blocks);
        drive(server.tcp, &format!("fill-{blocks}"), STREAM, &[], &records, block as u64, f64::INFINITY)?;
        blocks += 1;
        if state()? >= STATE_BYTES || start.elapsed().as_secs_f64() > 20.0 * b.seconds {
            break;
        }
    }
    let megabytes = state()? as f64 / 1e6;
    let seconds = (3.0 * b.seconds).max(0.1);
    let records = symbols((EVENTS_PER_SECOND * seconds) as usize + 1, 50_000, 7);
    let sending =
        |name| drive(server.tcp, name, STREAM, &[Want::Outcome], &records, records.len() as u64, EVENTS_PER_SECOND);
    let calm = sending("calm")?;
    let done = AtomicBool::new(false);
    let (written, made) = std::thread::scope(|s| {
        let checkpoints = s.spawn(|| {
            let mut n = 0;
            while !done.load(Ordering::Relaxed) {
                n += u32::from(http.post::<serde_json::Value>("/api/v1/checkpoints", &[]).is_ok());
                std::thread::sleep(CHECKPOINT_INTERVAL.min(Duration::from_secs_f64(seconds)));
            }
            n
        });
        let sent = sending("checkpoints");
        done.store(true, Ordering::Relaxed);
        (sent, checkpoints.join().unwrap_or(0))
    });
    let written = written?;
    let stops = [Stops::asked(&http)?];
    let read = std::thread::scope(|s| {
        let asking = s.spawn(|| questions(&server.http(), None, seconds));
        let sent = sending("questions");
        let _ = asking.join();
        sent
    })?;
    let stops = [stops[0], Stops::asked(&http)?.since(&stops[0])];
    server.stop()?;
    let learner = written_last(&b.dir.path().join("pause"))?;
    b.figures.put(PART, "state", "size", &[megabytes], "MB");
    percentiles(&mut b.figures, PART, "no checkpoint", "event to outcome", &calm.learnt, &[]);
    b.figures.put(PART, "checkpoints", "made", &[f64::from(made)], "");
    percentiles(&mut b.figures, PART, "checkpoints", "event to outcome", &written.learnt, &[(99.9, 20.0, 5.0)]);
    percentiles(&mut b.figures, PART, "checkpoints", "event to durable", &written.durable, &[]);
    stops[0].put(b, "checkpoints");
    percentiles(&mut b.figures, PART, "questions", "event to outcome", &read.learnt, &[(99.9, 20.0, 5.0)]);
    stops[1].put(b, "questions");
    learner.map_or(Ok(()), |l| alone(b, l))
}

/// How long the stream waited at once for copies of its state, as the daemon counted it.
#[derive(Clone, Copy, Default)]
struct Stops {
    count: f64,
    seconds: f64,
    /// Bound in seconds, and stops that were at most as long.
    below: [(f64, f64); BOUNDS],
}

/// Buckets of the daemon's histogram, the one without a bound included.
const BOUNDS: usize = 11;

impl Stops {
    fn asked(http: &Http) -> Result<Stops, Failure> {
        let text = http.open("/metrics", &[])?.body_mut().read_to_string().unwrap_or_default();
        let mut stops = Stops::default();
        let mut bounds = stops.below.iter_mut();
        for line in text.lines().filter_map(|l| l.strip_prefix("surmise_copy_pause_seconds_")) {
            let Some((name, value)) = line.rsplit_once(' ') else { continue };
            let value = value.parse().unwrap_or(f64::NAN);
            match name {
                "sum" => stops.seconds = value,
                "count" => stops.count = value,
                _ => {
                    let bound = name.split('"').nth(1).and_then(|le| le.parse().ok()).unwrap_or(f64::INFINITY);
                    bounds.next().into_iter().for_each(|b| *b = (bound, value));
                }
            }
        }
        Ok(stops)
    }

    fn since(&self, before: &Stops) -> Stops {
        let mut stops = Stops { count: self.count - before.count, seconds: self.seconds - before.seconds, ..*self };
        stops.below.iter_mut().zip(before.below).for_each(|(now, then)| now.1 -= then.1);
        stops
    }

    /// The least bound that this part of all stops is within.
    fn within(&self, part: f64) -> f64 {
        let enough = self.below.iter().find(|(_, n)| *n > 0.0 && *n >= part * self.count);
        enough.map_or(f64::NAN, |(bound, _)| bound * 1e3)
    }

    fn put(&self, b: &mut Bench, of: &str) {
        b.figures.put(PART, of, "stops of the stream by copies", &[self.count], "");
        b.figures.put(PART, of, "such a stop, mean", &[1e3 * self.seconds / self.count], "ms");
        b.figures.put(PART, of, "such a stop, p99.9, at most", &[self.within(0.999)], "ms");
        b.figures.put(PART, of, "such a stop, longest, at most", &[self.within(1.0)], "ms");
    }
}

/// The state as the daemon left it.
fn written_last(dir: &Path) -> Result<Option<Learner>, Failure> {
    let internal = |e: &dyn std::fmt::Display| Failure::internal(e);
    let store = Store::open(dir, 1).map_err(|e| internal(&e))?;
    let streams = store.log.streams();
    let Some(meta) = streams.first().and_then(|s| store.checkpoints.of(s.number).pop()) else { return Ok(None) };
    let (learner, _) = store.checkpoints.load(&meta).map_err(|e| internal(&e))?;
    Learner::load(&learner).map(Some).map_err(|e| internal(&e))
}

/// What a copy costs by itself, in processor time: whole, for comparison, and in slices, as it is made.
fn alone(b: &mut Bench, mut learner: Learner) -> Result<(), Failure> {
    const SLICE: usize = 128 << 10;
    let of = "copy alone, processor time";
    let (mut whole, mut moment, mut fresh, mut again) = (vec![], vec![], vec![], vec![]);
    let ms = |from: f64| (thread_seconds() - from) * 1e3;
    let mut spare = None;
    for i in 0..2 * b.repeat.max(3) {
        let from = thread_seconds();
        if i % 2 == 0 {
            drop(std::hint::black_box(learner.clone()));
            whole.push(ms(from));
        }
        let from = thread_seconds();
        let mut copy = LearnerCopy::new(&learner, if i % 2 == 0 { None } else { spare.take() });
        while !copy.reserve(&learner, SLICE) {}
        let then = thread_seconds();
        copy.begin_copy(&mut learner);
        moment.push(ms(then));
        let made = loop {
            match copy.copy_some(&mut learner, SLICE) {
                Ok(made) => break made,
                Err(more) => copy = more,
            }
        };
        if i % 2 == 0 { &mut fresh } else { &mut again }.push(ms(from));
        spare = Some(made);
    }
    b.figures.put(PART, of, "at once", &whole, "ms");
    b.figures.put(PART, of, "in slices, fresh memory, all of them", &fresh, "ms");
    b.figures.put(PART, of, "in slices, memory used again, all of them", &again, "ms");
    b.figures.put(PART, of, "the longest slice: its moment", &moment, "ms");
    Ok(())
}
