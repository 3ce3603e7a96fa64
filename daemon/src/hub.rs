//! What all parts of a running daemon share. No model is in here.

use crate::directory::{Directory, StreamView};
use crate::fault::Fault;
use crate::fencing::Fencing;
use crate::inbox::{Batch, Closed, Inbox, InboxEvent, ReplyOptions};
use crate::owner::OwnerRequest;
use crate::ticket::{ChunkCounts, Outbox};
use crossbeam_channel::{Sender, TrySendError};
use rustc_hash::FxHashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use surmise_config::Config;
use surmise_store::Store;
use surmise_workers::WorkerPool;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// Name and version of the daemon, as the welcome and the health answers give them.
pub const SERVER: &str = concat!("surmised ", env!("CARGO_PKG_VERSION"));

/// How long a question to an owner may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The ways to one owner.
pub struct OwnerPort {
    /// Events.
    pub inbox: Inbox,
    /// Questions.
    pub control: Sender<OwnerRequest>,
}

/// Why an owner did not answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Too many questions wait.
    #[error("too many questions are waiting; ask again in a moment")]
    Busy,
    /// The owner works on something long.
    #[error("the stream's owner did not answer in time; ask again in a moment")]
    Late,
    /// The owner is gone.
    #[error("the daemon is shutting down")]
    Gone,
}

/// What all parts share.
pub struct Hub {
    /// The configuration.
    pub config: Config,
    /// When the daemon was started.
    pub started: Instant,
    /// All streams.
    pub directory: Arc<Directory>,
    /// All producers.
    pub fencing: Arc<Fencing>,
    /// Cancelled when the daemon begins to leave.
    pub stopping: CancellationToken,
    /// A fault that ends the daemon.
    pub fault: Fault,
    /// Whether all streams are brought back.
    pub ready: AtomicBool,
    /// Who works out beside what networks learn, where a stream's updates wait for it.
    pub workers: Option<WorkerPool>,
    owners: Vec<OwnerPort>,
    store: Mutex<Option<Arc<Store>>>,
}

impl Hub {
    /// The shared parts.
    pub fn new(
        config: Config,
        directory: Arc<Directory>,
        fencing: Arc<Fencing>,
        fault: Fault,
        owners: Vec<OwnerPort>,
        store: Arc<Store>,
        workers: Option<WorkerPool>,
        started: Instant,
    ) -> Hub {
        Hub {
            workers,
            config,
            started,
            directory,
            fencing,
            stopping: CancellationToken::new(),
            fault,
            ready: AtomicBool::new(false),
            owners,
            store: Mutex::new(Some(store)),
        }
    }

    /// The store, until the daemon leaves.
    pub fn store(&self) -> Option<Arc<Store>> {
        self.store.lock().unwrap_or_else(|e| e.into_inner()).clone()
    }

    /// Lets go of the store.
    pub fn release_store(&self) {
        self.store.lock().unwrap_or_else(|e| e.into_inner()).take();
    }

    /// Whether events are taken.
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire) && !self.stopping.is_cancelled() && !self.fault.is_set()
    }

    /// All owners.
    pub fn owners(&self) -> &[OwnerPort] {
        &self.owners
    }

    fn port(&self, stream: &str) -> &OwnerPort {
        &self.owners[owner_of(stream, self.owners.len())]
    }

    /// Sends a chunk of lines' events to the owners of their streams, each stream's in order; waits while inboxes are
    /// full. What is known about the chunk's other lines is their counts.
    ///
    /// # Errors
    /// The daemon is leaving.
    pub async fn submit(
        &self,
        events: Vec<(Arc<str>, InboxEvent)>,
        answers: ReplyOptions,
        outbox: &Arc<Outbox>,
        lines: usize,
        counts: ChunkCounts,
    ) -> Result<(), Closed> {
        let batches = by_stream(events);
        let parts = outbox.ticket(lines, batches.len(), counts);
        for ((stream, items), pending) in batches.into_iter().zip(parts) {
            let batch = Batch { stream, items, answers, pending };
            self.port(&batch.stream).inbox.send(batch).await?;
        }
        Ok(())
    }

    /// Asks the owner of a stream.
    ///
    /// # Errors
    /// It does not answer in time.
    pub async fn ask<T>(
        &self,
        stream: &str,
        question: impl FnOnce(oneshot::Sender<T>) -> OwnerRequest,
    ) -> Result<T, AskError> {
        let (sender, receiver) = oneshot::channel();
        put(self.port(stream), question(sender))?;
        wait(receiver).await
    }

    /// Asks every owner.
    ///
    /// # Errors
    /// One of them does not answer in time.
    pub async fn ask_all<T>(&self, question: impl Fn(oneshot::Sender<T>) -> OwnerRequest) -> Result<Vec<T>, AskError> {
        let mut waiting = Vec::new();
        for port in &self.owners {
            let (sender, receiver) = oneshot::channel();
            put(port, question(sender))?;
            waiting.push(receiver);
        }
        let mut answers = Vec::new();
        for receiver in waiting {
            answers.push(wait(receiver).await?);
        }
        Ok(answers)
    }

    /// The latest snapshot of a stream. The first reader in a while has its owner publish one; from then on it is
    /// there.
    ///
    /// # Errors
    /// The owner does not answer in time.
    pub async fn snapshot(&self, shared: &StreamView) -> Result<Arc<crate::directory::Snapshot>, AskError> {
        shared.asked_ms.store(crate::clock::millis_since(self.started).max(1), Ordering::Relaxed);
        if let Some(s) = shared.snapshot.load_full() {
            return Ok(s);
        }
        self.fresh_snapshot(shared).await
    }

    /// A snapshot of a stream as it is now.
    ///
    /// # Errors
    /// The owner does not answer in time.
    pub async fn fresh_snapshot(&self, shared: &StreamView) -> Result<Arc<crate::directory::Snapshot>, AskError> {
        let stream = shared.name.clone();
        self.ask(&shared.name, |reply| OwnerRequest::Publish { stream, reply }).await?.ok_or(AskError::Gone)
    }
}

fn put(port: &OwnerPort, question: OwnerRequest) -> Result<(), AskError> {
    port.control.try_send(question).map_err(|e| match e {
        TrySendError::Full(_) => AskError::Busy,
        TrySendError::Disconnected(_) => AskError::Gone,
    })
}

async fn wait<T>(receiver: oneshot::Receiver<T>) -> Result<T, AskError> {
    match tokio::time::timeout(PATIENCE, receiver).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(_)) => Err(AskError::Gone),
        Err(_) => Err(AskError::Late),
    }
}

/// Which owner a stream belongs to, for good.
pub fn owner_of(stream: &str, owners: usize) -> usize {
    (xxhash_rust::xxh3::xxh3_64(stream.as_bytes()) % owners as u64) as usize
}

/// Events by stream, in the order in which streams first appear.
fn by_stream(events: Vec<(Arc<str>, InboxEvent)>) -> Vec<(Arc<str>, Vec<InboxEvent>)> {
    let mut out: Vec<(Arc<str>, Vec<InboxEvent>)> = Vec::new();
    let mut places: FxHashMap<Arc<str>, usize> = FxHashMap::default();
    let n = events.len();
    for (stream, item) in events {
        match out.last_mut() {
            Some((last, items)) if *last == stream => items.push(item),
            _ => match places.get(&stream) {
                Some(i) => out[*i].1.push(item),
                None => {
                    places.insert(stream.clone(), out.len());
                    let mut items = Vec::with_capacity(if out.is_empty() { n } else { 1 });
                    items.push(item);
                    out.push((stream, items));
                }
            },
        }
    }
    out
}
