//! The alarms of one stream: the claims of an event, its rarity, and the incident that it belongs to.

use crate::budget::BudgetKeeper;
use crate::claim::{RespectClaim, SECOND_RANK_BITS};
use crate::gap_watch::GapWatch;
use crate::number_watch::{NumberWatch, Reading};
use crate::rarity::{RARITY_BITS_MAX, RarityRecord, score_of};
use crate::session_watch::SessionWatch;
use crate::symbol_watch::SymbolWatch;
use surmise_event::{Alarm, AlarmBudget, AlarmKind, AlarmPhase};
use surmise_state::{Persist, State, StateError};

/// An incident is over after so many events without an unusual one.
const INCIDENT_EVENTS: u64 = 64;
/// An event of an open incident is unusual if it claims so large a part of the incident's largest claim.
const UNUSUAL_PART: f64 = 0.5;
/// The most fields that have a record of their own; those beyond share one.
const FIELDS_MAX: usize = 4096;

/// What is said of an event.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// Once in how many events of this stream an event is as unusual.
    pub rarity_events: f64,
    /// The anomaly score, from 0 to 1: a function of the rarity alone.
    pub anomaly_score: f64,
    /// The field that is most unusual, by the caller's number, if one is.
    pub field: Option<u32>,
    /// The incident that the event belongs to or ends, its field left out, and the number of that field.
    pub alarm: Option<(Alarm, Option<u32>)>,
}

/// What was promised of a stream's incidents, and what came.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct BudgetAccount {
    /// Incidents that began.
    pub begun: u64,
    /// Incidents that the budget allowed for the same events.
    pub promised: f64,
}

/// An incident that is not over yet.
#[derive(Clone, Debug)]
struct OpenIncident {
    claim: RespectClaim,
    began: u64,
    latest: u64,
    count: u64,
    rarity: f64,
}

/// The records of one field.
#[derive(Clone, Debug, Default)]
struct FieldWatch {
    number: Option<Box<NumberWatch>>,
    symbol: Option<Box<SymbolWatch>>,
}

impl FieldWatch {
    fn weight(&self) -> f64 {
        self.number.as_ref().map_or(0.0, |_| NumberWatch::WEIGHT)
            + self.symbol.as_ref().map_or(0.0, |_| SymbolWatch::WEIGHT)
    }
}

/// Watches the events of one stream for what is unusual of them.
///
/// For each event, give what its fields and its time show ([`number`](Self::number), [`symbol`](Self::symbol),
/// [`evidence`](Self::evidence), [`time`](Self::time)), then ask for the [`verdict`](Self::verdict). Deterministic,
/// without a clock; the state is bounded by the number of fields.
#[derive(Clone, Debug, Default)]
pub struct Alarms {
    fields: Vec<FieldWatch>,
    gaps: GapWatch,
    ends: SymbolWatch,
    sessions: SessionWatch,
    /// What the respects of all records weigh. They depend on each other, so that the root of their number stands for
    /// it; what that leaves out is seen by the stream's own record of rarity.
    weight: f64,
    rarity: RarityRecord,
    budget: BudgetKeeper,
    open: Option<OpenIncident>,
    /// The offset of the first event of the cluster at hand.
    cluster_began: u64,
    /// The rarest claim of the event at hand.
    claim: RespectClaim,
    /// What begins incidents by a record of its own, and does not enter the rarity of events: what leaves its season
    /// slowly, as no single event of it is odd, and new templates of lines, whose evidence is weighed elsewhere.
    aside: RarityRecord,
    aside_began: u64,
    aside_claim: RespectClaim,
    /// The first event of the latest cluster that began an incident; 0 before there is one.
    told_cluster: u64,
}

impl Default for RespectClaim {
    fn default() -> Self {
        RespectClaim::NONE
    }
}

impl Alarms {
    fn field(&mut self, field: usize) -> (&mut FieldWatch, Option<u32>) {
        let place = field.min(FIELDS_MAX - 1);
        if place >= self.fields.len() {
            self.fields.resize_with(place + 1, FieldWatch::default);
        }
        (&mut self.fields[place], Some(field as u32))
    }

