//! The streams that are measured on: seeded ones of our own, or real ones from a folder.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use surmise_event::{Data, Datum, Record, Schema};
use surmise_fixtures::Random;
use surmise_recording::{Format, Source, SourceOptions};
use surmise_terminal::Failure;

/// A recording of the kind of data that a preset is for.
#[derive(Clone, Debug)]
pub(crate) struct BenchStream {
    /// The kind: `bytes`, `symbols`, `numbers` or `records`.
    pub(crate) preset: &'static str,
    /// Where it is from.
    pub(crate) name: String,
    pub(crate) file: PathBuf,
    format: Format,
    time: Option<&'static str>,
}

impl BenchStream {
    /// Opens it as `surmise replay` would.
    pub(crate) fn open(&self) -> Result<Source, Failure> {
        let options = SourceOptions {
            files: vec![self.file.clone()],
            format: Some(self.format),
            time: self.time.map(str::to_owned),
            ..SourceOptions::default()
        };
        Ok(Source::open(&options)?)
    }

    /// The fields, and the records of the first `events_max` events.
    pub(crate) fn records(&self, events_max: usize) -> Result<(Schema, Vec<Record>), Failure> {
        let source = self.open()?;
        let schema = source.schema().clone();
        let (mut records, mut events) = (Vec::new(), 0);
        for item in source {
            if events >= events_max {
                break;
            }
            let record = item?.record;
            events += events_of(&record);
            records.push(record);
        }
        Ok((schema, records))
    }
}

/// Events of a record: a run of bytes is as many as it has bytes.
pub(crate) fn events_of(record: &Record) -> usize {
    match &record.data {
        Data::One(Datum::Bytes(run)) => run.len(),
        _ => usize::from(!matches!(record.data, Data::None)) + usize::from(record.end),
    }
}

/// Runs of bytes cut into lines of `bytes` characters; other records as they are.
pub(crate) fn cut(records: &[Record], bytes: usize) -> Vec<Record> {
    let pieces = |r: &Record| match &r.data {
        Data::One(Datum::Bytes(run)) => match std::str::from_utf8(run) {
            Ok(text) => {
                let letters: Vec<char> = text.chars().collect();
                let piece = |c: &[char]| Datum::Bytes(c.iter().collect::<String>().into_bytes().into());
                letters.chunks(bytes).map(|c| Record { data: Data::One(piece(c)), ..Record::default() }).collect()
            }
            Err(_) => vec![r.clone()],
        },
        _ => vec![r.clone()],
    };
    records.iter().flat_map(pieces).collect()
}

/// The streams of a folder that are there.
pub(crate) fn real(folder: &Path) -> Result<Vec<BenchStream>, Failure> {
    let known = [
        ("bytes", "text/tinyshakespeare.txt", Format::Bytes, None),
        ("symbols", "hdfs/hdfs_train", Format::Tokens, None),
        ("numbers", "ett/ETTh1.csv", Format::Csv, Some("date")),
        ("records", "elec2/electricity.csv", Format::Csv, None),
    ];
    let there: Vec<BenchStream> = known
        .into_iter()
        .map(|(preset, path, format, time)| BenchStream {
            preset,
            name: path.rsplit('/').next().unwrap_or(path).to_owned(),
            file: folder.join(path),
            format,
            time,
        })
        .filter(|s| s.file.is_file())
        .collect();
    if there.is_empty() {
        let names = known.map(|k| k.1).join(", ");
        return Err(Failure::usage(format!("--data: {} has none of {names}", folder.display())));
    }
    Ok(there)
}

/// Seeded streams, written into a folder, large enough for measurements of `seconds` seconds.
pub(crate) fn synthetic(folder: &Path, seconds: f64) -> Result<Vec<BenchStream>, Failure> {
    let n = |rate: f64| (rate * seconds) as usize + 400;
    let make = |preset, text: String, format, time| -> Result<BenchStream, Failure> {
        let file = folder.join(preset);
        std::fs::write(&file, text)?;
        Ok(BenchStream { preset, name: format!("seeded {preset}"), file, format, time })
    };
    Ok(vec![
        make("bytes", text(n(4e5)), Format::Bytes, None)?,
        make("symbols", sessions(n(8e5), 60), Format::Tokens, None)?,
        make("numbers", readings(n(8e4)), Format::Csv, Some("time"))?,
        make("records", orders(n(8e4)), Format::Csv, Some("time"))?,
    ])
}

