//! What one stream adds to the metrics of the process.

use crate::directory::StreamView;
use crate::loss_windows::simple_bits;
use crate::telemetry;
use crate::ticket::ChunkCounts;
use std::collections::BTreeMap;
use std::f64::consts::LN_2;
use std::sync::atomic::Ordering;
use surmise_event::{AlarmKind, Outcome};
use surmise_learner::{Learner, RejectedUpdates};

/// Fields up to which the losses of experts are exported: adding up those of every expert of every column of a wide
/// vector after each batch costs too much.
const EXPERT_LOSS_FIELDS_MAX: usize = 32;
/// Offsets after which losses of simple experts, weights and coverage are exported again: adding them up after each
/// batch would cost single events dearly.
const SHARES_EVERY: u64 = 256;
/// The weight of the latest event in the average surprise that lists of streams show.
const RECENT_WEIGHT: f64 = 0.002;

/// Values of a learner's own counters at the latest export. The difference to it is exported next.
#[derive(Default)]
struct ReportedCounts {
    late_events: u64,
    keys_forgotten: u64,
    rejected_updates: RejectedUpdates,
    /// Incidents that the budget of alarms promised.
    promised_alarms: f64,
    /// Nats that networks saved.
    saved_nats: f64,
    /// Distinct symbols and templates.
    distinct: u64,
    expert_nats: BTreeMap<&'static str, u64>,
}

/// Whether the losses of a learner's experts are exported.
fn is_narrow(learner: &Learner) -> bool {
    learner.schema().fields.len() <= EXPERT_LOSS_FIELDS_MAX
}

/// What the best simple expert of each field has paid, in nats.
fn simple_nats(learner: &Learner) -> u64 {
    if is_narrow(learner) { (simple_bits(learner) * LN_2) as u64 } else { 0 }
}

/// Updates of networks that were refused between two counts, by reason.
fn refused_since(before: RejectedUpdates, now: RejectedUpdates) -> impl Iterator<Item = (&'static str, u64)> {
    let counts = now.by_reason().into_iter().zip(before.by_reason());
    counts.filter(|((_, now), (_, before))| now > before).map(|((reason, now), (_, before))| (reason, now - before))
}

impl ReportedCounts {
    /// The present values of a learner's counters, in whole numbers, as counters of metrics are.
    fn of(learner: &Learner) -> ReportedCounts {
        let is_narrow = is_narrow(learner);
        let expert_nats = if is_narrow { learner.expert_loss_nats() } else { BTreeMap::new() };
        ReportedCounts {
            late_events: learner.late_events(),
            keys_forgotten: learner.keys_forgotten(),
            rejected_updates: learner.rejected_updates(),
            promised_alarms: learner.budget_account().promised,
            saved_nats: if is_narrow { learner.network_savings().0.map_or(0.0, |s| s.saved_nats) } else { 0.0 },
            distinct: learner.distinct(),
            expert_nats: expert_nats.into_iter().map(|(name, nats)| (name, nats as u64)).collect(),
        }
    }
}

/// The metrics of one stream.
pub(super) struct StreamMetrics {
    /// The pattern of the configuration that the stream falls under, as the label `group` has it.
    group: String,
    surprises: metrics::Histogram,
    /// Nats of loss that are not exported yet. Counters count whole numbers, so a fraction remains.
    unreported_nats: f64,
    reported: ReportedCounts,
    /// What the best simple expert of each field had paid at the latest export, in nats.
    simple_nats: u64,
    /// The offset from which that, weights and coverage are exported again.
    shares_at: u64,
}

impl StreamMetrics {
    /// The metrics of a stream in a group; an empty name stands for the group `default`.
    pub fn new(group: &str) -> StreamMetrics {
        let group = if group.is_empty() { "default" } else { group };
        for kind in AlarmKind::ALL {
            // so that the first incident of a kind is a rise
            metrics::counter!(telemetry::ALARMS, "group" => group.to_owned(), "kind" => kind.name()).increment(0);
        }
        StreamMetrics {
            group: group.to_owned(),
            surprises: metrics::histogram!(telemetry::SURPRISE),
            unreported_nats: 0.0,
            reported: ReportedCounts::default(),
            simple_nats: 0,
            shares_at: 0,
        }
    }

    /// Takes the counters of a learner that was recovered as exported: an earlier process counted them.
    pub fn resume(&mut self, learner: &Learner) {
        self.reported = ReportedCounts::of(learner);
        self.simple_nats = simple_nats(learner);
    }

