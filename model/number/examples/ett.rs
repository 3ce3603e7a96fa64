//! One step ahead on ETTh1: error per expert and of the whole, in units of the first 2,880 rows' standard deviation.
//!
//! `SURMISE_DATA=folder cargo run --release -p surmise-number --example ett [nonet]`

use std::{fs, time::Instant};
use surmise_number::{EventContext, Given, NumberKey, NumberModel, NumberOptions};
use surmise_state::Persist;

const TRAIN: usize = 2880;
const FROM: usize = 3600;
const TO: usize = 14400;

fn main() {
    let Ok(folder) = std::env::var("SURMISE_DATA") else {
        eprintln!("skipped: SURMISE_DATA is not set");
        return;
    };
    let text = fs::read_to_string(format!("{folder}/ett/ETTh1.csv")).expect("ETTh1.csv is readable");
    let rows: Vec<Vec<f64>> = text
        .lines()
        .skip(1)
        .map(|l| l.split(',').skip(1).map(|v| v.parse().expect("a number")).collect())
        .take(TO)
        .collect();
    let n = rows[0].len();
    let scale: Vec<f64> = (0..n)
        .map(|c| {
            let mean = rows[..TRAIN].iter().map(|r| r[c]).sum::<f64>() / TRAIN as f64;
            (rows[..TRAIN].iter().map(|r| (r[c] - mean).powi(2)).sum::<f64>() / TRAIN as f64).sqrt()
        })
        .collect();
    let mut options = NumberOptions::default();
    if std::env::args().any(|a| a == "nonet") {
        options.network = None;
    }
    let detail = std::env::args().any(|a| a == "detail");
    let mut model = NumberModel::new(n, options, 1);
    let mut key = NumberKey::new(&model);
    let (mut se, mut ae, mut count) = (0.0, 0.0, 0.0);
    let (mut nats, mut inside, mut crps, mut quantiles) = (0.0, 0, 0.0, 0);
    let mut alone = vec![0.0; model.experts().len()];
    let mut conditional = 0.0;
    let start = 1_467_331_200_000_000i64; // 2016-07-01
    let clock = Instant::now();
    for (t, row) in rows.iter().enumerate() {
        let ctx = EventContext { time_us: Some(start + t as i64 * 3_600_000_000), symbols: &[] };
        model.begin(&mut key, &ctx);
        let test = t >= FROM;
        if test {
            for c in 0..n {
                let e = (model.mean(c) - row[c]) / scale[c];
                se += e * e;
                ae += e.abs();
                count += 1.0;
                if detail {
                    quantiles += 1;
                    inside += i32::from((model.quantile(c, 0.05)..=model.quantile(c, 0.95)).contains(&row[c]));
                }
            }
        }
        for c in 0..n {
            if test {
                let e = (model.conditional_mean(c) - row[c]) / scale[c];
                conditional += e * e;
            }
            let surprise = model.observe(&mut key, c, row[c]);
            if test && detail {
                crps += model.crps(c, Given::Before).unwrap_or(0.0) / scale[c];
            }
            if test {
                // as a density of the standardised value
                let to_density = (model.resolution(c) / scale[c]).ln();
                nats += surprise + to_density;
                alone.iter_mut().zip(model.expert_nats(c)).for_each(|(a, e)| *a += e + to_density);
            }
        }
        model.finish(&mut key);
    }
    let seconds = clock.elapsed().as_secs_f64();
    println!(
        "MSE {:.4}  MAE {:.4}  nats {:.4}  given columns before: MSE {:.4}",
        se / count,
        ae / count,
        nats / count,
        conditional / count
    );
    println!(
        "{:.0} rows/s, {} chunks rejected, interval {:?} us",
        TO as f64 / seconds,
        model.rejected(),
        model.interval_us()
    );
    if detail {
        println!("90 % interval covers {:.2} %, CRPS {:.4}", 100.0 * inside as f64 / quantiles as f64, crps / count);
    }
    println!("model {} bytes, key {} bytes, hash {:032x}", model.measure(), key.measure(), model.hash_state());
    for (name, a) in model.experts().iter().zip(&alone) {
        println!("  {name:14} {:.4}", a / count);
    }
}
