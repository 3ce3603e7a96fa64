//! Replays: ranges of a stream's own log that are learnt again, each in a learner that nobody else sees.
//!
//! This is the board of them: one runs, a few wait, and the latest are kept, in memory alone. Who runs them is
//! [`worker`]; what may be asked for, [`plan`]; and how one goes, [`run`].

mod course;
mod pace;
mod plan;
mod run;
mod worker;

pub use plan::{PlanError, ReplayPlan, plan};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;
use surmise_protocol::{Replay, ReplayState};
pub use worker::start as start_worker;

/// Replays that may wait while one runs.
pub const WAITING_MAX: usize = 8;
/// Replays that are kept; those that are over for longest are forgotten first.
pub const KEPT_MAX: usize = 32;

/// All replays of the daemon.
#[derive(Default)]
pub struct ReplayBoard {
    board: Mutex<KeptReplays>,
}

#[derive(Default)]
struct KeptReplays {
    /// The latest number of a replay.
    latest: u64,
    /// The oldest first.
    entries: VecDeque<BoardEntry>,
    /// The thread that runs them, or ran the latest of them.
    thread: Option<JoinHandle<()>>,
    /// Whether that thread looks for what waits once more before it ends.
    is_working: bool,
    /// Whether the daemon is shutting down.
    is_over: bool,
}

struct BoardEntry {
    replay: Replay,
    plan: Arc<ReplayPlan>,
    stop: Arc<AtomicBool>,
    /// When it began to run.
    began: Option<Instant>,
}

/// Why a replay is not taken.
#[derive(Debug, thiserror::Error)]
pub enum NotTaken {
    /// Too many wait.
    #[error("{WAITING_MAX} replays wait already; delete one, or ask again when one is done")]
    Full,
    /// The daemon is shutting down.
    #[error("the daemon is shutting down")]
    Over,
}

/// A replay whose turn it is.
pub struct NextReplay {
    /// Its number.
    pub id: u64,
    /// The name of the stream.
    pub stream: Arc<str>,
    /// What is to be learnt.
    pub plan: Arc<ReplayPlan>,
    /// Set when it is to stop.
    pub stop: Arc<AtomicBool>,
}

impl BoardEntry {
    /// The replay as it is now.
    fn now(&self) -> Replay {
        let mut replay = self.replay.clone();
        if let (ReplayState::Running, Some(began)) = (replay.state, self.began) {
            replay.seconds = began.elapsed().as_secs_f64();
        }
        replay
    }
}

impl KeptReplays {
    fn waiting(&self) -> usize {
        self.entries.iter().filter(|entry| entry.replay.state == ReplayState::Waiting).count()
    }
}

impl ReplayBoard {
    fn board(&self) -> MutexGuard<'_, KeptReplays> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a replay, which waits until those before it are over. Also tells whether a thread has to be started, as
    /// none runs replays now.
    ///
    /// # Errors
    /// Too many wait, or the daemon is shutting down.
    pub fn enter(&self, replay: Replay, plan: ReplayPlan) -> Result<(Replay, bool), NotTaken> {
        let mut board = self.board();
        if board.is_over {
            return Err(NotTaken::Over);
        }
        // the one that has yet to begin waits for nothing
        let room = WAITING_MAX + usize::from(!board.entries.iter().any(|e| e.replay.state == ReplayState::Running));
        if board.waiting() >= room {
            return Err(NotTaken::Full);
        }
        board.latest += 1;
        let replay = Replay { id: board.latest, state: ReplayState::Waiting, ..replay };
        let entry = BoardEntry { replay: replay.clone(), plan: Arc::new(plan), stop: Arc::default(), began: None };
        board.entries.push_back(entry);
        if board.entries.len() > KEPT_MAX {
            let is_over = |e: &BoardEntry| !matches!(e.replay.state, ReplayState::Waiting | ReplayState::Running);
            let oldest = board.entries.iter().position(is_over);
            oldest.and_then(|place| board.entries.remove(place));
        }
        let needs_thread = !std::mem::replace(&mut board.is_working, true);
        Ok((replay, needs_thread))
    }

    /// Keeps the handle of the thread that runs replays.
    pub fn keep_thread(&self, thread: JoinHandle<()>) {
        // the one before has ended, or will at once
        self.board().thread = Some(thread);
    }

    /// Notes that no thread could be started: what waits fails.
    pub fn give_up(&self, why: &str) {
        let mut board = self.board();
        board.is_working = false;
        for entry in board.entries.iter_mut().filter(|entry| entry.replay.state == ReplayState::Waiting) {
            entry.replay.state = ReplayState::Failed;
            entry.replay.detail = Some(format!("no thread can be started: {why}"));
        }
    }

