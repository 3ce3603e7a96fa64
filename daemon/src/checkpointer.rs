//! The checkpointer: it encodes and writes the states that owners copy, and trims the log behind them. Making the copy
//! is all that a stream waits for.
//!
//! A checkpoint is written only after the log is durable up to its offset and its key pages are durable, so recovery
//! never begins ahead of either. [`Checkpointer::step`] never waits; only [`Checkpointer::run`], the loop of its
//! thread, does.

mod relief;

use crate::budget::CopyRoom;
use crate::checkpoint::{CheckpointFailure, CheckpointReply};
use crate::checkpoint_queue::{CheckpointJob, CheckpointReceiver, QueuedCheckpoint};
use crate::directory::{Directory, StreamView};
use crate::disk::{DiskState, RoomSearch};
use crate::fault::Fault;
use crate::storage::Storage;
use crate::telemetry;
use crossbeam_channel::TryRecvError;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use surmise_store::{CheckpointDraft, CheckpointMeta, StoreError};

/// Bytes of checkpoints that are written together, unless a single one is larger.
const WRITE_BYTES_MAX: usize = 64 << 20;
/// The time between two looks whether the log has become durable.
const LOG_POLL_INTERVAL: Duration = Duration::from_millis(1);

/// The time between two looks whether room is asked for while no checkpoints come, and how many of them are followed by
/// one at the disk budget.
const ASK_POLL_INTERVAL: Duration = Duration::from_millis(100);
const RELIEF_POLLS: u32 = 20;

/// What a step of the checkpointer came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckpointerStep {
    /// Nothing has come.
    Idle,
    /// The log is not durable yet up to the encoded checkpoints.
    WaitingForLog,
    /// The checkpoints that had come are written, or their failure is reported.
    Finished,
    /// No owner is left, and everything is written.
    Closed,
}

/// When room was last given back.
#[derive(Default)]
struct Relief {
    /// Bytes that were used after the latest look.
    used_bytes: u64,
    /// Whether the next look is made whatever is used.
    is_due: bool,
}

/// A checkpoint that is ready to be written.
struct EncodedCheckpoint {
    view: Arc<StreamView>,
    draft: CheckpointDraft,
    reply: Option<CheckpointReply>,
    room: Option<CopyRoom>,
}

impl EncodedCheckpoint {
    fn bytes(&self) -> usize {
        self.draft.learner.len() + self.draft.summary.len()
    }
}

/// What the checkpointer does with the jobs in the queue.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It encodes them.
    Gathering,
    /// It leaves them there until those that are encoded are written.
    WaitingForLog,
}

/// Whether the log is durable up to the checkpoints that are to be written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LogState {
    Durable,
    /// It will not be for long: the daemon has a fault, or the disk no room.
    Behind,
}

/// The checkpointer of a daemon.
pub struct Checkpointer {
    storage: Arc<dyn Storage>,
    directory: Arc<Directory>,
    fault: Fault,
    disk: DiskState,
    jobs: CheckpointReceiver,
    /// Bytes deleted at the beginning of the logs, by the stream's number.
    trimmed_bytes: BTreeMap<u32, u64>,
    log_bytes_max: u64,
    relief: Relief,
    stage: Stage,
    encoded: Vec<EncodedCheckpoint>,
    /// The estimated bytes of the jobs behind `encoded`.
    estimated_bytes: usize,
}

impl Checkpointer {
    /// A checkpointer of the jobs in a queue, which keeps the log below `log_bytes_max` where checkpoints allow it.
    pub fn new(
        storage: Arc<dyn Storage>,
        directory: Arc<Directory>,
        trimmed_bytes: BTreeMap<u32, u64>,
        log_bytes_max: u64,
        fault: Fault,
        disk: DiskState,
        jobs: CheckpointReceiver,
    ) -> Checkpointer {
        Checkpointer {
            storage,
            directory,
            fault,
            disk,
            jobs,
            trimmed_bytes,
            log_bytes_max,
            relief: Relief::default(),
            stage: Stage::Gathering,
            encoded: Vec::new(),
            estimated_bytes: 0,
        }
    }

