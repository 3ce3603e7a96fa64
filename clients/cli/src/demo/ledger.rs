//! The losses of every predictor: since the start, and over the latest events.

use std::collections::VecDeque;
use surmise_event::Report;

/// Cumulative losses up to one report of the daemon.
#[derive(Clone, Debug, Default)]
struct LedgerEntry {
    events: u64,
    /// Cumulative surprise of the source itself, in bits.
    entropy: f64,
    /// Cumulative losses in bits: the mixture's, then each expert's.
    paid: Vec<f64>,
}

/// Bits per event of one predictor.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Loss {
    pub(crate) name: String,
    /// Bits per event over the latest events.
    pub(crate) lately: f64,
    /// Bits per event since the start.
    pub(crate) overall: f64,
}

/// The cumulative losses of all predictors of a stream, report by report.
#[derive(Default)]
pub(crate) struct Ledger {
    /// Losses before this run, where the daemon continues an earlier one.
    base: LedgerEntry,
    entries: VecDeque<LedgerEntry>,
    names: Vec<String>,
    /// Events emitted and their cumulative surprise in bits, until a report counts these events.
    emitted: VecDeque<(u64, f64)>,
    /// Mean surprise of the source over the events of the latest report.
    floor: f64,
    /// Bits per event of the mixture and of the source, from report to report.
    pub(crate) curve: Vec<(f64, f64)>,
}

/// Events of the latest window, at least: enough for the loss to be steady.
pub(crate) const WINDOW_EVENTS_MIN: u64 = 20_000;

impl Ledger {
    /// Takes the report of an earlier run as the start, which the losses of this run are differences to.
    pub(crate) fn begin(&mut self, r: &Report) {
        self.base = LedgerEntry { events: r.events, entropy: 0.0, paid: paid(r) };
    }

    /// Notes that the source has emitted `events` events, whose surprises add up to `bits`.
    pub(crate) fn emitted(&mut self, events: u64, bits: f64) {
        self.emitted.push_back((events, bits));
    }

    /// Adds a report of the daemon.
    pub(crate) fn report(&mut self, r: &Report) {
        let events = r.events.saturating_sub(self.base.events);
        if events <= self.entries.back().map_or(0, |e| e.events) {
            return;
        }
        while self.emitted.front().is_some_and(|(n, _)| *n <= events) {
            if let Some((n, bits)) = self.emitted.pop_front() {
                self.floor = bits / n as f64;
            }
        }
        let before = |i: usize| self.base.paid.get(i).copied().unwrap_or(0.0);
        let paid: Vec<f64> = paid(r).into_iter().enumerate().map(|(i, p)| p - before(i)).collect();
        self.names = std::iter::once("mixture".to_owned()).chain(r.experts.iter().map(|e| e.name.clone())).collect();
        let now = LedgerEntry { events, entropy: self.floor * events as f64, paid };
        if let Some(before) = self.entries.back() {
            let d = (now.events - before.events) as f64;
            self.curve.push(((now.paid[0] - before.paid[0]) / d, (now.entropy - before.entropy) / d));
        } else {
            self.curve.push((now.paid[0] / events as f64, self.floor));
        }
        self.entries.push_back(now);
        while self.entries.len() > 2 && events - self.entries[1].events >= WINDOW_EVENTS_MIN {
            self.entries.pop_front();
        }
    }

    /// Events that the latest report counts, and events of the window that ends there.
    pub(crate) fn events(&self) -> (u64, u64) {
        match (self.entries.front(), self.entries.back()) {
            (Some(a), Some(b)) if self.entries.len() > 1 => (b.events, b.events - a.events),
            (_, Some(b)) => (b.events, b.events),
            _ => (0, 0),
        }
    }

    /// The loss of the source itself, its entropy.
    pub(crate) fn entropy(&self) -> Loss {
        self.loss("entropy of the source", |e| e.entropy)
    }

    /// The losses of the mixture and of every expert.
    pub(crate) fn losses(&self) -> Vec<Loss> {
        let one = |(i, name): (usize, &String)| self.loss(name, |e| e.paid.get(i).copied().unwrap_or(f64::NAN));
        self.names.iter().enumerate().map(one).collect()
    }

    fn loss(&self, name: &str, paid: impl Fn(&LedgerEntry) -> f64) -> Loss {
        let Some(now) = self.entries.back() else {
            return Loss { name: name.into(), lately: f64::NAN, overall: f64::NAN };
        };
        let overall = paid(now) / now.events.max(1) as f64;
        let lately = match self.entries.front() {
            Some(then) if then.events < now.events => (paid(now) - paid(then)) / (now.events - then.events) as f64,
            _ => overall,
        };
        Loss { name: name.into(), lately, overall }
    }
}

/// Cumulative losses of the mixture and of every expert in a report, in bits.
fn paid(r: &Report) -> Vec<f64> {
    let losses = std::iter::once(r.loss_bits_per_event).chain(r.experts.iter().map(|e| e.loss_bits_per_event));
    losses.map(|l| l * r.events as f64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use surmise_event::ExpertReport;

    #[test]
    fn windows_are_differences() {
        let mut l = Ledger::default();
        let report = |events, mixture: f64, expert: f64| Report {
            events,
            loss_bits_per_event: mixture,
            experts: vec![ExpertReport { name: "counts".into(), loss_bits_per_event: expert }],
            ..Report::default()
        };
        l.emitted(10_000, 20_000.0);
        l.emitted(20_000, 40_000.0);
        l.report(&report(10_000, 4.0, 5.0));
        l.report(&report(10_000, 4.0, 5.0));
        l.report(&report(20_000, 3.0, 4.5));
        let losses = l.losses();
        assert_eq!(losses[0], Loss { name: "mixture".into(), lately: 2.0, overall: 3.0 });
        assert_eq!((losses[1].lately, losses[1].overall), (4.0, 4.5));
        assert_eq!((l.entropy().lately, l.events()), (2.0, (20_000, 10_000)));
        assert_eq!(l.curve, [(4.0, 2.0), (2.0, 2.0)]);
        let mut later = Ledger::default();
        later.begin(&report(10_000, 4.0, 5.0));
        later.emitted(10_000, 20_000.0);
        later.report(&report(20_000, 3.0, 4.5));
        assert_eq!((later.losses()[0].overall, later.entropy().overall, later.events().0), (2.0, 2.0, 10_000));
        l.report(&report(40_000, 2.5, 4.5));
        l.report(&report(60_000, 2.5, 4.5));
        assert_eq!(l.events(), (60_000, 20_000));
    }
}
