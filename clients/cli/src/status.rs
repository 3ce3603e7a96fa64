//! `surmise status`: whether the daemon lives, and its streams at a glance.

use crate::global::Global;
use crate::stream;
use clap::Args;
use serde_json::{Value, json};
use surmise_protocol::StreamList;
use surmise_terminal::format::size;
use surmise_terminal::{Exit, Failure, Http, Paint, from_json, print_line};

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  surmise status\n  surmise status --server http://10.0.0.5:7070 --output json")]
pub(crate) struct StatusArgs {}

pub(crate) fn run(global: &Global, _: &StatusArgs) -> Result<(), Failure> {
    let http = global.http()?;
    let health = probe(&http, "/-/healthy")?;
    let ready = probe(&http, "/-/ready");
    let streams: Value = http.get("/api/v1/streams", &[])?;
    if global.json() {
        let ready = ready.unwrap_or_else(|f| json!({ "status": f.to_string() }));
        return Ok(print_line(
            &json!({ "health": health, "ready": ready, "streams": streams.get("streams") }).to_string(),
        )?);
    }
    let list: StreamList = from_json(streams)?;
    let paint = Paint::stdout();
    let ready = match ready {
        Ok(_) => paint.green("ready"),
        Err(f) => format!("not ready: {f}"),
    };
    let server = health.get("server").and_then(Value::as_str).unwrap_or("surmised");
    let up = health.get("uptime_seconds").and_then(Value::as_f64).map_or(String::new(), |s| format!(", up {s:.0} s"));
    let of_disk = |kind: &str| health.pointer(&format!("/disk/{kind}")).and_then(Value::as_u64);
    let disk = match (of_disk("used_bytes"), of_disk("limit_bytes")) {
        (Some(used), Some(limit)) => format!(", disk {} of {}", size(used), size(limit)),
        _ => String::new(),
    };
    let streams = list.streams.len();
    print_line(&format!("{} at {}: {ready}{up}, {streams} streams{disk}", paint.bold(server), global.server))?;
    for line in stream::table(&list.streams).lines(paint) {
        print_line(&line)?;
    }
    Ok(())
}

/// The answer of a probe, which may be JSON or plain text.
fn probe(http: &Http, path: &str) -> Result<Value, Failure> {
    let mut response = http.open(path, &[])?;
    let text = response.body_mut().read_to_string().map_err(|e| Failure::new(Exit::Unreachable, e))?;
    Ok(serde_json::from_str(&text).unwrap_or_else(|_| json!({ "status": text.trim() })))
}
