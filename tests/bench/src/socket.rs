//! From end to end through a real socket: against replay of the same recording, and how long events and questions wait.

use crate::bench::Bench;
use crate::clock::timed;
use crate::server::{InProcessDaemon, STREAM};
use crate::streams::{BenchStream, cut, events_of};
use crate::wire::{BackgroundLoad, LATENCY_US_MAX, drive, percentiles};
use hdrhistogram::Histogram;
use std::time::{Duration, Instant};
use surmise_client::Client;
use surmise_event::{Limits, Record};
use surmise_learner::{Learner, Options};
use surmise_protocol::{Hello, Want};
use surmise_terminal::{Failure, Http};

const PART: &str = "socket";
/// Questions per second.
const QUESTIONS_PER_SECOND: f64 = 400.0;
/// Bytes of a line, where the stream is one of bytes.
const LINE_BYTES: usize = 64;

pub(crate) fn run(b: &mut Bench) -> Result<(), Failure> {
    for stream in b.streams.clone() {
        throughput(b, &stream)?;
        latency(b, &stream)?;
    }
    Ok(())
}

/// Throughput: the same records are learnt from the recording and sent through the socket, in turns.
fn throughput(b: &mut Bench, stream: &BenchStream) -> Result<(), Failure> {
    let (schema, all) = stream.records(b.events_max(stream))?;
    let records = crate::presets::learn(&schema, Options::default(), &all, Some(b.seconds), |_| {})?.records;
    let (mut replayed, mut sent, mut ratio, mut cpu, mut alone_cpu) = (vec![], vec![], vec![], vec![], vec![]);
    let mut same = true;
    for i in 0..b.repeat {
        let (learnt, alone) = timed(|| replay(stream, records));
        let (mut learner, events) = learnt?;
        let server = InProcessDaemon::start(b.dir.path().join(format!("socket-{}-{i}", stream.preset)), &schema)?;
        let (done, through) = timed(|| server.runtime().block_on(send(&server, stream, records)));
        done?;
        let hash = server.http().get::<serde_json::Value>(&format!("/api/v1/streams/{STREAM}/hash"), &[])?;
        same &= hash["state_hash"] == learner.state_hash().as_str();
        server.stop()?;
        let n = events as f64;
        replayed.push(n / alone.wall);
        sent.push(n / through.wall);
        ratio.push(100.0 * alone.wall / through.wall);
        cpu.push(through.cpu * 1e9 / n);
        alone_cpu.push(alone.cpu * 1e9 / n);
    }
    let of = stream.preset;
    b.figures.put(PART, of, "replay, wall", &replayed, "events/s");
    b.figures.put(PART, of, "through the socket, durable, wall", &sent, "events/s");
    b.figures.put(PART, of, "socket against replay", &ratio, "%").at_least(80.0, 100.0);
    b.figures.put(PART, of, "processor time of replay", &alone_cpu, "ns/event");
    b.figures.put(PART, of, "processor time through the socket, producer included", &cpu, "ns/event");
    b.figures.put(PART, of, "same bits as replay", &[f64::from(u8::from(same))], "of 1").at_least(1.0, 1.0);
    Ok(())
}

fn replay(stream: &BenchStream, records: usize) -> Result<(Learner, usize), Failure> {
    let source = stream.open()?;
    let internal = |e: &dyn std::fmt::Display| Failure::internal(e);
    let mut learner = Learner::new(source.schema().clone(), Options::default()).map_err(|e| internal(&e))?;
    let mut events = 0;
    for item in source.take(records) {
        let record = item?.record;
        let event = learner.bind(&record, &Limits::default()).map_err(|e| internal(&e))?;
        learner.observe(&event);
        events += events_of(&record);
    }
    Ok((learner, events))
}

async fn send(server: &InProcessDaemon, stream: &BenchStream, records: usize) -> Result<(), Failure> {
    let mut client = Client::connect(server.tcp.into(), Hello::new("bench", STREAM)).await?;
    for item in stream.open()?.take(records) {
        client.send(item?.record).await?;
    }
    client.close().await?;
    Ok(())
}

