//! `surmise checkpoint`: the durable states of a daemon's streams.

use crate::global::Global;
use crate::stream::changed;
use clap::{Args, Subcommand};
use serde_json::Value;
use std::io::Write;
use std::path::PathBuf;
use surmise_protocol::CheckpointInfo;
use surmise_terminal::format::{count, size};
use surmise_terminal::{Exit, Failure, Http, Paint, Table, from_json, print_line, segment};

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  surmise checkpoint ls
  surmise checkpoint create --stream web
  surmise checkpoint restore web 17                    go back to it, while events come in
  surmise checkpoint label web 17 stable && surmise checkpoint restore web stable
  surmise checkpoint diff web 17 18
  surmise checkpoint export web --to web.ckpt && surmise replay more.ndjson --from web.ckpt")]
pub(crate) struct CheckpointArgs {
    #[command(subcommand)]
    command: CheckpointCommand,
}

#[derive(Subcommand, Debug)]
enum CheckpointCommand {
    /// List the checkpoints.
    #[command(alias = "list")]
    Ls {
        /// Of this stream only.
        #[arg(long, value_name = "STREAM")]
        stream: Option<String>,
    },
    /// Make a checkpoint now.
    Create {
        /// Of this stream only; of all if it is left out.
        #[arg(long, value_name = "STREAM")]
        stream: Option<String>,
    },
    /// Go back to a checkpoint, without stopping the stream. Nothing that was acknowledged since is learnt twice,
    /// and `surmise stream undo` brings back what it replaces.
    Restore {
        /// The stream.
        stream: String,
        /// The checkpoint's number, or its label.
        generation: String,
    },
    /// Show what a checkpoint holds.
    Show {
        /// The stream.
        stream: String,
        /// The checkpoint's number, or its label.
        generation: String,
    },
    /// Read a checkpoint back whole, and say whether the stream can go on from it.
    Verify {
        /// The stream.
        stream: String,
        /// The checkpoint's number, or its label.
        generation: String,
    },
    /// Compare two checkpoints of a stream.
    Diff {
        /// The stream.
        stream: String,
        /// The earlier one's number, or its label.
        generation: String,
        /// The later one's number, or its label.
        with: String,
    },
    /// Keep a checkpoint when newer ones come, until it is unpinned.
    Pin {
        /// The stream.
        stream: String,
        /// The checkpoint's number, or its label.
        generation: String,
        /// Let it go again with its generation.
        #[arg(long)]
        remove: bool,
    },
    /// Give a checkpoint a label, such as stable. It is then on at most one checkpoint of the stream.
    Label {
        /// The stream.
        stream: String,
        /// The checkpoint's number, or its label.
        generation: String,
        /// The label; none takes it away.
        label: Option<String>,
    },
    /// Save a checkpoint as a file that `surmise replay --from` reads.
    Export {
        /// The stream.
        stream: String,
        /// Its number or its label; the newest if it is left out.
        generation: Option<String>,
        /// The file; standard output if it is `-`.
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
}

pub(crate) fn run(global: &Global, args: &CheckpointArgs) -> Result<(), Failure> {
    let http = global.http()?;
    match &args.command {
        CheckpointCommand::Ls { stream } => {
            let answer: Value = http.get("/api/v1/checkpoints", &query(stream))?;
            list(global, answer, stream.as_deref())
        }
        CheckpointCommand::Create { stream } => {
            let answer: Value = http.post("/api/v1/checkpoints", &query(stream))?;
            list(global, answer, stream.as_deref())
        }
        CheckpointCommand::Restore { stream, generation } => {
            let answer: Value = http.post(&path_of(stream, generation, "/restore"), &[])?;
            if global.json() {
                return Ok(print_line(&answer.to_string())?);
            }
            Ok(changed(&answer).iter().try_for_each(|line| print_line(line))?)
        }
        CheckpointCommand::Show { stream, generation } => {
            facts(global, &http.get(&path_of(stream, generation, "/show"), &[])?)
        }
        CheckpointCommand::Verify { stream, generation } => {
            facts(global, &http.get(&path_of(stream, generation, "/verify"), &[])?)
        }
        CheckpointCommand::Diff { stream, generation, with } => {
            let query = [("with", with.clone())];
            facts(global, &http.get(&path_of(stream, generation, "/diff"), &query)?)
        }
        CheckpointCommand::Pin { stream, generation, remove } => {
            let query = [("pinned", (!remove).to_string())];
            facts(global, &http.post(&path_of(stream, generation, "/pin"), &query)?)
        }
        CheckpointCommand::Label { stream, generation, label } => {
            let query: Vec<_> = label.iter().map(|label| ("label", label.clone())).collect();
            facts(global, &http.post(&path_of(stream, generation, "/label"), &query)?)
        }
        CheckpointCommand::Export { stream, generation, to } => {
            let (generation, bytes) = fetch(&http, stream, generation.as_deref())?;
            if to.as_os_str() == "-" {
                std::io::stdout().write_all(&bytes)?;
                return Ok(());
            }
            std::fs::write(to, &bytes).map_err(|e| Failure::new(Exit::Storage, format!("{}: {e}", to.display())))?;
            if global.json() {
                let done =
                    serde_json::json!({ "stream": stream, "generation": generation, "bytes": bytes.len(), "file": to });
                return Ok(print_line(&done.to_string())?);
            }
            Ok(print_line(&format!(
                "checkpoint {generation} of {stream}: {} in {}",
                size(bytes.len() as u64),
                to.display()
            ))?)
        }
    }
}

/// A checkpoint of a stream, the newest one unless its number or its label is given, and its number.
pub(crate) fn fetch(http: &Http, stream: &str, named: Option<&str>) -> Result<(u64, Vec<u8>), Failure> {
    let generation = match named.map(|named| (named, named.parse())) {
        Some((_, Ok(generation))) => generation,
        Some((label, Err(_))) => newest(http, stream, Some(label))?,
        None => newest(http, stream, None)?,
    };
    let mut response = http.open(&path_of(stream, &generation.to_string(), ""), &[])?;
    let bytes = response.body_mut().with_config().limit(u64::MAX).read_to_vec();
    let bytes = bytes.map_err(|e| Failure::new(Exit::Unreachable, format!("the answer broke off: {e}")))?;
    Ok((generation, bytes))
}

/// The path of a checkpoint, which is named by its number or its label.
fn path_of(stream: &str, named: &str, rest: &str) -> String {
    format!("/api/v1/checkpoints/{}/{}{rest}", segment(stream), segment(named))
}

/// Prints an answer as a table of what is called how.
fn facts(global: &Global, answer: &Value) -> Result<(), Failure> {
    if global.json() {
        return Ok(print_line(&answer.to_string())?);
    }
    let mut table = Table::new(2, ["", ""]);
    for (name, value) in answer.as_object().into_iter().flatten() {
        table.row([name.replace('_', " "), shown(value)]);
    }
    Ok(table.lines(Paint::stdout()).iter().skip(1).try_for_each(|line| print_line(line))?)
}

/// A value for people.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

fn query(stream: &Option<String>) -> Vec<(&'static str, String)> {
    stream.iter().map(|s| ("stream", s.clone())).collect()
}

/// Checkpoints, whether they come as a list, as one, or as an object that has a list.
fn infos(answer: &Value) -> Result<Vec<CheckpointInfo>, Failure> {
    let list = answer.as_array().or_else(|| answer.get("checkpoints").and_then(Value::as_array));
    match list {
        Some(l) => l.iter().map(|c| from_json(c.clone())).collect(),
        None => Ok(vec![from_json(answer.clone())?]),
    }
}

/// The number of the newest checkpoint of a stream, or of the newest one with a label.
fn newest(http: &Http, stream: &str, label: Option<&str>) -> Result<u64, Failure> {
    let all = infos(&http.get("/api/v1/checkpoints", &query(&Some(stream.to_owned())))?)?;
    let fits = |c: &&CheckpointInfo| c.stream == stream && (label.is_none() || c.label.as_deref() == label);
    let newest = all.iter().filter(fits).map(|c| c.generation).max();
    newest.ok_or_else(|| match label {
        Some(label) => Failure::usage(format!(
            "no checkpoint of {stream:?} has the number or the label {label:?}; surmise checkpoint ls lists them"
        )),
        None => Failure::usage(format!("stream {stream:?} has no checkpoint yet; surmise checkpoint create makes one")),
    })
}

fn list(global: &Global, answer: Value, stream: Option<&str>) -> Result<(), Failure> {
    if global.json() {
        return Ok(print_line(&answer.to_string())?);
    }
    let mut t = Table::new(1, ["stream", "generation", "offset", "size", "made"]);
    for c in infos(&answer)?.iter().filter(|c| stream.is_none_or(|s| s == c.stream)) {
        t.row([c.stream.clone(), c.generation.to_string(), count(c.offset), size(c.bytes), c.time.clone()]);
    }
    for line in t.lines(Paint::stdout()) {
        print_line(&line)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_several_shapes() {
        let one = serde_json::json!({"stream":"s","generation":3,"offset":10,"time":"t","bytes":5});
        assert_eq!(infos(&one).unwrap()[0].generation, 3);
        assert_eq!(infos(&serde_json::json!([one])).unwrap().len(), 1);
        assert_eq!(infos(&serde_json::json!({ "checkpoints": [one] })).unwrap().len(), 1);
    }
}
