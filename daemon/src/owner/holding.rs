//! Holding streams still while they are replaced: an owner's part of undo.
//!
//! A stream that is held has left its owner; what comes for it waits, and keeps its place in the inbox. It comes
//! back as it was, or as another one, or not at all, and then what waited is learnt. A name without a stream can be
//! held, too, so that no event makes a stream of it meanwhile.

use super::owned_stream::OwnedStream;
use super::request::Returned;
use super::state::Owner;
use crate::checkpoint::CheckpointFailure;
use crate::clock::Moment;
use crate::directory::StreamView;
use crate::inbox::Delivered;
use crate::telemetry;
use std::sync::Arc;

impl Owner {
    /// Takes a stream out, after what it has learnt was sent to the committer. From now on what comes under its name
    /// waits. `None` if there is no such stream; its name is held all the same.
    pub(super) fn hold(&mut self, name: &Arc<str>, now: Moment) -> Option<Box<OwnedStream>> {
        self.gather_groups(now);
        let rested = self.resting.remove(name).map(|rest| rest.waiting).unwrap_or_default();
        self.held.entry(name.clone()).or_default().extend(rested);
        let mut stream = self.streams.remove(name)?;
        for names in [&mut self.watched, &mut self.changed, &mut self.copying] {
            names.retain(|other| other != name);
        }
        // one that sleeps on its log has no checkpoint that is all of it
        if stream.covering_checkpoint().is_none() {
            stream.wake(now);
        }
        stream.forget_memory(&self.setup.budget);
        stream.hashes.drain(..).for_each(|reply| drop(reply.send(None)));
        stream.copies.cancel(&CheckpointFailure::StreamFailed("the stream is being replaced".into()));
        Some(Box::new(stream))
    }

    /// Puts a stream in the place of one that was held, and learns what waited.
    pub(super) fn give_back(&mut self, name: &Arc<str>, returned: Returned, now: Moment) {
        match returned {
            Returned::AsItWas(mut stream) => {
                stream.unpublish();
                if stream.checkpoints.relist() {
                    self.changed.push(name.clone());
                }
                self.streams.insert(name.clone(), *stream);
            }
            Returned::Stored(entry, storage) => {
                let view = Arc::new(StreamView::new(&entry));
                let setup = &self.setup;
                let stream = OwnedStream::recover(&setup.config, &storage, &setup.services, *entry, view.clone(), now);
                self.streams.insert(name.clone(), stream);
                self.setup.directory.replace(view);
            }
            Returned::Nothing => self.setup.directory.remove(name),
        }
        metrics::gauge!(telemetry::STREAMS).set(self.setup.directory.len() as f64);
        for delivered in self.held.remove(name).unwrap_or_default() {
            self.learn(delivered.batch, now);
        }
    }

    /// Whether events of a name wait; if they do, a batch waits with them.
    pub(super) fn keep_waiting(&mut self, delivered: Delivered) -> Option<Delivered> {
        let name = &delivered.batch.stream;
        let resting = self.resting.get_mut(name).map(|rest| &mut rest.waiting);
        match self.held.get_mut(name).or(resting) {
            Some(waiting) => {
                waiting.push_back(delivered);
                None
            }
            None => Some(delivered),
        }
    }
}
