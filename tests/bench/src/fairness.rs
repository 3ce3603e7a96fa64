//! How long events of a quiet stream wait beside others of the same owner that flood, and beside readers that ask for
//! everything as fast as they can.

use crate::bench::Bench;
use crate::flood::Flood;
use crate::server::DaemonProcess;
use crate::wire::{Latencies, drive};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use surmise_event::{Data, Datum, Record};
use surmise_protocol::Want;
use surmise_terminal::{Failure, Http};

/// Connections that flood beside the quiet stream.
const FLOODS: [usize; 4] = [1, 10, 100, 400];
/// Events of the quiet stream in a second.
const QUIET_RATE: f64 = 100.0;
/// Readers that poll.
const READERS: usize = 16;
/// Spans with readers, each between two without them.
const READER_SPANS: usize = 10;
/// Keys of the stream that is read.
const KEYS: u64 = 1000;

fn symbols(keys: u64) -> Vec<Record> {
    let record = |i: u64| Record {
        key: (keys > 1).then(|| format!("k{}", i * 7 % keys).into()),
        data: Data::One(Datum::Text(format!("s{}", i * i % 23).into())),
        ..Record::default()
    };
    (0..5000).map(record).collect()
}

fn start(b: &mut Bench, name: &str) -> Result<Option<DaemonProcess>, Failure> {
    let Some(program) = DaemonProcess::program() else {
        b.notes.push(format!("{name}: surmised is not in the folder of this program; build it, and run again"));
        return Ok(None);
    };
    let dir = b.dir.path().join(name);
    std::fs::create_dir_all(&dir)?;
    // one owner, so that all streams share it
    let mut p = DaemonProcess::start_with(&program, &dir, "[owners]\nthreads = 1\n")?;
    p.wait_for("/-/ready")?;
    Ok(Some(p))
}

fn quiet(to: SocketAddr, producer: &str, seconds: f64) -> Result<Latencies, Failure> {
    let count = ((seconds * QUIET_RATE) as u64).max(50);
    // the outcome tells how much of the wait is before learning, and how much before the disk
    drive(to, producer, "quiet", &[Want::Outcome], &symbols(1), count, QUIET_RATE)
}

/// Puts how long events waited until they were learnt, and until they were acknowledged. Returns the 99th percentile
/// of the latter in milliseconds.
fn put_waits(b: &mut Bench, part: &'static str, of: &str, waits: &Latencies) -> f64 {
    for (name, waits) in [("event to outcome", &waits.learnt), ("event to ack", &waits.durable)] {
        for (percentile, label) in [(50.0, "p50"), (99.0, "p99")] {
            let ms = waits.value_at_percentile(percentile) as f64 / 1e3;
            b.figures.put(part, of, format!("{name}, {label}"), &[ms], "ms");
        }
    }
    let p99 = waits.durable.value_at_percentile(99.0) as f64 / 1e3;
    eprintln!("{part}: {of}: event to ack, p99 {p99:.1} ms, load {:.1}", crate::machine::load());
    p99
}

/// The part `fairness`.
pub(crate) fn run(b: &mut Bench) -> Result<(), Failure> {
    const PART: &str = "fairness";
    let Some(p) = start(b, PART)? else { return Ok(()) };
    let seconds = b.seconds.max(2.0) * 3.0;
    quiet(p.tcp, "warm", 1.0)?;
    let alone = quiet(p.tcp, "alone", seconds)?;
    let alone = put_waits(b, PART, "quiet stream alone", &alone);
    p.stop()?;
    for shared in [true, false] {
        for floods in FLOODS {
            let to = if shared { "one stream" } else { "each its own" };
            let of = format!("beside {floods} connections that flood {to}");
            // another daemon each time: what the flood before has left in the sockets is learnt for minutes
            let Some(p) = start(b, &format!("{PART}-{shared}-{floods}"))? else { return Ok(()) };
            quiet(p.tcp, "warm", 1.0)?;
            let stream = |i: usize| if shared { "flood".to_owned() } else { format!("flood-{i}") };
            let streams: Vec<String> = (0..floods).map(stream).collect();
            let flood = Flood::start(p.tcp, &streams, &symbols(1))?;
            std::thread::sleep(Duration::from_secs(1));
            let beside = quiet(p.tcp, "beside", seconds)?;
            let flooded = flood.stop(floods)?;
            b.figures.put(PART, of.clone(), "lines taken of the flood", &[flooded.lines], "1/s");
            b.figures.put(PART, of.clone(), "processor that sending it took", &[100.0 * flooded.processor], "%");
            let beside = put_waits(b, PART, &of, &beside);
            b.figures.put(PART, of, "p99 against alone", &[beside / alone], "times").at_most(5.0, 2.0);
        }
    }
    Ok(())
}

