//! Kafka, as far as sources read from it. This is the one place that knows the client.
//!
//! The client asks again by itself for minutes, which is not used: what fails is told, and is asked again by whoever
//! asked. It passes over the markers of transactions, but not over the records of those that were aborted. It does not
//! say where a batch ends whose last records are gone, or that of markers, so answers may come without a record though
//! the partition goes on.

use crate::server_trust::client_config;
use rskafka::client::error::{Error as ClientError, ProtocolError};
use rskafka::client::partition::{OffsetAt, PartitionClient, UnknownTopicHandling};
use rskafka::client::{Client, ClientBuilder, Credentials, SaslConfig};
use rskafka::record::RecordAndOffset;
use rskafka::{BackoffConfig, BackoffError, ConnectionError};
use std::collections::HashMap;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::{Duration, Instant};
use surmise_config::{KAFKA_SCHEMES, KafkaSource, SaslMechanism, ServerUrlError, decoded};
use tokio::task::{AbortHandle, JoinError, JoinSet};
use tokio::time::{sleep, timeout};

/// The port of a broker, if its address names none.
const PORT: u16 = 9092;
/// How long an answer may take, connecting included, beyond what records are waited for.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(15);
/// How long a broker waits for records until it says that there are none.
const WAIT_TIME: Duration = Duration::from_secs(1);
/// Bytes of one answer: a broker sends a batch of records whole, even if it is larger than what was asked for.
const ANSWER_BYTES_MAX: usize = 128 << 20;
/// Bytes that one answer may be asked to have at most.
pub const ASKED_BYTES_MAX: usize = ANSWER_BYTES_MAX / 2;

/// Why nothing is read from Kafka now.
#[derive(Debug, thiserror::Error)]
pub enum KafkaFault {
    /// An address cannot be read.
    #[error("{0}")]
    Url(#[from] ServerUrlError),
    /// TLS cannot be spoken.
    #[error("TLS cannot be spoken: {0}")]
    Tls(#[from] rustls::Error),
    /// There is no such topic.
    #[error("there is no topic {0}, or the user may not read it; write its name (topic = \"…\"), or make it there")]
    WithoutTopic(String),
    /// No broker can be reached, or none lets the daemon in.
    #[error("no broker can be reached ({0})")]
    Connect(String),
    /// A broker refuses.
    #[error("{0}")]
    Broker(String),
    /// A broker took too long.
    #[error("no broker answers within {ANSWER_TIME_MAX:?}")]
    TooLong,
}

impl From<ClientError> for KafkaFault {
    fn from(error: ClientError) -> KafkaFault {
        // what is wrong in the end, without what the client says of having asked once
        match error {
            ClientError::Connection(error) => error.into(),
            ClientError::ServerError { protocol_error, .. } => KafkaFault::Broker(protocol_error.to_string()),
            ClientError::RetryFailed(BackoffError::DeadlineExceded { source, .. }) => {
                match source.downcast::<ClientError>() {
                    Ok(error) => KafkaFault::from(*error),
                    Err(other) => KafkaFault::Broker(other.to_string()),
                }
            }
            other => KafkaFault::Broker(other.to_string()),
        }
    }
}

impl From<ConnectionError> for KafkaFault {
    fn from(error: ConnectionError) -> KafkaFault {
        let text = match error {
            ConnectionError::RetryFailed(BackoffError::DeadlineExceded { source, .. }) => source.to_string(),
            other => other.to_string(),
        };
        KafkaFault::Connect(one_of(&text).to_owned())
    }
}

/// Of errors of several brokers, which the client tells in any order, one that is the same each time.
fn one_of(text: &str) -> &str {
    let text = text.strip_prefix("Multiple errors occured: ").unwrap_or(text);
    let errors = text.split("error connecting to broker ").map(|error| error.trim_end_matches(", "));
    errors.filter(|error| !error.is_empty()).min().unwrap_or(text)
}

/// A record of a partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KafkaRecord {
    /// Its offset in the partition.
    pub offset: u64,
    /// When it was made, or came to Kafka, in microseconds since 1970.
    pub time_us: Option<i64>,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// What it holds; nothing where it says that its key is gone.
    pub value: Option<Vec<u8>>,
}

impl KafkaRecord {
    /// The bytes of its key and its value.
    pub fn bytes(&self) -> usize {
        [&self.key, &self.value].into_iter().flatten().map(Vec::len).sum()
    }
}

impl From<RecordAndOffset> for KafkaRecord {
    fn from(found: RecordAndOffset) -> KafkaRecord {
        let record = found.record;
        KafkaRecord {
            offset: offset(found.offset),
            // a record without a time has one before 1970
            time_us: record.timestamp.timestamp_millis().checked_mul(1000).filter(|time| *time >= 0),
            key: record.key,
            value: record.value,
        }
    }
}

/// What a broker says of a partition.
#[derive(Debug)]
pub enum PartitionAnswer {
    /// The records from the offset on that was asked for, and the offset after the newest.
    Records(Vec<KafkaRecord>, u64),
    /// No record, though there are offsets beyond, up to this one: why, and the offset after the newest.
    Empty(EmptyCause, u64),
    /// The first offset that is there, and the one after the newest, as no offset was asked for, or none that is there.
    Range(u64, u64),
}

/// Why an answer has no record, though the partition has offsets beyond the one that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmptyCause {
    /// A transaction has not ended, and what comes from its beginning on is not given out.
    OpenTransaction,
    /// This offset, which was asked for, certainly has no record. A broker sends the batch that has it, or the next
    /// one, whole; so one that sends something at once, and no record, has none.
    NoRecord(u64),
    /// The broker sent nothing as long as it was to wait, so nothing is certain.
    Late,
}

