//! Tables of numbers: seasons, many columns, changes, gaps in the record, small counts, and series with anomalies.

use super::{Measure, Recording};
use crate::Random;
use std::fmt::Write;

/// The recordings of this kind.
pub fn all() -> Vec<Recording> {
    vec![season(), wide(), shift(), missing(), counts(), stuck(), alarms()]
}

/// A line of a table.
macro_rules! line {
    ($text:expr, $($format:tt)*) => {
        writeln!($text, $($format)*).expect("writing to a string cannot fail")
    };
}

/// A day's wave, from −1 to 1, made of straight lines.
fn wave(step: usize, steps: usize) -> f64 {
    let place = (step % steps) as f64 / steps as f64;
    if place < 0.5 { 4.0 * place - 1.0 } else { 3.0 - 4.0 * place }
}

/// The time of a step after the start of 2026, `minutes` apart; months are taken to have 28 days.
fn moment(step: usize, minutes: usize) -> String {
    let minute = step * minutes;
    let day = minute / 1440;
    let (year, month) = (2026 + day / 336, day / 28 % 12 + 1);
    format!("{year}-{month:02}-{:02} {:02}:{:02}:00", day % 28 + 1, minute / 60 % 24, minute % 60)
}

/// Readings of every half hour: a day's wave with a noise that remembers itself, and a second column that follows the
/// first by half an hour. Their least squared errors are the variances of their noises, over the rows that count: the
/// first thousand are there to learn the day from.
fn season() -> Recording {
    const ROWS: usize = 4_000;
    const FIRST: usize = 1_000;
    const LEVEL_NOISE: f64 = 0.5;
    const LOAD_NOISE: f64 = 0.3;
    let mut random = Random::new(20);
    let (mut slow, mut before, mut text) = (0.0, 20.0, "date,level,load\n".to_owned());
    let mut squares = [0.0; 2];
    for i in 0..ROWS {
        let noise = [LEVEL_NOISE * random.normal(), LOAD_NOISE * random.normal()];
        slow = 0.8 * slow + noise[0];
        let level = 20.0 + 4.0 * wave(i, 48) + slow;
        let load = 3.0 + 0.5 * before + noise[1];
        line!(text, "{},{level:.3},{load:.3}", moment(i, 30));
        before = level;
        if i >= FIRST {
            squares[0] += noise[0] * noise[0];
            squares[1] += noise[1] * noise[1];
        }
    }
    let counted = (ROWS - FIRST) as f64;
    Recording::new("season", "csv", text, &["--format", "csv", "--time", "date", "--score-rows", "1000:4000"])
        .best(Measure::SquaredError("level"), squares[0] / counted)
        .best(Measure::SquaredError("load"), squares[1] / counted)
}

/// Sixty columns: a walk that returns to its mean, and copies of it that lag by one row more from column to column.
fn wide() -> Recording {
    const COLUMNS: usize = 60;
    let mut random = Random::new(21);
    let names: Vec<String> = (0..COLUMNS).map(|i| format!("c{i:02}")).collect();
    let mut text = names.join(",") + "\n";
    let mut past = vec![0.0; COLUMNS];
    for _ in 0..400 {
        past.rotate_right(1);
        past[0] = 0.9 * past[1] + random.normal();
        let row: Vec<String> = past.iter().map(|x| format!("{:.2}", x + 0.1 * random.normal())).collect();
        line!(text, "{}", row.join(","));
    }
    Recording::new("wide", "csv", text, &["--format", "csv"])
}

/// A number whose level, spread and memory change half-way.
fn shift() -> Recording {
    const ROWS: usize = 3_000;
    let mut random = Random::new(22);
    let (mut x, mut text, mut squares) = (0.0, "value\n".to_owned(), 0.0);
    for i in 0..ROWS {
        let (memory, level, deviation) = if i < ROWS / 2 { (0.9, 10.0, 1.0) } else { (-0.5, 50.0, 2.0) };
        let noise = deviation * random.normal();
        x = memory * x + noise;
        squares += noise * noise;
        line!(text, "{:.3}", level + x);
    }
    Recording::new("shift", "csv", text, &["--format", "csv"])
        .best(Measure::SquaredError("value"), squares / ROWS as f64)
}

