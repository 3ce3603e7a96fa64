//! One step ahead on ETTh1: error per expert and of the whole, in units of the first 2,880 rows' standard deviation.
//!
//! `SURMISE_DATA=folder cargo run --release -p surmise-number --example ett -- [nonet] [detail]`

use std::{fs, time::Instant};
use surmise_number::{EventContext, Given, NumberKey, NumberModel, NumberOptions};
use surmise_state::Persist;

/// Rows that give the units, the first row that counts, and the first that is not read: the usual split.
const TRAIN: usize = 2880;
const FROM: usize = 3600;
const TO: usize = 14400;
/// The first row's time, 2016-07-01.
const START_US: i64 = 1_467_331_200_000_000;
const HOUR_US: i64 = 3_600_000_000;

/// Sums over the values that count.
#[derive(Default)]
struct Sums {
    count: f64,
    squared: f64,
    absolute: f64,
    /// Squared errors given the columns before in the event.
    conditional: f64,
    nats: f64,
    crps: f64,
    inside: f64,
    /// Nats of each expert alone.
    experts: Vec<f64>,
}

impl Sums {
    /// Takes in a value; `unit` is its column's, and `detail` asks for what is slow.
    fn add(
        &mut self,
        model: &mut NumberModel,
        key: &mut NumberKey,
        column: usize,
        value: f64,
        unit: f64,
        detail: bool,
    ) {
        let error = (model.mean(column) - value) / unit;
        self.count += 1.0;
        self.squared += error * error;
        self.absolute += error.abs();
        self.conditional += ((model.conditional_mean(column) - value) / unit).powi(2);
        if detail {
            let interval = model.quantile(column, 0.05)..=model.quantile(column, 0.95);
            self.inside += f64::from(u8::from(interval.contains(&value)));
        }
        let nats = model.observe(key, column, value);
        // as a density of the standardised value
        let to_density = (model.resolution(column) / unit).ln();
        self.nats += nats + to_density;
        let alone = model.expert_nats(column);
        self.experts.resize(alone.len(), 0.0);
        self.experts.iter_mut().zip(alone).for_each(|(sum, nats)| *sum += nats + to_density);
        if detail {
            self.crps += model.crps(column, Given::Before).unwrap_or(0.0) / unit;
        }
    }

    fn print(&self, model: &mut NumberModel, key: &mut NumberKey, seconds: f64, detail: bool) {
        let mean = |sum: f64| sum / self.count;
        let (mse, mae, conditional) = (mean(self.squared), mean(self.absolute), mean(self.conditional));
        let nats = mean(self.nats);
        println!("MSE {mse:.4}  MAE {mae:.4}  nats {nats:.4}  given columns before: MSE {conditional:.4}");
        let (rejected, interval) = (model.rejected().of_networks(), model.interval_us());
        println!("{:.0} rows/s, {rejected} chunks rejected, interval {interval:?} us", TO as f64 / seconds);
        if detail {
            println!("90 % interval covers {:.2} %, CRPS {:.4}", 100.0 * mean(self.inside), mean(self.crps));
        }
        println!("model {} bytes, key {} bytes, hash {:032x}", model.measure(), key.measure(), model.hash_state());
        for (name, nats) in model.experts().iter().zip(&self.experts) {
            println!("  {name:14} {:.4}", mean(*nats));
        }
    }
}

/// The standard deviation of a column over the first rows.
fn deviation(rows: &[Vec<f64>], column: usize) -> f64 {
    let rows = &rows[..TRAIN];
    let mean = rows.iter().map(|row| row[column]).sum::<f64>() / TRAIN as f64;
    (rows.iter().map(|row| (row[column] - mean).powi(2)).sum::<f64>() / TRAIN as f64).sqrt()
}

fn main() {
    let Ok(folder) = std::env::var("SURMISE_DATA") else {
        eprintln!("skipped: SURMISE_DATA is not set");
        return;
    };
    let text = fs::read_to_string(format!("{folder}/ett/ETTh1.csv")).expect("ETTh1.csv is readable");
    let read = |line: &str| line.split(',').skip(1).map(|value| value.parse().expect("a number")).collect();
    let rows: Vec<Vec<f64>> = text.lines().skip(1).map(read).take(TO).collect();
    let units: Vec<f64> = (0..rows[0].len()).map(|column| deviation(&rows, column)).collect();
    let has = |word: &str| std::env::args().any(|argument| argument == word);
    let mut options = NumberOptions::default();
    if has("nonet") {
        options.network = None;
    }
    let mut model = NumberModel::new(units.len(), options, 1);
    let mut key = NumberKey::new(&model);
    let (mut sums, detail, clock) = (Sums::default(), has("detail"), Instant::now());
    for (t, row) in rows.iter().enumerate() {
        let time_us = Some(START_US + t as i64 * HOUR_US);
        model.begin(&mut key, &EventContext { time_us, symbols: &[] });
        for (column, value) in row.iter().enumerate() {
            if t >= FROM {
                sums.add(&mut model, &mut key, column, *value, units[column], detail);
            } else {
                model.observe(&mut key, column, *value);
            }
        }
        model.finish(&mut key);
    }
    sums.print(&mut model, &mut key, clock.elapsed().as_secs_f64(), detail);
}
