//! Messages of a stream of JetStream on their way to becoming events: the stream that each belongs to, and its number.
//!
//! Each stream that messages go into has an account of its own with the log. Its epoch is when the stream in JetStream
//! was made: one that is deleted and made anew counts from one again, and what is counted belongs to another epoch.

use super::account::{AccountFault, ProducerAccount, known};
use super::learning::SourceIntake;
use super::message_chunk::MessageChunk;
use super::read_message::{StreamNames, message_event};
use crate::clock::now_us;
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

/// What makes events of a source's messages, and has them learnt.
pub struct SubjectEvents {
    intake: SourceIntake,
    source: NatsSource,
    names: StreamNames,
    /// When the stream in JetStream was made, in microseconds since 1970.
    created_us: u64,
    /// The accounts of the streams that messages go into.
    accounts: HashMap<Arc<str>, ProducerAccount>,
    /// Up to where the log has a stream of this name that was made earlier.
    earlier: Option<u64>,
}

impl SubjectEvents {
    /// One for the messages of a source.
    pub fn new(intake: SourceIntake, source: &NatsSource) -> SubjectEvents {
        let names = StreamNames {
            stream: source.stream(&intake.name).into(),
            parts: source.stream_tokens,
            separator: '.',
            key: "stream_tokens",
            bytes_max: intake.hub.config.limits.name_bytes.0 as usize,
        };
        let (accounts, source) = (HashMap::new(), source.clone());
        SubjectEvents { intake, source, names, created_us: 0, accounts, earlier: None }
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
            self.account(&self.names.stream.clone()).await?;
        } else {
            let prefix = format!("{}.", self.names.stream);
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
        let mut chunk = MessageChunk::new(&self.names.stream, &self.intake.hub.config.limits, now_us());
        let (mut ends, mut recognised) = (HashMap::new(), 0);
        for message in messages {
            let (bytes, sequence) = (message.payload().len(), message.sequence);
            let stream = match self.names.stream_of(message.subject(), &self.accounts) {
                Ok(stream) => stream,
                Err(refusal) => {
                    chunk.refuse(refusal, bytes);
                    continue;
                }
            };
            if sequence <= self.account(&stream).await?.committed {
                recognised += 1;
                continue;
            }
            ends.insert(stream.clone(), sequence);
            chunk.add(&stream, &self.accounts[&stream], sequence, bytes, || self.event(message));
        }
        self.intake.learn(chunk.into_lines(), None, None).await.map_err(AccountFault::from)?;
        for (stream, sequence) in ends {
            if let Some(account) = self.accounts.get_mut(&stream) {
                account.record_durable(&self.intake.hub, sequence);
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
    async fn account(&mut self, stream: &Arc<str>) -> Result<&ProducerAccount, SubjectFault> {
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
            self.accounts.insert(stream.clone(), account);
        }
        Ok(&self.accounts[stream])
    }

    /// A message as an event. It has its own time, if it has one, else the time at which it came to JetStream.
    fn event(&self, message: &StoredMessage) -> Result<EventLine, Refusal> {
        let key = Some(message.subject()).filter(|_| self.source.key == SubjectKey::Subject);
        let mut event = message_event(message.payload(), self.source.format, self.source.key_field.as_deref(), key)?;
        event.record.time_us = event.record.time_us.or(Some(message.time_us));
        Ok(event)
    }
}
