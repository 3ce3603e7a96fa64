//! Messages of a broker on their way to becoming events: the stream that each belongs to, its key, and its number.

use super::account::{AccountFault, ProducerAccount};
use super::learning::SourceIntake;
use super::message_chunk::MessageChunk;
use super::mqtt_broker::BrokerMessage;
use super::read_message::{StreamNames, message_event};
use crate::clock::now_us;
use std::collections::HashMap;
use std::sync::Arc;
use surmise_config::{MqttKey, MqttSource};
use surmise_event::Refusal;
use surmise_protocol::EventLine;

/// A message that is to be acknowledged once the log has it.
pub struct HeldMessage {
    /// The message.
    pub message: BrokerMessage,
    /// Whether it is an event; else it is only acknowledged, after the messages before it.
    pub is_event: bool,
    /// Its number under the producer of its stream, so that it is recognised if it is given again.
    number: Option<u64>,
}

impl HeldMessage {
    /// A message that has no number yet.
    pub fn new(message: BrokerMessage, is_event: bool) -> HeldMessage {
        HeldMessage { message, is_event, number: None }
    }
}

/// The account of a stream that messages go into.
struct StreamAccount {
    account: ProducerAccount,
    next: u64,
}

/// What makes events of a source's messages, and has them learnt.
pub struct MessageLearner {
    /// What takes the events.
    pub intake: SourceIntake,
    source: MqttSource,
    names: StreamNames,
    accounts: HashMap<Arc<str>, StreamAccount>,
}

impl MessageLearner {
    /// One for the messages of a source.
    pub fn new(intake: SourceIntake, source: MqttSource) -> MessageLearner {
        let names = StreamNames {
            stream: source.stream(&intake.name).into(),
            parts: source.stream_levels,
            separator: '/',
            key: "stream_levels",
            bytes_max: intake.hub.config.limits.name_bytes.0 as usize,
        };
        MessageLearner { intake, source, names, accounts: HashMap::new() }
    }

    /// Has messages learnt, and waits until they are durable or refused.
    ///
    /// # Errors
    /// Some of them are not durable. They are to be given again as they are.
    pub async fn learn(&mut self, messages: &mut [HeldMessage]) -> Result<(), AccountFault> {
        let mut chunk = MessageChunk::new(&self.names.stream, &self.intake.hub.config.limits, now_us());
        let mut ends = HashMap::new();
        for held in messages.iter_mut().filter(|held| held.is_event) {
            let bytes = held.message.payload().len();
            let stream = match self.names.stream_of(held.message.topic(), &self.accounts) {
                Ok(stream) => stream,
                Err(refusal) => {
                    chunk.refuse(refusal, bytes);
                    continue;
                }
            };
            let account = self.account(&stream).await?;
            let number = *held.number.get_or_insert_with(|| {
                account.next += 1;
                account.next
            });
            ends.insert(stream.clone(), number);
            chunk.add(&stream, &self.accounts[&stream].account, number, bytes, || self.event(&held.message));
        }
        self.intake.learn(chunk.into_lines(), None, None).await?;
        for (stream, number) in ends {
            if let Some(known) = self.accounts.get_mut(&stream) {
                known.account.record_durable(&self.intake.hub, number);
            }
        }
        Ok(())
    }

    /// The account of a stream. Each start of the daemon has an epoch of its own, as a broker does not say which of its
    /// messages a number was.
    async fn account(&mut self, stream: &Arc<str>) -> Result<&mut StreamAccount, AccountFault> {
        if !self.accounts.contains_key(stream) {
            let producer = format!("mqtt/{}/{stream}", self.intake.name).into();
            let choose = |newest: u64, settled: u64| if settled > 0 { newest + 1 } else { newest };
            let account = ProducerAccount::open(&self.intake.hub, producer, stream, choose).await?;
            let next = account.committed;
            self.accounts.insert(stream.clone(), StreamAccount { account, next });
        }
        Ok(self.accounts.get_mut(stream).expect("invariant: it was inserted"))
    }

    /// A message as an event.
    fn event(&self, message: &BrokerMessage) -> Result<EventLine, Refusal> {
        let key = Some(message.topic()).filter(|_| self.source.key == MqttKey::Topic);
        message_event(message.payload(), self.source.format, self.source.key_field.as_deref(), key)
    }
}

/// Whether a topic is one that a filter names. Topics that begin with `$` are named by such filters alone.
pub fn fits_filter(topic: &str, filter: &str) -> bool {
    // a shared subscription begins with the name of a group
    let filter = filter.strip_prefix("$share/").and_then(|rest| rest.split_once('/')).map_or(filter, |(_, rest)| rest);
    if topic.starts_with('$') != filter.starts_with('$') {
        return false;
    }
    let (mut levels, mut filters) = (topic.split('/'), filter.split('/'));
    loop {
        match (levels.next(), filters.next()) {
            (_, Some("#")) | (None, None) => return true,
            (Some(level), Some(filter)) if filter == "+" || filter == level => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_fit_filters_as_the_protocol_says() {
        for (topic, filter) in [
            ("a/b", "a/b"),
            ("a/b", "a/+"),
            ("a/b", "#"),
            ("a", "a/#"),
            ("ä/b/c", "ä/#"),
            ("/b", "+/b"),
            ("$SYS/x", "$SYS/#"),
            ("a/b", "$share/group/a/#"),
        ] {
            assert!(fits_filter(topic, filter), "{topic} {filter}");
        }
        for (topic, filter) in [("a/b", "a"), ("a", "a/b"), ("a/b", "+"), ("$SYS/x", "#"), ("a", "a/+"), ("ab", "a/#")]
        {
            assert!(!fits_filter(topic, filter), "{topic} {filter}");
        }
    }
}
