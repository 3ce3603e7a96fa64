//! The daemon as a whole: it starts all parts in order, and stops them in the reverse.

use crate::checkpoint_queue::CheckpointQueue;
use crate::fault::Fault;
use crate::given_sockets::GivenSockets;
use crate::hub::Hub;
use crate::owner::OwnerRequest;
use crate::reload::{ReloadError, Reloaded, warn_of_clear_token};
use crate::services::LearningProbe;
use crate::session::{ListenerKind, Opening};
use crate::sinks::Sinks;
use crate::sockets::{Bound, BoundUnix};
use crate::threads::Threads;
use crate::tls::{self, OwnCertificate};
use crate::traces::Traces;
use crate::{clock, http, listen, sources, telemetry, undo};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use surmise_config::{Config, ConfigError, ConfigFault, ListenAddresses, TimeSpan};
use surmise_device::Choice;
use surmise_learner::Learner;
use surmise_store::{Severity, Store};
use surmise_workers::DevicePolicy;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio_util::task::TaskTracker;

/// How long the last traces may take to be sent.
const TRACES_TIME_MAX: Duration = Duration::from_secs(3);

/// The daemon, as something to be started.
pub struct Daemon;

/// Why the daemon did not end in order. What was acknowledged is durable all the same.
#[derive(Debug, thiserror::Error)]
pub enum ShutdownError {
    /// It took too long; checkpoints may be missing, so that the next start learns more of the log again.
    #[error("finishing took longer than the grace period of {0} (shutdown.grace); the next start learns the rest")]
    GraceExceeded(TimeSpan),
    /// A thread had panicked, which is a bug.
    #[error("a thread of the daemon had failed")]
    ThreadFailed,
    /// The system gives no thread that could wait for the others.
    #[error("no thread can be started: {0}")]
    Thread(std::io::Error),
    /// The daemon had a fault before, as when the disk is full.
    #[error("{0}")]
    Fault(String),
}

/// A running daemon.
pub struct Running {
    hub: Arc<Hub>,
    addresses: ListenAddresses,
    threads: Vec<JoinHandle<()>>,
    /// Dropped when the owners are to end, so that the checkpointer ends after them.
    checkpoints: Option<CheckpointQueue>,
    listeners: TaskTracker,
    sessions: TaskTracker,
}

impl Daemon {
    /// Starts a daemon: it opens the store, binds the sockets, serves HTTP, recovers all streams, and then takes
    /// events.
    ///
    /// # Errors
    /// The configuration contradicts itself, the store cannot be opened, or a socket cannot be bound.
    pub async fn start(config: Config) -> anyhow::Result<Running> {
        Daemon::start_at(config, GivenSockets::default()).await
    }

    /// As [`Daemon::start`], at sockets that were given: each takes the place of the address of its listener in the
    /// configuration.
    ///
    /// # Errors
    /// Those of [`Daemon::start`].
    pub async fn start_at(config: Config, given: GivenSockets) -> anyhow::Result<Running> {
        Daemon::start_all(config, given, None).await
    }

    /// As [`Daemon::start`], with a probe that is called with each event while it is learnt. This is for tests, whose
    /// probe panics.
    ///
    /// # Errors
    /// Those of [`Daemon::start`].
    #[doc(hidden)]
    pub async fn start_probed(config: Config, probe: Option<LearningProbe>) -> anyhow::Result<Running> {
        Daemon::start_all(config, GivenSockets::default(), probe).await
    }

    async fn start_all(
        mut config: Config,
        given: GivenSockets,
        probe: Option<LearningProbe>,
    ) -> anyhow::Result<Running> {
        let started = Instant::now();
        crate::open_files::raise_limit();
        config.listen_at(given.addresses());
        config.check()?;
        check_config(&config)?;
        warn_of_clear_token(&config);
        let devices = devices(&config)?;
        let certificate = OwnCertificate::open(&config)?;
        telemetry::recorder();
        let (dir, generations) = (config.store.dir.clone(), config.store.generations);
        let store = Arc::new(tokio::task::spawn_blocking(move || Store::open(&dir, generations)).await??);
        report_findings(&store);
        let bound = Bound::bind(&config, given).await?;
        let mut running = Running::assemble(config, devices, certificate, store.clone(), started, probe)?;
        running.addresses = bound.addresses()?;
        let Bound { http, tcp, lines, unix } = bound;
        if let Some(listener) = http {
            running.serve_http(listener);
        }
        running.ready(tcp, lines, unix).await;
        Ok(running)
    }
}

/// Exports how much the start had to find about the data directory; the store has logged what it was.
fn report_findings(store: &Store) {
    for severity in [Severity::Note, Severity::Mended, Severity::Lost] {
        let count = store.findings.all().iter().filter(|finding| finding.severity == severity).count();
        metrics::gauge!(telemetry::STORE_FINDINGS, "severity" => severity.name()).set(count as f64);
    }
}

