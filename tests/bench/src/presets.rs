//! Each preset's learner on its kind of data: events a second, and what each stage of it takes.

use crate::bench::Bench;
use crate::clock::{TimeTaken, timed};
use crate::streams::{BenchStream, events_of};
use std::time::Instant;
use surmise_event::{Limits, Record, Schema};
use surmise_learner::{Learner, NetworkSize, Options};
use surmise_terminal::Failure;

const PART: &str = "presets";

/// What learning at the default is asked to reach, in events of one second of a processor.
fn asked(preset: &str) -> Option<(f64, f64)> {
    match preset {
        "bytes" => Some((100e3, 160e3)),
        "symbols" => Some((170e3, 300e3)),
        "numbers" => Some((30e3, 60e3)),
        _ => None,
    }
}

/// What learning without the network is asked to reach, in the same unit.
fn asked_of_counts(preset: &str) -> Option<(f64, f64)> {
    match preset {
        "bytes" => Some((220e3, 350e3)),
        "symbols" => Some((400e3, 800e3)),
        _ => None,
    }
}

pub(crate) fn run(b: &mut Bench) -> Result<(), Failure> {
    for stream in b.streams.clone() {
        preset(b, &stream)?;
    }
    Ok(())
}

/// A learner, and the records that it has learnt.
pub(crate) struct LearntRecords {
    pub(crate) learner: Learner,
    pub(crate) took: TimeTaken,
    pub(crate) records: usize,
    pub(crate) events: usize,
}

/// Learns records until there are no more, or `seconds` are over.
pub(crate) fn learn(
    schema: &Schema,
    options: Options,
    records: &[Record],
    seconds: Option<f64>,
    adjust: impl FnOnce(&mut Learner),
) -> Result<LearntRecords, Failure> {
    let mut learner = Learner::new(schema.clone(), options).map_err(internal)?;
    adjust(&mut learner);
    let (limits, start) = (Limits::default(), Instant::now());
    let (mut n, mut events) = (0, 0);
    let (done, took) = timed(|| {
        for r in records {
            if n > 0 && n % 64 == 0 && seconds.is_some_and(|s| start.elapsed().as_secs_f64() > s) {
                break;
            }
            let event = learner.bind(r, &limits).map_err(internal)?;
            learner.observe(&event);
            (n, events) = (n + 1, events + events_of(r));
        }
        Ok::<(), Failure>(())
    });
    done?;
    Ok(LearntRecords { learner, took, records: n, events })
}

fn internal(e: impl std::fmt::Display) -> Failure {
    Failure::internal(e)
}

/// What was measured of one preset; one entry a repeat.
#[derive(Default)]
struct PresetSamples {
    /// Events per second of processor time.
    learning: Vec<f64>,
    /// Events per second.
    learning_wall: Vec<f64>,
    /// Events per second of processor time, without the network.
    counts_only: Vec<f64>,
    /// Nanoseconds of processor time for each event, by stage.
    parse: Vec<f64>,
    bind: Vec<f64>,
    counts: Vec<f64>,
    network: Vec<f64>,
    measuring: Vec<f64>,
    /// Milliseconds of processor time.
    encode: Vec<f64>,
    /// Size of the state.
    state_bytes: usize,
}

fn preset(b: &mut Bench, stream: &BenchStream) -> Result<(), Failure> {
    let (schema, all) = stream.records(b.events_max(stream))?;
    // the first run finds out how many records fill the time, and warms the processor up
    let first = learn(&schema, Options::default(), &all, Some(b.seconds), |_| {})?;
    let (records, mut samples, mut state) = (&all[..first.records], PresetSamples::default(), first.learner);
    for _ in 0..b.repeat {
        state = sample(&mut samples, stream, &schema, records, first.events)?;
    }
    b.notes.push(format!("{}: {} ({} events)", stream.preset, stream.name, first.events));
    put(b, stream.preset, &samples);
    copies(b, stream.preset, &state);
    compare(b, stream.preset);
    Ok(())
}

