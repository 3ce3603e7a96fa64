//! The `surmised` program.

mod service_manager;
mod signals;

use clap::Parser;
use service_manager::ServiceManager;
use signals::{Asked, Signals};
use std::io::Write;
use std::process::ExitCode;
use surmise_config::{Config, ConfigError};
use surmise_store::StoreError;
use surmised::{Daemon, DaemonArgs, GivenSocketError, GivenSockets, Running, ShutdownError};

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

fn main() -> ExitCode {
    let args = match DaemonArgs::try_parse() {
        Ok(args) => args,
        Err(e) => {
            let _ = e.print();
            return if e.use_stderr() { EXIT_USAGE.into() } else { ExitCode::SUCCESS };
        }
    };
    if args.self_test {
        let agree = surmised::self_test(surmise_device::find, &mut std::io::stdout().lock());
        return if agree.unwrap_or(false) { ExitCode::SUCCESS } else { EXIT_INTERNAL.into() };
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
        () if e.is::<ConfigError>() || e.is::<GivenSocketError>() => EXIT_USAGE,
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

fn run(args: &DaemonArgs) -> anyhow::Result<()> {
    if args.print_config {
        print!("{}", surmise_config::DEFAULT_FILE);
        return Ok(());
    }
    let mut config = Config::load(args.config.as_deref())?;
    let given = GivenSockets::take()?;
    config.listen_at(given.addresses());
    config.check()?;
    if args.check_config {
        surmised::check_config(&config)?;
        surmised::check_certificate(&config)?;
        surmised::devices(&config)?;
        println!("the configuration is fine");
        return Ok(());
    }
    // whatever this process makes, sockets too, is for its user alone from its first instant
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    let _log = surmised::start_log();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(serve(config, given));
    runtime.shutdown_timeout(std::time::Duration::from_millis(200));
    result
}

/// Runs the daemon until a signal or a fault ends it.
async fn serve(config: Config, given: GivenSockets) -> anyhow::Result<()> {
    let (mut signals, mut manager) = (Signals::catch()?, ServiceManager::find());
    let (dir, engine, owners) = (config.store.dir.clone(), config.model.engine, config.owners.count());
    let Some(running) = start(config, given, &mut signals, &mut manager).await? else { return Ok(()) };
    manager.tell_ready(running.streams());
    let (device, kernel) = (running.device(), surmised::kernel());
    announce(&running, &dir, &format!("engine {engine}, kernel {kernel}, device {device}, {owners} owners"));
    let fault = loop {
        tokio::select! {
            () = manager.wait() => manager.tell_well(),
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

/// Starts the daemon, and tells the service manager meanwhile that it does. There is none if a signal comes first.
async fn start(
    config: Config,
    given: GivenSockets,
    signals: &mut Signals,
    manager: &mut ServiceManager,
) -> anyhow::Result<Option<Running>> {
    // in a task of its own, so that nothing that takes long in it keeps the manager from being told
    let mut starting = tokio::spawn(Daemon::start_at(config, given));
    loop {
        tokio::select! {
            biased;
            () = manager.wait() => manager.tell_starting(),
            _ = signals.ended() => {
                starting.abort();
                return Ok(None);
            }
            running = &mut starting => return Ok(Some(running??)),
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
