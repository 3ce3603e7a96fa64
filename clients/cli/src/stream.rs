//! `surmise stream`: the streams of a daemon.

use crate::global::Global;
use crate::recording::fields;
use crate::watch::drift_line;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use surmise_event::{FieldKind, Report, Schema};
use surmise_protocol::{AlarmAccount, KeyList, QuarantineList, StreamList, StreamRow, StreamStatus};
use surmise_recording::pinned;
use surmise_terminal::format::{count, number, size};
use surmise_terminal::{Failure, Paint, Table, from_json, plain, print_line, segment};

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  surmise stream ls
  surmise stream show web --hash
  surmise stream show web --toml >> surmised.toml      pin what was inferred of its fields
  surmise stream schema web --field status:category    learn the log again with status as a category
  surmise stream reset web                             begin anew; nothing that was acknowledged is learnt twice
  surmise stream undo web                              as it was before the reset, or the deletion
  surmise stream keys sensors --quietest               which keys are silent for longest
  surmise stream quarantine web")]
pub(crate) struct StreamArgs {
    #[command(subcommand)]
    command: StreamCommand,
}

#[derive(Subcommand, Debug)]
enum StreamCommand {
    /// List the streams.
    #[command(alias = "list")]
    Ls,
    /// Show one stream: its fields, and the losses of the mixture and of every expert.
    Show {
        /// The stream.
        stream: String,
        /// Only the hash of everything that decides what is predicted from here on, as `surmise replay` prints it.
        #[arg(long, conflicts_with = "toml")]
        hash: bool,
        /// Print what was inferred of its fields as the configuration that pins it.
        #[arg(long)]
        toml: bool,
    },
    /// List the keys of a stream that are in memory, those first that spoke last, and tell which have gone silent.
    Keys {
        /// The stream.
        stream: String,
        /// Those first that are silent for longest.
        #[arg(long)]
        quietest: bool,
        /// How many to list.
        #[arg(long, value_name = "N", default_value_t = 20)]
        limit: u32,
    },
    /// List the events of a stream whose learning failed inside the daemon: the stream went on without them.
    Quarantine {
        /// The stream.
        stream: String,
    },
    /// Let a stream begin anew. Its producers go on where they are, so nothing that was acknowledged is learnt twice.
    Reset {
        /// The stream.
        stream: String,
    },
    /// Delete a stream. It can be brought back for `store.undo_kept`, seven days by default.
    Delete {
        /// The stream.
        stream: String,
        /// Keep nothing of it, nor of what it was before.
        #[arg(long)]
        for_good: bool,
    },
    /// Bring back what a reset, a restored checkpoint, a change of schema or a deletion has replaced, as it ended. What
    /// was learnt since goes, and comes back with another undo. Renaming is undone by renaming back.
    Undo {
        /// The stream.
        stream: String,
        /// Bring back this incarnation instead of the latest.
        #[arg(long)]
        incarnation: Option<u32>,
    },
    /// Give a stream another name. It goes on as it is.
    Rename {
        /// The stream.
        stream: String,
        /// Its name from now on.
        to: String,
    },
    /// Change a stream's schema, and learn its log again under it. The stream goes on meanwhile.
    Schema {
        /// The stream.
        stream: String,
        /// A field that gets another kind: category, number, text, line, byte or gap.
        #[arg(long = "field", value_name = "NAME:KIND")]
        fields: Vec<String>,
        /// Refuse records with other fields.
        #[arg(long, conflicts_with = "open")]
        closed: bool,
        /// Take records with other fields.
        #[arg(long)]
        open: bool,
        /// Declare fields, too, that no event had yet.
        #[arg(long, requires = "fields")]
        new_fields: bool,
    },
}

