//! Messages of a stream of JetStream on their way to becoming events: the stream that each belongs to, and its number.
//!
//! Each stream that messages go into has an account of its own with the log. Its epoch is when the stream in JetStream
//! was made: one that is deleted and made anew counts from one again, and what is counted belongs to another epoch.

use super::account::{AccountFault, ProducerAccount, known};
use super::learning::SourceIntake;
use super::read_message::{STREAMS_MAX, message_event, stream_of_parts, too_many_streams};
use crate::clock::now_us;
use crate::ingest::cutter::CutLine;
use crate::ingest::{Door, Intake, LineChunk, LineSyntax};
use crate::nats::StoredMessage;
use std::collections::HashMap;
use std::sync::Arc;
use surmise_config::{NatsSource, SubjectKey};
use surmise_event::Refusal;
use surmise_protocol::EventLine;

/// Why messages are not in the log.
#[derive(Debug, thiserror::Error)]
pub enum SubjectFault {
    /// They have no account, or are not learnt.
    #[error("{0}")]
    Account(#[from] AccountFault),
    /// The log has a stream that was made later.
    #[error(
        "the stream in JetStream is older than the one of this name that the log has, so it was put back from a \
         backup; to read it, give the source another name"
    )]
    Older,
}

/// The account of a stream that messages go into.
struct SubjectAccount {
    account: ProducerAccount,
    /// Messages up to this sequence are durable or refused.
    committed: u64,
}

/// What makes events of a source's messages, and has them learnt.
pub struct SubjectEvents {
    intake: SourceIntake,
    source: NatsSource,
    stream: Arc<str>,
    /// When the stream in JetStream was made, in microseconds since 1970.
    created_us: u64,
    accounts: HashMap<Arc<str>, SubjectAccount>,
    /// Up to where the log has a stream of this name that was made earlier.
    earlier: Option<u64>,
}

impl SubjectEvents {
    /// One for the messages of a source.
    pub fn new(intake: SourceIntake, source: &NatsSource) -> SubjectEvents {
        let stream = source.stream(&intake.name).into();
        let (accounts, source) = (HashMap::new(), source.clone());
        SubjectEvents { intake, source, stream, created_us: 0, accounts, earlier: None }
    }

    /// Opens the accounts of all streams that the log has messages in, of a stream in JetStream that was made then.
    /// Returns the highest sequence that the log has.
    ///
    /// # Errors
    /// A stream does not answer, or the log has one that was made later.
    pub async fn open(&mut self, created_us: u64) -> Result<Option<u64>, SubjectFault> {
        self.close();
        self.created_us = created_us;
        if self.source.stream_tokens == 0 {
            self.account(&self.stream.clone()).await?;
        } else {
            let prefix = format!("{}.", self.stream);
            let views = self.intake.hub.directory.all();
            for view in views.iter().filter(|view| view.name.starts_with(&prefix)) {
                let producer = self.producer(&view.name);
                if known(&self.intake.hub, &producer, &view.name).await?.is_some() {
                    self.account(&view.name).await?;
                }
            }
        }
        Ok(self.accounts.values().map(|account| account.committed).max().filter(|sequence| *sequence > 0))
    }

    /// Closes all accounts: the log knows best how far it is.
    pub fn close(&mut self) {
        (self.accounts, self.earlier) = (HashMap::new(), None);
    }

    /// Up to where the log has a stream of this name that was made earlier; told once.
    pub fn take_earlier(&mut self) -> Option<u64> {
        self.earlier.take()
    }

    /// Has messages learnt, and waits until they are durable or refused. Those that the log has are recognised.
    ///
    /// # Errors
    /// Some of them are not durable, and are to be read again.
    pub async fn learn(&mut self, messages: &[StoredMessage]) -> Result<(), SubjectFault> {
        let limits = self.intake.hub.config.limits.clone();
        let mut lines = Intake::new(Door::Source, LineSyntax::Plain, self.stream.clone(), &limits);
        let (mut chunk, arrival_us, mut recognised) = (LineChunk::default(), now_us(), 0);
        let mut ends = HashMap::new();
        for message in messages {
            let (bytes, sequence) = (message.payload().len(), message.sequence);
            let stream = match self.stream_of(message.subject()) {
                Ok(stream) => stream,
                Err(refusal) => {
                    lines.read_event(Err(refusal), bytes, arrival_us, &mut chunk);
                    continue;
                }
            };
            if sequence <= self.account(&stream).await?.committed {
                recognised += 1;
                continue;
            }
            ends.insert(stream.clone(), sequence);
            let before = chunk.events.len();
            lines.set_stream(stream.clone());
            if bytes as u64 > limits.line_bytes.0 {
                lines.read_line(CutLine::TooLong, arrival_us, &mut chunk);
            } else {
                lines.read_event(self.event(message), bytes, arrival_us, &mut chunk);
            }
            for (_, event) in &mut chunk.events[before..] {
                self.accounts[&stream].account.number(event, sequence, sequence);
            }
        }
        if chunk.lines > 0 {
            self.intake.learn(chunk, None, None).await.map_err(AccountFault::from)?;
        }
        for (stream, sequence) in ends {
            if let Some(known) = self.accounts.get_mut(&stream) {
                known.account.record_durable(&self.intake.hub, sequence);
                known.committed = sequence;
            }
        }
        if recognised > 0 {
            self.intake.tell(|status| status.recognised += recognised);
        }
        Ok(())
    }

    fn producer(&self, stream: &str) -> Arc<str> {
        format!("nats/{}/{}/{stream}", self.intake.name, self.source.jetstream).into()
    }

    /// The account of a stream.
    async fn account(&mut self, stream: &Arc<str>) -> Result<&mut SubjectAccount, SubjectFault> {
        if !self.accounts.contains_key(stream) {
            let (created_us, mut earlier) = (self.created_us, None);
            let choose = |newest: u64, settled: u64| {
                earlier = Some(settled).filter(|settled| *settled > 0 && newest < created_us);
                created_us
            };
            let account = ProducerAccount::open(&self.intake.hub, self.producer(stream), stream, choose).await?;
            if account.epoch != created_us {
                return Err(SubjectFault::Older);
            }
            self.earlier = self.earlier.max(earlier);
            let committed = account.committed;
            self.accounts.insert(stream.clone(), SubjectAccount { account, committed });
        }
        Ok(self.accounts.get_mut(stream).expect("invariant: it was inserted"))
    }

    /// The stream of messages of a subject.
    fn stream_of(&self, subject: &str) -> Result<Arc<str>, Refusal> {
        if self.source.stream_tokens == 0 {
            return Ok(self.stream.clone());
        }
        let tokens = subject.split('.').take(self.source.stream_tokens);
        let bytes_max = self.intake.hub.config.limits.name_bytes.0 as usize;
        let name = stream_of_parts(&self.stream, subject, tokens, bytes_max)?;
        if self.accounts.len() >= STREAMS_MAX && !self.accounts.contains_key(name.as_str()) {
            return Err(too_many_streams("stream_tokens"));
        }
        Ok(name.into())
    }

    /// A message as an event. It has its own time, if it has one, else the time at which it came to JetStream.
    fn event(&self, message: &StoredMessage) -> Result<EventLine, Refusal> {
        let key = Some(message.subject()).filter(|_| self.source.key == SubjectKey::Subject);
        let mut event = message_event(message.payload(), self.source.format, self.source.key_field.as_deref(), key)?;
        event.record.time_us = event.record.time_us.or(Some(message.time_us));
        Ok(event)
    }
}
