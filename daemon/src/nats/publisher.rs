//! Publishing messages to NATS, one by one.

use super::connection::{NatsConnection, NatsFault};
use async_nats::client::RequestErrorKind;
use async_nats::jetstream::context::PublishErrorKind;
use async_nats::{HeaderMap, header, jetstream};
use serde::Deserialize;
use std::time::Duration;
use surmise_config::NatsServers;
use tokio::time::timeout;

/// How long publishing a message may take, connecting included.
const PUBLISH_TIME_MAX: Duration = Duration::from_secs(15);
/// Codes of errors which say that there is no JetStream: for the server, or for the account.
const WITHOUT_JETSTREAM: [u64; 2] = [10076, 10039];

/// Why a message is not published.
#[derive(Debug, thiserror::Error)]
pub enum PublishFault {
    /// It is not published now.
    #[error("{0}")]
    Now(#[from] NatsFault),
    /// It is refused for good.
    #[error("{0}")]
    Never(String),
    /// It took too long.
    #[error("the server does not answer within {PUBLISH_TIME_MAX:?}")]
    TooLong,
}

/// What the server says of the streams that have a subject.
#[derive(Deserialize)]
struct StreamsOfSubject {
    streams: Option<Vec<String>>,
    error: Option<StreamsError>,
}

#[derive(Deserialize)]
struct StreamsError {
    err_code: u64,
    description: String,
}

/// What publishes to one cluster. It connects with the first message.
pub struct NatsPublisher {
    servers: NatsServers,
    connection: Option<NatsConnection>,
}

impl NatsPublisher {
    /// What publishes to these servers.
    pub fn new(servers: NatsServers) -> NatsPublisher {
        NatsPublisher { servers, connection: None }
    }

    /// Publishes a message under an id by which a stream of JetStream recognises it. When this returns a stream has it,
    /// if one has the subject; else whoever is subscribed gets it, if the server does.
    ///
    /// # Errors
    /// It is not published, or that is not known.
    pub async fn publish(&mut self, subject: &str, id: &str, payload: String) -> Result<(), PublishFault> {
        let published = timeout(PUBLISH_TIME_MAX, self.published(subject, id, payload)).await;
        let result = published.unwrap_or(Err(PublishFault::TooLong));
        if result.is_err() {
            self.connection = None;
        }
        result
    }

    async fn published(&mut self, subject: &str, id: &str, payload: String) -> Result<(), PublishFault> {
        let connection = match self.connection.take().filter(|connection| !connection.has_ended()) {
            Some(connection) => connection,
            None => NatsConnection::open(&self.servers).await?,
        };
        let connection = self.connection.insert(connection);
        let mut headers = HeaderMap::new();
        headers.insert(header::NATS_MESSAGE_ID, id);
        if is_stored(connection, subject).await? {
            let context = jetstream::new(connection.client.clone());
            let sent = context.publish_with_headers(subject.to_owned(), headers, payload.into()).await;
            let acknowledged = match sent {
                Ok(acknowledged) => acknowledged.await,
                Err(error) => Err(error),
            };
            return acknowledged.map(drop).map_err(|error| match error.kind() {
                PublishErrorKind::MaxPayloadExceeded => PublishFault::Never(error.to_string()),
                _ => NatsFault::asked("a message is not stored", error).into(),
            });
        }
        let sent = connection.client.publish_with_headers(subject.to_owned(), headers, payload.into()).await;
        sent.map_err(|e| NatsFault::asked("a message is not published", e))?;
        connection.client.flush().await.map_err(|e| NatsFault::asked("a message is not sent", e).into())
    }
}

/// Whether a stream of JetStream has a subject.
async fn is_stored(connection: &NatsConnection, subject: &str) -> Result<bool, NatsFault> {
    let what = "whether a stream in JetStream has the subject cannot be found out";
    let question = serde_json::json!({ "subject": subject }).to_string();
    let answer = match connection.client.request("$JS.API.STREAM.NAMES", question.into()).await {
        Ok(answer) => answer,
        // nobody answers where there is no JetStream
        Err(error) if error.kind() == RequestErrorKind::NoResponders => return Ok(false),
        Err(error) => return Err(NatsFault::asked(what, error)),
    };
    let answer: StreamsOfSubject = serde_json::from_slice(&answer.payload).map_err(|e| NatsFault::asked(what, e))?;
    match answer.error {
        Some(error) if WITHOUT_JETSTREAM.contains(&error.err_code) => Ok(false),
        Some(error) => Err(NatsFault::asked(what, error.description)),
        None => Ok(answer.streams.is_some_and(|streams| !streams.is_empty())),
    }
}
