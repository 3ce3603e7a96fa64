//! `surmise send`: events from files or standard input to a daemon.

mod place;
mod resuming;

use crate::global::Global;
use crate::next::in_one_line;
use crate::recording::{RecordingArgs, fields, odd_lines, progress_bar};
use crate::watch::outcome_line;
use clap::{Args, ValueEnum};
use indicatif::ProgressBar;
use place::{PLACE_MAX, place_of};
use resuming::{Errand, ResumedSending, begin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};
use surmise_client::{Address, ClientError, ClientOptions, SendProgress};
use surmise_event::{Field, Schema};
use surmise_protocol::{EventLine, Hello, Reply, StreamStatus, Want};
use surmise_recording::{FieldChoice, KindChoice, Source};
use surmise_screen::plural;
use surmise_terminal::format::count;
use surmise_terminal::{Exit, Failure, Paint, print_line, segment};
use tokio::sync::{mpsc, oneshot, watch};

#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub(crate) struct SendArgs {
    #[command(flatten)]
    recording: RecordingArgs,
    /// The stream; the daemon's default stream if neither this nor the events name one.
    #[arg(long, value_name = "STREAM")]
    stream: Option<String>,
    /// The name under which the daemon remembers what it has; by default made of this host, the files and the stream,
    /// so that sending the same files there again resumes, also when they have grown. A file that holds something else
    /// by then is sent from its beginning, which is said; of several files that is an error. Standard input gets a new
    /// name every time.
    #[arg(long, value_name = "NAME")]
    producer: Option<String>,
    /// The producer's epoch; a higher one starts afresh and shuts out the lower ones. By default the newest one that
    /// the daemon knows, or the next one where files hold something else than was sent.
    #[arg(long, value_name = "N")]
    epoch: Option<u64>,
    /// What to print of every event: its outcome, or its outcome and the next prediction.
    #[arg(long, value_enum, value_name = "WHAT")]
    want: Option<WantedReplies>,
    /// Give up when a lost daemon has not come back after so many seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    wait: u64,
    /// Events that may be on their way unacknowledged.
    #[arg(long, value_name = "EVENTS", default_value_t = 8192)]
    window: usize,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum WantedReplies {
    /// How surprising each event was.
    Outcome,
    /// How surprising each event was, and what is expected next.
    Next,
}

const HELP: &str = "\
Examples:
  tail -f access.log | surmise send --stream web
  surmise send ETTh1.csv --time date --stream transformer
  surmise send hdfs_train --format tokens --stream hdfs     run it again: it resumes
  printf 'up\\ndown\\nup\\n' | surmise send --format lines --stream link --want next

Every event is kept until the daemon has acknowledged it as durable. When the daemon goes away and comes
back, sending resumes by itself without loss or duplicates. A file that has grown is sent from where it was; one that
holds something else by now, as after a rotation, is sent from its beginning.";

pub(crate) fn run(global: &Global, args: SendArgs) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let done = runtime.block_on(send(global, &args));
    // a thread that waits for standard input cannot be waited for
    runtime.shutdown_background();
    done
}

async fn send(global: &Global, args: &SendArgs) -> Result<(), Failure> {
    let address = global.address()?;
    let trusted_roots = if matches!(address, Address::Tls(_)) { Some(global.roots()?) } else { None };
    let known = known_schema(global, args);
    let how = args.recording.options(known.clone());
    let source = Source::open(&how)?;
    let hello = Hello {
        producer: Some(args.producer.clone().unwrap_or_else(|| producer(args))),
        epoch: args.epoch.unwrap_or(1),
        token: global.token.clone(),
        stream: args.stream.clone(),
        want: match args.want {
            None => vec![Want::Ack],
            Some(WantedReplies::Outcome) => vec![Want::Ack, Want::Outcome],
            Some(WantedReplies::Next) => vec![Want::Ack, Want::Outcome, Want::Next],
        },
        fields: told_fields(&source, known.as_ref()),
        ..Hello::default()
    };
    let (replies, inbox) = mpsc::channel(1024);
    let options = ClientOptions {
        window_events: args.window,
        trusted_roots,
        give_up_after: Some(Duration::from_secs(args.wait)),
        replies: args.want.map(|_| replies),
        ..ClientOptions::default()
    };
    let (description, fields) = (args.recording.describe(&source), fields(source.schema()));
    let mut notes = source.notes().to_vec();
    notes.extend(known.iter().flat_map(|known| other_kinds(&args.recording.fields, known)));
    let (bytes_total, is_epoch_said) = (source.bytes_total(), args.epoch.is_some());
    let errand = Errand { address, hello: hello.clone(), options, source: &how, is_epoch_said };
    let resumed = begin(errand, source).await?;
    let passed = resumed.passed;
    let resumes = if passed > 0 { format!("; resumes after record {}", count(passed)) } else { String::new() };
    let to = args.stream.as_deref().map_or("the default stream".to_owned(), |s| format!("stream {s}"));
    let producer = hello.producer.unwrap_or_default();
    eprintln!("sending {description} to {to} at {} as {producer}{resumes}", global.socket);
    for note in std::iter::once(&fields).chain(&notes).chain(&resumed.notes) {
        eprintln!("{note}");
    }
    let printer = tokio::spawn(print_replies(inbox, global.json()));
    let start = Instant::now();
    let odd = resumed.odd.clone();
    let sent = pump(resumed, bytes_total).await;
    odd_lines(&odd.list()).iter().for_each(|line| eprintln!("{line}"));
    let _ = printer.await;
    finish(global, sent, start.elapsed().as_secs_f64())
}

