//! Asks a daemon about a stream: how well it does, what comes next, and which events were rare and why.
//!
//! ```sh
//! surmised &                                                  # a daemon on this machine
//! cargo run -p surmise-client --example next                  # sends something to the stream `melody`
//! cargo run -p surmise-client --example ask melody
//! ```

use std::error::Error;
use surmise_client::Questions;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let stream = arguments.next().unwrap_or_else(|| "melody".into());
    let daemon = Questions::at(arguments.next().as_deref().unwrap_or("http://127.0.0.1:7070"))?;
    let status = daemon.status(&stream).await?;
    println!("{stream}: {} events of {} keys", status.offset, status.keys);
    for (field, expected) in daemon.next(&stream, None).await?.fields {
        println!("{field}: {expected:?}");
    }
    for event in daemon.surprises(&stream).await?.surprises.iter().take(3) {
        let why = daemon.why(&stream, event.offset).await?;
        let odd = why.parts.first().map_or_else(String::new, |part| format!("{} {:?}", part.name, part.value));
        println!("event {}: once in {:.0} events, {odd}", event.offset, event.rarity_events);
    }
    Ok(())
}
