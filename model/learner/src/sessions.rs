//! Sessions: what is kept of a key until it ends, and the verdict on it then.

use crate::field::Model;
use crate::keys::KeyState;
use crate::learner::{Learner, Monitors};
use crate::vocabulary::Token;
use surmise_alarm::score_of;
use surmise_event::{Outcome, SessionOutcome, SessionOver, SessionWhy};
use surmise_sessions::{OpenSession, SessionReason, SessionSymbol, SessionVerdict, StepCost};

/// Keys that are judged with one event because they have gone silent, at most.
const SILENT_MAX: usize = 2;
/// Events of a session after which its key has a habit, and how many times as long as the silence it has to have
/// lasted.
const HABIT_EVENTS: u64 = 32;
const HABIT_LASTS: u64 = 8;
/// How many times as long as between two of its events such a key has to be silent.
const HABIT_BROKEN: u64 = 16;

impl Learner {
    /// Takes the open session of a key for an event, and notes for how long the key was silent.
    pub(crate) fn take_session(&mut self, name: Option<&str>, key: &mut KeyState, time_us: Option<i64>) {
        key.session = self.monitors.open_sessions.take(name);
        if name.is_some() && key.length > 0 {
            let us = time_us.and_then(|time_us| key.clock.since(time_us));
            self.monitors.silences.observe(self.position.offset.saturating_sub(key.used), us);
        }
    }

    /// Adds an event to the session of its key, and judges the session if the event ends the key. The event's own
    /// outcome is complete but for that.
    pub(crate) fn observe_session(&mut self, name: Option<&str>, key: &mut KeyState, ended: bool, out: &mut Outcome) {
        let evidence = out.fields.iter().map(|f| f.evidence_bits());
        let evidence_bits = evidence.fold(0.0, f64::max);
        let cost = StepCost { surprise_bits: out.surprise_bits, evidence_bits };
        key.session.add_step(out.offset, out.events, cost);
        let open = &mut self.monitors.open_sessions;
        if !ended {
            open.put(name, std::mem::take(&mut key.session), key.clock.last_us());
            return;
        }
        open.end(name);
        let session = self.outcome_of(name, &key.session, SessionOver::Ended);
        out.sessions.push(session);
    }

    /// Judges the sessions that are over with the event at hand though their keys did not end: those of keys that were
    /// forgotten, that have gone silent (two at most, as one key falls silent for each event in the long run), and that
    /// are one too many.
    pub(crate) fn judge_silent(&mut self, time_us: Option<i64>, out: &mut Outcome) {
        let mut over = std::mem::take(&mut self.keys.forgotten_sessions);
        for (key, session) in over.drain(..) {
            let session = self.outcome_of(Some(&key), &session, SessionOver::Forgotten);
            out.sessions.push(session);
        }
        self.keys.forgotten_sessions = over;
        for _ in 0..SILENT_MAX {
            let Monitors { open_sessions, silences, .. } = &mut self.monitors;
            let offset = self.position.offset;
            let is_over = |last_offset: u64, last_us: Option<i64>| {
                let us = time_us.zip(last_us).map(|(time_us, last_us)| time_us.saturating_sub(last_us));
                silences.is_over(offset.saturating_sub(last_offset), us)
            };
            let Some((key, session)) = open_sessions.silence(is_over) else { break };
            let session = self.outcome_of(Some(&key), &session, SessionOver::Silent);
            out.sessions.push(session);
        }
        while let Some((key, session)) = self.monitors.open_sessions.overflow() {
            let session = self.outcome_of(Some(&key), &session, SessionOver::Forgotten);
            out.sessions.push(session);
        }
    }

    /// Claims what is unusual of the sessions that are over with the event at hand, which is one of this key.
    pub(crate) fn claim_sessions(&mut self, key: Option<&str>, out: &Outcome) {
        let alarms = &mut self.monitors.alarms;
        alarms.speaks(key.unwrap_or_default());
        for session in &out.sessions {
            let other = session.key.as_deref().filter(|_| session.over != SessionOver::Ended);
            alarms.session(session.rarity_sessions, other);
            if is_habit_broken(session, out.offset) {
                alarms.silent(session.last_offset, session.key.as_deref().unwrap_or_default());
            }
        }
    }

    fn outcome_of(&mut self, key: Option<&str>, session: &OpenSession, over: SessionOver) -> SessionOutcome {
        let verdict = self.monitors.sessions.judge(session);
        SessionOutcome {
            key: key.map(Into::into),
            over,
            first_offset: session.first_offset,
            last_offset: session.last_offset,
            events: session.events,
            surprise_bits: session.surprise_bits,
            anomaly_score: score_of(verdict.rarity_sessions),
            rarity_sessions: verdict.rarity_sessions,
            why: self.why(&verdict),
        }
    }

    /// What is most unusual about a session, with names instead of numbers.
    fn why(&self, verdict: &SessionVerdict) -> Option<SessionWhy> {
        Some(match verdict.reason? {
            SessionReason::Step { offset, evidence_bits } => SessionWhy::Step { offset, evidence_bits },
            SessionReason::Symbol { symbol: SessionSymbol::EVENTS, count, usual_count } => {
                SessionWhy::Length { count, usual_count }
            }
            SessionReason::Symbol { symbol, count, usual_count } => {
                match self.models.fields.get(usize::from(symbol.field)) {
                    Some(field) => {
                        let text = match &field.model {
                            Model::Category(_, vocabulary) => match vocabulary.token(symbol.symbol) {
                                Some(Token::Text(text)) => Some(text.clone()),
                                Some(Token::Others) => Some("others".into()),
                                Some(Token::Missing | Token::End) | None => None,
                            },
                            Model::Line(_, lines, _) => lines.template_text(symbol.symbol).map(Into::into),
                            Model::Bytes(_) | Model::Gap(..) | Model::Number(_) => None,
                        };
                        SessionWhy::Symbol { field: field.name.clone(), symbol: text, count, usual_count }
                    }
                    None => SessionWhy::RareSymbols { count, usual_count },
                }
            }
        })
    }
}

/// Counts a symbol of the field at position `i` in the session of its key: that of a category, or a line's template.
/// Gaps are no symbols of a session, as they vary in bins that mean little one by one.
pub(crate) fn count_symbol(session: &mut OpenSession, i: usize, symbol: u32) {
    if let Ok(field) = u16::try_from(i) {
        session.add_symbol(SessionSymbol { field, symbol });
    }
}

/// Whether a session that is over because its key fell silent before the event of this offset went on for so long, and
/// so steadily, that its key was expected to go on. Keys that come in bursts, or for a while, have no such habit.
fn is_habit_broken(session: &SessionOutcome, offset: u64) -> bool {
    let lasted = session.last_offset.saturating_sub(session.first_offset);
    let silent = offset.saturating_sub(session.last_offset);
    let usual = lasted / session.events.saturating_sub(1).max(1);
    session.over == SessionOver::Silent
        && session.events >= HABIT_EVENTS
        && lasted / HABIT_LASTS >= silent
        && silent / HABIT_BROKEN >= usual
}