/// Asks for everything about a stream until it is stopped; counts the answers.
fn poll(http: &Http, stop: &AtomicBool, answers: &AtomicU64) -> Result<(), Failure> {
    let paths = ["", "?hash=1", "/hash", "/next?key=k7", "/forecast?key=k7&horizon=3", "/alarms"];
    for path in paths.iter().cycle() {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let mut answer = http.open(&format!("/api/v1/streams/read{path}"), &[])?;
        answer.body_mut().read_to_string().map_err(Failure::internal)?;
        answers.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

/// Readers that ask until they are stopped or dropped.
struct Readers {
    stop: Arc<AtomicBool>,
    answers: Arc<AtomicU64>,
    threads: Vec<JoinHandle<Result<(), Failure>>>,
    begun: Instant,
}

impl Readers {
    fn start(p: &DaemonProcess) -> Readers {
        let (stop, answers) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let reader = |_| {
            let (http, stop, answers) = (p.http(), stop.clone(), answers.clone());
            std::thread::spawn(move || poll(&http, &stop, &answers))
        };
        Readers { threads: (0..READERS).map(reader).collect(), stop, answers, begun: Instant::now() }
    }

    /// Ends them, and returns how many answers they got in a second.
    ///
    /// # Errors
    /// One of them was not answered.
    fn stop(mut self) -> Result<f64, Failure> {
        self.stop.store(true, Ordering::Relaxed);
        for reader in self.threads.drain(..) {
            reader.join().map_err(|_| Failure::internal("a reader panicked"))??;
        }
        Ok(self.answers.load(Ordering::Relaxed) as f64 / self.begun.elapsed().as_secs_f64())
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// What one span beside readers, or without them, told.
struct ReaderSpan {
    rate: f64,
    /// The longest wait of an event until it was learnt, in milliseconds.
    wait: f64,
}

/// The part `readers`: spans with and without them, in turn, as a machine's own speed changes within a minute. Answers
/// are counted over the whole of a span, at the full rate and at half of it.
pub(crate) fn run_readers(b: &mut Bench) -> Result<(), Failure> {
    const PART: &str = "readers";
    let Some(p) = start(b, PART)? else { return Ok(()) };
    let records = symbols(KEYS);
    let count = (b.seconds.max(1.0) * 60_000.0) as u64;
    drive(p.tcp, "warm", "read", &[], &records, count, f64::INFINITY)?;
    let span = |name: String| {
        let full = drive(p.tcp, &name, "read", &[], &records, count, f64::INFINITY)?;
        let rate = count as f64 / full.seconds;
        // the longest wait at half of the rate, as a queue that is full has waits of its own
        let paced = drive(p.tcp, &format!("{name}-paced"), "read", &[Want::Outcome], &records, count / 2, rate / 2.0)?;
        Ok::<ReaderSpan, Failure>(ReaderSpan { rate, wait: paced.learnt.max() as f64 / 1e3 })
    };
    let (mut alone, mut beside, mut answers) = (vec![span("alone".into())?], Vec::new(), Vec::new());
    let mut losses = Vec::new();
    for i in 0..READER_SPANS {
        let readers = Readers::start(&p);
        let with = span(format!("beside-{i}"))?;
        answers.push(readers.stop()?);
        let after = span(format!("alone-{i}"))?;
        // a stream that grows is slower, and a machine's speed changes: what stands on both sides is the measure
        let without = (alone[i].rate + after.rate) / 2.0;
        losses.push(100.0 * (1.0 - with.rate / without));
        eprintln!("{PART}: span {i}: {:.0} % less, load {:.1}", losses[i], crate::machine::load());
        alone.push(after);
        beside.push(with);
    }
    let all = |spans: &[ReaderSpan], of: fn(&ReaderSpan) -> f64| spans.iter().map(of).collect::<Vec<_>>();
    let (learnt, longest) = ("learnt", "longest wait of an event at half the rate");
    b.figures.put(PART, "no reader", learnt, &all(&alone, |span| span.rate), "events/s");
    b.figures.put(PART, "no reader", longest, &all(&alone, |span| span.wait), "ms");
    let of = format!("{READERS} readers that poll everything");
    b.figures.put(PART, of.clone(), learnt, &all(&beside, |span| span.rate), "events/s");
    b.figures.put(PART, of.clone(), "loss of throughput", &losses, "%").at_most(20.0, 5.0);
    b.figures.put(PART, of.clone(), "answers", &answers, "1/s");
    b.figures.put(PART, of, longest, &all(&beside, |span| span.wait), "ms").at_most(50.0, 10.0);
    p.stop()
}
