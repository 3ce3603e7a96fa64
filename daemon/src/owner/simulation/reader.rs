//! Readers of a simulated world: they ask for states, read snapshots, follow outcomes and ask for checkpoints.

use super::super::request::OwnerRequest;
use super::checks::ShownBy;
use super::process::Process;
use super::world::World;
use crate::following::FollowedOutcome;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::broadcast::{Receiver, error::TryRecvError};
use tokio::sync::oneshot;

/// A follower of a stream's outcomes, who may be slow.
pub struct SimulatedFollower {
    stream: Arc<str>,
    outcomes: Receiver<Arc<FollowedOutcome>>,
    latest: Option<u64>,
}

impl World {
    /// A reader asks something, or follows a stream.
    pub fn step_reader(&mut self, process: &mut Process) {
        let place = self.pick(self.streams.len());
        let stream = self.streams[place].clone();
        let choice = self.pick(10);
        if process.directory.get(&stream).is_none() {
            return;
        }
        match choice {
            0 => self.see_state(process, &stream),
            1 | 2 => {
                let view = process.directory.get(&stream).expect("it is there");
                view.asked_ms.store(self.clock.elapsed().as_millis() as u64, Ordering::Relaxed);
                let name = stream.clone();
                let (reply, _) = oneshot::channel();
                let _ = process.seat(&stream).requests.try_send(OwnerRequest::Publish { stream: name, reply });
            }
            3..=5 => {
                let view = process.directory.get(&stream).expect("it is there");
                if let Some(snapshot) = view.snapshot.load_full() {
                    let mut learner = snapshot.learner.clone();
                    self.seen.see(view.number, ShownBy::Snapshot, learner.offset(), learner.state_hash());
                }
            }
            6 => {
                let (reply, _) = oneshot::channel();
                let one = Some(stream.clone()).filter(|_| self.random.below(2) == 0);
                let _ = process.seat(&stream).requests.try_send(OwnerRequest::Checkpoint { stream: one, reply });
            }
            7 if self.followers.len() < 4 => {
                let outcomes = process.directory.get(&stream).expect("it is there").outcomes.follow();
                self.followers.push(SimulatedFollower { stream, outcomes, latest: None });
            }
            _ => self.read_outcomes(),
        }
    }

    fn see_state(&mut self, process: &mut Process, stream: &Arc<str>) {
        let name = stream.clone();
        let number = process.directory.get(stream).expect("it is there").number;
        let answer = process.ask(stream, &self.clock, |reply| OwnerRequest::Hash { stream: name, reply });
        if let Some((offset, hash)) = answer {
            self.seen.see(number, ShownBy::Owner, offset, hash);
        }
    }

    /// A slow reader reads some outcomes: they come in order, whatever it missed.
    fn read_outcomes(&mut self) {
        if self.followers.is_empty() {
            return;
        }
        let (place, count) = (self.pick(self.followers.len()), self.pick(20));
        let follower = &mut self.followers[place];
        for _ in 0..count {
            match follower.outcomes.try_recv() {
                Ok(followed) => {
                    let Some(offset) = followed.outcome.as_ref().map(|outcome| outcome.offset) else { continue };
                    assert!(follower.latest.is_none_or(|latest| offset > latest), "{} went back", follower.stream);
                    follower.latest = Some(offset);
                }
                Err(TryRecvError::Lagged(_)) => {}
                Err(TryRecvError::Empty | TryRecvError::Closed) => return,
            }
        }
    }
}