/// Latencies: how long an event waits for its outcome at half the load that the stream can take, and how long a
/// question waits at full load.
fn latency(b: &mut Bench, stream: &BenchStream) -> Result<(), Failure> {
    let (schema, all) = stream.records(b.events_max(stream))?;
    let records = cut(&all, LINE_BYTES);
    let of = stream.preset;
    let server = InProcessDaemon::start(b.dir.path().join(format!("latency-{of}")), &schema)?;
    let want = [Want::Outcome];
    let count = |rate: f64| ((rate * b.seconds) as u64).clamp(20, 1_000_000);
    let most = most(&server, &want, &records, b.seconds)?;
    b.figures.put(PART, of, "lines with outcomes, at most", &[most], "lines/s");
    let half = drive(server.tcp, "bench-half", STREAM, &want, &records, count(most / 2.0), most / 2.0)?;
    let asked = [(99.0, 10.0, 2.0)];
    percentiles(&mut b.figures, PART, of, "event to outcome at half load", &half.learnt, &asked);
    percentiles(&mut b.figures, PART, of, "event to durable at half load", &half.durable, &[]);
    let load = BackgroundLoad::start(server.tcp, STREAM, records.clone())?;
    let key = records.iter().find_map(|r| r.key.clone());
    let asking = questions(&server.http(), key.as_deref(), b.seconds);
    load.stop();
    let asked = [(50.0, 0.2, 0.05), (99.0, 2.0, 0.5), (99.9, 10.0, 2.0)];
    percentiles(&mut b.figures, PART, of, "question at full load", &asking?, &asked);
    server.stop()
}

/// Lines a second that a stream takes at most: from few, each time at most four times as many, until they take about
/// the time given, so that one wrong guess never makes a bench last for hours.
fn most(server: &InProcessDaemon, want: &[Want], records: &[Record], seconds: f64) -> Result<f64, Failure> {
    let mut count = 20;
    for run in 0.. {
        let producer = format!("bench-full-{run}");
        let took = drive(server.tcp, &producer, STREAM, want, records, count, f64::INFINITY)?.seconds;
        let rate = count as f64 / took.max(1e-6);
        let next = ((rate * seconds) as u64).min(4 * count);
        if took >= seconds / 2.0 || next <= count {
            return Ok(rate);
        }
        count = next;
    }
    Ok(f64::NAN)
}

/// Asks for the next prediction at a fixed rate over one connection; latencies from when each question was due.
pub(crate) fn questions(http: &Http, key: Option<&str>, seconds: f64) -> Result<Histogram<u64>, Failure> {
    let mut h = Histogram::new_with_bounds(1, LATENCY_US_MAX, 3).map_err(Failure::internal)?;
    let path = format!("/api/v1/streams/{STREAM}/next");
    let query: Vec<(&str, String)> = key.map(|k| ("key", k.to_owned())).into_iter().collect();
    let ask = || http.get::<serde_json::Value>(&path, &query);
    ask()?; // the first question in a while has a snapshot made
    let start = Instant::now();
    for i in 0..((seconds * QUESTIONS_PER_SECOND) as u32).max(10) {
        let due = start + Duration::from_secs_f64(f64::from(i) / QUESTIONS_PER_SECOND);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        ask()?;
        h.saturating_record(due.elapsed().as_micros() as u64);
    }
    Ok(h)
}

/// `count` records of one category each, over `symbols` symbols.
pub(crate) fn symbols(count: usize, symbols: u64, seed: u64) -> Vec<Record> {
    use surmise_event::{Data, Datum};
    let (mut r, mut last) = (surmise_fixtures::Random::new(seed), 0);
    let mut one = || {
        last = crate::streams::follow(&mut r, last, symbols);
        Record { data: Data::One(Datum::Text(format!("s{last}").into())), ..Record::default() }
    };
    (0..count).map(|_| one()).collect()
}
