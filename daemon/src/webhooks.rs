//! Webhooks: incidents are posted to the addresses that the configuration names.
//!
//! Once a second the incidents that streams keep are looked at, as for the page, so owners and learning know nothing of
//! it. What is there when a webhook is first known, before any event is taken, is old. What is new is posted, one after
//! the other for each webhook, oldest first. What an address does not take is posted again, with growing pauses, for as
//! long as the stream keeps the incident; what it refuses for good (a status of 4xx) is told and passed over. What was
//! delivered is remembered in the data directory, so that a restart posts nothing twice, but for what was under way
//! when the daemon was killed: deliveries are at least once, and their `webhook-id` is the same each time.
//!
//! Posts follow Standard Webhooks 1.0: `webhook-id`, `webhook-timestamp`, and `webhook-signature`, which is
//! `v1,` and the base64 of the HMAC-SHA256 of `id.timestamp.body`.

mod delivered;
mod post;

use crate::clock::now_us;
use crate::hub::Hub;
use crate::incidents::INCIDENTS_MAX;
use crate::telemetry;
use delivered::{DeliveredIncidents, Delivery};
use post::{PostResult, Poster};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use surmise_config::WebhookRule;
use surmise_event::format_time;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};

/// How often incidents are looked at.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// The pause after the first failure; it doubles with each one that follows.
const PAUSE_MIN: Duration = Duration::from_secs(1);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(300);

/// One webhook.
struct Webhook {
    hub: Arc<Hub>,
    name: String,
    rule: WebhookRule,
    poster: Arc<Poster>,
    delivered: DeliveredIncidents,
    /// How often each stream's incidents had changed when they were looked at.
    seen: BTreeMap<u32, u64>,
}

/// The webhooks of a configuration.
pub struct Webhooks(Vec<Webhook>);

impl Webhooks {
    /// The webhooks of the configuration, and what each has delivered.
    ///
    /// The streams have to be there, and no event may have come since the start, so that what a webhook that is new
    /// counts as old is what was there before it, however quick the first events are.
    pub fn open(hub: &Arc<Hub>) -> Webhooks {
        let rules = hub.config.export.webhooks.iter();
        Webhooks(rules.filter_map(|(name, rule)| Webhook::open(hub, name, rule)).collect())
    }

    /// Serves them until the daemon stops.
    pub async fn serve(self) {
        let serving: JoinSet<()> = self.0.into_iter().map(Webhook::serve).collect();
        serving.join_all().await;
    }
}

impl Webhook {
    /// A webhook, unless its secret cannot be read, which is told.
    fn open(hub: &Arc<Hub>, name: &str, rule: &WebhookRule) -> Option<Webhook> {
        let poster =
            Poster::new(rule).inspect_err(|e| tracing::error!(webhook = name, "nothing is posted: {e}")).ok()?;
        let views = hub.directory.all();
        let covered = views.iter().filter(|view| rule.covers(&view.name));
        Some(Webhook {
            hub: hub.clone(),
            name: name.to_owned(),
            rule: rule.clone(),
            poster: Arc::new(poster),
            delivered: DeliveredIncidents::open(&hub.config.store.dir, name, covered),
            seen: BTreeMap::new(),
        })
    }

    async fn serve(mut self) {
        let stopping = self.hub.stopping.clone();
        stopping.run_until_cancelled(self.look_and_post()).await;
        self.save();
    }

    /// Looks and posts for ever.
    async fn look_and_post(&mut self) {
        let mut looks = interval(LOOK_INTERVAL);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            for delivery in self.look() {
                self.deliver(&delivery).await;
                self.delivered.note(&delivery);
            }
            self.save();
        }
    }

    fn save(&mut self) {
        if let Err(e) = self.delivered.save() {
            tracing::warn!(webhook = self.name, "what was posted cannot be remembered: {e}");
        }
    }

    /// What is to be posted by now, the oldest first.
    fn look(&mut self) -> Vec<Delivery> {
        let views = self.hub.directory.all();
        let mut due = Vec::new();
        for view in views.iter().filter(|view| self.rule.covers(&view.name)) {
            let changes = view.past.incidents.changes();
            if self.seen.get(&view.number) == Some(&changes) {
                continue;
            }
            self.seen.insert(view.number, changes);
            let incidents = view.past.incidents.latest(INCIDENTS_MAX);
            due.extend(self.delivered.due(view, incidents, self.rule.ended));
        }
        self.seen.retain(|number, _| views.iter().any(|view| view.number == *number));
        due
    }

    /// Posts until it is taken, or refused for good.
    async fn deliver(&mut self, delivery: &Delivery) {
        let mut pause = PAUSE_MIN;
        loop {
            let (poster, delivery) = (self.poster.clone(), delivery.clone());
            let (now_us, timestamp) = (now_us(), format_time(now_us()));
            let posting =
                tokio::task::spawn_blocking(move || poster.post(&delivery, now_us / 1_000_000, &timestamp)).await;
            let posted = posting.unwrap_or_else(|e| PostResult::Failed(e.to_string()));
            let result = posted.name();
            metrics::counter!(telemetry::WEBHOOK_POSTS, "webhook" => self.name.clone(), "result" => result)
                .increment(1);
            match posted {
                PostResult::Taken => return,
                PostResult::Refused(why) => {
                    return tracing::warn!(webhook = self.name, "an incident is refused, and passed over: {why}");
                }
                PostResult::Failed(why) => {
                    tracing::warn!(webhook = self.name, "an incident is posted again in {pause:?}: {why}");
                }
            }
            sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }
}
