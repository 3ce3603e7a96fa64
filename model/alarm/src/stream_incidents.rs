//! The incidents of a stream: which events begin one, go on with it and end it, within the budget and by what people
//! said of earlier ones.

use crate::budget::BudgetKeeper;
use crate::claim::RespectClaim;
use crate::claim_record::JudgedClaim;
use crate::incident::OpenIncident;
use crate::opinions::Opinions;
use crate::verdict::BudgetAccount;
use std::sync::Arc;
use surmise_event::{Alarm, AlarmKind, AlarmPhase, Feedback};
use surmise_state::{Persist, State, StateError};

/// The most that kinds which people called bad are told, in incidents an event, unless the budget itself is larger.
const WANTED_RATE_MAX: f64 = 0.01;

/// The incident that is open, and what the next one needs to begin.
///
/// A budget bounds how often people are told what they did not ask for. Kinds that they called bad they did ask for:
/// these have a second budget, ten times as large for each verdict and at most [`WANTED_RATE_MAX`], so that an outage
/// that comes again and again is told. What the second budget has no room for may still be in the first. Each has the
/// guarantee of [`BudgetKeeper`], so that both together bound the incidents of a stream.
#[derive(Clone, Debug, Default)]
pub(crate) struct StreamIncidents {
    budget: BudgetKeeper,
    /// The budget of kinds that were called bad.
    wanted: BudgetKeeper,
    pub(crate) open: Option<OpenIncident>,
    /// The first event of the latest cluster that an incident began with; 0 before there is one.
    told_cluster: u64,
    opinions: Opinions,
}

impl StreamIncidents {
    /// An event has come, which earns so many incidents.
    pub(crate) fn event(&mut self, rate: f64) {
        self.budget.event(rate);
        let least = self.opinions.least_factor();
        if least < 1.0 {
            self.wanted.event(wanted_rate(rate, least));
        }
    }

    /// How rare an event of this claim has to be to begin an incident.
    pub(crate) fn required(&self, claim: &RespectClaim, rate: f64) -> f64 {
        let factor = self.opinions.factor(claim);
        let required = self.budget.required(rate) * factor.max(1.0);
        self.required_of_wanted(factor, rate).map_or(required, |wanted| wanted.min(required))
    }

    /// The same by the budget of kinds that were called bad, if this factor is of one.
    fn required_of_wanted(&self, factor: f64, rate: f64) -> Option<f64> {
        (factor < 1.0).then(|| self.wanted.required(wanted_rate(rate, factor)))
    }

    /// Whether a cluster that began at this offset is younger than all that incidents began with.
    pub(crate) fn is_untold(&self, cluster: u64) -> bool {
        cluster > self.told_cluster
    }

    /// Judges what claims most of the event at this offset, which is about this key if not about the event's own.
    /// `gap_seconds` is the usual time between events. Returns what is told of an incident, and the field that it is
    /// about.
    pub(crate) fn judge(
        &mut self,
        offset: u64,
        event: &JudgedClaim,
        key: Option<&str>,
        rate: f64,
        gap_seconds: Option<f64>,
    ) -> Option<(Alarm, Option<u32>)> {
        if let Some(open) = &mut self.open {
            let phase = open.go_on(offset, event)?;
            if phase == AlarmPhase::GoesOn {
                self.opinions.note(open.began, open.latest, &open.claim, &event.claim);
            }
            let told = self.tell(phase, gap_seconds);
            if phase == AlarmPhase::Ended {
                self.open = None;
            }
            return told;
        }
        if !event.news || event.proven < self.required(&event.claim, rate) {
            return None;
        }
        let wanted = self.required_of_wanted(self.opinions.factor(&event.claim), rate);
        if wanted.is_some_and(|required| event.proven >= required) { &mut self.wanted } else { &mut self.budget }
            .begin();
        self.told_cluster = self.told_cluster.max(event.cluster);
        let open = self.open.insert(OpenIncident::begun(offset, event, key));
        self.opinions.note(open.began, open.latest, &open.claim, &open.claim);
        self.tell(AlarmPhase::Begins, gap_seconds)
    }

    fn tell(&self, phase: AlarmPhase, gap_seconds: Option<f64>) -> Option<(Alarm, Option<u32>)> {
        let open = self.open.as_ref()?;
        let alarm = Alarm {
            kind: open.claim.kind,
            phase,
            began: open.began,
            offset: open.latest,
            oddest: open.oddest,
            count: open.count,
            rarity_events: open.rarity,
            rarity_seconds: gap_seconds.map(|gap| gap * open.rarity),
            field: None,
            key: (!open.key.is_empty()).then(|| Arc::from(&*open.key)),
            label: self.label(&open.claim),
        };
        Some((alarm, open.claim.field))
    }

    /// Whether a claim is no more than what was called normal.
    pub(crate) fn is_normal(&self, claim: &RespectClaim) -> bool {
        self.opinions.factor(claim) == f64::INFINITY
    }

    /// The label of a claim's kind.
    pub(crate) fn label(&self, claim: &RespectClaim) -> Option<Arc<str>> {
        self.opinions.label(claim).map(Arc::from)
    }

    /// In what respect the open incident is one, if one is open.
    pub(crate) fn open_kind(&self) -> Option<AlarmKind> {
        self.open.as_ref().map(|open| open.claim.kind)
    }

    /// Whether something can be said of the event at this offset.
    pub(crate) fn knows(&self, offset: u64) -> bool {
        self.opinions.knows(offset)
    }

    /// Takes in what a person says of an incident.
    pub(crate) fn hear(&mut self, feedback: &Feedback) {
        self.opinions.hear(feedback);
    }

    /// Incidents so far, beside how many were promised.
    pub(crate) fn account(&self) -> BudgetAccount {
        let ((begun, promised), (wanted, wanted_promised)) = (self.budget.realised(), self.wanted.realised());
        BudgetAccount { begun: begun + wanted, promised: promised + wanted_promised, wanted: wanted_promised }
    }

    /// The same under other numbers of fields, for a watcher that begins anew.
    pub(crate) fn renamed(&self, field: impl Fn(u32) -> Option<u32>) -> StreamIncidents {
        let mut renamed = StreamIncidents { opinions: self.opinions.renamed(&field), ..self.clone() };
        if let Some(open) = &mut renamed.open {
            (open.claim.field, open.claim.about) = (open.claim.field.and_then(field), None);
        }
        renamed
    }
}

/// How often incidents of a kind may begin that has to be less rare by this factor, in incidents an event.
fn wanted_rate(rate: f64, factor: f64) -> f64 {
    rate.max((rate / factor).min(WANTED_RATE_MAX))
}

impl Persist for StreamIncidents {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        self.budget.persist(s)?;
        self.wanted.persist(s)?;
        s.u64("told cluster", &mut self.told_cluster)?;
        s.option("open incident", &mut self.open, OpenIncident::default)?;
        self.opinions.persist(s)
    }
}
