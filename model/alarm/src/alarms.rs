//! The alarms of one stream: the claims of an event, its rarity, and the incident that it belongs to.

use crate::claim::{RespectClaim, SECOND_RANK_BITS};
use crate::claim_record::{ClaimRecord, JudgedClaim};
use crate::field_watch::FieldWatch;
use crate::gap_watch::GapWatch;
use crate::incident_kind::persist_cause;
use crate::number_watch::Reading;
use crate::rarity::{OwnRecord, RARITY_BITS_MAX, score_of};
use crate::session_watch::SessionWatch;
use crate::silent_keys::{SilentKey, SilentKeys};
use crate::stream_incidents::StreamIncidents;
use crate::symbol_watch::SymbolWatch;
use crate::verdict::Verdict;
use surmise_event::{AlarmBudget, AlarmKind};
use surmise_state::{Persist, State, StateError};

/// Where a record holds a line, an event can be unusual by the evidence of the line, or by what the other fields and
/// the key claim. Either has half of the chance. Times and ends of keys alone have a thirty-second, as the line's
/// evidence sees what comes too late or too often, too.
const FIELDS_PART: f64 = 0.5;
const TIMES_PART: f64 = 1.0 / 32.0;
/// What a lasting change claims: those that were found in recordings without any, two in their millions of events, came
/// once in so many events as that is.
const CHANGE_BITS: f64 = 20.0;
/// The most fields that have a record of their own; those beyond share one.
const FIELDS_MAX: usize = 4096;

