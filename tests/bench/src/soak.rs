//! Whether a daemon that has run for long is as it was: its memory, descriptors, disk and waits, at half of its load or
//! at a rate that is said.
//!
//! Each look is told on standard error as it is taken, so that a run that is cut short has said what it saw.

use crate::bench::Bench;
use crate::machine::resident_bytes;
use crate::server::DaemonProcess;
use crate::wire::{Latencies, drive};
use std::net::SocketAddr;
use std::path::Path;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use surmise_event::{Data, Datum, Record};
use surmise_fixtures::Random;
use surmise_terminal::{Failure, Http};

const PART: &str = "soak";
/// Looks at the daemon in the whole of the time.
const LOOKS: usize = 48;
/// Looks at the memory within each of them; the look has their medians.
const GLANCES: u32 = 15;
/// The longest that the streams are sent as fast as they are taken, before the first look: until their models are full.
const FILL_SECONDS_MAX: f64 = 30.0;
/// Records of each stream, over and over.
const RECORDS: usize = 50_000;
/// What all files of the daemon may take: three generations of checkpoints hold back the log of half a minute, and a
/// copy that is rewritten needs as much again.
const DISK_MIB: u32 = 512;

/// Bounds that a short run reaches, so that what grows after it grows for ever.
fn small() -> String {
    format!(
        "checkpoint_interval = \"10s\"\nlog_bytes_max = \"8MiB\"\ndisk = \"{DISK_MIB}MiB\"\n[model]\nmemory_mib = 8\n"
    )
}

/// What the daemon looked like once.
struct Look {
    hours: f64,
    resident: f64,
    /// What the allocator has given out.
    allocated: f64,
    descriptors: f64,
    disk: f64,
    wait_p99_us: f64,
}

/// Three kinds of streams, each with what never ends: new keys, new words, levels that wander.
fn streams() -> [(&'static str, Vec<Record>); 3] {
    let mut random = Random::new(4);
    let line = |random: &mut Random| {
        let (id, code) = (random.below(1 << 40), [200, 200, 200, 304, 502][random.below(5) as usize]);
        let text = format!("GET /{} {code} {} id={id:x}", random.below(9), random.below(9000));
        Record { data: Data::One(Datum::Text(text.into())), ..Record::default() }
    };
    let session = |random: &mut Random, i: u64| {
        let step = ["open", "read", "read", "write", "close"][(i % 5) as usize];
        let key = Some(format!("session-{}", i / 5 + random.below(3)).into());
        Record { key, data: Data::One(Datum::Text(step.into())), ..Record::default() }
    };
    let mut level = 0.0;
    let mut reading = |random: &mut Random| {
        level += random.below(2001) as f64 / 1000.0 - 1.0;
        Record { data: Data::One(Datum::Number(level)), ..Record::default() }
    };
    let lines = (0..RECORDS).map(|_| line(&mut random)).collect();
    let sessions = (0..RECORDS as u64).map(|i| session(&mut random, i)).collect();
    let readings = (0..RECORDS).map(|_| reading(&mut random)).collect();
    [("lines", lines), ("sessions", sessions), ("readings", readings)]
}

/// Bytes of a folder's files.
fn disk_bytes(dir: &Path) -> u64 {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let bytes = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(meta) if meta.is_dir() => disk_bytes(&entry.path()),
        Ok(meta) => meta.len(),
        Err(_) => 0,
    };
    entries.map(bytes).sum()
}

fn descriptors(process: u32) -> usize {
    std::fs::read_dir(format!("/proc/{process}/fd")).map_or(0, Iterator::count)
}

