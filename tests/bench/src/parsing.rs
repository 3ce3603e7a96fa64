//! Reading: lines of the wire and rows of CSV.

use crate::bench::Bench;
use crate::clock::{repeated, timed};
use surmise_protocol::{EventLine, parse_line};
use surmise_terminal::{Exit, Failure};

const PART: &str = "parse";

pub(crate) fn run(b: &mut Bench) -> Result<(), Failure> {
    for stream in b.streams.clone() {
        let records = crate::streams::cut(&stream.records((b.seconds * 1e5) as usize + 300)?.1, 64);
        let mut lines = Vec::new();
        for (i, record) in records.iter().enumerate() {
            let mut line = Vec::new();
            let event = EventLine { seq: Some(i as u64 + 1), id: None, stream: None, record: record.clone() };
            event.write_line(&mut line).map_err(|e| Failure::new(Exit::Data, e))?;
            line.pop();
            lines.push(line);
        }
        let bytes: usize = lines.iter().map(Vec::len).sum();
        let mut refused = 0;
        let rate = repeated(b.repeat, || {
            let (failed, took) = timed(|| lines.iter().filter(|l| parse_line(l).is_err()).count());
            refused += failed;
            lines.len() as f64 / took.cpu
        });
        if refused > 0 {
            return Err(Failure::internal(format!("{refused} lines of our own are refused")));
        }
        let per_line = bytes as f64 / lines.len() as f64;
        let megabytes: Vec<f64> = rate.iter().map(|r| r * per_line / 1e6).collect();
        b.figures.put(PART, stream.preset, "lines of JSON", &rate, "lines/s of CPU");
        b.figures.put(PART, stream.preset, "the same in bytes", &megabytes, "MB/s");
        let mut rows = 0.0;
        let read = repeated(b.repeat, || {
            let (n, took) = timed(|| stream.open().map_or(0, |s| s.filter(Result::is_ok).take(records.len()).count()));
            rows = n as f64;
            rows / took.cpu
        });
        b.figures.put(PART, stream.preset, "records of the recording", &read, "records/s of CPU");
    }
    Ok(())
}
