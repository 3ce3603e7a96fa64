//! The checkpointer: one thread that encodes and writes copies of states, and trims the log behind them. Owners only
//! make the copy, which is all that their streams wait for.

use crate::directory::{Directory, StreamView};
use crate::fault::Fault;
use crate::stream::CheckpointState;
use crate::telemetry;
use crossbeam_channel::{Receiver, Sender, TrySendError};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use surmise_store::{CheckpointDraft, CheckpointMeta, Store, StoreError};
use tokio::sync::oneshot;

/// Checkpoints that may wait; an owner with more waits.
const JOBS: usize = 8;
/// Bytes that are written together at most, unless a single checkpoint is larger.
const TOGETHER_BYTES: usize = 64 << 20;
/// How large a stream's first checkpoint is taken to be.
const FIRST_BYTES: usize = 4 << 20;
/// Bytes under way beyond which owners put off regular checkpoints.
const BUSY_BYTES: usize = 64 << 20;

/// A checkpoint to write.
pub struct Job {
    /// Its stream.
    pub shared: Arc<StreamView>,
    /// The state.
    pub frozen: CheckpointState,
    /// Who wants to know.
    pub reply: Option<oneshot::Sender<Result<CheckpointMeta, String>>>,
}

impl Job {
    /// About how large it is: as large as the one before.
    fn bytes(&self) -> usize {
        self.shared.checkpoint.load().as_ref().map_or(FIRST_BYTES, |m| m.bytes as usize)
    }
}

/// A checkpoint that is to be written, and whom to tell.
struct Encoded {
    shared: Arc<StreamView>,
    draft: CheckpointDraft,
    reply: Option<oneshot::Sender<Result<CheckpointMeta, String>>>,
}

impl Encoded {
    /// Encodes a job; nothing if that fails inside.
    fn new(Job { shared, frozen, reply }: Job) -> Option<Encoded> {
        match catch_unwind(AssertUnwindSafe(|| frozen.encode())) {
            Ok(draft) => Some(Encoded { shared, draft, reply }),
            Err(_) => {
                let why = "encoding a checkpoint failed inside; this is a bug";
                tracing::error!(stream = &*shared.name, "{why}");
                shared.checkpoints_pending.fetch_sub(1, Ordering::Relaxed);
                if let Some(reply) = reply {
                    let _ = reply.send(Err(why.into()));
                }
                None
            }
        }
    }
}

fn lost(job: &Job) {
    tracing::error!(stream = &*job.shared.name, "a checkpoint is not written: the checkpointer is gone");
}

/// The way to the checkpointer.
#[derive(Clone)]
pub struct Jobs {
    sender: Sender<(usize, Job)>,
    bytes: Arc<AtomicUsize>,
}

impl Jobs {
    /// Hands a job over; waits while many are waiting.
    pub fn send(&self, job: Job) {
        let bytes = self.expect(&job);
        if let Err(e) = self.sender.send((bytes, job)) {
            lost(&e.0.1);
        }
    }

    /// Hands a job over, or back where it would have to wait.
    ///
    /// # Errors
    /// The job, if many are waiting.
    #[allow(clippy::result_large_err)]
    pub fn try_send(&self, job: Job) -> Result<(), Job> {
        let bytes = self.expect(&job);
        match self.sender.try_send((bytes, job)) {
            Ok(()) => {}
            Err(TrySendError::Disconnected((_, job))) => lost(&job),
            Err(TrySendError::Full((_, job))) => {
                self.bytes.fetch_sub(bytes, Ordering::Relaxed);
                job.shared.checkpoints_pending.fetch_sub(1, Ordering::Relaxed);
                return Err(job);
            }
        }
        Ok(())
    }

    /// Counts a job as under way; returns how large it is.
    fn expect(&self, job: &Job) -> usize {
        let bytes = job.bytes();
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        job.shared.checkpoints_pending.fetch_add(1, Ordering::Relaxed);
        bytes
    }

    /// Whether regular checkpoints had better be put off.
    pub fn is_busy(&self) -> bool {
        self.sender.is_full() || self.bytes.load(Ordering::Relaxed) > BUSY_BYTES
    }
}

/// Starts the checkpointer. It ends when all senders are gone and everything is written.
pub fn start(
    store: Arc<Store>,
    directory: Arc<Directory>,
    trimmed: BTreeMap<u32, u64>,
    log_bytes_max: u64,
    fault: Fault,
) -> std::io::Result<(Jobs, JoinHandle<()>)> {
    let (sender, receiver) = crossbeam_channel::bounded(JOBS);
    let bytes = Arc::new(AtomicUsize::new(0));
    let jobs = Jobs { sender, bytes: bytes.clone() };
    let mut me = Checkpointer { store, directory, fault, bytes, trimmed, log_bytes_max };
    let thread = std::thread::Builder::new().name("checkpointer".into()).spawn(move || me.run(&receiver))?;
    Ok((jobs, thread))
}