/// A table in which cells are missing, of numbers and of a category.
fn missing() -> Recording {
    let mut random = Random::new(23);
    let (mut x, mut text) = (0.0, "reading,other,state\n".to_owned());
    for i in 0..2_500 {
        x = 0.95 * x + random.normal();
        let state = ["calm", "busy", "down"][i / 40 % 3];
        let mut cell = |value: String| if random.happens(0.12) { String::new() } else { value };
        let row = [cell(format!("{x:.2}")), cell(format!("{:.1}", 2.0 * x + 1.0)), cell(state.to_owned())];
        line!(text, "{}", row.join(","));
    }
    let kinds =
        ["--format", "csv", "--field", "reading:number", "--field", "other:number", "--field", "state:category"];
    Recording::new("missing", "csv", text, &kinds)
}

/// Whole numbers from 0 to 20, each the sum of 20 throws that are 1 in three times of ten: a number of few values,
/// whose entropy is known.
fn counts() -> Recording {
    const ROWS: usize = 4_000;
    const THROWS: u64 = 20;
    const ONE: f64 = 0.3;
    let mut random = Random::new(24);
    let (mut text, mut bits, mut squares) = ("count\n".to_owned(), 0.0, 0.0);
    for _ in 0..ROWS {
        let ones = (0..THROWS).filter(|_| random.happens(ONE)).count() as u64;
        // the binomial coefficient, in a product that never leaves the range of exact numbers
        let ways = (0..ones).fold(1.0, |ways, i| ways * (THROWS - i) as f64 / (i + 1) as f64);
        bits -= (ways * ONE.powi(ones as i32) * (1.0 - ONE).powi((THROWS - ones) as i32)).log2();
        squares += (ones as f64 - THROWS as f64 * ONE).powi(2);
        line!(text, "{ones}");
    }
    Recording::new("counts", "csv", text, &["--format", "csv", "--field", "count:number"])
        .best(Measure::BitsPerEvent, bits / ROWS as f64)
        .best(Measure::SquaredError("count"), squares / ROWS as f64)
}

/// A meter that sticks, fails to zero, jumps, and ranges over many powers of ten.
fn stuck() -> Recording {
    let mut random = Random::new(25);
    let (mut x, mut text) = (5.0, "date,meter,bytes\n".to_owned());
    for i in 0..2_500 {
        if !(600..760).contains(&(i % 1000)) {
            x += 0.1 * random.normal();
        }
        let meter = if (200..230).contains(&(i % 500)) { 0.0 } else { x };
        let bytes = (1u64 << random.below(30)) + random.below(7);
        line!(text, "{},{meter:.2},{bytes}", moment(i, 15));
    }
    Recording::new("stuck", "csv", text, &["--format", "csv", "--time", "date"])
}

/// Three series of five minutes' readings with known anomalies: a spike, a shift of the level, and a flat spell.
fn alarms() -> Recording {
    const ROWS: usize = 2_500;
    let mut random = Random::new(26);
    let mut series = |strange: fn(usize, f64) -> f64| {
        let mut text = "timestamp,value\n".to_owned();
        for i in 0..ROWS {
            let usual = 40.0 + 10.0 * wave(i, 288) + random.normal();
            let value = if (1900..1960).contains(&i) { strange(i, usual) } else { usual };
            line!(text, "{},{value:.3}", moment(i, 5));
        }
        text.into_bytes()
    };
    let files = vec![
        ("alarms-spike.csv".to_owned(), series(|i, x| if i < 1904 { x + 60.0 } else { x })),
        ("alarms-shift.csv".to_owned(), series(|_, x| x + 25.0)),
        ("alarms-flat.csv".to_owned(), series(|_, _| 40.0)),
    ];
    let window = serde_json::json!([[moment(1880, 5), moment(1980, 5)]]);
    let windows: serde_json::Map<_, _> = files.iter().map(|(name, _)| (name.clone(), window.clone())).collect();
    let mut recording = Recording::new("alarms", "csv", "", &["--format", "csv", "--time", "timestamp"]);
    recording.files = files;
    recording.files.push(("alarms-windows.json".to_owned(), serde_json::Value::from(windows).to_string().into_bytes()));
    recording.labels = Some("alarms-windows.json");
    recording.best(Measure::NabStandard, 100.0)
}
