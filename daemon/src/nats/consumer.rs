//! Reading a stream of JetStream in order, by a durable consumer that acknowledges.
//!
//! A consumer sends what is not acknowledged again, but only after a while, and what is new meanwhile. So a message
//! that was lost on its way would come after later ones, and a log that keeps one position would take it for one that
//! it has. Therefore a consumer is brought to the position of the log before it is read: it is made anew there, if its
//! stream keeps what is acknowledged; else what it has not acknowledged is waited for, and comes first then. From there
//! on deliveries are counted, as the server counts them, and one that is missing ends the reading.

use super::connection::{NatsConnection, NatsFault};
use async_nats::jetstream::consumer::pull::Config;
use async_nats::jetstream::consumer::{AckPolicy, Consumer, DeliverPolicy, Info};
use async_nats::jetstream::context::{ConsumerInfoErrorKind, GetStreamError, GetStreamErrorKind};
use async_nats::jetstream::context::{RequestError, RequestErrorKind};
use async_nats::jetstream::stream::{RetentionPolicy, Stream};
use async_nats::jetstream::{self, ErrorCode, Message};
use futures::StreamExt;
use std::time::Duration;
use surmise_config::NatsServers;
use tokio::time::sleep;

/// How long a message may stay unacknowledged until it is sent again.
const ACK_TIME: Duration = Duration::from_secs(10);
/// What is waited beyond that, so that all of them are due.
const ACK_MARGIN: Duration = Duration::from_secs(1);
/// Messages that are not acknowledged at most.
const UNACKNOWLEDGED_MAX: i64 = 16_384;

/// What the server says of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JetStreamFacts {
    /// When it was made, in microseconds since 1970. One that was made anew has another time.
    pub created_us: u64,
    /// The sequence of the first message that is there, or that comes.
    pub first: u64,
    /// The sequence of the last message that ever came.
    pub last: u64,
    /// When the first and the last message came, in microseconds since 1970.
    pub times_us: (i64, i64),
    /// Whether it keeps what is acknowledged.
    pub keeps_read: bool,
}

/// Where a consumer is to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsumerStart {
    /// After the message of this sequence.
    After(u64),
    /// With the first message that is not acknowledged; with the first of all if there is no consumer.
    Unacknowledged,
    /// With the first message that comes; with the first that is not acknowledged if there is a consumer.
    New,
}

/// A message of a stream.
#[derive(Debug)]
pub struct StoredMessage {
    /// Its sequence in the stream.
    pub sequence: u64,
    /// When it came, in microseconds since 1970.
    pub time_us: i64,
    /// How many that are read were behind it when it was sent.
    pub behind: u64,
    delivery: u64,
    message: Message,
}

impl StoredMessage {
    /// Its subject.
    pub fn subject(&self) -> &str {
        &self.message.subject
    }

    /// Its bytes.
    pub fn payload(&self) -> &[u8] {
        &self.message.payload
    }

    fn new(message: Message) -> Result<StoredMessage, NatsFault> {
        let info = message.info().map_err(|e| NatsFault::asked("a message does not say where it is", e))?;
        let (sequence, delivery, behind) = (info.stream_sequence, info.consumer_sequence, info.pending);
        let time_us = micros(info.published.unix_timestamp_nanos());
        Ok(StoredMessage { sequence, time_us, behind, delivery, message })
    }
}

/// A server with a stream, and the consumer that reads it.
pub struct JetStreamServer {
    connection: NatsConnection,
    stream: Stream,
    consumer: Option<Consumer<Config>>,
    /// The number of the latest delivery.
    delivered: u64,
}

impl JetStreamServer {
    /// Connects to a server that has this stream.
    ///
    /// # Errors
    /// It cannot be reached, refuses, or has no such stream.
    pub async fn connect(servers: &NatsServers, stream: &str) -> Result<JetStreamServer, NatsFault> {
        let connection = NatsConnection::open(servers).await?;
        let context = jetstream::new(connection.client.clone());
        let found = async { context.get_stream(stream).await.map_err(|error| stream_fault(stream, error)) };
        let stream = connection.until_done(found).await?;
        Ok(JetStreamServer { connection, stream, consumer: None, delivered: 0 })
    }

