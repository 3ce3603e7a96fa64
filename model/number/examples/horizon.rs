//! Forecasts of several steps on ETTh1, scored when the truth has come, in units of the first 2,880 rows' deviation.
//!
//! `SURMISE_DATA=folder cargo run --release -p surmise-number --example horizon [STEPS]`

use surmise_number::{EventContext, NumberKey, NumberModel, NumberOptions};

/// Of how many events one is asked where paths are drawn.
const DRAWN_EVERY: usize = 50;

fn main() {
    let Ok(folder) = std::env::var("SURMISE_DATA") else {
        eprintln!("skipped: SURMISE_DATA is not set");
        return;
    };
    let steps = std::env::args().nth(1).map_or(24, |a| a.parse().expect("steps"));
    let text = std::fs::read_to_string(format!("{folder}/ett/ETTh1.csv")).expect("ETTh1.csv is readable");
    let read = |l: &str| l.split(',').skip(1).map(|v| v.parse().expect("a number")).collect();
    let rows: Vec<Vec<f64>> = text.lines().skip(1).map(read).take(14_400).collect();
    let n = rows[0].len();
    let deviation = |c: usize| {
        let mean = rows[..2880].iter().map(|r| r[c]).sum::<f64>() / 2880.0;
        (rows[..2880].iter().map(|r| (r[c] - mean).powi(2)).sum::<f64>() / 2880.0).sqrt()
    };
    let unit: Vec<f64> = (0..n).map(deviation).collect();
    for horizon in [0, steps] {
        let mut model = NumberModel::new(n, NumberOptions { horizon, ..NumberOptions::default() }, 1);
        let mut key = NumberKey::new(&model);
        let (mut squares, mut distances, mut inside, mut count) = (vec![0.0; steps], 0.0, 0.0, 0.0);
        for (t, row) in rows.iter().enumerate() {
            model.begin(&mut key, &EventContext { time_us: Some(t as i64 * 3_600_000_000), symbols: &[] });
            (0..n).for_each(|c| _ = model.observe(&mut key, c, row[c]));
            model.finish(&mut key);
            // paths are drawn for each question
            if horizon == 0 && t % DRAWN_EVERY != 0 {
                continue;
            }
            for (h, step) in
                model.forecast(&key, &EventContext::default(), steps, &[0.05, 0.5, 0.95]).iter().enumerate()
            {
                let Some(truth) = rows.get(t + 1 + h).filter(|_| t + 1 + h >= 3600) else { continue };
                for c in 0..n {
                    let e = (truth[c] - step[c].mean) / unit[c];
                    squares[h] += e * e;
                    distances += (truth[c] - step[c].quantiles[1]).abs() / unit[c];
                    inside += f64::from(u8::from((step[c].quantiles[0]..=step[c].quantiles[2]).contains(&truth[c])));
                    count += 1.0;
                }
            }
        }
        let one = count / steps as f64;
        println!(
            "{}: MSE {:.4}  MAE {:.4}  90 % covers {:.3}  MSE of first, middle, last step {:.3} {:.3} {:.3}",
            if horizon == 0 { "drawn" } else { "learnt" },
            squares.iter().sum::<f64>() / count,
            distances / count,
            inside / count,
            squares[0] / one,
            squares[steps / 2] / one,
            squares[steps - 1] / one,
        );
    }
}
