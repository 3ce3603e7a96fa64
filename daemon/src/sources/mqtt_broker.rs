//! A connection to an MQTT broker that subscribes and acknowledges. This is the one place that knows the client.

use super::backoff::Backoff;
use crate::server_trust::client_config;
use futures::stream::{self, BoxStream, StreamExt};
use rumqttc::{AsyncClient, ConnectionError, Event, EventLoop, MqttOptions, Outgoing, Packet, Publish, QoS};
use rumqttc::{SubscribeFilter, SubscribeReasonCode, TlsConfiguration, Transport};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use surmise_config::{MQTT_SCHEMES, MqttSource, ServerUrlError, decoded};
use tokio::time::sleep;

/// The port of a broker whose address names none, in clear and with TLS.
const PORT: u16 = 1883;
const TLS_PORT: u16 = 8883;
/// How often a ping is sent. A broker ends a connection of which it hears nothing for one and a half times as long.
const PING_INTERVAL: Duration = Duration::from_secs(15);
/// The bytes of the largest packet that the protocol knows. A smaller limit would end the connection at a larger
/// packet, which would come again; what is longer than a line may be is refused once it is there.
const PACKET_BYTES_MAX: usize = 268_435_455;
/// Acknowledgements that wait to be sent: as many as there are packet identifiers, and subscriptions.
const REQUESTS_MAX: usize = 70_000;

/// What a broker says, or what becomes of the connection to it.
#[derive(Debug)]
pub enum BrokerNews {
    /// A connection has begun, and whether the broker has a session from before.
    Connected {
        /// Whether it has.
        has_session: bool,
    },
    /// A message came.
    Message(BrokerMessage),
    /// The broker does not subscribe these topics, by their places.
    Refused(Vec<usize>),
    /// A ping was sent.
    Ping,
    /// The broker has answered a ping, and with it has everything that was sent before.
    Pong,
    /// There is no connection. Another one is tried after a pause.
    Broken(ConnectionError),
    /// Something that changes nothing here.
    Nothing,
}