struct Checkpointer {
    store: Arc<Store>,
    fault: Fault,
    bytes: Arc<AtomicUsize>,
    directory: Arc<Directory>,
    /// Bytes deleted at the beginning of streams' logs.
    trimmed: BTreeMap<u32, u64>,
    log_bytes_max: u64,
}

impl Checkpointer {
    fn run(&mut self, jobs: &Receiver<(usize, Job)>) {
        while let Ok(first) = jobs.recv() {
            let mut next = Some(first);
            let (mut all, mut bytes, mut counted) = (Vec::new(), 0, 0);
            while let Some((estimate, job)) = next {
                counted += estimate;
                if let Some(encoded) = Encoded::new(job) {
                    bytes += encoded.draft.learner.len() + encoded.draft.summary.len();
                    all.push(encoded);
                }
                next = if bytes < TOGETHER_BYTES { jobs.try_recv().ok() } else { None };
            }
            if !all.is_empty() {
                self.write(all);
            }
            self.bytes.fetch_sub(counted, Ordering::Relaxed);
            if let Err(e) = self.trim() {
                tracing::warn!("the log cannot be trimmed: {e}");
            }
        }
    }

    fn write(&mut self, all: Vec<Encoded>) {
        let mut outsides = Vec::new();
        let mut drafts = Vec::new();
        for Encoded { shared, draft, reply } in all {
            outsides.push((shared, reply));
            drafts.push(draft);
        }
        // a checkpoint never runs ahead of the log
        let durable = outsides.iter().zip(&drafts).all(|((shared, _), d)| self.wait_for_log(shared, d.offset));
        // nor ahead of the pages of its keys
        let pages = if drafts.iter().any(|d| d.pages > 0) { self.store.pages.flush() } else { Ok(()) };
        let result = match durable {
            true => pages.and_then(|()| self.store.checkpoints.write(&drafts)).map_err(|e| e.to_string()),
            false => Err("the log cannot be written".to_owned()),
        };
        if let Err(e) = &result {
            tracing::error!("checkpoints are not written: {e}");
        }
        for (i, (shared, reply)) in outsides.into_iter().enumerate() {
            let one = result.as_ref().map(|metas| metas[i].clone()).map_err(Clone::clone);
            if let Ok(meta) = &one {
                metrics::gauge!(telemetry::CHECKPOINT_TIME).set(meta.time_us as f64 / 1e6);
                metrics::gauge!(telemetry::CHECKPOINT_BYTES).set(meta.bytes as f64);
                shared.checkpoint.store(Some(Arc::new(meta.clone())));
            }
            shared.checkpoints_pending.fetch_sub(1, Ordering::Relaxed);
            if let Some(reply) = reply {
                let _ = reply.send(one);
            }
        }
    }

    fn wait_for_log(&self, shared: &StreamView, offset: u64) -> bool {
        while shared.committed.load(Ordering::Acquire) < offset {
            if self.fault.is_set() {
                return false;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        true
    }

    /// Deletes what every kept checkpoint of its stream covers, from the streams with the longest logs, until the log
    /// is within its bound.
    fn trim(&mut self) -> Result<(), StoreError> {
        let kept = |s: &StreamView, trimmed: &BTreeMap<u32, u64>| {
            let logged = s.logged_bytes.load(Ordering::Relaxed);
            logged.saturating_sub(trimmed.get(&s.number).copied().unwrap_or(0))
        };
        let mut sizes: Vec<(u64, u32)> =
            self.directory.all().iter().map(|s| (kept(s, &self.trimmed), s.number)).collect();
        let mut total: u64 = sizes.iter().map(|(bytes, _)| bytes).sum();
        if total <= self.log_bytes_max {
            return Ok(());
        }
        sizes.sort_unstable_by(|a, b| b.cmp(a));
        let mut entries: BTreeMap<u32, _> = self.store.log.streams()?.into_iter().map(|e| (e.number, e)).collect();
        for (_, number) in sizes {
            if total <= self.log_bytes_max {
                break;
            }
            let covered = self.store.checkpoints.of(number).iter().map(|m| m.offset).min();
            let (Some(covered), Some(mut entry)) = (covered, entries.remove(&number)) else { continue };
            let gone = self.store.log.trim(&mut entry, covered, total - self.log_bytes_max)?;
            if gone > 0 {
                tracing::info!(stream = entry.name, bytes = gone, before = covered, "the log was trimmed");
            }
            self.trimmed.insert(number, entry.trimmed_bytes);
            total = total.saturating_sub(gone);
        }
        Ok(())
    }
}
