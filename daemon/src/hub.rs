//! What all parts of a running daemon share: the configuration, the directories of streams and producers, and the ways
//! to the owners. No learner is in here: an owner holds it, and answers questions about it.

use crate::access::AccessPolicy;
use crate::admission::Doors;
use crate::batch::ToldSchema;
use crate::board::Board;
use crate::budget::MemoryBudget;
use crate::directory::Directory;
use crate::fault::Fault;
use crate::fencing::Fencing;
use crate::inbox::{Batch, Closed, Inbox, InboxEvent, ReplyOptions};
use crate::owner::{KnownProducer, OwnerRequest};
use crate::replays::ReplayBoard;
use crate::services::Services;
use crate::source_board::SourceBoard;
use crate::ticket::{ChunkCounts, Outbox};
use crate::tls::OwnCertificate;
use crate::traces::Traces;
use arc_swap::ArcSwap;
use crossbeam_channel::{Sender, TrySendError};
use rustc_hash::FxHashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use surmise_config::Config;
use surmise_store::Store;
use surmise_workers::{DevicePolicy, WorkerPool};
use tokio::sync::{Semaphore, oneshot};
use tokio_util::sync::CancellationToken;

/// Name and version of the daemon, as the welcome and the health answers give them.
pub const SERVER: &str = concat!("surmised ", env!("CARGO_PKG_VERSION"));

/// How long a question to an owner may wait for its answer.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(10);

/// The time between two attempts to ask an owner for whom too many questions wait.
const BUSY_INTERVAL: Duration = Duration::from_millis(5);

/// The ways to one owner.
pub struct OwnerPort {
    /// The inbox that events go into.
    pub inbox: Inbox,
    /// The channel of questions and commands.
    pub control: Sender<OwnerRequest>,
}

/// Why an owner did not answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The channel of questions is full.
    #[error("too many questions are waiting; ask again in a moment")]
    Busy,
    /// The owner is busy with something long.
    #[error("the stream's owner did not answer in time; ask again in a moment")]
    Late,
    /// The owner has ended.
    #[error("the daemon is shutting down")]
    Gone,
}

/// What all parts of a running daemon share.
pub struct Hub {
    /// The configuration that the daemon was started with.
    pub config: Config,
    /// The instant at which the daemon was started.
    pub started: Instant,
    /// The directory of all streams.
    pub directory: Arc<Directory>,
    /// The registry of all producers.
    pub fencing: Arc<Fencing>,
    /// The memory budget.
    pub budget: Arc<MemoryBudget>,
    /// Cancelled when the daemon begins to shut down.
    pub stopping: CancellationToken,
    /// The fault that ends the daemon, if there is one.
    pub fault: Fault,
    /// Whether all streams are restored.
    pub ready: AtomicBool,
    /// The worker pool that computes gradients of networks off the owners' threads, if any stream delays its updates.
    pub workers: Option<WorkerPool>,
    /// What may compute gradients besides the processor.
    pub devices: Arc<DevicePolicy>,
    /// What follows single events.
    pub traces: Arc<Traces>,
    /// Permits to learn the log again in order to say why: one answer at a time, as each takes a thread for itself.
    pub why_permits: Arc<Semaphore>,
    /// Permits to work out a long question, or to keep its long answer while it is sent.
    pub question_permits: Arc<Semaphore>,
    /// Which requests and connections are let in, and what each may do.
    pub access: ArcSwap<AccessPolicy>,
    /// The certificate that listeners on TCP show, if they speak TLS.
    pub certificate: Option<OwnCertificate>,
    /// The configuration that was read again last, held while it is.
    pub reloaded: Mutex<Option<Config>>,
    /// Held while an operator changes a stream.
    pub changing: tokio::sync::Mutex<()>,
    /// Time, workers, key pages and the store, for streams that are made off the owners' threads.
    pub services: Arc<Services>,
    /// All streams at a glance, for those that follow them.
    pub board: Arc<Board>,
    /// What the sources are doing.
    pub sources: SourceBoard,
    /// What is learnt again beside the streams.
    pub replays: ReplayBoard,
    owners: Vec<OwnerPort>,
    store: Mutex<Option<Arc<Store>>>,
    /// The seats of every listener.
    pub doors: Doors,
}