    /// Records the outcome of one event, the `accepted`-th of its batch.
    pub fn record_outcome(&mut self, outcome: &Outcome, view: &StreamView, accepted: u64) {
        let nats = outcome.surprise_bits * std::f64::consts::LN_2;
        self.unreported_nats += nats;
        self.surprises.record(nats);
        for drift in &outcome.drift {
            metrics::counter!(telemetry::DRIFT, "detector" => drift.detector.name()).increment(1);
        }
        let bits = outcome.surprise_bits / outcome.events.max(1) as f64;
        let events = (view.records.load(Ordering::Relaxed) + accepted) as f64;
        let average = match view.recent_bits() {
            // a mean of the first events, which then forgets
            Some(average) => average + RECENT_WEIGHT.max(1.0 / events) * (bits - average),
            None => bits,
        };
        view.recent_bits.store(average.to_bits(), Ordering::Relaxed);
        view.last_rarity.store(outcome.rarity_events.to_bits(), Ordering::Relaxed);
    }

    /// Exports what a batch that came in by `listener` has changed.
    pub fn record_batch(&mut self, counts: &ChunkCounts, listener: &'static str, view: &StreamView, learner: &Learner) {
        if counts.duplicates > 0 {
            metrics::counter!(telemetry::DUPLICATE).increment(counts.duplicates);
        }
        if counts.accepted == 0 {
            return;
        }
        let group = self.group.clone();
        metrics::counter!(telemetry::RECEIVED, "listener" => listener, "group" => group).increment(counts.accepted);
        self.export_learner_counts(view, learner);
        metrics::counter!(telemetry::LOSS, "group" => self.group.clone()).increment(self.unreported_nats as u64);
        self.unreported_nats = self.unreported_nats.fract();
    }

    /// Exports by how much the learner's own counters grew.
    fn export_learner_counts(&mut self, view: &StreamView, learner: &Learner) {
        let now = ReportedCounts::of(learner);
        let before = std::mem::take(&mut self.reported);
        let late_events = now.late_events.saturating_sub(before.late_events);
        if late_events > 0 {
            metrics::counter!(telemetry::LATE).increment(late_events);
        }
        let keys_forgotten = now.keys_forgotten.saturating_sub(before.keys_forgotten);
        if keys_forgotten > 0 {
            metrics::counter!(telemetry::KEYS_FORGOTTEN).increment(keys_forgotten);
        }
        for (reason, updates) in refused_since(before.rejected_updates, now.rejected_updates) {
            metrics::counter!(telemetry::UPDATES_REJECTED, "reason" => reason).increment(updates);
            // noise within a stream is no fault, and may come for long
            if reason != RejectedUpdates::BURST {
                view.tell_refused(reason, updates, learner.offset());
            }
        }
        let promised = now.promised_alarms - before.promised_alarms;
        if promised > 0.0 {
            metrics::gauge!(telemetry::ALARMS_PROMISED, "group" => self.group.clone()).increment(promised);
        }
        let saved = now.saved_nats - before.saved_nats;
        if saved != 0.0 {
            metrics::gauge!(telemetry::NETWORK_SAVED, "group" => self.group.clone()).increment(saved);
        }
        // templates that become one are fewer
        if now.distinct != before.distinct {
            let more = now.distinct as f64 - before.distinct as f64;
            metrics::gauge!(telemetry::VOCABULARY, "group" => self.group.clone()).increment(more);
        }
        if learner.offset() >= self.shares_at {
            self.export_shares(learner);
            self.shares_at = learner.offset() + SHARES_EVERY;
        }
        for (expert, nats) in &now.expert_nats {
            let more = nats.saturating_sub(before.expert_nats.get(expert).copied().unwrap_or(0));
            let (group, expert) = (self.group.clone(), *expert);
            metrics::counter!(telemetry::EXPERT_LOSS, "group" => group, "expert" => expert).increment(more);
        }
        self.reported = now;
    }

    /// Exports what the best simple experts paid, how much each expert counts, and how many numbers lie within what was
    /// predicted.
    fn export_shares(&mut self, learner: &Learner) {
        let simple = simple_nats(learner);
        let more = simple.saturating_sub(std::mem::replace(&mut self.simple_nats, simple));
        let group = || self.group.clone();
        metrics::counter!(telemetry::BASELINE_LOSS, "group" => group(), "baseline" => "simple").increment(more);
        if is_narrow(learner) {
            for (expert, weight) in learner.expert_weights() {
                metrics::gauge!(telemetry::EXPERT_WEIGHT, "group" => group(), "expert" => expert).set(weight);
            }
        }
        for (level, share) in learner.coverage() {
            metrics::gauge!(telemetry::COVERAGE, "group" => group(), "level" => level.to_string()).set(share);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_updates_that_were_refused_since_are_told() {
        let counts = |not_finite, exploded| RejectedUpdates { not_finite, exploded, burst: 0 };
        let told = |before, now| refused_since(before, now).collect::<Vec<_>>();
        assert_eq!(told(counts(1, 2), counts(1, 5)), [("exploded", 3)]);
        assert_eq!(told(counts(0, 0), counts(1, 1)), [("not_finite", 1), ("exploded", 1)]);
        // a learner that was put back has fewer
        assert_eq!(told(counts(3, 3), counts(3, 1)), []);
    }
}
