//! Quality on a real stream, where it is there.

mod common;
use common::{Stream, plain};
use surmise_fixtures::{data, printed_result};
use surmise_number::{EventContext, NumberOptions};

/// The model of numbers by itself makes the forecasts that the README claims for the whole learner; without its network
/// it has to be as good as it was measured to be.
#[test]
fn ett_is_forecast_as_well_as_is_claimed() {
    let Some(file) = data("forecasts of ETTh1", "ett/ETTh1.csv") else { return };
    let text = std::fs::read_to_string(file).expect("ETTh1.csv is readable");
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
    let claimed = ["MSE", "MAE"].map(|measure| printed_result("ETTh1, one hour ahead", measure));
    for (options, whole) in [(NumberOptions::default(), true), (plain(), false)] {
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
        let (mse, mae) = (se / n, ae / n);
        let good = if whole {
            claimed[0].is_borne_out_by(mse) && claimed[1].is_borne_out_by(mae)
        } else {
            mse < 0.187 && mae < 0.263
        };
        assert!(good, "MSE {mse} MAE {mae}, where {} and {} are claimed", claimed[0].value, claimed[1].value);
    }
}