/// Measures everything once, and returns the learner that has learnt the records.
fn sample(
    samples: &mut PresetSamples,
    stream: &BenchStream,
    schema: &Schema,
    records: &[Record],
    events: usize,
) -> Result<Learner, Failure> {
    let n = events as f64;
    let nanoseconds = |seconds: f64| seconds * 1e9 / n;
    let (read, parse) = timed(|| -> Result<usize, Failure> {
        let mut read = 0;
        for item in stream.open()? {
            read += events_of(&item?.record);
            if read >= events {
                break;
            }
        }
        Ok(read)
    });
    samples.parse.push(parse.cpu * 1e9 / read? as f64);
    let mut binder = Learner::new(schema.clone(), Options::default()).map_err(internal)?;
    let ((), bind) = timed(|| {
        for r in records {
            let _ = std::hint::black_box(binder.bind(r, &Limits::default()));
        }
    });
    let off = Options { network: NetworkSize::Off, ..Options::default() };
    let full = learn(schema, Options::default(), records, None, |_| {})?;
    let counts = learn(schema, off, records, None, |_| {})?;
    let measured = learn(schema, Options::default(), records, None, |l| l.set_ranks(!schema.is_bytes()))?;
    let mut state = full.learner;
    let (bytes, encode) = timed(|| state.save().len());
    samples.learning.push(n / full.took.cpu);
    samples.learning_wall.push(n / full.took.wall);
    samples.counts_only.push(n / counts.took.cpu);
    samples.bind.push(nanoseconds(bind.cpu));
    // a stage is what a run costs more than one without it
    samples.counts.push(nanoseconds(counts.took.cpu - bind.cpu));
    samples.network.push(nanoseconds(full.took.cpu - counts.took.cpu));
    samples.measuring.push(nanoseconds(measured.took.cpu - full.took.cpu));
    samples.encode.push(encode.cpu * 1e3);
    samples.state_bytes = bytes;
    Ok(state)
}

/// Puts the figures of a preset.
fn put(b: &mut Bench, of: &str, samples: &PresetSamples) {
    b.figures.put(PART, of, "state", &[samples.state_bytes as f64 / 1e6], "MB");
    let learning = b.figures.put(PART, of, "learning", &samples.learning, "events/s of CPU");
    if let Some((must, reach)) = asked(of) {
        learning.at_least(must, reach);
    }
    b.figures.put(PART, of, "learning, wall", &samples.learning_wall, "events/s");
    let counts = b.figures.put(PART, of, "counts only (network off)", &samples.counts_only, "events/s of CPU");
    if let Some((must, reach)) = asked_of_counts(of) {
        counts.at_least(must, reach);
    }
    let stages = [
        ("stage: parse", &samples.parse),
        ("stage: bind", &samples.bind),
        ("stage: counts and simple experts", &samples.counts),
        ("stage: network", &samples.network),
        ("stage: measuring (replay only)", &samples.measuring),
    ];
    for (name, samples) in stages {
        b.figures.put(PART, of, name, samples, "ns/event");
    }
    b.figures.put(PART, of, "encode a checkpoint", &samples.encode, "ms");
}

/// Puts the ratios to the references, where these were measured.
fn compare(b: &mut Bench, of: &str) {
    let learning = b.figures.get(PART, of, "learning").unwrap_or(f64::NAN);
    if let Some(plain) = b.figures.get("reference", of, "plain order-2 counts") {
        b.figures.put(PART, of, "learning against plain order-2 counts", &[learning / plain], "×");
    }
    for (program, must, reach) in crate::reference::PROGRAMS {
        if let Some(theirs) = b.figures.get("reference", of, program) {
            let name = format!("learning against {program}");
            b.figures.put(PART, of, name, &[learning / theirs], "×").at_least(must, reach);
        }
    }
}

/// What a stream waits for when a checkpoint or a snapshot is made.
fn copies(b: &mut Bench, of: &str, learner: &Learner) {
    let copy = crate::clock::repeated(b.repeat.max(3), || {
        let (copied, took) = timed(|| learner.clone());
        drop(std::hint::black_box(copied));
        took.wall * 1e3
    });
    b.figures.put(PART, of, "copy the state", &copy, "ms");
}