    /// The replay whose turn it is; `None` if none waits, and then the thread that asked ends.
    pub fn next(&self) -> Option<NextReplay> {
        let mut board = self.board();
        let is_over = board.is_over;
        let waits = |entry: &&mut BoardEntry| !is_over && entry.replay.state == ReplayState::Waiting;
        let Some(entry) = board.entries.iter_mut().find(waits) else {
            board.is_working = false;
            return None;
        };
        entry.replay.state = ReplayState::Running;
        entry.began = Some(Instant::now());
        let (id, stream) = (entry.replay.id, entry.replay.stream.clone());
        Some(NextReplay { id, stream, plan: entry.plan.clone(), stop: entry.stop.clone() })
    }

    /// Notes how far a replay has come, if it is still kept.
    pub fn update(&self, id: u64, change: impl FnOnce(&mut Replay)) {
        if let Some(entry) = self.board().entries.iter_mut().find(|entry| entry.replay.id == id) {
            change(&mut entry.replay);
        }
    }

    /// Notes that a replay is over, and why if it failed.
    pub fn settle(&self, id: u64, state: ReplayState, detail: Option<String>) {
        if let Some(entry) = self.board().entries.iter_mut().find(|entry| entry.replay.id == id) {
            entry.replay.seconds = entry.began.map_or(0.0, |began| began.elapsed().as_secs_f64());
            (entry.replay.state, entry.replay.detail) = (state, detail);
        }
    }

    /// All replays that are kept, the newest first.
    pub fn all(&self) -> Vec<Replay> {
        self.board().entries.iter().rev().map(BoardEntry::now).collect()
    }

    /// One replay.
    pub fn get(&self, id: u64) -> Option<Replay> {
        self.board().entries.iter().find(|entry| entry.replay.id == id).map(BoardEntry::now)
    }

    /// Forgets a replay, and stops it if it runs or waits. Returns what it was.
    pub fn remove(&self, id: u64) -> Option<Replay> {
        let mut board = self.board();
        let place = board.entries.iter().position(|entry| entry.replay.id == id)?;
        let entry = board.entries.remove(place)?;
        entry.stop.store(true, Ordering::Relaxed);
        Some(entry.now())
    }

    /// How many replays run, and how many wait.
    pub fn busy(&self) -> (usize, usize) {
        let board = self.board();
        let running = board.entries.iter().filter(|entry| entry.replay.state == ReplayState::Running).count();
        (running, board.waiting())
    }

    /// Stops all replays and takes no more. Returns the thread that runs them, which ends soon.
    pub fn stop(&self) -> Option<JoinHandle<()>> {
        let mut board = self.board();
        board.is_over = true;
        for entry in &mut board.entries {
            entry.stop.store(true, Ordering::Relaxed);
            if entry.replay.state == ReplayState::Waiting {
                entry.replay.state = ReplayState::Stopped;
            }
        }
        board.thread.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enter(board: &ReplayBoard) -> Result<u64, NotTaken> {
        board.enter(Replay::default(), ReplayPlan::default()).map(|(replay, _)| replay.id)
    }

    #[test]
    fn one_runs_few_wait_and_the_latest_are_kept() {
        let board = ReplayBoard::default();
        let (first, needs_thread) = board.enter(Replay::default(), ReplayPlan::default()).unwrap();
        assert_eq!((first.id, needs_thread), (1, true));
        assert_eq!(board.next().map(|next| next.id), Some(1));
        for id in 2..=9 {
            assert_eq!(enter(&board).unwrap(), id);
        }
        assert!(matches!(enter(&board), Err(NotTaken::Full)));
        assert_eq!(board.busy(), (1, WAITING_MAX));
        for id in 1..60 {
            board.settle(id, ReplayState::Done, None);
            assert_eq!(enter(&board).unwrap(), id + 9, "there is room for one more");
            assert_eq!(board.next().map(|next| next.id), Some(id + 1));
        }
        let kept: Vec<u64> = board.all().iter().map(|replay| replay.id).collect();
        assert_eq!(kept, (37..=68).rev().collect::<Vec<_>>());
    }

    #[test]
    fn what_is_forgotten_is_stopped_and_its_thread_goes_on_with_the_next() {
        let board = ReplayBoard::default();
        assert_eq!([(); 3].map(|()| enter(&board).unwrap()), [1, 2, 3]);
        let running = board.next().unwrap();
        assert_eq!(board.remove(2).map(|replay| replay.state), Some(ReplayState::Waiting));
        assert_eq!(board.remove(1).map(|replay| replay.state), Some(ReplayState::Running));
        assert!(running.stop.load(Ordering::Relaxed) && board.remove(1).is_none());
        board.update(1, |_| panic!("it is forgotten"));
        assert_eq!(board.next().map(|next| next.id), Some(3));
        board.settle(3, ReplayState::Failed, Some("why".into()));
        assert!(board.next().is_none());
        assert!(board.enter(Replay::default(), ReplayPlan::default()).unwrap().1, "a thread is needed again");
        board.stop();
        assert!(board.next().is_none() && matches!(enter(&board), Err(NotTaken::Over)));
        assert_eq!(board.get(4).map(|replay| replay.state), Some(ReplayState::Stopped));
    }
}
