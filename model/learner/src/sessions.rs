//! Sessions: what is kept of a key until it ends, and the verdict on it then.

use crate::field::Model;
use crate::keys::KeyState;
use crate::learner::Learner;
use crate::vocabulary::Token;
use surmise_alarm::score_of;
use surmise_event::{Outcome, SessionOutcome, SessionWhy};
use surmise_sessions::{OpenSession, SessionReason, SessionSymbol, SessionVerdict, StepCost};

impl Learner {
    /// Adds an event to the session of its key, and judges the session if the event ends the key. The event's own
    /// outcome is complete but for that.
    pub(crate) fn observe_session(&mut self, name: Option<&str>, key: &mut KeyState, ended: bool, out: &mut Outcome) {
        let evidence = out.fields.iter().map(|f| f.evidence_bits());
        let evidence_bits = evidence.fold(0.0, f64::max);
        let cost = StepCost { surprise_bits: out.surprise_bits, evidence_bits };
        key.session.add_step(out.offset, out.events, cost);
        if !ended {
            return;
        }
        out.sessions.push(self.outcome_of(name, &key.session));
    }

    /// Judges the sessions of keys that were forgotten with the event at hand: they were silent for longest, and will
    /// not be known when they come back.
    pub(crate) fn judge_forgotten(&mut self, out: &mut Outcome) {
        // a stream of bytes has no sessions
        let mut forgotten = std::mem::take(&mut self.keys.forgotten_sessions);
        for (key, session) in forgotten.drain(..).filter(|(_, session)| session.events > 0) {
            let session = self.outcome_of(Some(&key), &session);
            out.sessions.push(session);
        }
        self.keys.forgotten_sessions = forgotten;
    }

    fn outcome_of(&mut self, key: Option<&str>, session: &OpenSession) -> SessionOutcome {
        let verdict = self.monitors.sessions.judge(session);
        SessionOutcome {
            key: key.map(Into::into),
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
                            Model::Bytes(_) | Model::Gap(_) | Model::Number(_) => None,
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
