//! What a daemon takes of memory, and how long it takes to start.

use crate::bench::Bench;
use crate::machine::resident_bytes;
use crate::server::DaemonProcess;
use crate::wire::drive_lines;
use surmise_event::{Data, Datum, Record};
use surmise_fixtures::Random;
use surmise_protocol::EventLine;
use surmise_terminal::{Exit, Failure};

const PART: &str = "footprint";
/// Symbols of one small stream.
const SYMBOLS_PER_STREAM: u64 = 30;

pub(crate) fn run(b: &mut Bench) -> Result<(), Failure> {
    let Some(program) = DaemonProcess::program() else {
        b.notes.push("footprint: surmised is not in the folder of this program; build it, and run again".into());
        return Ok(());
    };
    let dir = b.dir.path().join("footprint");
    std::fs::create_dir_all(&dir)?;
    let mut p = DaemonProcess::start(&program, &dir)?;
    let empty = p.wait_for("/-/ready")?;
    b.figures.put(PART, "empty daemon", "start until ready", &[empty], "s");
    let resident = |p: &DaemonProcess| resident_bytes(p.id()) as f64 / 1e6;
    b.figures.put(PART, "empty daemon", "resident memory", &[resident(&p)], "MB").at_most(40.0, 25.0);
    let (streams, events) = (b.small_streams, ((b.seconds * 500.0) as u64).clamp(20, 1000));
    let (mut r, mut last) = (Random::new(9), vec![0; streams as usize]);
    let sent = drive_lines(p.tcp, "bench", "s-0", &[], streams * events, f64::INFINITY, |seq, out| {
        let stream = (seq - 1) % streams;
        let symbol = &mut last[stream as usize];
        *symbol = crate::streams::follow(&mut r, *symbol, SYMBOLS_PER_STREAM);
        let record = Record { data: Data::One(Datum::Text(format!("s{symbol}").into())), ..Record::default() };
        let line = EventLine { seq: Some(seq), id: None, stream: Some(format!("s-{stream}")), record };
        line.write_line(out).map_err(|e| Failure::new(Exit::Data, e))
    })?;
    let of = format!("{streams} small streams");
    b.figures.put(PART, of.clone(), "events each", &[events as f64], "");
    b.figures.put(PART, of.clone(), "learnt", &[(streams * events) as f64 / sent.seconds], "events/s");
    b.figures.put(PART, of.clone(), "resident memory", &[resident(&p)], "MB").at_most(1500.0, 600.0);
    let path = format!("/api/v1/streams/s-{}/next", streams / 2);
    p.http().open(&path, &[])?;
    let (stopped, took) = crate::clock::timed(|| p.stop());
    stopped?;
    b.figures.put(PART, of.clone(), "stop, with a checkpoint of each", &[took.wall], "s");
    let mut p = DaemonProcess::start(&program, &dir)?;
    let first = p.wait_for(&path)?;
    b.figures.put(PART, of.clone(), "start until the first prediction", &[first], "s").at_most(5.0, 0.5);
    let ready = p.wait_for("/-/ready")?;
    b.figures.put(PART, of.clone(), "start until ready", &[ready], "s");
    b.figures.put(PART, of, "resident memory after a start", &[resident(&p)], "MB");
    p.stop()
}