    /// Writes checkpoints until all owners are gone and everything is written.
    pub fn run(mut self) {
        let mut polls = 0;
        loop {
            match self.step() {
                CheckpointerStep::Idle => match self.jobs.jobs.recv_timeout(ASK_POLL_INTERVAL) {
                    Ok(first) => self.encode(first),
                    Err(_) => {
                        polls = (polls + 1) % RELIEF_POLLS;
                        if polls == 0 && self.disk.search() != RoomSearch::Asked {
                            self.give_room_back();
                        }
                    }
                },
                CheckpointerStep::WaitingForLog => std::thread::sleep(LOG_POLL_INTERVAL),
                CheckpointerStep::Finished => {}
                CheckpointerStep::Closed => return,
            }
        }
    }

    /// Encodes what has come, and writes it once the log is durable up to it.
    pub fn step(&mut self) -> CheckpointerStep {
        if self.disk.search() == RoomSearch::Asked {
            self.give_room_back();
            self.disk.set_searched();
        }
        let open = self.gather();
        if self.estimated_bytes == 0 && self.encoded.is_empty() {
            return if open { CheckpointerStep::Idle } else { CheckpointerStep::Closed };
        }
        let durable = self.encoded.iter().all(|e| e.view.committed.load(Ordering::Acquire) >= e.draft.offset);
        // where the disk has no room, none waits for the log: the copies behind it are for readers, too
        if !durable && !self.fault.is_set() && !self.disk.is_full() {
            self.stage = Stage::WaitingForLog;
            return CheckpointerStep::WaitingForLog;
        }
        self.stage = Stage::Gathering;
        let encoded = std::mem::take(&mut self.encoded);
        if !encoded.is_empty() {
            self.write(encoded, if durable { LogState::Durable } else { LogState::Behind });
        }
        self.jobs.finished(std::mem::take(&mut self.estimated_bytes));
        if let Err(e) = self.trim_by(0) {
            tracing::warn!("the log cannot be trimmed: {e}");
        }
        if let Err(e) = self.relieve() {
            tracing::warn!("no room can be given back: {e}");
        }
        CheckpointerStep::Finished
    }

    /// Gives room back whether or not checkpoints come, as when there is no room for events.
    fn give_room_back(&mut self) {
        self.relief.is_due = true;
        if let Err(e) = self.relieve() {
            tracing::warn!("no room can be given back: {e}");
        }
    }

