//! What streams get from their surroundings, passed once, when an owner is constructed.

use crate::clock::Clock;
use crate::disk::DiskState;
use crate::following::FollowerRoom;
use crate::rare_queues::RareQueues;
use crate::storage::Storage;
use std::sync::Arc;
use surmise_event::Record;
use surmise_learner::{JobSink, Learner, Pages};
use surmise_store::StreamId;

/// Opens the key pages of a stream.
pub type OpenPages = Arc<dyn Fn(StreamId) -> Arc<dyn Pages> + Send + Sync>;

/// What is called with each event when it is learnt and before that counts. Tests inject panics with it.
pub type LearningProbe = Arc<dyn Fn(&Record) + Send + Sync>;

/// Does work beside the owner that asks for it, so that it need not wait; the error says why that cannot begin. Tests
/// that decide every order do it at once.
pub type DoBeside = fn(Box<dyn FnOnce() + Send>) -> std::io::Result<()>;

/// Does a piece of work in a thread of its own.
pub fn in_own_thread(work: Box<dyn FnOnce() + Send>) -> std::io::Result<()> {
    std::thread::Builder::new().name("beside".into()).spawn(work).map(drop)
}

/// The services that the streams of an owner use. None of them has a part in what is learnt.
#[derive(Clone)]
pub struct Services {
    /// The source of time.
    pub clock: Arc<dyn Clock>,
    /// Where learners send gradient jobs, if any network's update is delayed.
    pub workers: Option<JobSink>,
    /// Where learners put key states that memory has no room for. Without it they are forgotten.
    pub pages: Option<OpenPages>,
    /// Where producers go that memory has no room for. Without it all stay in memory.
    pub storage: Option<Arc<dyn Storage>>,
    /// Where hashes are worked out.
    pub beside: DoBeside,
    /// The room for outcomes that followers have not read.
    pub followers: Arc<FollowerRoom>,
    /// Where rare events wait for the sinks that ask for them.
    pub rare: Arc<RareQueues>,
    /// Whether the disk has room.
    pub disk: DiskState,
    /// What tests watch learning with.
    pub probe: Option<LearningProbe>,
}

impl Services {
    /// Connects the learner of a stream to the workers and to its key pages.
    pub fn connect(&self, learner: &mut Learner, stream: StreamId) {
        learner.set_job_sink(self.workers.clone());
        if let Some(open) = &self.pages {
            learner.set_pages(open(stream));
        }
    }
}

#[cfg(test)]
impl Services {
    /// The system's clock, no workers, and key pages in a store if one is given.
    pub fn of(store: Option<&Arc<surmise_store::Store>>) -> Arc<Services> {
        let clock = Arc::new(crate::clock::SystemClock::new(std::time::Instant::now()));
        let pages = store.map(|store| {
            let store = Arc::downgrade(store);
            Arc::new(move |stream| Arc::new(surmise_store::StreamPages::new(store.clone(), stream)) as Arc<dyn Pages>)
                as OpenPages
        });
        let storage = store.map(|store| store.clone() as Arc<dyn Storage>);
        let followers = FollowerRoom::new(1 << 20);
        let (rare, disk) = (Arc::new(RareQueues::new(Vec::new())), DiskState::default());
        let (workers, probe, beside) = (None, None, in_own_thread);
        Arc::new(Services { clock, workers, pages, storage, beside, followers, rare, disk, probe })
    }
}
