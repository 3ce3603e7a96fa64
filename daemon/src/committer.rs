//! The committer: one thread that makes what all owners have learnt durable, many groups at a time.

use crate::clock::now_us;
use crate::directory::StreamView;
use crate::fault::Fault;
use crate::telemetry;
use crate::ticket::{Pending, marks};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use surmise_store::group::Group;
use surmise_store::{Store, StoreError, StreamEntry};

/// Hand-offs that may wait; an owner with more waits.
const HANDOFFS: usize = 64;
/// Bytes that are made durable together at most.
const COMMIT_BYTES: usize = 8 << 20;

/// What an owner hands over.
#[derive(Default)]
pub struct Handoff {
    /// Streams that are new.
    pub entries: Vec<StreamEntry>,
    /// What was learnt.
    pub groups: Vec<(Arc<StreamView>, Group)>,
    /// Who waits for it to be durable.
    pub pending: Vec<Pending>,
}

/// Batches that wait in one hand-off at most.
const BATCHES: usize = 4096;

impl Handoff {
    fn bytes(&self) -> usize {
        self.groups.iter().map(|(_, g)| g.bytes.len()).sum()
    }

    /// Whether there is nothing to be made durable, and nobody who waits.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.groups.is_empty() && self.pending.is_empty()
    }

    /// Whether it is so much that an owner should rather wait than add to it.
    pub fn is_much(&self) -> bool {
        self.pending.len() >= BATCHES || self.bytes() >= COMMIT_BYTES
    }

    /// Takes in what comes after it.
    pub fn absorb(&mut self, more: Handoff) {
        self.entries.extend(more.entries);
        self.groups.extend(more.groups);
        self.pending.extend(more.pending);
    }
}

/// Starts the committer. It ends when all senders are gone and everything is durable.
pub fn start(
    store: Arc<Store>,
    interval: Duration,
    fault: Fault,
) -> std::io::Result<(Sender<Handoff>, JoinHandle<()>)> {
    let (sender, receiver) = crossbeam_channel::bounded(HANDOFFS);
    let run = move || run(&store, interval, &receiver, &fault);
    let thread = std::thread::Builder::new().name("committer".into()).spawn(run)?;
    Ok((sender, thread))
}

fn run(store: &Store, interval: Duration, handoffs: &Receiver<Handoff>, fault: &Fault) {
    let mut last = Instant::now() - interval;
    while let Ok(mut all) = handoffs.recv() {
        gather(&mut all, handoffs, last + interval);
        last = Instant::now();
        if fault.is_set() {
            continue; // what is dropped here is never acknowledged
        }
        if let Err(e) = commit(store, all) {
            fault.set(format!("the log cannot be written: {e}"));
        }
    }
}

/// Takes in what else there is: until the interval is over, or, if it is over already, without waiting.
fn gather(all: &mut Handoff, handoffs: &Receiver<Handoff>, until: Instant) {
    let mut bytes = all.bytes();
    while bytes < COMMIT_BYTES {
        let next = match until.checked_duration_since(Instant::now()) {
            Some(wait) => handoffs.recv_timeout(wait),
            None => handoffs.try_recv().map_err(|_| RecvTimeoutError::Timeout),
        };
        let Ok(next) = next else { break };
        bytes += next.bytes();
        all.absorb(next);
    }
}

fn commit(store: &Store, all: Handoff) -> Result<(), StoreError> {
    let Handoff { entries, groups, pending } = all;
    let marks = marks(&pending);
    if !groups.is_empty() || !entries.is_empty() || !marks.is_empty() {
        let start = Instant::now();
        let (streams, groups): (Vec<Arc<StreamView>>, Vec<Group>) = groups.into_iter().unzip();
        store.log.commit(&entries, &groups, &marks, now_us())?;
        for (shared, g) in streams.iter().zip(&groups) {
            shared.committed.store(g.first_offset + g.span, Ordering::Release);
        }
        metrics::histogram!(telemetry::COMMIT).record(start.elapsed().as_secs_f64());
    }
    pending.into_iter().for_each(Pending::done);
    Ok(())
}
