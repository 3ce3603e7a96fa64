//! Alarms of a stream: what a learner's verdict of an event says in the outcome, and what is overdue.

use crate::learner::Learner;
use std::sync::Arc;
use surmise_alarm::{BudgetAccount, Verdict};
use surmise_event::{Alarm, Feedback, Outcome};

impl Learner {
    /// Judges the event at hand, which has this offset, by all that its fields showed.
    pub(crate) fn judge(&mut self, offset: u64, out: &mut Outcome) {
        let verdict = self.monitors.alarms.verdict(offset, self.options.alarm_budget);
        self.scratch.rarest_field = verdict.field;
        let fields = &self.models.fields;
        tell(verdict, |field| fields.get(field as usize).map(|f| f.name.clone()), out);
    }

    /// Takes in what a person says of an incident. It takes an offset, and changes what is told, not what is predicted.
    pub(crate) fn hear(&mut self, feedback: &Feedback, out: &mut Outcome) {
        (out.surprise_bits, out.excess_bits) = (0.0, 0.0);
        self.monitors.alarms.hear(feedback);
        self.position.offset += out.events;
        self.position.version += out.events;
    }

    /// The alarm that stands at `now_us` because the next event is overdue, if it is: rarer than the budget allows for.
    /// It changes nothing and may be asked by a timer at any time; it stands until the event comes, which then begins
    /// the incident. `None` where events have no times.
    pub fn overdue(&self, now_us: i64) -> Option<Alarm> {
        self.monitors.alarms.overdue(now_us, self.position.offset, self.options.alarm_budget)
    }

    /// Incidents that began, beside how many the budget promised for the same events.
    pub fn budget_account(&self) -> BudgetAccount {
        self.monitors.alarms.account()
    }
}

/// Puts a verdict into an outcome. Of the events of one outcome the rarest counts, and the first alarm.
pub(crate) fn tell(verdict: Verdict, name: impl Fn(u32) -> Option<Arc<str>>, out: &mut Outcome) {
    out.rarity_events = out.rarity_events.max(verdict.rarity_events);
    out.anomaly_score = out.anomaly_score.max(verdict.anomaly_score);
    if out.alarm.is_none()
        && let Some((alarm, field)) = verdict.alarm
    {
        out.alarm = Some(Alarm { field: field.and_then(name), ..alarm });
    }
}
