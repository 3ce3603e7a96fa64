//! Starting the daemon, and leaving.

use crate::directory::Directory;
use crate::fault::Fault;
use crate::fencing::Fencing;
use crate::hub::{Hub, OwnerPort, owner_of};
use crate::inbox::Inbox;
use crate::owner::{Control, Owner, Setup};
use crate::session::Kind;
use crate::store::{Store, StreamEntry};
use crate::{checkpointer, clock, committer, http, listen, telemetry};
use anyhow::Context;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use surmise_config::{Config, parse_address};
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

/// Questions that wait for one owner.
const QUESTIONS: usize = 1024;

/// The service, before it runs.
pub struct Daemon;

/// A running daemon.
pub struct Running {
    hub: Arc<Hub>,
    http_addr: Option<SocketAddr>,
    tcp_addr: Option<SocketAddr>,
    lines_addr: Option<SocketAddr>,
    unix_path: Option<PathBuf>,
    replayed: u64,
    sessions: TaskTracker,
    accepting: TaskTracker,
    owners: Vec<JoinHandle<()>>,
    workers: Vec<JoinHandle<()>>,
}

impl Daemon {
    /// Opens the store, brings back all streams, and listens.
    ///
    /// # Errors
    /// The configuration does not fit, another daemon has the data directory, the store cannot be read, or an address
    /// cannot be bound.
    pub async fn start(config: Config) -> anyhow::Result<Running> {
        config.check()?;
        let started = Instant::now();
        telemetry::recorder();
        let dir = config.store.dir.clone();
        let generations = config.store.generations as usize;
        let store = tokio::task::spawn_blocking(move || Store::open(&dir, generations as u32)).await??;
        let store = Arc::new(store);
        let entries = store.log.streams()?;
        let next = entries.iter().map(|e| e.number + 1).max().unwrap_or(0);
        let directory = Arc::new(Directory::new(config.limits.streams, next));
        let fencing = Arc::new(Fencing::default());
        let fault = Fault::default();
        let trimmed = entries.iter().map(|e| (e.number, e.trimmed_bytes)).collect();
        let (commits, commit_thread) = committer::start(store.clone(), config.store.commit_interval.0, fault.clone())?;
        let (jobs, job_thread) = checkpointer::start(store.clone(), directory.clone(), trimmed, config.store.log_bytes_max.0, fault.clone())?;
        let shared_config = Arc::new(config.clone());
        let count = config.owners.count();
        let mut ports = Vec::new();
        let mut owners = Vec::new();
        for _ in 0..count {
            let (inbox, delivered) = Inbox::new(config.limits.inbox_events, config.limits.inbox_bytes.0 as usize);
            let (control, questions) = crossbeam_channel::bounded(QUESTIONS);
            owners.push(Owner::new(Setup {
                config: shared_config.clone(),
                directory: directory.clone(),
                fencing: fencing.clone(),
                inbox: delivered,
                control: questions,
                commits: commits.clone(),
                jobs: jobs.clone(),
                started,
            }));
            ports.push(OwnerPort { inbox, control });
        }
        drop((commits, jobs));
        let (replayed, owners) = recover(&store, owners, entries).await?;
        let hub = Arc::new(Hub::new(config, directory, fencing, fault, ports, store, started));
        let threads = owners.into_iter().enumerate().map(|(i, o)| std::thread::Builder::new().name(format!("owner-{i}")).spawn(move || o.run()));
        let threads = threads.collect::<Result<Vec<_>, _>>().context("a learner thread cannot be started")?;
        let mut running = Running {
            hub: hub.clone(),
            http_addr: None,
            tcp_addr: None,
            lines_addr: None,
            unix_path: None,
            replayed,
            sessions: TaskTracker::new(),
            accepting: TaskTracker::new(),
            owners: threads,
            workers: vec![commit_thread, job_thread],
        };
        hub.ready.store(true, Ordering::Release);
        match running.listen().await {
            Ok(()) => Ok(running),
            Err(e) => {
                running.shutdown().await;
                Err(e)
            }
        }
    }
}

/// Brings back all streams, each owner its own, on threads of their own.
async fn recover(store: &Arc<Store>, owners: Vec<Owner>, entries: Vec<StreamEntry>) -> anyhow::Result<(u64, Vec<Owner>)> {
    let count = owners.len();
    let mut tasks = Vec::new();
    for (i, mut owner) in owners.into_iter().enumerate() {
        let mine: Vec<StreamEntry> = entries.iter().filter(|e| owner_of(&e.name, count) == i).cloned().collect();
        let store = store.clone();
        tasks.push(tokio::task::spawn_blocking(move || (owner.recover(&store, mine), owner)));
    }
    let (mut replayed, mut back) = (0, Vec::new());
    for t in tasks {
        let (n, owner) = t.await?;
        replayed += n;
        back.push(owner);
    }
    Ok((replayed, back))
}

