//! What will each user click next? Keys share one model, and each has a past of its own.
//!
//! ```text
//! cargo run --release -p surmise-learner --example clicks
//! ```

use surmise_event::{Data, Datum, Expected, Field, FieldKind, Limits, Record, Schema};
use surmise_learner::{Learner, Options};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let schema = Schema::new([Field::new("page", FieldKind::Category)]);
    let mut learner = Learner::new(schema, Options::default())?;

    // two habits that take turns in the stream; no user tells which habit is theirs
    let habits = [["home", "search", "item", "cart", "pay"], ["home", "news", "news", "sports", "weather"]];
    let mut last_bits = Vec::new();
    for visit in 0..200 {
        for step in 0..habits[0].len() {
            for (user, habit) in habits.iter().enumerate() {
                let record = Record {
                    key: Some(format!("user-{user}-{visit}").into()),
                    data: Data::One(Datum::Text(habit[step].into())),
                    end: step + 1 == habit.len(),
                    ..Record::default()
                };
                let event = learner.bind(&record, &Limits::default())?;
                let outcome = learner.observe(&event);
                if visit == 199 {
                    last_bits.push(outcome.surprise_bits);
                }
            }
        }
    }
    println!("bits of the last visits: {:.2} an event", last_bits.iter().sum::<f64>() / last_bits.len() as f64);

    // a new user comes home and searches: ask for the three likeliest pages before and after
    for page in ["home", "search"] {
        let data = Data::One(Datum::Text(page.into()));
        let event = learner.bind(&Record { key: Some("new".into()), data, ..Record::default() }, &Limits::default())?;
        learner.observe(&event);
        println!("after {page:?}:");
        let next = learner.predict(Some("new"), 3);
        if let Some(Expected::Symbols { top, other }) = next.fields.get("page") {
            for (symbol, probability) in top {
                println!("  {:<10} {probability:.3}", symbol.as_deref().unwrap_or("(missing)"));
            }
            println!("  {:<10} {other:.3}", "any other");
        }
        println!("  {:<10} {:.3}", "(the end)", next.end.unwrap_or(0.0));
    }
    Ok(())
}
