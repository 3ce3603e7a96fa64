//! Reading a stream of NATS JetStream.
//!
//! The stream is a producer of the log, and the number of an event is the sequence of its message. So the position is
//! what the log says, as with a file. A durable consumer is brought there with each connection, so messages come in
//! order from there on; they are acknowledged once the log has them. What comes again is recognised by its number.
//! Messages are asked for up to some thousands at a time, each time after what the server says of the stream, so that
//! what was removed before it was read is noticed. The next are asked for when the log has those.

use super::account::AccountFault;
use super::backoff::Backoff;
use super::learning::{LearningFault, SourceIntake};
use super::read_sequence::ReadSequence;
use super::subject_events::{SubjectEvents, SubjectFault};
use crate::hub::Hub;
use crate::nats::{ConsumerStart, JetStreamServer, NatsFault, StoredMessage};
use crate::source_board::{SourceKind, SourceState};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};
use surmise_config::{NatsSource, StartPlace};
use tokio::time::sleep;

/// How long messages are waited for, until it is looked again what became of the stream.
const WAIT_TIME: Duration = Duration::from_secs(3);
/// How long it may take until messages have come, so that fewer are asked for next. The client gives up what comes some
/// seconds after the time for which it waits.
const FETCH_TIME: Duration = Duration::from_secs(2);
/// Messages that are asked for at first, while it is not known how large they are.
const MESSAGES_FIRST: usize = 64;
/// Messages that are asked for at once at most.
const MESSAGES_MAX: usize = 4096;
/// Bytes of messages that are asked for at once, if they are as large as those before.
const MESSAGE_BYTES: usize = 4 << 20;

