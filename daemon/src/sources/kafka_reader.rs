//! Reading a topic of Kafka.
//!
//! Each partition is a producer of the log, and the number of an event is the offset of its record plus one. So the
//! position is what the log says, as with a file: no group of consumers is joined, nothing is written to Kafka, and
//! what is read again after a kill is recognised. All partitions are asked side by side. A partition is asked again
//! when the log has what it answered, and one that does not answer holds no other one up.

use super::account::{AccountFault, ProducerAccount};
use super::learning::SourceIntake;
use super::message_chunk::MessageChunk;
use super::read_message::message_event;
use super::read_partition::ReadPartition;
use super::server_reader::{ReadProgress, ServerReader};
use crate::clock::now_us;
use crate::hub::Hub;
use crate::kafka::{EmptyCause, KafkaFault, KafkaRecord, KafkaTopic, PartitionAnswer};
use crate::source_board::SourceKind;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use surmise_config::{KafkaSource, RecordKey, StartPlace};
use surmise_event::{Refusal, RefusalCode};
use surmise_protocol::EventLine;
use tokio::time::sleep;

/// How often it is looked which partitions there are.
const FIND_INTERVAL: Duration = Duration::from_secs(10);
/// Partitions of one source at most.
const PARTITIONS_MAX: usize = 256;
/// Records that are learnt together at most.
const RECORDS_MAX: usize = 4096;
/// Bytes that all partitions together are asked for at once.
const FETCH_BYTES: usize = 64 << 20;
/// Bytes that one partition is asked for at once at most, while records come.
const PARTITION_BYTES_MAX: usize = 1 << 20;
/// How long a partition is left alone that has offsets and gives out no records, or that is not read on.
const IDLE_PAUSE: Duration = Duration::from_millis(500);