impl Running {
    async fn listen(&mut self) -> anyhow::Result<()> {
        let hub = &self.hub;
        let c = &hub.config.listen;
        let kind = |listener, bare, stream: &str| Kind { listener, bare, stream: stream.into() };
        if let Some(l) = bind("listen.tcp", &c.tcp).await? {
            self.tcp_addr = Some(l.local_addr()?);
            self.accepting.spawn(listen::tcp(hub.clone(), kind("tcp", false, &c.stream), l, self.sessions.clone()));
        }
        if let Some(l) = bind("listen.lines", &c.lines).await? {
            self.lines_addr = Some(l.local_addr()?);
            self.accepting.spawn(listen::tcp(hub.clone(), kind("lines", true, &c.lines_stream), l, self.sessions.clone()));
        }
        if let Some(path) = hub.config.unix_path() {
            let l = listen::bind_unix(&path).with_context(|| format!("listen.unix: {} cannot be bound", path.display()))?;
            self.accepting.spawn(listen::unix(hub.clone(), kind("unix", false, &c.stream), l, self.sessions.clone()));
            self.unix_path = Some(path);
        }
        if let Some(l) = bind("listen.http", &c.http).await? {
            self.http_addr = Some(l.local_addr()?);
            let (hub, app) = (hub.clone(), http::router(hub.clone()));
            self.accepting.spawn(async move {
                let stopping = hub.stopping.clone();
                let served = axum::serve(l, app).with_graceful_shutdown(async move { stopping.cancelled().await }).await;
                if let Err(e) = served {
                    hub.fault.set(format!("HTTP cannot be served: {e}"));
                }
            });
        }
        self.accepting.spawn(upkeep(hub.clone()));
        self.accepting.close();
        Ok(())
    }

    /// Where HTTP is served.
    pub fn http_addr(&self) -> Option<SocketAddr> {
        self.http_addr
    }

    /// Where events are taken over TCP.
    pub fn tcp_addr(&self) -> Option<SocketAddr> {
        self.tcp_addr
    }

    /// Where bare lines are taken.
    pub fn lines_addr(&self) -> Option<SocketAddr> {
        self.lines_addr
    }

    /// Where events are taken over a Unix socket.
    pub fn unix_path(&self) -> Option<&PathBuf> {
        self.unix_path.as_ref()
    }

    /// Streams that were brought back.
    pub fn streams(&self) -> usize {
        self.hub.directory.len()
    }

    /// Records that were learnt again from the log, as no checkpoint had them.
    pub fn replayed(&self) -> u64 {
        self.replayed
    }

    /// Waits for a fault after which the daemon must not go on.
    pub async fn fault(&self) -> String {
        self.hub.fault.wait().await
    }

    /// Stops accepting, learns and commits what was accepted, writes last checkpoints, and leaves. True if all of it
    /// was done within the grace period.
    pub async fn shutdown(mut self) -> bool {
        let grace = self.hub.config.shutdown.grace.0;
        let until = Instant::now() + grace;
        self.hub.ready.store(false, Ordering::Release);
        self.hub.stopping.cancel();
        // connections end by themselves once what they sent is durable and answered
        self.sessions.close();
        let quiet = tokio::time::timeout(clock::left(until) / 2, self.sessions.wait()).await.is_ok();
        let _ = tokio::time::timeout(Duration::from_millis(500), self.accepting.wait()).await;
        for port in self.hub.owners() {
            port.inbox.close();
            let _ = port.control.send(Control::Leave);
        }
        let threads: Vec<JoinHandle<()>> = self.owners.drain(..).chain(self.workers.drain(..)).collect();
        let joined = tokio::task::spawn_blocking(move || threads.into_iter().all(|t| t.join().is_ok()));
        let done = tokio::time::timeout(clock::left(until).max(Duration::from_millis(100)), joined).await;
        self.hub.release_store();
        if let Some(path) = &self.unix_path {
            let _ = std::fs::remove_file(path);
        }
        quiet && matches!(done, Ok(Ok(true))) && !self.hub.fault.is_set()
    }
}

async fn bind(key: &str, address: &str) -> anyhow::Result<Option<TcpListener>> {
    let Some(a) = parse_address(address).map_err(anyhow::Error::msg)? else { return Ok(None) };
    let l = TcpListener::bind(a).await;
    Ok(Some(l.with_context(|| format!("{key}: {a} cannot be bound; is another daemon running? give this one another address"))?))
}

/// Gauges that are read rather than told, and the upkeep of histograms.
async fn upkeep(hub: Arc<Hub>) {
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            () = hub.stopping.cancelled() => return,
            _ = tick.tick() => {}
        }
        if let Some(r) = telemetry::recorder() {
            r.run_upkeep();
        }
        let waiting: usize = hub.owners().iter().map(|o| o.inbox.events()).sum();
        metrics::gauge!(telemetry::QUEUE, "stage" => "inbox").set(waiting as f64);
        let failed = hub.directory.all().iter().filter(|s| s.failed.get().is_some()).count();
        metrics::gauge!(telemetry::STREAMS_FAILED).set(failed as f64);
        if let Some(store) = hub.store() {
            metrics::gauge!(telemetry::STORE_BYTES, "database" => "log").set(store.log.disk_bytes() as f64);
            metrics::gauge!(telemetry::STORE_BYTES, "database" => "checkpoints").set(store.checkpoints.disk_bytes() as f64);
        }
    }
}
