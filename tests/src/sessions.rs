//! Recordings made from a seed: sessions of log keys, one a line.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use surmise_fixtures::Random;

/// About `events` symbols in sessions that follow a small grammar with noise, ends counted.
pub fn write_sessions(seed: u64, events: usize) -> String {
    let mut r = Random::new(seed);
    let mut out = String::new();
    let mut n = 0;
    while n < events {
        let blocks = 1 + r.below(4);
        out.push_str("open ");
        n += 2;
        for _ in 0..blocks {
            for step in ["alloc", "write", "ack"] {
                let again = 1 + r.below(3);
                for _ in 0..again {
                    write!(out, "{step} ").expect("writing to a string cannot fail");
                    n += 1;
                }
            }
            if r.below(9) == 0 {
                write!(out, "warn-{} ", r.below(40)).expect("writing to a string cannot fail");
                n += 1;
            }
        }
        out.push_str("close\n");
        n += 1;
    }
    out
}

/// The same as a file in a folder.
pub fn sessions_file(dir: &Path, seed: u64, events: usize) -> PathBuf {
    let path = dir.join(format!("sessions-{seed}.tokens"));
    std::fs::write(&path, write_sessions(seed, events)).expect("the folder can be written");
    path
}
