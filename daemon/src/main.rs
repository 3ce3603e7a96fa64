//! The `surmised` program.

mod service_manager;
mod signals;

use clap::Parser;
use service_manager::ServiceManager;
use signals::{Asked, Signals};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use surmise_config::{Config, ConfigError};
use surmise_store::StoreError;
use surmised::{Daemon, Running, ShutdownError};

/// Threads allocate for each other here: what one has decoded, another frees after its commit. glibc keeps such memory
/// in the arenas of whoever allocated it, which grow for as long as the daemon runs (`surmise-bench --only soak`).
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// The exit code of wrong usage or configuration (`EX_USAGE` of sysexits).
const EXIT_USAGE: u8 = 64;
/// The exit code of an internal error (`EX_SOFTWARE`).
const EXIT_INTERNAL: u8 = 70;
/// The exit code of a store that cannot be used (`EX_IOERR`).
const EXIT_STORAGE: u8 = 74;

/// Predicts the next event of every stream, and learns from each event that comes.
///
/// Without arguments it keeps its data in ./surmise-data and listens on loopback: events at 127.0.0.1:7071 and at a
/// Unix socket in the data directory, questions at http://127.0.0.1:7070, where there is also a page to look at.
#[derive(Parser)]
#[command(version, after_help = HELP)]
struct Args {
    /// Configuration file; everything in it has a default
    #[arg(long, value_name = "FILE", env = "SURMISE_CONFIG")]
    config: Option<PathBuf>,
    /// Check the configuration, say what is wrong with it, and leave
    #[arg(long)]
    check_config: bool,
    /// Print the default configuration file, with comments, and leave
    #[arg(long)]
    print_config: bool,
    /// Compare everything that computes the network here, a GPU too if there is one, and leave
    #[arg(long)]
    self_test: bool,
}

const HELP: &str = "\
Try it:
  surmised &
  printf '%s\\n' a b c a b c a b c | nc -q1 127.0.0.1 7071    one symbol a line: the stream \"default\"
  curl -s 127.0.0.1:7070/api/v1/streams/default/next           what is expected next

Environment:
  SURMISE__TABLE__KEY  overrides a key of the file: SURMISE__STORE__DIR=/var/lib/surmise
  RUST_LOG             what is logged: warn, info (usual), debug

Signals: SIGTERM, SIGINT, SIGQUIT and every other signal that ends a process finish what was accepted, write a last
checkpoint of every stream, and leave; so does closing the terminal. SIGHUP reads the configuration again, like POST
/-/reload: the log says which changed keys are applied, and which need a restart.

The log goes to standard error. If that takes nothing, lines are lost and counted, and everything else goes on.

Exit codes: 0 done, 1 the self-test found a difference, 64 wrong usage or configuration, 70 internal error, or leaving took longer than shutdown.grace, 74 the store cannot be used.";

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(e) => {
            let _ = e.print();
            return if e.use_stderr() { EXIT_USAGE.into() } else { ExitCode::SUCCESS };
        }
    };
    if args.self_test {
        let agree = surmised::self_test(surmise_device::find, &mut std::io::stdout().lock());
        return if agree.unwrap_or(false) { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            // the text of an error of the store already names its source
            let text = if e.is::<StoreError>() { e.to_string() } else { format!("{e:#}") };
            // standard error may take nothing any more, which is no reason to leave with another code
            let _ = writeln!(std::io::stderr(), "surmised: {text}");
            exit_code(&e).into()
        }
    }
}

/// The exit code for an error. An error of the system while starting, as of a socket, is one of the configuration.
fn exit_code(e: &anyhow::Error) -> u8 {
    let io = || e.chain().any(|c| c.is::<std::io::Error>());
    match () {
        () if e.is::<ConfigError>() => EXIT_USAGE,
        () if e.is::<StoreError>() || e.is::<StoreFault>() => EXIT_STORAGE,
        () if e.is::<ShutdownError>() => EXIT_INTERNAL,
        () if e.is::<String>() || io() => EXIT_USAGE,
        () => EXIT_INTERNAL,
    }
}

/// The fault of a store that failed while the daemon ran.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct StoreFault(String);

fn run(args: &Args) -> anyhow::Result<()> {
    if args.print_config {
        print!("{}", surmise_config::DEFAULT_FILE);
        return Ok(());
    }
    let config = Config::load(args.config.as_deref())?;
    config.check()?;
    if args.check_config {
        surmised::check_streams(&config)?;
        surmised::check_certificate(&config)?;
        surmised::devices(&config)?;
        println!("the configuration is fine");
        return Ok(());
    }
    // whatever this process makes, sockets too, is for its user alone from its first instant
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    let _log = surmised::start_log();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(serve(config));
    runtime.shutdown_timeout(std::time::Duration::from_millis(200));
    result
}

/// Runs the daemon until a signal or a fault ends it.
async fn serve(config: Config) -> anyhow::Result<()> {
    let mut signals = Signals::catch()?;
    let (dir, engine, owners) = (config.store.dir.clone(), config.model.engine, config.owners.count());
    let running = tokio::select! {
        running = Daemon::start(config) => running?,
        _ = signals.ended() => return Ok(()),
    };
    let (device, kernel) = (running.device(), surmised::kernel());
    announce(&running, &dir, &format!("engine {engine}, kernel {kernel}, device {device}, {owners} owners"));
    let mut manager = ServiceManager::find();
    let fault = loop {
        tokio::select! {
            () = manager.wait() => manager.tell(&running),
            asked = signals.next() => match asked {
                // whatever came of it is in the log
                Asked::Reload => drop(running.reload()),
                Asked::Leave(signal) => {
                    tracing::info!("leaving, by {signal}: what was accepted is finished and kept");
                    break None;
                }
            },
            fault = running.failed() => break Some(fault),
        }
    };
    manager.tell_leaving();
    let left = running.shutdown().await;
    match fault {
        Some(fault) => Err(StoreFault(fault).into()),
        None => {
            left?;
            tracing::info!("done");
            Ok(())
        }
    }
}

/// Logs that the daemon is ready, with the places where it listens.
fn announce(running: &Running, dir: &std::path::Path, about: &str) {
    let mut places = Vec::new();
    places.extend(running.tcp_addr().map(|a| format!("events at {a}")));
    places.extend(running.unix_path().map(|p| format!("and {}", p.display())));
    places.extend(running.lines_addr().map(|a| format!("bare lines at {a}")));
    places.extend(running.http_addr().map(|a| format!("questions and a page at http://{a}/")));
    let (streams, dir) = (running.streams(), dir.display());
    tracing::info!("{} is ready: {}; data in {dir}, {streams} streams; {about}", surmised::SERVER, places.join(", "));
}
