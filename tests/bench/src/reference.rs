//! What everything else is held against: what the machine can do at most, and a plain model in a dozen lines.

use crate::bench::Bench;
use crate::clock::{children_seconds, repeated, timed};
use crate::streams::BenchStream;
use rustc_hash::FxHashMap;
use std::hint::black_box;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use surmise_event::{Data, Datum, Record};
use surmise_terminal::Failure;

const PART: &str = "reference";

pub(crate) fn run(b: &mut Bench) -> Result<(), Failure> {
    machine_peaks(b);
    for stream in b.streams.clone() {
        let records = stream.records(b.events_max(&stream))?.1;
        let mut symbols = Vec::new();
        let mut ids = FxHashMap::default();
        records.iter().for_each(|r| spell(r, &mut ids, &mut symbols));
        let mut bits = 0.0;
        let rate = repeated(b.repeat, || {
            let (loss, took) = timed(|| order_two(&symbols));
            bits = loss / symbols.len() as f64;
            symbols.len() as f64 / took.cpu
        });
        b.figures.put(PART, stream.preset, "plain order-2 counts", &rate, "symbols/s of CPU");
        b.figures.put(PART, stream.preset, "plain order-2 counts, loss", &[bits], "bits/symbol");
    }
    programs(b);
    Ok(())
}

/// The machine's limits: the rate of fused multiply-adds of one core, and of copying memory.
pub(crate) fn machine_peaks(b: &mut Bench) {
    let rounds = (b.seconds * 2e7) as usize + 1000;
    let fma = repeated(b.repeat, || {
        let ((sum, flops), took) = timed(|| fma(rounds));
        black_box(sum);
        flops / took.cpu / 1e9
    });
    b.figures.put(PART, "machine", "fused multiply-adds, one core", &fma, "GFLOP/s");
    let from = vec![1u8; 64 << 20];
    let mut to = vec![0u8; from.len()];
    let times = (b.seconds * 20.0) as usize + 1;
    let copy = repeated(b.repeat, || {
        let (_, took) = timed(|| (0..times).for_each(|_| black_box(&mut to).copy_from_slice(black_box(&from))));
        // every byte is read once and written once
        2.0 * (times * from.len()) as f64 / took.cpu / 1e9
    });
    b.figures.put(PART, "machine", "memory, read and written by one core", &copy, "GB/s");
}

/// Chains of multiply-adds that do not wait for each other; returns their sum and how many operations that was.
fn fma(rounds: usize) -> (f32, f64) {
    #[cfg(target_arch = "x86_64")]
    {
        if std::is_x86_feature_detected!("avx512f") {
            // SAFETY: the processor has AVX-512.
            return unsafe { fma_512(rounds) };
        }
        if std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma") {
            // SAFETY: the processor has AVX2 and FMA.
            return unsafe { fma_256(rounds) };
        }
    }
    let mut acc = [1.0f32; 32];
    for _ in 0..rounds {
        acc.iter_mut().for_each(|a| *a = *a * 0.999 + 0.001);
    }
    (acc.iter().sum(), (rounds * 32 * 2) as f64)
}

