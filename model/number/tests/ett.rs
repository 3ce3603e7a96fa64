//! Quality on a real stream, where `SURMISE_DATA` names the folder that has it.

mod common;
use common::{Stream, plain};
use surmise_number::{EventContext, NumberOptions};

#[test]
fn ett_is_forecast_as_well_as_was_measured() {
    let Ok(folder) = std::env::var("SURMISE_DATA") else {
        eprintln!("SKIPPED: SURMISE_DATA is not set, ETTh1 was not forecast");
        return;
    };
    let text = std::fs::read_to_string(format!("{folder}/ett/ETTh1.csv")).expect("ETTh1.csv is readable");
    let rows: Vec<Vec<f64>> = text
        .lines()
        .skip(1)
        .take(14_400)
        .map(|l| l.split(',').skip(1).map(|v| v.parse().expect("a number")).collect())
        .collect();
    let scale: Vec<f64> = (0..7)
        .map(|c| {
            let mean = rows[..2880].iter().map(|r| r[c]).sum::<f64>() / 2880.0;
            (rows[..2880].iter().map(|r| (r[c] - mean).powi(2)).sum::<f64>() / 2880.0).sqrt()
        })
        .collect();
    for (options, mse, mae) in [(NumberOptions::default(), 0.206, 0.275), (plain(), 0.2245, 0.292)] {
        let mut s = Stream::new(7, options);
        let (mut se, mut ae) = (0.0, 0.0);
        for (t, row) in rows.iter().enumerate() {
            s.model.begin(&mut s.key, &EventContext { time_us: Some(t as i64 * 3_600_000_000), symbols: &[] });
            for c in 0..7 {
                if t >= 3600 {
                    let e = (s.model.mean(c) - row[c]) / scale[c];
                    (se, ae) = (se + e * e, ae + e.abs());
                }
                s.model.observe(&mut s.key, c, row[c]);
            }
            s.model.finish(&mut s.key);
        }
        let n = (7 * (14_400 - 3600)) as f64;
        assert!(se / n < mse && ae / n < mae, "MSE {} MAE {}", se / n, ae / n);
    }
}
