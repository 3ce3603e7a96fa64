//! `tail -f log | surmise`: learns each line from standard input, and shows what is odd: one line an incident.

mod args;
mod destination;
mod teller;

use crate::global::Global;
use crate::recording::progress_bar;
pub(crate) use args::PipeArgs;
use destination::LineDestination;
use indicatif::ProgressBar;
use rustix::fs::FileType;
use std::time::{Duration, Instant};
use surmise_client::{Client, ClientError, ClientOptions};
use surmise_protocol::{EventLine, Hello};
use surmise_recording::{FieldChoice, Format, Item, Source, SourceError, SourceOptions};
use surmise_terminal::format::count;
use surmise_terminal::{Exit, Failure};
use teller::Teller;
use tokio::sync::mpsc;

/// Whether standard input is a pipe, a file or a socket: something that a person has put there.
pub(crate) fn is_given() -> bool {
    let kind = rustix::fs::fstat(std::io::stdin()).map(|stat| FileType::from_raw_mode(stat.st_mode));
    matches!(kind, Ok(FileType::Fifo | FileType::RegularFile | FileType::Socket))
}

pub(crate) fn run(global: &Global, args: &PipeArgs) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = runtime.block_on(learn(global, args));
    // a thread that waits for standard input cannot be waited for
    runtime.shutdown_background();
    done
}

async fn learn(global: &Global, args: &PipeArgs) -> Result<(), Failure> {
    let destination = LineDestination::find(global, args).await?;
    for line in destination.introduction() {
        eprintln!("{line}");
    }
    let hello = Hello {
        producer: Some(format!("pipe:{}:{:x}", std::process::id(), nanos())),
        token: global.token.clone(),
        stream: Some(args.stream.clone()),
        ..Hello::default()
    };
    let options = ClientOptions {
        window_events: WINDOW_EVENTS,
        trusted_roots: destination.roots.clone(),
        give_up_after: Some(GIVE_UP_AFTER),
        ..ClientOptions::default()
    };
    let client = Client::connect_with(destination.events.clone(), hello, options).await?;
    let bar = progress_bar(None);
    let mut teller = Teller::begin(destination.http.clone(), &args.stream, global.json(), bar.clone()).await?;
    let start = Instant::now();
    let sent = {
        let sending = send(client, &bar);
        tokio::pin!(sending);
        loop {
            tokio::select! {
                sent = &mut sending => break sent,
                () = tokio::time::sleep(LOOK_INTERVAL) => teller.look().await?,
            }
        }
    };
    // the last lines are learnt: what they began is known
    let looked = teller.look().await;
    bar.finish_and_clear();
    let summed = teller.sum_up(sent.lines, start.elapsed().as_secs_f64()).await;
    let kept = destination.end().await;
    summed.and(looked)?;
    eprintln!("{}", kept?);
    match sent.fault {
        Some(fault) => Err(fault),
        None if sent.refused > 0 => Err(Failure::new(
            Exit::Data,
            format!("{} of {} lines were refused", count(sent.refused), count(sent.lines)),
        )),
        None => Ok(()),
    }
}

/// Lines that may be on their way.
const WINDOW_EVENTS: usize = 8192;
/// How long a daemon that was lost is waited for.
const GIVE_UP_AFTER: Duration = Duration::from_secs(60);
/// How often incidents are asked for.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);

fn nanos() -> u128 {
    std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_nanos())
}

/// What came of the lines.
#[derive(Default)]
struct SentLines {
    lines: u64,
    refused: u64,
    fault: Option<Failure>,
}

/// Sends every line, and waits for the last one to be learnt. An interrupt ends the reading.
async fn send(mut client: Client, bar: &ProgressBar) -> SentLines {
    let (mut sent, mut items, mut follow) = (SentLines::default(), read(), client.follow());
    let interrupted = interrupt();
    tokio::pin!(interrupted);
    loop {
        let item = tokio::select! {
            item = items.recv() => item,
            () = &mut interrupted => None,
        };
        let item = match item {
            None => break,
            Some(Ok(item)) => item,
            Some(Err(e)) => {
                sent.fault = Some(e.into());
                break;
            }
        };
        sent.lines += 1;
        if sent.lines.is_multiple_of(LINES_TOLD) {
            bar.set_message(format!("{} lines", count(follow.borrow_and_update().settled.unwrap_or(0))));
        }
        match client.send_line(EventLine { seq: None, id: None, stream: None, record: item.record }).await {
            Ok(_) => {}
            Err(ClientError::Record(_)) => sent.refused += 1,
            Err(e) => {
                sent.fault = Some(e.into());
                break;
            }
        }
    }
    match client.close().await {
        Ok(progress) => sent.refused += progress.refused,
        Err(e) => sent.fault = sent.fault.or(Some(e.into())),
    }
    sent
}

/// Lines between two words on how far it is.
const LINES_TOLD: u64 = 64;

/// Waits for an interrupt. A second one ends the process at once.
async fn interrupt() {
    if tokio::signal::ctrl_c().await.is_err() {
        return std::future::pending().await;
    }
    tokio::spawn(async {
        let _ = tokio::signal::ctrl_c().await;
        std::process::exit(Exit::Unreachable as i32);
    });
}

/// Reads standard input on a thread of its own, as reading may wait.
fn read() -> mpsc::Receiver<Result<Item, SourceError>> {
    let (sender, receiver) = mpsc::channel(1024);
    tokio::task::spawn_blocking(move || {
        let line: FieldChoice = "value:line".parse().expect("invariant: this is a field and a kind");
        let options = SourceOptions { format: Some(Format::Lines), fields: vec![line], ..SourceOptions::default() };
        match Source::open(&options) {
            Ok(source) => {
                for item in source {
                    if sender.blocking_send(item).is_err() {
                        break;
                    }
                }
            }
            Err(e) => {
                // nobody is left to tell where the receiver is gone
                let _ = sender.blocking_send(Err(e));
            }
        }
    });
    receiver
}
