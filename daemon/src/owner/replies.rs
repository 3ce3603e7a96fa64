//! Replies to the connection that sent events, and outcomes for those that follow the stream.

use crate::directory::StreamView;
use crate::following::{FollowedOutcome, FollowerRoom};
use crate::inbox::{InboxEvent, ReplyOptions};
use crate::rare_queues::RareMessage;
use crate::rarest::Rank;
use crate::services::Services;
use crate::ticket::Outbox;
use std::sync::Arc;
use surmise_event::{AlarmPhase, Outcome, Refusal};
use surmise_learner::Learner;
use surmise_protocol::{AlarmEvent, ErrorReply, OutcomeReply, Reply, event_json};

/// Symbols that a prediction beside an outcome lists.
const NEXT_SYMBOLS_MAX: usize = 5;
/// Replies that are gathered before they are put into the outbox.
const GATHERED_REPLIES_MAX: usize = 64;
/// Bytes of replies that are gathered before they are put into the outbox.
const GATHERED_BYTES_MAX: usize = 256 << 10;

/// The reply that reports a refused event.
pub(super) fn refusal_reply(event: &InboxEvent, refusal: Refusal) -> Reply {
    Reply::Error(ErrorReply::new(refusal, event.seq, Some(event.line)))
}

/// The replies to one batch of events. They go into the outbox of the connection in the order of the events.
pub(super) struct ReplyWriter<'a> {
    options: ReplyOptions,
    view: &'a StreamView,
    outbox: Arc<Outbox>,
    /// Whether anyone follows all outcomes of the stream, and whether anyone its rarest ones.
    followed: bool,
    followed_in_part: bool,
    /// Beyond which rarity sinks are told of an event.
    rarer_than: f64,
    services: &'a Services,
    gathered: Vec<Reply>,
    gathered_bytes: usize,
}

impl<'a> ReplyWriter<'a> {
    /// A writer of replies of the kinds that a connection asked for.
    pub fn new(
        options: ReplyOptions,
        view: &'a StreamView,
        outbox: Arc<Outbox>,
        services: &'a Services,
    ) -> ReplyWriter<'a> {
        let (followed, followed_in_part) = (view.outcomes.is_wanted(), view.rarest.is_followed());
        let rarer_than = services.rare.rarer_than(&view.name);
        let (gathered, gathered_bytes) = (Vec::new(), 0);
        ReplyWriter {
            options,
            view,
            outbox,
            followed,
            followed_in_part,
            rarer_than,
            services,
            gathered,
            gathered_bytes,
        }
    }

    /// Reports the outcome of an event to the connection and to the followers, where they ask for it. Called before the
    /// next event is learnt, as a reply may hold the prediction of that one.
    pub fn outcome(&mut self, event: &InboxEvent, outcome: Outcome, learner: Option<&Learner>) {
        if let Some(alarm) = AlarmEvent::of(&self.view.name, &event.record, &outcome) {
            self.view.tell_alarm(alarm);
        }
        let reply = |outcome, next| {
            OutcomeReply::new(event.seq, self.view.name.clone(), event.record.key.clone(), outcome, next)
        };
        // an event that begins an incident is told with it
        let begins = outcome.alarm.as_ref().is_some_and(|alarm| alarm.phase == AlarmPhase::Begins);
        if outcome.rarity_events > self.rarer_than && !begins {
            let told = self.with_event(self.services.rare.room(), event, reply(outcome.clone(), None));
            let message = RareMessage { number: self.view.number, told };
            self.services.rare.offer(&self.view.name, outcome.rarity_events, &message);
        }
        if self.followed_in_part {
            let (offset, rank) = (outcome.offset, Rank::of(&outcome));
            self.view.rarest.offer(offset, rank, || self.for_followers(event, reply(outcome.clone(), None)));
        }
        if !self.options.outcome {
            if self.followed {
                self.view.outcomes.send(self.for_followers(event, reply(outcome, None)));
            }
            return;
        }
        let has_room = self.outbox.has_room(self.gathered_bytes);
        let asked = learner.filter(|_| self.options.next && has_room);
        let next = asked.map(|learner| learner.predict(event.record.key.as_deref(), NEXT_SYMBOLS_MAX));
        let mut reply = reply(outcome, next);
        if self.followed {
            self.view.outcomes.send(self.for_followers(event, OutcomeReply { next: None, ..reply.clone() }));
        }
        if !has_room {
            (reply.fields, reply.parts, reply.next, reply.brief) = (Vec::new(), Vec::new(), None, true);
        }
        self.gather(Reply::Outcome(Box::new(reply)));
    }

    /// An outcome with its event for followers, or the place of it if there is no room.
    fn for_followers(&self, event: &InboxEvent, reply: OutcomeReply) -> Arc<FollowedOutcome> {
        self.with_event(&self.services.followers, event, reply)
    }

    /// An outcome with its event, or the place of it if the room for it is full.
    fn with_event(&self, room: &Arc<FollowerRoom>, event: &InboxEvent, reply: OutcomeReply) -> Arc<FollowedOutcome> {
        // the event in JSON has about as many bytes as its line had
        let bytes = reply.bytes() + event.bytes;
        let fits = room.fits(bytes);
        let whole = || OutcomeReply { event: Some(event_json(&event.record)), ..reply };
        room.put(fits.then(whole), bytes)
    }

    /// Reports a refused event.
    pub fn refusal(&mut self, event: &InboxEvent, refusal: Refusal) {
        self.gather(refusal_reply(event, refusal));
    }

    fn gather(&mut self, reply: Reply) {
        self.gathered_bytes += reply.bytes();
        self.gathered.push(reply);
        if self.gathered.len() >= GATHERED_REPLIES_MAX || self.gathered_bytes >= GATHERED_BYTES_MAX {
            self.outbox.push(self.gathered.drain(..));
            self.gathered_bytes = 0;
        }
    }

    /// Puts the remaining replies into the outbox. They must be there before the batch is marked as learnt.
    pub fn finish(self) {
        if !self.gathered.is_empty() {
            self.outbox.push(self.gathered);
        }
    }
}
