//! How long events wait while checkpoints of a large state are made, and while snapshots of it are published.

use super::Bench;
use super::server::{STREAM, Server};
use super::socket::{questions, symbols};
use super::wire::{drive, percentiles};
use crate::exit::Failure;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use surmise_event::{Field, Kind, Schema, VALUE};
use surmise_protocol::Want;

const PART: &str = "pause";
/// How large the state should become.
const STATE_BYTES: u64 = 60_000_000;
/// Events a second while it is measured.
const RATE: f64 = 5000.0;
/// How often a checkpoint is asked for; by default they are a minute apart.
const CHECKPOINTS: Duration = Duration::from_millis(1500);

pub(crate) fn run(b: &mut Bench) -> Result<(), Failure> {
    let schema = Schema::new([Field::new(VALUE, Kind::Category)]);
    let server = Server::start(b.dir.path().join("pause"), &schema)?;
    let http = server.http(b.global);
    let state = || -> Result<u64, Failure> {
        let status = http.get::<serde_json::Value>(&format!("/api/v1/streams/{STREAM}"), &[])?;
        Ok(status["state_bytes"].as_u64().unwrap_or(0))
    };
    let start = Instant::now();
    let block = ((b.seconds * 1e5) as usize).clamp(200, 100_000);
    let mut blocks = 0;
    loop {
        let records = symbols(block, 50_000, 100 + blocks);
        drive(server.tcp, &format!("fill-{blocks}"), STREAM, &[], &records, block as u64, f64::INFINITY)?;
        blocks += 1;
        if state()? >= STATE_BYTES || start.elapsed().as_secs_f64() > 20.0 * b.seconds {
            break;
        }
    }
    let megabytes = state()? as f64 / 1e6;
    let seconds = (3.0 * b.seconds).max(0.1);
    let records = symbols((RATE * seconds) as usize + 1, 50_000, 7);
    let sending = |name| drive(server.tcp, name, STREAM, &[Want::Outcome], &records, records.len() as u64, RATE);
    let calm = sending("calm")?;
    let done = AtomicBool::new(false);
    let (written, made) = std::thread::scope(|s| {
        let checkpoints = s.spawn(|| {
            let mut n = 0;
            while !done.load(Ordering::Relaxed) {
                n += u32::from(http.post::<serde_json::Value>("/api/v1/checkpoints", &[]).is_ok());
                std::thread::sleep(CHECKPOINTS.min(Duration::from_secs_f64(seconds)));
            }
            n
        });
        let sent = sending("checkpoints");
        done.store(true, Ordering::Relaxed);
        (sent, checkpoints.join().unwrap_or(0))
    });
    let written = written?;
    let read = std::thread::scope(|s| {
        let asking = s.spawn(|| questions(&server.http(b.global), None, seconds));
        let sent = sending("questions");
        let _ = asking.join();
        sent
    })?;
    server.stop()?;
    b.figures.put(PART, "state", "size", &[megabytes], "MB");
    percentiles(&mut b.figures, PART, "no checkpoint", "event to outcome", &calm.learnt, &[]);
    b.figures.put(PART, "checkpoints", "made", &[f64::from(made)], "");
    percentiles(&mut b.figures, PART, "checkpoints", "event to outcome", &written.learnt, &[(99.9, 20.0, 5.0)]);
    percentiles(&mut b.figures, PART, "checkpoints", "event to durable", &written.durable, &[]);
    percentiles(&mut b.figures, PART, "questions", "event to outcome", &read.learnt, &[(99.9, 20.0, 5.0)]);
    Ok(())
}