/// Watches the events of one stream for what is unusual of them.
///
/// For each event, give what its fields and its time show ([`number`](Self::number), [`symbol`](Self::symbol),
/// [`evidence`](Self::evidence), [`time`](Self::time)), then ask for the [`verdict`](Self::verdict). Deterministic,
/// without a clock; the state is bounded by the number of fields.
#[derive(Clone, Debug, Default)]
pub struct Alarms {
    fields: Vec<FieldWatch>,
    gaps: GapWatch,
    /// The usual time between events in seconds as the event at hand tells it, for events without a time.
    told_gap: Option<f64>,
    ends: SymbolWatch,
    sessions: SessionWatch,
    /// What the respects weigh, and what those of templates do. However they depend on each other, one of them claims
    /// something no more often than all of them together would if no two did at once.
    weight: f64,
    weight_of_templates: f64,
    /// What the fields, the times and the ends of keys claim of an event.
    fields_claim: ClaimRecord,
    /// What begins incidents by a record of its own, and does not enter the rarity of events: what leaves its season
    /// slowly, what costs more for good and keys that fell silent, as no single event of it is odd, and new templates
    /// of lines, whose evidence is weighed elsewhere.
    aside: ClaimRecord,
    /// Where it began what the event at hand claims there, if that is a change or a silence.
    aside_began: Option<u64>,
    silent_keys: SilentKeys,
    /// The key whose session claims most of the event at hand, if that is not the event's own.
    session_key: Option<Box<str>>,
    /// Evidence that was weighed elsewhere; what of it is of the event at hand itself, and the record of that.
    evidence: Option<ClaimRecord>,
    own_bits: f64,
    own: OwnRecord,
    /// What the latest evidence of an event of its own was about, as long as something is left of it.
    about: Option<u64>,
    /// The part of the chance that belongs to the fields of the event at hand, its time and its key: 0 where none of
    /// them could claim anything. Where there is no other evidence they have all of it.
    claimed_part: f64,
    incidents: StreamIncidents,
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
        let fields = self.fields.iter();
        self.weight = timed + self.sessions.weight() + fields.clone().map(FieldWatch::weight).sum::<f64>();
        self.weight_of_templates = fields.map(FieldWatch::weight_of_templates).sum();
    }

    /// A number of the event at hand.
    pub fn number(&mut self, field: usize, reading: &Reading) {
        self.claimed_part = FIELDS_PART;
        let (mut claim, mut aside) = (self.fields_claim.claim, self.aside.claim);
        let (watch, name) = self.field(field);
        let new = watch.number.is_none();
        let number = watch.number.get_or_insert_default();
        number.observe(reading, name, &mut claim);
        number.observe_season(reading, name, &mut aside);
        (self.fields_claim.claim, self.aside.claim) = (claim, aside);
        if new {
            self.weigh();
        }
    }

    /// What a symbol of the event at hand cost in bits, and its number if it came before; one that is new costs what it
    /// costs that something new comes. It is held against the field's long past, and not against what a model that has
    /// just become uncertain expected.
    pub fn symbol(&mut self, field: usize, bits: f64, known: Option<u64>) {
        let novel = known.is_none();
        let claim = self.in_symbols(field, |watch, name, claim| {
            let priced = watch.price(bits, novel);
            let over = watch.beyond_usual(priced);
            watch.observe(over, novel, name, claim);
        });
        let about = known.filter(|_| claim.kind == AlarmKind::Value);
        self.claim(RespectClaim { about, ..claim }, FIELDS_PART);
    }

    /// By how many bits a text, or a byte of an endless one, exceeded what it should have cost.
    pub fn text(&mut self, field: usize, excess_bits: f64) {
        let claim = self.in_symbols(field, |watch, name, claim| watch.observe(excess_bits, false, name, claim));
        self.claim(claim, FIELDS_PART);
    }

    /// What the template of a line cost in bits, and whether it never came before. A new one can begin an incident. It
    /// adds nothing to the rarity of the event, which for lines is that of their [`evidence`](Self::evidence).
    pub fn template(&mut self, field: usize, bits: f64, novel: bool) {
        let watch = self.field(field).0;
        if !watch.templates {
            watch.templates = true;
            self.weigh();
        }
        let template = self.symbol_claim(field, bits, novel);
        if novel && template.bits > self.aside.claim.bits {
            self.aside.claim = RespectClaim { kind: AlarmKind::New, lasts: true, ..template };
        }
    }

    fn symbol_claim(&mut self, field: usize, bits: f64, novel: bool) -> RespectClaim {
        self.in_symbols(field, |watch, name, claim| {
            let over = watch.beyond_usual(bits);
            watch.observe(over, novel, name, claim);
        })
    }

    fn in_symbols(
        &mut self,
        field: usize,
        observe: impl FnOnce(&mut SymbolWatch, Option<u32>, &mut RespectClaim),
    ) -> RespectClaim {
        let mut claim = RespectClaim::NONE;
        let (watch, name) = self.field(field);
        let new = watch.symbol.is_none();
        observe(watch.symbol.get_or_insert_default(), name, &mut claim);
        if new {
            self.weigh();
        }
        claim
    }

    fn claim(&mut self, claim: RespectClaim, part: f64) {
        self.claimed_part = self.claimed_part.max(part);
        self.fields_claim.claim.raise_to(claim);
    }

    /// What the gap of the event at hand cost in bits, in the record of the field that holds gaps. It is of the second
    /// rank, as the times of the stream are watched by themselves ([`time`](Self::time)), and as gaps on both sides of
    /// a bin's edge are no two things.
    pub fn gap(&mut self, field: usize, bits: f64) {
        let gap = self.symbol_claim(field, bits, false);
        self.claim(RespectClaim { kind: AlarmKind::Rate, bits: gap.bits - SECOND_RANK_BITS, ..gap }, TIMES_PART);
    }

    /// Evidence that was weighed elsewhere, such as by a [`Judge`](crate::Judge), as −log₂ of how rare it is taken to
    /// be: that of this event and of those just before it, and that of this event itself. It has a record of its own
    /// beside what the fields claim, and is told as long as it is high: the event is as rare as its own evidence says,
    /// or as rare as its fields say. Whether an incident begins is up to the evidence of all of them and to the
    /// stream's own record, as for all claims. `about` is a number for what the event's own evidence is about, where it
    /// has some; the evidence of an event that has none is about what was odd just before it. Incidents are of one kind
    /// where they are about the same.
    pub fn evidence(&mut self, kind: AlarmKind, bits: [f64; 2], about: Option<u64>) {
        let [bits, own_bits] = bits.map(|bits| if bits.is_finite() { bits.clamp(0.0, RARITY_BITS_MAX) } else { 0.0 });
        self.own_bits = own_bits;
        self.about = about.or(self.about).filter(|_| bits > 0.0);
        let claim = RespectClaim { kind, bits, field: None, about: self.about, lasts: true };
        self.evidence.get_or_insert_default().claim = claim;
    }

    /// Whether evidence of so many bits about something is no more than people called normal.
    pub fn is_normal(&self, kind: AlarmKind, about: u64, bits: f64) -> bool {
        // as claims are bounded
        let bits = bits.min(RARITY_BITS_MAX);
        self.incidents.is_normal(&RespectClaim { kind, bits, about: Some(about), ..RespectClaim::NONE })
    }

    /// By how many bits the end of the event's key, or its going on, exceeded what it should have cost.
    pub fn end(&mut self, excess_bits: f64) {
        let mut claim = RespectClaim::NONE;
        self.ends.observe(excess_bits, false, None, &mut claim);
        self.claim(RespectClaim { kind: AlarmKind::End, field: None, ..claim }, TIMES_PART);
    }

    /// A session that is over with the event at hand, because its key ended or was forgotten, is as unusual as one in
    /// so many sessions of this stream. `key` is its key, where that is another than the event's.
    pub fn session(&mut self, rarity_sessions: f64, key: Option<&str>) {
        let before = self.fields_claim.claim.bits;
        let is_first = self.sessions.weight() == 0.0;
        self.claimed_part = FIELDS_PART;
        self.sessions.observe(rarity_sessions, &mut self.fields_claim.claim);
        if is_first {
            self.weigh();
        }
        if self.fields_claim.claim.bits > before {
            self.session_key = key.map(Box::from);
        }
    }

    /// The stream, or one of its fields, costs more for good than it did, since the event at offset `began`, as was
    /// found with the event at hand. It can begin an incident, and adds nothing to the rarity of the event.
    pub fn change(&mut self, field: Option<usize>, began: u64) {
        if CHANGE_BITS > self.aside.claim.bits {
            let field = field.map(|field| field as u32);
            self.aside.claim =
                RespectClaim { kind: AlarmKind::Run, bits: CHANGE_BITS, field, lasts: true, ..RespectClaim::NONE };
            self.aside_began = Some(began);
        }
    }

    /// A key that used to go on has fallen silent after the event at offset `since`, as was found with the event at
    /// hand. It can begin an incident where keys seldom do so, once no other is open and the budget has room, unless
    /// the key [speaks](Self::speaks) before. It adds nothing to the rarity of the event.
    pub fn silent(&mut self, since: u64, key: &str) {
        self.silent_keys.notice(since, key);
    }

    /// The event at hand is one of this key.
    pub fn speaks(&mut self, key: &str) {
        self.silent_keys.speaks(key);
    }

    /// The time of the event at hand.
    pub fn time(&mut self, time_us: i64) {
        let untimed = self.gaps.usual_seconds().is_none();
        self.claimed_part = self.claimed_part.max(TIMES_PART);
        self.gaps.observe(time_us, &mut self.fields_claim.claim);
        if untimed {
            self.weigh();
        }
    }

    /// The usual time between events in seconds as they tell it themselves, as lines do that begin with their time.
    /// Budgets by the day, and incidents, go by it where events have no time.
    pub fn usual_gap(&mut self, seconds: Option<f64>) {
        self.told_gap = seconds.filter(|seconds| seconds.is_finite());
    }

    /// Judges the event at hand, which has this offset, and begins a new one.
    pub fn verdict(&mut self, offset: u64, budget: AlarmBudget) -> Verdict {
        self.sessions.event();
        let rate = self.budget_rate(budget);
        self.incidents.event(rate);
        let session_key = self.session_key.take();
        let silent = self.claim_silence(rate);
        let part = std::mem::take(&mut self.claimed_part);
        let mut fields = self.fields_claim.judge(offset, self.weight);
        let evidence = self.evidence.as_mut().map(|e| {
            let judged = e.judge(offset, 1.0);
            JudgedClaim { events: self.own.observe(std::mem::take(&mut self.own_bits)), ..judged }.part(1.0 - part)
        });
        if evidence.is_some() {
            fields = fields.part(part);
        }
        let most = evidence.filter(|evidence| evidence.events >= fields.events).unwrap_or(fields);
        let rarest = evidence.filter(|evidence| evidence.proven >= fields.proven).unwrap_or(fields);
        // what lasts is a new template, a change or a silence
        let weight = if self.aside.claim.lasts { self.weight_of_templates } else { self.weight };
        let aside = self.aside.judge(offset, weight);
        let aside = match self.aside_began.take() {
            // no event of a change or a silence is odd by itself: it shows where it began, until one comes that is
            Some(at) => {
                let news = aside.news || silent.is_some();
                JudgedClaim { news, cluster: at, oddest: at, oddest_rise_bits: 0.0, rise_bits: 0.0, ..aside }
            }
            None => aside,
        };
        let odd = if aside.proven > rarest.proven {
            aside
        } else {
            // what rises step by step is rare enough at an event that brings little more than the one before it
            JudgedClaim { news: rarest.news || self.incidents.is_untold(rarest.cluster), ..rarest }
        };
        let key = match odd.claim.kind {
            AlarmKind::Silent => silent.as_ref().map(|silent| &*silent.key),
            AlarmKind::End => session_key.as_deref(),
            _ => None,
        };
        let alarm = self.incidents.judge(offset, &odd, key, rate, self.usual_seconds());
        let is_told = self.incidents.open_kind() == Some(AlarmKind::Silent);
        silent.filter(|_| !is_told).into_iter().for_each(|silent| self.silent_keys.put_back(silent));
        self.told_gap = None;
        Verdict {
            rarity_events: most.events,
            anomaly_score: score_of(evidence.map_or(fields.around, |evidence| evidence.around.max(fields.around))),
            field: most.claim.field.filter(|_| most.claim.bits > 0.0),
            alarm,
        }
    }

    /// Has a key that fell silent claim the event at hand, if one would be told now; returns that key.
    fn claim_silence(&mut self, rate: f64) -> Option<SilentKey> {
        self.silent_keys.event();
        if !self.is_quiet() {
            return None;
        }
        let Self { aside, incidents, weight_of_templates, .. } = self;
        let (silent, claim) = self.silent_keys.take(|claim| {
            claim.bits > aside.claim.bits
                && aside.prove(claim.bits, *weight_of_templates) >= incidents.required(claim, rate)
        })?;
        (self.aside.claim, self.aside_began) = (claim, Some(silent.since));
        Some(silent)
    }

    /// Goes on with what another watcher of the same events has told, and with what was said of it: its open incident,
    /// its budget, and opinions of its incidents. `field` gives the number here of one of its fields.
    pub fn go_on_from(&mut self, other: &Alarms, field: impl Fn(u32) -> Option<u32>) {
        self.incidents = other.incidents.renamed(field);
    }

    fn budget_rate(&self, budget: AlarmBudget) -> f64 {
        budget.per_event(self.usual_seconds())
    }

    /// The usual time between events in seconds, where they have times or tell them.
    fn usual_seconds(&self) -> Option<f64> {
        self.gaps.usual_seconds().or(self.told_gap)
    }
}

impl Persist for Alarms {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.section("alarms")?;
        s.list("field watches", &mut self.fields, FieldWatch::default)?;
        self.gaps.persist(s)?;
        self.ends.persist(s)?;
        self.sessions.persist(s)?;
        self.fields_claim.persist(s)?;
        self.aside.persist(s)?;
        self.silent_keys.persist(s)?;
        s.option("evidence", &mut self.evidence, ClaimRecord::default)?;
        if self.evidence.is_some() {
            self.own.persist(s)?;
            persist_cause(&mut self.about, s)?;
        }
        self.incidents.persist(s)?;
        if s.is_reading() {
            self.weigh();
        }
        Ok(())
    }
}

#[path = "asked_alarms.rs"]
mod asked;

#[cfg(test)]
#[path = "alarms_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "feedback_tests.rs"]
mod feedback_tests;

#[cfg(test)]
#[path = "silent_tests.rs"]
mod silent_tests;