impl Hub {
    /// A hub of a daemon that is not ready yet.
    pub fn new(
        config: Config,
        certificate: Option<OwnCertificate>,
        directory: Arc<Directory>,
        fencing: Arc<Fencing>,
        budget: Arc<MemoryBudget>,
        fault: Fault,
        owners: Vec<OwnerPort>,
        store: Arc<Store>,
        services: Arc<Services>,
        workers: Option<WorkerPool>,
        devices: Arc<DevicePolicy>,
        traces: Traces,
        started: Instant,
    ) -> Hub {
        let question_permits = Arc::new(Semaphore::new(config.limits.questions));
        Hub {
            board: Board::new(directory.clone(), services.clock.clone()),
            workers,
            devices,
            traces: Arc::new(traces),
            access: ArcSwap::from_pointee(AccessPolicy::new(&config)),
            certificate,
            reloaded: Mutex::default(),
            doors: Doors::default(),
            config,
            started,
            directory,
            fencing,
            budget,
            stopping: CancellationToken::new(),
            fault,
            ready: AtomicBool::new(false),
            why_permits: Arc::new(Semaphore::new(1)),
            question_permits,
            changing: tokio::sync::Mutex::default(),
            services,
            sources: SourceBoard::default(),
            replays: ReplayBoard::default(),
            owners,
            store: Mutex::new(Some(store)),
        }
    }

    /// The store, until the daemon shuts down.
    pub fn store(&self) -> Option<Arc<Store>> {
        self.store.lock().unwrap_or_else(|e| e.into_inner()).clone()
    }

    /// Drops the hub's reference to the store, so that the store closes once nothing else uses it.
    pub fn release_store(&self) {
        self.store.lock().unwrap_or_else(|e| e.into_inner()).take();
    }

    /// Whether events are accepted.
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire) && !self.stopping.is_cancelled() && !self.fault.is_set()
    }

    /// The ways to all owners.
    pub fn owners(&self) -> &[OwnerPort] {
        &self.owners
    }

    /// The way to the owner of a stream.
    fn port(&self, stream: &str) -> &OwnerPort {
        &self.owners[owner_of(stream, self.owners.len())]
    }

    /// Sends the events of a chunk to the owners of their streams, in order; waits while inboxes are full.
    ///
    /// `told` is what the sender says of the fields of a stream. `lines` of the sender become answered, and so does
    /// what `counts` says of lines without an event, once the owners have made all events durable or refused them.
    /// The replies go into `outbox`.
    ///
    /// # Errors
    /// The daemon is shutting down.
    pub async fn submit(
        &self,
        events: Vec<(Arc<str>, InboxEvent)>,
        answers: ReplyOptions,
        told: Option<&ToldSchema>,
        outbox: &Arc<Outbox>,
        lines: usize,
        counts: ChunkCounts,
    ) -> Result<(), Closed> {
        // one ticket covers all streams of the chunk: it is answered when the last of them is durable
        let batches = by_stream(events);
        let parts = outbox.ticket(lines, batches.len(), counts);
        for ((stream, items), mut pending) in batches.into_iter().zip(parts) {
            pending.follow(self.traces.begin(&stream, &items, answers, outbox));
            let told = ToldSchema::of(told, &stream);
            let batch = Batch { stream, items, answers, told, pending };
            self.port(&batch.stream).inbox.send(batch).await?;
        }
        Ok(())
    }

    /// Asks the owner of a stream a question.
    ///
    /// # Errors
    /// The owner does not answer in time, or has ended.
    pub async fn ask<T>(
        &self,
        stream: &str,
        question: impl FnOnce(oneshot::Sender<T>) -> OwnerRequest,
    ) -> Result<T, AskError> {
        let (sender, receiver) = oneshot::channel();
        put(self.port(stream), question(sender))?;
        wait(receiver).await
    }

    /// Asks every owner a question; they work on their answers at the same time.
    ///
    /// # Errors
    /// One of them does not answer in time, or has ended.
    pub async fn ask_all<T>(&self, question: impl Fn(oneshot::Sender<T>) -> OwnerRequest) -> Result<Vec<T>, AskError> {
        // all owners are asked before the first answer is waited for
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

    /// Makes sure that the registry knows of a producer what this stream and the log know. Returns how many producers
    /// the stream has forgotten, if it knows nothing of this one.
    ///
    /// # Errors
    /// The owner of the stream does not answer in time, or has ended.
    pub async fn look_up_producer(&self, producer: &Arc<str>, stream: &str) -> Result<u64, AskError> {
        if self.fencing.has_asked(producer, stream) {
            return Ok(0);
        }
        let stream: Arc<str> = stream.into();
        let mark = self.store().and_then(|store| store.log.mark(producer).ok().flatten());
        if let Some(mark) = &mark {
            self.fencing.record_durable(producer, mark.epoch, Some(mark.seq));
        }
        let question = |reply| OwnerRequest::Producer { stream: stream.clone(), producer: producer.clone(), reply };
        let answer = self.ask_patiently(&stream, question).await?;
        if let Some(KnownProducer { known: Some(known), learnt_at, .. }) = answer {
            // what was learnt counts only once it is durable
            if let Some(offset) = learnt_at {
                self.wait_durable(&stream, offset).await?;
            }
            self.fencing.record_durable(producer, known.epoch, known.safe);
        }
        self.fencing.record_asked(producer, &stream);
        Ok(answer.filter(|answer| answer.known.is_none() && mark.is_none()).map_or(0, |answer| answer.forgotten))
    }

    /// Sends a request to the owner of a stream; never waits. Gives it back if too many wait there.
    ///
    /// # Errors
    /// The owner has ended.
    pub fn try_tell(&self, stream: &str, request: OwnerRequest) -> Result<Option<OwnerRequest>, AskError> {
        match self.port(stream).control.try_send(request) {
            Ok(()) => Ok(None),
            Err(TrySendError::Full(request)) => Ok(Some(request)),
            Err(TrySendError::Disconnected(_)) => Err(AskError::Gone),
        }
    }

    /// Waits until the event at an offset of a stream is durable.
    async fn wait_durable(&self, stream: &str, offset: u64) -> Result<(), AskError> {
        let until = Instant::now() + ANSWER_TIME_MAX;
        let Some(view) = self.directory.get(stream) else { return Ok(()) };
        while view.committed.load(Ordering::Acquire) <= offset && offset < view.offset.load(Ordering::Acquire) {
            if Instant::now() >= until {
                return Err(AskError::Late);
            }
            tokio::time::sleep(BUSY_INTERVAL).await;
        }
        Ok(())
    }

    /// Asks the owner of a stream, and asks again where too many questions wait.
    pub async fn ask_patiently<T>(
        &self,
        stream: &str,
        question: impl Fn(oneshot::Sender<T>) -> OwnerRequest,
    ) -> Result<T, AskError> {
        let until = Instant::now() + ANSWER_TIME_MAX;
        loop {
            match self.ask(stream, &question).await {
                Err(AskError::Busy) if Instant::now() < until => tokio::time::sleep(BUSY_INTERVAL).await,
                answer => return answer,
            }
        }
    }
}

