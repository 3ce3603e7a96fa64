//! Sends symbols to a daemon and prints, before each one, which symbols it expected and how probable they were.
//!
//! ```sh
//! surmised &                                                  # a daemon on this machine
//! cargo run -p surmise-client --example next                  # a melody, to the stream `melody`
//! cargo run -p surmise-client --example next localhost:7071
//! ```
//!
//! The prediction of the next event comes with the outcome of the one before it (`"want":["next"]`). A program that
//! only asks, and sends nothing, gets the same prediction over HTTP: `GET /api/v1/streams/melody/next`.

use std::error::Error;
use surmise_client::{Address, Client, ClientOptions};
use surmise_event::{Data, Datum, Expected, Prediction, Record};
use surmise_protocol::{Hello, Reply, Want};
use tokio::sync::mpsc;

/// The notes that are sent, several times over.
const MELODY: &str = "c c g g a a g f f e e d d c";
/// How often the melody is sent.
const TIMES: usize = 8;

/// The three likeliest symbols of a prediction with their probabilities, as a line of text.
fn describe(prediction: &Prediction) -> String {
    // a stream of single values has one field
    let Some(Expected::Symbols { top, .. }) = prediction.fields.values().next() else { return "nothing yet".into() };
    let symbol = |name: &Option<String>| name.clone().unwrap_or_else(|| "(missing)".into());
    let likeliest = top.iter().take(3).map(|(name, probability)| format!("{} {probability:.2}", symbol(name)));
    likeliest.collect::<Vec<_>>().join(", ")
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address: Address = std::env::args().nth(1).as_deref().unwrap_or("127.0.0.1:7071").parse()?;
    let hello = Hello { want: vec![Want::Ack, Want::Next], ..Hello::new("example-next", "melody") };
    let (sender, mut replies) = mpsc::channel(1);
    let options = ClientOptions { replies: Some(sender), ..ClientOptions::default() };
    let mut client = Client::connect_with(address, hello, options).await?;

    // What was sent before counts as sent, so each run goes on after the numbers of the last one.
    let first = client.committed_at_start().map_or(1, |seq| seq + 1);
    let mut expected = "nothing yet".to_owned();
    for (seq, note) in (first..).zip(MELODY.split(' ').cycle().take(TIMES * MELODY.split(' ').count())) {
        let record = Record { data: Data::One(Datum::Text(note.into())), ..Record::default() };
        client.send_line(surmise_protocol::EventLine { seq: Some(seq), id: None, record, stream: None }).await?;
        let Some(Reply::Outcome(outcome)) = replies.recv().await else { break };
        println!("{note}  {:>5.2} bits  expected: {expected}", outcome.surprise_bits);
        expected = outcome.next.as_ref().map_or_else(|| "nothing yet".into(), describe);
    }
    client.close().await?;
    Ok(())
}