/// What came of sending a recording.
struct SendOutcome {
    epoch: u64,
    records: u64,
    skipped: u64,
    progress: SendProgress,
    local: Vec<(u64, String)>,
    fault: Option<Failure>,
}

/// Sends every record of the source, and waits for the last acknowledgement. An interrupt ends the reading, not the
/// sending of what was read.
async fn pump(resumed: ResumedSending, bytes_total: Option<u64>) -> SendOutcome {
    let ResumedSending { mut client, mut items, mut rest, mut read, passed, epoch, bytes, .. } = resumed;
    let bar = progress_bar(bytes_total);
    let ticker = tokio::spawn(tick(bar.clone(), bytes, client.follow()));
    let (progress, local) = (SendProgress::default(), Vec::new());
    let mut sent = SendOutcome { epoch, records: passed, skipped: passed, progress, local, fault: None };
    let mut interrupted = interrupts();
    loop {
        let is_rest = rest.is_some();
        let item = match rest.take() {
            Some(rest) => Some(Ok(rest)),
            None => tokio::select! {
                item = items.recv() => item,
                _ = &mut interrupted => None,
            },
        };
        let item = match item {
            None => break,
            Some(Ok(item)) => item,
            Some(Err(e)) => {
                sent.fault = Some(e.into());
                break;
            }
        };
        sent.records += u64::from(!is_rest);
        read.take(&item);
        let Some(seq) = read.number() else {
            sent.fault = Some(Failure::new(Exit::Data, format!("more than {} events; divide them", count(PLACE_MAX))));
            break;
        };
        let (id, stream) = (item.id.clone(), item.stream.clone());
        let line = EventLine { seq: Some(seq), id, stream, record: item.record.clone() };
        match client.send_line(line).await {
            Ok(_) => {}
            Err(ClientError::Record(r)) => sent.local.push((sent.records, item.refused(r).to_string())),
            Err(e) => {
                sent.fault = Some(e.into());
                break;
            }
        }
    }
    sent.progress = client.progress();
    match client.close().await {
        Ok(p) => sent.progress = p,
        Err(e) => sent.fault = sent.fault.or(Some(e.into())),
    }
    ticker.abort();
    bar.finish_and_clear();
    sent
}

/// A receiver of the first interrupt. The second one ends the process at once.
fn interrupts() -> oneshot::Receiver<()> {
    let (tx, rx) = oneshot::channel();
    tokio::spawn(async move {
        let _ = tokio::signal::ctrl_c().await;
        eprintln!("interrupted: waiting for what was read to become durable; interrupt again to leave at once");
        let _ = tx.send(());
        let _ = tokio::signal::ctrl_c().await;
        std::process::exit(Exit::Unreachable as i32);
    });
    rx
}

/// Keeps the progress bar up to date.
async fn tick(bar: ProgressBar, bytes: Arc<AtomicU64>, follow: watch::Receiver<SendProgress>) {
    let mut every = tokio::time::interval(Duration::from_millis(200));
    loop {
        every.tick().await;
        let state = if follow.borrow().connected { "" } else { "  reconnecting…" };
        bar.set_position(bytes.load(Ordering::Relaxed));
        bar.set_message(format!("{} durable{state}", count(follow.borrow().acked.map_or(0, place_of))));
    }
}

async fn print_replies(mut inbox: mpsc::Receiver<Reply>, json: bool) {
    let paint = Paint::stdout();
    while let Some(mut reply) = inbox.recv().await {
        if let Reply::Outcome(outcome) = &mut reply {
            outcome.seq = outcome.seq.map(place_of);
        }
        let line = match &reply {
            Reply::Outcome(o) if json => serde_json::to_string(o).unwrap_or_default(),
            Reply::Outcome(o) => match &o.next {
                Some(next) => format!("{}   next {}", outcome_line(o, paint), in_one_line(next)),
                None => outcome_line(o, paint),
            },
            _ => continue,
        };
        if print_line(&line).is_err() {
            break;
        }
    }
    // standard output is closed; the replies are dropped, so that sending continues
    while inbox.recv().await.is_some() {}
}

