//! Writes the recordings of known entropy into a folder, with `bounds.json` beside them.
//!
//! `cargo run --release -p surmise-testing --example recordings -- DIR`

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(dir) = std::env::args_os().nth(1) else {
        eprintln!("usage: recordings DIR");
        return ExitCode::from(64);
    };
    match surmise_testing::recordings::write_all(Path::new(&dir)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("recordings: {}: {error}", Path::new(&dir).display());
            ExitCode::from(74)
        }
    }
}
