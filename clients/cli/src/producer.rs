//! `surmise producer`: what a daemon knows of the programs that send events.

use crate::global::Global;
use clap::{Args, Subcommand};
use serde_json::Value;
use surmise_terminal::{Failure, print_line, segment};

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  surmise producer reset web-7                 it may begin anew, with any epoch and number
  surmise producer reset web-7 --stream web    in one stream only")]
pub(crate) struct ProducerArgs {
    #[command(subcommand)]
    command: ProducerCommand,
}

#[derive(Subcommand, Debug)]
enum ProducerCommand {
    /// Have a producer forgotten, as when a wrong epoch locks it out. What it sends again is learnt again.
    Reset {
        /// The name of the producer.
        producer: String,
        /// In this stream only; in all if it is left out.
        #[arg(long, value_name = "STREAM")]
        stream: Option<String>,
    },
}

pub(crate) fn run(global: &Global, args: &ProducerArgs) -> Result<(), Failure> {
    let ProducerCommand::Reset { producer, stream } = &args.command;
    let query: Vec<(&str, String)> = stream.iter().map(|stream| ("stream", stream.clone())).collect();
    let answer: Value = global.http()?.post(&format!("/api/v1/producers/{}/reset", segment(producer)), &query)?;
    if global.json() {
        return Ok(print_line(&answer.to_string())?);
    }
    let streams: Vec<&str> = answer["streams"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    Ok(print_line(&match streams.is_empty() {
        true => format!("no stream knew {producer}"),
        false => format!("{producer} is forgotten in {}", streams.join(", ")),
    })?)
}