/// Sends a question to an owner; never waits.
fn put(port: &OwnerPort, question: OwnerRequest) -> Result<(), AskError> {
    port.control.try_send(question).map_err(|e| match e {
        TrySendError::Full(_) => AskError::Busy,
        TrySendError::Disconnected(_) => AskError::Gone,
    })
}

/// Waits for the answer of an owner.
async fn wait<T>(receiver: oneshot::Receiver<T>) -> Result<T, AskError> {
    match tokio::time::timeout(ANSWER_TIME_MAX, receiver).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(_)) => Err(AskError::Gone),
        Err(_) => Err(AskError::Late),
    }
}

/// The index of the owner that a stream belongs to, for as long as the daemon has so many owners.
pub fn owner_of(stream: &str, owners: usize) -> usize {
    (xxhash_rust::xxh3::xxh3_64(stream.as_bytes()) % owners as u64) as usize
}

/// Groups events by stream. Streams are in the order in which they first appear, events of a stream in their own order.
pub(crate) fn by_stream(events: Vec<(Arc<str>, InboxEvent)>) -> Vec<(Arc<str>, Vec<InboxEvent>)> {
    let mut groups: Vec<(Arc<str>, Vec<InboxEvent>)> = Vec::new();
    let mut index_of: FxHashMap<Arc<str>, usize> = FxHashMap::default();
    let count = events.len();
    for (stream, event) in events {
        match groups.last_mut() {
            // most senders write to one stream for a while
            Some((last, group)) if *last == stream => group.push(event),
            _ => match index_of.get(&stream) {
                Some(index) => groups[*index].1.push(event),
                None => {
                    index_of.insert(stream.clone(), groups.len());
                    // the first stream is often the only one
                    let mut group = Vec::with_capacity(if groups.is_empty() { count } else { 1 });
                    group.push(event);
                    groups.push((stream, group));
                }
            },
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use surmise_event::Record;

    #[test]
    fn events_of_a_chunk_are_grouped_by_stream_in_their_order() {
        let event = |line| InboxEvent { record: Record::default(), origin: None, id: None, seq: None, line, bytes: 0 };
        let sent = [("b", 1), ("a", 2), ("b", 3), ("b", 4), ("a", 5)];
        let groups = by_stream(sent.iter().map(|(stream, line)| (Arc::from(*stream), event(*line))).collect());
        let lines = |group: &[InboxEvent]| group.iter().map(|event| event.line).collect::<Vec<_>>();
        let grouped: Vec<_> = groups.iter().map(|(stream, group)| (&**stream, lines(group))).collect();
        assert_eq!(grouped, [("b", vec![1, 3, 4]), ("a", vec![2, 5])]);
    }
}