    fn weigh(&mut self) {
        let timed = if self.gaps.usual_seconds().is_some() { GapWatch::WEIGHT } else { 0.0 };
        let respects = timed + self.sessions.weight() + self.fields.iter().map(FieldWatch::weight).sum::<f64>();
        self.weight = respects.sqrt();
    }

    /// A number of the event at hand.
    pub fn number(&mut self, field: usize, reading: &Reading) {
        let (mut claim, aside_before) = (self.claim, self.aside_claim);
        let (watch, name) = self.field(field);
        let new = watch.number.is_none();
        let number = watch.number.get_or_insert_default();
        number.observe(reading, name, &mut claim);
        let mut aside = aside_before;
        number.observe_season(reading, name, &mut aside);
        (self.claim, self.aside_claim) = (claim, aside);
        if new {
            self.weigh();
        }
    }

    /// What a symbol of the event at hand cost in bits, and whether it never came before. What it cost is held against
    /// the field's long past, and not against what a model that has just become uncertain expected.
    pub fn symbol(&mut self, field: usize, bits: f64, novel: bool) {
        self.in_symbols(field, |watch, name, claim| {
            let over = watch.beyond_usual(bits);
            watch.observe(over, novel, name, claim);
        });
    }

    /// By how many bits a text, or a byte of an endless one, exceeded what it should have cost.
    pub fn text(&mut self, field: usize, excess_bits: f64) {
        self.in_symbols(field, |watch, name, claim| watch.observe(excess_bits, false, name, claim));
    }

    /// What the template of a line cost in bits, and whether it never came before. A new one can begin an incident. It
    /// adds nothing to the rarity of the event, which for lines is that of their [`evidence`](Self::evidence).
    pub fn template(&mut self, field: usize, bits: f64, novel: bool) {
        let before = std::mem::replace(&mut self.claim, RespectClaim::NONE);
        self.symbol(field, bits, novel);
        let template = std::mem::replace(&mut self.claim, before);
        if novel && template.bits > self.aside_claim.bits {
            self.aside_claim = RespectClaim { kind: AlarmKind::New, lasts: true, ..template };
        }
    }

    fn in_symbols(&mut self, field: usize, observe: impl FnOnce(&mut SymbolWatch, Option<u32>, &mut RespectClaim)) {
        let mut claim = self.claim;
        let (watch, name) = self.field(field);
        let new = watch.symbol.is_none();
        observe(watch.symbol.get_or_insert_default(), name, &mut claim);
        self.claim = claim;
        if new {
            self.weigh();
        }
    }

    /// What the gap of the event at hand cost in bits, in the record of the field that holds gaps. It is of the second
    /// rank, as the times of the stream are watched by themselves ([`time`](Self::time)), and as gaps on both sides of
    /// a bin's edge are no two things.
    pub fn gap(&mut self, field: usize, bits: f64) {
        let before = std::mem::replace(&mut self.claim, RespectClaim::NONE);
        self.symbol(field, bits, false);
        let gap = std::mem::replace(&mut self.claim, before);
        self.claim.raise(AlarmKind::Rate, gap.bits - SECOND_RANK_BITS, gap.field);
    }

    /// Evidence that was weighed elsewhere, such as by a [`Judge`](crate::Judge), as −log₂ of how rare it is taken to
    /// be. It stands for all that was said of the event so far, and is told as long as it is high: the event is as rare
    /// as the evidence says. Whether an incident begins is up to the stream's own record, as for all claims.
    pub fn evidence(&mut self, field: Option<usize>, kind: AlarmKind, bits: f64) {
        let bits = if bits.is_finite() { bits.clamp(0.0, RARITY_BITS_MAX) } else { 0.0 };
        self.claim = RespectClaim { kind, bits, field: field.map(|field| field as u32), lasts: true };
    }