    /// Encodes jobs until they are enough to be written together. Returns whether more may come.
    fn gather(&mut self) -> bool {
        // nothing is added to what waits for the log, which bounds the memory of encoded checkpoints
        if self.stage == Stage::WaitingForLog {
            return true;
        }
        while self.encoded.iter().map(EncodedCheckpoint::bytes).sum::<usize>() < WRITE_BYTES_MAX {
            match self.jobs.jobs.try_recv() {
                Ok(queued) => self.encode(queued),
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
        true
    }

    /// Encodes one job; if that panics, the failure is reported and the job is given up.
    fn encode(&mut self, QueuedCheckpoint { job, estimated_bytes }: QueuedCheckpoint) {
        let CheckpointJob { view, state, reply, room } = job;
        self.estimated_bytes += estimated_bytes;
        match catch_unwind(AssertUnwindSafe(|| state.encode())) {
            Ok(draft) => self.encoded.push(EncodedCheckpoint { view, draft, reply, room }),
            Err(_) => {
                tracing::error!(stream = &*view.name, "{}", CheckpointFailure::Encoding);
                finish(&view, reply, Err(CheckpointFailure::Encoding));
            }
        }
    }

    /// Writes checkpoints and reports the result.
    fn write(&self, encoded: Vec<EncodedCheckpoint>, log: LogState) {
        let mut waiting = Vec::with_capacity(encoded.len());
        let mut drafts = Vec::with_capacity(encoded.len());
        let mut rooms = Vec::with_capacity(encoded.len());
        for EncodedCheckpoint { view, draft, reply, room } in encoded {
            waiting.push((view, reply));
            drafts.push(draft);
            rooms.push(room);
        }
        let written = match log {
            LogState::Durable => self.write_drafts(&drafts).map_err(|e| CheckpointFailure::Store(Arc::new(e))),
            LogState::Behind => Err(CheckpointFailure::LogNotDurable),
        };
        drop((drafts, rooms));
        if let Err(e) = &written {
            tracing::error!("checkpoints are not written: {e}");
            // without a checkpoint the log is never trimmed: a start mends what cannot be mended here
            if let CheckpointFailure::Store(e) = e
                && e.ends_its_database()
            {
                self.fault.set(format!("checkpoints cannot be written: {e}"));
            }
        }
        for (place, (view, reply)) in waiting.into_iter().enumerate() {
            finish(&view, reply, written.as_ref().map(|metas| metas[place].clone()).map_err(Clone::clone));
        }
    }

    fn write_drafts(&self, drafts: &[CheckpointDraft]) -> Result<Vec<CheckpointMeta>, StoreError> {
        if drafts.iter().any(|draft| draft.pages > 0) {
            self.storage.flush_pages()?;
        }
        self.storage.write_checkpoints(drafts)
    }

    /// Deletes what every kept checkpoint of its stream covers, from the streams with the longest logs, until the log
    /// is within its bound and so many bytes are gone. Returns how many that were.
    fn trim_by(&mut self, bytes: u64) -> Result<u64, StoreError> {
        let kept_bytes = |view: &StreamView, trimmed: &BTreeMap<u32, u64>| {
            let logged = view.logged_bytes.load(Ordering::Relaxed);
            logged.saturating_sub(trimmed.get(&view.number).copied().unwrap_or(0))
        };
        let views = self.directory.all();
        let mut sizes: Vec<(u64, u32)> =
            views.iter().map(|view| (kept_bytes(view, &self.trimmed_bytes), view.number)).collect();
        let past: u64 = views.iter().map(|view| view.past_bytes.load(Ordering::Relaxed)).sum();
        let mut total: u64 = past + sizes.iter().map(|(bytes, _)| bytes).sum::<u64>();
        let before = total;
        let most = self.log_bytes_max.min(total.saturating_sub(bytes));
        if total <= most {
            return Ok(0);
        }
        sizes.sort_unstable_by(|a, b| b.cmp(a));
        let mut entries: BTreeMap<u32, _> = self.storage.streams()?.into_iter().map(|e| (e.number, e)).collect();
        // what was before a stream is asked for least: by whoever looks that far back, and to learn it all again
        for view in views.iter().filter(|view| view.past_bytes.load(Ordering::Relaxed) > 0) {
            let (Some(entry), true) = (entries.get_mut(&view.number), total > most) else { continue };
            for part in std::mem::take(&mut entry.past) {
                self.storage.clear_stream(part.number, false, true)?;
            }
            entry.past_is_lost = true;
            self.storage.commit(std::slice::from_ref(entry), &[], &[], 0)?;
            let deleted = view.past_bytes.swap(0, Ordering::Relaxed);
            tracing::info!(stream = entry.name, bytes = deleted, "the log of what was before the stream was deleted");
            total = total.saturating_sub(deleted);
        }
        for (_, number) in sizes {
            if total <= most {
                break;
            }
            let covered = self.storage.checkpoints(number).iter().map(|meta| meta.offset).min();
            let (Some(covered), Some(mut entry)) = (covered, entries.remove(&number)) else { continue };
            let deleted = self.storage.trim_log(&mut entry, covered, total - most)?;
            if deleted > 0 {
                tracing::info!(stream = entry.name, bytes = deleted, before = covered, "the log was trimmed");
            }
            self.trimmed_bytes.insert(number, entry.trimmed_bytes);
            total = total.saturating_sub(deleted);
        }
        Ok(before - total)
    }
}

/// Reports the result of one checkpoint to the stream's view, the metrics, and the request for it.
fn finish(view: &StreamView, reply: Option<CheckpointReply>, result: Result<CheckpointMeta, CheckpointFailure>) {
    if let Ok(meta) = &result {
        metrics::gauge!(telemetry::CHECKPOINT_TIME).set(meta.time_us as f64 / 1e6);
        metrics::gauge!(telemetry::CHECKPOINT_BYTES).set(meta.bytes as f64);
        view.checkpoint.store(Some(Arc::new(meta.clone())));
    }
    view.checkpoints_pending.fetch_sub(1, Ordering::Relaxed);
    if let Some(reply) = reply {
        let _ = reply.send(result);
    }
}
