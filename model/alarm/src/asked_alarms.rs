//! What is asked of a stream's alarms between its events, and what is said of them.

use super::Alarms;
use crate::claim::RespectClaim;
use crate::verdict::BudgetAccount;
use surmise_event::{Alarm, AlarmBudget, AlarmKind, AlarmPhase, Feedback};

impl Alarms {
    /// Whether the next event is overdue at `now_us`: the alarm that would begin if it does not come. `offset` is that
    /// which it will have. Changes nothing, so it can be asked by a timer while silence lasts; the event itself, when
    /// it comes late, begins the incident and spends the budget, or goes on with the incident that is open. While an
    /// incident of an event that came late is open, nothing is overdue: it is of the same cause.
    pub fn overdue(&self, now_us: i64, offset: u64, budget: AlarmBudget) -> Option<Alarm> {
        if self.incidents.open_kind() == Some(AlarmKind::Missing) {
            return None;
        }
        let silence = self.gaps.silence(now_us);
        let rarity = self.fields_claim.ask(silence, self.weight);
        let gap = self.gaps.usual_seconds();
        let late = RespectClaim { kind: AlarmKind::Missing, bits: silence, ..RespectClaim::NONE };
        let required = self.incidents.required(&late, budget.per_event(gap));
        (rarity >= required).then(|| Alarm {
            kind: AlarmKind::Missing,
            phase: AlarmPhase::Begins,
            began: offset,
            offset,
            oddest: offset,
            count: 1,
            rarity_events: rarity,
            rarity_seconds: gap.map(|gap| gap * rarity),
            field: None,
            key: None,
            label: self.incidents.label(&late),
        })
    }

    /// Whether something can be said of the event at this offset: it belongs to one of the latest incidents.
    pub fn knows(&self, offset: u64) -> bool {
        self.incidents.knows(offset)
    }

    /// Takes in what a person says of an incident. It changes how rare the next events of its kind have to be to begin
    /// one, and with which label they are told.
    pub fn hear(&mut self, feedback: &Feedback) {
        self.incidents.hear(feedback);
    }

    /// Whether no incident is open, so that the event at hand may begin one.
    pub fn is_quiet(&self) -> bool {
        self.incidents.open_kind().is_none()
    }

    /// The bits of the largest claim of the event at hand so far.
    pub fn claim_bits(&self) -> f64 {
        self.fields_claim.claim.bits.max(self.aside.claim.bits)
    }

    /// Incidents so far, beside how many were promised.
    pub fn account(&self) -> BudgetAccount {
        self.incidents.account()
    }
}
