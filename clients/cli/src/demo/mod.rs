//! `surmise demo`: a daemon in this process, a source of known entropy, the real client, the real socket.

mod ledger;
mod markov;
mod screen;

use crate::global::Global;
use crate::in_process;
use crate::stream;
use clap::Args;
use ledger::Ledger;
use markov::{Markov, PAGES};
use screen::{DaemonAddresses, picture};
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use surmise_client::{Client, ClientError};
use surmise_config::Config;
use surmise_event::{Data, Datum, Record};
use surmise_protocol::{Hello, StreamStatus};
use surmise_terminal::{Failure, Http, Paint, print_line};

/// The stream of the demonstration.
const STREAM: &str = "demo";

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  surmise demo                        until Ctrl-C
  surmise demo --seconds 30 --rate 0  as fast as it goes
  surmise demo --data ./demo-data     keep what it learns; the next run continues from there

The source is a visitor of a web shop: which page is asked for depends on the two before it, and on a hidden
mood that changes now and then. As the source is known, so is its entropy, which no predictor can beat. Watch
the mixture fall towards it, and compare it with the network and the experts.")]
pub(crate) struct DemoArgs {
    /// Stop after so many seconds; by default never on a terminal, else after 60.
    #[arg(long, value_name = "SECONDS")]
    seconds: Option<f64>,
    /// Events a second; 0 is as fast as it goes.
    #[arg(long, value_name = "EVENTS", default_value_t = 5000)]
    rate: u64,
    /// DaemonAddresses the daemon keeps its data; by default a directory that is removed at the end.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Seed of the source.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

pub(crate) fn run(global: &Global, args: &DemoArgs) -> Result<(), Failure> {
    let temporary = match &args.data {
        Some(_) => None,
        None => Some(tempfile::tempdir()?),
    };
    let dir = args.data.clone().or_else(|| temporary.as_ref().map(|t| t.path().to_owned())).unwrap_or_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = runtime.block_on(demo(global, args, dir));
    runtime.shutdown_timeout(Duration::from_secs(5));
    done
}

async fn demo(global: &Global, args: &DemoArgs, dir: PathBuf) -> Result<(), Failure> {
    let text = !global.json();
    if text {
        print_line("starting surmised with its defaults in this process …")?;
    }
    let (config, usual) = configuration(dir);
    let daemon = in_process::start(config).await?;
    let place = DaemonAddresses { http: format!("http://{}", daemon.http), tcp: daemon.tcp.to_string(), usual };
    let hello = Hello { token: global.token.clone(), ..Hello::new(format!("demo-{}", std::process::id()), STREAM) };
    let client = Client::connect(daemon.tcp.into(), hello).await?;
    let http = Arc::new(Http::new(&place.http, global.token.as_deref(), None));
    let endless = std::io::stdout().is_terminal() && text;
    let limit = args.seconds.or((!endless).then_some(60.0)).map(Duration::from_secs_f64);
    if text {
        print_line(&format!(
            "listening on {} and {}; sending events of known entropy over the socket",
            place.http, place.tcp
        ))?;
    }
    let mut ledger = Ledger::default();
    if args.data.is_some()
        && let Ok(before) = status(&http).await
    {
        ledger.begin(&stream::report(&before));
    }
    let ledger = Arc::new(Mutex::new(ledger));
    let mut sender = tokio::spawn(send(client, Markov::new(args.seed), args.rate, ledger.clone()));
    let shown = tokio::select! {
        shown = show(http, &ledger, &place, endless, text, limit) => shown,
        sent = &mut sender => match sent {
            Ok(Err(e)) => Err(e.into()),
            _ => Err(Failure::internal("the sender ended")),
        },
        _ = tokio::signal::ctrl_c() => Ok(()),
    };
    sender.abort();
    let stopped = daemon.stop().await;
    shown.and(stopped)?;
    let ledger = ledger.lock().map_err(|_| Failure::internal("the sender panicked"))?;
    if !text {
        return Ok(print_line(&summary(&ledger).to_string())?);
    }
    if let Some(dir) = &args.data {
        print_line(&format!("stopped; what was learnt is in {}", dir.display()))?;
    }
    Ok(())
}

/// The daemon's defaults, in this directory; on other ports where the usual ones are taken.
fn configuration(dir: PathBuf) -> (Config, bool) {
    let mut config = Config::default();
    config.store.dir = dir;
    let free = |a: &str| std::net::TcpListener::bind(a).is_ok();
    let usual = free(&config.listen.http) && free(&config.listen.tcp);
    if !usual {
        config.listen.http = "127.0.0.1:0".into();
        config.listen.tcp = "127.0.0.1:0".into();
    }
    (config, usual)
}

/// Sends what the source emits, at a steady rate, for ever.
async fn send(
    mut client: Client,
    mut source: Markov,
    rate: u64,
    ledger: Arc<Mutex<Ledger>>,
) -> Result<(), ClientError> {
    let (mut events, mut bits) = (0u64, 0.0);
    let start = Instant::now();
    loop {
        let due = if rate == 0 {
            256
        } else {
            ((start.elapsed().as_secs_f64() * rate as f64) as u64).saturating_sub(events).min(4096)
        };
        for i in 0..due {
            let (page, surprise) = source.emit();
            events += 1;
            bits += surprise;
            if (events.is_multiple_of(64) || i + 1 == due)
                && let Ok(mut l) = ledger.lock()
            {
                l.emitted(events, bits);
            }
            let record = Record { data: Data::One(Datum::Text(PAGES[page].into())), ..Record::default() };
            client.send(record).await?;
        }
        if rate > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// Asks the daemon for the stream's report every second, and draws.
async fn show(
    http: Arc<Http>,
    ledger: &Mutex<Ledger>,
    place: &DaemonAddresses,
    redraw: bool,
    text: bool,
    limit: Option<Duration>,
) -> Result<(), Failure> {
    let (start, paint) = (Instant::now(), Paint::stdout());
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    tick.tick().await;
    let (mut drawn, mut rounds) = (0, 0u64);
    loop {
        tick.tick().await;
        rounds += 1;
        let over = limit.is_some_and(|l| start.elapsed() >= l);
        let status = match status(&http).await {
            Ok(s) => s,
            Err(e) if over || rounds > 10 => return Err(e),
            Err(_) => continue, // the first event is still on its way
        };
        let lines = {
            let mut ledger = ledger.lock().map_err(|_| Failure::internal("the sender panicked"))?;
            ledger.report(&stream::report(&status));
            picture(&ledger, start.elapsed().as_secs_f64(), place, paint)
        };
        if text && redraw {
            let mut out = std::io::stdout().lock();
            if drawn > 0 {
                write!(out, "\x1b[{drawn}A\x1b[J")?;
            }
            writeln!(out, "{}", lines.join("\n"))?;
            out.flush()?;
            drawn = lines.len();
        } else if text && (over || rounds == 5 || rounds.is_multiple_of(20)) {
            print_line(&format!("\n{}", lines.join("\n")))?;
        } else if text {
            print_line(&one_line(ledger, start.elapsed().as_secs_f64()))?;
        }
        if over {
            return Ok(());
        }
    }
}

/// What the daemon says of the stream.
async fn status(http: &Arc<Http>) -> Result<StreamStatus, Failure> {
    let http = http.clone();
    let ask = move || http.get::<StreamStatus>(&format!("/api/v1/streams/{STREAM}"), &[]);
    tokio::task::spawn_blocking(ask).await.map_err(Failure::internal)?
}

/// One line for terminals that cannot redraw.
fn one_line(ledger: &Mutex<Ledger>, seconds: f64) -> String {
    let Ok(l) = ledger.lock() else { return String::new() };
    let (loss, floor) = l.curve.last().copied().unwrap_or_default();
    format!(
        "{seconds:>4.0} s  {:>10} events  {loss:.4} bits per event  (entropy {floor:.4})",
        surmise_terminal::format::count(l.events().0)
    )
}

fn summary(ledger: &Ledger) -> serde_json::Value {
    let one = |l: &ledger::Loss| serde_json::json!({ "lately": l.lately, "overall": l.overall });
    let losses: serde_json::Map<String, serde_json::Value> =
        ledger.losses().iter().map(|l| (l.name.clone(), one(l))).collect();
    let (events, window) = ledger.events();
    serde_json::json!({
        "events": events, "window_events": window, "entropy": one(&ledger.entropy()), "bits_per_event": losses,
    })
}
