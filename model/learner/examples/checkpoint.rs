//! A learner is saved, loaded and goes on: it ends in the same bits as one that was never stopped.
//!
//! ```text
//! cargo run --release -p surmise-learner --example checkpoint
//! ```

use surmise_event::{Data, Datum, Limits, Record, Schema};
use surmise_learner::{Learner, Options};

/// The next of a few lines of a log.
fn line(i: usize) -> Record {
    let text = format!("worker {} finished job {} in {} ms", i % 3, i, 20 + i * i % 7);
    Record { data: Data::One(Datum::Text(text.into())), ..Record::default() }
}

fn learn(learner: &mut Learner, lines: std::ops::Range<usize>) -> Result<f64, Box<dyn std::error::Error>> {
    let mut bits = 0.0;
    for i in lines {
        let event = learner.bind(&line(i), &Limits::default())?;
        bits += learner.observe(&event).surprise_bits;
    }
    Ok(bits)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // the schema is open: the first line shows that the stream has one field of text
    let mut never_stopped = Learner::new(Schema::default(), Options::default())?;
    println!("first 300 lines:  {:>7.1} bits a line", learn(&mut never_stopped, 0..300)? / 300.0);

    let file = std::env::temp_dir().join("surmise-example.checkpoint");
    std::fs::write(&file, never_stopped.save())?;
    let mut loaded = Learner::load(&std::fs::read(&file)?)?;
    println!("checkpoint:       {:>7} KiB, next offset {}", std::fs::metadata(&file)?.len() / 1024, loaded.offset());
    std::fs::remove_file(&file)?;

    println!("next 300 lines:   {:>7.1} bits a line", learn(&mut never_stopped, 300..600)? / 300.0);
    learn(&mut loaded, 300..600)?;
    println!("never stopped:    {}", never_stopped.state_hash());
    println!("saved and loaded: {}", loaded.state_hash());
    assert_eq!(never_stopped.state_hash(), loaded.state_hash());
    Ok(())
}