/// Text of about `bytes` bytes: words of a vocabulary, common ones more often, each more likely after some others.
fn text(bytes: usize) -> String {
    const WORDS: u64 = 3000;
    let mut r = Random::new(1);
    let letters: Vec<char> = "eeeetttaaaoooiiinnnssshhhrrrddlluuccmmwwffggyyppbbvk".chars().collect();
    let words: Vec<String> = (0..WORDS)
        .map(|_| (0..1 + r.below(4) + r.below(5)).map(|_| letters[r.below(letters.len() as u64) as usize]).collect())
        .collect();
    let (mut out, mut last, mut column) = (String::with_capacity(bytes + 16), 0, 0);
    while out.len() < bytes {
        // half of the time one of four that follow this word, else any, the common ones first
        let word = match r.below(2) {
            0 => (last * 7919 + r.below(4) * 104_729) % WORDS,
            _ => (r.uniform().powi(3) * WORDS as f64) as u64,
        };
        out += &words[word as usize];
        column += words[word as usize].len();
        let mark = [". ", ", ", "? ", " "][(r.below(24) as usize).min(3)];
        (out, column) = if column > 70 { (out + "\n", 0) } else { (out + mark, column + mark.len()) };
        last = word;
    }
    out
}

/// The next symbol of a chain in which each symbol has a few successors and now and then anything comes.
pub(crate) fn follow(r: &mut Random, last: u64, symbols: u64) -> u64 {
    match r.below(16) {
        0 => (r.uniform().powi(2) * symbols as f64) as u64,
        n => (last * 31 + 7 + (n % 3) * (n % 2) * 11) % symbols,
    }
}

/// One session a line, of about twenty symbols.
fn sessions(events: usize, symbols: u64) -> String {
    let (mut r, mut out, mut n) = (Random::new(2), String::new(), 0);
    while n < events {
        let (length, mut s) = (12 + r.below(16), r.below(4));
        for i in 0..length {
            let _ = write!(out, "{}{s}", if i > 0 { " " } else { "" });
            s = follow(&mut r, s, symbols);
        }
        out.push('\n');
        n += length as usize + 1;
    }
    out
}

/// Seven columns every hour: a day, a week, a slow drift that they share, and noise of their own.
fn readings(rows: usize) -> String {
    let (mut r, mut out, mut slow) = (Random::new(3), String::from("time,a,b,c,d,e,f,g\n"), 0.0);
    for row in 0..rows {
        let hour = row as f64;
        slow = 0.995 * slow + (r.uniform() - 0.5) * 0.6;
        out += &surmise_event::format_time(1_500_000_000_000_000 + row as i64 * 3_600_000_000);
        for c in 0..7 {
            let day = (hour / 24.0 * std::f64::consts::TAU + f64::from(c)).sin() * 4.0;
            let week = (hour / 168.0 * std::f64::consts::TAU).sin() * 2.0;
            let x = 20.0 + f64::from(c) * 3.0 + day + week + slow * (1.0 + f64::from(c) / 3.0) + r.uniform() - 0.5;
            let _ = write!(out, ",{x:.3}");
        }
        out.push('\n');
    }
    out
}

/// Orders: a kind, a region, a price and an amount that depend on them, at uneven times.
fn orders(rows: usize) -> String {
    let (mut r, mut out) = (Random::new(4), String::from("time,kind,region,price,amount\n"));
    let (mut kind, mut us) = (0, 1_500_000_000_000_000);
    for _ in 0..rows {
        us += 50_000 + (r.uniform().powi(4) * 60e6) as i64;
        kind = follow(&mut r, kind, 12);
        let region = (kind + r.below(3)) % 7;
        let price = 10.0 + 5.0 * kind as f64 + r.uniform() * 2.0;
        let amount = 1 + r.below(1 + kind);
        let _ = writeln!(out, "{},k{kind},r{region},{price:.2},{amount}", surmise_event::format_time(us));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_the_same_every_time_and_can_be_read() {
        let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (x, y) = (synthetic(a.path(), 0.01).unwrap(), synthetic(b.path(), 0.01).unwrap());
        for (x, y) in x.iter().zip(&y) {
            assert_eq!(std::fs::read(&x.file).unwrap(), std::fs::read(&y.file).unwrap());
            let (schema, records) = x.records(300).unwrap();
            let events: usize = records.iter().map(events_of).sum();
            assert!(events >= 300 && !schema.fields.is_empty(), "{} {events}", x.preset);
            assert_eq!(cut(&records, 64).iter().map(events_of).sum::<usize>(), events);
        }
        assert!(real(a.path()).is_err());
    }
}
