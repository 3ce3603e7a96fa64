//! How good point forecasts and intervals are against the best simple predictor of every stream: squared and absolute
//! errors one step ahead and over 24 steps, coverage of the 90 % intervals 1, 6 and 24 steps ahead, the regret and its
//! bound.
//!
//!     cargo run --release -p surmise-evaluation --example points -- [SEED | FILE.csv…]
//!
//! A seed makes the panel of some forty kinds of series of `surmise_fixtures`; another seed makes another panel of the
//! same kinds. A ratio below one is better than the best simple predictor of that stream and measure.

use std::path::{Path, PathBuf};
use surmise_evaluation::{BaselineResult, Measure, ReplayOptions, ReplayResult, baselines, replay};
use surmise_recording::{Source, SourceOptions};

/// Steps of the longer forecasts.
const STEPS: usize = 24;
/// Steps whose coverage is printed.
const COVERED: [usize; 3] = [1, 6, 24];
/// The usual size of a panel's series, in thousand rows.
const SIZE: f64 = 2.0;
/// A ratio above this is a loss worth a mark.
const LOSS_MIN: f64 = 1.02;
/// Rows of a file that are read.
const ROWS_MAX: usize = 14_400;

/// The mean over fields of what is there.
fn mean(r: &ReplayResult, value: impl Fn(&surmise_evaluation::FieldResult) -> Option<f64>) -> Option<f64> {
    let all: Vec<f64> = r.fields.values().filter_map(value).collect();
    (!all.is_empty()).then(|| all.iter().sum::<f64>() / all.len() as f64)
}

/// A value against the best baseline, and its name; what is lost to rounding counts as nothing.
fn against(value: Option<f64>, baselines: &BaselineResult, measure: Measure) -> Option<(f64, String)> {
    let scores = baselines.fields.get("")?;
    let best = scores.iter().filter(|s| s.measure == measure).min_by(|a, b| a.value.total_cmp(&b.value))?;
    let none = 1e-9;
    Some(((value? + none) / (best.value + none), best.name.clone()))
}

/// A copy of the first rows of a file.
fn shortened(file: &Path, folder: &Path) -> std::io::Result<PathBuf> {
    let copy = folder.join(file.file_name().unwrap_or_default());
    let text = std::fs::read_to_string(file)?;
    let lines: Vec<&str> = text.lines().take(ROWS_MAX + 1).collect();
    std::fs::write(&copy, lines.join("\n") + "\n")?;
    Ok(copy)
}

/// The ratios of a stream in the order of the table's columns.
fn judge(file: &Path, ratios: &mut [Vec<f64>; 4]) -> Result<(), Box<dyn std::error::Error>> {
    let name = file.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
    let header = std::fs::read_to_string(file)?.lines().next().unwrap_or_default().to_owned();
    let times = header.split(',').next().filter(|h| ["date", "timestamp", "time"].contains(h)).map(str::to_owned);
    let mut recording = SourceOptions { files: vec![file.to_path_buf()], time: times, ..SourceOptions::default() };
    recording.fields = header
        .split(',')
        .filter(|h| !["date", "timestamp", "time"].contains(h))
        .map(|h| format!("{h}:{}", if h == "class" { "ignore" } else { "number" }))
        .map(|h| h.parse())
        .collect::<Result<_, _>>()?;
    let rows = "0:14400".parse()?;
    let options = ReplayOptions { horizon: Some(STEPS), unit_rows: Some(rows), ..ReplayOptions::default() };
    let result = replay(Source::open(&recording)?, &options, |_| {})?;
    let simple = baselines(Source::open(&recording)?, &options, |_| {})?;
    let measures = [
        (Measure::Mse, mean(&result, |f| f.report.mse)),
        (Measure::Mae, mean(&result, |f| f.report.mae)),
        (Measure::AheadMse, mean(&result, |f| f.horizon_mse)),
        (Measure::AheadMae, mean(&result, |f| f.horizon_mae)),
    ];
    let mut line = format!("{name:36} {:6}", result.events);
    for ((measure, value), all) in measures.into_iter().zip(ratios.iter_mut()) {
        let Some((ratio, best)) = against(value, &simple, measure) else { continue };
        all.push(ratio);
        line += &format!(" | {ratio:6.3}{} {best:14}", if ratio > LOSS_MIN { '*' } else { ' ' });
    }
    for step in COVERED {
        let covered = mean(&result, |f| f.horizon_coverage_90.get(step - 1).copied());
        line += &format!(" {:.3}", covered.unwrap_or(f64::NAN));
    }
    let bound = if result.is_within_bounds() { "" } else { " ABOVE ITS BOUND" };
    println!("{line} | {:.4} bits{bound}", result.loss_bits_per_event);
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
        if let Err(error) = judge(file, &mut ratios) {
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