    /// By how many bits the end of the event's key, or its going on, exceeded what it should have cost.
    pub fn end(&mut self, excess_bits: f64) {
        let mut claim = RespectClaim::NONE;
        self.ends.observe(excess_bits, false, None, &mut claim);
        self.claim.raise(AlarmKind::End, claim.bits, None);
    }

    /// A session that is over with the event at hand, because its key ended or was forgotten, is as unusual as one in
    /// so many sessions of this stream.
    pub fn session(&mut self, rarity_sessions: f64) {
        let is_first = self.sessions.weight() == 0.0;
        self.sessions.observe(rarity_sessions, &mut self.claim);
        if is_first {
            self.weigh();
        }
    }

    /// The time of the event at hand.
    pub fn time(&mut self, time_us: i64) {
        let untimed = self.gaps.usual_seconds().is_none();
        self.gaps.observe(time_us, &mut self.claim);
        if untimed {
            self.weigh();
        }
    }

    /// Judges the event at hand, which has this offset, and begins a new one.
    pub fn verdict(&mut self, offset: u64, budget: AlarmBudget) -> Verdict {
        let claim = std::mem::take(&mut self.claim);
        self.sessions.event();
        let proven = if claim.lasts { self.rarity.prove(claim.bits, self.weight) } else { f64::INFINITY };
        let rarity = self.rarity.observe(claim.bits, self.weight);
        let proven = proven.min(rarity.alone);
        let rate = budget.per_event(self.gaps.usual_seconds());
        self.budget.event(rate);
        if rarity.first {
            self.cluster_began = offset;
        }
        let aside = std::mem::take(&mut self.aside_claim);
        let aside_proven = if aside.lasts { self.aside.prove(aside.bits, self.weight) } else { f64::INFINITY };
        let aside_rarity = self.aside.observe(aside.bits, self.weight);
        if aside_rarity.first {
            self.aside_began = offset;
        }
        let aside_proven = aside_proven.min(aside_rarity.alone);
        let alarm = if aside_proven > proven {
            self.incident(offset, self.aside_began, aside, (aside_rarity.news, aside_proven), rate)
        } else {
            // what rises step by step is rare enough at an event that brings little more than the one before it
            let news = rarity.news || self.cluster_began > self.told_cluster;
            self.incident(offset, self.cluster_began, claim, (news, proven), rate)
        };
        let rarity_events = if claim.lasts { libm::exp2(claim.bits) } else { rarity.events };
        Verdict {
            rarity_events,
            anomaly_score: score_of(rarity_events),
            field: claim.field.filter(|_| claim.bits > 0.0),
            alarm,
        }
    }

    fn incident(
        &mut self,
        offset: u64,
        began: u64,
        claim: RespectClaim,
        (news, proven): (bool, f64),
        rate: f64,
    ) -> Option<(Alarm, Option<u32>)> {
        if let Some(open) = &mut self.open {
            let phase = if claim.bits >= UNUSUAL_PART * open.claim.bits {
                (open.latest, open.count) = (offset, open.count + 1);
                open.rarity = open.rarity.max(proven);
                open.claim.bits = open.claim.bits.max(claim.bits);
                AlarmPhase::GoesOn
            } else if offset.saturating_sub(open.latest) > INCIDENT_EVENTS {
                AlarmPhase::Ended
            } else {
                return None;
            };
            let told = self.tell(phase);
            if phase == AlarmPhase::Ended {
                self.open = None;
            }
            return told;
        }
        if proven < self.budget.required(rate) || !news {
            return None;
        }
        self.budget.begin();
        self.told_cluster = self.told_cluster.max(began);
        self.open = Some(OpenIncident { claim, began, latest: offset, count: 1, rarity: proven });
        self.tell(AlarmPhase::Begins)
    }

    fn tell(&self, phase: AlarmPhase) -> Option<(Alarm, Option<u32>)> {
        let open = self.open.as_ref()?;
        let alarm = Alarm {
            kind: open.claim.kind,
            phase,
            began: open.began,
            offset: open.latest,
            count: open.count,
            rarity_events: open.rarity,
            rarity_seconds: self.gaps.usual_seconds().map(|gap| gap * open.rarity),
            field: None,
        };
        Some((alarm, open.claim.field))
    }