/// A question to a partition, and its answer: the client of the partition is used again if it answered.
struct Answered {
    partition: i32,
    number: u64,
    result: Result<(Arc<PartitionClient>, PartitionAnswer), KafkaFault>,
}

/// A topic of a cluster, whose partitions are asked side by side.
pub struct KafkaTopic {
    client: Arc<Client>,
    topic: String,
    partitions: HashMap<i32, Arc<PartitionClient>>,
    /// The questions, which go on while nobody waits for their answers: one for each partition at most.
    questions: JoinSet<Answered>,
    /// The number of the question to each partition that is asked, and how to end it.
    asked: HashMap<i32, (u64, AbortHandle)>,
    /// How many questions there were.
    asked_count: u64,
}

impl KafkaTopic {
    /// Connects to a cluster.
    ///
    /// # Errors
    /// No broker can be reached, or the first that can refuses what should open it.
    pub async fn connect(source: &KafkaSource) -> Result<KafkaTopic, KafkaFault> {
        let (mut addresses, mut opening, mut is_private) = (Vec::new(), None, false);
        for url in source.urls() {
            let url = url.parse(KAFKA_SCHEMES)?;
            is_private |= url.scheme() == KAFKA_SCHEMES[1];
            if opening.is_none() && !url.username().is_empty() {
                opening = Some((decoded(url.username()), url.password().map(decoded).unwrap_or_default()));
            }
            addresses.push(format!("{}:{}", url.host_str().unwrap_or_default(), url.port().unwrap_or(PORT)));
        }
        let once = BackoffConfig { deadline: Some(Duration::ZERO), ..BackoffConfig::default() };
        let mut builder =
            ClientBuilder::new(addresses).client_id("surmised").max_message_size(ANSWER_BYTES_MAX).backoff_config(once);
        if is_private {
            builder = builder.tls_config(Arc::new(client_config()?));
        }
        if let Some((user, password)) = opening {
            let credentials = Credentials::new(user, password);
            builder = builder.sasl_config(match source.sasl {
                SaslMechanism::Plain => SaslConfig::Plain(credentials),
                SaslMechanism::ScramSha256 => SaslConfig::ScramSha256(credentials),
                SaslMechanism::ScramSha512 => SaslConfig::ScramSha512(credentials),
            });
        }
        let client = timeout(ANSWER_TIME_MAX, builder.build()).await.map_err(|_| KafkaFault::TooLong)??;
        Ok(KafkaTopic {
            client: Arc::new(client),
            topic: source.topic.clone(),
            partitions: HashMap::new(),
            questions: JoinSet::new(),
            asked: HashMap::new(),
            asked_count: 0,
        })
    }

    /// The numbers of the partitions that there are.
    ///
    /// # Errors
    /// No broker answers, or there is no such topic.
    pub async fn partitions(&mut self) -> Result<Vec<i32>, KafkaFault> {
        let found = timeout(ANSWER_TIME_MAX, partitions_of(&self.client, &self.topic)).await;
        found.unwrap_or(Err(KafkaFault::TooLong))
    }

    /// Whether a partition is asked, and has not answered.
    pub fn is_asked(&self, partition: i32) -> bool {
        self.asked.contains_key(&partition)
    }

    /// Keeps the questions to these partitions alone.
    pub fn keep(&mut self, partitions: &[i32]) {
        self.partitions.retain(|partition, _| partitions.contains(partition));
        self.asked.retain(|partition, (_, question)| {
            let is_kept = partitions.contains(partition);
            if !is_kept {
                question.abort();
            }
            is_kept
        });
    }