fn finish(global: &Global, sent: SendOutcome, seconds: f64) -> Result<(), Failure> {
    let SendOutcome { epoch, records, skipped, progress: mut p, local, fault } = sent;
    for refusal in &mut p.refusals {
        refusal.seq = refusal.seq.map(place_of);
    }
    let refused = p.refused + local.len() as u64;
    let summary = serde_json::json!({
        "records": records, "skipped": skipped, "durable_through": p.acked.map(place_of), "epoch": epoch,
        "duplicates": p.duplicates, "refused": refused, "reconnects": p.reconnects, "seconds": seconds,
    });
    for (n, e) in local.iter().take(20) {
        eprintln!("refused: record {n}: {e}");
    }
    for e in &p.refusals {
        eprintln!("refused: {e}");
    }
    if global.json() {
        print_line(&summary.to_string())?;
    } else {
        let rate = count((records.saturating_sub(skipped) as f64 / seconds.max(1e-3)) as u64);
        let mut parts = vec![format!("{} in {seconds:.1} s ({rate}/s)", plural(records, "record"))];
        let mut more = |n: u64, what: &str| (n > 0).then(|| parts.push(format!("{} {what}", count(n))));
        more(skipped, "already there");
        more(p.duplicates, "duplicates");
        more(refused, "refused");
        more(p.reconnects, "reconnects");
        eprintln!("{}", parts.join(", "));
    }
    match fault {
        Some(f) => Err(f),
        None if refused > 0 => {
            Err(Failure::new(Exit::Data, format!("{} of {} records were refused", count(refused), count(records))))
        }
        None => Ok(()),
    }
}

/// The fields that a new stream is made with: those that the recording or the command line told. A stream that is there
/// has its fields; that it is one of bytes is said all the same, so that the daemon refuses what would come as texts.
fn told_fields(source: &Source, known: Option<&Schema>) -> Vec<Field> {
    let declared = source.declared_schema();
    if known.is_some() && !declared.is_bytes() { Vec::new() } else { declared.fields }
}

/// What is to be known of kinds that were chosen for fields which the stream has as others, one sentence each.
fn other_kinds(choices: &[FieldChoice], known: &Schema) -> Vec<String> {
    let note = |choice: &FieldChoice| {
        let KindChoice::Is(kind) = choice.kind else { return None };
        let field = known.fields.iter().find(|field| field.name == choice.name && field.kind != kind)?;
        let (name, asked, has) = (&field.name, kind.name(), field.kind.name());
        let mend = format!("surmise stream schema STREAM --field {name}:{asked} learns it again as such");
        Some(format!("--field {name}:{asked} changes nothing: the stream has {name:?} of kind {has}; {mend}"))
    };
    choices.iter().filter_map(note).collect()
}

/// The fields that the stream already has, so that the file is read to fit them.
fn known_schema(global: &Global, args: &SendArgs) -> Option<Schema> {
    let path = format!("/api/v1/streams/{}", segment(args.stream.as_deref()?));
    let status: StreamStatus = global.http().ok()?.get(&path, &[]).ok()?;
    Some(status.schema).filter(|s| !s.fields.is_empty())
}

/// A name that is the same whenever the same files are sent from the same place to the same stream.
fn producer(args: &SendArgs) -> String {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let files = &args.recording.files;
    if files.is_empty() || files.iter().any(|f| f.as_os_str() == "-") {
        let nanos = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |d| d.as_nanos());
        return format!("{host}:stdin:{}:{nanos:x}", std::process::id());
    }
    let full = |f: &std::path::PathBuf| std::fs::canonicalize(f).unwrap_or_else(|_| f.clone()).display().to_string();
    let paths: Vec<String> = files.iter().map(full).collect();
    // what one stream has of a file another one has not
    let stream = args.stream.as_deref().map_or(String::new(), |stream| format!("->{stream}"));
    let name = format!("{host}:{}{stream}", paths.join(":"));
    // longer names would make every hello long; a hash keeps them apart
    const NAME_BYTES_MAX: usize = 200;
    if name.len() <= NAME_BYTES_MAX {
        return name;
    }
    let hash = name.bytes().fold(0xcbf29ce484222325u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100000001b3));
    let cut = (0..=NAME_BYTES_MAX - 17).rev().find(|i| name.is_char_boundary(*i)).unwrap_or(0);
    format!("{}-{hash:016x}", &name[..cut])
}
