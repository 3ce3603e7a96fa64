//! How good point forecasts and intervals are against the best simple predictor of every stream: squared and absolute
//! errors one step ahead and over 24 steps, coverage of the 90 % intervals 1, 6 and 24 steps ahead, the regret and its
//! bound.
//!
//!     cargo run --release -p surmise-evaluation --example points -- [SEED | FILE.csv…]
//!
//! A seed makes the panel of some forty kinds of series of `surmise_fixtures`; another seed makes another panel of the
//! same kinds. A ratio below one is better than the best simple predictor of that stream and measure.

#[path = "../tests/common/mod.rs"]
mod common;

use common::{COVERED, judge};
use std::path::{Path, PathBuf};

/// The usual size of a panel's series, in thousand rows.
const SIZE: f64 = 2.0;
/// A ratio above this is a loss worth a mark.
const LOSS_MIN: f64 = 1.02;
/// Rows of a file that are read.
const ROWS_MAX: usize = 14_400;
/// The same rows give the unit of errors.
const UNIT_ROWS: &str = "0:14400";

/// A copy of the first rows of a file.
fn shortened(file: &Path, folder: &Path) -> std::io::Result<PathBuf> {
    let copy = folder.join(file.file_name().unwrap_or_default());
    let text = std::fs::read_to_string(file)?;
    let lines: Vec<&str> = text.lines().take(ROWS_MAX + 1).collect();
    std::fs::write(&copy, lines.join("\n") + "\n")?;
    Ok(copy)
}

/// Prints what came of a series; adds its ratios to those of all.
fn show(file: &Path, ratios: &mut [Vec<f64>; 4]) -> Result<(), Box<dyn std::error::Error>> {
    let name = file.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
    let judged = judge(file, UNIT_ROWS)?;
    let mut line = format!("{name:36} {:6}", judged.events);
    for (ratio, all) in judged.ratios.iter().zip(ratios.iter_mut()) {
        let Some((ratio, best)) = ratio else { continue };
        all.push(*ratio);
        line += &format!(" | {ratio:6.3}{} {best:14}", if *ratio > LOSS_MIN { '*' } else { ' ' });
    }
    for covered in judged.coverage {
        line += &format!(" {covered:.3}");
    }
    let bound = if judged.is_within_bounds { "" } else { " ABOVE ITS BOUND" };
    println!("{line} | {:.4} bits{bound}", judged.bits_per_event);
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let made = tempfile::tempdir()?;
    let seed = arguments.first().map_or(Some(1), |seed| seed.parse().ok());
    let files: Vec<PathBuf> = if let Some(seed) = seed {
        surmise_fixtures::series::write_all(made.path(), seed, SIZE)?;
        let mut files: Vec<PathBuf> =
            std::fs::read_dir(made.path())?.map(|e| e.map(|e| e.path())).collect::<Result<_, _>>()?;
        files.sort();
        files
    } else {
        arguments.iter().map(|file| shortened(Path::new(file), made.path())).collect::<Result<_, _>>()?
    };
    let heads = ["MSE", "MAE", "MSE ahead", "MAE ahead"];
    println!("stream: rows | ratio to the best simple predictor: {} | coverage at {COVERED:?}", heads.join(", "));
    let mut ratios: [Vec<f64>; 4] = Default::default();
    for file in &files {
        if let Err(error) = show(file, &mut ratios) {
            println!("{}: {error}", file.display());
        }
    }
    for (head, all) in heads.iter().zip(&ratios).filter(|(_, all)| !all.is_empty()) {
        let skill = 100.0 * (1.0 - all.iter().sum::<f64>() / all.len() as f64);
        let worst = all.iter().copied().fold(0.0, f64::max);
        let lost = all.iter().filter(|r| **r > LOSS_MIN).count();
        println!(
            "{head:10} mean skill {skill:5.1} %, worst ratio {worst:.3}, {lost} of {} above {LOSS_MIN}",
            all.len()
        );
    }
    Ok(())
}