    /// Asks a partition, after a pause, for records of so many bytes from an offset on; without an offset, which there
    /// are. The client asks for its topic by name, which may make it in Kafka. So if there was a pause since it was
    /// there, it is looked for first. A question that the partition has not answered is given up.
    pub fn ask(&mut self, partition: i32, from: Option<u64>, bytes_max: i32, pause: Duration) {
        let (client, topic) = (self.client.clone(), self.topic.clone());
        let known = self.partitions.remove(&partition);
        self.asked_count += 1;
        let number = self.asked_count;
        let question = self.questions.spawn(async move {
            sleep(pause).await;
            let answered = async {
                let known = match known {
                    Some(known) => known,
                    None => {
                        if !pause.is_zero() {
                            partitions_of(&client, &topic).await?;
                        }
                        Arc::new(client.partition_client(topic, partition, UnknownTopicHandling::Error).await?)
                    }
                };
                let answer = answer_of(&known, from, bytes_max).await?;
                Ok((known, answer))
            };
            // records may be waited for twice
            let result = timeout(2 * WAIT_TIME + ANSWER_TIME_MAX, answered).await;
            Answered { partition, number, result: result.unwrap_or(Err(KafkaFault::TooLong)) }
        });
        if let Some((_, earlier)) = self.asked.insert(partition, (number, question)) {
            earlier.abort();
        }
    }

    /// The answers that there are, each with its partition, once there is one; none if nothing was asked.
    pub async fn answers(&mut self) -> Vec<(i32, Result<PartitionAnswer, KafkaFault>)> {
        let mut answers = Vec::new();
        let mut next = self.questions.join_next().await;
        while let Some(ended) = next {
            answers.extend(self.take_ended(ended));
            next = match answers.is_empty() {
                true => self.questions.join_next().await,
                false => self.questions.try_join_next(),
            };
        }
        answers
    }

    /// The answer to a question that has ended, unless it was given up.
    fn take_ended(&mut self, ended: Result<Answered, JoinError>) -> Option<(i32, Result<PartitionAnswer, KafkaFault>)> {
        let Answered { partition, number, result } = match ended {
            Ok(answered) => answered,
            Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
            Err(_) => return None,
        };
        self.asked.get(&partition).filter(|(asked, _)| *asked == number)?;
        self.asked.remove(&partition);
        let answer = result.map(|(known, answer)| {
            self.partitions.insert(partition, known);
            answer
        });
        Some((partition, answer))
    }
}

async fn partitions_of(client: &Client, topic: &str) -> Result<Vec<i32>, KafkaFault> {
    let topics = client.list_topics().await?;
    let found = topics.into_iter().find(|found| found.name == topic && !found.partitions.is_empty());
    Ok(found.ok_or_else(|| KafkaFault::WithoutTopic(topic.to_owned()))?.partitions.into_iter().collect())
}

async fn answer_of(
    partition: &PartitionClient,
    from: Option<u64>,
    bytes_max: i32,
) -> Result<PartitionAnswer, KafkaFault> {
    if let Some(from) = from.and_then(|from| i64::try_from(from).ok()) {
        match records_of(partition, from, bytes_max).await {
            Ok(answer) => return Ok(answer),
            Err(ClientError::ServerError { protocol_error: ProtocolError::OffsetOutOfRange, .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let (first, end) = (partition.get_offset(OffsetAt::Earliest).await?, partition.get_offset(OffsetAt::Latest).await?);
    Ok(PartitionAnswer::Range(offset(first), offset(end)))
}

/// The records from an offset on, or why there is none though the partition goes on.
async fn records_of(partition: &PartitionClient, from: i64, bytes_max: i32) -> Result<PartitionAnswer, ClientError> {
    let fetch = || partition.fetch_records(from, 1..bytes_max, WAIT_TIME.as_millis() as i32);
    let records = |records: Vec<RecordAndOffset>, end| {
        PartitionAnswer::Records(records.into_iter().map(KafkaRecord::from).collect(), offset(end))
    };
    let (found, end) = fetch().await?;
    if !found.is_empty() || end <= from {
        return Ok(records(found, end));
    }
    // Up to here transactions have ended. It is asked for before the records, which may be given out since then.
    if partition.get_offset(OffsetAt::Latest).await? <= from {
        return Ok(PartitionAnswer::Empty(EmptyCause::OpenTransaction, offset(end)));
    }
    let start = Instant::now();
    let (found, end) = fetch().await?;
    if !found.is_empty() || end <= from {
        return Ok(records(found, end));
    }
    // a broker that has nothing to send waits
    let cause = if start.elapsed() < WAIT_TIME { EmptyCause::NoRecord(offset(from)) } else { EmptyCause::Late };
    Ok(PartitionAnswer::Empty(cause, offset(end)))
}

fn offset(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_of_several_brokers_does_not_depend_on_their_order() {
        let [one, two] = ["error connecting to broker \"a:1\": away, here", "error connecting to broker \"b:1\": away"];
        for text in [format!("Multiple errors occured: {one}, {two}"), format!("Multiple errors occured: {two}, {one}")]
        {
            assert_eq!(one_of(&text), "\"a:1\": away, here");
        }
        assert_eq!((one_of(two), one_of("it speaks something else")), ("\"b:1\": away", "it speaks something else"));
    }
}