/// Why a broker cannot be asked at all.
#[derive(Debug, thiserror::Error)]
pub enum BrokerFault {
    /// Its address cannot be read.
    #[error("{0}")]
    Url(#[from] ServerUrlError),
    /// TLS cannot be spoken.
    #[error("TLS cannot be spoken: {0}")]
    Tls(#[from] rustls::Error),
}

/// A message, and the number of the connection that it came over.
#[derive(Debug)]
pub struct BrokerMessage(Publish, u64);

impl BrokerMessage {
    /// Its topic.
    pub fn topic(&self) -> &str {
        &self.0.topic
    }

    /// Its bytes.
    pub fn payload(&self) -> &[u8] {
        &self.0.payload
    }

    /// The identifier that its acknowledgement names; none if it is sent once at most.
    pub fn packet(&self) -> Option<u16> {
        (self.0.qos != QoS::AtMostOnce).then_some(self.0.pkid)
    }

    /// Whether the broker has sent it before, and has no acknowledgement.
    pub fn is_sent_again(&self) -> bool {
        self.0.dup
    }

    /// Whether it is the last message of a topic from before, which a broker sends because of a subscription.
    pub fn is_retained(&self) -> bool {
        self.0.retain
    }
}

/// A broker.
pub struct Broker {
    client: AsyncClient,
    /// The number of the connection.
    connection: Arc<AtomicU64>,
    news: BoxStream<'static, BrokerNews>,
    topics: Vec<SubscribeFilter>,
}

impl Broker {
    /// The broker of a source of this name. It is connected to, and again after each failure, as its news are asked
    /// for.
    ///
    /// # Errors
    /// Its address cannot be read.
    pub fn new(name: &str, source: &MqttSource) -> Result<Broker, BrokerFault> {
        let url = source.url.parse(MQTT_SCHEMES)?;
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let is_private = url.scheme() == "mqtts";
        let port = url.port().unwrap_or(if is_private { TLS_PORT } else { PORT });
        let mut options = MqttOptions::new(source.session(name), host, port);
        if is_private {
            let tls = TlsConfiguration::Rustls(Arc::new(client_config()?));
            options.set_transport(Transport::tls_with_config(tls));
        }
        options.set_clean_session(false);
        options.set_manual_acks(true);
        options.set_keep_alive(PING_INTERVAL);
        options.set_max_packet_size(PACKET_BYTES_MAX, PACKET_BYTES_MAX);
        if !url.username().is_empty() || url.password().is_some() {
            options.set_credentials(decoded(url.username()), decoded(url.password().unwrap_or_default()));
        }
        let (client, events) = AsyncClient::new(options, REQUESTS_MAX);
        let topics = source.topics.iter().map(|topic| SubscribeFilter::new(topic.clone(), QoS::AtLeastOnce)).collect();
        // the future that waits for news lives in the stream, so that no part of a packet is lost when whoever asks for
        // news turns to something else
        let connection = Arc::new(AtomicU64::new(0));
        let (backoff, queued) = (Backoff::new(), VecDeque::new());
        let polled = PolledBroker { events, connection: connection.clone(), backoff, pause: None, queued };
        let news = stream::unfold(polled, |mut polled| async move { Some((polled.next().await, polled)) }).boxed();
        Ok(Broker { client, connection, news, topics })
    }

    /// What comes next.
    pub async fn news(&mut self) -> BrokerNews {
        self.news.next().await.unwrap_or(BrokerNews::Nothing)
    }

    /// Subscribes the topics, which changes nothing of a session that has them.
    pub fn subscribe(&self) {
        if self.client.try_subscribe_many(self.topics.clone()).is_err() {
            tracing::error!("a subscription finds no room among requests; this is a bug");
        }
    }

    /// Acknowledges a message. Returns whether that was sent. One of an earlier connection is not acknowledged: it
    /// comes again, and if the session was lost its identifier may by now be that of another message.
    pub fn acknowledge(&self, message: &BrokerMessage) -> bool {
        message.1 == self.connection.load(Ordering::Relaxed) && self.client.try_ack(&message.0).is_ok()
    }
}

/// A connection that is made, and made again, as news are asked for.
struct PolledBroker {
    events: EventLoop,
    connection: Arc<AtomicU64>,
    backoff: Backoff,
    /// How long to wait before the next attempt to connect.
    pause: Option<Duration>,
    /// What came before the connection broke, and that it did.
    queued: VecDeque<BrokerNews>,
}

impl PolledBroker {
    /// Waits for what comes next, after a pause if there is no connection.
    async fn next(&mut self) -> BrokerNews {
        if let Some(news) = self.queued.pop_front() {
            return news;
        }
        if let Some(pause) = self.pause.take() {
            sleep(pause).await;
        }
        let polled = self.events.poll().await;
        let connection = self.connection.load(Ordering::Relaxed);
        let news = match polled {
            Ok(event) => news_of_event(event, connection),
            Err(error) => {
                self.pause = Some(self.backoff.pause());
                self.connection.store(connection + 1, Ordering::Relaxed);
                // the client would tell of these as if they had come over the next connection
                let left = self.events.state.events.drain(..);
                self.queued.extend(left.map(|event| news_of_event(event, connection)));
                self.queued.push_back(BrokerNews::Broken(error));
                self.queued.pop_front().unwrap_or(BrokerNews::Nothing)
            }
        };
        if matches!(news, BrokerNews::Refused(_) | BrokerNews::Message(_) | BrokerNews::Pong) {
            self.backoff.reset();
        }
        news
    }
}

fn news_of_event(event: Event, connection: u64) -> BrokerNews {
    match event {
        Event::Incoming(packet) => news_of(packet, connection),
        Event::Outgoing(Outgoing::PingReq) => BrokerNews::Ping,
        Event::Outgoing(_) => BrokerNews::Nothing,
    }
}

fn news_of(packet: Packet, connection: u64) -> BrokerNews {
    match packet {
        Packet::ConnAck(answer) => BrokerNews::Connected { has_session: answer.session_present },
        Packet::Publish(publish) => BrokerNews::Message(BrokerMessage(publish, connection)),
        Packet::SubAck(answer) => {
            let refused = answer.return_codes.iter().enumerate();
            let refused = refused.filter(|(_, code)| **code == SubscribeReasonCode::Failure).map(|(place, _)| place);
            BrokerNews::Refused(refused.collect())
        }
        Packet::PingResp => BrokerNews::Pong,
        _ => BrokerNews::Nothing,
    }
}
