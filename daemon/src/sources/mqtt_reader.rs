//! Reading topics of an MQTT broker.
//!
//! The broker keeps a session (quality of service 1): what comes while the daemon is away waits there, and a message is
//! sent again until it is acknowledged, which it is when the log has it. So nothing is lost that the broker keeps. What
//! the log has and the broker has no acknowledgement of comes again, marked: while the daemon runs it is recognised
//! ([`Receipts`]); after a kill it is learnt again and counted. The broker marks everything that it had sent ahead, so
//! fewer were learnt twice than are counted.

use super::account::AccountFault;
use super::learning::{LearningFault, SourceIntake};
use super::message_events::{HeldMessage, MessageLearner, fits_filter};
use super::mqtt_broker::{Broker, BrokerMessage, BrokerNews};
use super::receipts::Receipts;
use crate::hub::Hub;
use crate::source_board::{InputStatus, SourceKind, SourceState};
use futures::future::{BoxFuture, FutureExt, OptionFuture};
use std::sync::Arc;
use std::time::Duration;
use surmise_config::MqttSource;
use tokio::time::sleep;

/// Messages that wait to be learnt at most: no more are received then.
const WAITING_MAX: usize = 4096;
/// Their bytes.
const WAITING_BYTES_MAX: usize = 8 << 20;
/// How long a source pauses before it gives messages again that the log does not have.
const FAILURE_PAUSE: Duration = Duration::from_secs(1);

/// What learns some messages, and what became of it.
type Learning = BoxFuture<'static, (MessageLearner, Vec<HeldMessage>, Result<(), AccountFault>)>;

/// What reads the topics of one source.
pub struct MqttReader {
    intake: SourceIntake,
    source: MqttSource,
    broker: Broker,
    /// Messages that wait to be learnt.
    waiting: Vec<HeldMessage>,
    waiting_bytes: usize,
    receipts: Receipts,
    /// Why there is no connection, why topics are not subscribed, and why nothing is learnt.
    errors: [Option<String>; 3],
}

impl MqttReader {
    /// Reads the topics of a source until the daemon stops.
    pub async fn serve(hub: Arc<Hub>, name: String, source: MqttSource) {
        let intake = SourceIntake::new(hub.clone(), SourceKind::Mqtt, &name, source.stream(&name));
        let topics = source.topics.iter().map(|name| InputStatus { name: name.clone(), position: None, newest: None });
        intake.tell(|status| {
            status.addresses.push(source.url.shown());
            status.inputs = topics.collect();
        });
        let broker = match Broker::new(&name, &source) {
            Ok(broker) => broker,
            Err(fault) => return intake.tell(|status| status.errors.push(fault.to_string())),
        };
        let learner = MessageLearner::new(intake.clone(), source.clone());
        let (waiting, receipts) = (Vec::new(), Receipts::default());
        let mut reader =
            MqttReader { intake, source, broker, waiting, waiting_bytes: 0, receipts, errors: [const { None }; 3] };
        hub.stopping.run_until_cancelled(reader.read(learner)).await;
    }

    /// Receives messages while others are learnt, so that pings are answered meanwhile.
    async fn read(&mut self, learner: MessageLearner) {
        if !self.intake.until_ready().await {
            return;
        }
        let mut idle = Some(learner);
        let mut learning: OptionFuture<Learning> = None.into();
        let mut is_learning = false;
        loop {
            if !self.waiting.is_empty()
                && let Some(learner) = idle.take()
            {
                learning = Some(learn(learner, std::mem::take(&mut self.waiting), Duration::ZERO)).into();
                (self.waiting_bytes, is_learning) = (0, true);
            }
            let has_room = self.waiting.len() < WAITING_MAX && self.waiting_bytes < WAITING_BYTES_MAX;
            tokio::select! {
                news = self.broker.news(), if has_room => self.hear(news),
                Some((learner, messages, result)) = &mut learning, if is_learning => match result {
                    Ok(()) => {
                        (idle, is_learning) = (Some(learner), false);
                        self.set_error(2, None);
                        self.acknowledge(&messages);
                    }
                    Err(AccountFault::Learning(LearningFault::Stopping)) => return,
                    Err(fault) => {
                        self.set_error(2, Some(format!("{} messages wait: {fault}; it is tried again", messages.len())));
                        learning = Some(learn(learner, messages, FAILURE_PAUSE)).into();
                    }
                },
            }
        }
    }

    /// Takes what the broker says.
    fn hear(&mut self, news: BrokerNews) {
        match news {
            BrokerNews::Connected { has_session } => {
                if !has_session {
                    self.receipts.forget();
                }
                self.set_error(0, None);
                self.intake.tell(|status| status.state = SourceState::Reading);
                self.broker.subscribe();
            }
            BrokerNews::Refused(places) => {
                let topics: Vec<&str> =
                    places.iter().filter_map(|at| self.source.topics.get(*at)).map(|t| &**t).collect();
                let error =
                    format!("the broker does not let {} be subscribed; it has to be allowed there", topics.join(", "));
                self.set_error(1, (!topics.is_empty()).then_some(error));
            }
            BrokerNews::Message(message) => self.receive(message),
            BrokerNews::Ping => self.receipts.ping(),
            BrokerNews::Pong => self.receipts.pong(),
            BrokerNews::Broken(error) => {
                self.receipts.disconnect();
                self.set_error(0, Some(format!("{}: {error}; it is tried again", self.source.url.shown())));
            }
            BrokerNews::Nothing => {}
        }
    }

    /// Takes a message: it waits to be learnt, or only to be acknowledged.
    fn receive(&mut self, message: BrokerMessage) {
        // what is retained is from before the subscription; a session may have topics that are no longer asked for
        let is_asked_for = self.source.topics.iter().any(|filter| fits_filter(message.topic(), filter));
        let mut is_event = is_asked_for && !message.is_retained();
        if let Some(packet) = message.packet().filter(|_| is_event) {
            let marked = message.is_sent_again();
            let is_known = self.receipts.receive(packet, message.topic(), message.payload(), marked);
            is_event = !is_known;
            if marked {
                self.intake.tell(|status| match is_known {
                    true => status.recognised += 1,
                    false => status.redelivered += 1,
                });
            }
        }
        self.waiting_bytes += message.payload().len();
        self.waiting.push(HeldMessage::new(message, is_event));
    }

    /// Acknowledges messages that the log has. Those of an earlier connection come again, and are acknowledged then.
    fn acknowledge(&mut self, messages: &[HeldMessage]) {
        for held in messages {
            if let Some(packet) = held.message.packet()
                && self.broker.acknowledge(&held.message)
            {
                self.receipts.acknowledge(packet);
            }
        }
    }

    fn set_error(&mut self, place: usize, error: Option<String>) {
        if self.errors[place] != error {
            self.errors[place] = error;
            let errors = self.errors.iter().flatten().cloned().collect();
            self.intake.tell(|status| status.errors = errors);
        }
    }
}

/// Has messages learnt after a pause.
fn learn(mut learner: MessageLearner, mut messages: Vec<HeldMessage>, pause: Duration) -> Learning {
    async move {
        sleep(pause).await;
        let result = learner.learn(&mut messages).await;
        (learner, messages, result)
    }
    .boxed()
}