/// Checks what `config.check()` cannot know without a learner and this build: that the options of each declared schema
/// fit it, and that what the sources need was built in.
///
/// # Errors
/// The options do not fit a declared schema, or a source cannot be read.
pub fn check_config(config: &Config) -> anyhow::Result<()> {
    let mut faults: Vec<ConfigFault> = sources::check(config).err().into_iter().flat_map(|e| e.faults).collect();
    let rules = config.streams.iter().filter(|(_, r)| !r.fields.is_empty());
    for (name, rule) in rules {
        let made = config.options(Some(rule)).map(|options| Learner::new(rule.schema(), options));
        match made {
            Ok(Ok(_)) => {}
            Ok(Err(e)) => faults.push(ConfigFault::Learner(e).in_stream(name)),
            Err(e) => faults.extend(e.faults),
        }
    }
    match faults.is_empty() {
        true => Ok(()),
        false => Err(ConfigError { file: None, faults }.into()),
    }
}

/// Checks that the certificate and the key that the configuration names can be used.
///
/// # Errors
/// A file cannot be read, or the key does not belong to the certificate.
pub fn check_certificate(config: &Config) -> Result<(), ConfigError> {
    tls::read(config).map(drop)
}

/// Opens the devices that compute gradients of networks whose updates are delayed, as the configuration asks for.
///
/// # Errors
/// A GPU is asked for, and none can be used.
pub fn devices(config: &Config) -> Result<Arc<DevicePolicy>, ConfigError> {
    // without delayed updates no device is ever used, so none is looked for
    let choice = if config.any_delay() { config.learning.device } else { Choice::Cpu };
    let fault = |e| ConfigFault::Device { choice, error: Box::new(e) }.into();
    DevicePolicy::open(choice, surmise_device::find).map(Arc::new).map_err(fault)
}

impl Running {
    fn assemble(
        config: Config,
        devices: Arc<DevicePolicy>,
        certificate: Option<OwnCertificate>,
        store: Arc<Store>,
        started: Instant,
        probe: Option<LearningProbe>,
    ) -> anyhow::Result<Running> {
        let (fault, traces) = (Fault::default(), Traces::open(config.export.traces.as_ref())?);
        let Threads { handles, ports, recoveries, checkpoints, directory, fencing, budget, services, workers } =
            Threads::start(&config, &devices, &store, &fault, started, probe)?;
        let hub = Hub::new(
            config,
            certificate,
            directory,
            fencing,
            budget,
            fault,
            ports,
            store,
            services,
            workers,
            devices,
            traces,
            started,
        );
        let hub = Arc::new(hub);
        let (listeners, sessions) = (TaskTracker::new(), TaskTracker::new());
        let waiting = hub.clone();
        listeners.spawn(async move {
            wait_for_recovery(&waiting, recoveries).await;
            let sinks = Sinks::open(&waiting);
            waiting.ready.store(true, Ordering::Release);
            sinks.serve().await;
        });
        listeners.spawn(upkeep(hub.clone()));
        listeners.spawn(sources::serve(hub.clone()));
        Ok(Running {
            hub,
            addresses: ListenAddresses::default(),
            threads: handles,
            checkpoints: Some(checkpoints),
            listeners,
            sessions,
        })
    }

    fn serve_http(&self, listener: TcpListener) {
        let router = http::router(self.hub.clone());
        self.listeners.spawn(http::serve(self.hub.clone(), listener, router, self.sessions.clone()));
    }

    /// Waits until all streams are recovered, and serves the event sockets.
    async fn ready(&mut self, tcp: Option<TcpListener>, lines: Option<TcpListener>, unix: Option<BoundUnix>) {
        while !self.hub.ready.load(Ordering::Acquire) && !self.hub.fault.is_set() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let l = &self.hub.config.listen;
        let kind = |listener, opening, stream: &str| ListenerKind { listener, opening, stream: stream.into() };
        if let Some(listener) = tcp {
            let task = listen::tcp(
                self.hub.clone(),
                listener,
                kind("tcp", Opening::FirstLineDecides, &l.stream),
                self.sessions.clone(),
            );
            self.listeners.spawn(task);
        }
        if let Some(listener) = lines {
            let task = listen::tcp(
                self.hub.clone(),
                listener,
                kind("lines", Opening::BareLines, &l.lines_stream),
                self.sessions.clone(),
            );
            self.listeners.spawn(task);
        }
        if let Some(bound) = unix {
            let kind = kind("unix", Opening::FirstLineDecides, &l.stream);
            self.listeners.spawn(listen::unix(self.hub.clone(), bound, kind, self.sessions.clone()));
        }
    }

    /// A description of what computes the gradients of networks, for people.
    pub fn device(&self) -> String {
        self.hub.device()
    }

    /// The address where HTTP listens, if it does.
    pub fn http_addr(&self) -> Option<SocketAddr> {
        self.addresses.http
    }

