//! Sinks: incidents, and events that are rare, are told where the configuration says: posted to webhooks, published to
//! NATS, sent as messages of syslog, written to standard output.
//!
//! Once a second each sink looks at the incidents that streams keep, as for the page, and at its queue of rare events
//! (`rare_queues`); so no owner and no learning ever waits for it. What is there when a sink is first known, before any
//! event is taken, is old. What is new is sent, one after the other for each sink, oldest first. What the other side
//! does not take is sent again, with growing pauses: incidents for as long as their stream keeps them, rare events for
//! as long as their queue has room for those that follow. What it refuses for good is told and passed over. Which
//! incidents were delivered is remembered in the data directory, so that a restart tells nothing twice, but for what
//! was under way when the daemon was killed. Rare events are in memory alone: those that wait are lost with a stop.

mod carrier;
mod delivered;
mod message;
mod nats;
mod stdout;
mod syslog;
mod syslog_line;
mod webhook;

use crate::clock::now_us;
use crate::hub::Hub;
use crate::incidents::INCIDENTS_MAX;
use crate::rare_queues::RareMessage;
use crate::telemetry;
use carrier::{Carrier, SendResult};
use crossbeam_channel::Receiver;
use delivered::{DeliveredIncidents, Told};
use message::SinkMessage;
use nats::NatsCarrier;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use stdout::StandardOutput;
use surmise_config::{Config, SinkFilter};
use syslog::SyslogSender;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};
use webhook::Poster;

/// How often incidents and queues are looked at.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// The pause after the first failure; it doubles with each one that follows.
const PAUSE_MIN: Duration = Duration::from_secs(1);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(300);

/// One sink.
struct Sink {
    hub: Arc<Hub>,
    /// The key of its table within `[export]`.
    name: String,
    filter: SinkFilter,
    carrier: Arc<Mutex<dyn Carrier>>,
    delivered: DeliveredIncidents,
    /// Of each stream, how often its incidents had changed, and how many had begun, when they were looked at.
    seen: BTreeMap<u32, (u64, u64)>,
    /// The end of its queue of rare events, if it asks for them.
    rare: Option<Receiver<RareMessage>>,
}

/// The sinks of a configuration.
pub struct Sinks(Vec<Sink>);

impl Sinks {
    /// The sinks of the configuration, and what each has delivered.
    ///
    /// The streams have to be there, and no event may have come since the start, so that what a sink that is new
    /// counts as old is what was there before it, however quick the first events are.
    pub fn open(hub: &Arc<Hub>) -> Sinks {
        let sinks = hub.config.export.sinks().into_iter();
        Sinks(sinks.filter_map(|(name, filter)| Sink::open(hub, name, filter)).collect())
    }

    /// Serves them until the daemon stops.
    pub async fn serve(self) {
        let serving: JoinSet<()> = self.0.into_iter().map(Sink::serve).collect();
        serving.join_all().await;
    }
}

/// What carries the messages of a sink.
fn carrier(config: &Config, name: &str) -> anyhow::Result<Option<Arc<Mutex<dyn Carrier>>>> {
    let export = &config.export;
    if let Some(rule) = name.strip_prefix("webhooks.").and_then(|name| export.webhooks.get(name)) {
        return Ok(Some(Arc::new(Mutex::new(Poster::new(rule)?))));
    }
    if let Some(rule) = name.strip_prefix("nats.").and_then(|name| export.nats.get(name)) {
        return Ok(Some(Arc::new(Mutex::new(NatsCarrier::new(rule, &config.store.dir)))));
    }
    Ok(match (name, &export.syslog) {
        ("syslog", Some(rule)) => Some(Arc::new(Mutex::new(SyslogSender::new(rule)))),
        ("stdout", _) => Some(Arc::new(Mutex::new(StandardOutput::default()))),
        _ => None,
    })
}