pub(crate) fn run(global: &Global, args: &StreamArgs) -> Result<(), Failure> {
    let http = global.http()?;
    let of = |stream: &String, rest: &str| format!("/api/v1/streams/{}{rest}", segment(stream));
    let answer: Value = match &args.command {
        StreamCommand::Ls => http.get("/api/v1/streams", &[])?,
        StreamCommand::Show { stream, hash: true, .. } => http.get(&of(stream, "/hash"), &[])?,
        StreamCommand::Keys { stream, quietest, limit } => {
            let order = if *quietest { "quietest" } else { "latest" };
            http.get(&of(stream, "/keys"), &[("order", order.to_owned()), ("limit", limit.to_string())])?
        }
        StreamCommand::Quarantine { stream } => http.get(&of(stream, "/quarantine"), &[])?,
        StreamCommand::Show { stream, .. } => http.get(&of(stream, ""), &[])?,
        StreamCommand::Reset { stream } => http.post(&of(stream, "/reset"), &[])?,
        StreamCommand::Delete { stream, for_good } => {
            http.post(&of(stream, "/delete"), &[("for_good", for_good.to_string())])?
        }
        StreamCommand::Undo { stream, incarnation } => {
            let query: Vec<_> = incarnation.iter().map(|number| ("incarnation", number.to_string())).collect();
            http.post(&of(stream, "/undo"), &query)?
        }
        StreamCommand::Rename { stream, to } => http.post(&of(stream, "/rename"), &[("to", to.clone())])?,
        StreamCommand::Schema { stream, fields, closed, open, new_fields } => {
            let mut change = schema_change(fields, (*closed || *open).then_some(*closed))?;
            if *new_fields {
                change["new_fields"] = true.into();
            }
            http.post_json(&of(stream, "/schema"), &change)?
        }
    };
    if global.json() {
        return Ok(print_line(&answer.to_string())?);
    }
    let paint = Paint::stdout();
    let lines = match &args.command {
        StreamCommand::Ls => table(&from_json::<StreamList>(answer)?.streams).lines(paint),
        StreamCommand::Show { hash: true, .. } => vec![answer["state_hash"].as_str().unwrap_or_default().to_owned()],
        StreamCommand::Keys { .. } => key_table(&from_json(answer)?).lines(paint),
        StreamCommand::Quarantine { .. } => quarantined(&from_json(answer)?, paint),
        StreamCommand::Show { toml: true, .. } => pinned_status(&from_json(answer)?),
        StreamCommand::Show { .. } => show(&from_json(answer)?, paint),
        StreamCommand::Reset { .. }
        | StreamCommand::Delete { .. }
        | StreamCommand::Undo { .. }
        | StreamCommand::Rename { .. }
        | StreamCommand::Schema { .. } => changed(&answer),
    };
    for line in lines {
        print_line(&line)?;
    }
    Ok(())
}

/// A change of a schema, as the daemon reads it.
fn schema_change(fields: &[String], closed: Option<bool>) -> Result<Value, Failure> {
    let mut list = Vec::new();
    for field in fields {
        let parts = field.rsplit_once(':').map(|(name, kind)| (name, kind.parse::<FieldKind>()));
        match parts {
            Some((name, Ok(kind))) => list.push(json!({ "name": name, "kind": kind })),
            Some((_, Err(e))) => return Err(Failure::usage(format!("--field {field}: {e}"))),
            None => return Err(Failure::usage(format!("--field {field}: write NAME:KIND"))),
        }
    }
    let mut change = json!({ "fields": list });
    if let Some(closed) = closed {
        change["closed"] = closed.into();
    }
    Ok(change)
}

/// What a change of a stream came to, in words.
pub(crate) fn changed(answer: &Value) -> Vec<String> {
    let number = |name: &str| answer[name].as_u64().unwrap_or(0);
    let stream = answer["stream"].as_str().unwrap_or_default();
    let (before, held) = (count(number("offset_before")), number("held_ms"));
    let mut lines = match answer["epoch"].as_u64() {
        None => vec![format!("{stream} is gone, with {before} events")],
        Some(epoch) => vec![format!(
            "{stream} is incarnation {epoch}: {} events, where it had {before}; new ones waited {held} ms",
            count(number("offset"))
        )],
    };
    let refused = answer["refused"].as_object().into_iter().flatten();
    let refused: Vec<String> = refused.map(|(code, n)| format!("{code} {n}")).collect();
    if !refused.is_empty() {
        lines.push(format!("events that the new schema refuses: {}", refused.join(", ")));
    }
    if number("forgotten") > 0 {
        lines.push(format!("forgotten: {} events", count(number("forgotten"))));
    }
    lines
}

/// The report of a stream; of one that another version made, the loss alone.
pub(crate) fn report(s: &StreamStatus) -> Report {
    serde_json::from_value(s.report.clone()).unwrap_or_else(|_| Report {
        loss_bits_per_event: s.report.get("loss_bits_per_event").and_then(Value::as_f64).unwrap_or(f64::NAN),
        ..Report::default()
    })
}

/// The table of the streams.
pub(crate) fn table(streams: &[StreamRow]) -> Table {
    let mut t = Table::new(1, ["stream", "events", "keys", "fields", "bits lately", "last event", ""]);
    for s in streams {
        t.row([
            s.stream.clone(),
            count(s.offset),
            count(s.keys),
            count(s.schema.fields.len() as u64),
            s.recent_bits.map_or(String::new(), |b| format!("{b:.4}")),
            s.last_event_time.clone().unwrap_or_default(),
            s.failed.as_ref().map_or(String::new(), |why| format!("failed: {why}")),
        ]);
    }
    t
}

