//! Readings of a sensor, one an hour: quantiles of the next one, a day ahead, and an anomaly.
//!
//! ```text
//! cargo run --release -p surmise-learner --example readings
//! ```

use surmise_event::{Data, Datum, Expected, Field, FieldKind, Limits, Record, Schema, format_time};
use surmise_learner::{Learner, Options};

/// Microseconds of an hour.
const HOUR_US: i64 = 3_600_000_000;

/// A temperature that follows the day, with a little noise.
fn temperature(hour: i64) -> f64 {
    let day = (hour as f64 / 24.0 * std::f64::consts::TAU).sin();
    let noise = (hour * 7919 % 101) as f64 / 101.0 - 0.5;
    ((15.0 + 8.0 * day + noise) * 10.0).round() / 10.0
}

fn record(hour: i64, value: f64) -> Record {
    Record {
        time_us: Some(hour * HOUR_US),
        data: Data::Fields(vec![("temperature".into(), Datum::Number(value))]),
        ..Record::default()
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let schema = Schema::new([Field::new("temperature", FieldKind::Number)]);
    // forecasts up to 24 events ahead are learnt directly, each from what became of the ones before
    let mut learner = Learner::new(schema, Options { horizon: 24, ..Options::default() })?;

    let hours = 24 * 60;
    for hour in 0..hours {
        let event = learner.bind(&record(hour, temperature(hour)), &Limits::default())?;
        learner.observe(&event);
    }

    println!("{:<22} {:>6} {:>6} {:>6} {:>6}", "time", "5 %", "median", "95 %", "truth");
    for (ahead, prediction) in learner.forecast(None, 24, 0).iter().enumerate() {
        let hour = hours + ahead as i64;
        if let Some(Expected::Number { quantiles, median, .. }) = prediction.fields.get("temperature") {
            let (low, high, truth) = (quantiles["0.05"], quantiles["0.95"], temperature(hour));
            println!("{:<22} {low:>6.1} {median:>6.1} {high:>6.1} {truth:>6.1}", format_time(hour * HOUR_US));
        }
    }

    // a usual reading, and one that is 12 degrees too warm
    for (hour, value) in [(hours, temperature(hours)), (hours + 1, temperature(hours + 1) + 12.0)] {
        let event = learner.bind(&record(hour, value), &Limits::default())?;
        let outcome = learner.observe(&event);
        let alarm = if outcome.anomaly_score > 0.5 { "ALARM" } else { "usual" };
        println!(
            "{value:>5.1} degrees: {:.1} bits, once in {:.0} events: {alarm}",
            outcome.surprise_bits, outcome.rarity_events
        );
    }
    Ok(())
}
