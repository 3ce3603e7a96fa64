//! Reading a stream of NATS JetStream.
//!
//! The stream is a producer of the log, and the number of an event is the sequence of its message. So the position is
//! what the log says, as with a file. A durable consumer is brought there with each connection, so messages come in
//! order from there on; they are acknowledged once the log has them. What comes again is recognised by its number.
//! Messages are asked for up to some thousands at a time, each time after what the server says of the stream, so that
//! what was removed before it was read is noticed. The next are asked for when the log has those.

use super::batch_size::BatchSize;
use super::learning::SourceIntake;
use super::read_sequence::ReadSequence;
use super::server_reader::{ReadProgress, ServerReader};
use super::subject_events::{SubjectEvents, SubjectFault};
use crate::hub::Hub;
use crate::nats::{ConsumerStart, JetStreamServer, NatsFault, StoredMessage};
use crate::source_board::SourceKind;
use std::sync::Arc;
use std::time::{Duration, Instant};
use surmise_config::{NatsSource, StartPlace};
use tokio::time::sleep;

/// How long messages are waited for, until it is looked again what became of the stream.
const WAIT_TIME: Duration = Duration::from_secs(3);
/// How long it may take until messages have come, so that fewer are asked for next. The client gives up what comes some
/// seconds after the time for which it waits.
const FETCH_TIME: Duration = Duration::from_secs(2);

/// Why a stream is not read now.
#[derive(Debug, thiserror::Error)]
pub enum JetStreamFault {
    /// The server does not answer, or refuses.
    #[error("{0}")]
    Server(#[from] NatsFault),
    /// Its messages are not learnt.
    #[error("{0}")]
    Events(#[from] SubjectFault),
    /// The stream is another one.
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
    batch_size: BatchSize,
}

impl NatsReader {
    /// Prepares to read the stream of a source.
    pub fn new(hub: Arc<Hub>, name: &str, source: &NatsSource) -> NatsReader {
        let intake = SourceIntake::new(hub, SourceKind::Nats, name, source.stream(name));
        let events = SubjectEvents::new(intake.clone(), source);
        let read = ReadSequence::new(&source.jetstream, !source.subjects.is_empty());
        NatsReader { intake, source: source.clone(), events, read, created_us: None, batch_size: BatchSize::default() }
    }

    /// Finds out how far the log has the stream, and brings the consumer there.
    async fn open(&mut self, server: &mut JetStreamServer) -> Result<(), JetStreamFault> {
        let facts = server.facts().await?;
        let known = self.events.open(facts.created_us).await?;
        self.created_us = Some(facts.created_us);
        if let Some(earlier) = self.events.take_earlier() {
            let name = &self.source.jetstream;
            self.intake.tell_gap(Some(format!(
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
        self.intake.tell_gap(self.read.take_messages(messages.iter().map(|message| message.sequence)));
        self.events.learn(messages).await?;
        self.read.advance(last.sequence, last.time_us);
        if last.behind == 0 {
            self.read.note_end();
        }
        Ok(server.acknowledge(messages).await?)
    }
}

impl ServerReader for NatsReader {
    type Connection = JetStreamServer;
    type Fault = JetStreamFault;

    fn intake(&self) -> &SourceIntake {
        &self.intake
    }

    fn address(&self) -> String {
        self.source.servers().shown()
    }

    async fn connect(&mut self) -> Result<JetStreamServer, JetStreamFault> {
        let mut server = JetStreamServer::connect(&self.source.servers(), &self.source.jetstream).await?;
        self.open(&mut server).await?;
        Ok(server)
    }

    async fn read(&mut self, server: &mut JetStreamServer) -> Result<bool, JetStreamFault> {
        let facts = server.facts().await?;
        if self.created_us != Some(facts.created_us) {
            return Err(JetStreamFault::MadeAnew);
        }
        self.intake.tell_gap(self.read.take_facts(&facts));
        if self.read.error.is_some() {
            return Ok(false);
        }
        let start = Instant::now();
        let messages = server.fetch(self.batch_size.0, WAIT_TIME).await?;
        let is_slow = start.elapsed() > FETCH_TIME;
        self.learn(server, &messages).await?;
        self.batch_size.choose(messages.len(), messages.iter().map(|message| message.payload().len()).sum(), is_slow);
        Ok(true)
    }

    async fn wait(&mut self, _: &mut JetStreamServer) -> Result<(), JetStreamFault> {
        sleep(WAIT_TIME).await;
        Ok(())
    }

    fn close(&mut self) {
        // what was asked for may have been too much for the time
        self.batch_size = BatchSize::default();
        self.events.close();
        self.created_us = None;
    }

    fn progress(&self) -> ReadProgress {
        ReadProgress {
            is_reading: self.created_us.is_some(),
            inputs: vec![self.read.status()],
            lag_seconds: self.read.lag_seconds(),
            errors: self.read.error.iter().cloned().collect(),
        }
    }
}