/// The keys of a stream: their events, the latest of them, and whether they have gone silent.
fn key_table(list: &KeyList) -> Table {
    let mut t = Table::new(1, ["key", "events", "latest event", "at", ""]);
    for key in &list.keys {
        t.row([
            plain(&key.key),
            count(key.events),
            key.latest_offset.to_string(),
            key.latest_time.clone().unwrap_or_default(),
            if key.is_silent { "silent".into() } else { String::new() },
        ]);
    }
    t
}

/// The events in quarantine, one a line below what happened to it.
fn quarantined(list: &QuarantineList, paint: Paint) -> Vec<String> {
    let mut out = vec![format!(
        "{}: {} events in quarantine, {} of them kept",
        paint.bold(&list.stream),
        count(list.count),
        count(list.events.len() as u64)
    )];
    for e in &list.events {
        let producer = e.producer.as_ref().map_or(String::new(), |producer| format!(", producer {producer}"));
        let seq = e.seq.map_or(String::new(), |seq| format!(", number {seq}"));
        out.push(format!("{}  before offset {}{producer}{seq}: {}", e.time, e.offset, e.reason));
        out.push(format!("  {}", e.event));
    }
    out
}

/// The configuration that pins what was inferred of a stream. The rest follows from the fields, as the comment says.
fn pinned_status(s: &StreamStatus) -> Vec<String> {
    let choices = report(s).choices;
    let comment = (!choices.is_empty()).then(|| format!("# {choices}"));
    let toml = pinned(&s.schema, &Schema::default(), &s.stream);
    comment.into_iter().chain(toml.trim_end().lines().map(str::to_owned)).collect()
}

fn show(s: &StreamStatus, paint: Paint) -> Vec<String> {
    let r = report(s);
    let mut out = vec![
        format!(
            "{}: {} events, {} keys held, model version {}, state {}",
            paint.bold(&s.stream),
            count(s.offset),
            count(s.keys),
            s.model_version,
            size(s.state_bytes)
        ),
        fields(&s.schema),
    ];
    if let Some(events) = s.undecided_events {
        out.push(format!("what the fields hold is decided within {} more events", count(events)));
    }
    if let Some(like) = &s.begun_like {
        out.push(format!("begun with what {} had learnt up to offset {}", like.stream, like.offset));
    }
    if let Some(c) = &s.checkpoint {
        out.push(format!("checkpoint {} up to offset {}, made {}", c.generation, c.offset, c.time));
    }
    if !r.choices.is_empty() {
        out.push(r.choices.clone());
    }
    if r.late_events > 0 {
        out.push(format!("{} events came late: learnt with a gap of zero", count(r.late_events)));
    }
    if !s.alarms.budget.is_empty() {
        let AlarmAccount { budget, promised, begun } = &s.alarms;
        out.push(format!("alarms {}, where the budget {budget} promised {promised:.1} at most", count(*begun)));
    }
    out.extend(r.drifts.iter().map(|d| drift_line(d, paint)));
    if !s.refused.is_empty() {
        let refused: Vec<String> = s.refused.iter().map(|(code, n)| format!("{code} {n}")).collect();
        out.push(format!("refused: {}", refused.join(", ")));
    }
    if s.quarantined > 0 {
        out.push(format!(
            "{} events in quarantine: learning them failed inside the daemon (surmise stream quarantine {})",
            count(s.quarantined),
            s.stream
        ));
    }
    out.extend(losses(&r, paint));
    out
}

/// What the mixture, each expert and each field lost.
fn losses(r: &Report, paint: Paint) -> Vec<String> {
    let mut out = vec![String::new()];
    let mut t = Table::new(1, ["bits per event", ""]);
    t.row(["mixture".into(), format!("{:.4}", r.loss_bits_per_event)]);
    for e in &r.experts {
        t.row([e.name.clone(), format!("{:.4}", e.loss_bits_per_event)]);
    }
    out.extend(t.lines(paint));
    if let Some(gain) = r.network_gain {
        out.push(format!("networks save {:.1} % of the bits", 100.0 * gain));
    }
    if !r.fields.is_empty() {
        out.push(String::new());
        let mut t = Table::new(2, ["field", "kind", "bits", "top 1", "mse", "in 90 %"]);
        let num = |x: Option<f64>| x.map_or(String::new(), number);
        for (name, f) in &r.fields {
            t.row([
                name.clone(),
                f.kind.clone(),
                format!("{:.4}", f.loss_bits),
                num(f.top1),
                num(f.mse),
                num(f.coverage_90),
            ]);
        }
        out.extend(t.lines(paint));
    }
    out
}