/// Why a stream is not read now.
#[derive(Debug, thiserror::Error)]
enum JetStreamFault {
    #[error("{0}")]
    Server(#[from] NatsFault),
    #[error("{0}")]
    Events(#[from] SubjectFault),
    #[error("the stream in JetStream was made anew")]
    MadeAnew,
}

/// What reads the stream of one source.
pub struct NatsReader {
    intake: SourceIntake,
    source: NatsSource,
    events: SubjectEvents,
    read: ReadSequence,
    /// When the stream that is read was made, while it is read.
    created_us: Option<u64>,
    /// How many messages are asked for next.
    most: usize,
}

impl NatsReader {
    /// Prepares to read the stream of a source.
    pub fn new(hub: Arc<Hub>, name: &str, source: &NatsSource) -> NatsReader {
        let intake = SourceIntake::new(hub, SourceKind::Nats, name, source.stream(name));
        let events = SubjectEvents::new(intake.clone(), source);
        let read = ReadSequence::new(&source.jetstream, !source.subjects.is_empty());
        intake.tell(|status| status.addresses.push(source.servers().shown()));
        let source = source.clone();
        let reader = NatsReader { intake, source, events, read, created_us: None, most: MESSAGES_FIRST };
        reader.tell(None);
        reader
    }

    /// Reads it until the daemon stops.
    pub async fn serve(mut self) {
        let stopping = self.intake.hub.stopping.clone();
        stopping.run_until_cancelled(self.keep_reading()).await;
    }

    async fn keep_reading(&mut self) {
        if !self.intake.until_ready().await {
            return;
        }
        let mut backoff = Backoff::new();
        loop {
            let Err(fault) = self.read_connected(&mut backoff).await;
            // what was asked for may have been too much for the time
            self.most = MESSAGES_FIRST;
            self.events.close();
            self.created_us = None;
            if let JetStreamFault::Events(SubjectFault::Account(AccountFault::Learning(LearningFault::Stopping))) =
                fault
            {
                return;
            }
            self.tell(Some(format!("{}: {fault}; it is tried again", self.source.servers().shown())));
            sleep(backoff.pause()).await;
        }
    }

    /// Connects, and reads until that fails.
    async fn read_connected(&mut self, backoff: &mut Backoff) -> Result<Infallible, JetStreamFault> {
        let mut server = JetStreamServer::connect(&self.source.servers(), &self.source.jetstream).await?;
        self.open(&mut server).await?;
        loop {
            let facts = server.facts().await?;
            if self.created_us != Some(facts.created_us) {
                return Err(JetStreamFault::MadeAnew);
            }
            let gap = self.read.take_facts(&facts);
            self.tell_gap(gap);
            if self.read.error.is_some() {
                self.tell(None);
                sleep(WAIT_TIME).await;
                continue;
            }
            let start = Instant::now();
            let messages = server.fetch(self.most, WAIT_TIME).await?;
            let is_slow = start.elapsed() > FETCH_TIME;
            self.learn(&mut server, &messages).await?;
            self.choose_most(&messages, is_slow);
            backoff.reset();
            self.tell(None);
        }
    }

    /// Finds out how far the log has the stream, and brings the consumer there.
    async fn open(&mut self, server: &mut JetStreamServer) -> Result<(), JetStreamFault> {
        let facts = server.facts().await?;
        let known = self.events.open(facts.created_us).await?;
        self.created_us = Some(facts.created_us);
        if let Some(earlier) = self.events.take_earlier() {
            let name = &self.source.jetstream;
            self.tell_gap(Some(format!(
                "{name}: the stream was deleted and made anew in JetStream; what came after {earlier} before that is \
                 lost"
            )));
        }
        self.read.begin(known, &facts);
        // what a stream does not keep was kept for the daemon, so it is not passed over
        let is_new = self.source.from == StartPlace::New && facts.keeps_read;
        let start = match self.read.position() {
            // some of the streams that messages go into may be behind the others
            Some(_) if self.source.stream_tokens > 0 => ConsumerStart::Unacknowledged,
            Some(position) => ConsumerStart::After(position),
            None if is_new => ConsumerStart::New,
            None => ConsumerStart::After(0),
        };
        let name = self.source.consumer(&self.intake.name);
        let after = server.open(&name, &self.source.subjects, start).await?;
        if start == ConsumerStart::New {
            self.read.begin(Some(after), &facts);
        }
        Ok(())
    }

    /// Has messages learnt, and acknowledges them when they are durable or refused.
    async fn learn(&mut self, server: &mut JetStreamServer, messages: &[StoredMessage]) -> Result<(), JetStreamFault> {
        let Some(last) = messages.last() else {
            if server.is_at_end().await? {
                self.read.note_end();
            }
            return Ok(());
        };
        let gap = self.read.take_messages(messages.iter().map(|message| message.sequence));
        self.tell_gap(gap);
        self.events.learn(messages).await?;
        self.read.advance(last.sequence, last.time_us);
        if last.behind == 0 {
            self.read.note_end();
        }
        Ok(server.acknowledge(messages).await?)
    }

    /// Chooses how many messages are asked for next, by those that came.
    fn choose_most(&mut self, messages: &[StoredMessage], is_slow: bool) {
        let Some(mean) =
            messages.iter().map(|message| message.payload().len()).sum::<usize>().checked_div(messages.len())
        else {
            return;
        };
        let most = if is_slow && messages.len() > 1 { messages.len() / 2 } else { self.most * 4 };
        self.most = (MESSAGE_BYTES / mean.max(1)).clamp(1, MESSAGES_MAX).min(most);
    }

    fn tell_gap(&self, gap: Option<String>) {
        let Some(gap) = gap else { return };
        tracing::warn!(source = &*self.intake.name, "{gap}");
        self.intake.tell(|status| {
            status.gaps += 1;
            status.last_gap = Some(gap);
        });
    }

    /// Tells how far the stream is, and why it is not read, if it is not.
    fn tell(&self, fault: Option<String>) {
        let (input, lag) = (self.read.status(), self.read.lag_seconds());
        let errors: Vec<String> = fault.into_iter().chain(self.read.error.clone()).collect();
        self.intake.tell(|status| {
            if self.created_us.is_some() {
                status.state = SourceState::Reading;
            }
            (status.inputs, status.lag_seconds, status.errors) = (vec![input], lag.or(status.lag_seconds), errors);
        });
    }
}
