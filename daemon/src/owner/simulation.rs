//! Whole lives of owners, committer, checkpointer, connections, producers and readers on one thread, in a world where a
//! seed decides everything that may happen: time, order, delays, disconnections, new epochs, questions, slow readers,
//! panics inside, crashes at any step, failing and torn writes, a full disk and its end, a log that cannot be read.
//! What a seed gives is the same on every run.
//!
//! `SURMISE_SEED=7 cargo test --release -p surmised --lib simulation` runs one world; `SURMISE_SEEDS=50000` so many,
//! from seed 0 or from `SURMISE_SEED` on.

mod checks;
mod happened;
mod process;
mod producer;
mod world;

use happened::Happened;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;
use world::simulate;

/// The text of an event whose learning panics.
const POISON: &str = "poison";

/// Worlds of the test, unless `SURMISE_SEEDS` says how many.
const SEEDS_DEFAULT: u64 = 60;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")))
}

/// Runs one world, and says how to run it again if something does not hold.
fn run(seed: u64) -> Happened {
    catch_unwind(AssertUnwindSafe(|| simulate(seed))).unwrap_or_else(|panic| {
        eprintln!("again: SURMISE_SEED={seed} cargo test --release -p surmised --lib simulation");
        std::panic::resume_unwind(panic)
    })
}

#[test]
fn whatever_happens_every_acknowledged_event_is_learnt_exactly_once() {
    let start = Instant::now();
    let (first, count) = (number("SURMISE_SEED"), number("SURMISE_SEEDS"));
    let seeds = match first {
        Some(first) => first..first + count.unwrap_or(1),
        None => 0..count.unwrap_or(SEEDS_DEFAULT),
    };
    let worlds = seeds.end - seeds.start;
    let mut all = Happened::default();
    for seed in seeds {
        all += run(seed);
    }
    let hours = all.virtual_time.as_secs_f64() / 3600.0;
    eprintln!("{worlds} worlds, {hours:.1} virtual hours, {:.1} s: {all:?}", start.elapsed().as_secs_f64());
    if worlds >= SEEDS_DEFAULT {
        let Happened { crashes, stops, failed_writes, checkpoints, trimmed, .. } = all;
        let Happened { pages, quarantined, seen_states, reconnections, epochs, full_disks, retried, .. } = all;
        let counts = [crashes, stops, failed_writes, checkpoints, trimmed, pages, quarantined, seen_states];
        let more = [reconnections, epochs, full_disks, retried];
        assert!(counts.iter().chain(&more).all(|count| *count > 0), "something never happened: {all:?}");
    }
}

#[test]
fn the_same_seed_gives_the_same_life() {
    assert_eq!(simulate(1_000_003), simulate(1_000_003));
}