    /// The address where the event socket listens, if it does.
    pub fn tcp_addr(&self) -> Option<SocketAddr> {
        self.addresses.tcp
    }

    /// The address where bare lines are taken, if they are.
    pub fn lines_addr(&self) -> Option<SocketAddr> {
        self.addresses.lines
    }

    /// The path of the Unix socket, if there is one.
    pub fn unix_path(&self) -> Option<&Path> {
        self.addresses.unix.as_deref()
    }

    /// Whether all streams are restored.
    pub fn is_ready(&self) -> bool {
        self.hub.ready.load(Ordering::Acquire)
    }

    /// The number of streams.
    pub fn streams(&self) -> usize {
        self.hub.directory.len()
    }

    /// Reads the configuration again from where it came from, and lets what can take effect now take effect.
    ///
    /// # Errors
    /// The configuration has a fault; everything goes on as before.
    pub fn reload(&self) -> Result<Reloaded, ReloadError> {
        self.hub.reload("SIGHUP")
    }

    /// Waits for a fault that ends the daemon, and returns its message.
    pub async fn failed(&self) -> String {
        self.hub.fault.wait().await
    }

    /// Ends as a killed process would: what is not durable is lost, nothing is finished, no checkpoint is written. This
    /// is for tests, which cannot kill their own process.
    #[doc(hidden)]
    pub async fn abandon(self) {
        self.hub.fault.set("abandoned".into());
        let _ = self.shutdown().await;
    }

    /// Shuts the daemon down: it takes no more events, learns and makes durable what was taken, writes a last
    /// checkpoint of every stream that changed, and closes the store.
    ///
    /// # Errors
    /// This took longer than the grace period, or the store failed. What was acknowledged is durable all the same.
    pub async fn shutdown(mut self) -> Result<(), ShutdownError> {
        let until = Instant::now() + self.hub.config.shutdown.grace.0;
        self.hub.stopping.cancel();
        self.hub.services.disk.give_up();
        // it ends within an event, and is waited for with the others, so that the store closes
        let replays = self.hub.replays.stop();
        self.listeners.close();
        self.sessions.close();
        // sessions wait for their last acknowledgements, but a client that reads none must not use up the grace period
        let sessions = clock::time_left(until) / 2;
        let _ =
            tokio::time::timeout(sessions, async { tokio::join!(self.listeners.wait(), self.sessions.wait()) }).await;
        for port in self.hub.owners() {
            port.inbox.close();
        }
        let controls: Vec<_> = self.hub.owners().iter().map(|p| p.control.clone()).collect();
        self.checkpoints = None;
        let threads: Vec<_> = std::mem::take(&mut self.threads).into_iter().chain(replays).collect();
        let (sender, finished) = oneshot::channel();
        let spawned = std::thread::Builder::new().name("shutdown".into()).spawn(move || {
            for control in controls {
                let _ = control.send(OwnerRequest::Stop);
            }
            let failed = threads.into_iter().filter_map(|t| t.join().err()).count();
            let _ = sender.send(failed);
        });
        spawned.map_err(ShutdownError::Thread)?;
        let finished = tokio::time::timeout(clock::time_left(until), finished).await;
        self.hub.release_store();
        // a collector that does not answer costs a little time and no more
        let (traces, left) = (self.hub.traces.clone(), clock::time_left(until).min(TRACES_TIME_MAX));
        let _ = tokio::task::spawn_blocking(move || traces.close(left)).await;
        match finished {
            Err(_) => return Err(ShutdownError::GraceExceeded(self.hub.config.shutdown.grace)),
            Ok(Ok(0)) => {}
            Ok(_) => return Err(ShutdownError::ThreadFailed),
        }
        self.hub.fault.get().map_or(Ok(()), |fault| Err(ShutdownError::Fault(fault)))
    }
}

async fn wait_for_recovery(hub: &Hub, recoveries: Vec<oneshot::Receiver<u64>>) {
    let mut replayed = 0;
    for recovery in recoveries {
        replayed += recovery.await.unwrap_or(0);
    }
    let took = hub.started.elapsed();
    metrics::gauge!(crate::telemetry::RECOVERED).set(replayed as f64);
    tracing::info!(streams = hub.directory.len(), replayed, "streams are there after {took:.1?}");
}

/// Has the recorder of metrics drop what it needs no more, from time to time.
async fn upkeep(hub: Arc<Hub>) {
    let mut ticks = tokio::time::interval(Duration::from_secs(5));
    let mut clearing = tokio::time::interval(Duration::from_secs(600));
    loop {
        tokio::select! {
            () = hub.stopping.cancelled() => return,
            _ = clearing.tick() => undo::clear_expired(&hub).await,
            _ = ticks.tick() => if let Some(recorder) = telemetry::recorder() { recorder.run_upkeep() },
        }
    }
}