/// Why a topic is not read now.
#[derive(Debug, thiserror::Error)]
pub enum TopicFault {
    /// The brokers do not answer, or refuse.
    #[error("{0}")]
    Brokers(#[from] KafkaFault),
    /// A partition has no account, or its records are not learnt.
    #[error("{0}")]
    Account(#[from] AccountFault),
}

/// What reads the topic of one source.
pub struct KafkaReader {
    intake: SourceIntake,
    source: KafkaSource,
    stream: Arc<str>,
    partitions: BTreeMap<i32, ReadPartition>,
    /// When it was looked last which partitions there are, over this connection.
    found: Option<Instant>,
    /// Why not all partitions are read.
    error: Option<String>,
}

impl KafkaReader {
    /// Prepares to read the topic of a source.
    pub fn new(hub: Arc<Hub>, name: &str, source: &KafkaSource) -> KafkaReader {
        let intake = SourceIntake::new(hub, SourceKind::Kafka, name, source.stream(name));
        let stream = source.stream(name).into();
        KafkaReader { intake, source: source.clone(), stream, partitions: BTreeMap::new(), found: None, error: None }
    }

    /// Finds out which partitions there are, and asks those that are not asked yet.
    async fn find(&mut self, topic: &mut KafkaTopic) -> Result<(), TopicFault> {
        let mut numbers = topic.partitions().await?;
        self.error = (numbers.len() > PARTITIONS_MAX).then(|| {
            let count = numbers.len();
            format!("{}: {PARTITIONS_MAX} partitions are read, and there are {count}", self.source.topic)
        });
        numbers.truncate(PARTITIONS_MAX);
        self.partitions.retain(|number, _| numbers.contains(number));
        topic.keep(&numbers);
        let topic_name = self.source.topic.clone();
        let mut opened = Vec::new();
        for number in numbers {
            if self.partitions.get(&number).is_some_and(|read| read.account.is_some()) {
                continue;
            }
            let producer = format!("kafka/{}/{topic_name}/{number}", self.intake.name).into();
            let account = ProducerAccount::open(&self.intake.hub, producer, &self.stream, |newest, _| newest).await?;
            opened.push((number, account));
        }
        // Once anything of the source is in the log, a partition of which nothing is there was idle, or was added, and
        // what came into it while the daemon was away is to be read.
        let is_begun = !self.partitions.is_empty() || opened.iter().any(|(_, account)| account.committed > 0);
        let begins_at_end = self.source.from == StartPlace::New && !is_begun;
        for (number, account) in opened {
            let read = self.partitions.entry(number);
            let read = read.or_insert_with(|| ReadPartition::new(&topic_name, number, begins_at_end));
            read.begin(account.committed);
            read.account = Some(account);
        }
        let unasked: Vec<i32> = self.partitions.keys().copied().filter(|number| !topic.is_asked(*number)).collect();
        for number in unasked {
            self.ask(topic, number, Duration::ZERO);
        }
        self.found = Some(Instant::now());
        Ok(())
    }

    /// Asks a partition for what comes next.
    fn ask(&self, topic: &mut KafkaTopic, number: i32, pause: Duration) {
        let Some(read) = self.partitions.get(&number) else { return };
        let bytes = read.bytes_asked((FETCH_BYTES / self.partitions.len()).min(PARTITION_BYTES_MAX));
        topic.ask(number, read.next(), bytes as i32, pause);
    }

    /// Takes what a partition answers. Returns how long it is left alone.
    async fn take(
        &mut self,
        number: i32,
        answer: Result<PartitionAnswer, KafkaFault>,
    ) -> Result<Option<Duration>, TopicFault> {
        let Some(read) = self.partitions.get_mut(&number) else { return Ok(None) };
        let answer = match answer {
            Ok(answer) => answer,
            Err(fault) => {
                read.take_fault(fault.to_string());
                return Ok(Some(read.backoff.pause()));
            }
        };
        read.fault = None;
        read.backoff.reset();
        let is_idle = match answer {
            PartitionAnswer::Records(records, end) => {
                self.intake.tell_gap(read.take_end(end));
                self.learn(number, &records).await?;
                false
            }
            PartitionAnswer::Empty(cause, end) => {
                self.intake.tell_gap(read.take_empty(cause, end));
                !matches!(cause, EmptyCause::NoRecord(_))
            }
            PartitionAnswer::Range(first, end) => {
                self.intake.tell_gap(read.take_range(first, end));
                read.error.is_some()
            }
        };
        Ok(Some(if is_idle { IDLE_PAUSE } else { Duration::ZERO }))
    }

    /// Has records learnt, and waits until they are durable or refused.
    async fn learn(&mut self, number: i32, records: &[KafkaRecord]) -> Result<(), AccountFault> {
        let Some(read) = self.partitions.get_mut(&number) else { return Ok(()) };
        for records in records.chunks(RECORDS_MAX) {
            let Some(account) = &mut read.account else { break };
            let mut chunk = MessageChunk::new(&self.stream, &self.intake.hub.config.limits, now_us());
            for record in records {
                let event = || record_event(record, &self.source);
                chunk.add(&self.stream, account, record.offset + 1, record.bytes(), event);
            }
            self.intake.learn(chunk.into_lines(), None, Some(&read.name)).await?;
            let Some(last) = records.last() else { break };
            account.record_durable(&self.intake.hub, last.offset + 1);
            read.advance(last.offset, last.time_us);
        }
        Ok(())
    }
}

impl ServerReader for KafkaReader {
    type Connection = KafkaTopic;
    type Fault = TopicFault;

    fn intake(&self) -> &SourceIntake {
        &self.intake
    }

    fn address(&self) -> String {
        self.source.url.shown()
    }

    async fn connect(&mut self) -> Result<KafkaTopic, TopicFault> {
        Ok(KafkaTopic::connect(&self.source).await?)
    }

    async fn read(&mut self, topic: &mut KafkaTopic) -> Result<bool, TopicFault> {
        if self.found.is_none_or(|at| at.elapsed() >= FIND_INTERVAL) {
            self.find(topic).await?;
        }
        let answers = topic.answers().await;
        let has_answers = !answers.is_empty();
        for (number, answer) in answers {
            if let Some(pause) = self.take(number, answer).await? {
                self.ask(topic, number, pause);
            }
        }
        Ok(has_answers)
    }

    async fn wait(&mut self, _: &mut KafkaTopic) -> Result<(), TopicFault> {
        sleep(IDLE_PAUSE).await;
        Ok(())
    }

    fn close(&mut self) {
        self.found = None;
        for read in self.partitions.values_mut() {
            read.close();
        }
    }

    fn progress(&self) -> ReadProgress {
        let (all, now_us) = (|| self.partitions.values(), now_us());
        // a broker that is away takes many partitions with it
        let mut faults: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for read in all() {
            if let Some(fault) = &read.fault {
                faults.entry(fault).or_default().push(&read.name);
            }
        }
        let faults = faults.iter().map(|(fault, names)| format!("{}: {fault}; it is tried again", names.join(", ")));
        let errors = all().filter_map(|read| read.error.clone().or_else(|| read.stall()));
        // the largest that is known is told even if others are not known, but zero only if all are
        let lag_seconds = all().filter_map(|read| read.lag_seconds(now_us)).reduce(f64::max);
        let is_whole = all().all(|read| read.lag_seconds(now_us).is_some());
        ReadProgress {
            is_reading: all().any(|read| read.account.is_some()),
            inputs: all().map(ReadPartition::status).collect(),
            lag_seconds: lag_seconds.filter(|lag| is_whole || *lag > 0.0),
            errors: self.error.iter().cloned().chain(errors).chain(faults).collect(),
        }
    }
}

/// A record as an event. It has the time of its value, if it has one, else its own.
fn record_event(record: &KafkaRecord, source: &KafkaSource) -> Result<EventLine, Refusal> {
    let Some(value) = &record.value else {
        let reason = format!("record {} has no value: it says that its key is gone", record.offset);
        return Err(Refusal::new(RefusalCode::Empty, "value", reason));
    };
    let key = record.key.as_deref().filter(|key| source.key == RecordKey::Record && !key.is_empty());
    let key = key.map(std::str::from_utf8).transpose().map_err(|e| {
        let reason = format!("it is no UTF-8 at byte {} of record {}", e.valid_up_to(), record.offset);
        Refusal::new(RefusalCode::BadUtf8, "key", reason)
    })?;
    let mut event = message_event(value, source.format, source.key_field.as_deref(), key)?;
    event.record.time_us = event.record.time_us.or(record.time_us);
    Ok(event)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_an_event_with_its_key_and_its_time() {
        let record = |key: Option<&[u8]>, value: Option<&[u8]>| KafkaRecord {
            offset: 17,
            time_us: Some(5_000_000),
            key: key.map(<[u8]>::to_vec),
            value: value.map(<[u8]>::to_vec),
        };
        let source = KafkaSource::default();
        let event = record_event(&record(Some(b"ann"), Some(b"7.5")), &source).unwrap().record;
        assert_eq!((event.key.as_deref(), event.time_us), (Some("ann"), Some(5_000_000)));
        let none = KafkaSource { key: RecordKey::None, key_field: Some("user".into()), ..KafkaSource::default() };
        let event = record_event(&record(Some(b"\xff"), Some(b"{\"n\":1,\"ts\":1764408000}")), &none).unwrap().record;
        assert_eq!((event.key, event.time_us), (None, Some(1_764_408_000_000_000)));
        assert_eq!(record_event(&record(Some(b""), Some(b"1")), &source).unwrap().record.key, None);
        let refusal = record_event(&record(Some(b"a\xff"), Some(b"1")), &source).unwrap_err().to_string();
        assert!(refusal.contains("at byte 1 of record 17"), "{refusal}");
        assert!(record_event(&record(Some(b"ann"), None), &source).unwrap_err().reason.contains("17 has no value"));
    }
}
