//! A producer that sends lines at a fixed rate, whatever the daemon does, and measures from when each was due.

use hdrhistogram::Histogram;
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use surmise_event::Record;
use surmise_protocol::{EventLine, Hello, Reply, Want};
use surmise_terminal::{Exit, Failure};

/// Lines that are written at once at most.
const LINES_WRITTEN_MAX: u64 = 256;
/// Latencies that a histogram holds at most: an hour, in microseconds.
pub(crate) const LATENCY_US_MAX: u64 = 3_600_000_000;
/// Lines of a background load that may be on their way before it waits.
const UNACKED_LINES_MAX: u64 = 1024;

/// Latencies in microseconds, each from the moment when the event was due, so that what waited behind a slow one
/// counts as slow too.
pub(crate) struct Latencies {
    /// Until the event was learnt, and the next prediction stood.
    pub(crate) learnt: Histogram<u64>,
    /// Until it was durable.
    pub(crate) durable: Histogram<u64>,
    /// Seconds from the first event to the last acknowledgement.
    pub(crate) seconds: f64,
}

/// Sends `count` events at `rate` events per second (or as fast as they are taken, if it is infinite): the records in
/// turn, over and over.
pub(crate) fn drive(
    to: SocketAddr,
    producer: &str,
    stream: &str,
    want: &[Want],
    records: &[Record],
    count: u64,
    rate: f64,
) -> Result<Latencies, Failure> {
    drive_lines(to, producer, stream, want, count, rate, |seq, out| {
        let record = records[(seq - 1) as usize % records.len()].clone();
        EventLine { seq: Some(seq), id: None, stream: None, record }
            .write_line(out)
            .map_err(|e| Failure::new(Exit::Data, e))
    })
}

/// Sends `count` lines that the caller makes, at `rate` lines per second, and measures how long each waits.
pub(crate) fn drive_lines(
    to: SocketAddr,
    producer: &str,
    stream: &str,
    want: &[Want],
    count: u64,
    rate: f64,
    mut line: impl FnMut(u64, &mut Vec<u8>) -> Result<(), Failure>,
) -> Result<Latencies, Failure> {
    let mut want = want.to_vec();
    want.push(Want::Ack);
    let (mut socket, replies) = connect(to, &Hello { want, ..Hello::new(producer, stream) })?;
    let start = Instant::now();
    let due = move |seq: u64| start + Duration::from_secs_f64((seq - 1) as f64 / rate);
    let reader = std::thread::spawn(move || read_replies(replies, count, start, due));
    let (mut seq, mut out) = (0, Vec::new());
    while seq < count {
        let now = Instant::now();
        while seq < count && due(seq + 1) <= now && out.len() < 1 << 16 {
            seq += 1;
            line(seq, &mut out)?;
            if seq.is_multiple_of(LINES_WRITTEN_MAX) {
                break;
            }
        }
        if socket.write_all(&out).is_err() {
            break; // the reader knows why
        }
        out.clear();
        if seq < count {
            let pause = due(seq + 1).saturating_duration_since(Instant::now());
            std::thread::sleep(pause);
        }
    }
    let _ = socket.shutdown(Shutdown::Write);
    reader.join().map_err(|_| Failure::internal("the reader of replies panicked"))?
}

/// Makes a connection and reads the welcome.
fn connect(to: SocketAddr, hello: &Hello) -> Result<(TcpStream, BufReader<TcpStream>), Failure> {
    let mut socket = TcpStream::connect(to)?;
    socket.set_nodelay(true)?;
    let mut first = Vec::new();
    hello.write_line(&mut first);
    socket.write_all(&first)?;
    let mut replies = BufReader::with_capacity(1 << 16, socket.try_clone()?);
    let mut welcome = String::new();
    replies.read_line(&mut welcome)?;
    match Reply::parse(welcome.as_bytes()) {
        Ok(Reply::Welcome(_)) => Ok((socket, replies)),
        _ => Err(Failure::internal(format!("no welcome, but {welcome:?}"))),
    }
}