    /// Whether the next event is overdue at `now_us`: the alarm that would begin if it does not come. `offset` is that
    /// which it will have. Changes nothing, so it can be asked by a timer while silence lasts; the event itself, when
    /// it comes late, begins the incident and spends the budget. While another incident is open nothing is overdue.
    pub fn overdue(&self, now_us: i64, offset: u64, budget: AlarmBudget) -> Option<Alarm> {
        if self.open.is_some() {
            return None;
        }
        let rarity = self.rarity.ask(self.gaps.silence(now_us), self.weight);
        let gap = self.gaps.usual_seconds();
        (rarity >= self.budget.required(budget.per_event(gap))).then(|| Alarm {
            kind: AlarmKind::Missing,
            phase: AlarmPhase::Begins,
            began: offset,
            offset,
            count: 1,
            rarity_events: rarity,
            rarity_seconds: gap.map(|gap| gap * rarity),
            field: None,
        })
    }

    /// Whether no incident is open, so that the event at hand may begin one.
    pub fn is_quiet(&self) -> bool {
        self.open.is_none()
    }

    /// The bits of the largest claim of the event at hand so far.
    pub fn claim_bits(&self) -> f64 {
        self.claim.bits.max(self.aside_claim.bits)
    }

    /// Incidents so far, beside how many were promised.
    pub fn account(&self) -> BudgetAccount {
        let (begun, promised) = self.budget.realised();
        BudgetAccount { begun, promised }
    }
}

impl Persist for FieldWatch {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        let (mut number, mut symbol) = (self.number.is_some(), self.symbol.is_some());
        s.bool("number watch", &mut number)?;
        s.bool("symbol watch", &mut symbol)?;
        if s.is_reading() {
            *self = FieldWatch { number: number.then(Box::default), symbol: symbol.then(Box::default) };
        }
        if let Some(number) = &mut self.number {
            number.persist(s)?;
        }
        match &mut self.symbol {
            Some(symbol) => symbol.persist(s),
            None => Ok(()),
        }
    }
}

impl Persist for Alarms {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.section("alarms")?;
        s.list("field watches", &mut self.fields, FieldWatch::default)?;
        self.gaps.persist(s)?;
        self.ends.persist(s)?;
        self.sessions.persist(s)?;
        self.rarity.persist(s)?;
        self.budget.persist(s)?;
        s.u64("cluster", &mut self.cluster_began)?;
        self.aside.persist(s)?;
        s.u64("cluster aside", &mut self.aside_began)?;
        s.u64("told cluster", &mut self.told_cluster)?;
        s.option("open incident", &mut self.open, OpenIncident::new)?;
        if s.is_reading() {
            self.claim = RespectClaim::NONE;
            self.weigh();
        }
        Ok(())
    }
}

impl OpenIncident {
    fn new() -> OpenIncident {
        OpenIncident { claim: RespectClaim::NONE, began: 0, latest: 0, count: 0, rarity: 1.0 }
    }
}

impl Persist for OpenIncident {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        let kinds = AlarmKind::ALL;
        let mut kind = kinds.iter().position(|k| *k == self.claim.kind).unwrap_or(0) as u32;
        s.u32("incident kind", &mut kind)?;
        self.claim.kind = *kinds.get(kind as usize).ok_or(StateError::Invalid("incident kind"))?;
        s.f64("incident bits", &mut self.claim.bits)?;
        // one more than the field, 0 for none
        let mut field = self.claim.field.map_or(0, |field| field.saturating_add(1));
        s.u32("incident field", &mut field)?;
        self.claim.field = field.checked_sub(1);
        for v in [&mut self.began, &mut self.latest, &mut self.count] {
            s.u64("incident", v)?;
        }
        s.f64("incident rarity", &mut self.rarity)
    }
}

#[cfg(test)]
#[path = "alarms_tests.rs"]
mod tests;