impl Sink {
    /// A sink, unless its secret cannot be read, which is told.
    fn open(hub: &Arc<Hub>, name: String, filter: SinkFilter) -> Option<Sink> {
        let carrier = carrier(&hub.config, &name);
        let carrier = carrier.inspect_err(|e| tracing::error!(sink = name, "nothing is sent: {e}")).ok()??;
        let views = hub.directory.all();
        let covered = views.iter().filter(|view| filter.covers(&view.name));
        let delivered = DeliveredIncidents::open(&hub.config.store.dir, &name, covered);
        let rare = hub.services.rare.receiver(&name);
        let sink = Sink { hub: hub.clone(), name, filter, carrier, delivered, seen: BTreeMap::new(), rare };
        SendResult::NAMES.iter().chain(&["dropped"]).for_each(|result| sink.count(result, 0));
        Some(sink)
    }

    async fn serve(mut self) {
        let stopping = self.hub.stopping.clone();
        stopping.run_until_cancelled(self.look_and_send()).await;
        self.save();
    }

    /// Looks and sends for ever.
    async fn look_and_send(&mut self) {
        let mut looks = interval(LOOK_INTERVAL);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            for message in self.look() {
                self.deliver(&message).await;
                if let SinkMessage::Incident(delivery) = &message {
                    self.delivered.note(delivery);
                }
            }
            self.save();
        }
    }

    fn save(&mut self) {
        if let Err(e) = self.delivered.save() {
            tracing::warn!(sink = self.name, "what was sent cannot be remembered: {e}");
        }
    }

    /// Counts messages by what came of them.
    fn count(&self, result: &'static str, messages: u64) {
        let sink = self.name.clone();
        metrics::counter!(telemetry::SINK_MESSAGES, "sink" => sink, "result" => result).increment(messages);
    }

    /// What is to be sent by now: incidents, the oldest first, and then the rare events that wait.
    fn look(&mut self) -> Vec<SinkMessage> {
        let views = self.hub.directory.all();
        let mut due = Vec::new();
        for view in views.iter().filter(|view| self.filter.covers(&view.name)) {
            let incidents = &view.past.incidents;
            let (changes, begun) = (incidents.changes(), incidents.begun());
            let before = self.seen.insert(view.number, (changes, begun));
            if before.is_some_and(|(before, _)| before == changes) {
                continue;
            }
            let of_stream = self.delivered.due(view, incidents.latest(INCIDENTS_MAX), self.filter.ended);
            // more may begin between two looks, or while a message is sent again, than the stream keeps
            let beginning = of_stream.iter().filter(|delivery| delivery.what == Told::Begins).count() as u64;
            let lost = before.map_or(0, |(_, before)| begun.saturating_sub(before).saturating_sub(beginning));
            if lost > 0 {
                self.count("dropped", lost);
            }
            due.extend(of_stream.into_iter().map(|delivery| SinkMessage::Incident(Box::new(delivery))));
        }
        self.seen.retain(|number, _| views.iter().any(|view| view.number == *number));
        // what comes meanwhile waits for the next look
        due.extend(self.rare.iter().flat_map(|rare| rare.try_iter().take(rare.len())).map(SinkMessage::Rare));
        due
    }

    /// Sends until it is taken, or refused for good.
    async fn deliver(&mut self, message: &SinkMessage) {
        let mut pause = PAUSE_MIN;
        loop {
            let (carrier, message) = (self.carrier.clone(), message.clone());
            let sending = tokio::task::spawn_blocking(move || {
                carrier.lock().unwrap_or_else(PoisonError::into_inner).send(&message, now_us())
            });
            let result = sending.await.unwrap_or_else(|e| SendResult::Failed(e.to_string()));
            self.count(result.name(), 1);
            match result {
                SendResult::Taken => return,
                SendResult::Refused(why) => {
                    return tracing::warn!(sink = self.name, "a message is refused, and passed over: {why}");
                }
                SendResult::Failed(why) => {
                    tracing::warn!(sink = self.name, "a message is sent again in {pause:?}: {why}");
                }
            }
            sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }
}