/// Chains at once: enough for two units with a latency of four or five cycles.
#[cfg(target_arch = "x86_64")]
const CHAINS: usize = 12;

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn fma_512(rounds: usize) -> (f32, f64) {
    use std::arch::x86_64::{_mm512_fmadd_ps, _mm512_reduce_add_ps, _mm512_set1_ps};
    let (m, c) = black_box((_mm512_set1_ps(0.999), _mm512_set1_ps(0.001)));
    let mut acc = black_box([_mm512_set1_ps(1.5); CHAINS]);
    for _ in 0..rounds {
        for a in &mut acc {
            *a = _mm512_fmadd_ps(*a, m, c);
        }
    }
    (acc.iter().map(|a| _mm512_reduce_add_ps(*a)).sum(), (rounds * CHAINS * 16 * 2) as f64)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn fma_256(rounds: usize) -> (f32, f64) {
    use std::arch::x86_64::{_mm256_cvtss_f32, _mm256_fmadd_ps, _mm256_set1_ps};
    let (m, c) = black_box((_mm256_set1_ps(0.999), _mm256_set1_ps(0.001)));
    let mut acc = black_box([_mm256_set1_ps(1.5); CHAINS]);
    for _ in 0..rounds {
        for a in &mut acc {
            *a = _mm256_fmadd_ps(*a, m, c);
        }
    }
    (acc.iter().map(|a| _mm256_cvtss_f32(*a)).sum(), (rounds * CHAINS * 8 * 2) as f64)
}

/// A record as symbols: a byte, a name or the bits of a number each.
fn spell(record: &Record, ids: &mut FxHashMap<Vec<u8>, u32>, out: &mut Vec<u32>) {
    let mut one = |d: &Datum| match d {
        Datum::Bytes(run) => out.extend(run.iter().map(|b| u32::from(*b))),
        Datum::Number(x) => out.push(x.to_bits() as u32 ^ (x.to_bits() >> 32) as u32),
        other => {
            let next = ids.len() as u32;
            out.push(*ids.entry(other.describe().into_bytes()).or_insert(next));
        }
    };
    match &record.data {
        Data::None | Data::Feedback(_) => {}
        Data::One(d) => one(d),
        Data::Fields(fields) => fields.iter().for_each(|(_, d)| one(d)),
    }
}

/// The reference: counts of what followed the last two symbols; returns its loss in bits.
fn order_two(symbols: &[u32]) -> f64 {
    let mut counts: FxHashMap<(u32, u32), (f64, FxHashMap<u32, f64>)> = FxHashMap::default();
    let mut seen: FxHashMap<u32, ()> = FxHashMap::default();
    let (mut last, mut bits) = ((0, 0), 0.0);
    for s in symbols {
        seen.insert(*s, ());
        let (total, of) = counts.entry(last).or_default();
        let n = of.entry(*s).or_default();
        bits -= ((*n + 0.1) / (*total + 0.1 * (seen.len() + 1) as f64)).log2();
        (*n, *total, last) = (*n + 1.0, *total + 1.0, (last.1, *s));
    }
    bits
}

/// Programs of others, where this machine has them, and what multiple of their rate is asked: must, and reach.
pub(crate) const PROGRAMS: [(&str, f64, f64); 2] = [("zpaq -m5", 0.28, 0.45), ("lstm-compress", 12.0, 20.0)];

/// Times them.
fn programs(b: &mut Bench) {
    let Some(bytes) = b.streams.iter().find(|s| s.preset == "bytes").cloned() else { return };
    let scratch = b.dir.path().join("packed");
    compressor(
        b,
        &bytes,
        PROGRAMS[0].0,
        &["add".into(), scratch.with_extension("zpaq"), bytes.file.clone(), "-m5".into()],
    );
    compressor(b, &bytes, PROGRAMS[1].0, &["-c".into(), bytes.file.clone(), scratch]);
}

fn compressor(b: &mut Bench, stream: &BenchStream, program: &str, args: &[PathBuf]) {
    let command = program.split(' ').next().unwrap_or(program);
    let Some(path) = on_path(command) else { return b.notes.push(format!("{program}: not found")) };
    let run =
        || Command::new(&path).args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    let before = children_seconds();
    let (status, took) = timed(run);
    let seconds = children_seconds().zip(before).map_or(took.wall, |(after, before)| after - before);
    let size = std::fs::metadata(&stream.file).map_or(0, |m| m.len());
    match status {
        Ok(s) if s.success() && seconds > 0.0 => {
            b.figures.put(PART, "bytes", program, &[size as f64 / seconds], "bytes/s of CPU");
        }
        _ => b.notes.push(format!("{program}: found, but it failed")),
    }
}

/// A program of the search path.
fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(program)).find(|p| p.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_learns() {
        let symbols: Vec<u32> = (0..3000).map(|i| i % 3).collect();
        assert!(order_two(&symbols) / 3000.0 < 0.05);
        let (sum, flops) = fma(100);
        assert!(sum.is_finite() && flops > 0.0);
        assert!(on_path("no-such-program-anywhere").is_none());
    }
}