    /// What the server says of the stream.
    ///
    /// # Errors
    /// The server does not answer, or there is no such stream any more.
    pub async fn facts(&mut self) -> Result<JetStreamFacts, NatsFault> {
        let name = self.stream.cached_info().config.name.clone();
        let context = jetstream::new(self.connection.client.clone());
        let found = async { context.get_stream(&name).await.map_err(|error| stream_fault(&name, error)) };
        self.stream = self.connection.until_done(found).await?;
        let info = self.stream.cached_info();
        let state = &info.state;
        let time = |at: async_nats::datetime::DateTime| micros(at.unix_timestamp_nanos());
        Ok(JetStreamFacts {
            created_us: u64::try_from(time(info.created)).unwrap_or(0),
            first: state.first_sequence.max(1),
            last: state.last_sequence,
            times_us: (time(state.first_timestamp), time(state.last_timestamp)),
            keeps_read: info.config.retention == RetentionPolicy::Limits,
        })
    }

    /// Brings the consumer to where reading goes on; it is made if there is none. Returns the sequence after which it
    /// goes on.
    ///
    /// # Errors
    /// The server does not answer, or does not let the consumer be made or used.
    pub async fn open(&mut self, name: &str, subjects: &[String], start: ConsumerStart) -> Result<u64, NatsFault> {
        let (after, consumer) = self.connection.until_done(self.opened(name, subjects, start)).await?;
        // from here on every delivery counts, the first one, too
        self.delivered = consumer.cached_info().delivered.consumer_sequence;
        self.consumer = Some(consumer);
        Ok(after)
    }

    async fn opened(
        &self,
        name: &str,
        subjects: &[String],
        start: ConsumerStart,
    ) -> Result<(u64, Consumer<Config>), NatsFault> {
        let stream = self.stream.cached_info();
        let keeps_read = stream.config.retention == RetentionPolicy::Limits;
        let known = match self.stream.consumer_info(name).await {
            Ok(info) => Some(info),
            Err(error) if error.kind() == ConsumerInfoErrorKind::NotFound => None,
            Err(error) => return Err(NatsFault::asked("how far its consumer is cannot be found out", error)),
        };
        let floor = known.as_ref().map(|info| info.ack_floor.stream_sequence);
        let after = match start {
            ConsumerStart::After(sequence) => sequence,
            ConsumerStart::Unacknowledged => floor.unwrap_or(0),
            ConsumerStart::New => floor.unwrap_or(stream.state.last_sequence),
        };
        if let Some(info) = &known {
            check(info)?;
            let is_there = info.num_ack_pending == 0 && info.ack_floor.stream_sequence == after;
            let is_same = filters(info) == subjects;
            // what a stream does not keep would be gone with its consumer
            let is_deleted = keeps_read
                && !(is_there && is_same)
                && self.stream.delete_consumer(name).await.is_ok_and(|d| d.success);
            if !is_deleted {
                if !is_there && info.num_ack_pending > 0 {
                    sleep(info.config.ack_wait.max(ACK_TIME) + ACK_MARGIN).await;
                }
                if is_same {
                    let found = self.stream.get_consumer(name).await;
                    let found = found.map_err(|e| NatsFault::asked("its consumer cannot be used", e))?;
                    return Ok((after, found));
                }
                let mut config = self.usual_config(name, subjects, 0);
                config.deliver_policy = info.config.deliver_policy;
                let updated = self.stream.update_consumer(config).await;
                let updated =
                    updated.map_err(|e| NatsFault::asked("the subjects of its consumer cannot be changed", e))?;
                return Ok((after, updated));
            }
        }
        let config = self.usual_config(name, subjects, if keeps_read { after } else { 0 });
        let made = self.stream.create_consumer(config).await;
        Ok((after, made.map_err(|e| NatsFault::asked("its consumer cannot be made", e))?))
    }

    fn usual_config(&self, name: &str, subjects: &[String], after: u64) -> Config {
        Config {
            durable_name: Some(name.to_owned()),
            description: Some("surmised reads with it; its position is in the log of the daemon".to_owned()),
            deliver_policy: match after {
                0 => DeliverPolicy::All,
                after => DeliverPolicy::ByStartSequence { start_sequence: after + 1 },
            },
            ack_policy: AckPolicy::Explicit,
            ack_wait: ACK_TIME,
            filter_subjects: subjects.to_vec(),
            max_ack_pending: UNACKNOWLEDGED_MAX,
            ..Config::default()
        }
    }