/// Drives every stream at a rate for so many seconds. Returns the waits of each.
fn drive_all(
    to: SocketAddr,
    round: usize,
    streams: &[(&'static str, Vec<Record>)],
    rates: &[f64],
    seconds: f64,
) -> Result<Vec<Latencies>, Failure> {
    let begin = |(stream, records): &(&'static str, Vec<Record>), rate: f64| {
        let (stream, mut records, count) = (*stream, records.clone(), ((rate * seconds) as u64).max(1));
        // a round begins where the one before stopped, more or less: not always with the same records
        records.rotate_left(round * 997 % RECORDS);
        std::thread::spawn(move || drive(to, &format!("{stream}-{round}"), stream, &[], &records, count, rate))
    };
    let driven: Vec<JoinHandle<_>> = streams.iter().zip(rates).map(|(stream, rate)| begin(stream, *rate)).collect();
    let join = |thread: JoinHandle<_>| thread.join().map_err(|_| Failure::internal("a producer panicked"))?;
    driven.into_iter().map(join).collect()
}

/// What the daemon's allocator has given out, in bytes.
fn allocated_bytes(http: &Http) -> Result<f64, Failure> {
    let metrics = http.open("/metrics", &[])?.body_mut().read_to_string().map_err(Failure::internal)?;
    let line = metrics.lines().find_map(|line| line.strip_prefix("surmise_memory_bytes{kind=\"allocated\"} "));
    line.and_then(|value| value.parse().ok()).ok_or_else(|| Failure::internal("the daemon does not count its memory"))
}

/// Medians of resident and of allocated bytes over some seconds.
fn watch_memory(process: u32, http: &Http, seconds: f64) -> Result<(f64, f64), Failure> {
    let (mut resident, mut allocated) = (Vec::new(), Vec::new());
    for _ in 0..GLANCES {
        std::thread::sleep(Duration::from_secs_f64(seconds / f64::from(GLANCES + 1)));
        resident.push(resident_bytes(process) as f64);
        allocated.push(allocated_bytes(http)?);
    }
    Ok((median(resident), median(allocated)))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The slope of the least squares line through points, and its standard error.
fn slope(points: &[(f64, f64)]) -> [f64; 2] {
    let n = points.len() as f64;
    let (x, y) = points.iter().fold((0.0, 0.0), |(x, y), p| (x + p.0 / n, y + p.1 / n));
    let (xy, xx) = points.iter().fold((0.0, 0.0), |(xy, xx), p| (xy + (p.0 - x) * (p.1 - y), xx + (p.0 - x).powi(2)));
    let slope = xy / xx;
    let rest = points.iter().map(|p| (p.1 - y - slope * (p.0 - x)).powi(2)).sum::<f64>();
    [slope, (rest / (n - 2.0) / xx).sqrt()]
}

/// Fills the models as fast as events are taken, and returns half of the rate of each stream.
fn fill(b: &Bench, to: SocketAddr, streams: &[(&'static str, Vec<Record>)]) -> Result<f64, Failure> {
    let full = [20_000.0; 3];
    let seconds = (b.seconds / LOOKS as f64).min(FILL_SECONDS_MAX);
    let begun = Instant::now();
    drive_all(to, 0, streams, &full, seconds)?;
    let took = begun.elapsed().as_secs_f64() / seconds;
    Ok(full[0] / took.max(1.0) / 2.0)
}

/// The part `soak`: `--seconds 7200` is the campaign.
pub(crate) fn run(b: &mut Bench) -> Result<(), Failure> {
    let Some(program) = DaemonProcess::program() else {
        b.notes.push("soak: surmised is not in the folder of this program; build it, and run again".into());
        return Ok(());
    };
    let dir = b.dir.path().join(PART);
    std::fs::create_dir_all(&dir)?;
    let mut p = DaemonProcess::start_with(&program, &dir, &small())?;
    p.wait_for("/-/ready")?;
    let streams = streams();
    let half = fill(b, p.tcp, &streams)?;
    let rate = b.rate.unwrap_or(half);
    b.figures.put(PART, "each of three streams", "sent", &[rate], "events/s");
    let mut looks = Vec::with_capacity(LOOKS);
    let begun = Instant::now();
    for round in 1..=LOOKS {
        let seconds = b.seconds / LOOKS as f64;
        let (http, id) = (p.http(), p.id());
        let watcher = std::thread::spawn(move || watch_memory(id, &http, seconds));
        let waits = drive_all(p.tcp, round, &streams, &[rate; 3], seconds)?;
        let (resident, allocated) = watcher.join().map_err(|_| Failure::internal("the watcher panicked"))??;
        let look = Look {
            hours: begun.elapsed().as_secs_f64() / 3600.0,
            resident: resident / 1e6,
            allocated: allocated / 1e6,
            descriptors: descriptors(p.id()) as f64,
            disk: disk_bytes(&dir) as f64 / 1e6,
            wait_p99_us: waits.iter().map(|w| w.durable.value_at_percentile(99.0)).max().unwrap_or(0) as f64,
        };
        look.tell();
        looks.push(look);
    }
    put_looks(b, &looks);
    p.stop()
}

impl Look {
    /// Tells it on standard error, at once.
    fn tell(&self) {
        eprintln!(
            "soak: {:.3} h, resident {:.1} MB, allocated {:.1} MB, {} descriptors, disk {:.1} MB, p99 {:.1} ms, load {:.1}",
            self.hours,
            self.resident,
            self.allocated,
            self.descriptors,
            self.disk,
            self.wait_p99_us / 1e3,
            crate::machine::load()
        );
    }
}

/// Puts what changed from look to look.
fn put_looks(b: &mut Bench, looks: &[Look]) {
    let half = &looks[looks.len() / 2..];
    let of = |what: fn(&Look) -> f64| half.iter().map(|look| (look.hours, what(look))).collect::<Vec<_>>();
    let most = |part: &[Look], what: fn(&Look) -> f64| part.iter().map(what).fold(0.0, f64::max);
    let middle = |part: &[Look], what: fn(&Look) -> f64| median(part.iter().map(what).collect());
    let quarter = looks.len() / 4;
    let (first, last) = (&looks[..quarter], &looks[looks.len() - quarter..]);
    let whole = "the whole time";
    b.figures.put(PART, whole, "hours", &[looks.last().map_or(0.0, |look| look.hours)], "h");
    b.figures.put(PART, whole, "most resident memory", &[most(looks, |l| l.resident)], "MB");
    b.figures
        .put(PART, whole, "most disk", &[most(looks, |l| l.disk)], "MB")
        .at_most(f64::from(DISK_MIB) * 1.048_576, 0.0);
    let second = "the second half";
    let mut put_slope = |name: &str, what: fn(&Look) -> f64, asked: bool| {
        let [slope, error] = slope(&of(what));
        let figure = b.figures.put(PART, second, format!("slope of {name}"), &[slope], "MB/h");
        if asked {
            figure.at_most(1.0, 0.0);
        }
        b.figures.put(PART, second, "its standard error", &[error], "MB/h");
    };
    put_slope("resident memory", |l| l.resident, true);
    put_slope("allocated memory", |l| l.allocated, true);
    put_slope("disk", |l| l.disk, false);
    let more = most(last, |l| l.descriptors) - most(first, |l| l.descriptors);
    let against = "the last quarter against the first";
    b.figures.put(PART, against, "descriptors more than before", &[more], "").at_most(0.0, 0.0);
    let drift = middle(last, |l| l.wait_p99_us) / middle(first, |l| l.wait_p99_us);
    b.figures.put(PART, against, "p99 of event to ack", &[drift], "times").at_most(1.5, 1.0);
}