fn read_replies(
    mut replies: BufReader<TcpStream>,
    count: u64,
    start: Instant,
    due: impl Fn(u64) -> Instant,
) -> Result<Latencies, Failure> {
    let histogram = || Histogram::<u64>::new_with_bounds(1, LATENCY_US_MAX, 3).map_err(Failure::internal);
    let mut l = Latencies { learnt: histogram()?, durable: histogram()?, seconds: 0.0 };
    let (mut acked, mut line) = (0, Vec::new());
    while acked < count {
        line.clear();
        if replies.read_until(b'\n', &mut line)? == 0 {
            return Err(Failure::internal(format!("the daemon left after {acked} of {count} events")));
        }
        let reply = Reply::parse(&line).map_err(Failure::internal)?;
        let now = Instant::now();
        let since = |seq| now.saturating_duration_since(due(seq)).as_micros() as u64;
        match reply {
            Reply::Outcome(o) => l.learnt.saturating_record(o.seq.map_or(0, since)),
            Reply::Ack(a) => {
                (acked + 1..=a.ack).for_each(|seq| l.durable.saturating_record(since(seq)));
                acked = acked.max(a.ack);
            }
            Reply::Error(e) => return Err(Failure::internal(e)),
            _ => {}
        }
    }
    l.seconds = start.elapsed().as_secs_f64();
    Ok(l)
}

/// A producer that sends as fast as it is taken until it is stopped, with few lines on their way.
pub(crate) struct BackgroundLoad {
    stop: Arc<AtomicBool>,
    threads: [JoinHandle<()>; 2],
}

impl BackgroundLoad {
    pub(crate) fn start(to: SocketAddr, stream: &str, records: Vec<Record>) -> Result<BackgroundLoad, Failure> {
        let (mut socket, mut replies) = connect(to, &Hello::new("bench-load", stream))?;
        let (stop, acked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (stopped, heard) = (stop.clone(), acked.clone());
        let writer = std::thread::spawn(move || {
            let (mut seq, mut out) = (0, Vec::new());
            while !stopped.load(Ordering::Relaxed) {
                if seq - acked.load(Ordering::Relaxed) > UNACKED_LINES_MAX {
                    std::thread::sleep(Duration::from_micros(200));
                    continue;
                }
                for _ in 0..LINES_WRITTEN_MAX / 2 {
                    let record = records[seq as usize % records.len()].clone();
                    seq += 1;
                    let _ = EventLine { seq: Some(seq), id: None, stream: None, record }.write_line(&mut out);
                }
                if socket.write_all(&out).is_err() {
                    break;
                }
                out.clear();
            }
            let _ = socket.shutdown(Shutdown::Write);
        });
        let reader = std::thread::spawn(move || {
            let mut line = Vec::new();
            while replies.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
                if let Ok(Reply::Ack(a)) = Reply::parse(&line) {
                    heard.store(a.ack, Ordering::Relaxed);
                }
                line.clear();
            }
        });
        Ok(BackgroundLoad { stop, threads: [writer, reader] })
    }

    pub(crate) fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.threads.into_iter().for_each(|t| drop(t.join()));
    }
}

/// Puts percentiles of latencies in milliseconds. `asked`: percentile, must, reach.
pub(crate) fn percentiles(
    figures: &mut crate::figure::Figures,
    part: &'static str,
    of: &str,
    name: &str,
    h: &Histogram<u64>,
    asked: &[(f64, f64, f64)],
) {
    for (p, label) in [(50.0, "p50"), (99.0, "p99"), (99.9, "p99.9"), (100.0, "max")] {
        let ms = h.value_at_percentile(p) as f64 / 1e3;
        let f = figures.put(part, of, format!("{name}, {label}"), &[ms], "ms");
        if let Some((_, must, reach)) = asked.iter().find(|a| a.0 == p) {
            f.at_most(*must, *reach);
        }
    }
}
