//! Sends events of several fields to a daemon and prints how surprising each one was.
//!
//! ```sh
//! surmised &                                                  # a daemon on this machine
//! cargo run -p surmise-client --example send                  # 1,000 events to the stream `requests`
//! cargo run -p surmise-client --example send localhost:7071
//! cargo run -p surmise-client --example send localhost:7071 100000
//! ```
//!
//! The program may be killed and started again: the daemon remembers which of the producer's events are durable, and
//! the client sends only the others.

use std::error::Error;
use surmise_client::{Address, Client, ClientOptions};
use surmise_event::{Data, Datum, Record};
use surmise_protocol::{Hello, Reply, Want};
use tokio::sync::mpsc;

/// Events that the program sends if nobody says how many.
const EVENTS: u64 = 1000;
/// Outcomes that may wait to be printed.
const OUTCOMES_WAITING_MAX: usize = 256;

/// A request of a web server: mostly the same pages in the same order, and now and then a slow one.
fn request(number: u64) -> Record {
    let pages = ["/home", "/list", "/item", "/cart"];
    let page = pages[number as usize % pages.len()];
    let milliseconds = if number % 97 == 96 { 900.0 } else { 20.0 + (number % 7) as f64 };
    let fields: Vec<(Box<str>, Datum)> =
        vec![("page".into(), Datum::Text(page.into())), ("ms".into(), Datum::Number(milliseconds))];
    let key = Some(format!("user-{}", number % 5).into());
    Record { key, data: Data::Fields(fields), ..Record::default() }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address: Address = std::env::args().nth(1).as_deref().unwrap_or("127.0.0.1:7071").parse()?;
    let events: u64 = std::env::args().nth(2).map_or(Ok(EVENTS), |count| count.parse())?;
    let hello = Hello { want: vec![Want::Ack, Want::Outcome], ..Hello::new("example-send", "requests") };

    // The connection waits while the channel of replies is full, so another task reads it.
    let (sender, mut replies) = mpsc::channel(OUTCOMES_WAITING_MAX);
    let printer = tokio::spawn(async move {
        while let Some(reply) = replies.recv().await {
            match reply {
                Reply::Outcome(outcome) => {
                    println!(
                        "event {:>4}  {:>6.2} bits  anomaly {:.2}  {}",
                        outcome.seq.unwrap_or_default(),
                        outcome.surprise_bits,
                        outcome.anomaly_score,
                        "▪".repeat(outcome.surprise_bits.min(40.0) as usize)
                    );
                }
                Reply::Error(refusal) => println!("refused: {refusal}"),
                Reply::Welcome(_) | Reply::Ack(_) => {} // the client deals with these itself
            }
        }
    });

    let options = ClientOptions { replies: Some(sender), ..ClientOptions::default() };
    let mut client = Client::connect_with(address, hello, options).await?;
    for number in 0..events {
        client.send(request(number)).await?; // waits while the window of unacknowledged events is full
    }
    let skipped = client.skipped();
    let progress = client.close().await?; // every event is durable or was refused from here on
    printer.await?;
    println!(
        "{} sent, {skipped} were durable before, {} refused, {} connections lost",
        events - skipped,
        progress.refused,
        progress.reconnects
    );
    Ok(())
}