    /// The next messages, `most` at most, in the order of their sequences; none if none came in this time.
    ///
    /// # Errors
    /// The server does not answer, the consumer is gone, or a message was lost on its way.
    pub async fn fetch(&mut self, most: usize, time_max: Duration) -> Result<Vec<StoredMessage>, NatsFault> {
        let Some(consumer) = &self.consumer else { return Ok(Vec::new()) };
        let config = &consumer.cached_info().config;
        // what is asked for beyond these is refused, or waits to be acknowledged
        let bounds = [config.max_batch, config.max_ack_pending].into_iter().filter(|most| *most > 0);
        let most = bounds.fold(most, |most, bound| most.min(bound as usize));
        let not_sent = |why: String| NatsFault::asked("messages are not sent", why);
        let received = async {
            let asked = consumer.fetch().max_messages(most).expires(time_max).messages().await;
            let mut batch = asked.map_err(|e| not_sent(e.to_string()))?;
            let mut messages = Vec::new();
            while let Some(message) = batch.next().await {
                messages.push(StoredMessage::new(message.map_err(|e| not_sent(e.to_string()))?)?);
            }
            Ok(messages)
        };
        let mut messages = self.connection.until_done(received).await?;
        for message in &messages {
            if message.delivery != self.delivered + 1 {
                return Err(NatsFault::Lost);
            }
            self.delivered = message.delivery;
        }
        messages.sort_by_key(|message| message.sequence);
        Ok(messages)
    }

    /// Whether everything that is read has been sent and acknowledged.
    ///
    /// # Errors
    /// The server does not answer.
    pub async fn is_at_end(&mut self) -> Result<bool, NatsFault> {
        let Some(consumer) = &mut self.consumer else { return Ok(false) };
        let asked = async {
            let info = consumer.info().await;
            let info = info.map_err(|e| NatsFault::asked("how far its consumer is cannot be found out", e))?;
            Ok(info.num_pending == 0 && info.num_ack_pending == 0)
        };
        self.connection.until_done(asked).await
    }

    /// Acknowledges messages that the log has. What does not arrive there is sent again, and recognised.
    ///
    /// # Errors
    /// The connection has ended.
    pub async fn acknowledge(&self, messages: &[StoredMessage]) -> Result<(), NatsFault> {
        let acknowledged = async {
            for stored in messages {
                stored.message.ack().await.map_err(|e| NatsFault::asked("messages are not acknowledged", e))?;
            }
            Ok(())
        };
        self.connection.until_done(acknowledged).await
    }
}

/// Whether a consumer that is there can be read with.
fn check(info: &Info) -> Result<(), NatsFault> {
    let wrong = |why| Err(NatsFault::Consumer { name: info.name.clone(), why });
    if info.config.deliver_subject.is_some() {
        return wrong("is one that messages are pushed to; name another one (consumer = \"…\")");
    }
    if info.config.ack_policy != AckPolicy::Explicit {
        return wrong("does not ask for an acknowledgement of each message; name another one (consumer = \"…\")");
    }
    Ok(())
}

/// The subjects that a consumer reads; none if it reads all.
fn filters(info: &Info) -> Vec<String> {
    let one = Some(&info.config.filter_subject).filter(|subject| !subject.is_empty());
    one.into_iter().chain(&info.config.filter_subjects).cloned().collect()
}

fn stream_fault(name: &str, error: GetStreamError) -> NatsFault {
    match error.kind() {
        GetStreamErrorKind::JetStream(found) => match found.error_code() {
            ErrorCode::STREAM_NOT_FOUND => NatsFault::WithoutStream(name.to_owned()),
            ErrorCode::JETSTREAM_NOT_ENABLED | ErrorCode::JETSTREAM_NOT_ENABLED_FOR_ACCOUNT => {
                NatsFault::WithoutJetStream
            }
            _ => NatsFault::asked("what JetStream says of the stream", found),
        },
        _ if is_without_answer(&error) => NatsFault::WithoutJetStream,
        _ => NatsFault::asked("what JetStream says of the stream", error),
    }
}

/// Whether nobody is there who would answer a question to JetStream.
fn is_without_answer(error: &GetStreamError) -> bool {
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<RequestError>());
    cause.is_some_and(|cause| cause.kind() == RequestErrorKind::NoResponders)
}

fn micros(nanos: i128) -> i64 {
    i64::try_from(nanos / 1000).unwrap_or(0)
}
