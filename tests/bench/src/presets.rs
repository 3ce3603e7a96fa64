//! Each preset's learner on its kind of data: events a second, and what each stage of it takes.

use crate::bench::Bench;
use crate::clock::{Took, timed};
use crate::streams::{Stream, events_of};
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

/// The same without the network.
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

/// A learner's way through some records.
pub(crate) struct GradientJob {
    pub(crate) learner: Learner,
    pub(crate) took: Took,
    pub(crate) records: usize,
    pub(crate) events: usize,
}

/// Learns records, until they are over or so much time is.
pub(crate) fn learn(
    schema: &Schema,
    options: Options,
    records: &[Record],
    seconds: Option<f64>,
    adjust: impl FnOnce(&mut Learner),
) -> Result<GradientJob, Failure> {
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
    Ok(GradientJob { learner, took, records: n, events })
}

fn internal(e: impl std::fmt::Display) -> Failure {
    Failure::internal(e)
}

/// Nanoseconds of processor time for each event of every stage; one entry a repeat.
#[derive(Default)]
struct Stages {
    parse: Vec<f64>,
    bind: Vec<f64>,
    counts: Vec<f64>,
    network: Vec<f64>,
    measuring: Vec<f64>,
    encode: Vec<f64>,
}

fn preset(b: &mut Bench, stream: &Stream) -> Result<(), Failure> {
    let (schema, all) = stream.records(b.events_max(stream))?;
    let options = Options::default;
    let first = learn(&schema, options(), &all, Some(b.seconds), |_| {})?;
    let (records, n) = (&all[..first.records], first.events as f64);
    let off = || Options { network: NetworkSize::Off, ..options() };
    let (mut cpu, mut wall, mut counts_only, mut s) = (Vec::new(), Vec::new(), Vec::new(), Stages::default());
    let mut state = first.learner;
    for _ in 0..b.repeat {
        let (read, parse) = timed(|| -> Result<usize, Failure> {
            let mut events = 0;
            for item in stream.open()? {
                events += events_of(&item?.record);
                if events >= first.events {
                    break;
                }
            }
            Ok(events)
        });
        s.parse.push(parse.cpu * 1e9 / read? as f64);
        let mut binder = Learner::new(schema.clone(), options()).map_err(internal)?;
        let ((), bind) = timed(|| {
            for r in records {
                let _ = std::hint::black_box(binder.bind(r, &Limits::default()));
            }
        });
        let full = learn(&schema, options(), records, None, |_| {})?;
        let counts = learn(&schema, off(), records, None, |_| {})?;
        let measured = learn(&schema, options(), records, None, |l| l.set_ranks(!schema.is_bytes()))?;
        state = full.learner;
        let (bytes, encode) = timed(|| state.save().len());
        cpu.push(n / full.took.cpu);
        wall.push(n / full.took.wall);
        counts_only.push(n / counts.took.cpu);
        s.bind.push(bind.cpu * 1e9 / n);
        s.counts.push((counts.took.cpu - bind.cpu) * 1e9 / n);
        s.network.push((full.took.cpu - counts.took.cpu) * 1e9 / n);
        s.measuring.push((measured.took.cpu - full.took.cpu) * 1e9 / n);
        s.encode.push(encode.cpu * 1e3);
        b.figures.0.retain(|f| !(f.part == PART && f.of == stream.preset && f.name == "state"));
        b.figures.put(PART, stream.preset, "state", &[bytes as f64 / 1e6], "MB");
    }
    let of = stream.preset;
    b.notes.push(format!("{of}: {} ({} events)", stream.name, first.events));
    let f = b.figures.put(PART, of, "learning", &cpu, "events/s of CPU");
    if let Some((must, reach)) = asked(of) {
        f.at_least(must, reach);
    }
    b.figures.put(PART, of, "learning, wall", &wall, "events/s");
    let f = b.figures.put(PART, of, "counts only (network off)", &counts_only, "events/s of CPU");
    if let Some((must, reach)) = asked_of_counts(of) {
        f.at_least(must, reach);
    }
    let stages = [
        ("stage: parse", &s.parse),
        ("stage: bind", &s.bind),
        ("stage: counts and simple experts", &s.counts),
        ("stage: network", &s.network),
        ("stage: measuring (replay only)", &s.measuring),
    ];
    for (name, samples) in stages {
        b.figures.put(PART, of, name, samples, "ns/event");
    }
    b.figures.put(PART, of, "encode a checkpoint", &s.encode, "ms");
    copies(b, of, &state);
    if let Some(plain) = b.figures.get("reference", of, "plain order-2 counts") {
        let ratio = b.figures.get(PART, of, "learning").unwrap_or(f64::NAN) / plain;
        b.figures.put(PART, of, "learning against plain order-2 counts", &[ratio], "×");
    }
    for (program, must, reach) in crate::reference::PROGRAMS {
        if let Some(theirs) = b.figures.get("reference", of, program) {
            let ratio = b.figures.get(PART, of, "learning").unwrap_or(f64::NAN) / theirs;
            b.figures.put(PART, of, format!("learning against {program}"), &[ratio], "×").at_least(must, reach);
        }
    }
    Ok(())
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
